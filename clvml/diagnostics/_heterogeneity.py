"""How customers differ, as a fitted model has it: the distribution of each of their traits.

A model of this family gives every customer a rate, a probability or a level of spend of their own, and says
how those are spread::

    Gamma(shape, rate)            rates of buying and of leaving
    Beta(a, b)                    probabilities of buying, of leaving, of not renewing
    p / nu, nu ~ Gamma(q, v)      a customer's mean spend: inverse gamma of shape q and scale p * v

A density near 0 is often infinite, so densities are means over cells of equal width: differences of the
distribution function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.utils.validation import check_is_fitted

from clvml.distributions._history import Array
from clvml.distributions.bgbb import BGBBParams
from clvml.distributions.bgnbd import BGNBDParams
from clvml.distributions.gamma_gamma import GammaGammaParams
from clvml.distributions.mbgnbd import MBGNBDParams
from clvml.distributions.pareto_nbd import ParetoNBDParams
from clvml.distributions.shifted_beta_geometric import ShiftedBetaGeometricParams
from clvml.errors import InputError
from clvml.inference._arguments import check_coverage
from clvml.models._likelihood_model import LikelihoodModel

_CELLS = 200
_SHOWN = 0.98  # share of the customers that the cells hold
_DRAWS = 400  # of the parameters


def gamma(shape: Any, rate: Any) -> Any:
    """The Gamma distribution by its rate, as the papers have it."""
    return stats.gamma(shape, scale=1 / rate)


def mean_spend(p: Any, q: Any, v: Any) -> Any:
    """The distribution of ``p / nu``."""
    return stats.invgamma(q, scale=p * v)


class Trait(NamedTuple):
    """What customers have of their own: in words, per what, its distribution and whose parameters."""

    what: str
    per: str  # "{unit}" is the unit of time
    distribution: Callable[..., Any]
    parameters: tuple[str, ...]


_RATE = Trait("purchase rate", "purchases per {unit}", gamma, ("r", "alpha"))
_DROPOUT = Trait("dropout probability", "after a purchase", stats.beta, ("a", "b"))
TRAITS: dict[type, tuple[Trait, ...]] = {
    BGNBDParams: (_RATE, _DROPOUT),
    MBGNBDParams: (_RATE, _DROPOUT),
    ParetoNBDParams: (_RATE, Trait("rate of leaving", "per {unit}", gamma, ("s", "beta"))),
    BGBBParams: (
        Trait("purchase probability", "at an opportunity", stats.beta, ("alpha", "beta")),
        Trait("dropout probability", "before an opportunity", stats.beta, ("gamma", "delta")),
    ),
    ShiftedBetaGeometricParams: (
        Trait("dropout probability", "at a renewal", stats.beta, ("alpha", "beta")),
    ),
    GammaGammaParams: (Trait("mean spend", "money per purchase", mean_spend, ("p", "q", "v")),),
}


def heterogeneity(model: LikelihoodModel, coverage: float = 0.9, seed: int = 0) -> dict[str, pd.DataFrame]:
    """How each trait of the customers is spread: its density, and how sure that is.

    Parameters
    ----------
    model : fitted model
        Such as `BGNBD` or `GammaGamma`. With covariates the customers are those like the reference.
    coverage : float, default 0.9
        Of the bands, from draws of the parameters; missing where parameters were given, not fitted.
    seed : int, default 0
        The same seed gives the same bands.

    Returns
    -------
    dict of str to DataFrame
        By trait, such as ``"purchase rate"`` and ``"dropout probability"``: index ``value``, the middle of a
        cell, and columns ``density, lower, upper``, means over it. The cells hold 98 % of the customers.
        ``attrs`` say ``trait, per, mean, median, coverage, title`` and ``time_unit``.

    Raises
    ------
    InputError
        If the coverage is no share, or the model is not one of clvml's.

    Examples
    --------
    >>> import clvml
    >>> model = clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> {name: round(table.attrs["mean"], 3) for name, table in heterogeneity(model).items()}
    {'purchase rate': 0.055, 'dropout probability': 0.246}
    """
    check_coverage(coverage)
    traits = TRAITS.get(getattr(model, "Params", object))
    if traits is None:
        raise InputError(
            f"how customers differ is known of clvml's models of purchases and of spend, not of"
            f" {type(model).__name__}; give their fitted models, such as value.purchases_ and value.spend_."
        )
    check_is_fitted(model, "params_")
    draws = model.sample_parameters(_DRAWS, seed) if hasattr(model, "covariance_") else None
    return {trait.what: _table(trait, model, draws, coverage) for trait in traits}


def _table(trait: Trait, model: LikelihoodModel, draws: pd.DataFrame | None, coverage: float) -> pd.DataFrame:
    spread = trait.distribution(*(getattr(model.params_, name) for name in trait.parameters))
    mean = float(spread.mean())
    # The mean is to be seen, even where nearly all customers are far below it.
    largest = max(float(spread.ppf(_SHOWN)), 1.2 * mean if np.isfinite(mean) else 0.0)
    edges = np.linspace(0.0, largest, _CELLS + 1)
    columns = {"density": _density(spread, edges)}
    columns["lower"] = columns["upper"] = np.full(_CELLS, np.nan)
    if draws is not None:
        likely = trait.distribution(*(draws[name].to_numpy() for name in trait.parameters))
        tails = [(1 - coverage) / 2, (1 + coverage) / 2]
        columns["lower"], columns["upper"] = np.quantile(_density(likely, edges[:, None]), tails, axis=1)
    table = pd.DataFrame(columns, index=pd.Index((edges[1:] + edges[:-1]) / 2, name="value"))
    table.attrs = {"trait": trait.what, "per": trait.per, "title": model.title, "mean": mean}
    table.attrs |= {"median": float(spread.median()), "coverage": coverage}
    table.attrs["time_unit"] = getattr(model, "time_unit_", None)
    return table


def _density(spread: Any, edges: Array) -> Array:
    """Mean densities between the edges, along the first axis."""
    share: Array = np.diff(spread.cdf(edges), axis=0)
    return share / np.diff(edges, axis=0)
