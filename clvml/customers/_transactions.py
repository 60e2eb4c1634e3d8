"""A checked table of purchases: who bought, when, for how much.

Rows are typed (customer, date, amount), then judged by a policy, all as SQL views over the source, so
that a file is scanned for each question and never held in memory. Days are the shop's: moments with a
time zone are read on its calendar (or that of ``timezone``), dates without one are taken as they stand.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import html
import logging
import math
import zoneinfo
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import pandas as pd

from clvml.customers._cells import DateReading, cell_of
from clvml.customers._policy import RULES
from clvml.customers._policy import TransactionPolicy as TransactionPolicy
from clvml.customers._purchases import END_OF_TIME, PERIODS, Purchases, check_collapse, period_start
from clvml.customers._time_units import TIME_UNITS, as_written, time_unit_of
from clvml.customers.engines import DuckDB, Engine
from clvml.customers.engines._files import NotUtf8, files_of, read_other_encoding
from clvml.errors import InputError

log = logging.getLogger("clvml")

LARGEST_AMOUNT = 1e15
# Periods that rows may be sums of, longest first, and how many distinct dates it takes to say so.
_SUMMED = {"Y": 3, "Q": 3, "M": 4, "W": 8}


@dataclasses.dataclass(frozen=True)
class Columns:
    """Which column of the source plays which part; amount, or else quantity and price."""

    customer: str
    date: str
    amount: str | None = None
    quantity: str | None = None
    price: str | None = None
    category: str | None = None

    @property
    def money(self) -> tuple[str, ...]:
        """The columns of which an amount is the product."""
        return tuple(name for name in (self.amount, self.quantity, self.price) if name is not None)

    @property
    def named(self) -> tuple[str, ...]:
        """All columns that play a part."""
        return tuple(name for name in dataclasses.astuple(self) if name is not None)


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
    label: str | None = None,
) -> Transactions:
    """Read and check a table of purchases, one row a purchase or a line of one.

    Parameters
    ----------
    source : path, list of paths, or frame
        CSV or Parquet by path or glob (``.csv.gz`` too); a pandas, polars or Arrow table.
    customer, date : str
        Columns of the customer id and the date. Ids are integers where all are whole numbers (in a
        CSV: where none has leading zeros), and otherwise text without surrounding blanks.
    amount : str, optional
        Column of the money spent. Default ``"amount"``, unless ``quantity`` and ``price`` are given.
    quantity, price : str, optional
        Columns whose product is the money spent.
    policy : TransactionPolicy, optional
        What to do with missing ids, bad dates and amounts, returns, zeros and duplicates.
    date_format : str or list of str, optional
        How dates in text are written, as ``"%d/%m/%Y %H:%M"``; of several, the first that fits.
        Without it, ISO dates and ``19970131`` are read; ``12/1/2010`` is not: it has two readings.
    timezone : str, optional
        The shop's time zone, as ``"America/New_York"``: dates with a zone or an offset from UTC are read on
        its calendar, daylight saving included. Default: the calendar of the zone that a column carries,
        and of text the time as written. Dates without a zone are the shop's already.
    date_unit, date_origin : {"D", "W", "M", "Q", "Y"} and date, optional
        For dates that are numbers of days, weeks, months, quarters or years: which, and the date of
        number 0. Weeks numbered from 1, the first of which began on 2016-01-04, have the origin
        ``"2015-12-28"``.
    category : str, optional
        A column that divides purchases: brand, product class or retailer, for `BrandSwitchingValue`.
    memory_limit : str, optional
        Memory that the engine may take, as ``"2GB"``; beyond it, it spills to the temporary folder.
    label : str, optional
        What to call the source in messages and reports. Default: its path, or what kind of frame it is.

    Returns
    -------
    Transactions
        Lazy over the source: a file must stay where it is.

    Raises
    ------
    InputError
        If the source cannot be read or is empty, a column is missing, the policy forbids what is found, or no
        row can be used.

    Examples
    --------
    >>> import pandas as pd
    >>> sales = pd.DataFrame({"who": ["a", "a", None], "on": "1997-01-31", "qty": [1, 2, 3], "each": 9.5})
    >>> read_transactions(sales, customer="who", date="on", quantity="qty", price="each")
    Transactions(2 of 3 rows used, 1997-01-31 to 1997-01-31, from a pandas DataFrame)
    """
    columns = Columns(customer, date, *_money_columns(amount, quantity, price), category)
    formats = (date_format,) if isinstance(date_format, str) else tuple(date_format or ())
    reading = DateReading(formats, checked_timezone(timezone), *_numbering(date_unit, date_origin))
    policy = TransactionPolicy() if policy is None else policy
    try:
        return Transactions(source, columns, policy, reading, DuckDB(memory_limit), label)
    except NotUtf8:
        frame, encoding = read_other_encoding(files_of(source))
        log.warning("%s is not in UTF-8 and is read as %s", source, encoding)
        return Transactions(frame, columns, policy, reading, DuckDB(memory_limit), label or str(source))


def as_transactions(transactions: Any) -> Transactions:
    """Transactions as they are; anything else is read with the default column names."""
    if isinstance(transactions, Transactions):
        return transactions
    return read_transactions(transactions)


class Transactions:
    """Purchases that passed the policy, and the count of those that did not.

    Made by `read_transactions`. ``len()`` is the number of rows used. Every question scans the source
    again; nothing is held in memory but the counts.

    Attributes
    ----------
    policy : TransactionPolicy
    engine : Engine
        Holds the rows; its view ``used`` has ``customer_id, date, amount, is_return`` and, where one was
        named, ``category``.
    source : str
        Where the rows are from: a path, or the kind of frame.
    first_date, last_date : pandas.Timestamp
        Of the rows used.
    """

    def __init__(
        self,
        source: Any,
        columns: Columns,
        policy: TransactionPolicy,
        reading: DateReading,
        engine: Engine,
        label: str | None = None,
    ) -> None:
        self.policy = policy
        self.columns = columns
        self.engine = engine
        self._source = engine.open(source)
        self.source = label or self._source.label
        self._reading = reading
        self._cells = {name: cell_of(engine, self._source, name) for name in columns.named}
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
    def decimals(self) -> int:
        """Digits after the point that sums of money keep.

        Sums run in decimals: they are exact, do not depend on the order of rows, and a return takes
        back precisely what was paid. A float tells 15 digits apart, before and after the point.
        """
        largest = self._used["largest_amount"].max()
        return min(max(14 - math.floor(math.log10(largest)), 8), 22) if largest else 8

    @cached_property
    def report(self) -> pd.DataFrame:
        """What was read, doubted, set aside and used: one row a rule, between the rows ``read`` and ``used``.

        ``rows`` counts all rows that the rule speaks of, kept or not, ``spend`` is their money, and
        ``set_aside`` counts the rows that it is the first rule to drop, so that ``read`` is ``used`` plus
        what the rules set aside. Where returns are netted, a last row ``unattributed_returns`` has the
        money, of that used, of returns that belong to no purchase, by days.
        """
        report = self._rules.copy()
        if self.policy.nets_returns:
            report.loc["unattributed_returns"] = [self.policy.returns, *self._unattributed_returns()]
        return report

    def purchases(
        self,
        collapse: str | None = "D",
        until: pd.Timestamp = END_OF_TIME,
        known_until: pd.Timestamp | None = None,
    ) -> Purchases:
        """The purchases that the rows used make, as a lazy relation.

        Parameters
        ----------
        collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
            Rows of a customer within one such period are one purchase; None: rows of one time stamp.
        until, known_until : pandas.Timestamp
            Moments as of which returns are known; see `Purchases`.

        Raises
        ------
        InputError
            If ``collapse`` is no period.
        """
        check_collapse(collapse)
        return Purchases(self, collapse, until, until if known_until is None else known_until)

    @property
    def calendar(self) -> str:
        """On which calendar dates with a time zone were read, in a sentence; empty where none has one."""
        when, timezone = self._cells[self.columns.date], self._reading.timezone
        if when.kind == "instant":
            return f"times of purchase are read on the calendar of {timezone or when.zone or 'UTC'}"
        if not self._used["offsets"].any():
            return ""
        if timezone is not None:
            return f"times of purchase are read on the calendar of {timezone}"
        return "times of purchase are read as written, without their offsets from UTC"

    @cached_property
    def period_of_dates(self) -> str | None:
        """The period of which all dates are starts, so that rows are taken as its sums; usually none."""
        ends = (self.first_date, self.last_date)
        fits = [period for period in _SUMMED if all(end == end.to_period(period).start_time for end in ends)]
        if not fits:
            return None
        starts = (f"bool_and(date = {period_start('date', period)}) AS starts_{period}" for period in fits)
        found = self.engine.frame(f"SELECT count(DISTINCT date) AS n, {', '.join(starts)} FROM used").iloc[0]
        # Chance is ruled out by their number: one date in seven is a Monday, one in thirty begins a month.
        enough = (period for period in fits if found[f"starts_{period}"] and found["n"] >= _SUMMED[period])
        return next(enough, None)

    def effective_collapse(self, collapse: str | None) -> str | None:
        """The period asked for, or the longer one of which all dates are starts."""
        check_collapse(collapse)
        if (
            self.period_of_dates is None
            or collapse in tuple(PERIODS)[tuple(PERIODS).index(self.period_of_dates) :]
        ):
            return collapse
        return self.period_of_dates

    def to_pandas(self) -> pd.DataFrame:
        """The rows used, as ``customer_id, date, amount`` (and ``category``), in that order."""
        names = "customer_id, date, amount" + (", category" if self.columns.category else "")
        return self.engine.frame(f"SELECT {names} FROM used ORDER BY {names}")

    def set_aside(self) -> pd.DataFrame:
        """The rows not used, as they stand in the source (times in UTC), with the ``reason``."""
        # Without time zones: to show them, the engine would need a package that pandas no longer brings.
        shown = ", ".join(
            f"CAST(c{i} AS TIMESTAMP) AS c{i}" if column.kind == "instant" else f"c{i}"
            for i, column in enumerate(self._source.columns)
        )
        frame = self.engine.frame(f"SELECT {shown}, reason FROM judged WHERE reason IS NOT NULL")
        return frame.set_axis([*self._source.names, "reason"], axis=1)

    def with_matching_ids(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table with ``customer_id`` as a column of the type that the ids here have."""
        table = table if "customer_id" in table else table.rename_axis("customer_id").reset_index()
        ids = table["customer_id"]
        if not self._has_whole_ids:
            return table.assign(customer_id=ids.astype(object).map(str, na_action="ignore").astype("str"))
        if pd.api.types.is_integer_dtype(ids.dtype):
            return table
        return table.assign(customer_id=pd.to_numeric(ids.astype(object), errors="coerce").astype(float))

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
        """From the source's cells to typed columns, to a reason for each row."""
        who, when = self._cells[self.columns.customer], self._cells[self.columns.date]
        # No clock on earth is further ahead than UTC+14: what is later than that is not yet.
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(hours=14)
        money, returned = self._money()
        cells = self._source.cells
        window = f"row_number() OVER (PARTITION BY {cells} ORDER BY c0) > 1"
        is_copy = window if self.policy.duplicates == "drop" else "FALSE"
        category = self._cells[self.columns.category].as_id() if self.columns.category else "NULL"
        self.engine.create_view(
            "typed",
            f"SELECT *, {who.as_id()} AS raw_id, {when.as_date(self._reading)} AS date,"
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
        """The SQL of the amount, and of whether a row is a return."""
        factors = [self._cells[name].as_number() for name in self.columns.money]
        value = " * ".join(factors)
        returned = "amount < 0" if len(factors) == 1 else f"amount < 0 OR {factors[0]} < 0"
        return f"CASE WHEN abs({value}) < {LARGEST_AMOUNT} THEN {value} END", returned

    def _count_by_rule(self) -> pd.DataFrame:
        """One scan that counts rows by what is doubtful about them: a few groups, each with its figures."""
        who, when = self._cells[self.columns.customer], self._cells[self.columns.date]
        doubts = ", ".join(f"coalesce({rule.condition}, FALSE) AS {rule.name}" for rule in RULES)
        money = " || ' x ' || ".join(self._cells[name].as_text() for name in self.columns.money)
        # Decimals, because a sum of floats depends on the order in which threads finish.
        groups = self.engine.frame(
            f"SELECT reason, {doubts}, count(*) AS rows, min(date) AS first_date, max(date) AS last_date,"
            " coalesce(CAST(sum(CAST(amount AS DECIMAL(28, 8))) AS DOUBLE), 0) AS spend,"
            " coalesce(max(abs(amount)), 0) AS largest_amount,"
            f" bool_and({who.is_whole()}) AS whole_ids, bool_or({when.has_offset()}) AS offsets,"
            f" min(CASE WHEN date IS NULL THEN {when.as_text()} END) AS bad_date_example,"
            f" min(CASE WHEN amount IS NULL THEN {money} END) AS bad_amount_example"
            " FROM judged GROUP BY ALL ORDER BY ALL"
        )
        groups["used"] = groups["reason"].isna()
        return groups

    @property
    def _has_whole_ids(self) -> bool:
        return bool(self._used["whole_ids"].all()) and len(self._used) > 0

    def _create_used(self) -> None:
        """The view of the rows used; ids become integers if all of them can."""
        who = self._cells[self.columns.customer]
        identity = who.as_whole_id() if self._has_whole_ids else "CAST(raw_id AS STRING)"
        category = ", category" if self.columns.category else ""
        self.engine.create_view(
            "used",
            f"SELECT {identity} AS customer_id, date, amount, is_return{category}"
            " FROM judged WHERE reason IS NULL",
        )

    def _count_duplicates(self) -> tuple[int, float]:
        """Rows beyond the first of their kind, and their money."""
        found = self.engine.frame(
            "SELECT CAST(coalesce(sum(copies - 1), 0) AS BIGINT) AS copies,"
            " CAST(coalesce(sum(CAST((copies - 1) * amount AS DECIMAL(38, 8))), 0) AS DOUBLE) AS spend FROM"
            " (SELECT count(*) AS copies, any_value(amount) AS amount"
            f" FROM typed GROUP BY {self.engine.row_key(self._source.cells)} HAVING count(*) > 1)"
        )
        return int(found["copies"].iloc[0]), float(found["spend"].iloc[0])

    def _unattributed_returns(self) -> tuple[int, int, float]:
        """Periods with a return that belongs to no purchase, none set aside, and their money."""
        found = self.purchases().frame(
            "SELECT count(*) FILTER (WHERE unattributed <> 0) AS n,"
            " coalesce(CAST(sum(unattributed) AS DOUBLE), 0) AS spend FROM periods"
        )
        return int(found["n"].iloc[0]), 0, float(found["spend"].iloc[0])

    @cached_property
    def _rules(self) -> pd.DataFrame:
        seen, used = self._groups, self._groups[self._groups["used"]]
        read, kept = int(seen["rows"].sum()), int(used["rows"].sum())
        lines = [("read", "", read, read - kept, float(seen["spend"].sum()))]
        for rule in RULES:
            doubted, set_aside = seen[seen[rule.name]], seen[seen["reason"] == rule.name]
            rows, spend = int(doubted["rows"].sum()), float(doubted["spend"].sum())
            if rule.name == "duplicates" and self.policy.duplicates != "drop":
                rows, spend = self._count_duplicates()
            spend = float("nan") if rule.name == "bad_amount" else spend
            lines.append((rule.name, self.policy.choice(rule), rows, int(set_aside["rows"].sum()), spend))
        lines.append(("used", "", kept, 0, float(used["spend"].sum())))
        return pd.DataFrame(lines, columns=["rule", "policy", "rows", "set_aside", "spend"]).set_index("rule")

    def _raise_or_warn(self) -> None:
        """Raise where the policy says so or nothing is left; otherwise say once what was set aside."""
        read, used = self._rows("read"), len(self)
        if read == 0:
            raise InputError(f"{self.source} has columns but no rows: there is no purchase to look at.")
        for rule in RULES:
            rows = self._rows(rule.name)
            if rows and self.policy.choice(rule) == "error":
                raise InputError(
                    f"{self.source} has {rows:,} of {read:,} rows {rule.says}, which {rule.name}='error'"
                    " forbids: mend them, or choose another policy."
                )
        if used == 0:
            raise InputError(f"none of the {read:,} rows of {self.source} can be used: {self._reasons()}.")
        if used < read:
            left_out = f"{read - used:,} of {read:,}"
            log.warning("set aside %s rows of %s: %s", left_out, self.source, self._reasons())

    def _describe_dates(self) -> None:
        if self.calendar:
            log.info(self.calendar)
        if self.period_of_dates is not None:
            name = TIME_UNITS[self.period_of_dates].name
            log.warning(
                "all dates are first days of a %s: rows are taken as sums by %s, and an end means the end of"
                " its %s",
                name,
                name,
                name,
            )

    def _rows(self, rule: str) -> int:
        return int(self._rules["rows"][rule])

    def _reasons(self) -> str:
        """For example ``3 without customer id, 2 with an unreadable date (such as '31.1.97')``."""
        counted = [(rule, int(self._rules["set_aside"][rule.name])) for rule in RULES]
        said = {rule.name: f"{rows:,} {rule.says}" for rule, rows in counted if rows}
        examples = self._groups["bad_date_example"].dropna()
        if "bad_date" in said and len(examples):
            said["bad_date"] += f" (such as {examples.iloc[0]!r}; {_date_advice(examples.iloc[0])})"
        examples = self._groups["bad_amount_example"].dropna()
        if "bad_amount" in said and len(examples):
            said["bad_amount"] += f" (such as {examples.iloc[0]!r}; write plain numbers, as in 1234.50)"
        return ", ".join(said.values())


def _money_columns(
    amount: str | None, quantity: str | None, price: str | None
) -> tuple[str | None, str | None, str | None]:
    if (quantity is None) != (price is None):
        lone, other = ("quantity", "price") if price is None else ("price", "quantity")
        raise InputError(f"{lone} is given without {other}: give both columns, or amount.")
    if amount is not None and quantity is not None:
        raise InputError("amount and quantity x price are both given: give one of the two.")
    return ("amount" if amount is None and quantity is None else amount), quantity, price


def _date_advice(example: str) -> str:
    if example.isdigit() and len(example) < 6:
        return "numbers of days, weeks or months need date_unit and date_origin"
    return "date_format tells how dates are written"


def _numbering(unit: str | None, origin: Any) -> tuple[str | None, pd.Timestamp | None]:
    if (unit is None) != (origin is None):
        raise InputError("date_unit and date_origin go together: the unit of numbered dates, and when 0 was.")
    if unit is None:
        return None, None
    return time_unit_of(unit).code, as_written(origin, "date_origin")


def checked_timezone(timezone: str | None) -> str | None:
    """The name of a time zone, if there is one of that name.

    Raises
    ------
    InputError
        If there is none.
    """
    try:
        return None if timezone is None else zoneinfo.ZoneInfo(timezone).key
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise InputError(
            f"timezone is {timezone!r}; give a name of the IANA database, as in 'America/New_York' or 'UTC'."
        ) from None
