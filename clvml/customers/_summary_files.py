"""Customer summaries as Parquet files, written by the engine: customers need not fit in memory.

A file is written under a temporary name beside its own and renamed once it is whole. Its rows are sorted by
``customer_id``. Its metadata (``PANDAS_ATTRS`` and ``pandas``, as pandas writes them) hold ``time_unit``,
``collapse`` and ``observation_end``; the time unit is a constant column too, for readers without metadata.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from clvml.customers._ids import CUSTOMER_ID
from clvml.customers._time_units import TIME_UNIT
from clvml.customers.engines import Engine
from clvml.customers.engines._leftovers import partial_file
from clvml.errors import InputError

ROWS = 1_000_000


@dataclasses.dataclass(frozen=True)
class SummaryFile:
    """A customer summary in a Parquet file; ``len()`` is the number of customers.

    Made by ``summarize(..., into=path)`` and ``split(..., into=folder)``.

    Parameters
    ----------
    path : pathlib.Path
        The Parquet file.

    Raises
    ------
    InputError
        From its methods, if the file does not exist or is not a Parquet file of customers.

    See Also
    --------
    clvml.summarize : Makes it.
    clvml.count_histories : The distinct histories of a file, for a fit without the customers in memory.
    clvml.SplitFile : The same with a holdout.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import clvml
    >>> path = Path(tempfile.mkdtemp()) / "customers.parquet"
    >>> stored = clvml.summarize(clvml.load_cdnow(), "1997-09-30", into=path)
    >>> len(stored), stored.attrs["time_unit"]
    (2357, 'W')
    >>> [len(part) for part in stored.chunks(1000)]
    [1000, 1000, 357]
    """

    path: Path

    @property
    def columns(self) -> list[str]:
        """The columns of `to_pandas`."""
        return [name for name in self._schema.names if name not in (CUSTOMER_ID, TIME_UNIT)]

    @property
    def attrs(self) -> dict[str, Any]:
        """The ``attrs`` of the summary: ``time_unit``, ``collapse`` and ``observation_end``."""
        return dict(json.loads((self._schema.metadata or {}).get(b"PANDAS_ATTRS", b"{}")))

    def chunks(self, rows: int = ROWS) -> Iterator[pd.DataFrame]:
        """Read some customers at a time.

        Parameters
        ----------
        rows : int, default 1,000,000
            Customers at a time.

        Yields
        ------
        pandas.DataFrame
            As `summarize` returns them, in order.
        """
        import pyarrow as pa
        import pyarrow.parquet

        columns = [CUSTOMER_ID, *self.columns]
        with pyarrow.parquet.ParquetFile(self.path) as file:
            for batch in file.iter_batches(rows, columns=columns):
                yield self._as_frame(pa.Table.from_batches([batch]))

    def to_pandas(self) -> pd.DataFrame:
        """All customers, as `summarize` returns them without ``into``."""
        import pyarrow.parquet

        return self._as_frame(pyarrow.parquet.read_table(self.path, columns=[CUSTOMER_ID, *self.columns]))

    def __len__(self) -> int:
        return int(self._metadata.num_rows)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The customers for every reader of Arrow tables, such as the predictions of models."""
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(self.path, columns=[CUSTOMER_ID, *self.columns])
        attrs = {"PANDAS_ATTRS": json.dumps(self.attrs)}
        return table.replace_schema_metadata(attrs).__arrow_c_stream__(requested_schema)

    @cached_property
    def _metadata(self) -> Any:
        import pyarrow as pa
        import pyarrow.parquet

        try:
            return pyarrow.parquet.read_metadata(self.path)
        except (pa.ArrowException, OSError):
            raise InputError(
                f"{self.path} is not a Parquet file of customers: write it again by"
                " clvml.summarize(transactions, into=path)."
            ) from None

    @property
    def _schema(self) -> Any:
        return self._metadata.schema.to_arrow_schema()

    def _as_frame(self, table: Any) -> pd.DataFrame:
        frame = table.replace_schema_metadata(None).to_pandas().set_index(CUSTOMER_ID)
        frame.attrs.update(self.attrs)
        return frame


def write_customers(
    engine: Engine, sql: str, path: str | Path, columns: list[str], attrs: Mapping[str, Any]
) -> SummaryFile:
    """Write the result of a query, with ``customer_id`` first, to a Parquet file that pandas reads back.

    Raises
    ------
    InputError
        If the folder does not exist, or the disk is full. A file of that name is then unchanged.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent} to write {path.name} into: create it first.")
    listed = ", ".join([CUSTOMER_ID, *columns, f"'{attrs[TIME_UNIT]}' AS {TIME_UNIT}"])
    query = f"SELECT {listed} FROM ({sql}) ORDER BY {CUSTOMER_ID}"
    try:
        with partial_file(path.parent, f".{path.name}.") as partial:
            engine.write_parquet(query, partial, _metadata(attrs))
            partial.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from None
    return SummaryFile(path)


def _metadata(attrs: Mapping[str, Any]) -> dict[str, str]:
    ids = dict.fromkeys(("name", "field_name"), CUSTOMER_ID) | {
        "pandas_type": "mixed",
        "numpy_type": "object",
    }
    notes = {
        "index_columns": [CUSTOMER_ID],
        "column_indexes": [],
        "columns": [ids],
        "attributes": dict(attrs),
    }
    return {"pandas": json.dumps(notes), "PANDAS_ATTRS": json.dumps(dict(attrs))}
