"""CSV files read by Spark with all cells as text, as DuckDB reads them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

from clvml.customers.engines._engine import Part
from clvml.customers.engines._files import NotUtf8
from clvml.customers.engines._spark_session import run
from clvml.errors import InputError

_DELIMITERS = (",", ";", "\t", "|")
_OPTIONS = {
    "header": True,
    "quote": '"',
    "escape": '"',
    "mode": "FAILFAST",  # a row with a cell too few or too many is an error
    "maxCharsPerColumn": -1,
    "ignoreLeadingWhiteSpace": False,
    "ignoreTrailingWhiteSpace": False,
}


def read_csv(session: Any, paths: Mapping[str, str], label: str) -> tuple[Any, tuple[Part, ...]]:
    """The rows of CSV files and their columns by header; files with other columns are united by name.

    Parameters
    ----------
    session : SparkSession
    paths : mapping of str to str
        From the files as given to their places for Spark.
    label : str
        Name of the source in messages.

    Raises
    ------
    InputError
        If a file cannot be read, is compressed with zstd, or is not in UTF-8.
    """
    packed = [path for path in paths if path.lower().endswith(".zst")]
    if packed:
        raise InputError(f"{packed[0]} is compressed with zstd, which Spark may lack: use .gz, or unpack it.")
    has_breaks = _check_text(session, tuple(paths.values()), label)
    headers: dict[tuple[str, str], list[str]] = {}
    for path, place in paths.items():
        line = run(lambda place=place: session.read.text(place).first())  # type: ignore[misc]
        headers.setdefault(_split_header("" if line is None else line[0]), []).append(path)
    tables = [
        _rows(session, [paths[file] for file in files], names.split("\0"), mark, has_breaks)
        for (mark, names), files in headers.items()
    ]
    parts = [Part(files[0], tuple(names.split("\0"))) for (_, names), files in headers.items()]
    table = reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), tables)
    return table, tuple(parts)


def _split_header(line: str) -> tuple[str, str]:
    """The delimiter of a first line, and its names, joined by a character that none has."""
    line = line.removeprefix("\ufeff").rstrip("\r\n")
    mark = max(_DELIMITERS, key=line.count)
    names = next(csv.reader([line], delimiter=mark), [])
    return mark, "\0".join(_unique(name or f"column{place}" for place, name in enumerate(names)))


def _unique(names: Iterable[str]) -> list[str]:
    """The names, repeated ones numbered, as DuckDB does."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        unique.append(f"{name}_{seen[name]}" if name in seen else name)
        seen[name] = seen.get(name, 0) + 1
    return unique


def _rows(session: Any, paths: Sequence[str], names: Sequence[str], mark: str, has_breaks: bool) -> Any:
    from pyspark.sql.types import StringType, StructField, StructType

    schema = StructType([StructField(name, StringType()) for name in names])
    reader = session.read.options(**_OPTIONS, sep=mark, multiLine=has_breaks)
    return run(lambda: reader.schema(schema).csv(list(paths)))


def _check_text(session: Any, paths: Sequence[str], label: str) -> bool:
    """Whether cells have line breaks, so that files cannot be split; one scan of the lines.

    Raises
    ------
    NotUtf8
        If bytes of a line are not UTF-8, which Spark would replace without an error.
    """
    found = run(
        lambda: (
            session.read.text(list(paths))
            .selectExpr(
                "bool_or(contains(value, '\ufffd')) AS broken",
                "bool_or((length(value) - length(replace(value, '\"', ''))) % 2 = 1) AS breaks",
            )
            .first()
        )
    )
    if found["broken"]:
        raise NotUtf8(f"{label} is not text in UTF-8: save it again as UTF-8.")
    return bool(found["breaks"])
