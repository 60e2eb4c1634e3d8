"""Revenue by who brought it: customers new in a period, and existing ones; loyal customers against new ones.

A customer is new in the period of the first purchase, with all purchases of that period, and existing from
the next period on. Revenue of new and of existing customers add up to the revenue of the period.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clvml.customers._ends import observation_end_of
from clvml.customers._purchases import period_start
from clvml.customers._time_units import time_unit_of
from clvml.customers._transactions import Transactions, as_transactions

_SQL = """
    , active AS (SELECT customer_id, start, sum(spend) AS spend, min_by(spend, period) AS first_spend
                 FROM (SELECT customer_id, period, spend, {start} AS start FROM purchases)
                 GROUP BY customer_id, start),
    cohorts AS (SELECT customer_id, min(start) AS cohort FROM active GROUP BY customer_id)
    SELECT start,
           CAST(coalesce(sum(spend) FILTER (WHERE cohort = start), 0) AS DOUBLE) AS new,
           CAST(coalesce(sum(spend) FILTER (WHERE cohort < start), 0) AS DOUBLE) AS existing,
           CAST(coalesce(sum(first_spend) FILTER (WHERE cohort = start), 0) AS DOUBLE) AS first_purchases,
           count(*) FILTER (WHERE cohort = start) AS new_customers,
           count(*) FILTER (WHERE cohort < start) AS existing_customers
    FROM active JOIN cohorts USING (customer_id) GROUP BY start ORDER BY start
"""


class LoyalAgainstNew(NamedTuple):
    """What an existing customer is worth against a new one, in the same periods.

    Attributes
    ----------
    share_existing : float
        Share of revenue from existing customers.
    existing, new : float
        Revenue per buying customer and period.
    ratio : float
        Existing against new.

    See Also
    --------
    clvml.lifetime_value.economics.loyal_against_new : Makes it.
    clvml.lifetime_value.economics.revenue_by_tenure : The revenue that it compares.

    Examples
    --------
    >>> from clvml.lifetime_value.economics import LoyalAgainstNew
    >>> found = LoyalAgainstNew(share_existing=0.75, existing=30.0, new=10.0, ratio=3.0)
    >>> f"an existing customer brings {found.ratio:g} times as much as a new one"
    'an existing customer brings 3 times as much as a new one'
    """

    share_existing: float
    existing: float
    new: float
    ratio: float


def revenue_by_tenure(
    transactions: Transactions | Any,
    period: str = "M",
    *,
    observation_end: Any = None,
    collapse: str | None = "D",
) -> pd.DataFrame:
    """Revenue of new and existing customers per period.

    Parameters
    ----------
    transactions : Transactions or frame
        From `read_transactions`, or a DataFrame or path with the default column names.
    period : {"D", "W", "M", "Q", "Y"}, default "M"
        Length of a period.
    observation_end : date, optional
        Last day of observation, inclusive. Default: the last day of the data.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        Period within which purchases are merged to one, as in `summarize`.

    Returns
    -------
    pandas.DataFrame
        Index ``period`` (its first day), every period between the first and the last. Columns ``new``,
        ``existing`` and ``revenue`` (their sum), ``first_purchases`` (part of ``new``), ``new_customers`` and
        ``existing_customers`` who bought, ``share_existing`` (NaN without revenue), ``complete`` (False for a
        last period that was observed in part).

    Raises
    ------
    InputError
        If the period is unknown.

    See Also
    --------
    clvml.lifetime_value.economics.loyal_against_new : What an existing customer is worth against a new one.
    clvml.plots.revenue_by_tenure : Draw the table.
    clvml.customer_base.PeriodComparison : Two periods in depth.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.lifetime_value.economics import revenue_by_tenure
    >>> sales = pd.DataFrame({"customer_id": ["a", "a", "b"], "amount": [10.0, 30.0, 10.0],
    ...                       "date": ["2024-01-03", "2024-02-05", "2024-02-20"]})
    >>> table = revenue_by_tenure(sales, observation_end="2024-02-29")
    >>> table[["new", "existing", "revenue", "share_existing"]]
                 new  existing  revenue  share_existing
    period
    2024-01-01  10.0       0.0     10.0            0.00
    2024-02-01  10.0      30.0     40.0            0.75
    """
    time_unit_of(period)
    source = as_transactions(transactions)
    collapse = source.effective_collapse(collapse)
    end = observation_end_of(source, observation_end, collapse)
    query = _SQL.format(start=period_start("period", period))
    parts = [part.frame(query) for part in source.purchases(collapse, end.stop).in_parts()]
    found = pd.concat(parts).groupby("start").sum().reset_index() if len(parts) > 1 else parts[0]
    found = found.set_index(pd.PeriodIndex(found.pop("start"), freq=period))
    last = end.asked.to_period(period)
    table = found.reindex(
        pd.period_range(found.index.min(), max(last, found.index.max()), freq=period), fill_value=0
    )
    table.insert(2, "revenue", table["new"] + table["existing"])
    revenue = table["revenue"].to_numpy(dtype=np.float64)
    share = np.divide(table["existing"], revenue, out=np.full(len(table), np.nan), where=revenue > 0)
    periods = pd.PeriodIndex(table.index)
    table = table.assign(share_existing=share, complete=np.asarray(periods.end_time < end.stop))
    return table.set_axis(pd.DatetimeIndex(periods.start_time, name="period"))


def loyal_against_new(revenue: pd.DataFrame) -> LoyalAgainstNew:
    """Existing against new customers over the complete periods after the first.

    Parameters
    ----------
    revenue : pandas.DataFrame
        From `revenue_by_tenure`.

    Returns
    -------
    LoyalAgainstNew
        Shares and revenue per customer; NaN where nobody bought.

    See Also
    --------
    clvml.lifetime_value.economics.revenue_by_tenure : Makes the table.
    clvml.plots.revenue_by_tenure : Draw the table.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.lifetime_value.economics import loyal_against_new
    >>> revenue = pd.DataFrame({"new": [10.0, 10.0], "existing": [0.0, 30.0], "new_customers": [1, 1],
    ...                         "existing_customers": [0, 1], "complete": True})
    >>> loyal_against_new(revenue)
    LoyalAgainstNew(share_existing=0.75, existing=30.0, new=10.0, ratio=3.0)
    """
    later = revenue[revenue["complete"]].iloc[1:]
    new, existing = float(later["new"].sum()), float(later["existing"].sum())
    per_new, per_existing = (
        _ratio(money, float(later[f"{name}_customers"].sum()))
        for name, money in (("new", new), ("existing", existing))
    )
    return LoyalAgainstNew(
        _ratio(existing, new + existing), per_existing, per_new, _ratio(per_existing, per_new)
    )


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else float("nan")
