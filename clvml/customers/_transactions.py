"""Validated transactions: customer, date and amount.

Rows are parsed (customer, date, amount), then checked against a policy, all as SQL views over the source, so
that a file is scanned for each query and never loaded into memory. Dates are local to the shop: timestamps
with a time zone are local times of that zone (or of ``timezone``), others are used as they are.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import html
import logging
import math
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import pandas as pd

from clvml.customers._amounts import PLAIN, NumberReading, check_separators, number_readings
from clvml.customers._cells import cell_of
from clvml.customers._date_formats import (
    advice,
    refuse_swapped,
    refuse_two_orders,
    swapped,
    usual_advice,
)
from clvml.customers._places import first_file, first_places
from clvml.customers._policy import BAD_ROW, RULES, VIOLATES_NONE, Rule
from clvml.customers._policy import TransactionPolicy as TransactionPolicy
from clvml.customers._price import check_price
from clvml.customers._purchases import END_OF_TIME, PERIODS, Purchases, check_collapse, period_start
from clvml.customers._reading_options import (
    MAX_UNREADABLE,
    Columns,
    Reading,
    checked_share,
    date_reading,
    money_columns,
)
from clvml.customers._time_units import TIME_UNITS
from clvml.customers.engines import Engine
from clvml.customers.engines._choice import EngineName, engine_for
from clvml.customers.engines._files import (
    NotUtf8,
    files_of,
    label_of,
    read_other_encoding,
)
from clvml.customers.engines._sources import source_of
from clvml.errors import InputError

log = logging.getLogger("clvml")

LARGEST_AMOUNT = 1e15
_ENOUGH_DATES = 20  # of 20 random days, one is above 12 but for a probability of 1e-8
_FEW = 4  # unreadable cells that are never too many
_LARGEST_IN_64_BITS = 1e7  # amounts below have 15 digits in all, see `decimals`
_LARGEST_SUM_OF_CENTS = 9e13  # 2**53 cents
# Periods by which rows may be aggregated, longest first, and the number of distinct dates that shows it.
_SUMMED = {"Y": 3, "Q": 3, "M": 4, "W": 8}
# The rules that a row violates as one small number, whose range an engine can infer: groups need no hashing.
# Most rows violate none: only the others are judged rule by rule.
_VIOLATED = " + ".join(
    f"CASE WHEN {rule.condition} THEN {2**place} ELSE 0 END" for place, rule in enumerate(RULES)
)
_VIOLATIONS = f"CASE WHEN {VIOLATES_NONE} THEN 0 ELSE {_VIOLATED} END"


def read_transactions(
    source: Any,
    *,
    customer: str = "customer_id",
    date: str = "date",
    amount: str | None = None,
    quantity: str | None = None,
    price: str | None = None,
    policy: TransactionPolicy | None = None,
    date_format: str | Sequence[str] | None = None,
    timezone: str | None = None,
    date_unit: str | None = None,
    date_origin: Any = None,
    category: str | None = None,
    memory_limit: str | None = None,
    temp_directory: str | Path | None = None,
    label: str | None = None,
    purchases_only: bool = False,
    decimal: str | None = None,
    thousands: str | None = None,
    max_unreadable: float = MAX_UNREADABLE,
    sheet: str | int | None = None,
    table: str | None = None,
    query: str | None = None,
    engine: EngineName | None = None,
) -> Transactions:
    """Read and validate transactions, one row per purchase or per line of a receipt.

    Parameters
    ----------
    source : path, list of paths, frame, database URL, or TransactionStore
        - CSV (also ``.gz``, ``.zst``), Parquet or Excel (``.xlsx``) files by path or glob; a folder of one
          kind with the folders in it, partitioned (``year=2024/``) or not; ``"-"`` for standard input.
        - A pandas or polars DataFrame, an Arrow table, record batch or dataset, or an object with the Arrow
          or the DataFrame interchange protocol: read where it is.
        - A polars LazyFrame, a DuckDB relation, an Arrow ``RecordBatchReader`` or another stream: evaluated
          once, into a temporary Parquet file.
        - A database: ``"postgresql://user@host/database"`` (``pip install 'clvml[databases]'``) or
          ``"sqlite:///path"``, with ``table`` or ``query``: read once, into a temporary Parquet file.
          Reserved characters of a password are percent-encoded; without one, ``PGPASSWORD`` and
          ``~/.pgpass`` apply.
        - A `clvml.TransactionStore` or its folder: its rows were read and validated when they were added, so
          that columns and formats do not apply, and a policy can only be that of the store.
    customer, date : str
        Columns of the customer id and the date. Ids are integers where all are whole numbers (in a
        CSV: where none has leading zeros), and otherwise text without surrounding blanks.
    amount : str, optional
        Column of the money spent. Default ``"amount"``, unless ``quantity`` and ``price`` are given or
        the purchases have no amounts.
    quantity, price : str, optional
        Columns whose product is the money spent.
    policy : TransactionPolicy, optional
        How to handle missing ids, invalid dates and amounts, returns, zeros and duplicates.
    date_format : str or list of str, optional
        Format of dates in text, as ``"%d/%m/%Y %H:%M"``; of several, the first that matches.
        Default: ISO 8601 and ``19970131``; not ``12/1/2010``, which is ambiguous. ``"excel"``: serial numbers
        of a spreadsheet, the default for numbers in a workbook.
    timezone : str, optional
        The shop's time zone, as ``"America/New_York"``: timestamps with a zone or an offset from UTC are
        converted to it, daylight saving included. Default: the time zone of the column; text is used as
        written. Timestamps without a zone are local already.
    date_unit, date_origin : {"D", "W", "M", "Q", "Y"} and date, optional
        For dates given as numbers of days, weeks, months, quarters or years: the unit, and the date of
        number 0. Weeks numbered from 1, the first of which began on 2016-01-04, have the origin
        ``"2015-12-28"``.
    category : str, optional
        A column that classifies purchases: brand, product class or retailer, for `BrandSwitchingValue`.
    memory_limit : str, optional
        Memory limit of the engine, as ``"2GB"``; beyond it, data spill to ``temp_directory``. Default: 80 %
        of the machine's memory.
    temp_directory : path, optional
        Folder to which data spill; default: the system's temporary folder. Nothing is left in it.
    label : str, optional
        Name of the source in messages and reports. Default: its path, or its type.
    purchases_only : bool, default False
        Purchases without amounts: customers have no ``monetary_value`` and ``total_spend``, and purchases
        are predicted. Also, with a message, if the source has no columns but those of customer, date and
        category. With a known price, see `Transactions.at_price`.
    decimal : {".", ","}, optional
        The decimal separator of amounts in text. Default: what the column shows. A currency sign or code
        and accounting notation, ``"(12.50)"`` or ``"12.50-"`` for -12.50, need no option. Columns of numbers
        are used as they are.
    thousands : {".", ",", " ", "'", ""}, optional
        The thousands separator of amounts in text; ``""`` for none, a blank is also a non-breaking one.
        Default: any but the decimal separator.
    max_unreadable : float, default 0.1
        The largest share of dates, and of amounts, that may be unreadable, where they are not missing; a
        larger one is an error, for the format or the column is then wrong. Up to four are never an error.
    sheet : str or int, optional
        The sheet of a workbook, by name or position from 1. Default: the first.
    table, query : str, optional
        Of a database: the table or view, ``"schema.name"`` too, or the text of a ``SELECT``.
    engine : {"duckdb", "spark"}, optional
        Where the queries run. Default: Spark for a Spark DataFrame, otherwise DuckDB, embedded. ``"spark"``
        is the active Spark session, or a local one; it also reads tables of its catalog by name.

    Returns
    -------
    Transactions
        Lazy: a file must stay in place while the object is in use.

    Raises
    ------
    InputError
        If the source cannot be read or is empty, a column is missing, a rule of the policy with ``"error"``
        is violated, or no row can be used; if amounts read in two ways (``"1.250"`` with a decimal point or
        comma) or are in several currencies; if day and month appear to be exchanged; or if more than
        ``max_unreadable`` dates or amounts are unreadable.

    See Also
    --------
    clvml.summarize, clvml.split : From transactions to customers.
    clvml.Transactions : The result, with its report of excluded rows.
    clvml.TransactionPolicy : Which rows are purchases.
    clvml.TransactionStore : Transactions that arrive in batches.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> sales = pd.DataFrame({"who": ["a", "a", None], "on": "1997-01-31", "qty": [1, 2, 3], "each": 9.5})
    >>> clvml.read_transactions(sales, customer="who", date="on", quantity="qty", price="each")
    Transactions(2 of 3 rows used, 1997-01-31 to 1997-01-31, from a pandas DataFrame)
    """
    columns = Columns(customer, date, *money_columns(amount, quantity, price, purchases_only), category)
    default = None if purchases_only else "amount"
    reading = Reading(
        date_reading(date_format, timezone, date_unit, date_origin),
        check_separators(decimal, thousands),
        checked_share(max_unreadable),
        sheet,
    )
    runs_on = partial(engine_for, name=engine, memory_limit=memory_limit, temp_directory=temp_directory)
    stored = _stored(source, policy, partial(runs_on, source), label)
    if stored is not None:
        return stored
    policy = TransactionPolicy() if policy is None else policy
    source = source_of(source, table, query, engine)
    runs = runs_on(source)
    try:
        return Transactions(source, columns, policy, reading, runs, label, default)
    except NotUtf8:
        frame, encoding = read_other_encoding(files_of(source))
        if encoding:
            log.warning(
                "%s is not in UTF-8 and is read as %s; if names look wrong, save it as UTF-8",
                source,
                encoding,
            )
        label = label or label_of(source)
        return Transactions(frame, columns, policy, reading, runs, label, default)


def as_transactions(transactions: Any) -> Transactions:
    """Return `Transactions` unchanged; read anything else with the default column names."""
    if isinstance(transactions, Transactions):
        return transactions
    return read_transactions(transactions)


def _stored(
    source: Any, policy: TransactionPolicy | None, engine: Callable[[], Engine], label: str | None
) -> Transactions | None:
    """The transactions of a store; None if the source is none."""
    from clvml.customers._batches import check_same_policy
    from clvml.customers._stored_transactions import StoredTransactions, folder_of_store

    folder = folder_of_store(source)
    if folder is None:
        return None
    found = StoredTransactions(folder, engine(), label)
    if policy is not None:
        check_same_policy(folder, found.policy, policy)
    return found


class Transactions:
    """Transactions accepted by the policy, with a report of the excluded rows.

    Made by `read_transactions`. ``len()`` is the number of rows used. Every query scans the source
    again; only counts are kept in memory. Pickling includes the rows of a table, but only the path of a file.

    Parameters
    ----------
    source : object
        The source, as given. All parameters are set by :func:`clvml.read_transactions`, which is the way to
        make one.
    columns : Columns
        The names of its columns.
    policy : TransactionPolicy
        How to handle rows that may not be purchases.
    reading : Reading
        Formats of dates and amounts.
    engine : Engine
        Where queries run.
    label : str, optional
        Name of the source in messages.
    default_amount : str, optional
        The column of amounts that may be absent.

    Attributes
    ----------
    policy : TransactionPolicy
        How rows that may not be purchases were handled.
    engine : Engine
        Runs the queries; its view ``used`` has ``customer_id, date, amount, is_return`` and, if one was
        named, ``category``.
    source : str
        Name of the source: a path, or the type of the table.
    first_date, last_date : pandas.Timestamp
        Of the rows used.
    price : float or None
        The price of each purchase, if the purchases have no amounts and ``at_price`` gave one.

    See Also
    --------
    clvml.read_transactions : Makes it.
    clvml.TransactionPolicy : Which rows are purchases.
    clvml.summarize, clvml.split : The customers of these transactions.
    clvml.TransactionStore : Transactions that are added to, batch by batch.

    Examples
    --------
    The report counts the rows by rule; ``set_aside`` lists those that are not used:

    >>> import clvml
    >>> import pandas as pd
    >>> sales = pd.DataFrame({"customer_id": ["a", "a", None], "amount": [10.0, 30.0, 20.0],
    ...                       "date": ["2024-01-03", "2024-02-05", "2024-01-20"]})
    >>> transactions = clvml.read_transactions(sales)
    >>> transactions
    Transactions(2 of 3 rows used, 2024-01-03 to 2024-02-05, from a pandas DataFrame)
    >>> transactions.report.loc[["read", "missing_customer", "used"], ["rows", "spend"]]
                      rows  spend
    rule
    read                 3   60.0
    missing_customer     1   20.0
    used                 2   40.0
    >>> transactions.set_aside()["reason"].tolist()
    ['missing_customer']
    """

    price: float | None = None
    _part: tuple[Transactions, pd.Index] | None = None

    def __init__(
        self,
        source: Any,
        columns: Columns,
        policy: TransactionPolicy,
        reading: Reading,
        engine: Engine,
        label: str | None = None,
        default_amount: str | None = None,
    ) -> None:
        self._recipe = (source, columns, policy, reading, engine, label, default_amount)
        self.policy = policy
        self.engine = engine
        self._source = engine.open(source, reading.sheet, policy.drops_malformed)
        self.source = label or self._source.label
        for note in self._source.notes:
            log.warning(note)
        self.columns = _with_amount(columns, default_amount, self._source.names, self.source)
        self._reading = reading
        self._cells = {name: cell_of(engine, self._source, name) for name in self.columns.named}
        self._numbers = self._number_readings()
        self._check_formats()
        self._create_views()
        self._groups = self._count_by_rule()
        self._used = self._groups[self._groups["used"]]
        self._raise_or_warn()
        self._create_used()
        self._describe_dates()

    @property
    def first_date(self) -> pd.Timestamp:
        return self._used["first_date"].min()

    @property
    def last_date(self) -> pd.Timestamp:
        return self._used["last_date"].max()

    @property
    def has_amounts(self) -> bool:
        """Whether the source has amounts of money."""
        return bool(self.columns.money)

    @property
    def has_money(self) -> bool:
        """Whether purchases have spend: amounts, or a price."""
        return self.has_amounts or self.price is not None

    def at_price(self, price: float) -> Self:
        """Purchases without amounts as purchases at one price.

        Parameters
        ----------
        price : float
            Spend of each purchase, in currency units; with a price of 1, spend counts purchases.

        Raises
        ------
        InputError
            If the price is not a positive, finite number, or the purchases have amounts.
        """
        if self.has_amounts:
            raise InputError(
                f"{self.source} has amounts, which a price would replace: for one expected price per"
                " purchase, use clvml.ConstantSpend(price=...) as the model of spend."
            )
        priced = object.__new__(type(self))  # copy would read the source again
        priced.__dict__.update(self.__dict__, price=check_price(price))
        return priced

    @property
    def decimals(self) -> int:
        """Digits after the point that sums of money keep.

        Sums use decimals: they are exact, do not depend on the order of rows, and a return cancels a payment
        exactly. A float has 15 significant digits, before and after the point.
        """
        largest = self._largest_amount if self.price is None else self.price
        return min(max(14 - math.floor(math.log10(largest)), 8), 22) if largest else 8

    @property
    def are_cents(self) -> bool:
        """Whether all amounts are whole cents, to `decimals` digits, and few enough to add up in floats.

        Floats hold whole numbers up to 2**53 exactly, so that sums of cents are exact, in any order.
        """
        if not self.has_amounts:
            return False
        largest = self._largest_amount
        fits = largest < _LARGEST_IN_64_BITS and largest * len(self) < _LARGEST_SUM_OF_CENTS
        return fits and bool(self._used["beyond_cents"].max() < 0.3 * 10.0**-self.decimals)

    @property
    def money_type(self) -> str:
        """The SQL type in which amounts that are not cents are summed, in 64 bits if they fit."""
        fits = self._largest_amount < _LARGEST_IN_64_BITS and self.decimals <= 18
        return f"DECIMAL({18 if fits else 38}, {self.decimals})"

    @property
    def _largest_amount(self) -> float:
        return float(self._used["largest_amount"].max())

    @cached_property
    def report(self) -> pd.DataFrame:
        """Data quality report: one row per rule, between the rows ``read`` and ``used``.

        ``rows`` counts all rows to which the rule applies, kept or not, ``spend`` is their sum, and
        ``set_aside`` counts the rows that this rule is the first to exclude, so that
        ``read`` equals ``used`` plus the sum of ``set_aside``. If returns are netted, a last row
        ``unattributed_returns`` has those (of the rows used, by day) without a matching purchase.
        """
        report = self._rules.copy()
        if self.policy.duplicates != "drop":
            rows, spend = self._duplicates
            report.loc["duplicates", "rows"] = rows
            report.loc["duplicates", "spend"] = spend if self.has_amounts else float("nan")
        if self.policy.nets_returns and self.has_amounts:
            report.loc["unattributed_returns"] = [self.policy.returns, *self._unattributed_returns()]
        return report

    def purchases(
        self,
        collapse: str | None = "D",
        until: pd.Timestamp = END_OF_TIME,
        known_until: pd.Timestamp | None = None,
    ) -> Purchases:
        """The purchases formed by the rows used, as a lazy query.

        Parameters
        ----------
        collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
            Rows of a customer within one such period are one purchase; None: rows of one time stamp.
        until, known_until : pandas.Timestamp
            Dates as of which returns are known; see `Purchases`.

        Raises
        ------
        InputError
            If ``collapse`` is not a period.
        """
        check_collapse(collapse)
        return Purchases(self, collapse, until, until if known_until is None else known_until)

    @property
    def calendar(self) -> str:
        """A sentence on the time zone in which purchases are dated; empty if no date has one."""
        when, timezone = self._cells[self.columns.date], self._reading.dates.timezone
        if when.kind == "instant":
            return f"times of purchase are local times of {timezone or when.zone or 'UTC'}"
        if not self._used["offsets"].any():
            return ""
        if timezone is not None:
            return f"times of purchase are local times of {timezone}"
        return "times of purchase are local times as written, ignoring their offsets from UTC"

    @cached_property
    def period_of_dates(self) -> str | None:
        """The period by which rows appear to be aggregated, as all dates are starts of one; usually None."""
        ends = (self.first_date, self.last_date)
        fits = [period for period in _SUMMED if all(end == end.to_period(period).start_time for end in ends)]
        if not fits:
            return None
        starts = (f"bool_and(date = {period_start('date', period)}) AS starts_{period}" for period in fits)
        found = self.engine.frame(f"SELECT count(DISTINCT date) AS n, {', '.join(starts)} FROM used").iloc[0]
        # Enough distinct dates rule out chance: one date in seven is a Monday, one in thirty starts a month.
        enough = (period for period in fits if found[f"starts_{period}"] and found["n"] >= _SUMMED[period])
        return next(enough, None)

    def effective_collapse(self, collapse: str | None) -> str | None:
        """The requested period, or the longer one by which the rows are aggregated."""
        check_collapse(collapse)
        if (
            self.period_of_dates is None
            or collapse in tuple(PERIODS)[tuple(PERIODS).index(self.period_of_dates) :]
        ):
            return collapse
        return self.period_of_dates

    def to_pandas(self) -> pd.DataFrame:
        """The rows used, as ``customer_id, date, amount, category``, in that order; if present."""
        names = "customer_id, date" + (", amount" if self.has_amounts else "")
        names += ", category" if self.columns.category else ""
        in_order = names.replace(",", " NULLS LAST,") + " NULLS LAST"
        return self.engine.frame(f"SELECT {names} FROM used ORDER BY {in_order}")

    def set_aside(self) -> pd.DataFrame:
        """The excluded rows as in the source (times in UTC), with the ``reason``."""
        # Without time zones: DuckDB needs pytz to return them, on which pandas no longer depends.
        shown = ", ".join(
            f"CAST(c{i} AS TIMESTAMP) AS c{i}" if column.kind == "instant" else f"c{i}"
            for i, column in enumerate(self._source.columns)
        )
        frame = self.engine.frame(f"SELECT {shown}, reason FROM judged WHERE reason IS NOT NULL")
        return frame.set_axis([*self._source.names, "reason"], axis=1)

    def malformed_rows(self) -> pd.DataFrame:
        """The malformed rows of CSV files that were excluded, under ``bad_row="drop"``.

        Returns
        -------
        pandas.DataFrame
            ``file``, ``line`` (the header is line 1), ``column`` (missing if the row has too many cells),
            ``reason`` and the ``text`` of the row.
        """
        rows = "SELECT file, line, malformed.column, reason, text FROM malformed ORDER BY file, line"
        if self._source.malformed:
            return self.engine.frame(rows)
        return pd.DataFrame(columns=["file", "line", "column", "reason", "text"])

    @property
    def counts_by_rule(self) -> pd.DataFrame:
        """Rows, dates and money by the combination of rules that rows violate."""
        return self._groups

    @property
    def copies(self) -> tuple[int, float]:
        """Number of duplicate rows beyond the first of each, and their spend."""
        return self._duplicates

    @property
    def ids_as_read(self) -> tuple[str, str]:
        """The SQL of ids before they become integers or text, and whether they are numbers.

        ``"file"``: of a text file, without a type; ``"numbers"`` or ``"text"``: of columns with a type.
        """
        who = self._cells[self.columns.customer]
        if not who.is_number:
            return "CAST(raw_id AS STRING)", "file" if who.is_text_file else "text"
        if who.kind == "whole" and not self._has_whole_ids:  # beyond 64 bits
            return "CAST(raw_id AS STRING)", "text"
        return "raw_id" if who.kind != "whole" else who.as_whole_id(), "numbers"

    @property
    def rows_as_read(self) -> str:
        """The SQL of the rows used, with ids as they were read."""
        amount = "amount" if self.has_amounts else "CAST(NULL AS DOUBLE) AS amount"
        return (
            f"SELECT {self.ids_as_read[0]} AS customer_id, date, {amount}, is_return,"
            f" CAST(category AS STRING) AS category FROM doubted WHERE {self._accepted()}"
        )

    def with_category(self, column: str) -> Self:
        """The same rows, classified by another column; nothing is counted or reported again.

        Raises
        ------
        InputError
            If the source has no such column.
        """
        source, _, policy, reading, _, *names = self._recipe
        columns, engine = dataclasses.replace(self.columns, category=column), copy.copy(self.engine)
        opened = engine.open(source, reading.sheet, policy.drops_malformed)
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._recipe = (source, columns, policy, reading, engine, *names)
        other.columns, other.engine, other._source = columns, engine, opened
        other._cells = {name: cell_of(engine, opened, name) for name in columns.named}
        other._create_views()
        other._create_used()
        return other

    def of_customers(self, customers: pd.Index) -> Self:
        """The rows used of some customers, held by an engine of their own.

        The source, its report, its dates and the type of its ids stay those of all rows, so that a split of
        some customers has the ends of the split of all.

        Parameters
        ----------
        customers : pandas.Index
            Their ids; those that the transactions do not have are ignored.
        """
        wanted = self.with_matching_ids(pd.DataFrame({"customer_id": customers}))
        with self.engine.lend("wanted", wanted):
            rows = self.engine.frame("SELECT used.* FROM used SEMI JOIN wanted USING (customer_id)")
        some = object.__new__(type(self))
        some.__dict__.update(self.__dict__, engine=copy.copy(self.engine), _part=(self, customers))
        cells = some.engine.open(rows).cells.split(", ")
        named = ", ".join(f"{cell} AS {name}" for cell, name in zip(cells, rows.columns, strict=True))
        some.engine.create_view("used", f"SELECT {named} FROM source")
        return some

    @property
    def is_part(self) -> bool:
        """Whether they are the rows of some customers of the source, from `of_customers`."""
        return self._part is not None

    def with_matching_ids(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table with ``customer_id`` as a column of the same type as in the transactions."""
        table = table if "customer_id" in table else table.rename_axis("customer_id").reset_index()
        ids = table["customer_id"]
        if not self._has_whole_ids:
            return table.assign(customer_id=ids.astype(object).map(str, na_action="ignore").astype("str"))
        if pd.api.types.is_integer_dtype(ids.dtype):
            return table
        return table.assign(customer_id=pd.to_numeric(ids.astype(object), errors="coerce").astype(float))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as its source and how it is read: the rows of a table, the path of a file."""
        if self._part is not None:
            return type(self).of_customers, self._part
        return Transactions, self._recipe, None if self.price is None else {"price": self.price}

    def __len__(self) -> int:
        return self._rows("used")

    def __repr__(self) -> str:
        return (
            f"Transactions({len(self):,} of {self._rows('read'):,} rows used,"
            f" {self.first_date:%Y-%m-%d} to {self.last_date:%Y-%m-%d}, from {self.source})"
        )

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>{self.report.to_html()}"

    def _create_views(self) -> None:
        """Create the views: parsed columns, rule conditions, and the reason to exclude each row."""
        who, when = self._cells[self.columns.customer], self._cells[self.columns.date]
        # UTC+14 is the earliest time zone: what is later than now there is in the future everywhere.
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(hours=14)
        money, returned = self._money()
        cells = self._source.cells
        window = f"row_number() OVER (PARTITION BY {cells} ORDER BY c0) > 1"
        is_copy = window if self.policy.duplicates == "drop" else "FALSE"
        category = self._cells[self.columns.category].as_id() if self.columns.category else "NULL"
        self.engine.create_view(
            "typed",
            f"SELECT *, {who.as_id()} AS raw_id, {when.as_date(self._reading.dates)} AS date,"
            f" {money} AS amount, {category} AS category, {is_copy} AS is_copy FROM source",
        )
        self.engine.create_view(
            "doubted",
            "SELECT *, raw_id AS customer_id,"
            f" coalesce({returned}, FALSE) AS is_return,"
            f" date > TIMESTAMP '{now}' AS is_future FROM typed",
        )
        self.engine.create_view("judged", f"SELECT *, {self.policy.reason()} AS reason FROM doubted")

    def _money(self) -> tuple[str, str]:
        """The SQL of the amount, and of whether a row is a return.

        Without amounts each row counts 1 here, so that no rule on amounts applies.
        """
        if not self.has_amounts:
            return "CAST(1 AS DOUBLE)", "FALSE"
        factors = [self._cells[name].as_number(self._numbers[name]) for name in self.columns.money]
        value = " * ".join(factors)
        returned = "amount < 0" if len(factors) == 1 else f"amount < 0 OR {factors[0]} < 0"
        return f"CASE WHEN abs({value}) < {LARGEST_AMOUNT} THEN {value} END", returned

    def _number_readings(self) -> dict[str, NumberReading]:
        """How the numbers of each column of money are read."""
        cells = {name: self._cells[name] for name in self.columns.money}
        texts = {name: cell.as_text() for name, cell in cells.items() if not cell.is_number}
        place_of = partial(first_file, self.engine, self._source)
        found = number_readings(self.engine, self.source, texts, self._reading.numbers, place_of)
        return dict.fromkeys(cells, PLAIN) | found

    def _check_formats(self) -> None:
        """Refuse two formats of dates that differ in the order of day and month, where dates fit both."""
        when, formats = self._cells[self.columns.date], self._reading.dates.formats
        if when.kind == "text" and len(formats) > 1:
            refuse_two_orders(self.engine, self.source, self.columns.date, when.as_text(), formats)

    def _count_by_rule(self) -> pd.DataFrame:
        """Count rows by the combination of rules that they violate, in one scan."""
        who, when = self._cells[self.columns.customer], self._cells[self.columns.date]
        money = " || ' x ' || ".join(self._cells[name].as_text() for name in self.columns.money) or "''"
        has_date = when.is_given()
        has_amount = " AND ".join(self._cells[name].is_given() for name in self.columns.money) or "FALSE"
        day = "extract(DAY FROM date)" if self._reading.dates.formats else "NULL"
        # Decimals, because a sum of floats depends on the order in which threads finish.
        groups = self.engine.frame(
            f"SELECT {_VIOLATIONS} AS violations, count(*) AS rows, min(date) AS first_date,"
            " max(date) AS last_date,"
            " coalesce(CAST(sum(CAST(amount AS DECIMAL(28, 8))) AS DOUBLE), 0) AS spend,"
            " coalesce(max(abs(amount)), 0) AS largest_amount,"
            " coalesce(max(abs(amount - round(100 * amount) / 100)), 0) AS beyond_cents,"
            f" bool_and({who.is_whole()}) AS whole_ids, bool_or({when.has_offset()}) AS offsets,"
            f" max({day}) AS last_day,"
            f" count(CASE WHEN date IS NULL THEN CASE WHEN {has_date} THEN 1 END END) AS unreadable_dates,"
            f" count(CASE WHEN amount IS NULL THEN CASE WHEN {has_amount} THEN 1 END END)"
            " AS unreadable_amounts,"
            f" min(CASE WHEN date IS NULL THEN {when.as_text()} END) AS bad_date_example,"
            f" min(CASE WHEN amount IS NULL THEN {money} END) AS bad_amount_example"
            " FROM doubted GROUP BY 1 ORDER BY 1"
        )
        for place, rule in enumerate(RULES):
            groups[rule.name] = groups["violations"] // 2**place % 2 == 1
        groups[BAD_ROW.name] = False
        for kind in ("date", "amount"):
            groups[f"read_{kind}s"] = groups["rows"].where(~groups[f"bad_{kind}"], 0)
            groups[f"{kind}s"] = groups[f"read_{kind}s"] + groups[f"unreadable_{kind}s"]
        if self._source.malformed:
            malformed = _group_without_cells(groups).assign(rows=self._source.malformed, bad_row=True)
            groups = pd.concat([groups, malformed], ignore_index=True)
        groups["reason"] = self.policy.first_reasons(groups)
        groups["used"] = groups["reason"].isna()
        return groups.sort_values(["reason", *(rule.name for rule in RULES)], ignore_index=True)

    @property
    def _has_whole_ids(self) -> bool:
        return bool(self._used["whole_ids"].all()) and len(self._used) > 0

    def _create_used(self) -> None:
        """Create the view of the rows used; ids become integers if all are whole numbers."""
        who = self._cells[self.columns.customer]
        identity = who.as_whole_id() if self._has_whole_ids else self.engine.text("raw_id", who.kind)
        category = ", category" if self.columns.category else ""
        amount = "amount" if self.has_amounts else "CAST(NULL AS DOUBLE) AS amount"
        self.engine.create_view(
            "used",
            f"SELECT {identity} AS customer_id, date, {amount}, is_return{category}"
            f" FROM doubted WHERE {self._accepted()}",
        )

    def _accepted(self) -> str:
        """The SQL of the rows used: rules that no row violates are not evaluated again."""
        violated = (
            rule for rule in RULES if self.policy.choice(rule) == "drop" and self._groups[rule.name].any()
        )
        return " AND ".join(f"NOT coalesce({rule.condition}, FALSE)" for rule in violated) or "TRUE"

    @cached_property
    def _duplicates(self) -> tuple[int, float]:
        """Number of duplicate rows beyond the first of each, and their spend: a pass of its own."""
        found = self.engine.frame(
            "SELECT CAST(coalesce(sum(copies - 1), 0) AS BIGINT) AS copies,"
            " CAST(coalesce(sum(CAST((copies - 1) * amount AS DECIMAL(38, 8))), 0) AS DOUBLE) AS spend FROM"
            " (SELECT count(*) AS copies, any_value(amount) AS amount"
            f" FROM typed GROUP BY {self.engine.row_key(self._source.cells)} HAVING count(*) > 1)"
        )
        return int(found["copies"].iloc[0]), float(found["spend"].iloc[0])

    def _unattributed_returns(self) -> tuple[int, int, float]:
        """Number of periods with an unattributed return, zero rows excluded, and their amount."""
        found = self.purchases().frame(
            "SELECT count(*) FILTER (WHERE unattributed <> 0) AS n,"
            " coalesce(CAST(sum(unattributed) AS DOUBLE), 0) AS spend FROM periods"
        )
        return int(found["n"].iloc[0]), 0, float(found["spend"].iloc[0])

    @property
    def _counted_rules(self) -> list[Rule]:
        """The rules of the report: malformed rows are counted only where they are not an error at once."""
        return [*RULES, BAD_ROW] if self.policy.drops_malformed else [*RULES]

    @cached_property
    def _rules(self) -> pd.DataFrame:
        seen, used = self._groups, self._groups[self._groups["used"]]
        read, kept = int(seen["rows"].sum()), int(used["rows"].sum())
        lines = [("read", "", read, read - kept, float(seen["spend"].sum()))]
        for rule in self._counted_rules:
            doubted, set_aside = seen[seen[rule.name]], seen[seen["reason"] == rule.name]
            rows, spend = int(doubted["rows"].sum()), float(doubted["spend"].sum())
            spend = float("nan") if rule.name == "bad_amount" else spend
            lines.append((rule.name, self.policy.choice(rule), rows, int(set_aside["rows"].sum()), spend))
        lines.append(("used", "", kept, 0, float(used["spend"].sum())))
        table = pd.DataFrame(lines, columns=["rule", "policy", "rows", "set_aside", "spend"]).set_index(
            "rule"
        )
        return table if self.has_amounts else table.assign(spend=float("nan"))

    def _raise_or_warn(self) -> None:
        """Raise if the policy forbids a row or no rows remain; otherwise log the excluded rows."""
        read, used = self._rows("read"), len(self)
        if read == 0:
            raise InputError(f"{self.source} has columns but no rows: at least one purchase is required.")
        for rule in (rule for rule in self._counted_rules if self.policy.choice(rule) == "error"):
            rows = self._duplicates[0] if rule.name == "duplicates" else self._rows(rule.name)
            if rows:
                raise InputError(
                    f"{self.source} has {rows:,} of {read:,} rows {rule.description}, which"
                    f" {rule.name}='error' forbids: correct them, or choose another policy."
                )
        if used == 0:
            raise InputError(
                f"none of the {read:,} rows of {self.source} can be used: {self._reasons(search=True)}."
            )
        self._check_readable()
        if used < read:
            left_out = f"{read - used:,} of {read:,}"
            log.warning("excluded %s rows of %s: %s", left_out, self.source, self._reasons())

    def _check_readable(self) -> None:
        """Raise if day and month are exchanged, or too many dates or amounts are unreadable."""
        counts = self._groups[["dates", "unreadable_dates", "amounts", "unreadable_amounts"]].sum()
        formats, when = self._reading.dates.formats, self._cells[self.columns.date]
        if counts["unreadable_dates"] and when.kind == "text":
            refuse_swapped(self.engine, self.source, self.columns.date, when.as_text(), formats)
        malformed, read = self._source.malformed, self._rows("read")
        if malformed > max(self._reading.max_unreadable * read, _FEW):
            raise InputError(
                f"{malformed:,} of {read:,} rows of {self.source} ({malformed / read:.0%}) are malformed"
                f" ({'; '.join(self._source.malformed_examples)}): check the delimiter and the header. To"
                f" exclude them, set max_unreadable above {malformed / read:.2f}."
            )
        for kind in ("dates", "amounts"):
            lost, given = int(counts[f"unreadable_{kind}"]), int(counts[kind])
            if lost > max(self._reading.max_unreadable * given, _FEW):
                raise InputError(
                    f"{lost:,} of {given:,} {kind} of {self.source} ({lost / given:.0%}) cannot be read:"
                    f" {self._reasons(search=True)}. To exclude them, set max_unreadable above"
                    f" {lost / given:.2f}."
                )

    def _describe_dates(self) -> None:
        if self.calendar:
            log.info(self.calendar)
        self._warn_of_ambiguous_days()
        if self.period_of_dates is not None:
            name = TIME_UNITS[self.period_of_dates].name
            log.warning(
                "all dates are the first day of a %s: rows are treated as aggregated by %s, and an end date"
                " means the end of its %s",
                name,
                name,
                name,
            )

    def _warn_of_ambiguous_days(self) -> None:
        """Warn if day and month could be exchanged in all dates; few dates, or months, prove nothing."""
        other = next(filter(None, map(swapped, self._reading.dates.formats)), None)
        if other and len(self) >= _ENOUGH_DATES and 1 < self._used["last_day"].max() <= 12:
            log.warning("no day of %s is above 12: %r reads it too", self.columns.date, other)

    def _rows(self, rule: str) -> int:
        return int(self._rules["rows"][rule])

    def _reasons(self, search: bool = False) -> str:
        """For example ``3 without customer id, 2 with an unreadable date (such as '31.1.97')``.

        With ``search`` the format that would read the dates is searched for.
        """
        counted = [(rule, int(self._rules["set_aside"][rule.name])) for rule in self._counted_rules]
        reasons = {rule.name: f"{rows:,} {rule.description}" for rule, rows in counted if rows}
        dates = self._groups["bad_date_example"].dropna()
        if "bad_date" in reasons:
            facts = []
            if len(dates):
                way_out = self._date_advice(min(dates)) if search else usual_advice(min(dates))
                facts = [f"such as {min(dates)!r}", way_out]
            reasons["bad_date"] += _in_parentheses(*facts, self._places("date"))
        amounts = self._groups["bad_amount_example"].dropna()
        if "bad_amount" in reasons:
            facts = []
            if len(amounts):
                facts = [f"such as {min(amounts)!r}", "write plain numbers, as in 1234.50"]
            reasons["bad_amount"] += _in_parentheses(*facts, self._places("amount"))
        if "bad_row" in reasons:
            reasons["bad_row"] += f" ({'; '.join(self._source.malformed_examples)})"
        return ", ".join(reasons.values())

    def _places(self, value: str) -> str:
        """The places of the first rows whose date, or amount, cannot be read."""
        when = self._cells[self.columns.date]
        sql = self._money()[0] if value == "amount" else when.as_date(self._reading.dates)
        who = self._cells[self.columns.customer].as_id()
        places = first_places(self.engine, self._source, f"({sql}) IS NULL AND ({who}) IS NOT NULL")
        return places and f"first in {places}"

    def _date_advice(self, example: str) -> str:
        text = self._cells[self.columns.date].as_text()
        read = int(self._groups["dates"].sum() - self._groups["unreadable_dates"].sum())
        return advice(self.engine, text, example, read, self._reading.dates.formats)


def _in_parentheses(*facts: str) -> str:
    """The facts that are known, as a parenthesis; empty if none is."""
    known = "; ".join(filter(None, facts))
    return f" ({known})" if known else ""


def _group_without_cells(groups: pd.DataFrame) -> pd.DataFrame:
    """A group of rows none of whose cells are known, in the types of the others."""
    one = pd.DataFrame(index=[0], columns=groups.columns)
    numbers = groups.select_dtypes(["number", "bool"]).columns
    return one.assign(**dict.fromkeys(numbers, 0)).astype(groups.dtypes)


def _with_amount(columns: Columns, default: str | None, names: Sequence[str], label: str) -> Columns:
    """The columns with the default one of amounts, if none is named and the source may have amounts."""
    if columns.money or default is None:
        return columns
    if set(names) <= set(columns.named):
        log.warning(
            "%s has no amounts: purchases are counted, and customers have no monetary_value or total_spend",
            label,
        )
        return columns
    return dataclasses.replace(columns, amount=default)
