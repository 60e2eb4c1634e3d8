"""CSV files as one table: each header with its own dialect, columns matched by name.

DuckDB detects the dialect of a file from its first rows, so that one malformed row changes how the whole file
is read: of several files, one then has other columns, whose cells are NULL in the union. Here files with one
header have one dialect and one list of columns, and a row with more cells is an error that names it.
"""

from __future__ import annotations

import csv
import glob
import gzip
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from clvml.customers.engines._engine import Part, quoted
from clvml.customers.engines._files import COMPRESSED
from clvml.errors import InputError

DELIMITERS = ",;\t|"
_START = 1 << 16  # bytes that hold the header
BOM = b"\xef\xbb\xbf"


class Dialect(NamedTuple):
    """How a CSV file is written; in a ragged one rows may have fewer cells than the header."""

    delimiter: str
    quote: str
    names: tuple[str, ...]
    skip: int = 0
    comment: str = ""
    is_ragged: bool = False

    @property
    def options(self) -> str:
        """The options of DuckDB's ``read_csv``."""
        columns = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in self.names)
        padding = ", null_padding = true, parallel = false" if self.is_ragged else ""
        return (
            f"auto_detect = false, header = true, delim = {quoted(self.delimiter)}"
            f", quote = {quoted(self.quote)}, escape = {quoted(self.quote)}"
            f", skip = {self.skip}, comment = {quoted(self.comment)}, columns = {{{columns}}}{padding}"
        )


def csv_table(run: Callable[[str], Any], paths: list[str]) -> tuple[str, tuple[Part, ...]]:
    """The SQL of a table over CSV files, and their columns by header.

    Parameters
    ----------
    run : callable
        Runs a query; its errors are InputErrors.
    paths : list of str
    """
    groups: dict[bytes, list[str]] = {}
    for path in paths:
        groups.setdefault(header_of(path), []).append(path)
    dialects = [_dialect(run, members[0], header) for header, members in groups.items()]
    tables = [
        f"read_csv([{', '.join(quoted(glob.escape(path)) for path in members)}], {dialect.options})"
        for dialect, members in zip(dialects, groups.values(), strict=True)
    ]
    parts = tuple(
        Part(members[0], dialect.names) for dialect, members in zip(dialects, groups.values(), strict=True)
    )
    if len(paths) == 1 and not dialects[0].is_ragged:  # DuckDB adapts to a stray quote too
        return f"read_csv([{quoted(glob.escape(paths[0]))}], all_varchar = true, header = true)", ()
    if len(tables) == 1:
        return tables[0], parts
    return f"({' UNION ALL BY NAME '.join(f'SELECT * FROM {table}' for table in tables)})", parts


def header_of(path: str) -> bytes:
    """The first line of a file that is not blank, with its line break.

    Raises
    ------
    InputError
        If the file is compressed and damaged or cut off, which DuckDB does not notice in the last block.
    """
    try:
        with _opened(path) as file:
            start = bytes(file.read(_START)).removeprefix(BOM)
            while path.lower().endswith(COMPRESSED) and file.read(_START << 4):
                pass
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise InputError(
            f"{path} cannot be read: it is damaged or cut off. Copy or compress it again."
        ) from None
    return next((line for line in start.splitlines(keepends=True) if line.strip()), b"")


def _opened(path: str) -> Any:
    if path.lower().endswith(".gz"):
        return gzip.open(path)
    import pyarrow as pa

    return pa.input_stream(path, compression="zstd" if path.lower().endswith(".zst") else None)


def _dialect(run: Callable[[str], Any], path: str, header: bytes) -> Dialect:
    """The dialect that DuckDB detects, or that of the header where malformed rows mislead it."""
    by_header = _dialect_of_header(header)
    try:
        found = run(f"FROM sniff_csv({quoted(glob.escape(path))}, all_varchar = true, header = true)")
    except InputError as error:
        if type(error) is not InputError:  # another encoding
            raise
        return by_header
    columns = [column[0] for column in found.description]
    row = dict(zip(columns, found.fetchone(), strict=True))
    names = tuple(column["name"] for column in row["Columns"])
    if len(names) == 1 and len(by_header.names) > 1:
        return by_header
    return Dialect(
        row["Delimiter"], _given(row["Quote"]) or '"', names, row["SkipRows"], _given(row["Comment"])
    )


def _given(option: str) -> str:
    return "" if option == "(empty)" else option


def _dialect_of_header(header: bytes) -> Dialect:
    text = header.decode("utf-8", "replace").strip("\r\n")
    counts = Counter(character for character in text if character in DELIMITERS)
    delimiter = counts.most_common(1)[0][0] if counts else ","
    return Dialect(delimiter, '"', _numbered(next(csv.reader([text], delimiter=delimiter))), is_ragged=True)


def _numbered(names: Iterable[str]) -> tuple[str, ...]:
    """Names without surrounding blanks; repeated ones numbered, as DuckDB does."""
    seen: Counter[str] = Counter()
    found = []
    for name in map(str.strip, names):
        found.append(f"{name}_{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return tuple(found)


def malformed_row(said: str) -> str:
    """DuckDB's error about a row of a CSV file as a sentence without the row; empty for another error."""
    line = re.search(r"CSV Error on Line: (\d+)", said)
    file = re.search(r"^\s*file = (.*)$", said, re.MULTILINE)
    if line is None or file is None:
        return ""
    cells = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", said)
    rule = "it cannot be parsed (an unclosed quote?)"
    if cells is not None:
        found, expected = int(cells[2]), int(cells[1])
        rule = f"it has {'more' if found > expected else 'fewer'} cells than the {expected} column names"
    return (
        f"line {int(line[1]):,} of {file[1].strip()} is malformed: {rule}. Correct it; put"
        " quotes around cells that contain the delimiter."
    )
