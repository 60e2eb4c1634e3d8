"""Customer ids: when one is missing, and how they stand in the files that clvml writes.

**Missing** is an id that is null (an empty cell, NULL, None, NaN, NaT) or text of nothing but blanks. Every
other text is a name, ``NA``, ``null`` and ``nan`` among them: a text that only looks like a missing value is
named in a warning, not dropped. All readers take the rule from here.

**In files** the ids are the first column, ``customer_id``, whatever the index of the table was called, so
that every reader finds them; pandas takes the column as its index again. Numbers, text, booleans, dates and
times keep their types in Parquet; ids of other kinds (UUIDs, whole numbers beyond 64 bits, mixed ones) become
text. A CSV knows no types: clvml reads its ids as text, so that ``007`` stays ``007``.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from clvml.errors import InputError

CUSTOMER_ID = "customer_id"
# Text that programs write for a missing value. It is a name here, and worth a warning.
LOOKS_MISSING = ("nan", "-nan", "null", "none", "na", "n/a", "<na>", "nat")
_KEPT = ("integer", "string", "boolean", "date", "bytes", "floating")


def id_in_sql(text: str) -> str:
    """The SQL of a text as an id: without blanks around it, NULL where nothing is left."""
    return f"nullif({text}, '')"


def looks_missing_in_sql(text: str) -> str:
    """The SQL of whether an id is text that programs write for a missing value."""
    return f"lower({text}) IN {LOOKS_MISSING}"


def id_from_text(text: str) -> str:
    """A cell of a CSV as an id."""
    return text.strip(" ")


def csv_ids(*columns: str) -> dict[str, Any]:
    """The options with which `pandas.read_csv` reads columns of ids: as text, and "NA" is a name."""
    return {"converters": dict.fromkeys(columns, id_from_text)}


def are_missing(ids: pd.Index | pd.Series) -> np.ndarray:
    """Whether each id is missing.

    Examples
    --------
    >>> are_missing(pd.Index(["NA", "nan", "", " ", None])).tolist()
    [False, False, True, True, True]
    """
    missing = np.asarray(pd.isna(ids))
    if pd.api.types.is_string_dtype(ids.dtype) or ids.dtype in ("object", "category"):
        blank = [isinstance(value, str) and not value.strip() for value in ids]
        missing = missing | np.asarray(blank, dtype=bool)
    return missing


def check_present(ids: pd.Index | pd.Series) -> None:
    """Refuse missing ids, naming the first row without one.

    Raises
    ------
    InputError
        If there is one.
    """
    missing = are_missing(ids)
    if missing.any():
        raise InputError(
            f"{missing.sum()} of {len(ids)} rows have no customer_id; the first is row {missing.argmax()}."
        )


def storable(ids: pd.Index) -> pd.Index:
    """The ids as a file can hold them: categories as what they stand for, unusual kinds as text.

    Examples
    --------
    >>> storable(pd.CategoricalIndex(["007", "12"])).tolist(), storable(pd.Index([1, "a"])).tolist()
    (['007', '12'], ['1', 'a'])
    """
    if isinstance(ids, pd.CategoricalIndex):
        ids = ids.astype(ids.categories.dtype)
    if ids.dtype.kind in "iufbMm" or pd.api.types.is_string_dtype(ids.dtype):
        return ids if ids.dtype != "object" else pd.Index(ids, dtype="str", name=ids.name)
    kind = pd.api.types.infer_dtype(ids, skipna=False)
    fits = kind != "integer" or all(-(2**63) <= value < 2**63 for value in ids)
    return ids if kind in _KEPT and fits else pd.Index([str(value) for value in ids], name=ids.name)


def to_arrow(customers: pd.DataFrame) -> Any:
    """A table of customers for a Parquet file, the ids its first column.

    Parameters
    ----------
    customers : pandas.DataFrame
        Indexed by customer id.

    Returns
    -------
    pyarrow.Table
        With what pandas needs to give index and attrs back.
    """
    import pyarrow as pa

    named = customers.set_axis(storable(customers.index).rename(CUSTOMER_ID))
    table = pa.Table.from_pandas(named, preserve_index=True)
    table = table.select([CUSTOMER_ID, *(name for name in table.column_names if name != CUSTOMER_ID)])
    attrs = {b"PANDAS_ATTRS": json.dumps(customers.attrs).encode()}
    return table.replace_schema_metadata({**(table.schema.metadata or {}), **attrs})


def to_csv_ids(customers: pd.DataFrame) -> pd.DataFrame:
    """A table of customers whose ids are written in one way whatever the batch: times in ISO 8601."""
    ids = storable(customers.index).rename(CUSTOMER_ID)
    if ids.dtype.kind == "M":
        ids = pd.Index([moment.isoformat() for moment in ids], name=CUSTOMER_ID)
    return customers.set_axis(ids)
