"""A checked table of purchases: who bought, when, for how much.

Rows are typed (customer, date, amount), then judged by a policy, all as SQL views over the source, so
that a file is scanned for each question and never held in memory. Dates with a time zone become UTC; dates
without one are taken as they stand.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import html
import logging
import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from clvml.customers.cells import Cell, cell_of
from clvml.customers.policy import RULES
from clvml.customers.policy import TransactionPolicy as TransactionPolicy
from clvml.customers.sources import NotUtf8, connect, open_source, query, read_other_encoding
from clvml.errors import InputError

log = logging.getLogger("clvml")

LARGEST_AMOUNT = 1e15


@dataclasses.dataclass(frozen=True)
class Columns:
    """Which column of the source plays which part; amount, or else quantity and price."""

    customer: str
    date: str
    amount: str | None
    quantity: str | None
    price: str | None


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
    columns = Columns(customer, date, *_money_columns(amount, quantity, price))
    formats = [date_format] if isinstance(date_format, str) else list(date_format or [])
    policy = TransactionPolicy() if policy is None else policy
    try:
        return Transactions(source, columns, policy, formats, memory_limit, label)
    except NotUtf8:
        frame, encoding = read_other_encoding(source)
        log.warning("%s is not in UTF-8 and is read as %s", source, encoding)
        return Transactions(frame, columns, policy, formats, memory_limit, label or str(source))


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
    report : pandas.DataFrame
        One row a rule, between the rows ``read`` and ``used``. ``rows`` counts all rows that the rule
        speaks of, kept or not, ``spend`` is their money, and ``set_aside`` counts the rows that it
        is the first rule to drop, so that ``read`` is ``used`` plus what the rules set aside.
    first_date, last_date : pandas.Timestamp
        Of the rows used.
    """

    def __init__(
        self,
        source: Any,
        columns: Columns,
        policy: TransactionPolicy,
        date_formats: list[str],
        memory_limit: str | None = None,
        label: str | None = None,
    ) -> None:
        self.policy = policy
        self._connection = connect(memory_limit)
        self._source = open_source(self._connection, source)
        self._label = label or self._source.label
        self._create_views(columns, date_formats)
        self._groups = self._look_over()
        self._used = self._groups[self._groups["used"]]
        self.report = self._make_report()
        self._speak_up()
        self._create_used()

    @property
    def source(self) -> str:
        """Where the rows are from: a path, or the kind of frame."""
        return self._label

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

    def to_pandas(self) -> pd.DataFrame:
        """The rows used, as ``customer_id, date, amount``, in that order."""
        return self.frame("SELECT customer_id, date, amount FROM used ORDER BY ALL")

    def set_aside(self) -> pd.DataFrame:
        """The rows not used, as they stand in the source (times in UTC), with the ``reason``."""
        # Without time zones: to show them, the engine would need a package that pandas no longer brings.
        shown = ", ".join(
            f"CAST(c{i} AS TIMESTAMP) AS c{i}" if "TIME ZONE" in kind else f"c{i}"
            for i, kind in enumerate(self._source.types)
        )
        frame = self.frame(f"SELECT {shown}, reason FROM judged WHERE reason IS NOT NULL")
        return frame.set_axis([*self._source.columns, "reason"], axis=1)

    def frame(self, sql: str) -> pd.DataFrame:
        """The result of a query on the view ``used (customer_id, date, amount, is_return)``."""
        return query(self._connection, sql).df()

    def execute(self, sql: str) -> Any:
        """Run a statement on the engine and return its cursor."""
        return query(self._connection, sql)

    def __len__(self) -> int:
        return self._rows("used")

    def __repr__(self) -> str:
        return (
            f"Transactions({len(self):,} of {self._rows('read'):,} rows used,"
            f" {self.first_date:%Y-%m-%d} to {self.last_date:%Y-%m-%d}, from {self.source})"
        )

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>{self.report.to_html()}"

    def _create_views(self, columns: Columns, date_formats: list[str]) -> None:
        """From the source's cells to typed columns, to a reason for each row, to the rows used."""
        part = {
            name: cell_of(self._source, name) for name in dataclasses.astuple(columns) if name is not None
        }
        who, when = part[columns.customer], part[columns.date]
        # No clock on earth is further ahead than UTC+14: what is later than that is not yet.
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(hours=14)
        money, returned = _money(part, columns)
        all_columns = ", ".join(f"c{i}" for i in range(len(self._source.columns)))
        window = f"row_number() OVER (PARTITION BY {all_columns}) > 1"
        is_copy = window if self.policy.duplicates == "drop" else "FALSE"
        self.execute(
            f"CREATE VIEW typed AS SELECT *, {who.as_id()} AS raw_id, {when.as_date(date_formats)} AS date,"
            f" {money} AS amount, {is_copy} AS is_copy FROM source"
        )
        self.execute(
            "CREATE VIEW doubted AS SELECT *, raw_id AS customer_id,"
            f" coalesce({returned}, FALSE) AS is_return,"
            f" date > TIMESTAMP '{now}' AS is_future FROM typed"
        )
        self.execute(f"CREATE VIEW judged AS SELECT *, {self.policy.reason()} AS reason FROM doubted")
        self._cells = columns, part

    def _look_over(self) -> pd.DataFrame:
        """One scan that counts rows by what is doubtful about them: a few groups, each with its figures."""
        columns, part = self._cells
        doubts = ", ".join(f"coalesce({rule.condition}, FALSE) AS {rule.name}" for rule in RULES)
        # Decimals, because a sum of floats depends on the order in which threads finish.
        groups = self.frame(
            f"SELECT reason, {doubts}, count(*) AS rows, min(date) AS first_date, max(date) AS last_date,"
            " coalesce(CAST(sum(CAST(amount AS DECIMAL(28, 8))) AS DOUBLE), 0) AS spend,"
            " coalesce(max(abs(amount)), 0) AS largest_amount,"
            f" bool_and({part[columns.customer].is_whole()}) AS whole_ids,"
            f" count(*) FILTER ({part[columns.customer].looks_missing()}) AS doubtful_ids,"
            f" min(CAST(raw_id AS VARCHAR)) FILTER ({part[columns.customer].looks_missing()}) AS doubtful_id,"
            f" min(CASE WHEN date IS NULL THEN {part[columns.date].as_text()} END) AS bad_date_example,"
            f" min(CASE WHEN amount IS NULL THEN {_money_text(part, columns)} END) AS bad_amount_example"
            " FROM judged GROUP BY ALL ORDER BY ALL"
        )
        groups["used"] = groups["reason"].isna()
        return groups

    def _create_used(self) -> None:
        """The view of the rows used; ids become integers if all of them can."""
        columns, part = self._cells
        whole = bool(self._used["whole_ids"].all()) and len(self._used) > 0
        identity = part[columns.customer].as_whole_id() if whole else "CAST(raw_id AS VARCHAR)"
        self.execute(
            f"CREATE VIEW used AS SELECT {identity} AS customer_id, date, amount, is_return"
            " FROM judged WHERE reason IS NULL"
        )

    def _count_duplicates(self) -> tuple[int, float]:
        """Rows beyond the first of their kind, and their money."""
        cells = ", ".join(f"c{i}" for i in range(len(self._source.columns)))
        copies, spend = self.execute(
            "SELECT CAST(coalesce(sum(copies - 1), 0) AS BIGINT),"
            " CAST(coalesce(sum(CAST((copies - 1) * amount AS DECIMAL(38, 8))), 0) AS DOUBLE) FROM"
            " (SELECT count(*) AS copies, any_value(amount) AS amount"
            f" FROM typed GROUP BY hash({cells}) HAVING count(*) > 1)"
        ).fetchone()
        return copies, spend

    def _make_report(self) -> pd.DataFrame:
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

    def _speak_up(self) -> None:
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
        doubtful = int(self._used["doubtful_ids"].sum())
        if doubtful:
            log.warning(
                "%s rows of %s have a customer id such as %r, which is taken as a name: where it stands for a"
                " missing id, leave the cell empty",
                f"{doubtful:,}",
                self.source,
                self._used["doubtful_id"].dropna().iloc[0],
            )

    def _rows(self, rule: str) -> int:
        return int(self.report["rows"][rule])

    def _reasons(self) -> str:
        """For example ``3 without customer id, 2 with an unreadable date (such as '31.1.97')``."""
        counted = [(rule, int(self.report["set_aside"][rule.name])) for rule in RULES]
        said = {rule.name: f"{rows:,} {rule.says}" for rule, rows in counted if rows}
        examples = self._groups["bad_date_example"].dropna()
        if "bad_date" in said and len(examples):
            said["bad_date"] += f" (such as {examples.iloc[0]!r}; date_format tells how dates are written)"
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


def _money_text(part: dict[str, Cell], columns: Columns) -> str:
    """The SQL of the money as it stands in the source."""
    names = [name for name in (columns.amount, columns.quantity, columns.price) if name is not None]
    return " || ' x ' || ".join(part[name].as_text() for name in names)


def _money(part: dict[str, Cell], columns: Columns) -> tuple[str, str]:
    """The SQL of the amount, and of whether a row is a return."""
    if columns.amount is not None:
        value, returned = part[columns.amount].as_number(), "amount < 0"
    else:
        assert columns.quantity is not None
        assert columns.price is not None
        quantity = part[columns.quantity].as_number()
        value, returned = f"{quantity} * {part[columns.price].as_number()}", f"amount < 0 OR {quantity} < 0"
    return f"CASE WHEN abs({value}) < {LARGEST_AMOUNT} THEN {value} END", returned
