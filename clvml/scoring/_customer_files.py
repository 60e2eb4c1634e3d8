"""Files of customers: read in batches that know which rows of which file they are.

The customer id is the column ``customer_id`` or the index that pandas stores in a Parquet file; the row order
is kept. The time unit that pandas stores in a Parquet file is restored on every batch. The cells of a CSV
file may be separated by ``,``, ``;``, tabs or ``|``.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.customers._ids import CUSTOMER_ID, read_csv, storable, without_uuids
from clvml.customers.engines._files import files_of, is_stdin
from clvml.customers.engines._workbooks import read_sheet
from clvml.errors import InputError

BATCH_ROWS = 16_384
KINDS = (".parquet", ".csv", ".xlsx")


class Batch(NamedTuple):
    """Consecutive customers of one file.

    Attributes
    ----------
    customers : pandas.DataFrame
        Indexed by id.
    rows : ndarray, shape (n_customers,)
        The number of each row in its file, from 1, not counting the header.
    file : str
        Its path; empty for a DataFrame.
    """

    customers: pd.DataFrame
    rows: NDArray[np.int64]
    file: str = ""


class Columns(NamedTuple):
    """The columns to read beside the id: those that are needed, and those that are used where they are.

    A file that lacks one that is needed is read whole, so that a message can list what it has.
    """

    needed: Collection[str] = ()
    used: Collection[str] = ()

    def of(self, names: Sequence[str], id_column: str | None) -> list[str]:
        """Those of a file, in its order."""
        if not set(self.needed) <= set(names):
            return list(names)
        return [name for name in names if name in self.needed or name in self.used or name == id_column]


class CustomerSource:
    """Customers in a DataFrame, a file, a folder or glob of files, or standard input (``"-"``).

    Parameters
    ----------
    source : pandas.DataFrame, str or Path
    numbers : collection of str, optional
        The columns that are numbers, of a CSV file; default: those with nothing else in them.
    numbers_as_text : bool, default False
        Whether numbers in CSV files are left as text, because they have decimal commas.

    Raises
    ------
    InputError
        If a file does not exist or is of another type.
    """

    def __init__(
        self,
        source: str | Path | pd.DataFrame,
        numbers: Collection[str] | None = None,
        *,
        numbers_as_text: bool = False,
    ) -> None:
        self.source, self.numbers, self.numbers_as_text = source, numbers, numbers_as_text
        self.files = () if isinstance(source, pd.DataFrame) else tuple(map(Path, files_to_read(source)))
        self._sheets: dict[Path, pd.DataFrame] = {}
        for path in self.files:
            _kind(path)

    @cached_property
    def n_rows(self) -> int | None:
        """The number of customers, if it is known without reading them."""
        if isinstance(self.source, pd.DataFrame):
            return len(self.source)
        if any(_kind(path) != ".parquet" for path in self.files):
            return None
        return sum(map(_parquet_rows, self.files))

    def batches(self, columns: Columns | None = None) -> Iterator[Batch]:
        """The customers, in batches of `BATCH_ROWS`.

        Parameters
        ----------
        columns : Columns, optional
            Default: all.

        Raises
        ------
        InputError
            If a file is unreadable or has no ids, or its ids are of another type than those before.
        """
        numeric = None
        for batch in self._read(columns):
            if len(batch.customers):
                is_number = batch.customers.index.dtype.kind in "iuf"
                if numeric is not None and is_number != numeric:
                    raise InputError(
                        f"the ids of {batch.file} are {_words(is_number)}, those of the file before it"
                        f" {_words(numeric)}: write the ids of all files as the same type."
                    )
                numeric = is_number
            yield batch

    def ids(self) -> Iterator[pd.Index]:
        """The ids alone, batch by batch."""
        return (batch.customers.index for batch in self.batches(Columns()))

    def _read(self, columns: Columns | None) -> Iterator[Batch]:
        if isinstance(self.source, pd.DataFrame):
            yield from _slices(_by_customer(self.source), np.arange(len(self.source)) + 1)
            return
        readers = {".parquet": _parquet_batches, ".csv": self._csv_batches, ".xlsx": self._sheet_batches}
        for path in self.files:
            yield from readers[_kind(path)](path, columns)

    def _csv_batches(self, path: Path, columns: Columns | None) -> Iterator[Batch]:
        choose = None if columns is None else partial(columns.of, id_column=CUSTOMER_ID)
        options: dict[str, Any] = {"choose": choose, "numbers_as_text": self.numbers_as_text}
        try:
            for frame in read_csv(path, [CUSTOMER_ID], BATCH_ROWS, numbers=self.numbers, **options):
                customers = _by_customer(frame)
                yield Batch(customers.set_axis(storable(customers.index)), _numbered(frame), str(path))
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
            raise InputError(f"{str(path)!r} cannot be read as CSV: {error}") from None

    def _sheet_batches(self, path: Path, _: Columns | None) -> Iterator[Batch]:
        if path not in self._sheets:
            self._sheets[path] = read_sheet(path)  # takes long
        sheet = self._sheets[path]
        if CUSTOMER_ID not in sheet:  # its index has the numbers of rows that are not blank
            raise _without_ids()
        customers = _by_customer(sheet)
        stored = customers.set_axis(storable(customers.index))
        yield from _slices(stored, _numbered(sheet), str(path))


def read_batches(source: str | Path | pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The customers in batches, indexed by id.

    Raises
    ------
    InputError
        As in `CustomerSource`.
    """
    return (batch.customers for batch in CustomerSource(source).batches())


def _slices(customers: pd.DataFrame, rows: NDArray[np.int64], file: str = "") -> Iterator[Batch]:
    for start in range(0, len(customers), BATCH_ROWS):
        place = slice(start, start + BATCH_ROWS)
        yield Batch(customers.iloc[place], rows[place], file)


def _numbered(frame: pd.DataFrame) -> NDArray[np.int64]:
    """The numbers of rows that pandas has read, blank rows of a sheet included."""
    return np.asarray(frame.index, dtype=np.int64) + 1


def files_to_read(source: str | Path) -> list[str]:
    """The file, those of a folder or a glob, or a copy of standard input."""
    path = Path(source)
    return files_of(source) if is_stdin(source) or path.is_dir() or "*" in path.name else [str(source)]


def _kind(path: Path) -> str:
    if path.suffix.lower() not in KINDS:
        raise InputError(f"{str(path)!r} is neither .parquet, .csv nor .xlsx; convert it first.")
    if not path.is_file():
        raise InputError(f"there is no file {str(path)!r}.")
    return path.suffix.lower()


def _by_customer(frame: pd.DataFrame) -> pd.DataFrame:
    if CUSTOMER_ID in frame:
        return frame.set_index(CUSTOMER_ID)
    if isinstance(frame.index, pd.MultiIndex) and CUSTOMER_ID in frame.index.names:
        return frame.reset_index([name for name in frame.index.names if name != CUSTOMER_ID])
    if frame.index.name is None and isinstance(frame.index, pd.RangeIndex):
        raise _without_ids()
    return frame


def _without_ids() -> InputError:
    return InputError(f"the customers have no ids: name the column of ids {CUSTOMER_ID!r}.")


def _words(is_number: bool) -> str:
    return "numbers" if is_number else "text"


# Parquet.


def _parquet_rows(path: Path) -> int:
    with _opened(path) as file:
        return file.metadata.num_rows


def _parquet_batches(path: Path, columns: Columns | None) -> Iterator[Batch]:
    import pyarrow as pa

    with _opened(path) as file:
        schema, start = file.schema_arrow, 0
        metadata = schema.metadata or {}
        attrs = json.loads(metadata.get(b"PANDAS_ATTRS", b"{}"))
        id_column, counted = _stored_ids(schema.names, metadata)
        try:
            chosen = None if columns is None else columns.of(schema.names, id_column)
            for part in file.iter_batches(BATCH_ROWS, columns=chosen, use_threads=False):
                table = pa.Table.from_batches([part])
                ids = _counted(counted, start, len(table)) if id_column is None else _ids(table, id_column)
                rest = table if id_column is None else table.drop_columns([id_column])
                frame = without_uuids(rest).replace_schema_metadata(None).to_pandas()
                frame = frame.set_axis(ids.rename(CUSTOMER_ID))
                frame.attrs.update(attrs)
                yield Batch(frame, np.arange(start, start + len(frame)) + 1, str(path))
                start += len(frame)
        except pa.ArrowInvalid as error:
            raise _not_parquet(path, error) from None


def _opened(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Without a buffer for whole groups of rows, of which a file may have a single one.
        return pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
    except pa.ArrowInvalid as error:
        raise _not_parquet(path, error) from None


def _not_parquet(path: Path, error: Exception) -> InputError:
    return InputError(f"{str(path)!r} cannot be read as Parquet: {error}")


def _stored_ids(names: list[str], metadata: dict[bytes, bytes]) -> tuple[str | None, dict[str, Any] | None]:
    """The column of ids; or the RangeIndex that pandas keeps as metadata of the file, not as a column."""
    if CUSTOMER_ID in names:
        return CUSTOMER_ID, None
    index = json.loads(metadata.get(b"pandas", b"{}")).get("index_columns") or [None]
    if isinstance(index[0], str) and len(index) == 1:
        return index[0], None
    if isinstance(index[0], dict) and index[0].get("name") is not None:
        return None, index[0]
    raise _without_ids()


def _counted(counted: dict[str, Any] | None, start: int, n_rows: int) -> pd.Index:
    assert counted is not None
    step = counted["step"]
    first = counted["start"] + start * step
    return pd.RangeIndex(first, first + n_rows * step, step)


def _ids(table: Any, name: str) -> pd.Index:
    """Ids as a file can store them; whole numbers stay whole beside missing ones."""
    import pyarrow as pa

    column = without_uuids(table.select([name]))[name]
    if pa.types.is_integer(column.type) and column.null_count:
        return pd.Index(column.to_pandas(types_mapper={column.type: pd.Int64Dtype()}.get))
    return storable(pd.Index(column.to_pandas()))
