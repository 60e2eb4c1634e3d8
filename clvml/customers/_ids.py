"""Customer ids: which values are missing, and how ids are written to files.

An id is **missing** if it is null (an empty cell, NULL, None, NaN, NaT), blank, or text for a missing value
(``nan``, ``null``, ``None``, ``<NA>``, ``n/a``, ``NaT``, in any case): otherwise ``astype(str)`` would
merge all anonymous purchases into one large customer. Every other text is valid, even ``NA``. All readers
use this rule.

**In files** the ids are the first column, ``customer_id``, whatever the name of the index; pandas restores it
as the index. Numbers, text, booleans, dates and times keep their types in Parquet; ids of other types
(UUIDs, integers beyond 64 bits, times with a time zone, mixed types) become text. A CSV file has no types:
clvml reads its ids as text, so that ``007`` stays ``007``.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._formula_escapes import unescaped
from clvml.customers._time_units import TIME_UNIT

CUSTOMER_ID = "customer_id"
MISSING_IDS = ("", "nan", "null", "none", "<na>", "n/a", "nat")
_MISSING_CELLS = (
    *("", " ", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>"),
    *("N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)  # pandas' own list
_MISSING_CELLS_OF_TEXT = tuple(cell for cell in _MISSING_CELLS if cell != "NA")
SEPARATORS = (",", ";", "\t", "|")
_KEPT = ("integer", "string", "boolean", "date", "bytes", "floating", "empty")


def id_in_sql(text: str) -> str:
    """The SQL of a text as an id: NULL if missing."""
    return f"CASE WHEN lower({text}) NOT IN {MISSING_IDS} THEN {text} END"


def read_csv(
    path: Path,
    id_columns: Sequence[str],
    rows: int | None = None,
    *,
    choose: Callable[[Sequence[str]], Collection[str]] | None = None,
    numbers: Collection[str] | None = None,
    numbers_as_text: bool = False,
) -> Iterator[pd.DataFrame]:
    """Read a CSV file in batches of ``rows`` (default: all), with ids as stripped text.

    Cells are separated by ``,``, ``;``, tabs or ``|``, as the header shows. Text that clvml escaped,
    because a spreadsheet would run it as a formula, is read as it was. In a column of text ``NA`` is a name,
    such as that of Namibia; in a column of numbers it is a missing one.

    Parameters
    ----------
    path : Path
    id_columns : sequence of str
        Columns that hold ids, if they are present.
    rows : int, optional
        The number of rows of a batch.
    choose : callable, optional
        Of the names of the columns, those to read; default: all.
    numbers : collection of str, optional
        The columns that are numbers; default: those with nothing else in them.
    numbers_as_text : bool, default False
        Whether to leave the cells of ``numbers`` as text, in a notation that pandas does not read.
    """
    mark = _separator(path, id_columns)
    names = list(pd.read_csv(path, nrows=0, sep=mark).columns)
    chosen = names if choose is None else choose(names)
    texts = [*id_columns, *(numbers or () if numbers_as_text else ())]
    with pd.read_csv(
        path,
        sep=mark,
        chunksize=sys.maxsize if rows is None else rows,
        usecols=[name for name in names if name in chosen],
        dtype=dict.fromkeys(texts, str),
        keep_default_na=False,
        na_values={name: _missing_cells(name, numbers) for name in chosen if name not in id_columns},
        low_memory=False,  # else each column of a batch is read in parts, which may differ in type
    ) as batches:
        for batch in batches:
            yield batch.assign(**_as_meant(batch, id_columns, numbers))


def _separator(path: Path, id_columns: Sequence[str]) -> str:
    """The character between the names in the first row."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = file.readline()
    cells = {mark: next(csv.reader([header], delimiter=mark), []) for mark in SEPARATORS}
    return max(SEPARATORS, key=lambda mark: (not set(id_columns).isdisjoint(cells[mark]), len(cells[mark])))


def _missing_cells(name: str, numbers: Collection[str] | None) -> tuple[str, ...]:
    return _MISSING_CELLS if numbers is not None and name in numbers else _MISSING_CELLS_OF_TEXT


def _as_meant(
    batch: pd.DataFrame, id_columns: Sequence[str], numbers: Collection[str] | None
) -> dict[str, pd.Series]:
    """The columns of text, where they are to be changed: ids, escaped text, numbers beside ``NA``."""
    changed: dict[str, pd.Series] = {}
    for name in map(str, batch.select_dtypes([object, "string"])):
        text = batch[name].str.strip(" ") if name in id_columns else batch[name]
        changed[name] = unescaped(text)
        if numbers is None and name not in id_columns:
            known = pd.to_numeric(text.where(text != "NA"), errors="coerce")
            are_numbers = known.notna() | text.isna() | (text == "NA")
            changed[name] = known if are_numbers.all() and known.notna().any() else changed[name]
    return changed


def are_missing(ids: pd.Index | pd.Series) -> np.ndarray:
    """Whether each id is missing.

    Examples
    --------
    >>> are_missing(pd.Index(["NA", "nan", "", " ", None])).tolist()
    [False, True, True, True, True]
    """
    missing = np.asarray(pd.isna(ids))
    if ids.dtype.kind in "iufbMm":
        return missing
    if isinstance(ids.dtype, pd.StringDtype):
        texts = ids if isinstance(ids, pd.Index) else pd.Index(ids)
        return missing | texts.str.strip().str.lower().isin(MISSING_IDS)
    words = [isinstance(value, str) and value.strip().lower() in MISSING_IDS for value in ids]
    return missing | np.asarray(words, dtype=bool)


def storable(ids: pd.Index) -> pd.Index:
    """The ids in a type that a file can store: categories by value, unsupported types as text.

    Examples
    --------
    >>> storable(pd.CategoricalIndex(["007", "12"])).tolist(), storable(pd.Index([1, "a"])).tolist()
    (['007', '12'], ['1', 'a'])
    """
    if isinstance(ids, pd.CategoricalIndex):
        ids = ids.astype(ids.categories.dtype)
    if isinstance(ids, pd.DatetimeIndex) and ids.tz is not None:
        return in_iso(ids)
    if ids.dtype.kind in "iufbMm" or isinstance(ids.dtype, pd.StringDtype):
        return ids
    kind = pd.api.types.infer_dtype(ids, skipna=False)
    fits = kind != "integer" or all(-(2**63) <= value < 2**63 for value in ids)
    return ids if kind in _KEPT and fits else pd.Index([str(value) for value in ids], name=ids.name)


def to_arrow(customers: pd.DataFrame) -> Any:
    """Convert a customer table to Arrow for a Parquet file, with the ids as first column.

    Parameters
    ----------
    customers : pandas.DataFrame
        Indexed by customer id.

    Returns
    -------
    pyarrow.Table
        Its metadata let pandas restore the index and ``attrs``. A customer summary also has its unit as a
        constant column ``time_unit``.
    """
    import pyarrow as pa

    named = customers.set_axis(storable(customers.index).rename(CUSTOMER_ID)).reset_index()
    if "T" in named and customers.attrs.get(TIME_UNIT) is not None:
        named[TIME_UNIT] = customers.attrs[TIME_UNIT]  # attrs are lost by DuckDB, Spark and CSV
    table = pa.Table.from_pandas(named, preserve_index=False)
    notes = json.loads(table.schema.metadata[b"pandas"]) | {"index_columns": [CUSTOMER_ID]}
    metadata = {b"pandas": json.dumps(notes), b"PANDAS_ATTRS": json.dumps(customers.attrs)}
    return table.replace_schema_metadata(metadata)


def without_uuids(table: Any) -> Any:
    """An Arrow table with UUID columns converted to text; pandas would read them as bytes."""
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        if field.type == pa.uuid():
            text = pa.array([value and str(value) for value in table[place].to_pylist()], pa.string())
            table = table.set_column(place, field.name, text)
    return table


def to_csv_ids(customers: pd.DataFrame) -> pd.DataFrame:
    """A customer table with ids formatted identically in every batch: times in ISO 8601, bytes as text."""
    ids = storable(customers.index)
    ids = in_iso(ids) if isinstance(ids, pd.DatetimeIndex) else ids
    if ids.dtype == object and pd.api.types.infer_dtype(ids) == "bytes":
        ids = pd.Index([_text_of(value) for value in ids], dtype=object)
    return customers.set_axis(ids.rename(CUSTOMER_ID))


def in_iso(moments: pd.DatetimeIndex) -> pd.Index:
    """Times as text in ISO 8601."""
    return pd.Index([moment.isoformat() for moment in moments], name=moments.name)


def _text_of(value: bytes) -> str:
    """Text that a database stored as bytes; anything else in hexadecimal digits."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return value.hex()
    return text if text.isprintable() else value.hex()
