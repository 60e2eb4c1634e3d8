"""Folders that are tables with a log of their own: Delta, Iceberg and Hudi.

Their folders also have the files of older versions and of deleted rows, so that reading every Parquet file in
them would count rows twice. Delta is read through the package ``deltalake``; the others are refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from clvml.customers.engines._copies import reason_of
from clvml.errors import InputError

Format = Literal["Delta", "Iceberg", "Hudi"]

_LOGS: dict[Format, str] = {
    "Delta": "_delta_log",
    "Iceberg": "metadata/*.metadata.json",
    "Hudi": ".hoodie",
}
_WAYS_OUT: dict[Format, str] = {
    "Delta": "give the folder of one table",
    "Iceberg": "read it with pyiceberg, and pass table.scan().to_arrow_batch_reader()",
    "Hudi": "read it with engine='spark', and pass the Spark DataFrame",
}


def format_of(folder: str | Path) -> Format | None:
    """The format of the table that a folder is; None for a plain folder, or a file."""
    return next((name for name, log in _LOGS.items() if any(Path(folder).glob(log))), None)


def refuse_files_of_tables(paths: Iterable[str]) -> None:
    """Refuse files that belong to a table with a log: only the log knows which of them count.

    Raises
    ------
    InputError
        Naming the table and the way out.
    """
    parquet = (path for path in paths if path.lower().endswith(".parquet"))
    folders = {parent: path for path in parquet for parent in Path(os.path.abspath(path)).parents}
    for folder, path in folders.items():
        kind = format_of(folder)
        if kind is not None:
            article = "an" if kind == "Iceberg" else "a"
            raise InputError(
                f"{path} belongs to {folder}, which is {article} {kind} table: its files include deleted and"
                f" older rows. To read its current rows, {_WAYS_OUT[kind]}."
            )


def delta_table(folder: str) -> Any:
    """The current version of a Delta table as Arrow: a dataset, or a stream where rows are marked as deleted.

    Raises
    ------
    InputError
        If the package ``deltalake`` is not installed, or the table cannot be read.
    """
    try:
        import deltalake
        from deltalake.exceptions import DeltaError, DeltaProtocolError
    except ModuleNotFoundError:
        raise InputError(
            f"{folder} is a Delta table, which is read by the package deltalake: pip install 'clvml[delta]'."
        ) from None
    try:
        table = deltalake.DeltaTable(folder)
        try:
            return table.to_pyarrow_dataset()
        except DeltaProtocolError:  # deletion vectors, or columns that were renamed
            return deltalake.QueryBuilder().register("rows", table).execute("SELECT * FROM rows")
    except (DeltaError, OSError, ValueError) as error:
        raise InputError(f"the Delta table {folder} cannot be read: {reason_of(error)}.") from None
