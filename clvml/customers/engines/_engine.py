"""The interface of a SQL engine, as `clvml.customers` uses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import pandas as pd

Kind = Literal["integer", "whole", "decimal", "float", "date", "timestamp", "instant", "text"]


class Column(NamedTuple):
    """A column of a source: its name, its kind, and the time zone of an ``instant``.

    Kinds: ``integer`` fits 64 bits, ``whole`` is a larger integer; a ``timestamp`` has no time zone, an
    ``instant`` has one (``zone`` is None if the source does not state it). All others are ``text``.
    """

    name: str
    kind: Kind
    zone: str | None = None


class Part(NamedTuple):
    """Files with the same columns: the first of them, the names and, where columns have types, the kinds."""

    file: str
    names: tuple[str, ...]
    kinds: tuple[Kind, ...] = ()


class Source(NamedTuple):
    """Description of the view ``source``: its label and its columns, in SQL ``c0, c1, ...``.

    Cells of a text file stay text, so that the id ``00017`` keeps its zeros and invalid numbers are counted.
    Dates in a workbook may be serial numbers. Notes are sentences on what of the source is not read. Of
    malformed rows that are left out, there are the number and, in words, the first few. Where rows have
    places, the view ``placed`` has the columns of ``source``, the ``file``, and ``n``, which counts the rows
    of all files in their order.
    """

    label: str
    columns: tuple[Column, ...]
    is_text_file: bool
    is_workbook: bool = False
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()
    malformed: int = 0
    malformed_examples: tuple[str, ...] = ()
    has_places: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def cells(self) -> str:
        """The SQL list of all columns."""
        return ", ".join(f"c{i}" for i in range(len(self.columns)))


class Engine(Protocol):
    """Runs the SQL of `clvml.customers`.

    Queries use the SQL that DuckDB and Spark have in common. The methods from `matches` on return SQL
    expressions whose syntax differs; so are their arguments, except formats, pattern and zone.
    """

    def open(self, source: Any, sheet: str | int | None = None, drop_malformed: bool = False) -> Source:
        """Create the view ``source`` over files (of a workbook one sheet) or a table.

        With ``drop_malformed``, malformed rows of CSV files are left out, and are the table ``malformed`` if
        there are any: ``file, line, column, reason, text``.
        """
        ...

    def create_view(self, name: str, sql: str) -> None:
        """Create a view; its query runs whenever it is read."""
        ...

    def hold(self, name: str, sql: str) -> AbstractContextManager[None]:
        """Materialise the result of a query as a temporary table within a ``with`` block."""
        ...

    def lend(self, name: str, frame: pd.DataFrame) -> AbstractContextManager[None]:
        """Register a DataFrame under a name within a ``with`` block."""
        ...

    def frame(self, sql: str) -> pd.DataFrame:
        """The result of a query."""
        ...

    def write_parquet(self, sql: str, path: Path, metadata: Mapping[str, str]) -> int:
        """Write the result of a query to a Parquet file with key-value metadata; return its rows."""
        ...

    def text(self, cell: str, kind: Kind) -> str:
        """A cell as text: numbers as short as they can be written."""
        ...

    def trimmed(self, text: str) -> str:
        """The text without blanks around it, those of Unicode included."""
        ...

    def number(self, text: str) -> str:
        """The number of a text in the notation of SQL, or NULL."""
        ...

    def rounded(self, number: str) -> str:
        """The whole number next to a number, or NULL."""
        ...

    def matches(self, text: str, pattern: str) -> str:
        """Whether the whole text matches the regular expression."""
        ...

    def without(self, text: str, pattern: str) -> str:
        """The text without the part that matches the regular expression."""
        ...

    def without_all(self, text: str, pattern: str) -> str:
        """The text without all parts that match the regular expression."""
        ...

    def parsed_date(self, text: str, formats: Sequence[str]) -> str:
        """The timestamp of a text in the first ``strftime`` format that matches (``%Y``: four digits)."""
        ...

    def parsed_timestamp(self, text: str) -> str:
        """The timestamp of an ISO 8601 date, whose offset from UTC is ignored, or NULL."""
        ...

    def parsed_instant(self, text: str) -> str:
        """The instant of an ISO 8601 date with an offset from UTC, or NULL."""
        ...

    def finite_date(self, moment: str) -> str:
        """The date or timestamp, NULL if infinite."""
        ...

    def local_time(self, instant: str, zone: str) -> str:
        """The local timestamp of an instant in the time zone."""
        ...

    def microseconds(self, timestamp: str) -> str:
        """Microseconds since 1970, a whole number."""
        ...

    def row_key(self, cells: str) -> str:
        """A 64-bit hash of a row."""
        ...


def quoted(text: str) -> str:
    """Text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
