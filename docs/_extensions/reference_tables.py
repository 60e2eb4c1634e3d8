"""The page of the tables of a run, from ``docs/reference/tables.toml``."""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from public import is_public
from summaries import definitions, heading

SOURCE = Path(__file__).parents[1] / "reference" / "tables.toml"
INTRODUCTION = """\
Every table that ``clvml run`` writes, folder by folder, with the meaning of each column. Encoding, decimal
sign, dates and what is stable: :doc:`files`. A column that is marked *if known* depends on the data, the
config or the model to serve. Money is in the currency of the data, times and recency in the time unit of the
run; shares are from 0 to 1. ``x_lower`` and ``x_upper`` are the ends of the interval of ``x``. The first
columns of a table identify its rows.
"""
_ENDS = ("lower", "upper")


class Column(NamedTuple):
    """A column of a table."""

    name: str
    meaning: str
    is_optional: bool = False
    has_ends: bool = False

    @property
    def names(self) -> list[str]:
        """Its name, and those of the ends of its interval."""
        return [self.name, *(f"{self.name}_{end}" for end in _ENDS if self.has_ends)]

    @property
    def is_pattern(self) -> bool:
        """Whether it stands for columns that are named by the data."""
        return self.name.startswith("{")


class Table(NamedTuple):
    """A table that a run writes."""

    path: str
    about: str
    columns: tuple[Column, ...]
    made_by: str = ""
    is_optional: bool = False
    command: str = "run"

    def complaints(self, found: list[str]) -> list[str]:
        """What differs between the columns of a file and those listed here."""
        known = {name: column for column in self.columns for name in column.names}
        anything = any(column.is_pattern for column in self.columns)
        needed = [name for name, c in known.items() if not c.is_optional and not c.is_pattern]
        return [
            *(f"{self.path}: {name} is not listed" for name in found if name not in known and not anything),
            *(f"{self.path}: {name} is listed, but not there" for name in needed if name not in found),
        ]


@cache
def folders() -> list[tuple[str, str, list[Table]]]:
    """The folders: title, text and tables of each."""
    given = tomllib.loads(SOURCE.read_text())
    words = given["words"]
    return [
        (folder["title"], folder["text"], [_table(each, words, folder) for each in folder["table"]])
        for folder in given["folder"]
    ]


def tables(command: str = "run") -> dict[str, Table]:
    """The tables that a command writes, by their path."""
    return {t.path: t for _, _, found in folders() for t in found if t.command == command}


def _table(given: dict[str, Any], words: dict[str, str], folder: dict[str, Any]) -> Table:
    columns = tuple(_column(text, words, given["path"]) for text in given["columns"])
    made_by = given.get("from", "")
    if made_by and not is_public(made_by):
        raise ValueError(f"{SOURCE.name}: {made_by} of {given['path']} is not public")
    command = folder.get("command", "run")
    return Table(given["path"], given["about"], columns, made_by, given.get("optional", False), command)


def _column(text: str, words: dict[str, str], path: str) -> Column:
    name, _, meaning = text.partition(": ")
    plain = name.rstrip("?*")
    if not meaning and plain not in words:
        raise ValueError(f"{SOURCE.name}: the column {plain} of {path} has no meaning")
    return Column(plain, meaning or words[plain], "?" in name, "*" in name)


def tables_page() -> str:
    """The source of the page."""
    parts = [heading("Tables of a run", "=") + INTRODUCTION]
    for title, text, found in folders():
        parts += [heading(title) + _code(text) + "\n", *map(entry, found)]
    return "".join(parts)


def entry(table: Table) -> str:
    """The section of a table."""
    made_by = f" See :py:obj:`{table.made_by}`." if table.made_by else ""
    terms = {_term(column): _code(column.meaning) for column in table.columns}
    return f"{heading(table.path, '~')}{_code(table.about)}{made_by}\n\n{definitions(terms)}"


def _term(column: Column) -> str:
    names = ", ".join(f"``{name}``" for name in column.names)
    return names + (" *if known*" if column.is_optional else "")


def _code(text: str) -> str:
    """Words in backticks as code, apart from roles."""
    return re.sub(r"(?<![:`])`([^`]+)`(?!`)", r"``\1``", text)
