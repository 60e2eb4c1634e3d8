"""Two orders of the same attributes: what matters to customers, and what the company thinks matters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from clvml.errors import InputError

_EXACT = 8  # up to so many attributes all orders are counted: 40,320


@dataclass(frozen=True, eq=False)
class RankGaps:
    """Gaps between two orders.

    Attributes
    ----------
    table : pandas.DataFrame
        Index ``attribute``, in the customers' order: ``customers`` and ``company`` (ranks, 1 the most
        important) and ``gap`` = customers - company: positive where the company ranks it higher than
        customers do (it overrates it), negative where it underrates it.
    correlation : float
        Spearman's rank correlation; NaN if all ranks of one order are tied.
    p_value : float
        Two-sided, of no association; exact for up to eight attributes.

    See Also
    --------
    clvml.survey.rank_gaps : Makes it.
    clvml.plots.rank_gaps : As a figure.

    Examples
    --------
    >>> from clvml.survey import rank_gaps
    >>> found = rank_gaps(["price", "staff", "selection"], ["selection", "staff", "price"])
    >>> found.correlation, found.table["gap"].astype(int).to_dict()
    (-1.0, {'price': -2, 'staff': 0, 'selection': 2})
    """

    table: pd.DataFrame
    correlation: float
    p_value: float


def rank_gaps(
    customers: Sequence[str] | Mapping[str, float] | pd.Series,
    company: Sequence[str] | Mapping[str, float] | pd.Series,
) -> RankGaps:
    """The gap of each attribute between customers' and the company's order, and their rank correlation.

    Parameters
    ----------
    customers, company : sequence of str, or mapping or pandas.Series of ranks
        An order from the most to the least important, or ranks by attribute (1 the most important; ties
        have their mean rank). Both have the same attributes.

    Returns
    -------
    RankGaps
        The ranks and gaps by attribute, and the correlation of the orders.

    Raises
    ------
    InputError
        If an attribute is missing from one of them or repeated, a rank is missing, or there are fewer than
        two.

    See Also
    --------
    clvml.survey.RankGaps : What it returns.
    clvml.survey.attribute_importance : The customers' order, from a survey.
    clvml.plots.rank_gaps : As a figure.

    Examples
    --------
    >>> from clvml.survey import rank_gaps
    >>> customers = ["response to questions", "staff", "transfer of product and service", "convenience",
    ...              "quality", "price", "policies and procedures", "promotion"]
    >>> company = ["quality", "promotion", "transfer of product and service", "policies and procedures",
    ...            "convenience", "response to questions", "staff", "price"]
    >>> found = rank_gaps(customers, company)
    >>> round(found.correlation, 3)
    -0.381
    >>> found.table["gap"].astype(int).to_dict()  # doctest: +NORMALIZE_WHITESPACE
    {'response to questions': -5, 'staff': -5, 'transfer of product and service': 0, 'convenience': -1,
     'quality': 4, 'price': -2, 'policies and procedures': 3, 'promotion': 6}
    """
    first, second = _ranks(customers, "customers"), _ranks(company, "company")
    missing = [*first.index.difference(second.index), *second.index.difference(first.index)]
    if missing:
        lacking = "company" if missing[0] in first.index else "customers"
        raise InputError(
            f"{missing[0]!r} is missing from the order of {lacking} ({len(missing)} in one order only);"
            " both must have the same attributes."
        )
    if len(first) < 2:
        raise InputError("two orders need at least two attributes.")
    table = pd.DataFrame({"customers": first, "company": second.reindex(first.index)})
    table = table.sort_values("customers", kind="stable").rename_axis("attribute")
    correlation, p_value = _spearman(table["customers"].to_numpy(), table["company"].to_numpy())
    return RankGaps(table.assign(gap=table["customers"] - table["company"]), correlation, p_value)


def _ranks(order: Sequence[str] | Mapping[str, float] | pd.Series, name: str) -> pd.Series:
    if isinstance(order, str):
        raise InputError(f"the order of {name} is the text {order!r}; give a list of attributes.")
    if isinstance(order, Mapping | pd.Series):
        ranks = pd.Series(order, dtype=float).rank()
    else:
        ranks = pd.Series(np.arange(1.0, len(order) + 1), index=pd.Index([str(item) for item in order]))
    if ranks.index.has_duplicates:
        raise InputError(f"{ranks.index[ranks.index.duplicated()][0]!r} is twice in the order of {name}.")
    if ranks.isna().any():
        raise InputError(f"{ranks.index[ranks.isna()][0]!r} has no rank in the order of {name}.")
    return ranks


def _spearman(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan, math.nan
    found = stats.spearmanr(first, second)
    if len(first) > _EXACT:
        return float(found.statistic), float(found.pvalue)
    orders = np.array(list(itertools.permutations(second)))
    products = np.abs((orders - second.mean()) @ (first - first.mean()))
    seen = abs(float((second - second.mean()) @ (first - first.mean())))
    return float(found.statistic), float((products >= seen - 1e-9).mean())
