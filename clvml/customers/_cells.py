"""SQL expressions that parse a column of the source as a customer id, a date or a number.

Values that cannot be parsed become NULL, which the policy handles later; no row is dropped here.
"""

from __future__ import annotations

import dataclasses
import difflib
import re

from clvml.customers._amounts import PLAIN, NumberReading
from clvml.customers._date_formats import is_given
from clvml.customers._ids import id_in_sql
from clvml.customers._reading_options import EXCEL, DateReading
from clvml.customers._time_units import INTERVALS
from clvml.customers.engines import Engine, Source
from clvml.customers.engines._engine import Kind
from clvml.errors import InputError

# Names of columns by period: 2024-01, 2024-01-31, Jan 2024, 01/2024, Q1 2024, 2024 W05, 202401, month 1.
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_PERIOD = re.compile(
    r"\s*(?:\d{4}[-/. ]?\d{1,2}(?:[-/.]\d{1,2})?(?: [\d:.]+)?|\d{1,2}[-/.]\d{4}|\d{1,2}/\d{1,2}/\d{2,4}"
    rf"|{_MONTH}[-/ ]?(?:\d{{2}}){{0,2}}|\d{{4}}[- ]?{_MONTH}|(?:q[1-4]|h[12])[-/ ]?\d{{4}}"
    r"|\d{4}[- ]?(?:q[1-4]|[mw]\d{1,2})|(?:month|week|year|m|w)[-_ ]?\d{1,3})\s*",
    re.IGNORECASE,
)
_UNNAMED = re.compile(r"(?:Unnamed: |column)\d+(?:_\d+)?|\s*")
NUMBERS = ("integer", "whole", "decimal", "float")
_END_OF_EXCEL = 2_958_466  # the day after 9999-12-31
_HALF_DAY = r"\s*([AaPp])\.?\s?[Mm]\.?$"  # AM or PM, at the end of a time
_TWELVE_HOURS = tuple(
    f"{day}{time}" for day in ("%Y-%m-%d", "%Y/%m/%d") for time in (" %I:%M %p", " %I:%M:%S %p")
)
OFFSET = r"\s*(Z|z|[+-]\d{2}(:?\d{2})?)$"


@dataclasses.dataclass(frozen=True)
class Cell:
    """A column of the view ``source``."""

    sql: str
    kind: Kind
    zone: str | None
    is_text_file: bool
    engine: Engine
    is_in_workbook: bool = False

    @property
    def is_number(self) -> bool:
        return self.kind in NUMBERS

    def as_text(self) -> str:
        return self.engine.trimmed(self.engine.text(self.sql, self.kind))

    def is_given(self) -> str:
        """Whether the cell has a value, valid or not."""
        if self.kind == "text":
            return is_given(self.as_text())
        number = f" AND NOT isnan({self.sql})" if self.kind == "float" else ""
        return f"{self.sql} IS NOT NULL{number}"

    def as_id(self) -> str:
        """The id, or NULL if missing; numeric columns keep their type."""
        if self.kind == "float":  # NaN is larger than infinity
            return f"CASE WHEN abs({self.sql}) < CAST('Infinity' AS DOUBLE) THEN {self.sql} END"
        if self.is_number:
            return self.sql
        return id_in_sql(self.as_text())

    def is_whole(self) -> str:
        """Whether ``raw_id`` is an integer: a CSV file has no types, text in a DataFrame stays text."""
        if self.kind == "integer":
            return "TRUE"
        if self.is_number:
            return "coalesce(TRY_CAST(raw_id AS BIGINT) = raw_id, FALSE)"
        if self.is_text_file:
            return self.engine.matches("raw_id", r"(0|-?[1-9]\d{0,17})(\.0+)?")
        return "FALSE"

    def as_whole_id(self) -> str:
        """``raw_id`` as an integer, if all ids are whole numbers; ``17850.0`` is 17850."""
        return "CAST(raw_id AS BIGINT)" if self.is_number else "CAST(split_part(raw_id, '.', 1) AS BIGINT)"

    def as_number(self, reading: NumberReading = PLAIN) -> str:
        if self.is_number:
            return f"CAST({self.sql} AS DOUBLE)"
        return reading.sql(self.engine, self.as_text())

    def as_date(self, reading: DateReading) -> str:
        """The timestamp in the shop's time zone, or NULL."""
        if self.kind in ("date", "timestamp"):
            return f"CAST({self.engine.finite_date(self.sql)} AS TIMESTAMP)"
        if self.kind == "instant":
            instant = self.engine.finite_date(self.sql)
            return self.engine.local_time(instant, reading.timezone or self.zone or "UTC")
        if reading.unit is not None:
            return self._numbered(reading.unit, str(reading.origin))
        if reading.formats == (EXCEL,):
            return self._serial("NULL")
        text = f"CAST({self.engine.rounded(self.sql)} AS STRING)" if self.is_number else self.as_text()
        if reading.formats:
            return self.engine.parsed_date(text, reading.formats)
        iso = (
            # Four-digit years only: the engine would parse '97-01-31' as a day of the year 97.
            f"CASE WHEN {self.engine.matches(f'substr({text}, 1, 5)', '[0-9]{4}[-/]')}"
            f" THEN {self._iso(text, reading.timezone)}"
            f" WHEN length({text}) = 8 THEN {self.engine.parsed_date(text, ('%Y%m%d',))} END"
        )
        return self._serial(iso) if self.is_in_workbook and self.is_number else iso

    def _serial(self, otherwise: str) -> str:
        """The date of a serial number of Excel: days since 1899-12-30, with the time as a fraction."""
        number = self.as_number()
        day, seconds = f"floor({number})", f"round(86400 * ({number} - floor({number})))"
        return (
            f"CASE WHEN {number} >= 1 AND {number} < {_END_OF_EXCEL} THEN CAST(TIMESTAMP '1899-12-30'"
            f" + CAST({day} AS INT) * INTERVAL 1 DAY"
            f" + CAST({seconds} AS INT) * INTERVAL 1 SECOND AS TIMESTAMP)"
            f" ELSE {otherwise} END"
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
        """Whether a date in text includes an offset from UTC, as in ``2024-01-31T10:00+01:00``."""
        if self.is_number or self.kind != "text":
            return "FALSE"
        # A cheap test, run on every row: a Z, a plus, or a third minus.
        text = self.as_text()
        return " OR ".join(f"{text} LIKE '{like}'" for like in ("%Z", "%z", "%+%", "%-%-%-%", "%/%/%-%"))

    def _has_half_day(self, text: str) -> str:
        """Whether a time ends with AM or PM; a cheap test first, run on every row."""
        is_word = f"right({text}, 1) IN ('m', 'M', '.')"
        return f"{is_word} AND {self.engine.matches(text, '.*[0-9]' + _HALF_DAY.removesuffix('$'))}"

    def _of_half_day(self, text: str) -> str:
        """The timestamp of a time of 12 hours, in whatever way AM or PM is written."""
        clock = f"replace({self.engine.without(text, _HALF_DAY)}, 'T', ' ')"
        is_morning = self.engine.matches(text, r".*[Aa]\.?\s?[Mm]\.?")
        half = f"CASE WHEN {is_morning} THEN ' AM' ELSE ' PM' END"
        return self.engine.parsed_date(f"concat({clock}, {half})", _TWELVE_HOURS)

    def _iso(self, text: str, timezone: str | None) -> str:
        """An ISO 8601 date; if it has an offset, the local time as written or converted to the time zone."""
        plain = self.engine.parsed_timestamp(text)
        if self.is_number:
            return plain
        # An engine takes a word after the time for a time zone: 10:05 PM would be 10:05.
        plain = f"CASE WHEN {self._has_half_day(text)} THEN {self._of_half_day(text)} ELSE {plain} END"
        if timezone is None:
            local = self.engine.parsed_timestamp(self.engine.without(text, OFFSET))
        else:
            local = self.engine.local_time(self.engine.parsed_instant(text), timezone)
        return f"CASE WHEN {self.has_offset()} THEN {local} ELSE {plain} END"


def cell_of(engine: Engine, source: Source, name: str) -> Cell:
    """The column with this name.

    Raises
    ------
    InputError
        If there is none; the message lists the columns and suggests the closest name.
    """
    if name in source.names:
        place = source.names.index(name)
        column = source.columns[place]
        _check_parts(source, name)
        return Cell(f"c{place}", column.kind, column.zone, source.is_text_file, engine, source.is_workbook)
    folded = {column.lower(): column for column in source.names}
    close = difflib.get_close_matches(str(name).lower(), folded, n=1)
    hint = _likely_cause(source.names) or (
        f" The closest is {folded[close[0]]!r}." if close else _way_out(name)
    )
    raise InputError(
        f"{source.label} has no column {name!r}; it has {', '.join(map(repr, source.names))}.{hint}"
    )


_FAMILIES = {**dict.fromkeys(NUMBERS, "numbers"), "date": "dates", "timestamp": "dates"} | {
    "instant": "times with a time zone",
    "text": "text",
}


def _check_parts(source: Source, name: str) -> None:
    """Refuse a column that some files of the source lack, or have with values of another kind."""
    has = [part for part in source.parts if name in part.names]
    kinds: dict[str, str] = {}
    for part in source.parts if has else ():
        if part not in has:
            raise InputError(
                f"{part.file} has no column {name!r}, which {has[0].file} has; it has"
                f" {', '.join(map(repr, part.names))}. Rename its column, or leave the file out."
            )
        if part.kinds:
            kinds.setdefault(_FAMILIES[part.kinds[part.names.index(name)]], part.file)
    if len(kinds) > 1:
        (one, first), (other, second) = list(kinds.items())[:2]
        raise InputError(
            f"column {name!r} has {one} in {first} and {other} in {second}: write both with one type."
        )


def _way_out(name: str) -> str:
    """What to do where no column is like the one that is missing."""
    named = " Name the columns that it has, as customer, date and amount (or quantity and price)."
    without = " For purchases without amounts, give purchases_only (--purchases-only)."
    return named + (without if name == "amount" else "")


def _likely_cause(names: tuple[str, ...]) -> str:
    """A hint if most column names look like values: no header, or one column per period."""
    # Readers number repeated names: 25, 25_1.
    data = [name for name in names if re.fullmatch(r"\s*-?[\d.,:/T -]*\d[\d.,:/T -]*(_\d+)?", name)]
    periods = [name for name in names if _PERIOD.fullmatch(name)]
    if 2 * len(periods) > len(names):
        return (
            " The columns look like dates: reshape a table with one column per period to one row per"
            " purchase, for example with pandas.melt."
        )
    if 2 * len(data) > len(names):
        return " The first row looks like data: add a header row with the column names."
    if 2 * sum(bool(_UNNAMED.fullmatch(name)) for name in names) >= len(names):
        return " The first row does not name the columns: remove blank and title rows above the header."
    return ""
