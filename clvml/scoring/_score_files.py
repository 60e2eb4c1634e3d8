"""Files of scores: written beside, and moved into place when they are complete.

The ids are the first column, ``customer_id`` (see :mod:`clvml.customers._ids`). Text in a CSV file that a
spreadsheet would run as a formula is escaped (see :mod:`clvml.customers._formula_escapes`).
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pandas as pd

from clvml.customers._formula_escapes import with_escapes
from clvml.customers._ids import to_arrow, to_csv_ids
from clvml.customers.engines._workbooks import SheetWriter
from clvml.errors import InputError
from clvml.files import beside, check_not_there, is_same, lies_in
from clvml.scoring._customer_files import files_to_read

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

KINDS = (".parquet", ".csv", ".xlsx")
GROUP_ROWS = 65_536  # of a Parquet file
_WAY_OUT = "give the scores another name, or allow it (--overwrite, overwrite=True)"


class ScoreWriter:
    """Writes a table to a file that appears under its final name when complete; use it in a ``with`` block.

    Parameters
    ----------
    path : str or Path
        ``.parquet``, ``.csv`` or ``.xlsx``.
    overwrite : bool
        Whether an existing file may be replaced.
    source : str, Path or pandas.DataFrame, optional
        The customers to be scored; their file is never overwritten, and their folder not written to.

    Raises
    ------
    InputError
        If the file cannot be written, or exists and ``overwrite`` is false.
    """

    def __init__(
        self, path: str | Path, *, overwrite: bool = False, source: str | Path | pd.DataFrame | None = None
    ):
        self.path = Path(path)
        _check_place(self.path)
        if isinstance(source, str | Path):
            _check_apart(self.path, source)
        self._overwrite = overwrite
        if not overwrite:
            check_not_there(self.path, _WAY_OUT)
        self._target = self.path.resolve()
        self._unfinished: Path | None = None
        self._lock: int | None = None
        self._writer: Any = None

    def __enter__(self) -> Self:
        return self

    def write(self, table: pd.DataFrame) -> None:
        """Append rows, indexed by customer id; each call with the same columns."""
        writers = {".csv": _CsvWriter, ".parquet": _ParquetWriter, ".xlsx": _SheetWriter}
        if self._writer is None:
            _remove_abandoned(self._target)
            self._unfinished = beside(self._target)
            self._lock = _created(self._unfinished)
            self._writer = writers[self.path.suffix.lower()](self._unfinished)
        self._writer.write(table)

    def describe(self, metadata: Mapping[bytes, bytes]) -> None:
        """Add to the metadata of a Parquet file that has rows."""
        self._writer.describe(metadata)

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        try:
            with contextlib.suppress(OSError) if failed else contextlib.nullcontext():  # the first says more
                if self._writer is not None:
                    self._writer.close()
            if failed is None and self._lock is not None:
                os.fsync(self._lock)
                self._move()
        finally:
            if self._unfinished is not None:
                self._unfinished.unlink(missing_ok=True)
            if self._lock is not None:
                os.close(self._lock)

    def _move(self) -> None:
        """Give the file its name; a file that came meanwhile stays, unless it may be replaced."""
        assert self._unfinished is not None
        if not self._overwrite:
            check_not_there(self.path, _WAY_OUT)
            with contextlib.suppress(OSError):  # there is a file now, or the file system has no links
                os.link(self._unfinished, self._target)
                return
            check_not_there(self.path, _WAY_OUT)
        self._unfinished.replace(self._target)


def _check_place(path: Path) -> None:
    if path.suffix.lower() not in KINDS:
        raise InputError(
            f"the scores cannot be written to {str(path)!r}: end the name in .parquet, .csv or .xlsx."
        )
    if not path.parent.is_dir():
        raise InputError(f"the folder {str(path.parent)!r} for the scores does not exist; make it first.")
    if path.is_dir():
        raise InputError(f"the scores cannot be written to {str(path)!r}: it is a folder; name a file.")


def _check_apart(path: Path, source: str | Path) -> None:
    """The scores are not written over the customers, nor among their files, where they would be read next."""
    if any(is_same(file, path) for file in files_to_read(source)):
        raise InputError(
            f"the scores would be written over the customers, {str(path)!r}: give them another file."
        )
    if Path(source).is_dir() and lies_in(path, source):
        raise InputError(
            f"the scores would be written into the folder of the customers, {str(source)!r}, and read as"
            " customers next time: give them another folder."
        )


def _created(path: Path) -> int:
    """A new file, locked as long as this process writes it: the lock of a killed process is gone."""
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    if fcntl is not None:
        with contextlib.suppress(OSError):  # some network file systems have no locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return handle


def _remove_abandoned(target: Path) -> None:
    """Remove what killed processes left behind of the same file."""
    if fcntl is None:
        return
    unfinished = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}\.part")
    for path in target.parent.iterdir():
        if unfinished.fullmatch(path.name):
            with contextlib.suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


class _ParquetWriter:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None
        self._waiting: list[Any] = []

    def write(self, table: pd.DataFrame) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = to_arrow(table)
        if self._writer is None:
            # A column without a value so far may have text later.
            kinds = [pa.large_string() if pa.types.is_null(kind) else kind for kind in rows.schema.types]
            schema = pa.schema(zip(rows.schema.names, kinds, strict=True), rows.schema.metadata)
            self._writer = pq.ParquetWriter(self._path, schema)
        self._waiting.append(rows.cast(self._writer.schema))
        if sum(map(len, self._waiting)) >= GROUP_ROWS:
            self._write_group()

    def describe(self, metadata: Mapping[bytes, bytes]) -> None:
        self._writer.add_key_value_metadata(dict(metadata))

    def close(self) -> None:
        if self._waiting:
            self._write_group()
        if self._writer is not None:
            self._writer.close()

    def _write_group(self) -> None:
        import pyarrow as pa

        group, self._waiting = pa.concat_tables(self._waiting), []  # not again where the disk is full
        self._writer.write_table(group)


class _SheetWriter:
    def __init__(self, path: Path) -> None:
        self._sheet = SheetWriter(path)

    def write(self, table: pd.DataFrame) -> None:
        self._sheet.write_table(to_csv_ids(table).reset_index())

    def close(self) -> None:
        self._sheet.close()


class _CsvWriter:
    """Lines that Arrow joins, in a tenth of the time of `pandas.DataFrame.to_csv`."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._names: list[Any] | None = None

    def write(self, table: pd.DataFrame) -> None:
        rows = with_escapes(to_csv_ids(table)).reset_index()
        if self._names is None:
            self._names = list(rows)
            self._write_lines([_quoted([str(name)]) for name in rows])
        self._write_lines([_cells(rows[name]) for name in self._names])

    def close(self) -> None:
        self._file.close()

    def _write_lines(self, cells: list[Any]) -> None:
        import pyarrow.compute as pc

        lines = pc.binary_join_element_wise(*cells, ",", null_handling="replace", null_replacement="")
        self._file.write("\n".join([*lines.to_pylist(), ""]).encode())


def _cells(column: pd.Series) -> Any:
    """Cells of a CSV file as an Arrow array of text; null if missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.dtype.kind in "iu":
        return pa.array(column, from_pandas=True).cast(pa.string())
    if column.dtype.kind == "f":
        text = pa.array(column, from_pandas=True).cast(pa.string())
        # A decimal point in each: programs that read the first rows only would take them for whole numbers.
        return pc.replace_substring_regex(text, r"^(-?[0-9]+)$", r"\1.0")
    return _quoted([None if gap else str(cell) for cell, gap in zip(column, column.isna(), strict=True)])


def _quoted(texts: Sequence[str | None]) -> Any:
    """Text in quotes where it has a character that separates cells or lines in some program."""
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = pa.array(texts, pa.string())
    special = pc.match_substring_regex(plain, r'[",;|\t\r\n]')
    if not pc.any(special).as_py():
        return plain
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(plain, '"', '""'), '"', "")
    return pc.if_else(special, quoted, plain)
