"""A column of the source, and the SQL that reads it as a customer id, a date or a number.

What cannot be read becomes NULL, and is judged later; nothing here drops a row.
"""

from __future__ import annotations

import dataclasses
import difflib
import re

import pandas as pd

from clvml.customers._ids import id_in_sql
from clvml.customers._time_units import INTERVALS
from clvml.customers.engines import Engine, Source
from clvml.customers.engines._engine import Kind
from clvml.errors import InputError

NUMBERS = ("integer", "whole", "decimal", "float")
OFFSET = r"\s*(Z|z|[+-]\d{2}(:?\d{2})?)$"


@dataclasses.dataclass(frozen=True)
class DateReading:
    """How dates are read: the formats of text, and the calendar of moments that carry a time zone.

    Parameters
    ----------
    formats : tuple of str
        For text and integers, tried in turn; ISO where there is none.
    timezone : str or None
        The zone whose calendar counts; None for the one that the data carry.
    unit, origin : str or None, pandas.Timestamp or None
        For dates that are numbers of days, weeks, months, ...: which, and the date of number 0.
    """

    formats: tuple[str, ...] = ()
    timezone: str | None = None
    unit: str | None = None
    origin: pd.Timestamp | None = None


@dataclasses.dataclass(frozen=True)
class Cell:
    """A column by its place in the view ``source``."""

    sql: str
    kind: Kind
    zone: str | None
    is_text_file: bool
    engine: Engine

    @property
    def is_number(self) -> bool:
        return self.kind in NUMBERS

    def as_text(self) -> str:
        return f"trim(CAST({self.sql} AS STRING))"

    def as_id(self) -> str:
        """The id, or NULL where it is missing: still a number where the column has numbers."""
        if self.kind == "float":  # NaN is larger than infinity
            return f"CASE WHEN abs({self.sql}) < CAST('Infinity' AS DOUBLE) THEN {self.sql} END"
        if self.is_number:
            return self.sql
        return id_in_sql(self.as_text())

    def is_whole(self) -> str:
        """Whether ``raw_id`` may be an integer: a CSV knows no types, the text of a frame stays text."""
        if self.kind == "integer":
            return "TRUE"
        if self.is_number:
            return "coalesce(TRY_CAST(raw_id AS BIGINT) = raw_id, FALSE)"
        if self.is_text_file:
            return self.engine.matches("raw_id", r"(0|-?[1-9]\d{0,17})(\.0+)?")
        return "FALSE"

    def as_whole_id(self) -> str:
        """``raw_id`` as an integer, where all of them are whole; ``17850.0`` is 17850."""
        return "CAST(raw_id AS BIGINT)" if self.is_number else "CAST(split_part(raw_id, '.', 1) AS BIGINT)"

    def as_number(self) -> str:
        if self.is_number:
            return f"CAST({self.sql} AS DOUBLE)"
        # The engine would read 1_000 as a thousand, as programmers do and tills do not.
        return f"CASE WHEN NOT contains({self.as_text()}, '_') THEN TRY_CAST({self.as_text()} AS DOUBLE) END"

    def as_date(self, reading: DateReading) -> str:
        """The timestamp on the shop's calendar, or NULL."""
        if self.kind in ("date", "timestamp"):
            return f"CAST({self.engine.finite_date(self.sql)} AS TIMESTAMP)"
        if self.kind == "instant":
            instant = self.engine.finite_date(self.sql)
            return self.engine.local_time(instant, reading.timezone or self.zone or "UTC")
        if reading.unit is not None:
            return self._numbered(reading.unit, str(reading.origin))
        text = f"CAST(TRY_CAST({self.sql} AS BIGINT) AS STRING)" if self.is_number else self.as_text()
        if reading.formats:
            return self.engine.parsed_date(text, reading.formats)
        return (
            # A year of four digits first: the engine would read '97-01-31' as a day of the year 97.
            f"CASE WHEN {self.engine.matches(f'substr({text}, 1, 5)', '[0-9]{4}[-/]')}"
            f" THEN {self._iso(text, reading.timezone)}"
            f" WHEN length({text}) = 8 THEN {self.engine.parsed_date(text, ('%Y%m%d',))} END"
        )

    def _numbered(self, unit: str, origin: str) -> str:
        number = self.as_number()
        is_whole = f"{number} = floor({number}) AND abs({number}) < 100000"
        return (
            f"CASE WHEN {is_whole} THEN"
            f" CAST(TIMESTAMP '{origin}' + CAST({number} AS INT) * INTERVAL {INTERVALS[unit]}"
            " AS TIMESTAMP) END"
        )

    def has_offset(self) -> str:
        """Whether a date in text says its offset from UTC, as in ``2024-01-31T10:00+01:00``."""
        if self.is_number or self.kind != "text":
            return "FALSE"
        # Cheap to see, and asked of every row: a Z, a plus, or a third minus.
        text = self.as_text()
        return " OR ".join(f"{text} LIKE '{like}'" for like in ("%Z", "%z", "%+%", "%-%-%-%", "%/%/%-%"))

    def _iso(self, text: str, timezone: str | None) -> str:
        """A date in ISO form; with an offset, the time as written, or as the clock of the zone has it."""
        plain = f"TRY_CAST({text} AS TIMESTAMP)"
        if self.is_number:
            return plain
        if timezone is None:
            local = f"TRY_CAST({self.engine.without(text, OFFSET)} AS TIMESTAMP)"
        else:
            local = self.engine.local_time(self.engine.parsed_instant(text), timezone)
        return f"CASE WHEN {self.has_offset()} THEN {local} ELSE {plain} END"


def cell_of(engine: Engine, source: Source, name: str) -> Cell:
    """The column with this name.

    Raises
    ------
    InputError
        If there is none; the message lists what there is and the closest name.
    """
    if name in source.names:
        place = source.names.index(name)
        column = source.columns[place]
        return Cell(f"c{place}", column.kind, column.zone, source.is_text_file, engine)
    folded = {column.lower(): column for column in source.names}
    close = difflib.get_close_matches(str(name).lower(), folded, n=1)
    hint = _likely_cause(source.names) or (
        f" The closest is {folded[close[0]]!r}." if close else _way_out(name)
    )
    raise InputError(
        f"{source.label} has no column {name!r}; it has {', '.join(map(repr, source.names))}.{hint}"
    )


def _way_out(name: str) -> str:
    """What to do where no column is like the one that is missing."""
    named = " Name the columns that it has, as customer, date and amount (or quantity and price)."
    ones = " For purchases without money, add a column of ones: values then count purchases."
    return named + (ones if name == "amount" else "")


def _likely_cause(names: tuple[str, ...]) -> str:
    """Column names most of which look like values: no header, or a table with a column a period."""
    data = [name for name in names if re.fullmatch(r"\s*-?[\d.,:/T -]*\d[\d.,:/T -]*", name)]
    dates = [name for name in data if re.match(r"\s*\d{4}-\d{2}", name)]
    if 2 * len(dates) > len(names):
        return (
            " The columns look like dates: of a table with one column a period, make one row a purchase, for"
            " example with pandas.melt."
        )
    if 2 * len(data) > len(names):
        return " The first row looks like data: put a row with the names of the columns above it."
    return ""
