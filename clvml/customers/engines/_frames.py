"""Convert DataFrames to tables that an engine can register; the caller's object is not changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import pandas as pd

from clvml.errors import InputError

_PROTOCOLS = ("__arrow_c_stream__", "__arrow_c_array__", "__dataframe__")


class Table(NamedTuple):
    """A table to register with the engine, its column names, the time zones of its columns, and its label."""

    data: Any
    names: tuple[str, ...]
    zones: dict[str, str]
    label: str


def table_of(source: Any) -> Table:
    """Convert a pandas, polars or pyarrow table, or any object with the Arrow or the interchange protocol.

    Raises
    ------
    InputError
        If it is not a table, or has duplicate column names.
    """
    kind = f"a {type(source).__module__.split('.')[0]} {type(source).__name__}"
    if isinstance(source, pd.DataFrame):
        names = _unique(map(str, source.columns), kind)
        frame = source.set_axis(_positions(names), axis=1)
        zones = {
            name: str(dtype.tz) for name, dtype in zip(names, source.dtypes, strict=True) if _has_zone(dtype)
        }
        return Table(registrable(frame), names, zones, kind)
    if hasattr(source, "scanner"):  # a pyarrow dataset: read lazily
        return Table(source, _unique(source.schema.names, kind), zones_of(source.schema), kind)
    if not any(hasattr(source, name) for name in _PROTOCOLS):
        raise InputError(
            f"transactions are {kind}; give a path to CSV or Parquet, or a pandas, polars or Arrow table."
        )
    return _arrow_table(source, kind)


def is_lazy(source: Any) -> bool:
    """Whether a source is a polars LazyFrame."""
    return hasattr(source, "sink_parquet") and hasattr(source, "collect")


def is_stream(source: Any) -> bool:
    """Whether a source has the Arrow stream protocol, but no rows in memory that can be read again."""
    in_memory = isinstance(source, pd.DataFrame) or any(
        hasattr(source, name) for name in ("slice", "scanner")
    )
    return hasattr(source, "__arrow_c_stream__") and not in_memory


def registrable(frame: pd.DataFrame) -> pd.DataFrame:
    """The DataFrame with typed columns and without negative strides.

    A reversed frame (``frame[::-1]``) is a view with negative strides, which DuckDB cannot read.
    """
    changed = {
        str(name): _typed(column)
        for name, column in frame.items()
        if column.dtype in ("object", "category") or _has_negative_stride(column)
    }
    return frame.assign(**changed)


def zones_of(schema: Any) -> dict[str, str]:
    """The time zones of an Arrow schema, by column."""
    return {field.name: str(field.type.tz) for field in schema if getattr(field.type, "tz", None)}


def _arrow_table(source: Any, kind: str) -> Table:
    import pyarrow as pa
    from pyarrow.interchange import from_dataframe

    try:
        has_arrow = any(hasattr(source, name) for name in _PROTOCOLS[:2])
        arrow = pa.table(source) if has_arrow else from_dataframe(source)
    except (pa.ArrowInvalid, TypeError, ValueError):
        raise InputError(
            f"transactions are {kind}, which is not a table; give rows with named columns."
        ) from None
    names = _unique(arrow.column_names, kind)
    label = f"{kind} of {len(arrow):,} rows"
    return Table(arrow.rename_columns(_positions(names)), names, zones_of(arrow.schema), label)


def _positions(names: tuple[str, ...]) -> list[str]:
    return [f"c{i}" for i in range(len(names))]


def _has_zone(dtype: Any) -> bool:
    return isinstance(dtype, pd.DatetimeTZDtype)


def _has_negative_stride(column: pd.Series) -> bool:
    values = column.array
    numbers = getattr(values, "_ndarray", None)
    strides = getattr(numbers, "strides", ())
    return any(stride < 0 for stride in strides)


def _typed(column: pd.Series) -> pd.Series:
    """An object column as numbers if all its values are numbers, as text otherwise."""
    plain = column.astype(object)
    kind = pd.api.types.infer_dtype(plain, skipna=True)
    if kind == "integer":
        return plain.astype("Int64")
    if kind in ("floating", "mixed-integer-float", "decimal"):
        return plain.astype("Float64").astype(float)
    return plain.map(str, na_action="ignore").astype("str")


def _unique(names: Iterable[str], kind: str) -> tuple[str, ...]:
    names = tuple(names)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{kind} has column {twice[0]!r} more than once; rename one of them.")
    return names
