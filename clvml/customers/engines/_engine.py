"""What `clvml.customers` asks of an engine, and nothing that one engine alone could answer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, NamedTuple, Protocol

import pandas as pd

Kind = Literal["integer", "whole", "decimal", "float", "date", "timestamp", "instant", "text"]


class Column(NamedTuple):
    """A column of a source: its name there, its kind, and the time zone that an ``instant`` carries.

    Kinds: ``integer`` fits 64 bits, ``whole`` is a larger integer; a ``timestamp`` has no time zone, an
    ``instant`` has one (``zone`` is None where the source does not say which). All else is ``text``.
    """

    name: str
    kind: Kind
    zone: str | None = None


class Source(NamedTuple):
    """What the view ``source`` shows: where it is from, and its columns, in SQL ``c0, c1, ...``.

    Cells of a text file stay text, so that the id ``00017`` keeps its zeros and a bad number can be counted.
    """

    label: str
    columns: tuple[Column, ...]
    is_text_file: bool

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def cells(self) -> str:
        """The SQL list of all columns."""
        return ", ".join(f"c{i}" for i in range(len(self.columns)))


class Engine(Protocol):
    """Runs the SQL of `clvml.customers`, and holds its rows.

    Queries are in the SQL that DuckDB and Spark share. The methods from `matches` on give the SQL of what
    they write differently; their arguments are SQL expressions, except where they are called formats,
    pattern or zone.
    """

    def open(self, source: Any) -> Source:
        """Create the view ``source`` over a path, several, or a frame."""
        ...

    def create_view(self, name: str, sql: str) -> None:
        """Name a query; it runs whenever it is read."""
        ...

    def hold(self, name: str, sql: str) -> AbstractContextManager[None]:
        """Keep the result of a query as a table for the length of a ``with`` block."""
        ...

    def lend(self, name: str, frame: pd.DataFrame) -> AbstractContextManager[None]:
        """Show a frame to queries under a name for the length of a ``with`` block."""
        ...

    def frame(self, sql: str) -> pd.DataFrame:
        """The result of a query."""
        ...

    def matches(self, text: str, pattern: str) -> str:
        """Whether all of the text is what the regular expression describes."""
        ...

    def without(self, text: str, pattern: str) -> str:
        """The text without what the regular expression describes."""
        ...

    def parsed_date(self, text: str, formats: Sequence[str]) -> str:
        """The timestamp of a text in the first of the formats (of ``strftime``) that fits, or NULL."""
        ...

    def parsed_instant(self, text: str) -> str:
        """The instant that an ISO date with an offset from UTC stands for, or NULL."""
        ...

    def finite_date(self, moment: str) -> str:
        """The date or timestamp, NULL where the engine has it infinite."""
        ...

    def local_time(self, instant: str, zone: str) -> str:
        """The timestamp that a clock in the zone shows at an instant."""
        ...

    def microseconds(self, timestamp: str) -> str:
        """Microseconds since 1970, a whole number."""
        ...

    def row_key(self, cells: str) -> str:
        """A number of 64 bits that is equal for equal rows, and hardly ever for others."""
        ...


def quoted(text: str) -> str:
    """Text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
