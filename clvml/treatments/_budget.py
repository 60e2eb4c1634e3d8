"""A budget by measured response: which segments get which treatment, and what to test next."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from clvml.errors import InputError
from clvml.treatments._assignment import ALL
from clvml.treatments._incremental import shrink_segments


@dataclasses.dataclass(frozen=True, eq=False)
class BudgetPlan:
    """How a budget is spent.

    Attributes
    ----------
    table : pandas.DataFrame
        Index ``segment, treatment``, the highest profit per cost first: ``available`` (customers of the
        segment), ``customers`` (treated), ``cost`` (per customer), ``spend`` (total), ``expected`` (profit
        per customer, shrunk), ``profit, lower, upper`` (total, with the interval), ``p_pays``.
    spend, profit, lower, upper : float
        In total.
    budget : float
        The limit; infinite without one.
    estimates : pandas.DataFrame
        As from `shrink_segments`.

    See Also
    --------
    clvml.treatments.allocate_budget : The function that makes one.
    clvml.plots.treatment_budget : As a figure.

    Examples
    --------
    A gift that pays in one segment only; 150 currency units buy 75 of them:

    >>> import pandas as pd
    >>> from clvml.treatments import allocate_budget
    >>> index = pd.MultiIndex.from_product([["gold", "lead"], ["gift"]], names=["segment", "treatment"])
    >>> value = pd.DataFrame({"cost": 2.0, "profit": [3.0, -1.0], "se": [0.1, 0.1], "customers": 50}, index)
    >>> plan = allocate_budget(value, pd.Series({"gold": 100, "lead": 900}), budget=150.0)
    >>> plan.budget, plan.spend
    (150.0, 150.0)
    >>> plan.lower < plan.profit < plan.upper
    True
    """

    table: pd.DataFrame
    spend: float
    profit: float
    lower: float
    upper: float
    budget: float
    estimates: pd.DataFrame


def allocate_budget(
    value: pd.DataFrame,
    customers: pd.Series | None = None,
    budget: float | None = None,
    *,
    min_probability: float = 0.5,
    level: float = 0.95,
) -> BudgetPlan:
    """Spend where treatments pay, by their measured response.

    The profit of each treatment and segment is shrunk (`shrink_segments`); the allocation maximises the total
    profit. Each customer gets at most one treatment, no segment more than its customers, and only pairs that
    were tested and are expected to pay are used.

    Parameters
    ----------
    value : pandas.DataFrame
        As from `incremental_value`.
    customers : pandas.Series, optional
        Customers to treat by segment. Default: those treated in the test, the most of any treatment.
    budget : float, optional
        Default: no limit.
    min_probability : float, default 0.5
        Pairs that pay with a lower probability are not used.
    level : float, default 0.95
        Level of the intervals.

    Returns
    -------
    BudgetPlan
        Customers to treat, cost and expected profit by segment and treatment, and in total.

    Raises
    ------
    InputError
        If the budget or a number of customers is negative, or no segment of ``customers`` was tested.

    See Also
    --------
    clvml.treatments.incremental_value : The table that it takes.
    clvml.treatments.next_tests : What to test before the next allocation.
    clvml.treatments.measured_treatments : The result in a plan per customer.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.treatments import allocate_budget
    >>> index = pd.MultiIndex.from_product([["gold", "lead"], ["gift"]], names=["segment", "treatment"])
    >>> value = pd.DataFrame({"cost": 2.0, "profit": [3.0, -1.0], "se": [0.1, 0.1], "customers": 50}, index)
    >>> plan = allocate_budget(value, pd.Series({"gold": 100, "lead": 900}), budget=150.0)
    >>> plan.table["customers"].to_dict(), plan.spend
    ({('gold', 'gift'): 75}, 150.0)
    """
    limit = math.inf if budget is None else float(budget)
    if not limit >= 0:
        raise InputError(f"the budget is {budget!r}; it must be 0 or more.")
    if not 0 <= min_probability < 1:
        raise InputError(f"min_probability is {min_probability!r}; it must be from 0 to below 1.")
    estimates = shrink_segments(value)
    available = _available(value, estimates, customers)
    names = estimates.index.get_level_values("segment")
    pays = (estimates["expected"] > 0) & (estimates["p_pays"] >= min_probability)
    chosen = estimates[pays.to_numpy() & names.isin(available.index[available > 0])]
    chosen = chosen[chosen["cost"].notna()]
    counts = _best(chosen, available, limit)
    table = _plan_table(chosen, counts, available, level)
    total, half = float(table["profit"].sum()), _half_width(chosen, counts, level)
    return BudgetPlan(table, float(table["spend"].sum()), total, total - half, total + half, limit, estimates)


def _available(value: pd.DataFrame, estimates: pd.DataFrame, customers: pd.Series | None) -> pd.Series:
    tested = estimates.index.get_level_values("segment").unique()
    if customers is None:
        return value.loc[estimates.index, "customers"].groupby(level="segment").max()
    counts = customers.groupby(customers.index.astype(str)).sum()
    if (counts < 0).any() or not np.isfinite(counts.to_numpy(float)).all():
        raise InputError("the numbers of customers by segment must be 0 or more.")
    if list(tested) == [ALL]:
        return pd.Series({ALL: counts.sum()})
    if counts.index.intersection(tested).empty:
        raise InputError(
            f"none of the segments {', '.join(map(str, counts.index[:5]))} was tested; tested were"
            f" {', '.join(map(str, tested[:5]))}."
        )
    return counts


def _best(chosen: pd.DataFrame, available: pd.Series, limit: float) -> NDArray[np.int64]:
    """Customers of each pair: the linear programme, rounded down."""
    from scipy.optimize import linprog

    if chosen.empty:
        return np.zeros(0, dtype=np.int64)
    segments = chosen.index.get_level_values("segment")
    names = segments.unique()
    rows = (segments.to_numpy()[None, :] == names.to_numpy()[:, None]).astype(float)
    ends = available.reindex(names).to_numpy(float)
    cost = chosen["cost"].to_numpy(float).clip(min=0)
    if np.isfinite(limit):
        rows, ends = np.vstack([rows, cost]), np.append(ends, limit)
    found = linprog(-chosen["expected"].to_numpy(float), A_ub=rows, b_ub=ends, method="highs")
    return np.asarray(np.floor(np.asarray(found.x) + 1e-6), dtype=np.int64)


def _plan_table(
    chosen: pd.DataFrame, counts: NDArray[np.int64], available: pd.Series, level: float
) -> pd.DataFrame:
    z = float(stats.norm.ppf(0.5 + level / 2))
    table = pd.DataFrame(
        {
            "available": available.reindex(chosen.index.get_level_values("segment")).to_numpy(),
            "customers": counts,
            "cost": chosen["cost"].to_numpy(float),
            "spend": counts * chosen["cost"].to_numpy(float),
            "expected": chosen["expected"].to_numpy(float),
            "profit": counts * chosen["expected"].to_numpy(float),
            "lower": counts * (chosen["expected"] - z * chosen["expected_se"]).to_numpy(float),
            "upper": counts * (chosen["expected"] + z * chosen["expected_se"]).to_numpy(float),
            "p_pays": chosen["p_pays"].to_numpy(float),
        },
        index=chosen.index,
    )
    table = table[table["customers"] > 0]
    order = (table["expected"] / table["cost"].where(table["cost"] > 0, 1e-12)).sort_values(ascending=False)
    return table.loc[order.index]


def _half_width(chosen: pd.DataFrame, counts: NDArray[np.int64], level: float) -> float:
    """Of the interval of the total: segments err alone, and together by the mean of a treatment."""
    own = float(((counts * chosen["own_se"]) ** 2).sum())
    together = (counts * chosen["common_se"]).groupby(level="treatment").sum()
    return float(stats.norm.ppf(0.5 + level / 2)) * math.sqrt(own + float((together**2).sum()))


def next_tests(estimates: pd.DataFrame, customers: pd.Series | None = None) -> pd.DataFrame:
    """What to test next: where knowing the response exactly is worth the most.

    Parameters
    ----------
    estimates : pandas.DataFrame
        As from `shrink_segments`, or ``BudgetPlan.estimates``.
    customers : pandas.Series, optional
        Customers by segment. Segments that were not tested are predicted from those that were. Default: one
        customer in each segment.

    Returns
    -------
    pandas.DataFrame
        Index ``segment, treatment``, the most valuable test first: ``tested``, ``expected, expected_se``
        (profit per customer), ``p_pays``, and ``value_of_information`` (money, for all customers of the
        segment: the expected gain of deciding with the exact response, ``n (E max(0, profit) - max(0, E
        profit))``; Raiffa and Schlaifer, 1961), the most that a test there may cost.

    See Also
    --------
    clvml.treatments.shrink_segments : The table that it takes.
    clvml.treatments.plan_test : How many customers such a test needs.

    References
    ----------
    Raiffa, H., Schlaifer, R. (1961), *Applied Statistical Decision Theory*, chapter 5.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.treatments import next_tests, shrink_segments
    >>> index = pd.MultiIndex.from_product([["gold", "lead"], ["gift"]], names=["segment", "treatment"])
    >>> sure = pd.DataFrame({"cost": 2.0, "profit": [9.0, 9.1], "se": [0.1, 6.0], "customers": 50}, index)
    >>> next_tests(shrink_segments(sure), pd.Series({"gold": 10, "lead": 10})).index[0]
    ('gold', 'gift')
    """
    table = estimates[["expected", "expected_se", "p_pays"]].assign(tested=True)
    tested = estimates.index.get_level_values("segment").unique()
    sizes = pd.Series(1.0, tested) if customers is None else customers
    if list(tested) == [ALL]:
        sizes = pd.Series({ALL: sizes.sum()})
    new = [name for name in sizes.index if name not in tested]
    if new:
        table = pd.concat([table, _untested(new, estimates.attrs.get("pooled", {}))])
    n = sizes.reindex(table.index.get_level_values("segment")).fillna(0).to_numpy(float)
    mean, se = table["expected"].to_numpy(float), table["expected_se"].to_numpy(float)
    z = np.divide(mean, se, out=np.zeros_like(mean), where=se > 0)
    gain = se * (stats.norm.pdf(z) - np.abs(z) * stats.norm.sf(np.abs(z)))
    table = table.assign(value_of_information=n * gain)
    columns = ["tested", "expected", "expected_se", "p_pays", "value_of_information"]
    return table[columns].sort_values("value_of_information", ascending=False, kind="stable")


def _untested(segments: list[Any], pooled: dict[str, Any]) -> pd.DataFrame:
    rows = {}
    for segment in segments:
        for name, found in pooled.items():
            spread = math.hypot(found.se, found.tau)
            chance = float(stats.norm.cdf(found.mean / spread)) if spread > 0 else float(found.mean > 0)
            rows[segment, name] = {
                "expected": found.mean,
                "expected_se": spread,
                "p_pays": chance,
                "tested": False,
            }
    index = pd.MultiIndex.from_tuples(list(rows), names=["segment", "treatment"])
    return pd.DataFrame(list(rows.values()), index=index)
