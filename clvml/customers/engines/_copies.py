"""Sources that can be read once only, or not cheaply again: copied to a temporary Parquet file.

Every query of `clvml.customers` scans its source. A stream ends after one scan, and a database would be asked
the same again, over the network and perhaps with other rows: both are read once, in batches, so that memory
does not grow with the rows, into a file that all queries read and that is removed with its source.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import uuid
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clvml.customers.engines._leftovers import lock, release, remove_abandoned
from clvml.errors import InputError

if TYPE_CHECKING:  # a served model needs no pyarrow
    import pyarrow as pa
    import pyarrow.parquet as pq

log = logging.getLogger("clvml")

_COPY = "clvml-copy-"
_ROWS_PER_GROUP = 1 << 18  # of the Parquet file: few enough to hold, enough for an engine to share out


class Copy:
    """A source whose rows are copied to a temporary Parquet file when an engine first opens it.

    Parameters
    ----------
    label : str
        Name of the source in messages.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self._path: str | None = None

    def path_in(self, folder: str | Path) -> str:
        """The path of the copy, which is made in a folder if there is none yet.

        Raises
        ------
        InputError
            If the source cannot be read to its end, or the folder has no room; then no file is left.
        """
        if self._path is None:
            path = new_path_in(folder)
            Path(path).touch()
            done = weakref.finalize(self, release, Path(path), lock(Path(path)))
            try:
                rows = self._write_or_remove(path)
            except BaseException:
                done()
                raise
            self._path = path
            log.info("read %s rows of %s", f"{rows:,}", self.label)
        return self._path

    def __getstate__(self) -> dict[str, Any]:
        """Without the file, which belongs to this process."""
        return self.__dict__ | {"_path": None}

    def _write_or_remove(self, path: str) -> int:
        try:
            return self._write(path)
        except BaseException as error:
            _remove(path)
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise InputError(
                    f"the disk is full: the temporary copy of {self.label} does not fit in"
                    f" {os.path.dirname(path)}; free some space, or choose another temp_directory."
                ) from None
            raise

    def _write(self, path: str) -> int:
        """Write the rows to a Parquet file, and return their number."""
        raise NotImplementedError


class Stream(Copy):
    """A stream of Arrow batches, or an object that makes one.

    Parameters
    ----------
    source : object
        With the Arrow stream protocol.
    label : str
        Name of the source in messages.

    Raises
    ------
    InputError
        If it streams no rows with named columns.
    """

    def __init__(self, source: Any, label: str) -> None:
        super().__init__(label)
        self._source = source

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled with its rows: the stream may have ended."""
        import pyarrow.parquet as pq

        return Stream, (self._source if self._path is None else pq.read_table(self._path), self.label)

    def _write(self, path: str) -> int:
        import pyarrow as pa

        try:
            reader = pa.RecordBatchReader.from_stream(self._source)
        except (pa.ArrowInvalid, TypeError, ValueError):
            raise InputError(
                f"transactions are {self.label}, which is not a table; give rows with named columns."
            ) from None
        try:
            with reader:
                return write_batches(path, reader.schema, reader)
        except (pa.ArrowException, ValueError, OSError) as error:
            if getattr(error, "errno", None) is not None:  # of the copy on disk, not of the stream
                raise
            raise InputError(f"{self.label} cannot be read to its end: {reason_of(error)}.") from None


class LazyFrame(Copy):
    """A polars LazyFrame, evaluated once by its streaming engine.

    Parameters
    ----------
    source : polars.LazyFrame
    label : str
        Name of the source in messages.
    """

    def __init__(self, source: Any, label: str) -> None:
        super().__init__(label)
        self._source = source

    def _write(self, path: str) -> int:
        import pyarrow.parquet as pq
        from polars.exceptions import PolarsError

        try:
            self._source.sink_parquet(path, compression="lz4")
        except PolarsError as error:
            raise InputError(f"{self.label} cannot be evaluated: {reason_of(error)}.") from None
        return int(pq.read_metadata(path).num_rows)


def new_path_in(folder: str | Path) -> str:
    """The path of a Parquet file to write in a folder, which is made; what killed processes left goes."""
    os.makedirs(folder, exist_ok=True)
    remove_abandoned(Path(folder), _COPY)
    return str(Path(folder) / f"{_COPY}{uuid.uuid4().hex}.parquet")


def copy_of_stream(source: Any, label: str, folder: str | Path) -> str:
    """The path of a copy of a stream that stays until its folder is removed; see `Stream`."""
    path = new_path_in(folder)
    Stream(source, label)._write_or_remove(path)
    return path


def reason_of(error: BaseException) -> str:
    """An error's message in one line, without a full stop; its type if it has none."""
    reason = " ".join(str(error).split()).partition(" Detail: ")[0]
    return reason.rstrip(". ") or type(error).__name__


def write_batches(path: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Write batches in row groups of one size, whatever their own."""
    import pyarrow.parquet as pq

    rows, waiting = 0, []
    with pq.ParquetWriter(path, schema, compression="lz4") as writer:
        for batch in batches:
            waiting.append(batch)
            if sum(map(len, waiting)) >= _ROWS_PER_GROUP:
                rows += _write_group(writer, waiting, schema)
        return rows + _write_group(writer, waiting, schema)


def _write_group(writer: pq.ParquetWriter, waiting: list[pa.RecordBatch], schema: pa.Schema) -> int:
    import pyarrow as pa

    table = pa.Table.from_batches(waiting, schema)
    writer.write_table(table)
    waiting.clear()
    return len(table)


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
