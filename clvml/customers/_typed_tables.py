"""Read a table beside the purchases, such as a survey, with typed columns: ids, numbers, dates, text.

Files and cells are read as those of transactions: CSV, Parquet or Excel, ids of whole numbers as integers
(``00017`` stays text), decimal commas recognised by column, missing ids and blank cells as missing values.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from clvml.customers._amounts import PLAIN, check_separators, number_readings
from clvml.customers._cells import Cell, cell_of
from clvml.customers._ids import are_missing
from clvml.customers._reading_options import DateReading
from clvml.customers.engines import DuckDB, Engine
from clvml.customers.engines._files import NotUtf8, files_of, read_other_encoding
from clvml.errors import InputError

ColumnType = Literal["id", "number", "date", "text"]


class Unreadable(NamedTuple):
    """The cells of a column that are given but unreadable: how many, and one of them."""

    cells: int
    example: str


class TypedTable(NamedTuple):
    """A table with typed columns.

    Attributes
    ----------
    table : pandas.DataFrame
        The columns asked for, those that the source has, in the order of its rows.
    label : str
        The name of the source, for messages.
    unreadable : dict of str to Unreadable
        By column of numbers or dates; these cells are missing in ``table``.
    """

    table: pd.DataFrame
    label: str
    unreadable: dict[str, Unreadable]


def read_typed_table(
    source: Any,
    required: Mapping[str, ColumnType],
    optional: Mapping[str, ColumnType] | None = None,
    *,
    decimal: str | None = None,
    date_format: str | None = None,
    sheet: str | int | None = None,
    explain: Callable[[Sequence[str]], str] | None = None,
) -> TypedTable:
    """Read the named columns of a file or a table.

    Parameters
    ----------
    source : path, pandas.DataFrame, or a polars or Arrow table
        A file is CSV, Parquet or Excel.
    required, optional : mapping of str to {"id", "number", "date", "text"}
        Types of columns that the source must have, and may have.
    decimal : {".", ","}, optional
        Decimal separator of numbers in text; by default as the column shows.
    date_format : str, optional
        Format of dates in text; by default ISO 8601.
    sheet : str or int, optional
        Sheet of a workbook.
    explain : callable, optional
        Takes the names of the columns of a source that lacks a required one, and returns a sentence that
        ends the message: what to do.

    Raises
    ------
    InputError
        If the source cannot be read, lacks a required column, or all cells of a required number or date
        are unreadable.

    Examples
    --------
    >>> answers = pd.DataFrame({"respondent": ["7", "8"], "score": ["4,5", "?"]})
    >>> found = read_typed_table(answers, {"respondent": "id", "score": "number"})
    >>> found.table["score"].tolist(), found.unreadable["score"]
    ([4.5, nan], Unreadable(cells=1, example='?'))
    """
    engine = DuckDB()
    opened = _open(engine, source, sheet)
    for name in required:
        _check_column(opened.label, opened.names, name, explain)
    types = dict(required) | {k: v for k, v in (optional or {}).items() if k in opened.names}
    cells = {name: cell_of(engine, opened, name) for name in types}
    texts = {name: cells[name].as_text() for name in types if _is_text(cells[name], types[name])}
    readings = number_readings(engine, opened.label, texts, check_separators(decimal, None))
    dates = DateReading(formats=(date_format,) if date_format else ())
    columns = []
    for place, (name, cell) in enumerate(cells.items()):
        value = {
            "id": cell.as_id(),
            "number": cell.as_number(readings.get(name, PLAIN)),
            "date": cell.as_date(dates),
            "text": cell.as_text(),
        }[types[name]]
        columns.append(f"{value} AS v{place}, {cell.as_text()} AS t{place}")
    frame = engine.frame(f"SELECT {', '.join(columns)} FROM source")
    given = {name: _given(frame[f"t{place}"]) for place, name in enumerate(types)}
    table = pd.DataFrame({name: frame[f"v{place}"] for place, name in enumerate(types)})
    unreadable = {}
    for place, (name, kind) in enumerate(types.items()):
        if kind == "id" and cells[name].is_text_file:
            table[name] = _whole_ids(table[name])
        if kind == "text":
            table[name] = table[name].where(given[name])
        lost = given[name] & table[name].isna() & (kind in ("number", "date"))
        if lost.any():
            unreadable[name] = Unreadable(int(lost.sum()), str(frame.loc[lost, f"t{place}"].iloc[0]))
            _refuse_if_all(opened.label, name, kind, unreadable[name], int(given[name].sum()))
    return TypedTable(table, opened.label, unreadable)


def match_ids(ids: pd.Series, customers: pd.Index) -> pd.Series:
    """Ids in the type of the customers' index, so that they can be joined; missing where they cannot be.

    Examples
    --------
    >>> match_ids(pd.Series(["7", "x"]), pd.Index([7, 8])).tolist()
    [7.0, nan]
    >>> match_ids(pd.Series([7, 8]), pd.Index(["7", "8"])).tolist()
    ['7', '8']
    """
    if pd.api.types.is_numeric_dtype(customers.dtype):
        return pd.to_numeric(ids.astype(object), errors="coerce")
    return ids.astype(object).map(_as_text, na_action="ignore").astype("str")


def _as_text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _open(engine: Engine, source: Any, sheet: str | int | None) -> Any:
    if source is None:
        raise InputError("there is no table; give the path of a file, or a pandas, polars or Arrow table.")
    if isinstance(source, pd.DataFrame):  # a named index is a column
        levels = [name for name in source.index.names if name is not None and name not in source]
        source = source.reset_index(level=levels) if levels else source
    try:
        opened = engine.open(source, sheet)
        engine.frame("SELECT count(*) FROM source")  # reads a text file, and so its encoding
    except NotUtf8:
        table, _ = read_other_encoding(files_of(source))
        return engine.open(table, sheet)._replace(label=str(source), is_text_file=True)
    return opened


def _check_column(
    label: str, names: Sequence[str], name: str, explain: Callable[[Sequence[str]], str] | None
) -> None:
    if name in names:
        return
    close = difflib.get_close_matches(name, names, n=1)
    hint = (explain(names) if explain else "") or (f"The closest is {close[0]!r}." if close else "")
    raise InputError(f"{label} has no column {name!r}; it has {', '.join(map(repr, names))}. {hint}".strip())


def _is_text(cell: Cell, kind: str) -> bool:
    return kind == "number" and not cell.is_number


def _given(texts: pd.Series) -> pd.Series:
    """Whether each cell holds anything."""
    return pd.Series(~are_missing(texts), index=texts.index)


def _whole_ids(ids: pd.Series) -> pd.Series:
    """Ids of a CSV file as integers if all are whole numbers without leading zeros."""
    known = ids.dropna().astype(str)
    if known.empty or not known.str.fullmatch(r"0|-?[1-9]\d{0,17}").all():
        return ids
    numbers = pd.to_numeric(known).astype("int64")
    return numbers if len(known) == len(ids) else numbers.astype(float).reindex(ids.index, fill_value=np.nan)


def _refuse_if_all(label: str, name: str, kind: str, lost: Unreadable, given: int) -> None:
    if lost.cells == given:
        way_out = (
            "give date_format, such as '%d/%m/%Y'" if kind == "date" else "write plain numbers, as in 4.5"
        )
        raise InputError(
            f"no {kind} in column {name!r} of {label} can be read, such as {lost.example!r}: {way_out}."
        )
