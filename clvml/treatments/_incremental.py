"""Incremental value per cost, and estimates by segment shrunk towards the mean of the segments."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats

from clvml.errors import InputError
from clvml.treatments._assignment import ALL
from clvml.treatments._lift import PROFIT
from clvml.treatments._responses import Responses

Array = NDArray[np.float64]


def incremental_value(lift: pd.DataFrame, responses: Responses) -> pd.DataFrame:
    """What treatments brought beyond the control, against what they cost.

    Parameters
    ----------
    lift : pandas.DataFrame
        As from `measure_lift`, with the outcome ``profit``.
    responses : Responses
        Of the same test: the costs.

    Returns
    -------
    pandas.DataFrame
        Index ``segment, treatment``: ``customers`` (treated); ``cost`` (per customer, beyond the control's);
        ``value`` (margin x lift in money, per customer); ``profit, profit_lower, profit_upper, se`` (value
        less cost, per customer); ``value_per_cost`` with ``_lower, _upper``; ``return_on_cost`` (profit /
        cost); ``total_profit`` (of the treated customers); ``p_pays`` (probability that the profit is above
        0). Ratios are NaN where nothing was spent.

    Raises
    ------
    InputError
        If the lift has no profit, since there is no money or no cost.

    See Also
    --------
    clvml.treatments.measure_lift : The table that it takes.
    clvml.treatments.shrink_segments : Segments shrunk towards their mean.
    clvml.treatments.allocate_budget : Where to spend.
    clvml.plots.treatment_value : As a figure.

    Examples
    --------
    A coupon that costs 1 and raises spend by 4, at a margin of one half:

    >>> import pandas as pd
    >>> from clvml.treatments import incremental_value, measure_lift, read_responses
    >>> rows = pd.DataFrame({
    ...     "customer_id": range(40),
    ...     "treatment": ["control", "coupon"] * 20,
    ...     "money": [10.0 + number % 5 + 4 * (number % 2) for number in range(40)],
    ... })
    >>> responses = read_responses(rows, costs={"coupon": 1.0})
    >>> value = incremental_value(measure_lift(responses, margin=0.5), responses)
    >>> value["profit"].round(2).tolist()
    [1.0]
    """
    if PROFIT not in lift.index.get_level_values("outcome"):
        raise InputError(
            "the lift has no profit: it needs money as an outcome and the cost of each treatment (costs, or a"
            " column cost; 0 if it is free)."
        )
    profit = lift.xs(PROFIT, level="outcome")
    cost = _cost_per_customer(responses).reindex(profit.index)
    spent = cost.where(cost > 0)
    table = pd.DataFrame(
        {
            "customers": profit["customers"],
            "cost": cost,
            "value": profit["lift"] + cost,
            "profit": profit["lift"],
            "profit_lower": profit["lift_lower"],
            "profit_upper": profit["lift_upper"],
            "se": profit["se"],
            "value_per_cost": (profit["lift"] + cost) / spent,
            "value_per_cost_lower": (profit["lift_lower"] + cost) / spent,
            "value_per_cost_upper": (profit["lift_upper"] + cost) / spent,
            "return_on_cost": profit["lift"] / spent,
            "total_profit": profit["lift"] * profit["customers"],
            "p_pays": stats.norm.cdf(_ratio(profit["lift"].to_numpy(), profit["se"].to_numpy())),
        }
    )
    table.attrs.update(lift.attrs)
    return table


def _ratio(mean: Array, se: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(mean / se, nan=0.0)


def _cost_per_customer(responses: Responses) -> pd.Series:
    """Mean cost beyond that of the control, by segment and treatment."""
    table = responses.table
    parts = {ALL: table, **{str(name): part for name, part in table.groupby("segment")}}
    found = {}
    for segment, part in parts.items():
        means = part.groupby("group")["cost"].mean()
        for name in means.index.drop(responses.control, errors="ignore"):
            found[segment, name] = means[name] - means.get(responses.control, 0.0)
    return pd.Series(found).rename_axis(["segment", "treatment"])


class Pooled(NamedTuple):
    """Mean of the segments' effects, its standard error, and their standard deviation."""

    mean: float
    se: float
    tau: float


def pool(effects: Array, se: Array) -> Pooled:
    """The mean effect and the heterogeneity of segments, by the method of Paule and Mandel (1982).

    ``tau**2`` solves ``sum (e - mean)**2 / (se**2 + tau**2) = k - 1``; it is 0 where the effects vary no more
    than their errors say.
    """
    variance = np.maximum(se**2, 1e-300)

    def excess(tau2: float) -> float:
        weight = 1 / (variance + tau2)
        mean = weight @ effects / weight.sum()
        return float(weight @ (effects - mean) ** 2 - (len(effects) - 1))

    tau2 = 0.0
    if len(effects) > 1 and excess(0.0) > 0:
        upper = float(np.ptp(effects) ** 2 * len(effects) + variance.max())
        tau2 = float(optimize.brentq(excess, 0.0, upper)) if excess(upper) < 0 else upper
    weight = 1 / (variance + tau2)
    return Pooled(float(weight @ effects / weight.sum()), float(np.sqrt(1 / weight.sum())), float(tau2**0.5))


def shrink_segments(table: pd.DataFrame) -> pd.DataFrame:
    """Profit of each treatment by segment, noisy segments shrunk towards the mean (empirical Bayes).

    ``expected = w x mean + (1 - w) x profit`` with ``w = se**2 / (se**2 + tau**2)`` (Morris, 1983, JASA 78,
    47-55, eq. 1.2), the mean and ``tau`` of each treatment by the method of Paule and Mandel; the standard
    error includes that of the mean.

    Parameters
    ----------
    table : pandas.DataFrame
        As from `incremental_value`; the rows ``"(all)"`` are used only where there are no segments.

    Returns
    -------
    pandas.DataFrame
        Index ``segment, treatment``: ``cost, profit, se``; ``weight`` (of the mean), ``expected,
        expected_se``, ``own_se`` and ``common_se`` (its parts: of the segment, and of the mean), ``p_pays``.
        ``attrs["pooled"]`` has mean, standard error and tau by treatment.

    See Also
    --------
    clvml.treatments.incremental_value : The table that it takes.
    clvml.treatments.allocate_budget : Where to spend.
    clvml.treatments.next_tests : Where a further test is worth the most.

    References
    ----------
    Morris, C. (1983), Parametric empirical Bayes inference. *JASA* 78, 47-55.

    Paule, R., Mandel, J. (1982), Consensus values and weighting factors. *Journal of Research of the National
    Bureau of Standards* 87, 377-385.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.treatments import shrink_segments
    >>> index = pd.MultiIndex.from_product([["a", "b"], ["gift"]], names=["segment", "treatment"])
    >>> noisy = pd.DataFrame({"cost": 1.0, "profit": [2.0, -1.0], "se": [1.0, 4.0]}, index)
    >>> shrink_segments(noisy)["expected"].round(2).tolist()
    [1.82, 1.82]
    """
    rows = table[table.index.get_level_values("segment") != ALL]
    rows = table if rows.empty else rows
    rows = rows[rows["se"].notna()]
    frames, pooled = [], {}
    for name, part in rows.groupby(level="treatment"):
        effects, se = part["profit"].to_numpy(float), part["se"].to_numpy(float)
        found = pool(effects, se)
        pooled[str(name)] = found
        total = se**2 + found.tau**2
        weight = np.divide(se**2, total, out=np.zeros_like(total), where=total > 0)
        if len(part) == 1:
            weight = np.zeros(1)
        own = np.sqrt((1 - weight) * se**2)
        expected = weight * found.mean + (1 - weight) * effects
        both = np.hypot(own, weight * found.se)
        frames.append(
            part[["cost", "profit", "se"]].assign(
                weight=weight, expected=expected, expected_se=both, own_se=own, common_se=weight * found.se,
                p_pays=stats.norm.cdf(_ratio(expected, both)),
            )
        )  # fmt: skip
    result = pd.concat(frames).reindex(rows.index)
    result.attrs = {**table.attrs, "pooled": pooled}
    return result
