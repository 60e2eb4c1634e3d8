"""Covariates that change over time, from a long table: one row per customer and date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._ends import observation_end_of
from clvml.customers._transactions import Transactions, as_transactions
from clvml.distributions._covariate_paths import Array
from clvml.errors import InputError

_MOST_CELLS = 600_000_000  # numbers in memory
CUSTOMER, DATE = "customer_id", "date"


@dataclass(frozen=True, eq=False, repr=False)
class CovariatePaths:
    """Paths of covariates of customers, piecewise constant between common dates.

    Attributes
    ----------
    customers : Index
        Customer ids.
    names : tuple of str
        The covariates.
    dates : ndarray of datetime64[D], shape (n_dates,)
        Each date's values hold until the next.
    values : ndarray, shape (n_customers, n_dates, n_covariates)
        Of the covariates.
    stop : datetime64[D]
        The first date without values: after the last date by as long as dates are apart.
    at_purchases : DataFrame or None
        Sums of the covariates at the repeat purchases of customers, if transactions were given.

    See Also
    --------
    clvml.covariate_paths : Makes it.
    clvml.TimeVaryingPurchases : The model that takes it by ``with_paths``.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> table = pd.DataFrame({"customer_id": ["a", "a", "b"], "mailing": [0.0, 1.0, 0.0],
    ...                       "date": ["2024-01-01", "2024-01-08", "2024-01-01"]})
    >>> paths = clvml.covariate_paths(table)
    >>> paths.names, paths.values[:, :, 0].tolist()
    (('mailing',), [[0.0, 1.0], [0.0, 0.0]])
    """

    customers: pd.Index
    names: tuple[str, ...]
    dates: Any
    values: Array
    stop: Any
    at_purchases: pd.DataFrame | None

    def __repr__(self) -> str:
        """The extent of the table."""
        return (
            f"CovariatePaths({', '.join(self.names)}; {len(self.customers):,} customers,"
            f" {self.dates[0]} to {self.stop - np.timedelta64(1, 'D')})"
        )


def covariate_paths(
    table: pd.DataFrame,
    transactions: Transactions | Any = None,
    observation_end: Any = None,
    collapse: str | None = "D",
) -> CovariatePaths:
    """Read covariates that change over time, for `TimeVaryingPurchases`.

    Parameters
    ----------
    table : DataFrame
        Columns ``customer_id`` and ``date``, and one numeric column per covariate; one row per customer and
        date. Values hold from their date until the customer's next one, so irregular changes need no row per
        week. Dates after the end of observation are the future that predictions use.
    transactions : Transactions or frame, optional
        The purchases of a fit: their covariates enter the likelihood. Predictions need none.
    observation_end : date, optional
        As in `summarize`.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        As in `summarize`.

    Returns
    -------
    CovariatePaths
        For ``with_paths`` of the model.

    Raises
    ------
    InputError
        If the table is invalid, or a customer's first purchase is before the first date of the table.

    See Also
    --------
    clvml.TimeVaryingPurchases : The model.
    clvml.models.CovariatePaths : The result.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> table = pd.DataFrame({"customer_id": ["a", "a", "b"], "mailing": [0.0, 1.0, 0.0],
    ...                       "date": ["2024-01-01", "2024-01-08", "2024-01-01"]})
    >>> clvml.covariate_paths(table)
    CovariatePaths(mailing; 2 customers, 2024-01-01 to 2024-01-14)
    """
    names, ids, dates, given = _checked(table)
    customers, row = np.unique(ids, return_inverse=True)
    days, column = np.unique(dates, return_inverse=True)
    if customers.size * days.size * len(names) > _MOST_CELLS:
        raise InputError(
            f"the covariates of {customers.size:,} customers on {days.size:,} distinct dates do not fit into"
            " memory: give them by week, or fewer of them."
        )
    values = np.full((customers.size, days.size, len(names)), np.nan)
    values[row, column] = given
    step = np.median(np.diff(days.astype(np.int64))) if days.size > 1 else 7
    first_row = np.full(customers.size, days.size)
    np.minimum.at(first_row, row, column)
    _fill(values)
    index, sums = pd.Index(customers), None
    if transactions is not None:
        sums = _at_purchases(transactions, observation_end, collapse, index, days, values, first_row, names)
    stop = days[-1] + np.timedelta64(int(step), "D")
    return CovariatePaths(index, names, days, values, stop, sums)


def _checked(table: pd.DataFrame) -> tuple[tuple[str, ...], Any, Any, Array]:
    if not isinstance(table, pd.DataFrame) or CUSTOMER not in table or DATE not in table:
        raise InputError(f"the table of covariates needs the columns {CUSTOMER} and {DATE}.")
    names = tuple(str(name) for name in table if name not in (CUSTOMER, DATE))
    if not names or not len(table):
        raise InputError("the table of covariates has no covariate, or no rows.")
    text = [name for name in names if table[name].dtype.kind not in "biuf"]
    if text:
        raise InputError(
            f"the covariate {text[0]!r} is not numeric: give a column of 0 and 1 for each level but one."
        )
    values = table[list(names)].to_numpy(dtype=float)
    if not np.isfinite(values).all():
        raise InputError("the table of covariates has missing or infinite values.")
    try:
        dates = pd.to_datetime(table[DATE]).to_numpy().astype("datetime64[D]")
    except (ValueError, TypeError):
        raise InputError(
            f"the column {DATE} of the table of covariates has values that are not dates."
        ) from None
    if np.isnat(dates).any():
        raise InputError(f"the table of covariates has rows without a {DATE}.")
    if table.duplicated([CUSTOMER, DATE]).any():
        raise InputError("the table of covariates has several rows of one customer and date.")
    return names, table[CUSTOMER].to_numpy(), dates, values


def _fill(values: Array) -> None:
    """Values hold until the next ones; before the first, they are the first."""
    for k in range(1, values.shape[1]):
        gap = np.isnan(values[:, k, 0])
        values[gap, k] = values[gap, k - 1]
    for k in range(values.shape[1] - 2, -1, -1):
        gap = np.isnan(values[:, k, 0])
        values[gap, k] = values[gap, k + 1]


def _at_purchases(
    transactions: Any,
    observation_end: Any,
    collapse: str | None,
    customers: pd.Index,
    days: Any,
    values: Array,
    first_row: Any,
    names: tuple[str, ...],
) -> pd.DataFrame:
    """Sums of the covariates at repeat purchases."""
    source = as_transactions(transactions)
    collapse = source.effective_collapse(collapse)
    end = observation_end_of(source, observation_end, collapse)
    bought = source.purchases(collapse, end.stop, end.stop).frame(
        "SELECT customer_id, CAST(period AS DATE) AS date,"
        " period = min(period) OVER (PARTITION BY customer_id) AS is_first FROM purchases"
    )
    row = customers.get_indexer(pd.Index(bought["customer_id"]))
    if (unknown := row < 0).any():
        ids = bought["customer_id"]
        raise InputError(
            f"{ids[unknown].nunique()} of {ids.nunique()} customers are not"
            " in the table of covariates: it needs rows of each (with the same type of id)."
        )
    date = pd.to_datetime(bought["date"]).to_numpy().astype("datetime64[D]")
    cell = np.searchsorted(days, date, side="right") - 1
    if (early := cell < first_row[row]).any():
        raise InputError(
            f"{len(np.unique(row[early]))} customers bought before their first date in the table of"
            " covariates: it needs values from the first purchase on."
        )
    repeat = ~bought["is_first"].to_numpy(dtype=bool)
    sums = np.zeros((len(customers), len(names)))
    np.add.at(sums, row[repeat], values[row[repeat], cell[repeat]])
    return pd.DataFrame(sums, index=customers, columns=list(names))
