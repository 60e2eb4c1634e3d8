"""CSV files read by Spark with all cells as text, as DuckDB reads them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

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


class Header(NamedTuple):
    """Files that are read alike: their delimiter, their columns, and their places for Spark by path."""

    delimiter: str
    names: tuple[str, ...]
    places: dict[str, str]


def headers_of(session: Any, places: Mapping[str, str]) -> list[Header]:
    """The distinct headers among CSV files.

    Parameters
    ----------
    session : SparkSession
    places : mapping of str to str
        From the files as given to their places for Spark.

    Raises
    ------
    InputError
        If a file cannot be read, or is compressed with zstd.
    """
    packed = [path for path in places if path.lower().endswith(".zst")]
    if packed:
        raise InputError(f"{packed[0]} is compressed with zstd, which Spark may lack: use .gz, or unpack it.")
    found: dict[tuple[str, str], dict[str, str]] = {}
    for path, place in places.items():
        lines = run(lambda place=place: session.read.text(place))  # type: ignore[misc]
        line = run(lines.where("trim(value) <> ''").first)
        found.setdefault(_split_header("" if line is None else line[0]), {})[path] = place
    return [Header(mark, tuple(names.split("\0")), files) for (mark, names), files in found.items()]


def read_csv(session: Any, headers: Sequence[Header], label: str) -> Any:
    """The rows of CSV files; files with other columns are united by name.

    Raises
    ------
    NotUtf8
        If a file is not in UTF-8.
    InputError
        If a file cannot be read.
    """
    places = [place for header in headers for place in header.places.values()]
    has_breaks = _check_text(session, places, label)
    return united(_rows(session, header, has_breaks) for header in headers)


def united(tables: Iterable[Any]) -> Any:
    """The rows of tables whose columns are matched by name."""
    return reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), tables)


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


def _rows(session: Any, header: Header, has_breaks: bool) -> Any:
    from pyspark.sql.types import StringType, StructField, StructType

    schema = StructType([StructField(name, StringType()) for name in header.names])
    reader = session.read.options(**_OPTIONS, sep=header.delimiter, multiLine=has_breaks)
    return run(lambda: reader.schema(schema).csv([*header.places.values()]))


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
