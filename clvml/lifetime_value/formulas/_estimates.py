"""Estimates of a formula's inputs with standard errors, and validation of given inputs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.lifetime_value.formulas._sums import FloatArray


class Estimate(NamedTuple):
    """An estimate and its standard error: 0 for given values, NaN if not identified."""

    value: float
    standard_error: float


Estimates = dict[str, Estimate]


def per_time_unit(amount: pd.Series, T: pd.Series) -> FloatArray:
    """``amount / T``, and 0 if ``T`` is 0.

    Examples
    --------
    >>> per_time_unit(pd.Series([3.0, 3.0]), pd.Series([2.0, 0.0])).tolist()
    [1.5, 0.0]
    """
    time = T.to_numpy(dtype=np.float64)
    return np.divide(amount.to_numpy(dtype=np.float64), time, out=np.zeros(len(time)), where=time > 0)


def ratio(amounts: pd.Series, weights: pd.Series) -> Estimate:
    """``sum(amounts) / sum(weights)``, 0 if the weights are, with its standard error over customers.

    Source: Cochran, "Sampling Techniques" (1977), the linearised ratio estimator; NaN below two customers.

    Examples
    --------
    The mean of 1, 2 and 3, whose standard deviation is 1:

    >>> found = ratio(pd.Series([1.0, 2, 3]), pd.Series([1.0, 1, 1]))
    >>> print(f"{found.value:g} {found.standard_error ** 2:.4f}")
    2 0.3333
    """
    n, total = len(amounts), float(weights.sum())
    value = float(amounts.sum()) / total if total else 0.0
    if n < 2 or not total:
        return Estimate(value, math.nan)
    residuals = (amounts - value * weights).to_numpy(dtype=np.float64)
    return Estimate(value, math.sqrt(float(residuals @ residuals) * n / (n - 1)) / total)


def mean(amounts: pd.Series) -> Estimate:
    """The mean over customers, with its standard error."""
    return ratio(amounts, pd.Series(1.0, amounts.index))


def check_shares(shares: Mapping[str, float]) -> None:
    """Validate shares.

    Raises
    ------
    InputError
        If one is not between 0 and 1.
    """
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise InputError(f"{name} is {share:g}; it must be between 0 and 1.")


def check_period(period: float) -> None:
    """Raise an InputError unless the length of a period is positive and finite."""
    if not 0 < period < math.inf:
        raise InputError(f"period is {period!r}; it must be a positive, finite number of time units.")


def check_number(name: str, value: float) -> None:
    try:
        finite = math.isfinite(value)
    except (TypeError, OverflowError):  # no number, or an integer beyond the largest float
        finite = False
    if not finite:
        raise InputError(f"{name} is {value!r}; it must be a finite number.")
