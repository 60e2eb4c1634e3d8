"""Lens 2: two periods compared. Who came, stayed, returned and lapsed, and what that did to revenue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from clvml.customer_base._cohort_table import ratio
from clvml.customer_base._customer_periods import CustomerPeriods, Window, customer_periods
from clvml.customer_base._growth import growth_drivers
from clvml.customers._transactions import Transactions
from clvml.errors import InputError

_SQL = """
    SELECT CASE WHEN orders_before > 0 AND orders_after > 0 THEN CASE
                    WHEN value_after > value_before THEN 'spent more'
                    WHEN value_after < value_before THEN 'spent less' ELSE 'spent the same' END
                WHEN orders_after > 0 THEN CASE
                    WHEN cohort >= TIMESTAMP '{before_stop}' THEN 'new' ELSE 'returned' END
                WHEN orders_before > 0 THEN 'lapsed' ELSE 'inactive' END AS status,
           cohort >= TIMESTAMP '{before_start}' AS won_before, count(*) AS customers,
           CAST(sum(orders_before) AS BIGINT) AS orders_before,
           CAST(sum(orders_after) AS BIGINT) AS orders_after,
           CAST(sum(value_before) AS DOUBLE) AS revenue_before,
           CAST(sum(value_after) AS DOUBLE) AS revenue_after
    FROM (SELECT customer_id, min(cohort) AS cohort,
                 sum(CASE WHEN {before} THEN orders ELSE 0 END) AS orders_before,
                 sum(CASE WHEN {after} THEN orders ELSE 0 END) AS orders_after,
                 sum(CASE WHEN {before} THEN value ELSE 0 END) AS value_before,
                 sum(CASE WHEN {after} THEN value ELSE 0 END) AS value_after
          FROM customer_periods WHERE start < TIMESTAMP '{after_stop}' GROUP BY customer_id)
    GROUP BY 1, 2 ORDER BY 1, 2
"""
STAYED = ("spent more", "spent the same", "spent less")
ORDERED = {"spent more": "ordered more", "spent the same": "ordered the same", "spent less": "ordered less"}
# As the bridge is read, from the revenue before to that after.
STATUSES = ("lapsed", "spent less", "spent the same", "spent more", "returned", "new")


@dataclass(frozen=True, eq=False)
class PeriodComparison:
    """Two periods compared.

    Attributes
    ----------
    before, after : str
        The two periods.
    customers : pandas.DataFrame
        Index ``status``, each customer who bought in either period once: ``lapsed`` (before only); ``spent
        less``, ``spent the same``, ``spent more`` (both; ``ordered ...`` for purchases without money);
        ``returned`` (after only, acquired earlier); ``new`` (acquired after the first period); and their
        ``total``. Columns ``customers, orders_before, orders_after, revenue_before, revenue_after, change``:
        the changes lead from one revenue to the other.
    stayed : pandas.DataFrame
        Index ``acquired`` ("in the first period", "earlier"). Columns ``customers`` (of the first period),
        ``stayed`` (of them, those who bought in the second) and ``share``.
    drivers : pandas.DataFrame
        The change of all revenue by customers, orders per customer and order value, as of `growth_drivers`.
    stayed_drivers : pandas.DataFrame
        The same for those who stayed: by orders per customer and order value.

    See Also
    --------
    clvml.customer_base.compare_periods : The function that makes one.
    clvml.plots.period_bridge : As a figure.

    Examples
    --------
    CDNOW in the first half of 1998 against the half year before:

    >>> import clvml
    >>> from clvml.customer_base import compare_periods
    >>> found = compare_periods(
    ...     clvml.load_cdnow(), ("1997-07-01", "1997-12-31"), ("1998-01-01", "1998-06-30")
    ... )
    >>> found.before, found.after
    ('1997-07 to 1997-12', '1998-01 to 1998-06')
    >>> found.stayed.loc["earlier", ["customers", "stayed"]].astype(int).tolist()
    [619, 322]
    >>> found.drivers["change"].round(2).to_dict()
    {'customers': -0.17, 'orders_per_customer': -0.05, 'average_order_value': -0.02, 'revenue': -0.22}
    """

    before: str
    after: str
    customers: pd.DataFrame
    stayed: pd.DataFrame
    drivers: pd.DataFrame
    stayed_drivers: pd.DataFrame


def compare_periods(
    transactions: Transactions | Any,
    before: tuple[Any, Any] | None = None,
    after: tuple[Any, Any] | None = None,
    *,
    period: str = "M",
    observation_end: Any = None,
    collapse: str | None = "D",
) -> PeriodComparison:
    """Lens 2 of the customer-base audit: two periods compared.

    Parameters
    ----------
    transactions : Transactions or frame
        From `read_transactions`, or a DataFrame or path with the default column names.
    before, after : (date, date), optional
        First and last day of each; whole ``period`` that contain them count. Default of ``after``: the last
        year of complete periods, or of less than two years the second half. Default of ``before``: as long,
        and ending where ``after`` begins.
    period : {"D", "W", "M", "Q", "Y"}, default "M"
        Unit of the periods: each begins and ends with one.
    observation_end : date, optional
        Last day of observation, inclusive. Default: the last day of the data.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        Period within which purchases are merged to one, as in `summarize`.

    Returns
    -------
    PeriodComparison
        Customers by what they did, and the change of revenue by its drivers.

    Raises
    ------
    InputError
        If the periods overlap, the data do not reach back to ``before``, or nobody bought in either.

    See Also
    --------
    clvml.customer_base.period_profile : One period in depth.
    clvml.customer_base.growth_drivers : The change by its factors, from any two sums.
    clvml.plots.period_bridge : As a figure.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.customer_base import compare_periods
    >>> sales = pd.DataFrame({"customer_id": ["a", "a", "b", "c"], "amount": [10.0, 30.0, 20.0, 5.0],
    ...                       "date": ["2024-01-03", "2024-02-05", "2024-01-20", "2024-02-10"]})
    >>> compared = compare_periods(sales, ("2024-01-01", "2024-01-31"), ("2024-02-01", "2024-02-29"))
    >>> compared.customers[["customers", "revenue_before", "revenue_after", "change"]]
                    customers  revenue_before  revenue_after  change
    status
    lapsed                  1            20.0            0.0   -20.0
    spent less              0             0.0            0.0     0.0
    spent the same          0             0.0            0.0     0.0
    spent more              1            10.0           30.0    20.0
    returned                0             0.0            0.0     0.0
    new                     1             0.0            5.0     5.0
    total                   3            30.0           35.0     5.0
    """
    with customer_periods(transactions, period, observation_end=observation_end, collapse=collapse) as base:
        second = base.window(after, "after") or base.latest()
        first = base.window(before, "before") or base.before(second)
        return comparison_of(base, first, second)


def comparison_of(base: CustomerPeriods, before: Window, after: Window) -> PeriodComparison:
    """The comparison of two windows."""
    if before.last >= after.first:
        raise InputError(
            f"before ({before.name}) and after ({after.name}) overlap, or are in the wrong order."
        )
    found = base.frame(
        _SQL.format(
            before=before.condition,
            after=after.condition,
            before_start=before.first.start_time,
            before_stop=(before.last + 1).start_time,
            after_stop=(after.last + 1).start_time,
        )
    )
    found = found[found["status"] != "inactive"]
    if found.empty:
        raise InputError(f"nobody bought in {before.name}, nor in {after.name}: choose other periods.")
    table = found.drop(columns="won_before").groupby("status").sum().reindex(STATUSES, fill_value=0)
    stayed = table.loc[list(STAYED)].sum()
    table.loc["total"] = table.sum()
    counts = ["customers", "orders_before", "orders_after"]
    table = table.astype(dict.fromkeys(counts, "int64"))
    value = base.value
    table["change"] = table[f"{value}_after"] - table[f"{value}_before"]
    sums = {name: _bought(found, name) for name in ("before", "after")}
    ends = {name: _sums(stayed, name, stayed["customers"]) for name in ("before", "after")}
    if not base.has_money:
        table = table.drop(columns=["revenue_before", "revenue_after"]).rename(index=ORDERED)
        sums, ends = ({name: each.drop("revenue") for name, each in pair.items()} for pair in (sums, ends))
    return PeriodComparison(
        before.name,
        after.name,
        table,
        _stayed(found),
        growth_drivers(sums["before"], sums["after"]),
        growth_drivers(ends["before"], ends["after"]).drop(index="customers"),
    )


def _sums(total: pd.Series, when: str, customers: float) -> pd.Series:
    return pd.Series(
        {"customers": customers, "orders": total[f"orders_{when}"], "revenue": total[f"revenue_{when}"]}
    )


def _bought(found: pd.DataFrame, when: str) -> pd.Series:
    """The sums of those who bought in one of the periods."""
    total = found.drop(columns="status").sum()
    return _sums(total, when, found["customers"][found[f"orders_{when}"] > 0].sum())


def _stayed(found: pd.DataFrame) -> pd.DataFrame:
    """Of the customers of the first period, how many stayed, by when they were acquired."""
    first = found[found["status"].isin([*STAYED, "lapsed"])]
    acquired = first["won_before"].map({True: "in the first period", False: "earlier"})
    customers = first["customers"].groupby(acquired).sum()
    stayed = first["customers"].where(first["status"] != "lapsed", 0).groupby(acquired).sum()
    table = pd.DataFrame({"customers": customers, "stayed": stayed})
    table = table.reindex(["in the first period", "earlier"], fill_value=0).rename_axis("acquired")
    return table.assign(share=ratio(table["stayed"], table["customers"]))
