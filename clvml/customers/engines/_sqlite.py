"""Tables of SQLite by Python's own module, value by value.

Columns of SQLite have no types: each value has its own. A driver that guesses a column's type from the first
rows fails at later ones; here one scan before finds the type that fits all.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

import pyarrow as pa

from clvml.customers.engines._logins import Login, check_unique, described
from clvml.errors import InputError

Batches = tuple[pa.Schema, Iterator[pa.RecordBatch]]

_EXACT = 2**53  # whole numbers up to it are floats without loss
_ROWS = 50_000  # fetched at a time


@contextlib.contextmanager
def read_sqlite(login: Login, sql: str, label: str) -> Iterator[Batches]:
    path = unquote(login.address.removeprefix("sqlite://").partition("?")[0]).removeprefix("/")
    if path in ("", ":memory:"):
        raise InputError("sqlite:// without a path is a database in memory: give sqlite:///path.")
    rows = [0]
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=10)
        ) as there:
            there.execute("BEGIN")  # one state of the file for both queries
            names = [column[0] for column in there.execute(f"SELECT * FROM ({sql}) LIMIT 0").description]
            check_unique(names, label)
            kinds = _kinds(there, sql, names)
            schema = pa.schema(list(zip(names, kinds, strict=True)))
            yield schema, _fetched(there.execute(sql), schema, rows)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        way_out = f": is there a file {path}?" if "unable to open" in str(error) else ""
        raise InputError(described(f"{login.masked(error)}{way_out}", label, 0)) from None


def _kinds(there: sqlite3.Connection, sql: str, names: list[str]) -> list[pa.DataType]:
    """The types of columns by their values: whole numbers, numbers, or text where any value is text."""
    inside = ", ".join(f"v{i}" for i in range(len(names)))
    tests = ", ".join(
        f"max(typeof(v{i}) IN ('text', 'blob')), max(typeof(v{i}) = 'real'),"
        f" max(typeof(v{i}) = 'integer' AND abs(v{i}) > {_EXACT})"
        for i in range(len(names))
    )
    found = there.execute(f"WITH rows({inside}) AS ({sql}) SELECT {tests} FROM rows").fetchone()
    triples = zip(found[::3], found[1::3], found[2::3], strict=True)
    return [
        pa.string() if text or (real and large) else pa.float64() if real else pa.int64()
        for text, real, large in triples
    ]


def _fetched(cursor: sqlite3.Cursor, schema: pa.Schema, rows: list[int]) -> Iterator[pa.RecordBatch]:
    while found := cursor.fetchmany(_ROWS):
        rows[0] += len(found)
        columns = [
            pa.array(map(_text, values) if field.type == pa.string() else values, field.type)
            for values, field in zip(zip(*found, strict=True), schema, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.hex()
    return None if value is None else str(value)
