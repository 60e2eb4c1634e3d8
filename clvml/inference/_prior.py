"""Weakly informative priors on scale-free quantities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.errors import InputError

Array = NDArray[np.float64]

# Below, the weak prior predicts better; above, the data outweigh it: experiments/few_customers.
FEW_CUSTOMERS = 1000

_TWO_SIDED_95 = 1.959964


class PriorScale(NamedTuple):
    """Log-normal prior of a product of powers of the parameters.

    Priors of such quantities, such as the mean number of purchases while observed, do not depend on the units
    of time and money.

    Attributes
    ----------
    what : str
        Describes the quantity.
    powers : tuple of float, shape (n_parameters,)
        Exponents of the parameters.
    typical : float
        Median of the quantity.
    log_sd : float
        Standard deviation of its logarithm.

    See Also
    --------
    clvml.BGNBD : ``prior="weak"`` uses the prior; ``prior_table`` lists its scales.

    Examples
    --------
    The ratio of two parameters, within a factor of 50 of 1/3 with a probability of 95 %:

    >>> from clvml.inference import PriorScale
    >>> odds = PriorScale("odds of dropout, a / b", powers=(1.0, -1.0), typical=1 / 3, log_sd=2.0)
    >>> odds.what
    'odds of dropout, a / b'
    >>> import clvml
    >>> clvml.BGNBD.prior_table()["typical"].round(2).tolist()
    [1.0, 1.0, 0.33, 1.5]
    """

    what: str
    powers: tuple[float, ...]
    typical: float
    log_sd: float


class Prior(NamedTuple):
    """Independent normal priors on ``axes @ theta``, ``theta`` the logarithms of scale-free parameters."""

    axes: Array
    mean: Array
    sd: Array

    def penalty(self, theta: Array) -> tuple[float, Array, Array]:
        """The negative log-prior up to a constant, with gradient and Hessian."""
        scaled = self.axes / self.sd[:, None]
        off = scaled @ theta - self.mean / self.sd
        return float(off @ off) / 2, scaled.T @ off, scaled.T @ scaled

    def combined_with(self, other: Prior) -> Prior:
        """The product of two priors on the same parameters."""
        return Prior(*(np.concatenate(parts) for parts in zip(self, other, strict=True)))

    def extended(self, n: int, sd: float) -> Prior:
        """The prior with ``n`` additional parameters, normal around zero."""
        rows, columns = self.axes.shape
        axes = np.eye(rows + n, columns + n, columns - rows)
        axes[:rows, :columns] = self.axes
        return Prior(axes, np.append(self.mean, np.zeros(n)), np.append(self.sd, np.full(n, sd)))


def no_prior(n: int) -> Prior:
    """A flat prior on ``n`` parameters."""
    return Prior(np.zeros((0, n)), np.zeros(0), np.zeros(0))


def vague_prior(n: int, sd: float) -> Prior:
    """Independent normal priors around zero."""
    return no_prior(0).extended(n, sd)


def prior_of(scales: Sequence[PriorScale]) -> Prior:
    """The prior on log-parameters defined by these scales."""
    powers = np.array([scale.powers for scale in scales], dtype=float)
    typical = np.array([scale.typical for scale in scales])
    return Prior(powers, np.log(typical), np.array([scale.log_sd for scale in scales]))


def prior_table(scales: Sequence[PriorScale]) -> pd.DataFrame:
    """Index ``scale``; columns ``typical, lower, upper``: medians and central 95 % intervals."""
    typical = np.array([scale.typical for scale in scales])
    reach = np.exp(_TWO_SIDED_95 * np.array([scale.log_sd for scale in scales]))
    columns = {"typical": typical, "lower": typical / reach, "upper": typical * reach}
    return pd.DataFrame(columns, index=pd.Index([scale.what for scale in scales], name="scale"))


def is_weak(prior: str | None, n_customers: float = math.inf) -> bool:
    """Whether the argument ``prior`` requests the weakly informative prior for this number of customers.

    Raises
    ------
    InputError
        If it is neither None, ``"weak"`` nor ``"auto"``.
    """
    if prior not in (None, "weak", "auto"):
        raise InputError(f"prior is {prior!r}; it must be None, 'weak' or 'auto'.")
    return prior == "weak" or (prior == "auto" and n_customers < FEW_CUSTOMERS)
