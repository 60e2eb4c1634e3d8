"""Open a table of purchases, wherever it is, as one DuckDB view.

A source is a path to CSV or Parquet (a glob, or several paths), or a frame: pandas, polars,
pyarrow, or anything else that speaks the Arrow stream protocol. The view is named ``source`` and
its columns are ``c0, c1, ...``: the engine folds the case of names and quotes them, positions do
neither. Nothing is read until a query asks.

Cells of a CSV stay text, so that the id ``00017`` keeps its zeros and a bad number can be counted
by whoever converts it.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import tempfile
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pandas as pd

from clvml.errors import InputError

TEXT_FILES = (".csv", ".tsv", ".txt")
PARQUET_FILES = (".parquet", ".pq")


class Source(NamedTuple):
    """What the view ``source`` shows: where it is from, the names and DuckDB types of its columns."""

    label: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    is_text: bool


class NotUtf8(InputError):
    """A text file is not in UTF-8; another encoding may do."""


def connect(memory_limit: str | None = None) -> Any:
    """An in-memory DuckDB that counts time in UTC and spills to the temporary folder, not here."""
    spill = Path(tempfile.gettempdir()) / f"clvml-{uuid.uuid4().hex}"
    settings = {"temp_directory": str(spill), "autoinstall_known_extensions": "false"}
    if memory_limit is not None:
        settings["memory_limit"] = memory_limit
    try:
        connection = duckdb.connect(":memory:", config=settings)
    except duckdb.Error:
        raise InputError(f"memory_limit is {memory_limit!r}; write it as in '2GB' or '600MB'.") from None
    connection.execute("SET TimeZone = 'UTC'")
    with contextlib.suppress(duckdb.InvalidInputException):  # a notebook without ipywidgets has no bar
        connection.execute("SET enable_progress_bar = false")
    return connection


def query(connection: Any, sql: str) -> Any:
    """Run one query; what the engine cannot read is an InputError of one sentence."""
    try:
        return connection.execute(sql)
    except duckdb.OutOfMemoryException:
        raise InputError(
            "the table does not fit in the memory_limit, even with spilling: give it more."
        ) from None
    except duckdb.Error as error:
        said = str(error)
        if "utf-8" in said.lower() or "unicode" in said.lower():
            raise NotUtf8("the file is not text in UTF-8: save it again as UTF-8.") from None
        raise InputError(f"the table cannot be read: {_gist(said)}.") from None


def open_source(connection: Any, source: Any) -> Source:
    """Create the view ``source`` over a path or frame, and say what it shows.

    Raises
    ------
    InputError
        If there is no such file, it is of a kind that is not read here, it cannot be read, or
        the object is no table.
    """
    if isinstance(source, str | os.PathLike):
        source = [source]
    if isinstance(source, list | tuple) and source and all(isinstance(s, str | os.PathLike) for s in source):
        return _open_files(connection, [os.fspath(path) for path in source])
    frame, columns, label = _frame(source)
    try:
        connection.register("frame", frame)
    except (duckdb.Error, TypeError) as error:
        raise InputError(f"{label} cannot be read: {_gist(str(error))}.") from None
    return _create_view(connection, "frame", label, columns, is_text=False)


def read_other_encoding(source: Any) -> tuple[pd.DataFrame, str]:
    """A CSV file that is not in UTF-8, all cells as text, and the encoding that it is in.

    UTF-16 announces itself by its first two bytes; otherwise it is Windows-1252, in which spreadsheets
    of western Europe and America save, and of which Latin-1 is all but a part.
    """
    paths = [
        path
        for pattern in (source if isinstance(source, list | tuple) else [source])
        for path in _existing(os.fspath(pattern))
    ]
    tables = []
    for path in paths:
        encoding = "UTF-16" if _is_utf16(path) else "Windows-1252"
        try:
            tables.append(
                pd.read_csv(
                    path,
                    dtype=str,
                    sep=None,
                    engine="python",
                    encoding=encoding,
                    encoding_errors="replace",
                    keep_default_na=False,
                    na_values=[""],
                )
            )
        except (ValueError, pd.errors.ParserError, UnicodeError) as error:
            raise InputError(f"{path} cannot be read as {encoding}: {_gist(str(error))}.") from None
    return pd.concat(tables), encoding


def _is_utf16(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(2) in (b"\xff\xfe", b"\xfe\xff")


def _create_view(
    connection: Any, table: str, label: str, columns: tuple[str, ...] | None, is_text: bool
) -> Source:
    described = query(connection, f"DESCRIBE SELECT * FROM {table}").fetchall()
    positions = ", ".join(f"c{i}" for i in range(len(described)))
    query(connection, f"CREATE OR REPLACE VIEW source({positions}) AS SELECT * FROM {table}")
    names = columns if columns is not None else tuple(row[0] for row in described)
    return Source(label, names, tuple(str(row[1]) for row in described), is_text)


def _open_files(connection: Any, patterns: list[str]) -> Source:
    paths = [path for pattern in patterns for path in _existing(pattern)]
    kinds = {_kind(path) for path in paths}
    if len(kinds) > 1:
        raise InputError(f"{', '.join(patterns)} holds both CSV and Parquet; read one kind at a time.")
    label = ", ".join(patterns)
    listed = "[" + ", ".join(quoted(glob.escape(path)) for path in paths) + "]"
    is_text = kinds == {"csv"}
    several = ", union_by_name = true" if len(paths) > 1 else ""
    if is_text:
        if any(_is_utf16(path) for path in paths):
            raise NotUtf8("the file is text in UTF-16: save it again as UTF-8.")
        table = f"read_csv({listed}, all_varchar = true, header = true{several})"
    else:
        table = f"read_parquet({listed}{several})"
    source = _create_view(connection, table, label, None, is_text)
    if is_text and len(source.columns) == 1 and re.search("[,;\t|]", source.columns[0]):
        return _open_ragged(connection, table, source)
    return source


def _open_ragged(connection: Any, table: str, source: Source) -> Source:
    """Rows of unequal length: short ones miss their last cells, long ones have no reading."""
    padded = _create_view(
        connection, table[:-1] + ", null_padding = true, parallel = false)", source.label, None, is_text=True
    )
    names = re.split("[,;\t|]", source.columns[0])
    if len(padded.columns) > len(names):
        raise InputError(
            f"{source.label} has rows with more cells than its {len(names)} column names: put quotes around"
            " cells that contain the delimiter."
        )
    return padded


def _existing(pattern: str) -> list[str]:
    if os.path.isdir(pattern):
        raise InputError(f"{pattern} is a folder; name the files, as in '{pattern.rstrip('/')}/*.parquet'.")
    paths = [pattern] if os.path.exists(pattern) else sorted(glob.glob(pattern, recursive=True))
    if not paths:
        raise InputError(f"there is no file {pattern} (seen from {os.getcwd()}).")
    empty = [path for path in paths if os.path.getsize(path) == 0]
    if empty:
        raise InputError(f"the file {empty[0]} is empty: not even column names stand in it.")
    return paths


def _kind(path: str) -> str:
    plain = path.lower().removesuffix(".gz")
    if plain.endswith(TEXT_FILES):
        return "csv"
    if plain.endswith(PARQUET_FILES):
        return "parquet"
    raise InputError(
        f"{path} is of no kind that is read here: give .csv, .tsv, .txt (also .gz) or .parquet,"
        " or read it yourself and pass the frame."
    )


def _frame(source: Any) -> tuple[Any, tuple[str, ...], str]:
    """The object to register, with its columns named by position; the caller's is untouched."""
    kind = f"a {type(source).__module__.split('.')[0]} {type(source).__name__}"
    if isinstance(source, pd.DataFrame):
        columns = _unique(map(str, source.columns), kind)
        table = source.set_axis([f"c{i}" for i in range(len(columns))], axis=1)
        loose = {
            str(name): _typed(table[name]) for name in table if table[name].dtype in ("object", "category")
        }
        return table.assign(**loose), columns, kind
    if hasattr(source, "collect") and not hasattr(source, "__arrow_c_stream__"):
        source = source.collect()
    if hasattr(source, "scanner"):  # a pyarrow dataset: files that are read when asked
        return source, _unique(source.schema.names, kind), kind
    if not hasattr(source, "__arrow_c_stream__") and not hasattr(source, "__arrow_c_array__"):
        raise InputError(
            f"transactions are {kind}; give a path to CSV or Parquet, or a pandas, polars or Arrow table."
        )
    import pyarrow as pa

    try:
        arrow = pa.table(source)
    except (pa.ArrowInvalid, TypeError, ValueError):
        raise InputError(
            f"transactions are {kind}, which is no table; give rows with named columns."
        ) from None
    columns = _unique(arrow.column_names, kind)
    return (
        arrow.rename_columns([f"c{i}" for i in range(len(columns))]),
        columns,
        f"{kind} of {len(arrow):,} rows",
    )


def _typed(column: pd.Series) -> pd.Series:
    """An object column as numbers where all of it is numbers, and as text otherwise."""
    plain = column.astype(object)
    kind = pd.api.types.infer_dtype(plain, skipna=True)
    if kind == "integer":
        return plain.astype("Int64")
    if kind in ("floating", "mixed-integer-float", "decimal"):
        return plain.astype("Float64").astype(float)
    return plain.map(str, na_action="ignore").astype("str")


def _unique(names: Any, kind: str) -> tuple[str, ...]:
    names = tuple(names)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{kind} has column {twice[0]!r} more than once; rename one of them.")
    return names


def quoted(text: str) -> str:
    """Text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _gist(said: str) -> str:
    """The engine's message without its advice on options, and without the row: it may be personal."""
    lines = said.strip().splitlines() or ["no reason given"]
    kept = [lines[0], *(line.strip() for line in lines[1:] if line.strip().startswith("Expected Number"))]
    return re.sub(r"^[\w ]+ Error: ", "", "; ".join(kept)).rstrip(". ")
