"""Customers counted by what a model needs of them: the input of fits to more customers than fit into memory.

Customers with the same history have the same likelihood, so that a fit to the distinct histories, weighted by
how many customers have each, is the fit to all customers. The engine counts; only the counts are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from clvml.customers._customer_tables import as_customers
from clvml.customers._ends import observation_end_of
from clvml.customers._summary import _histories, _table, attrs_of
from clvml.customers._summary_checks import HISTORY
from clvml.customers._time_units import TIME_UNIT, time_unit_of
from clvml.customers._transactions import as_transactions
from clvml.customers.engines._duckdb import DuckDB
from clvml.customers.engines._engine import Engine
from clvml.errors import InputError

N_CUSTOMERS = "n_customers"
_SPEND = ("frequency", "monetary_value")
_NUMBERS = (*HISTORY, "monetary_value", "total_spend")


class _Table(NamedTuple):
    """Something to count in: the engine, its query or view, the SQL of each column, and ``attrs``."""

    engine: Engine
    sql: str
    columns: dict[str, str]
    attrs: dict[Any, Any]


def count_histories(
    customers: Any,
    observation_end: Any = None,
    time_unit: str = "W",
    collapse: str | None = "D",
    *,
    by: Sequence[str] = (),
) -> pd.DataFrame:
    """Count the customers with each distinct history, for a fit without the customers in memory.

    ``fit(counts, weights=counts["n_customers"])`` gives the parameters of ``fit(customers)``.

    Parameters
    ----------
    customers : path, DataFrame or Transactions
        A stored customer summary (Parquet or CSV; a file, a folder or a glob), a customer summary, or
        transactions as for `summarize`. A table with the columns ``recency`` and ``T`` is a summary.
    observation_end : date, optional
        As in `summarize`, for transactions.
    time_unit : {"D", "W", "M", "Q", "Y"}, default "W"
        As in `summarize`, for transactions.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        As in `summarize`, for transactions.
    by : sequence of str
        Further columns of the summary to count by, such as covariates.

    Returns
    -------
    pandas.DataFrame
        One row per distinct history, ascending: float64 columns ``frequency``, ``recency``, ``T``, then those
        in ``by``, and ``n_customers``. ``attrs`` has the ``time_unit`` if it is known.

    Raises
    ------
    InputError
        If a column is missing, or has no number for some customers.

    See Also
    --------
    clvml.count_spend : The same for models of spend.
    clvml.SummaryFile : Customers that need not fit in memory.

    Examples
    --------
    >>> import clvml
    >>> counts = clvml.count_histories(clvml.load_cdnow(), "1997-09-30")
    >>> len(counts), int(counts["n_customers"].sum())
    (1016, 2357)
    """
    with _opened(customers, observation_end, time_unit, collapse) as table:
        return _counted(table, tuple(dict.fromkeys([*HISTORY, *by])))


def count_spend(
    customers: Any,
    observation_end: Any = None,
    time_unit: str = "W",
    collapse: str | None = "D",
) -> pd.DataFrame:
    """Count the customers with each distinct number of repeat purchases and average spend.

    ``GammaGamma().fit(counts, weights=counts["n_customers"])`` is the fit to all customers. As amounts have
    cents, there are far fewer distinct pairs than customers once these are many.

    Parameters
    ----------
    customers : path, DataFrame or Transactions
        As in `count_histories`.
    observation_end : date, optional
        As in `summarize`, for transactions.
    time_unit : {"D", "W", "M", "Q", "Y"}, default "W"
        As in `summarize`, for transactions.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        As in `summarize`, for transactions.

    Returns
    -------
    pandas.DataFrame
        One row per distinct pair, ascending: float64 columns ``frequency``, ``monetary_value`` and
        ``n_customers``.

    Raises
    ------
    InputError
        If a column is missing, or has no number for some customers.

    See Also
    --------
    clvml.count_histories : The same for models of purchases.
    clvml.GammaGamma : The model that is fitted to it.

    Examples
    --------
    >>> import clvml
    >>> counts = clvml.count_spend(clvml.load_cdnow(), "1997-09-30")
    >>> int(counts["n_customers"].sum())
    2357
    """
    with _opened(customers, observation_end, time_unit, collapse) as table:
        return _counted(table, _SPEND)


def is_stored(customers: Any) -> bool:
    """Whether these are customers in files: a path, or the handle of a stored summary with its ``path``."""
    return isinstance(_place(customers), str | Path)


def count_stored(customers: Any, columns: Sequence[str]) -> pd.DataFrame:
    """Count the customers of a stored summary by the columns that a model needs, in their order.

    Raises
    ------
    InputError
        As `count_histories`, or if they are not a customer summary.
    """
    with _opened(customers) as table:
        return _counted(table, tuple(columns))


def counted_if_stored(customers: Any, columns: Sequence[str], weights: object = None) -> tuple[Any, object]:
    """Customers and their weights; of those in files the distinct ones by these columns, counted.

    Raises
    ------
    InputError
        As `count_stored`, or if there are weights of customers in files.
    """
    if isinstance(customers, pd.DataFrame) or not is_stored(customers):
        return as_customers(customers), weights
    if weights is not None:
        raise InputError(
            "customers in files are counted, so that they take no weights: read the file with"
            " pandas.read_parquet first, or leave weights out."
        )
    counts = count_stored(customers, columns)
    return counts.drop(columns=N_CUSTOMERS), counts[N_CUSTOMERS].to_numpy()


def _place(customers: Any) -> Any:
    has_path = hasattr(customers, "path") and not isinstance(customers, pd.DataFrame | Path)
    return customers.path if has_path else customers


@contextmanager
def _opened(
    customers: Any, observation_end: Any = None, time_unit: str = "W", collapse: str | None = "D"
) -> Iterator[_Table]:
    """The customer summary, or that of transactions for as long as it is needed."""
    place = _place(customers)
    summary = _summary(place) if isinstance(place, str | Path | pd.DataFrame) else None
    if summary is not None:
        yield summary
        return
    transactions = as_transactions(place)
    collapse = transactions.effective_collapse(collapse)
    end = observation_end_of(transactions, observation_end, collapse)
    purchases = transactions.purchases(collapse, end.stop, end.stop)
    unit = time_unit_of(time_unit).days * 86_400e6
    names = (*HISTORY, *(("monetary_value", "total_spend") if transactions.has_money else ()))
    with transactions.engine.hold("histories", _histories(purchases)):
        sql = f"({_table(purchases, end, unit)}) AS customers"
        columns = {name: name for name in names}
        yield _Table(transactions.engine, sql, columns, dict(attrs_of(end, time_unit, collapse)))


def _summary(customers: str | Path | pd.DataFrame) -> _Table | None:
    """The customer summary in files or a frame; None if it is something else."""
    engine = DuckDB()
    source = engine.open(customers)
    columns = {
        name: f"CAST(c{i} AS DOUBLE)" if name in _NUMBERS else f"c{i}" for i, name in enumerate(source.names)
    }
    if not {"recency", "T"} <= set(columns):
        return None
    attrs: dict[Any, Any] = dict(customers.attrs) if isinstance(customers, pd.DataFrame) else {}
    if TIME_UNIT in columns:
        attrs[TIME_UNIT] = _only_unit(engine, columns[TIME_UNIT])
    return _Table(engine, "source", columns, attrs)


def _only_unit(engine: Engine, column: str) -> str:
    """The constant column ``time_unit``.

    Raises
    ------
    InputError
        If it is not constant.
    """
    first, last = engine.frame(f"SELECT min({column}) AS a, max({column}) AS b FROM source").iloc[0]
    if first != last:
        raise InputError(
            f"the customers are in different time units, such as {first!r} and {last!r}: convert them to one"
            " with clvml.convert_time_unit."
        )
    return str(first)


def _counted(table: _Table, names: tuple[str, ...]) -> pd.DataFrame:
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise InputError(
            f"the customers have no column {' or '.join(map(repr, missing))}; they have"
            f" {', '.join(map(repr, table.columns))}."
        )
    selected = ", ".join(f"{table.columns[name]} AS k{i}" for i, name in enumerate(names))
    keys = ", ".join(f"k{i}" for i in range(len(names)))
    counts = table.engine.frame(
        f"SELECT {keys}, CAST(count(*) AS DOUBLE) AS {N_CUSTOMERS} FROM (SELECT {selected} FROM {table.sql})"
        f" AS counted GROUP BY {keys} ORDER BY {keys}"
    )
    counts.columns = pd.Index([*names, N_CUSTOMERS])
    counts.attrs.update(table.attrs)
    _check_complete(counts, [name for name in names if name in _NUMBERS])
    return counts


def _check_complete(counts: pd.DataFrame, names: list[str]) -> None:
    if counts.empty:
        raise InputError("there are no customers to count.")
    for name in names:
        absent = counts.loc[counts[name].isna(), N_CUSTOMERS].sum()
        if absent:
            raise InputError(
                f"{absent:,.0f} of {counts[N_CUSTOMERS].sum():,.0f} customers have no number as {name}: leave"
                " them out of the summary, or mend them."
            )
