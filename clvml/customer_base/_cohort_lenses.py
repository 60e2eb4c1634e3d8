"""Lenses 3 and 4: one cohort as it ages, and cohorts compared at equal age."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from clvml.customer_base._cohort_table import cohort_cells, complete_part, ratio
from clvml.customer_base._cohort_trend import CohortTrend, cohort_trend
from clvml.customer_base._customer_periods import CustomerPeriods, customer_periods
from clvml.customers._cohorts import cohort_ages, cohort_names
from clvml.customers._time_units import TIME_UNITS
from clvml.customers._transactions import Transactions
from clvml.errors import InputError

# The second order of each customer: in the cohort's own period, or in the next one with an order.
_SECOND_ORDERS_SQL = """
    SELECT cohort, coalesce(second, next) AS start, count(*) AS repeaters
    FROM (SELECT customer_id, cohort, min(CASE WHEN start = cohort AND orders > 1 THEN start END) AS second,
                 min(CASE WHEN start > cohort THEN start END) AS next
          FROM customer_periods GROUP BY customer_id, cohort)
    WHERE coalesce(second, next) IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2
"""
EQUAL_AGES = {
    "D": 30,
    "W": 8,
    "M": 3,
    "Q": 2,
    "Y": 1,
}  # at which cohorts are compared, unless the data are shorter
RECENT_YEARS = 2  # cohorts of the trend
FEWEST_RECENT = 6


@dataclass(frozen=True, eq=False)
class CohortComparison:
    """Cohorts compared at equal age.

    Attributes
    ----------
    age : int
        In periods: cohorts that reached it are compared.
    cohorts : pandas.DataFrame
        Index ``cohort``. Columns ``customers`` (acquired); of the first period ``first_orders_per_customer``,
        ``first_order_value`` and ``first_spend`` (per customer); and by the age ``repeat_rate`` (share
        with a second order), ``retention`` (share who bought at that age), ``cumulative_value`` (revenue per
        acquired customer), NaN for cohorts that have not reached it. Without money no values.
    trend : CohortTrend
        Of the repeat rate over the cohorts in ``trend_cohorts``.
    trend_cohorts : list of str
        Of the last two years (at least six), without the first of the data where that leaves three: if the
        shop had customers before the data begin, the first cohort has them too.

    See Also
    --------
    clvml.customer_base.compare_cohorts : The function that makes one.
    clvml.customer_base.cohort_trend : The trend from any counts.

    Examples
    --------
    The cohorts of CDNOW, by month of the first purchase, at the age of three months:

    >>> import clvml
    >>> from clvml.customer_base import compare_cohorts
    >>> compared = compare_cohorts(clvml.load_cdnow(), "M", age=3)
    >>> compared.cohorts[["customers", "repeat_rate"]].round(2)
             customers  repeat_rate
    cohort
    1997-01        781         0.31
    1997-02        857         0.32
    1997-03        719         0.30
    >>> compared.trend.direction
    'no trend'
    """

    age: int
    cohorts: pd.DataFrame
    trend: CohortTrend
    trend_cohorts: list[str]


def cohort_by_age(table: pd.DataFrame, cohort: str | None = None) -> pd.DataFrame:
    """Lens 3 of the customer-base audit: how one cohort changes with age.

    Parameters
    ----------
    table : pandas.DataFrame
        From `cohort_table`.
    cohort : str, optional
        Default: that with most customers, of those observed for at least half of the longest time; not
        the first of the data, which may have older customers, if there is another.

    Returns
    -------
    pandas.DataFrame
        Index ``age``, complete periods only; the name of the cohort in ``attrs["cohort"]``. Columns ``period,
        cohort_size, customers, retention, orders, orders_per_customer`` (who bought),
        ``average_order_value``, ``revenue``, ``value_per_customer`` (revenue per acquired customer) and
        ``cumulative_value``. So revenue is ``cohort_size x retention x orders_per_customer x
        average_order_value``.

    Raises
    ------
    InputError
        If there is no such cohort, or it was not observed for a complete period.

    See Also
    --------
    clvml.customer_base.cohort_table : The table that it takes.
    clvml.customer_base.compare_cohorts : Cohorts against one another.
    clvml.plots.cohort_by_age : As a figure.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.customer_base import cohort_by_age, cohort_table
    >>> sales = pd.DataFrame({"customer_id": ["a", "a", "b"], "amount": [10.0, 30.0, 20.0],
    ...                       "date": ["2024-01-03", "2024-02-05", "2024-01-20"]})
    >>> table = cohort_table(sales, observation_end="2024-02-29")
    >>> cohort_by_age(table)[["retention", "orders_per_customer", "average_order_value", "cumulative_value"]]
         retention  orders_per_customer  average_order_value  cumulative_value
    age
    0          1.0                  1.0                 15.0              15.0
    1          0.5                  1.0                 30.0              30.0
    """
    complete = complete_part(table)
    names = complete.index.unique("cohort")
    chosen = _largest(complete) if cohort is None else cohort
    if chosen not in names:
        raise InputError(
            f"there is no cohort {chosen!r} that was observed for a complete period; the cohorts are"
            f" {names[0]}"
            f" to {names[-1]}."
        )
    found = pd.DataFrame(complete.xs(chosen, level="cohort")).drop(columns="complete")
    found.insert(3, "orders_per_customer", ratio(found["orders"], found["customers"]))
    if "revenue" in found:
        found.insert(5, "value_per_customer", found["revenue"] / found["cohort_size"])
    found.attrs.update(cohort=str(chosen), period=table.attrs.get("period"))
    return found


def compare_cohorts(
    transactions: Transactions | Any,
    period: str = "M",
    *,
    age: int | None = None,
    observation_end: Any = None,
    collapse: str | None = "D",
) -> CohortComparison:
    """Lens 4 of the customer-base audit: cohorts compared at equal age.

    Parameters
    ----------
    transactions : Transactions or frame
        From `read_transactions`, or a DataFrame or path with the default column names.
    period : {"D", "W", "M", "Q", "Y"}, default "M"
        Length of a cohort and unit of its age.
    age : int, optional
        In periods. Default: 30 days, 8 weeks, 3 months, 2 quarters or a year, or what half of the cohorts
        reached.
    observation_end : date, optional
        Last day of observation, inclusive. Default: the last day of the data.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        Period within which purchases are merged to one, as in `summarize`.

    Returns
    -------
    CohortComparison
        A row per cohort, and the trend of the repeat rate over the recent ones.

    Raises
    ------
    InputError
        If the age is negative, or no cohort reached it.

    See Also
    --------
    clvml.customer_base.cohort_by_age : One cohort as it ages.
    clvml.customer_base.cohort_trend : The trend from any counts.
    clvml.plots.cohort_curves : Cohorts by age as a figure.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.customer_base import compare_cohorts
    >>> sales = pd.DataFrame({"customer_id": ["a", "a", "b", "c"], "amount": [10.0, 30.0, 20.0, 5.0],
    ...                       "date": ["2024-01-03", "2024-02-05", "2024-01-20", "2024-02-10"]})
    >>> compared = compare_cohorts(sales, age=1, observation_end="2024-03-31")
    >>> compared.cohorts[["customers", "first_spend", "repeat_rate", "cumulative_value"]]
             customers  first_spend  repeat_rate  cumulative_value
    cohort
    2024-01          2         15.0          0.5              30.0
    2024-02          1          5.0          0.0               5.0
    """
    with customer_periods(transactions, period, observation_end=observation_end, collapse=collapse) as base:
        return cohort_comparison(base, cohort_cells(base), age)


def cohort_comparison(base: CustomerPeriods, table: pd.DataFrame, age: int | None = None) -> CohortComparison:
    """The comparison, from the cohort table."""
    complete = complete_part(table)
    reached = complete.index.to_frame(index=False).groupby("cohort")["age"].max()
    if age is None:
        age = min(EQUAL_AGES[base.period], int(reached.quantile(0.5, interpolation="lower")))
    if age < 0 or age > reached.max():
        raise InputError(
            f"age is {age}; it must be between 0 and {reached.max()}, the age of the oldest cohort."
        )
    first = complete.xs(0, level="age")
    cohorts = pd.DataFrame({"customers": first["customers"]})
    cohorts["first_orders_per_customer"] = first["orders"] / first["customers"]
    if base.has_money:
        cohorts["first_order_value"] = first["average_order_value"]
        cohorts["first_spend"] = first["cumulative_value"]
    repeaters = _repeaters(base, age).reindex(cohorts.index, fill_value=0)
    cohorts["repeat_rate"] = (repeaters / cohorts["customers"]).where(reached >= age)
    then = complete.xs(age, level="age").reindex(cohorts.index)
    cohorts["retention"] = then["retention"]
    if base.has_money:
        cohorts["cumulative_value"] = then["cumulative_value"]
    return CohortComparison(age, cohorts, *_trend(base, cohorts, repeaters))


def _largest(complete: pd.DataFrame) -> str:
    ages = complete.index.to_frame(index=False).groupby("cohort")["age"].max()
    sizes = complete["cohort_size"].xs(0, level="age")
    candidates = sizes[ages >= ages.max() / 2]
    return str((candidates.iloc[1:] if len(candidates) > 1 else candidates).idxmax())


def _repeaters(base: CustomerPeriods, age: int) -> pd.Series:
    """Customers of each cohort with a second order by an age."""
    found = base.frame(_SECOND_ORDERS_SQL)
    cohorts, starts = (pd.PeriodIndex(found[name], freq=base.period) for name in ("cohort", "start"))
    early = found[cohort_ages(cohorts, starts) <= age]
    names = cohort_names(pd.DatetimeIndex(early["cohort"]), base.period)
    return early["repeaters"].groupby(np.asarray(names)).sum()


def _trend(
    base: CustomerPeriods, cohorts: pd.DataFrame, repeaters: pd.Series
) -> tuple[CohortTrend, list[str]]:
    known = cohorts[cohorts["repeat_rate"].notna()]
    known = known.iloc[-max(RECENT_YEARS * TIME_UNITS[base.period].per_year, FEWEST_RECENT) :]
    if len(known) > 3 and known.index[0] == cohorts.index[0]:
        known = known.iloc[1:]
    places = pd.PeriodIndex(known.index, freq=base.period).asi8
    return cohort_trend(known["customers"], repeaters[known.index], places), list(known.index)
