"""The first stage: read the purchases, and account for every row that was set aside."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

import pandas as pd
from pydantic import Field, field_serializer, model_validator

from clvml._secrets import without_password
from clvml.customers._datasets import load_cdnow
from clvml.customers._formula_escapes import with_escapes
from clvml.customers._policy import BAD_ROW, RULES, TransactionPolicy
from clvml.customers._reading_options import MAX_UNREADABLE
from clvml.customers._transactions import Transactions, read_transactions
from clvml.customers.engines._files import is_stdin
from clvml.customers.engines._logins import is_url
from clvml.customers.engines._sources import source_of
from clvml.customers.engines._spark_session import check_available, is_catalog_name
from clvml.errors import InputError
from clvml.workflow._estimates import LARGE, describe
from clvml.workflow._findings import ALL, Finding, Table, Tags, Words
from clvml.workflow._formatting import Column
from clvml.workflow._section import Section
from clvml.workflow._stage import Context, Stage

BUILT_IN = ("cdnow", "cdnow-master")

REPORT_COLUMNS = {
    "policy": Column("policy"),
    "rows": Column("rows", "{:,}"),
    "set_aside": Column("set aside", "{:,}"),
    "spend": Column("money", "{:,.2f}"),
}


WITHOUT_MONEY = {name: column for name, column in REPORT_COLUMNS.items() if name != "spend"}


class PolicySection(Section):
    """What to do with rows that may not be purchases: the choices of `clvml.TransactionPolicy`."""

    missing_customer: Literal["drop", "error"] = "drop"
    """Rows without a customer id: drop or error."""
    bad_date: Literal["drop", "error"] = "drop"
    """Rows without a readable date: drop or error."""
    bad_amount: Literal["drop", "error"] = "drop"
    """Rows without a readable amount: drop or error."""
    future_date: Literal["drop", "keep", "error"] = "drop"
    """Rows dated after today: drop, keep or error."""
    returns: Literal["drop", "net", "net_period", "keep", "error"] = "drop"
    """Negative amounts: drop; net (taken off the latest purchase before); net_period (netted within the
    period of purchases only); keep (as losses); or error."""
    zero_amount: Literal["keep", "drop", "error"] = "keep"
    """Purchases with an amount of zero: keep, drop or error."""
    duplicates: Literal["keep", "drop", "error"] = "keep"
    """Rows equal in every column: keep, drop or error."""
    bad_row: Literal["error", "drop"] = "error"
    """Malformed rows of a CSV file, such as one with a cell too many: error (names the line) or drop."""


class DataSection(Section):
    """The source of the purchases, the names of its columns, and how its cells are read."""

    source: str = "cdnow"
    """CSV, Parquet or Excel file of purchases, one per row, relative to this file; a folder; or "cdnow". Of a
    database: its connection string, better without a password (set PGPASSWORD), with table or query."""
    table: str | None = None
    """Table or view of a database, such as "schema.sales"."""
    query: str | None = None
    """SELECT statement to a database, in place of table."""
    customer: str = "customer_id"
    """Column with the customer id."""
    date: str = "date"
    """Column with the date or time of the purchase."""
    amount: str | None = None
    """Column with the amount of money. Default: "amount", where no quantity and price are named."""
    quantity: str | None = None
    """Column with the quantity; an amount is then quantity x price."""
    price: str | None = None
    """Column with the unit price; needs quantity."""
    purchases_only: bool = False
    """The purchases have no amounts: predict purchases, or their value at the price in [value]."""
    date_format: str | None = None
    """Format of dates written as text, such as %d/%m/%Y; "excel" for serial numbers of a spreadsheet."""
    timezone: str | None = None
    """Time zone of the shop, such as America/New_York, whose days count. Default: that of the data."""
    date_unit: Literal["D", "W", "M", "Q", "Y"] | None = None
    """Unit of numbered dates, such as "W" for weeks 1 to 104; needs date_origin."""
    date_origin: dt.date | None = None
    """The date of number 0: of weeks 1 to 104, the day one week before the first began."""
    decimal: Literal[".", ","] | None = None
    """Decimal separator of amounts in text, such as 1.250,56 €. Default: as the column shows."""
    thousands: Literal[".", ",", " ", "'", ""] | None = None
    """Thousands separator of amounts in text. Default: any but the decimal separator."""
    max_unreadable: float = Field(default=MAX_UNREADABLE, ge=0, le=1)
    """Share of dates, or of amounts, that may be unreadable; a larger one stops the run."""
    sheet: str | int | None = None
    """Sheet of an Excel workbook, by name or number. Default: the first."""
    engine: Literal["duckdb", "spark"] = "duckdb"
    """Where transactions are read and summarised: duckdb, in this process, or spark: the Spark that
    spark-submit or the environment names, or a local one. With spark, source may also be a URL (hdfs://, s3a://)
    or a table of its catalog. Models are compared and fitted in this process."""
    memory_limit: str | None = None
    """Memory of the data engine, such as "2GB"; beyond it, it uses the disk."""
    temp_directory: str | None = None
    """Folder on that disk for data beyond the memory limit. Default: the system's temporary folder."""
    bad_rows_to: str | None = None
    """CSV file for the malformed rows that bad_row = "drop" sets aside, with file, line and reason; they may
    be personal data. Default: they are counted and written nowhere."""
    policy: PolicySection = PolicySection()

    @field_serializer("source")
    def _without_password(self, source: str) -> str:
        return shown_source(source)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Without a password."""
        return iter(self.model_dump().items())

    @property
    def shown(self) -> str:
        """The source without a password, for reports and tags."""
        return shown_source(self.source)

    @property
    def is_built_in(self) -> bool:
        """Whether the source is a data set included in clvml."""
        return self.source in BUILT_IN

    @model_validator(mode="after")
    def _bad_rows_are_dropped(self) -> Self:
        if self.bad_rows_to is not None and self.policy.bad_row != "drop":
            raise ValueError("gives bad_rows_to, which needs [data.policy] bad_row = 'drop'")
        return self

    @model_validator(mode="after")
    def _limits_are_of_duckdb(self) -> Self:
        limits = [name for name in ("memory_limit", "temp_directory") if getattr(self, name) is not None]
        if self.engine == "spark" and limits:
            raise ValueError(
                f'gives {limits[0]}, which engine = "spark" does not use: set spark.driver.memory,'
                " spark.executor.memory and spark.local.dir where Spark starts"
            )
        return self

    @model_validator(mode="after")
    def _columns_fit_together(self) -> Self:
        if (self.quantity is None) != (self.price is None):
            raise ValueError("needs quantity and price together: an amount is quantity x price")
        if self.amount and self.quantity:
            raise ValueError("names amount as well as quantity and price: give one or the other")
        if self.purchases_only and (self.amount or self.quantity):
            raise ValueError(
                "names a column of amounts, which purchases_only leaves out: give one or the other"
            )
        given = {name for name, value in self if value != type(self).model_fields[name].default} - {"source"}
        if self.is_built_in and given:
            raise ValueError(
                f"gives {min(given)}, but {self.source!r} is built in and does not use it: name the source"
                " of your own table too (--transactions)"
            )
        return self


def shown_source(source: str) -> str:
    """A source without the password of a connection string."""
    return without_password(source) if is_url(source) else source


def check(context: Context) -> None:
    """Refuse a missing source."""
    data = context.config.data
    if data.is_built_in or is_stdin(data.source):
        return
    if data.engine == "spark":
        check_available()
    if is_url(data.source):
        source_of(data.source, data.table, data.query, data.engine)
        return
    if data.engine == "spark" and is_catalog_name(data.source):
        return
    if not Path(data.source).exists() and "*" not in data.source:
        raise InputError(
            f"there is no file {data.source}; give the path of a CSV, Parquet or Excel file of purchases"
            " (paths in a config are relative to its folder)."
        )


def find(context: Context) -> Iterator[Finding]:
    """The purchases, and the report of the rows set aside and why."""
    transactions = read(context.config.data)
    if not transactions.has_amounts:
        transactions = transactions.at_price(context.config.value.price or 1.0)
    context.put(transactions)
    if context.config.data.bad_rows_to is not None:
        write_bad_rows(transactions, context.config.data.bad_rows_to)
    report = transactions.report
    rows = report["rows"].to_dict()
    context.say(f"{rows['read']:,} rows read, {rows['used']:,} used")  # the rest is in the log
    if transactions.calendar:
        context.say(transactions.calendar)
    for rule in RULES:
        choice = transactions.policy.choice(rule)
        if rows[rule.name] and choice != "drop":
            context.say(f"included: {rows[rule.name]:,} {rule.description} ({rule.name} = {choice!r})")
    for sentence in estimates(context):
        context.say(sentence)
    if sentence := describe_price(context):
        context.say(sentence)
        yield Words(sentence, runs=())
    yield Tags({"source": context.config.data.shown}, runs=ALL)
    yield Table(
        "data_report",
        report,
        file="data_report.csv",
        columns=REPORT_COLUMNS if transactions.has_amounts else WITHOUT_MONEY,
        display=applied_rules(report),
    )
    yield Words(
        "Rows that may not be purchases, by rule, with the policy applied and the number of rows set aside.",
        style="note",
        runs=(),
    )


def read(data: DataSection) -> Transactions:
    """The purchases of the config's source."""
    if data.source == "cdnow":
        return load_cdnow()
    if data.source == "cdnow-master":
        return load_cdnow("master")
    policy = TransactionPolicy(**data.policy.model_dump())
    given = data.model_dump(exclude={"source", "policy", "bad_rows_to"})
    return read_transactions(data.source, policy=policy, **given)


def estimates(context: Context) -> list[str]:
    """What the stages to come will take, for a large log, and what they sample."""
    transactions, rows = context[Transactions], len(context[Transactions])
    if rows < min(LARGE.values()):
        return []
    counted = transactions.engine.frame("SELECT count(DISTINCT customer_id) AS customers FROM used")
    return describe(context.config, rows, int(counted["customers"].iloc[0]))


def write_bad_rows(transactions: Transactions, path: str) -> None:
    """Write the malformed rows that were set aside to a CSV file, without formulas for a spreadsheet.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    try:
        with_escapes(transactions.malformed_rows()).to_csv(path, index=False)
    except OSError as error:
        raise InputError(f"bad_rows_to is {path!r}, which cannot be written: {error.strerror}.") from None


def describe_price(context: Context) -> str:
    """What a purchase is worth, if the config or the lack of amounts decides; otherwise empty."""
    price, transactions = context.config.value.price, context[Transactions]
    if transactions.has_amounts:
        return (
            "" if price is None else f"models of purchases value each purchase at the given price, {price:g}."
        )
    if price is not None:
        return f"the purchases have no amounts: each is worth the given price, {price:g}."
    return (
        "the purchases have no amounts: expected purchases are compared, and every value counts purchases, in"
        " segments too. Give a price in [value] (--price-per-purchase) for values in money."
    )


def outcome_of(context: Context) -> str:
    """What is predicted, in a word: revenue, or purchases that have neither amounts nor a price."""
    known = context[Transactions].has_amounts or context.config.value.price is not None
    return "revenue" if known else "purchases"


def applied_rules(report: pd.DataFrame) -> pd.DataFrame:
    """The rows read and used, and between them the rules that applied to any row, by description."""
    descriptions = {rule.name: rule.description for rule in (*RULES, BAD_ROW)}
    met = report[(report["rows"] > 0) | ~report.index.isin(descriptions)]
    return met.rename(index=descriptions)


STAGE = Stage("Reading transactions", find, "Data", check)
