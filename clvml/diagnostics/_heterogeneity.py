"""Heterogeneity of customers: the estimated distribution of each trait.

Models assume customer-specific rates, probabilities or mean spend, with a distribution across customers. The
density is often infinite at 0, so densities are means over cells of equal width: differences of the
distribution function.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from clvml.inference._arguments import check_coverage
from clvml.lifetime_value._protocol import Array, SupportsHeterogeneity, require, title_of

_CELLS = 200
_SHOWN = 0.98  # share of the customers within the cells
_DRAWS = 400  # of the parameters


def heterogeneity(
    model: SupportsHeterogeneity, coverage: float = 0.9, random_state: int = 0
) -> dict[str, pd.DataFrame]:
    """Estimated density of each customer trait, with pointwise credible bands.

    Parameters
    ----------
    model : SupportsHeterogeneity
        A fitted model of purchases or of spend such as `BGNBD` or `GammaGamma`, or a custom one with
        ``trait_distributions``. With covariates, distributions are for reference customers.
    coverage : float, default 0.9
        Coverage of the bands, from draws of the parameters; NaN if parameter uncertainty is unknown.
    random_state : int, default 0
        The same seed gives the same bands.

    Returns
    -------
    dict of str to DataFrame
        By trait, such as ``"purchase rate"`` and ``"dropout probability"``: index ``value``, the midpoint of
        a cell, and columns ``density, lower, upper``, means over it. The cells cover 98 % of the customers.
        ``attrs`` has ``trait, per, mean, median, coverage, title`` and ``time_unit``.

    Raises
    ------
    InputError
        If the coverage is not in (0, 1), or the model has no ``trait_distributions``.

    See Also
    --------
    clvml.plots.heterogeneity : Draw the densities.
    clvml.models.TraitDistribution : The distributions themselves.

    Examples
    --------
    >>> import clvml
    >>> from clvml.diagnostics import heterogeneity
    >>> model = clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> {name: round(table.attrs["mean"], 3) for name, table in heterogeneity(model).items()}
    {'purchase rate': 0.055, 'dropout probability': 0.246}
    """
    check_coverage(coverage)
    instead = "give a fitted model of purchases or of spend, such as value.purchases_ or value.spend_"
    require(model, SupportsHeterogeneity, "heterogeneity needs", instead)
    of_model: dict[Any, Any] = {
        "title": title_of(model),
        "coverage": coverage,
        "time_unit": getattr(model, "time_unit_", None),
    }
    tables = {}
    for trait in model.trait_distributions(_DRAWS, random_state):
        table = _table(trait, coverage)
        table.attrs = {"trait": trait.name, "per": trait.per, **table.attrs, **of_model}
        tables[trait.name] = table
    return tables


def _table(trait: Any, coverage: float) -> pd.DataFrame:
    spread = trait.distribution
    mean = float(spread.mean())
    # Always include the mean, even if nearly all customers are far below it.
    largest = max(float(spread.ppf(_SHOWN)), 1.2 * mean if np.isfinite(mean) else 0.0)
    edges = np.linspace(0.0, largest, _CELLS + 1)
    columns = {"density": _density(spread, edges)}
    columns["lower"] = columns["upper"] = np.full(_CELLS, np.nan)
    if trait.draws is not None:
        tails = [(1 - coverage) / 2, (1 + coverage) / 2]
        columns["lower"], columns["upper"] = np.quantile(_density(trait.draws, edges[:, None]), tails, axis=1)
    table = pd.DataFrame(columns, index=pd.Index((edges[1:] + edges[:-1]) / 2, name="value"))
    table.attrs = {"mean": mean, "median": float(spread.median())}
    return table


def _density(spread: Any, edges: Array) -> Array:
    """Mean densities between the edges, along the first axis."""
    share: Array = np.diff(spread.cdf(edges), axis=0)
    return share / np.diff(edges, axis=0)
