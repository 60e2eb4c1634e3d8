"""Excel workbooks as tables, and tables as workbooks.

Cells keep their types: numbers, dates and text. Text is written as text, so that a name such as ``=1+1`` is
not run as a formula by whoever opens the file, nor after editing the cell.
"""

from __future__ import annotations

import datetime as dt
import logging
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clvml.errors import InputError

log = logging.getLogger("clvml")

_LONGEST = 10**15  # a number in a cell has 15 digits
MOST_ROWS = 1_048_576  # of a sheet, with the header


def read_sheet(path: str | Path, sheet: str | int | None = None) -> pd.DataFrame:
    """A sheet of a workbook; its first row has the column names.

    Serial numbers in a column that has dates too are converted to dates.

    Parameters
    ----------
    path : str or Path
        ``.xlsx`` or ``.xlsm``.
    sheet : str or int, optional
        Its name, or its position from 1. Default: the first; of several the log says which.

    Raises
    ------
    InputError
        If the file is not a workbook, or has no such sheet.
    """
    try:
        with pd.ExcelFile(path, engine="openpyxl") as book:
            name = _chosen(str(path), [str(name) for name in book.sheet_names], sheet)
            table = pd.read_excel(book, sheet_name=name, dtype=object, keep_default_na=False, na_values=[""])
            epoch = book.book.epoch
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        if isinstance(error, InputError | FileNotFoundError):
            raise
        raise InputError(
            f"{path} cannot be read as an Excel workbook (is it protected by a password?): save it again as"
            " .xlsx or .csv."
        ) from None
    return table.dropna(how="all").apply(_with_dates, epoch=epoch)


def _chosen(path: str, names: list[str], sheet: str | int | None) -> str:
    if sheet is None:
        if len(names) > 1:
            others = ", ".join(map(repr, names[1:]))
            log.warning(
                "%s has %d sheets: %r is read, not %s; sheet= chooses", path, len(names), names[0], others
            )
        return names[0]
    if sheet in names:
        return str(sheet)
    if str(sheet).isdigit() and 1 <= int(sheet) <= len(names):
        return names[int(sheet) - 1]
    raise InputError(f"{path} has no sheet {sheet!r}; it has {', '.join(map(repr, names))}.")


def _with_dates(column: pd.Series, epoch: dt.datetime) -> pd.Series:
    dates = column.map(lambda value: isinstance(value, dt.datetime))
    if not dates.any():
        return column.infer_objects()
    from openpyxl.utils.datetime import from_excel

    serial = column.map(
        lambda value: isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    )
    serial &= column.notna()
    column = column.where(~serial, column[serial].map(lambda value: from_excel(value, epoch)))
    text = column.map(lambda value: isinstance(value, str))
    return column.map(str, na_action="ignore") if text.any() else pd.to_datetime(column)


class SheetWriter:
    """Writes tables below each other into one sheet of a new workbook, and saves it when closed.

    Parameters
    ----------
    path : str or Path
        The file to write.
    """

    def __init__(self, path: str | Path) -> None:
        from openpyxl import Workbook

        self._path = path
        self._book = Workbook(write_only=True)
        self._sheet = self._book.create_sheet("scores")
        self._rows = 0

    def write_table(self, table: pd.DataFrame) -> None:
        """Append rows, and first the column names; each call with the same columns.

        Raises
        ------
        InputError
            If a sheet has no more rows.
        """
        if self._rows == 0:
            self._append(table.columns)
        if self._rows + len(table) > MOST_ROWS:
            raise InputError(
                f"a sheet of an Excel workbook holds {MOST_ROWS - 1:,} rows and a header, and there are more:"
                " write .csv or .parquet."
            )
        for row in table.itertuples(index=False, name=None):
            self._append(row)

    def close(self) -> None:
        """Save the workbook."""
        self._book.save(self._path)

    def _append(self, row: Iterable[Any]) -> None:
        self._sheet.append([self._cell(value) for value in row])
        self._rows += 1

    def _cell(self, value: Any) -> Any:
        if isinstance(value, int | np.integer) and abs(int(value)) > _LONGEST:
            value = str(value)
        if isinstance(value, str):
            from openpyxl.cell import WriteOnlyCell

            cell = WriteOnlyCell(self._sheet, value=value)
            cell.data_type = "s"
            cell.quotePrefix = value[:1] in tuple("=+-@")  # text also after somebody has edited the cell
            return cell
        if pd.isna(value):
            return None
        return value.item() if hasattr(value, "item") else value
