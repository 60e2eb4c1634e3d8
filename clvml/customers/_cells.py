"""A column of the source, and the SQL that reads it as a customer id, a date or a number.

What cannot be read becomes NULL, and is judged later; nothing here drops a row.
"""

from __future__ import annotations

import difflib
from typing import NamedTuple

from clvml.customers._ids import id_in_sql
from clvml.customers._sources import Source, quoted
from clvml.errors import InputError

INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
NUMBERS = (*INTEGERS, "UBIGINT", "HUGEINT", "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL")


class Cell(NamedTuple):
    """A column by its place in the view ``source``, with its DuckDB type."""

    sql: str
    type: str
    is_text_file: bool

    @property
    def is_number(self) -> bool:
        return self.type.split("(")[0] in NUMBERS

    def as_text(self) -> str:
        return f"trim(CAST({self.sql} AS VARCHAR))"

    def as_id(self) -> str:
        """The id, or NULL where it is missing: still a number where the column has numbers."""
        if self.type in ("FLOAT", "DOUBLE"):
            return f"CASE WHEN isfinite({self.sql}) THEN {self.sql} END"
        if self.is_number:
            return self.sql
        return id_in_sql(self.as_text())

    def is_whole(self) -> str:
        """Whether ``raw_id`` may be an integer: a CSV knows no types, the text of a frame stays text."""
        if self.type in INTEGERS:
            return "TRUE"
        if self.is_number:
            return "coalesce(TRY_CAST(raw_id AS BIGINT) = raw_id, FALSE)"
        return r"regexp_full_match(raw_id, '(0|-?[1-9]\d{0,17})(\.0+)?')" if self.is_text_file else "FALSE"

    def as_whole_id(self) -> str:
        """``raw_id`` as an integer, where all of them are whole; ``17850.0`` is 17850."""
        return "CAST(raw_id AS BIGINT)" if self.is_number else "CAST(split_part(raw_id, '.', 1) AS BIGINT)"

    def as_number(self) -> str:
        if self.is_number:
            return f"CAST({self.sql} AS DOUBLE)"
        # The engine would read 1_000 as a thousand, as programmers do and tills do not.
        return f"CASE WHEN NOT contains({self.as_text()}, '_') THEN TRY_CAST({self.as_text()} AS DOUBLE) END"

    def as_date(self, formats: list[str]) -> str:
        """The moment in UTC, or NULL; ``formats`` are for text and integers, tried in turn."""
        if self.type == "DATE" or self.type.startswith("TIMESTAMP"):
            return f"CASE WHEN isfinite({self.sql}) THEN CAST({self.sql} AS TIMESTAMP) END"
        text = f"CAST(TRY_CAST({self.sql} AS BIGINT) AS VARCHAR)" if self.is_number else self.as_text()
        if formats:
            return f"CAST(try_strptime({text}, [{', '.join(map(quoted, formats))}]) AS TIMESTAMP)"
        # A year of four digits first: the engine would read '97-01-31' as a day of the year 97.
        iso = f"regexp_matches({text}, '^[0-9]{{4}}[-/]')"
        return (
            f"CASE WHEN {iso} THEN TRY_CAST(TRY_CAST({text} AS TIMESTAMPTZ) AS TIMESTAMP)"
            f" WHEN length({text}) = 8 THEN try_strptime({text}, '%Y%m%d') END"
        )


def cell_of(source: Source, name: str) -> Cell:
    """The column with this name.

    Raises
    ------
    InputError
        If there is none; the message lists what there is and the closest name.
    """
    if name in source.columns:
        place = source.columns.index(name)
        return Cell(f"c{place}", source.types[place], source.is_text)
    folded = {column.lower(): column for column in source.columns}
    close = difflib.get_close_matches(str(name).lower(), folded, n=1)
    hint = f" The closest is {folded[close[0]]!r}." if close else ""
    raise InputError(
        f"{source.label} has no column {name!r}; it has {', '.join(map(repr, source.columns))}.{hint}"
    )
