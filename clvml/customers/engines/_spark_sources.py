"""Open files, tables and frames as Spark views; see `clvml.customers.engines._duckdb_sources`."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers.engines._copies import Copy
from clvml.customers.engines._engine import Column, Kind, Part, Source
from clvml.customers.engines._files import (
    NotUtf8,
    files_of,
    is_path,
    is_utf16,
    kind_of,
    label_of,
    patterns_of,
)
from clvml.customers.engines._frames import table_of, zones_of
from clvml.customers.engines._sources import source_of
from clvml.customers.engines._spark_csv import read_csv
from clvml.customers.engines._spark_session import is_catalog_name, is_spark, run
from clvml.customers.engines._workbooks import read_sheet
from clvml.errors import InputError

# Column kinds by Spark type; all others are text.
_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint"), "integer"),
    "decimal": "decimal",
    **dict.fromkeys(("float", "double"), "float"),
    "date": "date",
    "timestamp_ntz": "timestamp",
    "timestamp": "instant",
}
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]+://|dbfs:/")
_DELIMITERS = (",", ";", "\t", "|")


def open_source(session: Any, user: Any, source: Any, sheet: str | int | None = None) -> tuple[Any, Source]:
    """The table of a source, its columns named ``c0, c1, ...``, and its description.

    Parameters
    ----------
    session : SparkSession
        clvml's own.
    user : SparkSession
        The user's, whose tables and views have names.
    source : path, list of paths, name of a table, Spark DataFrame or frame
    sheet : str or int, optional

    Raises
    ------
    InputError
        If a file or table does not exist, has an unsupported type or cannot be read.
    """
    source = source if is_spark(source) else source_of(source, engine="spark")
    if isinstance(source, Copy):
        path = source.path_in(tempfile.gettempdir())
        return _of_parquet(session, [path], source.label, None)
    if is_spark(source):
        return _of_spark(source, "a Spark DataFrame")
    if not is_path(source):
        return _of_frame(session, source)
    if _is_table(user, source):
        return _of_spark(user.table(source), str(source))
    return _of_files(session, source, sheet)


def _described(
    table: Any,
    label: str,
    zones: Mapping[str, str] | None = None,
    is_text_file: bool = False,
    is_workbook: bool = False,
    names: Iterable[str] | None = None,
    parts: Sequence[Part] = (),
) -> tuple[Any, Source]:
    """The table with positions for names, and its description."""
    names = tuple(table.columns if names is None else names)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{label} has column {twice[0]!r} more than once; rename one of them.")
    columns = [
        Column(name, _kind(kind), (zones or {}).get(name))
        for name, (_, kind) in zip(names, table.dtypes, strict=True)
    ]
    positions = table.toDF(*(f"c{i}" for i in range(len(columns))))
    return positions, Source(label, tuple(columns), is_text_file, is_workbook, tuple(parts))


def _kind(spark_type: str) -> Kind:
    if re.fullmatch(r"decimal\(\d+,0\)", spark_type):
        return "whole"
    return _KINDS.get(spark_type.split("(")[0], "text")


def _of_spark(frame: Any, label: str) -> tuple[Any, Source]:
    """A Spark DataFrame; its instants are shown in the time zone of its session."""
    zone = frame.sparkSession.conf.get("spark.sql.session.timeZone")
    zones = {name: zone for name, kind in run(lambda: frame.dtypes) if kind == "timestamp"}
    return _described(frame, label, zones)


def _of_frame(session: Any, source: Any) -> tuple[Any, Source]:
    table = table_of(source)
    return _described(spark_table(session, table.data), table.label, table.zones, names=table.names)


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


def _is_table(user: Any, source: Any) -> bool:
    """Whether a text names a table or view of the catalog, and no file."""
    return is_catalog_name(source) and bool(run(lambda: user.catalog.tableExists(source)))


def _of_files(session: Any, source: Any, sheet: str | int | None) -> tuple[Any, Source]:
    label, patterns = label_of(source), patterns_of(source)
    if any(_is_delta(pattern) for pattern in patterns):
        return _described(run(lambda: session.read.format("delta").load(*map(_located, patterns))), label)
    if any(_REMOTE.match(pattern) for pattern in patterns):
        return _of_remote(session, patterns, label)
    paths = files_of(source)
    kinds = sorted({kind_of(path) for path in paths})
    if len(kinds) > 1:
        raise InputError(f"{label} contains both {' and '.join(kinds)} files; read one kind at a time.")
    if kinds == ["excel"]:
        frame = table_of(pd.concat([read_sheet(path, sheet) for path in paths]))
        table = spark_table(session, frame.data)
        return _described(table, label, frame.zones, is_workbook=True, names=frame.names)
    if kinds == ["parquet"]:
        folder = patterns[0] if len(patterns) == 1 and os.path.isdir(patterns[0]) else None
        return _of_parquet(session, paths, label, folder)
    if any(is_utf16(path) for path in paths):
        raise NotUtf8("the file is text in UTF-16: save it again as UTF-8.")
    return csv_table(session, paths, label)


def csv_table(session: Any, paths: Sequence[str], label: str) -> tuple[Any, Source]:
    """CSV files, all cells as text."""
    table, parts = read_csv(session, {path: _located(path) for path in paths}, label)
    return _described(table, label, is_text_file=True, parts=parts)


def _is_delta(pattern: str) -> bool:
    """Whether a path is a Delta table: a folder with a log of its changes."""
    return os.path.isdir(os.path.join(pattern, "_delta_log")) or pattern.startswith("delta:")


def _located(path: str) -> str:
    """A path as Hadoop takes it: with its scheme, and without patterns."""
    if _REMOTE.match(path):
        return path
    return "file:" + re.sub(r"([*?\[\]{}\\])", r"\\\1", str(Path(path).absolute()))


def _of_parquet(session: Any, paths: list[str], label: str, folder: str | None) -> tuple[Any, Source]:
    import pyarrow as pa
    import pyarrow.parquet

    try:
        schemas = [pyarrow.parquet.read_schema(path) for path in paths]
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"the table cannot be read: {str(error).splitlines()[0].rstrip('.')}.") from None
    reader = session.read.option("mergeSchema", len({schema.remove_metadata() for schema in schemas}) > 1)
    if folder is not None:  # whose names of folders may be columns
        reader = reader.option("basePath", _located(folder))
    table = run(lambda: reader.parquet(*map(_located, paths)))
    nanoseconds = {name for schema in schemas for name in _in_nanoseconds(schema)}
    parts = [Part(path, tuple(schema.names)) for path, schema in zip(paths, schemas, strict=True)]
    table = _with_microseconds(table, nanoseconds)
    return _described(table, label, zones_of(schemas[0]), parts=parts if len(parts) > 1 else ())


def one_file(folder: Path, path: Path, metadata: Mapping[str, str]) -> int:
    """Copy the Parquet files of a folder, in order, to one file with metadata; return its rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = [pq.ParquetFile(part) for part in sorted(folder.glob("part-*.parquet"))]
    schema = parts[0].schema_arrow
    fields = [field.with_nullable(True).with_metadata(None) for field in schema]
    with pq.ParquetWriter(path, pa.schema(fields, metadata=dict(metadata)), compression="zstd") as writer:
        for part in parts:
            for batch in part.iter_batches(1 << 18):
                writer.write_table(pa.Table.from_batches([batch]).cast(writer.schema))
    return sum(part.metadata.num_rows for part in parts)


def _in_nanoseconds(schema: Any) -> list[str]:
    import pyarrow as pa

    return [field.name for field in schema if pa.types.is_timestamp(field.type) and field.type.unit == "ns"]


def _with_microseconds(table: Any, names: set[str]) -> Any:
    """Timestamps in nanoseconds, which Spark reads as whole numbers, as timestamps."""
    from pyspark.sql import functions as f

    kinds = dict(table.dtypes)
    for name in (name for name in table.columns if name in names and kinds[name] == "bigint"):
        number = f.col("`" + name.replace("`", "``") + "`")
        micros = f.timestamp_micros(f.call_function("div", number - f.pmod(number, f.lit(1000)), f.lit(1000)))
        table = table.withColumn(name, micros.cast("timestamp_ntz"))
    return table


def _of_remote(session: Any, patterns: Sequence[str], label: str) -> tuple[Any, Source]:
    """Files in a store of objects, of one kind by their names; folders are of Parquet."""
    kinds = {"csv" if re.search(r"\.(csv|tsv|txt)(\.gz)?$", pattern) else "parquet" for pattern in patterns}
    if len(kinds) > 1:
        raise InputError(f"{label} contains both csv and parquet files; read one kind at a time.")
    if kinds == {"csv"}:
        return csv_table(session, patterns, label)
    return _described(run(lambda: session.read.parquet(*patterns)), label)
