"""The number of repeat purchases by date, the aggregate series behind a calendar of purchase rates."""

from __future__ import annotations

from typing import Any

import pandas as pd

from clvml.customers._ends import observation_end_of
from clvml.customers._transactions import Transactions, as_transactions


def repeat_purchases_by_date(
    transactions: Transactions | Any, observation_end: Any = None, collapse: str | None = "D"
) -> pd.Series:
    """The number of repeat purchases of all customers by date.

    Parameters
    ----------
    transactions : Transactions or frame
        As in `summarize`.
    observation_end : date, optional
        Last day of observation, inclusive. Default: the last day of the data.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        As in `summarize`; purchases within a longer period are on its first day.

    Returns
    -------
    Series
        Whole numbers named ``repeat_purchases``, by date; dates without repeat purchases are left out. Their
        sum is that of ``frequency`` in the customer summary.

    Raises
    ------
    InputError
        If an argument is invalid.

    See Also
    --------
    clvml.seasonal_index : The season of a series.
    clvml.purchases_over_time : Cumulative purchases of a split.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> sales = pd.DataFrame({"customer_id": ["a", "a", "b"], "amount": [5.0, 7.0, 2.0],
    ...                       "date": ["1997-01-01", "1997-01-15", "1997-01-29"]})
    >>> clvml.repeat_purchases_by_date(sales).to_dict()
    {Timestamp('1997-01-15 00:00:00'): 1}
    """
    transactions = as_transactions(transactions)
    collapse = transactions.effective_collapse(collapse)
    end = observation_end_of(transactions, observation_end, collapse)
    found = transactions.purchases(collapse, end.stop, end.stop).frame(
        "SELECT CAST(period AS DATE) AS date, count(*) AS purchases FROM"
        " (SELECT period, min(period) OVER (PARTITION BY customer_id) AS first FROM purchases)"
        " WHERE period > first GROUP BY 1 ORDER BY 1"
    )
    dates = pd.DatetimeIndex(pd.to_datetime(found["date"]), name="date")
    return pd.Series(found["purchases"].to_numpy(dtype="int64"), dates, name="repeat_purchases")
