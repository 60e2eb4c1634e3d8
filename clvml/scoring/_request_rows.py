"""The rows of a request: ids and numbers, from whatever types the caller's format has.

A number is an integer or a float of any type (int64, Int64, Arrow, Decimal); text, booleans and dates are
not numbers. Errors give the position of the first invalid row and its column, and neither ids nor values:
they are for answers and logs of services. Whether a history is possible is the model's to check.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._ids import CUSTOMER_ID, are_missing
from clvml.errors import InputError

Array = np.ndarray[Any, np.dtype[np.float64]]
Table = pd.DataFrame | Mapping[str, Sequence[Any] | np.ndarray]

_NUMBERS = (int, float, Decimal, np.number, type(None), type(pd.NA))


def check_rows(table: Table, columns: Sequence[str]) -> int:
    """The number of rows; a request needs at least one, and each required column once.

    Raises
    ------
    InputError
        If there is none, a required column is missing, one occurs twice, or columns differ in length.
    """
    missing = [name for name in columns if name not in table]
    if missing:
        raise InputError(
            f"the request lacks the column {', '.join(map(repr, missing))}; it needs {', '.join(columns)}.",
            column=missing[0],
        )
    if isinstance(table, pd.DataFrame):
        if not table.columns.is_unique:
            _check_once(table, columns)
        n_rows = len(table)
    else:
        lengths = {len(values) for values in table.values()}
        if len(lengths) > 1:
            raise InputError("the columns of the request differ in length; each needs one value per row.")
        n_rows = lengths.pop() if lengths else 0
    if n_rows == 0:
        raise InputError("the request has no rows: at least one customer is needed.")
    return n_rows


def ids_of(table: Table, n_rows: int) -> pd.Index:
    """The customer ids as they are, or positions if there are none.

    Raises
    ------
    InputError
        If an id is missing, is a list or an object, or occurs twice.
    """
    if CUSTOMER_ID not in table:
        return pd.RangeIndex(n_rows)
    given = table[CUSTOMER_ID]
    column = given if isinstance(given, pd.Series) else pd.Series(given)
    nested = None if column.dtype != object else _first(not pd.api.types.is_scalar(each) for each in column)
    if nested is not None:
        raise row_error("1 or more rows have a customer_id that is a list or an object", nested, CUSTOMER_ID)
    ids = pd.Index(column, name=CUSTOMER_ID)
    if (missing := are_missing(ids)).any():
        raise _rows(missing, "have no customer_id", CUSTOMER_ID)
    if not ids.is_unique:
        raise _rows(ids.duplicated(), "repeat the customer_id of an earlier row", CUSTOMER_ID)
    return ids


def numbers_of(table: Table, name: str) -> Array:
    """A column as float64, NaN where missing; treat as read-only.

    Raises
    ------
    InputError
        If a value is not a number.
    """
    given: Any = table[name]
    column = given if isinstance(given, pd.Series | np.ndarray) else _typed(given)
    if column.dtype == np.float64:
        return np.asarray(column)
    column = pd.Series(column, copy=False)
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=float, na_value=np.nan)
    values = column.tolist()
    wrong = _first(isinstance(v, bool) or not isinstance(v, _NUMBERS) for v in values)
    try:
        if wrong is None:
            return pd.Series(values, dtype=object).to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError, OverflowError):
        wrong = _first(not _is_float(value) for value in values)
    raise row_error(f"column {name!r} has dtype {column.dtype} and is not numeric", wrong or 0, name)


def row_error(rule: str, row: int, column: str | None = None) -> InputError:
    """An error about a row of a request, which it names by its number from 1."""
    return InputError(f"{rule}; the first is row {row + 1}.", row=row, column=column, rule=rule)


def rows_error(rule: str, bad: np.ndarray, column: str, of_each: str = "") -> InputError:
    """An error about all rows of a request that break a rule.

    Parameters
    ----------
    rule : str
    bad : ndarray of bool, shape (n_rows,)
    column : str
    of_each : str
        The rule as said of some rows, as in "have no time_unit", where ``rule`` does not say it.
    """
    error = row_error(rule, int(np.argmax(bad)), column)
    error.rows, error.rule = bad, of_each or rule
    return error


def without_rows(error: InputError) -> InputError:
    """The error of a model without ids and values: with the number of the row instead."""
    if error.row is None or not error.rule:
        return error
    return type(error)(
        f"{error.rule}; the first is row {error.row + 1}.",
        row=error.row,
        rows=error.rows,
        column=error.column,
        rule=error.rule,
    )


def _typed(values: Sequence[Any]) -> np.ndarray | pd.Series:
    """A list as an array of numbers, or a Series of objects; a boolean is no number, as numpy has it."""
    return np.asarray(values) if set(map(type, values)) <= {int, float} else pd.Series(values, dtype=object)


def _check_once(table: pd.DataFrame, columns: Sequence[str]) -> None:
    names = table.columns[table.columns.duplicated()]
    twice = [name for name in (*columns, CUSTOMER_ID) if name in names]
    if twice:
        raise InputError(f"the request has the column {twice[0]!r} more than once.", column=twice[0])


def _rows(bad: np.ndarray, rule: str, column: str) -> InputError:
    return rows_error(f"{bad.sum()} of {bad.size} rows {rule}", bad, column)


def _first(conditions: Iterable[bool]) -> int | None:
    """The position of the first that holds."""
    return next((place for place, holds in enumerate(conditions) if holds), None)


def _is_float(value: Any) -> bool:
    try:
        float("nan" if value is None or value is pd.NA else value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True
