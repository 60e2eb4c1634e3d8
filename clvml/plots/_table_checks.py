"""Checks of tables before a figure is made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from clvml.errors import InputError


def check_table(table: pd.DataFrame, columns: Iterable[str], figure: str) -> None:
    """Raise InputError unless ``table`` is a non-empty DataFrame with these columns."""
    if not isinstance(table, pd.DataFrame):
        raise InputError(f"{figure} draws a pandas DataFrame, not {type(table).__name__}.")
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InputError(
            f"{figure} needs the column {', '.join(map(repr, missing))};"
            f" the table has {', '.join(repr(name) for name in table.columns) or 'none'}."
        )
    if table.empty:
        raise InputError(f"{figure} got an empty table; give at least one row.")


def model_columns(table: pd.DataFrame, known: Iterable[str], figure: str) -> list[Any]:
    """The columns that are not ``known``: one per model, at least one, all numeric."""
    models = [name for name in table.columns if name not in set(known)]
    if not models:
        raise InputError(
            f"{figure} needs at least one column with a model's predictions besides"
            f" {', '.join(map(repr, known))}."
        )
    check_numeric(table, models, figure)
    return models


def check_numeric(table: pd.DataFrame, columns: Iterable[Any], figure: str) -> None:
    """Raise InputError if one of the columns is not numeric or entirely missing."""
    for name in columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            raise InputError(
                f"{figure} needs numbers, but column {name!r} has dtype {table[name].dtype}:"
                " convert or drop it."
            )
        if table[name].isna().all():
            raise InputError(f"{figure}: all values of column {name!r} are missing; drop it.")


def check_values(values: pd.Series, figure: str) -> pd.Series:
    """The values as float64; raise InputError if there are none or one is not a finite number."""
    if not isinstance(values, pd.Series):
        raise InputError(f"{figure} draws a pandas Series of money by customer, not {type(values).__name__}.")
    if values.empty:
        raise InputError(f"{figure} got no customers; give at least one.")
    check_numeric(values.to_frame(name="values"), ["values"], figure)
    bad = ~np.isfinite(values.to_numpy(dtype=float, na_value=np.nan))
    if bad.any():
        raise InputError(
            f"{bad.sum()} of {len(values)} values of {values.name!r} given to {figure} are missing or"
            f" infinite; the first is customer {values.index[int(np.argmax(bad))]!r}."
        )
    return values.astype(float)
