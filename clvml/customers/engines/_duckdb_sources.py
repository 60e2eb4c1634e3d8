"""Open files and frames as DuckDB views.

The view ``source`` has columns ``c0, c1, ...``: names would be case-folded and need
quoting, positions do not. Nothing is read before a query runs.
"""

from __future__ import annotations

import functools
import glob
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from clvml.customers.engines._copies import Copy, copy_of_stream, new_path_in
from clvml.customers.engines._csv import csv_tables, united
from clvml.customers.engines._engine import Column, Kind, Part, Source, quoted
from clvml.customers.engines._files import (
    STDIN,
    NotUtf8,
    find_files,
    is_path,
    is_utf16,
    kind_of,
    label_of,
    patterns_of,
)
from clvml.customers.engines._frames import Table, is_stream, table_of, zones_of
from clvml.customers.engines._malformed import copy_well_formed, malformed_row
from clvml.customers.engines._sources import source_of
from clvml.customers.engines._table_formats import delta_table, format_of
from clvml.customers.engines._workbooks import read_sheet
from clvml.errors import InputError

# Column kinds by DuckDB type; all others are text.
_KINDS: dict[str, Kind] = {
    **dict.fromkeys(
        ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"), "integer"
    ),
    **dict.fromkeys(("UBIGINT", "HUGEINT", "UHUGEINT"), "whole"),
    "DECIMAL": "decimal",
    **dict.fromkeys(("FLOAT", "DOUBLE"), "float"),
    "DATE": "date",
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "timestamp"),
    **dict.fromkeys(("TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NS WITH TIME ZONE"), "instant"),
}
_DISK_FULL = re.compile(
    "No space left|Disk quota exceeded|File too large|max_temp_directory_size|[Cc]ould not write"
)


def query(connection: Any, sql: str, spill: Path | None = None) -> Any:
    """Run one query; errors of the engine are raised as InputError."""
    try:
        return connection.execute(sql)
    except RuntimeError as error:  # how DuckDB reports Ctrl-C
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from None
        raise
    except duckdb.Error as error:
        said = str(error)
        if _DISK_FULL.search(said):
            raise InputError(
                f"the disk is full: data beyond the memory_limit spill to {spill or 'the temporary folder'}."
                " Free space there, choose a folder on a larger disk as temp_directory, or give a larger"
                " memory_limit, and run it again."
            ) from None
        if isinstance(error, duckdb.OutOfMemoryException):
            raise InputError(
                "the table does not fit in the memory_limit, even with spilling: give it more."
            ) from None
        if "utf-8" in said.lower() or "unicode" in said.lower():
            raise NotUtf8("the file is not text in UTF-8: save it again as UTF-8.") from None
        if malformed := malformed_row(connection, said):
            raise InputError(malformed) from None
        raise InputError(f"the table cannot be read: {_gist(said)}.") from None


def open_source(
    connection: Any, source: Any, sheet: str | int | None = None, drop_malformed: bool = False
) -> Source:
    """Create the view ``source`` over files, a table or a copy of what can be read once, and describe it.

    Raises
    ------
    InputError
        If a file does not exist, has an unsupported type or cannot be read, or the object is not a table.
    """
    source = source_of(source)
    if is_path(source) and (folder := _delta_folder(source)):
        return _open_delta(connection, folder)
    if isinstance(source, Copy):
        return _open_copy(connection, source.path_in(_spill_folder(connection)), source.label)
    if not is_path(source):
        return _open_table(connection, table_of(source))
    files, label = find_files(source), label_of(source)
    opened = _open_paths(connection, files.paths, label, sheet, drop_malformed)
    return opened._replace(
        notes=files.notes, has_places=opened.has_places and STDIN not in patterns_of(source)
    )


def _open_paths(
    connection: Any, paths: list[str], label: str, sheet: str | int | None, drop_malformed: bool
) -> Source:
    kinds = sorted({kind_of(path) for path in paths})
    if len(kinds) > 1:
        raise InputError(f"{label} contains both {' and '.join(kinds)} files; read one kind at a time.")
    if kinds == ["excel"]:
        sheets = pd.concat([read_sheet(path, sheet) for path in paths])
        return _open_table(connection, table_of(sheets)._replace(label=label))._replace(is_workbook=True)
    if kinds == ["csv"]:
        return _open_csv(connection, paths, label, drop_malformed)
    return _open_parquet(connection, paths, label)


def _delta_folder(source: Any) -> str:
    """The path of a source, if it is a Delta table; otherwise empty."""
    patterns = patterns_of(source)
    return patterns[0] if len(patterns) == 1 and format_of(patterns[0]) == "Delta" else ""


def _open_delta(connection: Any, folder: str) -> Source:
    table = delta_table(folder)
    if not is_stream(table):
        return _open_table(connection, table_of(table)._replace(label=folder))
    return _open_copy(connection, copy_of_stream(table, folder, _spill_folder(connection)), folder)


def _open_copy(connection: Any, path: str, label: str) -> Source:
    """A temporary copy, whose own places nobody knows."""
    return _open_parquet(connection, [path], label)._replace(has_places=False)


def _spill_folder(connection: Any) -> str:
    return str(connection.execute("SELECT current_setting('temp_directory')").fetchone()[0])


def _open_table(connection: Any, table: Table) -> Source:
    try:
        connection.register("frame", table.data)
    except (duckdb.Error, TypeError) as error:
        raise InputError(f"{table.label} cannot be read: {_gist(str(error))}.") from None
    return _create_view(connection, "frame", table.label, table.names, table.zones)


def _create_view(
    connection: Any,
    table: str,
    label: str,
    names: tuple[str, ...] | None = None,
    zones: Mapping[str, str] | None = None,
    is_text_file: bool = False,
) -> Source:
    described = query(connection, f"DESCRIBE SELECT * FROM {table}").fetchall()
    rows = f"{table} AS rows({_positions(described)})"
    query(connection, f"CREATE OR REPLACE TEMP VIEW source AS SELECT {_cells(described)} FROM {rows}")
    names = names or tuple(row[0] for row in described)
    columns = [
        Column(name, kind_of_type(str(row[1])), (zones or {}).get(name))
        for name, row in zip(names, described, strict=True)
    ]
    return Source(label, tuple(columns), is_text_file)


def _positions(described: list[Any]) -> str:
    return ", ".join(f"c{i}" for i in range(len(described)))


def _cells(described: list[Any]) -> str:
    """All columns, with NULL for NaN and infinity.

    The statistics of a Parquet file leave NaN out, and DuckDB takes them to prove that no value is NaN.
    """
    cells = {i: f"c{i}" for i in range(len(described))}
    floats = (i for i, row in enumerate(described) if row[1] in ("FLOAT", "DOUBLE"))
    finite = {i: f"CASE WHEN isfinite(c{i}) THEN c{i} END AS c{i}" for i in floats}
    return ", ".join((cells | finite).values())


def _open_parquet(connection: Any, paths: list[str], label: str) -> Source:
    listed = ", ".join(quoted(glob.escape(path)) for path in paths)
    several = ", union_by_name = true" if len(paths) > 1 else ""
    table = f"read_parquet([{listed}]{several})"
    source = _create_view(connection, table, label, zones=_zones_in_parquet(paths[0]))
    source = _with_places(connection, source, f"SELECT filename, * FROM {table}")
    return source._replace(parts=_parquet_parts(connection, listed) if several else ())


def _open_csv(connection: Any, paths: list[str], label: str, drop_malformed: bool) -> Source:
    if any(is_utf16(path) for path in paths):
        raise NotUtf8("the file is text in UTF-16: save it again as UTF-8.")
    run = functools.partial(query, connection)
    tables, parts = csv_tables(run, paths, drop_malformed)
    table = united(tables, "*")
    if drop_malformed:
        return _open_well_formed(connection, run, table, label)._replace(parts=parts)
    source = _create_view(connection, table, label, is_text_file=True)
    return _with_places(connection, source, united(tables, "filename, *"))._replace(parts=parts)


def _open_well_formed(connection: Any, run: Callable[[str], Any], table: str, label: str) -> Source:
    path = new_path_in(_spill_folder(connection))
    malformed = copy_well_formed(run, table, path)
    source = _create_view(connection, f"read_parquet([{quoted(path)}])", label, is_text_file=True)
    return source._replace(malformed=malformed.rows, malformed_examples=malformed.examples)


def _with_places(connection: Any, source: Source, rows: str) -> Source:
    """Create the view ``placed`` over rows with their file first, unless a column of theirs has its name."""
    if "filename" in map(str.lower, source.names):
        return source
    query(
        connection,
        f"CREATE OR REPLACE TEMP VIEW placed AS SELECT *, row_number() OVER () AS n FROM ({rows})"
        f" AS rows(file, {source.cells})",
    )
    return source._replace(has_places=True)


def _parquet_parts(connection: Any, listed: str) -> tuple[Part, ...]:
    """The columns of Parquet files that have rows; those of partitions are not in the files."""
    found = query(
        connection,
        "SELECT min(file_name), names, types FROM (SELECT file_name, list(name ORDER BY name) AS names,"
        " list(coalesce(duckdb_type, type) ORDER BY name) AS types"
        f" FROM parquet_schema([{listed}]) WHERE num_children IS NULL GROUP BY file_name)"
        f" WHERE file_name IN (SELECT file_name FROM parquet_file_metadata([{listed}]) WHERE num_rows > 0)"
        " GROUP BY names, types ORDER BY 1",
    ).fetchall()
    return tuple(Part(file, tuple(names), tuple(map(kind_of_type, types))) for file, names, types in found)


def kind_of_type(name: str) -> Kind:
    """The kind of a column by its type in DuckDB."""
    return _KINDS.get(name.split("(")[0], "text")


def _zones_in_parquet(path: str) -> dict[str, str]:
    """The time zones stored in the file's Arrow schema; Parquet itself stores UTC only."""
    import pyarrow as pa
    import pyarrow.parquet

    try:
        return zones_of(pyarrow.parquet.read_schema(path))
    except (pa.ArrowException, OSError):
        return {}


def _gist(said: str) -> str:
    """The engine's message without its advice on options, and without the row, which may be personal data."""
    lines = said.strip().splitlines() or ["no reason given"]
    kept = [lines[0], *(line.strip() for line in lines[1:] if line.strip().startswith("Expected Number"))]
    return re.sub(r"^[\w ]+ Error: ", "", "; ".join(kept)).rstrip(". ")
