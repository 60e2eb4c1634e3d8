"""Numbers in columns of text: plain ones, and those with a decimal comma or marks between thousands."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.customers._amounts import NEGATIVE, NumberReading

_WITH_COMMA = r"-?\d+(?:\.\d{3})*,\d+"


def numbers_in(column: pd.Series, reading: NumberReading) -> tuple[pd.Series, NDArray[np.bool_]]:
    """The numbers of a column of text, and which of its cells are neither a number nor empty.

    A column of another type is returned as it is.

    Examples
    --------
    >>> cells = pd.Series(["1.234,5", "2", "many", None])
    >>> values, wrong = numbers_in(cells, NumberReading(decimal=","))
    >>> values.tolist(), wrong.tolist()
    ([1234.5, 2.0, nan, nan], [False, False, True, False])
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if not (column.dtype == object or isinstance(column.dtype, pd.StringDtype)):
        return column, np.zeros(len(column), dtype=bool)
    values = pd.to_numeric(column, errors="coerce") if _is_plain(reading) else _in_notation(column, reading)
    wrong = values.isna() & column.notna()
    return values.astype(float), wrong.to_numpy(dtype=bool)


def has_decimal_comma(cell: object) -> bool:
    """Whether a cell is a number with a decimal comma."""
    return isinstance(cell, str) and bool(pd.Series([cell]).str.fullmatch(_WITH_COMMA).iloc[0])


def _is_plain(reading: NumberReading) -> bool:
    return reading.decimal in (None, ".") and not reading.thousands


def _in_notation(column: pd.Series, reading: NumberReading) -> pd.Series:
    import pyarrow as pa
    import pyarrow.compute as pc

    decimal = reading.decimal or "."
    missing = column.isna()
    texts = pa.array(
        [None if gap else str(cell) for cell, gap in zip(column, missing, strict=True)], pa.string()
    )
    fits = pc.match_substring_regex(texts, f"^(?:{reading.pattern(decimal)})$")
    digits = pc.replace_substring_regex(texts, f"[^0-9{decimal}]+", "")
    size = pd.to_numeric(pd.Series(pc.replace_substring(digits, decimal, ".").to_pylist()), errors="coerce")
    negative = pc.match_substring_regex(texts, f"^(?:{NEGATIVE})$")
    fits, negative = (pc.fill_null(found, False).to_numpy(zero_copy_only=False) for found in (fits, negative))
    return size.where(~negative, -size).where(fits).set_axis(column.index)
