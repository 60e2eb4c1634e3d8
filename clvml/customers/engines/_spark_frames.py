"""Tables of this process as Spark DataFrames, and the places of files as Spark takes them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers.engines._spark_session import run

_REMOTE = re.compile(r"[a-z][a-z0-9+.-]+://|dbfs:/")


def spark_table(session: Any, data: Any) -> Any:
    """A pandas or Arrow table as a Spark DataFrame, typed as DuckDB would."""
    import pyarrow as pa

    if isinstance(data, pd.DataFrame):
        floats = data.select_dtypes("float")
        known = data.assign(**{str(name): floats[name].where(np.isfinite(floats[name])) for name in floats})
        arrow = pa.Table.from_pandas(known, preserve_index=False)  # infinite is missing, as for DuckDB
    else:
        arrow = data.to_table() if hasattr(data, "scanner") else pa.table(data)
    arrow = arrow.replace_schema_metadata(None)
    return run(lambda: session.createDataFrame(_castable(arrow)))


def _castable(arrow: Any) -> Any:
    """The table in types that Spark has."""
    import pyarrow as pa

    fields = [pa.field(field.name, _spark_type(field.type)) for field in arrow.schema]
    return arrow.cast(pa.schema(fields))


def _spark_type(kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_null(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_uint64(kind):
        return pa.decimal128(20, 0)
    if pa.types.is_unsigned_integer(kind):
        return pa.int64()
    if pa.types.is_timestamp(kind) and kind.unit != "us":
        return pa.timestamp("us", kind.tz)
    if pa.types.is_date64(kind):
        return pa.date32()
    return pa.float32() if pa.types.is_float16(kind) else kind


def is_remote(path: str) -> bool:
    """Whether a path is the URL of files that Spark reads itself."""
    return _REMOTE.match(path) is not None


def located(path: str) -> str:
    """A path as Hadoop takes it: with its scheme, and without patterns."""
    if is_remote(path):
        return path
    return "file:" + re.sub(r"([*?\[\]{}\\])", r"\\\1", str(Path(path).absolute()))
