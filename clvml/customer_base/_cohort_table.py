"""Cohort by age: customers, orders, revenue, order value, retention and cumulative value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from clvml.customer_base._customer_periods import CustomerPeriods, customer_periods
from clvml.customers._cohorts import cohort_ages, cohort_names
from clvml.customers._transactions import Transactions
from clvml.errors import InputError

_CELLS_SQL = """
    SELECT cohort, start, count(*) AS customers, CAST(sum(orders) AS BIGINT) AS orders,
           CAST(sum(value) AS DOUBLE) AS revenue
    FROM customer_periods GROUP BY cohort, start ORDER BY cohort, start
"""
MEASURES = ("customers", "orders", "revenue", "average_order_value", "retention", "cumulative_value")


def cohort_table(
    transactions: Transactions | Any,
    period: str = "M",
    *,
    observation_end: Any = None,
    collapse: str | None = "D",
) -> pd.DataFrame:
    """What each cohort did at each age.

    Parameters
    ----------
    transactions : Transactions or frame
        From `read_transactions`, or a DataFrame or path with the default column names.
    period : {"D", "W", "M", "Q", "Y"}, default "M"
        Length of a cohort and unit of its age. Rows that are sums by a longer period need that one, and get
        it.
    observation_end : date, optional
        Last day of observation, inclusive. Default: the last day of the data.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        Period within which purchases are merged to one, as in `summarize`.

    Returns
    -------
    pandas.DataFrame
        Index ``cohort`` (named as by `clvml.cohorts`) and ``age`` (calendar periods since the cohort's own),
        every age from 0 to the end of observation. Columns ``period`` (its first day), ``complete`` (False
        in a last period that was observed in part), ``cohort_size`` (customers acquired), ``customers`` (of
        them, those who bought), ``orders``, ``revenue``, ``average_order_value`` (NaN without orders),
        ``retention`` (share of the cohort who bought) and ``cumulative_value`` (revenue so far per acquired
        customer). Revenue adds up to that of all purchases. Purchases without money have neither revenue nor
        values. For a matrix: ``table["retention"].unstack("age")``.

    Raises
    ------
    InputError
        If a period is unknown, or there is no purchase.

    See Also
    --------
    clvml.cohorts : The cohort of each customer.
    clvml.customer_base.audit : The five lenses in one pass.
    clvml.customer_base.revenue_by_cohort : The revenue of each calendar period by cohort.
    clvml.plots.cohort_heat_map : As a figure.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.customer_base import cohort_table
    >>> sales = pd.DataFrame({"customer_id": ["a", "a", "b", "c"], "amount": [10.0, 30.0, 20.0, 5.0],
    ...                       "date": ["2024-01-03", "2024-02-05", "2024-01-20", "2024-02-10"]})
    >>> table = cohort_table(sales, observation_end="2024-02-29")
    >>> table[["cohort_size", "customers", "revenue", "retention", "cumulative_value"]]
                 cohort_size  customers  revenue  retention  cumulative_value
    cohort  age
    2024-01 0              2          2     30.0        1.0              15.0
            1              2          1     30.0        0.5              30.0
    2024-02 0              1          1      5.0        1.0               5.0
    """
    with customer_periods(transactions, period, observation_end=observation_end, collapse=collapse) as base:
        return cohort_cells(base)


def revenue_by_cohort(
    transactions: Transactions | Any,
    period: str = "M",
    *,
    observation_end: Any = None,
    collapse: str | None = "D",
) -> pd.DataFrame:
    """Revenue of each period by the cohort that brought it: the customer cohort chart (C3) as a table.

    Parameters
    ----------
    transactions : Transactions or frame
        From `read_transactions`, or a DataFrame or path with the default column names.
    period : {"D", "W", "M", "Q", "Y"}, default "M"
        Length of a cohort, and of the periods of revenue.
    observation_end : date, optional
        Last day of observation, inclusive. Default: the last day of the data.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        Period within which purchases are merged to one, as in `summarize`.

    Returns
    -------
    pandas.DataFrame
        Index ``period`` (its first day), a column per cohort; 0 before it existed. Rows add up to the
        revenue of each period, columns to that of each cohort. Orders, for purchases without money.

    Raises
    ------
    InputError
        As `cohort_table`.

    See Also
    --------
    clvml.customer_base.cohort_table : By age in place of calendar period, with more measures.
    clvml.plots.revenue_by_cohort : As a figure.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.customer_base import revenue_by_cohort
    >>> sales = pd.DataFrame({"customer_id": ["a", "a", "b"], "amount": [10.0, 30.0, 20.0],
    ...                       "date": ["2024-01-03", "2024-02-05", "2024-02-20"]})
    >>> revenue_by_cohort(sales, observation_end="2024-02-29")
    cohort      2024-01  2024-02
    period
    2024-01-01     10.0      0.0
    2024-02-01     30.0     20.0
    """
    table = cohort_table(transactions, period, observation_end=observation_end, collapse=collapse)
    value = "revenue" if "revenue" in table else "orders"
    wide = table.reset_index().pivot(index="period", columns="cohort", values=value)
    return wide.fillna(0)


def cohort_cells(base: CustomerPeriods) -> pd.DataFrame:
    """The table of `cohort_table`."""
    found = base.frame(_CELLS_SQL)
    cohorts = pd.PeriodIndex(found.pop("cohort"), freq=base.period)
    found["age"] = cohort_ages(cohorts, pd.PeriodIndex(found.pop("start"), freq=base.period))
    known = found.set_index([cohorts.asi8, "age"])
    table = known.reindex(_all_ages(cohorts.unique(), base.last), fill_value=0)
    acquired = table["customers"].xs(0, level="age")
    own, age = (table.index.get_level_values(level).to_numpy() for level in ("cohort", "age"))
    size = acquired.reindex(own).to_numpy()
    periods = pd.PeriodIndex.from_ordinals(own + age, freq=base.period)  # type: ignore[attr-defined]  # unknown to the stubs
    table.insert(0, "period", periods.start_time)
    table.insert(1, "complete", np.asarray(periods <= base.last_complete))
    table.insert(2, "cohort_size", size)
    table["average_order_value"] = ratio(table["revenue"], table["orders"])
    table["retention"] = table["customers"] / size
    table["cumulative_value"] = table["revenue"].groupby(level="cohort").cumsum() / size
    first = pd.PeriodIndex.from_ordinals(own, freq=base.period)  # type: ignore[attr-defined]  # as above
    table.index = pd.MultiIndex.from_arrays(
        [cohort_names(first.start_time, base.period), age], names=["cohort", "age"]
    )
    table.attrs["period"] = base.period
    return (
        table
        if base.has_money
        else table.drop(columns=["revenue", "average_order_value", "cumulative_value"])
    )


def complete_part(table: pd.DataFrame) -> pd.DataFrame:
    """A cohort table without the period that was observed in part.

    Raises
    ------
    InputError
        If nothing remains.
    """
    complete = table[table["complete"]]
    if complete.empty:
        raise InputError("no period of the cohort table was observed to its end.")
    return complete


def ratio(above: Any, below: Any) -> np.ndarray:
    """A quotient, NaN where the denominator is not positive."""
    top, bottom = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)


def _all_ages(cohorts: pd.PeriodIndex, last: pd.Period) -> pd.MultiIndex:
    """Each cohort at each age until the last period."""
    own = np.sort(cohorts.asi8)
    ages = last.ordinal - own + 1
    age = np.concatenate([np.arange(number) for number in ages])
    return pd.MultiIndex.from_arrays([np.repeat(own, ages), age], names=["cohort", "age"])
