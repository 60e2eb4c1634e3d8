"""Files of customers: read in batches, written atomically.

The customer id is the column ``customer_id`` or the index that pandas stores in a Parquet file; the row order
is kept. The time unit that pandas stores in a Parquet file is restored on every batch. Files
are written with the ids as the first column, ``customer_id`` (see :mod:`clvml.customers._ids`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from clvml.customers._ids import (
    CUSTOMER_ID,
    check_present,
    read_csv,
    storable,
    to_arrow,
    to_csv_ids,
    without_uuids,
)
from clvml.customers._summary_checks import plain
from clvml.customers.engines._files import files_of, is_stdin
from clvml.customers.engines._workbooks import SheetWriter, read_sheet
from clvml.errors import InputError
from clvml.files import beside, check_not_there, is_same

BATCH_ROWS = 262_144
KINDS = (".parquet", ".csv", ".xlsx")


def read_batches(source: str | Path | pd.DataFrame, rows: int = BATCH_ROWS) -> Iterator[pd.DataFrame]:
    """The customers, ``rows`` at a time, indexed by id; a DataFrame is returned unchanged.

    Raises
    ------
    InputError
        If the file does not exist, is of another type or unreadable, or has no ids.
    """
    if isinstance(source, pd.DataFrame):
        yield _by_customer(source)
        return
    for path in map(Path, _files(source)):
        for batch in _READERS[_kind(path)](path, rows):
            customers = _by_customer(batch)
            yield customers.set_axis(storable(customers.index))


def check_ids(source: str | Path | pd.DataFrame) -> None:
    """Refuse missing and duplicated customer ids, across the whole file.

    Raises
    ------
    InputError
        Naming the first one concerned.
    """
    ids = _ids(source)
    if not len(ids):
        raise InputError("there are no customers to score: the table is empty.")
    check_present(ids)
    repeated = np.asarray(ids.duplicated())
    if repeated.any():
        raise InputError(
            f"{repeated.sum()} of {len(ids)} rows repeat the id of an earlier customer; the first is"
            f" {plain(ids[int(repeated.argmax())])!r}: give one row per customer."
        )


class ScoreWriter:
    """Writes scores to a file that appears under its final name when complete; use it in a ``with`` block.

    Parameters
    ----------
    path : str or Path
        ``.parquet``, ``.csv`` or ``.xlsx``.
    overwrite : bool
        Whether an existing file may be replaced.
    source : str, Path or pandas.DataFrame, optional
        The customers to be scored; their file is never overwritten.

    Raises
    ------
    InputError
        If the file cannot be written, or exists and ``overwrite`` is false.
    """

    def __init__(
        self, path: str | Path, *, overwrite: bool = False, source: str | Path | pd.DataFrame | None = None
    ):
        self.path = Path(path)
        if self.path.suffix.lower() not in KINDS:
            raise InputError(
                f"the scores cannot be written to {str(path)!r}: end the name in .parquet, .csv or .xlsx."
            )
        if not self.path.parent.is_dir():
            raise InputError(
                f"the folder {str(self.path.parent)!r} for the scores does not exist; make it first."
            )
        if self.path.is_dir():
            raise InputError(f"the scores cannot be written to {str(path)!r}: it is a folder; name a file.")
        if isinstance(source, str | Path) and is_same(source, self.path):
            raise InputError(
                f"the scores would be written over the customers, {str(path)!r}: give them another file."
            )
        self._overwrite = overwrite
        self._check_free()
        self._target = self.path.resolve()
        self._unfinished = beside(self._target)
        self._writer: Any = None

    def __enter__(self) -> Self:
        return self

    def write(self, scores: pd.DataFrame) -> None:
        """Append rows; each call with the same columns."""
        {".csv": self._write_csv, ".parquet": self._write_parquet, ".xlsx": self._write_sheet}[
            self.path.suffix.lower()
        ](scores)

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        try:
            if self._writer is not None:
                self._writer.close()
            if failed is None:
                self._check_free()
                self._unfinished.replace(self._target)
        finally:
            self._unfinished.unlink(missing_ok=True)

    def _check_free(self) -> None:
        if not self._overwrite:
            check_not_there(
                self.path, "give the scores another name, or allow it (--overwrite, overwrite=True)"
            )

    def _write_csv(self, scores: pd.DataFrame) -> None:
        with self._unfinished.open("a", encoding="utf-8", newline="") as file:
            to_csv_ids(scores).to_csv(file, header=file.tell() == 0)

    def _write_sheet(self, scores: pd.DataFrame) -> None:
        if self._writer is None:
            self._writer = SheetWriter(self._unfinished)
        self._writer.write_table(to_csv_ids(scores).reset_index())

    def _write_parquet(self, scores: pd.DataFrame) -> None:
        import pyarrow.parquet as pq

        table = to_arrow(scores)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._unfinished, table.schema)
        self._writer.write_table(table.cast(self._writer.schema))


def _files(source: str | Path) -> list[str]:
    """The file, those of a folder or a glob, or a copy of standard input."""
    path = Path(source)
    return files_of(source) if is_stdin(source) or path.is_dir() or "*" in path.name else [str(source)]


def _kind(path: Path) -> str:
    if path.suffix.lower() not in KINDS:
        raise InputError(f"{str(path)!r} is neither .parquet, .csv nor .xlsx; convert it first.")
    if not path.is_file():
        raise InputError(f"there is no file {str(path)!r}.")
    return path.suffix.lower()


def _parquet_batches(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            metadata, start = file.schema_arrow.metadata or {}, 0
            attrs = json.loads(metadata.get(b"PANDAS_ATTRS", b"{}"))
            for batch in file.iter_batches(rows):
                frame = without_uuids(pa.Table.from_batches([batch])).to_pandas()
                frame.attrs.update(attrs)
                yield _counted_on(frame, metadata, start)
                start += len(frame)
    except pa.ArrowInvalid as error:
        raise InputError(f"{str(path)!r} cannot be read as Parquet: {error}") from None


def _counted_on(frame: pd.DataFrame, metadata: dict[bytes, bytes], start: int) -> pd.DataFrame:
    """A RangeIndex is metadata of the whole Parquet file, not a column: continue it from ``start``."""
    notes = json.loads(metadata.get(b"pandas", b"{}")).get("index_columns", [])
    if not notes or not isinstance(notes[0], dict) or notes[0].get("name") is None:
        return frame
    first, step = notes[0]["start"] + start * notes[0]["step"], notes[0]["step"]
    return frame.set_axis(pd.RangeIndex(first, first + len(frame) * step, step, name=notes[0]["name"]))


def _csv_batches(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    try:
        yield from read_csv(path, [CUSTOMER_ID], rows)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{str(path)!r} cannot be read as CSV: {error}") from None


def _sheet_batches(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    sheet = read_sheet(path)
    for start in range(0, len(sheet), rows):
        yield sheet.iloc[start : start + rows]


_READERS = {".parquet": _parquet_batches, ".csv": _csv_batches, ".xlsx": _sheet_batches}


def _ids(source: str | Path | pd.DataFrame) -> pd.Index:
    """The ids alone, which need little memory."""
    parts = [batch.index for batch in read_batches(source)]
    return parts[0].append(parts[1:]) if parts else pd.Index([])


def _by_customer(frame: pd.DataFrame) -> pd.DataFrame:
    if CUSTOMER_ID in frame:
        return frame.set_index(CUSTOMER_ID)
    if isinstance(frame.index, pd.RangeIndex) and frame.index.name is None:
        raise InputError(f"the customers have no ids: name the column of ids {CUSTOMER_ID!r}.")
    return frame
