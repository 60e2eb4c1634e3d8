"""CSV files as one table: each header with its own dialect, columns matched by name.

DuckDB detects the dialect of a file from its first rows, so that one malformed row changes how the whole file
is read: of several files, one then has other columns, whose cells are NULL in the union. Here files with one
header have one dialect and one list of columns, and a row with more cells is an error that names it.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import glob
import gzip
import io
import itertools
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from clvml.customers.engines._engine import Part, quoted
from clvml.customers.engines._files import COMPRESSED
from clvml.errors import InputError

DELIMITERS = ",;\t|"
_BLOCK = 1 << 18  # bytes, enough for the header
_FEW = 3  # lines above a header, fewer than which are taken for a title without a look
BOM = b"\xef\xbb\xbf"


class Dialect(NamedTuple):
    """How a CSV file is written; in a ragged one rows may have fewer cells than the header."""

    delimiter: str
    quote: str
    names: tuple[str, ...]
    skip: int = 0
    comment: str = ""
    is_ragged: bool = False
    drops_malformed: bool = False

    @property
    def options(self) -> str:
        """The options of DuckDB's ``read_csv``."""
        columns = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in self.names)
        padding = ", null_padding = true, parallel = false" if self.is_ragged else ""
        # Without store_rejects, ignore_errors of DuckDB 2.0 loses the rows after some malformed ones.
        rejects = ", store_rejects = true" if self.drops_malformed else ""
        return (
            f"auto_detect = false, header = true, delim = {quoted(self.delimiter)}"
            f", quote = {quoted(self.quote)}, escape = {quoted(self.quote)}"
            f", skip = {self.skip}, comment = {quoted(self.comment)}, columns = {{{columns}}}"
            f"{padding}{rejects}"
        )


def csv_tables(
    run: Callable[[str], Any], paths: list[str], drop_malformed: bool = False
) -> tuple[list[str], tuple[Part, ...]]:
    """The SQL of a table for each header among CSV files, and their columns.

    Parameters
    ----------
    run : callable
        Runs a query; its errors are InputErrors.
    paths : list of str
    drop_malformed : bool
        Store malformed rows in the tables ``reject_errors`` and ``reject_scans``, for a query that reads all.
    """
    groups: dict[bytes, list[str]] = {}
    for path in paths:
        groups.setdefault(header_of(path), []).append(path)
    dialects = [_dialect(run, members[0], header) for header, members in groups.items()]
    if len(paths) == 1 and not (
        dialects[0].is_ragged or drop_malformed
    ):  # DuckDB adapts to a stray quote too
        return [f"read_csv([{quoted(glob.escape(paths[0]))}], all_varchar = true, header = true)"], ()
    if drop_malformed:
        dialects = [dialect._replace(is_ragged=False, drops_malformed=True) for dialect in dialects]
    tables, parts = [], []
    for dialect, members in zip(dialects, groups.values(), strict=True):
        for path in members:
            refuse_open_quote(path, dialect.delimiter)
        files = ", ".join(quoted(glob.escape(path)) for path in members)
        tables.append(f"read_csv([{files}], {dialect.options})")
        parts.append(Part(members[0], dialect.names))
    return tables, tuple(parts)


def united(tables: list[str], columns: str) -> str:
    """The SQL of some columns of tables, united by name."""
    return f"({' UNION ALL BY NAME '.join(f'SELECT {columns} FROM {table}' for table in tables)})"


def line_of(path: str, row: int) -> int | None:
    """The line of a row of a file, both counted from 1, the row without the header; None if it is unclear."""
    header = header_of(path)
    if _has_odd_quotes(path):
        return None
    with _opened(path) as file, io.TextIOWrapper(file, "utf-8-sig", "replace", newline="") as text:
        rows = csv.reader(text, delimiter=_dialect_of_header(header).delimiter)
        cells = next(itertools.islice(filter(None, rows), row, None), None)
        return None if cells is None else rows.line_num - sum(cell.count("\n") for cell in cells)


def header_of(path: str) -> bytes:
    """The first line of a file that is not blank, with its line break.

    Raises
    ------
    InputError
        If the file is compressed and damaged or cut off, which DuckDB does not notice in the last block.
    """
    rest = _blocks(path)
    start = next(rest, b"").removeprefix(BOM)
    if path.lower().endswith(COMPRESSED):
        for _ in rest:  # to the checksum at its end
            pass
    return next((line for line in start.splitlines(keepends=True) if line.strip()), b"")


def refuse_open_quote(path: str, delimiter: str) -> None:
    """Refuse a file that ends within quotes: DuckDB 2.0 may leave out all rows after the opening one.

    Raises
    ------
    InputError
        Naming the line of the quote.
    """
    if not _has_odd_quotes(path):
        return
    with _opened(path) as file, io.TextIOWrapper(file, "utf-8", "replace", newline="") as text:
        rows, line = csv.reader(text, delimiter=delimiter, strict=True), 0
        with contextlib.suppress(StopIteration):
            while True:
                line = rows.line_num
                if _ends_within_quotes(rows):
                    raise InputError(
                        f"line {line + 1:,} of {path} is malformed and hides the rows after it: a quote is"
                        " never closed. Correct it."
                    )


def _has_odd_quotes(path: str) -> bool:
    return sum(block.count(b'"') for block in _blocks(path)) % 2 == 1


def _ends_within_quotes(rows: Iterator[list[str]]) -> bool:
    """Whether the next row is one that never ends."""
    try:
        next(rows)
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


def _blocks(path: str) -> Iterator[bytes]:
    """The text of a file, unpacked."""
    try:
        with _opened(path) as file:
            while block := bytes(file.read(_BLOCK)):
                yield block
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise InputError(
            f"{path} cannot be read: it is damaged or cut off. Copy or compress it again."
        ) from None


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
    except InputError:  # an encoding is blamed for malformed rows too
        if not _is_utf8(path):
            raise
        return by_header
    columns = [column[0] for column in found.description]
    row = dict(zip(columns, found.fetchone(), strict=True))
    names = tuple(column["name"] for column in row["Columns"])
    if (len(names) == 1 < len(by_header.names)) or _are_data(path, row["SkipRows"], by_header):
        return by_header
    return Dialect(
        row["Delimiter"], _given(row["Quote"]) or '"', names, row["SkipRows"], _given(row["Comment"])
    )


def _is_utf8(path: str) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in _blocks(path):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _are_data(path: str, lines: int, header: Dialect) -> bool:
    """Whether these first lines are rows under the first, with fewer after them, and not above a header."""
    if lines < _FEW or len(header.names) < 2:
        return False
    with _opened(path) as file, io.TextIOWrapper(file, "utf-8-sig", "replace", newline="") as text:
        rows = csv.reader(text, delimiter=header.delimiter)
        alike = sum(len(cells) == len(header.names) for cells in itertools.islice(rows, lines))
        after = sum(1 for _ in itertools.islice(rows, lines))
    return 2 * alike > lines > after


def _given(option: str) -> str:
    return "" if option == "(empty)" else option


def _dialect_of_header(header: bytes) -> Dialect:
    text = header.decode("utf-8", "replace").strip("\r\n")
    counts = Counter(character for character in text if character in DELIMITERS)
    delimiter = counts.most_common(1)[0][0] if counts else ","
    return Dialect(delimiter, '"', numbered(next(csv.reader([text], delimiter=delimiter))), is_ragged=True)


def numbered(names: Iterable[str]) -> tuple[str, ...]:
    """Names without surrounding blanks; repeated ones numbered, as DuckDB does."""
    seen: Counter[str] = Counter()
    found = []
    for name in map(str.strip, names):
        found.append(f"{name}_{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return tuple(found)
