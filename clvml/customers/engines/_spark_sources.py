"""Open files, tables and frames as Spark views; see `clvml.customers.engines._duckdb_sources`."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

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
from clvml.customers.engines._spark_csv import headers_of, read_csv
from clvml.customers.engines._spark_frames import is_remote, located, spark_table
from clvml.customers.engines._spark_malformed import separate
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


def open_source(
    session: Any, user: Any, source: Any, sheet: str | int | None = None, drop_malformed: bool = False
) -> tuple[Any, Source]:
    """The table of a source, its columns named ``c0, c1, ...``, and its description.

    Parameters
    ----------
    session : SparkSession
        clvml's own.
    user : SparkSession
        The user's, whose tables and views have names.
    source : path, list of paths, name of a table, Spark DataFrame or frame
    sheet : str or int, optional
    drop_malformed : bool
        Leave out malformed rows of CSV files; they are the view ``malformed``.

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
    return _of_files(session, source, sheet, drop_malformed)


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


def _is_table(user: Any, source: Any) -> bool:
    """Whether a text names a table or view of the catalog, and no file."""
    return is_catalog_name(source) and bool(run(lambda: user.catalog.tableExists(source)))


def _of_files(session: Any, source: Any, sheet: str | int | None, drop_malformed: bool) -> tuple[Any, Source]:
    label, patterns = label_of(source), patterns_of(source)
    if any(_is_delta(pattern) for pattern in patterns):
        return _described(run(lambda: session.read.format("delta").load(*map(located, patterns))), label)
    if any(is_remote(pattern) for pattern in patterns):
        return _of_remote(session, patterns, label, drop_malformed)
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
    return _csv_table(session, paths, label, drop_malformed)


def _csv_table(session: Any, paths: Sequence[str], label: str, drop_malformed: bool) -> tuple[Any, Source]:
    """CSV files, all cells as text."""
    headers = headers_of(session, {path: located(path) for path in paths})
    parts = [Part(next(iter(header.places)), header.names) for header in headers]
    if not drop_malformed:
        return _described(read_csv(session, headers, label), label, is_text_file=True, parts=parts)
    found = separate(session, headers, label)
    run(lambda: found.malformed.createOrReplaceTempView("malformed"))
    table, source = _described(found.rows, label, is_text_file=True, parts=parts)
    return table, source._replace(malformed=found.number, malformed_examples=found.examples)


def _is_delta(pattern: str) -> bool:
    """Whether a path is a Delta table: a folder with a log of its changes."""
    return os.path.isdir(os.path.join(pattern, "_delta_log")) or pattern.startswith("delta:")


def _of_parquet(session: Any, paths: list[str], label: str, folder: str | None) -> tuple[Any, Source]:
    import pyarrow as pa
    import pyarrow.parquet

    try:
        schemas = [pyarrow.parquet.read_schema(path) for path in paths]
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"the table cannot be read: {str(error).splitlines()[0].rstrip('.')}.") from None
    reader = session.read.option("mergeSchema", len({schema.remove_metadata() for schema in schemas}) > 1)
    if folder is not None:  # whose names of folders may be columns
        reader = reader.option("basePath", located(folder))
    table = run(lambda: reader.parquet(*map(located, paths)))
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


def _of_remote(session: Any, patterns: Sequence[str], label: str, drop_malformed: bool) -> tuple[Any, Source]:
    """Files in a store of objects, of one kind by their names; folders are of Parquet."""
    kinds = {"csv" if re.search(r"\.(csv|tsv|txt)(\.gz)?$", pattern) else "parquet" for pattern in patterns}
    if len(kinds) > 1:
        raise InputError(f"{label} contains both csv and parquet files; read one kind at a time.")
    if kinds == {"csv"}:
        return _csv_table(session, patterns, label, drop_malformed)
    return _described(run(lambda: session.read.parquet(*patterns)), label)
