"""Lens 1: one period in depth. How customers differ in orders, order value and spend."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from clvml.customer_base._cohort_table import ratio
from clvml.customer_base._customer_periods import CustomerPeriods, Window, customer_periods
from clvml.customers._transactions import Transactions
from clvml.errors import InputError

MOST_ORDERS = 10  # customers with as many or more are one class
MOST_CLASSES = 12  # of a distribution of money
_BUYERS_SQL = """
    SELECT customer_id, min(cohort) >= TIMESTAMP '{start}' AS is_new, CAST(sum(orders) AS BIGINT) AS orders,
           sum(value) AS value, CAST(sum(value) AS DOUBLE) AS spend,
           CAST(sum(value) AS DOUBLE) / sum(orders) AS order_value
    FROM customer_periods WHERE {window} GROUP BY customer_id
"""
_SUMS = """
    count(*) AS customers, CAST(sum(orders) AS BIGINT) AS orders, CAST(sum(value) AS DOUBLE) AS revenue,
    count(*) FILTER (WHERE is_new) AS new_customers,
    CAST(coalesce(sum(value) FILTER (WHERE is_new), 0) AS DOUBLE) AS new_revenue
"""
# Spend is orders x order value, so that its logarithm is a sum, and so is the variance of the logarithm.
_TOTALS_SQL = f"""
    SELECT {_SUMS}, max(spend) AS largest_spend, max(order_value) AS largest_order_value,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY spend) AS median_spend,
           var_pop(CASE WHEN spend > 0 THEN ln(spend) END) AS variance,
           covar_pop(CASE WHEN spend > 0 THEN ln(spend) END, CASE WHEN spend > 0 THEN ln(orders) END)
               AS of_orders
    FROM buyers
"""
# Customers with equal spend and orders are alike, so that any of them may begin a tenth.
_DECILES_SQL = f"""
    SELECT decile, {_SUMS}, min(spend) AS lowest_spend, max(spend) AS highest_spend
    FROM (SELECT *, ntile(10) OVER (ORDER BY value DESC, orders DESC, is_new) AS decile FROM buyers)
    GROUP BY decile ORDER BY decile
"""
_CLASSES_SQL = f"SELECT {{place}} AS place, {_SUMS} FROM buyers GROUP BY 1 ORDER BY 1"


@dataclass(frozen=True, eq=False)
class PeriodProfile:
    """The customers of one period.

    Attributes
    ----------
    window : str
        The period, as ``1998-01 to 1998-06``.
    totals : pandas.Series
        ``customers`` (who bought), ``new_customers`` (acquired in the period), ``orders``, ``revenue``,
        ``new_revenue`` (of new customers), ``orders_per_customer``, ``average_order_value``,
        ``spend_per_customer``, ``median_spend``; and ``share_by_orders``, the share of differences in spend
        that are differences in the number of orders.
    deciles : pandas.DataFrame
        Index ``decile``: tenths of the customers, 1 with the highest spend. Columns ``customers``,
        ``new_customers``, ``orders``, ``revenue``, ``new_revenue``, ``profit`` (revenue times margin),
        ``share`` (of revenue, and so of profit), ``cumulative_share``, ``orders_per_customer``,
        ``average_order_value``, ``spend_per_customer``, ``lowest_spend``, ``highest_spend``, and the last
        three per customer against those of all customers: ``spend_ratio`` = ``orders_ratio`` x
        ``order_value_ratio``.
    by_orders, by_spend, by_order_value : pandas.DataFrame
        Distributions: index the class, such as ``1``, ``10 or more`` or ``20 to 50`` (from, inclusive, to);
        columns ``customers, new_customers, orders, revenue, new_revenue, share_of_customers,
        share_of_revenue``. The last two are None for purchases without money.

    See Also
    --------
    clvml.customer_base.period_profile : The function that makes one.
    clvml.plots.revenue_deciles : The deciles as a figure.
    clvml.plots.customer_distribution : The distributions as a figure.

    Notes
    -----
    Of purchases without money the tables have no money, deciles and shares are by orders. With spend ``s = n
    a``, number of orders times their average value, ``var(ln s) = cov(ln s, ln n) + cov(ln s, ln a)``;
    ``share_by_orders`` is the first term over the whole, of customers with positive spend.

    Examples
    --------
    Customers of CDNOW in 1997 by number of orders, and what the best tenth spent:

    >>> import clvml
    >>> from clvml.customer_base import period_profile
    >>> profile = period_profile(clvml.load_cdnow(), ("1997-01-01", "1997-12-31"))
    >>> profile.by_orders[["customers", "share_of_revenue"]].head(3).round(2)
                      customers  share_of_revenue
    number_of_orders
    1                      1317              0.20
    2                       437              0.14
    3                       206              0.11
    >>> profile.deciles.loc[1, ["share", "orders_ratio", "order_value_ratio"]].round(2).to_dict()
    {'share': 0.49, 'orders_ratio': 3.33, 'order_value_ratio': 1.46}
    """

    window: str
    totals: pd.Series
    deciles: pd.DataFrame
    by_orders: pd.DataFrame
    by_spend: pd.DataFrame | None
    by_order_value: pd.DataFrame | None


def period_profile(
    transactions: Transactions | Any,
    window: tuple[Any, Any] | None = None,
    *,
    period: str = "M",
    margin: float = 1.0,
    observation_end: Any = None,
    collapse: str | None = "D",
) -> PeriodProfile:
    """Lens 1 of the customer-base audit: the customers of one period in depth.

    Parameters
    ----------
    transactions : Transactions or frame
        From `read_transactions`, or a DataFrame or path with the default column names.
    window : (date, date), optional
        First and last day; whole ``period`` that contain them count. Default: the last year of complete
        periods, or of less than two years the second half.
    period : {"D", "W", "M", "Q", "Y"}, default "M"
        Unit of the window: it begins and ends with one.
    margin : float, default 1
        Profit per unit of revenue.
    observation_end : date, optional
        Last day of observation, inclusive. Default: the last day of the data.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        Period within which purchases are merged to one, as in `summarize`.

    Returns
    -------
    PeriodProfile
        Totals, deciles and distributions of the customers who bought in the window.

    Raises
    ------
    InputError
        If nobody bought in the window, or it is none.

    See Also
    --------
    clvml.customer_base.compare_periods : Two periods against one another.
    clvml.plots.revenue_deciles : The deciles as a figure.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.customer_base import period_profile
    >>> sales = pd.DataFrame({"customer_id": ["a", "a", "b"], "amount": [10.0, 30.0, 20.0],
    ...                       "date": ["2024-01-03", "2024-01-25", "2024-01-20"]})
    >>> profile = period_profile(sales, ("2024-01-01", "2024-01-31"))
    >>> profile.deciles[["customers", "revenue", "share", "orders_ratio", "order_value_ratio"]].round(3)
            customers  revenue  share  orders_ratio  order_value_ratio
    decile
    1               1     40.0  0.667         1.333                1.0
    2               1     20.0  0.333         0.667                1.0
    """
    with customer_periods(transactions, period, observation_end=observation_end, collapse=collapse) as base:
        return profile_of(base, base.window(window, "window") or base.latest(), margin)


def profile_of(base: CustomerPeriods, window: Window, margin: float = 1.0) -> PeriodProfile:
    """The profile of a window."""
    if not math.isfinite(margin) or margin < 0:
        raise InputError(f"margin is {margin!r}; it must be a number of at least 0.")
    buyers = _BUYERS_SQL.format(start=window.first.start_time, window=window.condition)
    with base.engine.hold("buyers", buyers):
        found = base.frame(_TOTALS_SQL).iloc[0]
        if not found["customers"]:
            raise InputError(f"nobody bought in {window.name}: choose another period.")
        deciles = base.frame(_DECILES_SQL).set_index("decile")
        most = f"CASE WHEN orders < {MOST_ORDERS} THEN orders ELSE {MOST_ORDERS} END"
        by_orders = _classes(base, most).rename(index=_orders_label).rename_axis("number_of_orders")
        spend = order_value = None
        if base.has_money:
            spend = _by_money(base, "spend", found["largest_spend"])
            order_value = _by_money(base, "order_value", found["largest_order_value"])
    totals = _totals(found)
    profile = PeriodProfile(
        window.name, totals, _deciles(deciles, totals, margin), by_orders, spend, order_value
    )
    return profile if base.has_money else _without_money(profile)


def _totals(found: pd.Series) -> pd.Series:
    totals = found[["customers", "new_customers", "orders", "revenue", "new_revenue"]].astype(np.float64)
    totals["orders_per_customer"] = totals["orders"] / totals["customers"]
    totals["average_order_value"] = totals["revenue"] / totals["orders"]
    totals["spend_per_customer"] = totals["revenue"] / totals["customers"]
    totals["median_spend"] = float(found["median_spend"])
    known = pd.notna(found["variance"]) and found["variance"] > 1e-12
    totals["share_by_orders"] = float(found["of_orders"] / found["variance"]) if known else math.nan
    return totals.rename(None)


def _deciles(deciles: pd.DataFrame, totals: pd.Series, margin: float) -> pd.DataFrame:
    ends = deciles[["lowest_spend", "highest_spend"]]
    deciles = deciles.drop(columns=list(ends))
    deciles["profit"] = margin * deciles["revenue"]
    whole = np.full(len(deciles), totals["revenue"])
    deciles["share"] = ratio(deciles["revenue"], whole)
    deciles["cumulative_share"] = deciles["share"].cumsum()
    deciles["orders_per_customer"] = deciles["orders"] / deciles["customers"]
    deciles["average_order_value"] = deciles["revenue"] / deciles["orders"]
    deciles["spend_per_customer"] = deciles["revenue"] / deciles["customers"]
    deciles = deciles.join(ends)
    for name, part in _RATIOS.items():
        deciles[name] = ratio(deciles[part], np.full(len(deciles), totals[part]))
    return deciles


_RATIOS = {
    "spend_ratio": "spend_per_customer",
    "orders_ratio": "orders_per_customer",
    "order_value_ratio": "average_order_value",
}


def _classes(base: CustomerPeriods, place: str) -> pd.DataFrame:
    table = base.frame(_CLASSES_SQL.format(place=place)).set_index("place")
    for name, whole in (("customers", "customers"), ("revenue", "revenue")):
        table[f"share_of_{name}"] = ratio(table[whole], np.full(len(table), table[whole].sum()))
    return table


def _by_money(base: CustomerPeriods, column: str, largest: float) -> pd.DataFrame:
    edges = money_classes(largest)
    cases = " ".join(
        f"WHEN {column} >= {edge!r} THEN {place}" for place, edge in reversed([*enumerate(edges)])
    )
    table = _classes(base, f"CASE {cases} ELSE -1 END")
    names = [f"{low:,g} to {high:,g}" for low, high in zip(edges, [*edges[1:], math.inf], strict=True)]
    names[-1] = f"{edges[-1]:,g} or more"
    return table.rename(index={**dict(enumerate(names)), -1: "below 0"}).rename_axis(column)


def money_classes(largest: float) -> list[float]:
    """The lower ends of at most twelve classes of money: 0, and from there a series of 1, 2 and 5.

    Examples
    --------
    >>> money_classes(87.5)
    [0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0]
    """
    if not largest > 0:
        return [0.0]
    power = math.floor(math.log10(largest))
    series = [float(f"{digit}e{exponent}") for exponent in range(power - 4, power + 1) for digit in (1, 2, 5)]
    return [0.0, *[edge for edge in series if edge <= largest][-(MOST_CLASSES - 1) :]]


def _orders_label(number: int) -> str:
    return f"{number}" if number < MOST_ORDERS else f"{number} or more"


def _without_money(profile: PeriodProfile) -> PeriodProfile:
    money = [
        "revenue",
        "new_revenue",
        "profit",
        "average_order_value",
        "spend_per_customer",
        "median_spend",
        "share_by_orders",
    ]
    more = ["lowest_spend", "highest_spend", "spend_ratio", "order_value_ratio", "share_of_revenue"]
    return PeriodProfile(
        profile.window,
        profile.totals.drop([name for name in money if name in profile.totals]),
        profile.deciles.drop(columns=[*money, *more], errors="ignore"),
        profile.by_orders.drop(columns=["revenue", "new_revenue", "share_of_revenue"]),
        None,
        None,
    )
