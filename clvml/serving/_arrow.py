"""Requests and answers in Arrow and Parquet: only the model's columns are read, and no nested types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clvml.customers._ids import CUSTOMER_ID, MISSING_IDS
from clvml.serving._fields import LONGEST_ID, Field
from clvml.serving._refusals import Refusal, invalid, malformed
from clvml.serving._tables import Asked, check_names, check_rows, typed

STREAM = "application/vnd.apache.arrow.stream"
FILE = "application/vnd.apache.arrow.file"
PARQUET = "application/vnd.apache.parquet"
_BROKEN = (pa.ArrowException, OSError, ValueError, KeyError, IndexError, OverflowError, MemoryError)


def read_stream(body: bytes, fields: Sequence[Field], most: int) -> Asked:
    """An Arrow IPC stream."""
    return _read(_stream, body, fields, most)


def read_file(body: bytes, fields: Sequence[Field], most: int) -> Asked:
    """An Arrow IPC file, also known as Feather."""
    return _read(_file, body, fields, most)


def read_parquet(body: bytes, fields: Sequence[Field], most: int) -> Asked:
    """A Parquet file."""
    return _read(_parquet, body, fields, most)


def write_stream(columns: Mapping[str, Any]) -> bytes:
    """An Arrow IPC stream of these columns."""
    table, sink = _table(columns), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def write_file(columns: Mapping[str, Any]) -> bytes:
    """An Arrow IPC file of these columns."""
    table, sink = _table(columns), pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def write_parquet(columns: Mapping[str, Any]) -> bytes:
    """A Parquet file of these columns."""
    sink = pa.BufferOutputStream()
    pq.write_table(_table(columns), sink)
    return sink.getvalue().to_pybytes()


def _read(read: Any, body: bytes, fields: Sequence[Field], most: int) -> Asked:
    try:
        table = read(pa.BufferReader(body), fields, most)
        table.validate(full=True)
        kept = check_names(table.column_names, fields, strict=False)
        check_rows(table.num_rows, most)
        columns = {field.name: _values(field, table[field.name]) for field in kept}
    except _BROKEN:
        raise malformed("the body cannot be read as the format of its content type.") from None
    return Asked(typed(kept, columns), {}, columns.get(CUSTOMER_ID), "columns")


def _stream(source: Any, fields: Sequence[Field], most: int) -> Any:
    reader = pa.ipc.open_stream(source)
    _check_schema(reader.schema, fields)
    batches, rows = [], 0
    for batch in reader:
        rows += batch.num_rows
        check_rows(max(rows, 1), most)
        batches.append(batch)
    return pa.Table.from_batches(batches, reader.schema)


def _file(source: Any, fields: Sequence[Field], most: int) -> Any:
    reader = pa.ipc.open_file(source)
    _check_schema(reader.schema, fields)
    batches, rows = [], 0
    for place in range(reader.num_record_batches):
        batches.append(reader.get_batch(place))
        rows += batches[-1].num_rows
        check_rows(max(rows, 1), most)
    return pa.Table.from_batches(batches, reader.schema)


def _parquet(source: Any, fields: Sequence[Field], most: int) -> Any:
    file = pq.ParquetFile(source)
    names = _check_schema(file.schema_arrow, fields)
    check_rows(file.metadata.num_rows, most)
    text = [name for name in names if _is_text(file.schema_arrow.field(name).type)]
    # As a dictionary, a long text that is repeated in each row takes no more memory than in the file.
    file = pq.ParquetFile(source, read_dictionary=text)
    return file.read(columns=names, use_threads=False)


def _check_schema(schema: Any, fields: Sequence[Field]) -> list[str]:
    """The names of the model's columns in a schema, if each is there once and has a usable type."""
    if len(set(schema.names)) < len(schema.names):
        raise Refusal(400, "duplicated_column", "a column is given twice.")
    kept = check_names(schema.names, fields, strict=False)
    for field in kept:
        if not _fits(field, schema.field(field.name).type):
            raise invalid("type", f"{field.name} {field.rule}.", None, field.name)
    return [field.name for field in kept]


def _fits(field: Field, kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    whole, text = pa.types.is_integer(kind), _is_text(kind)
    number = whole or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    fits = {"number": number, "id": whole or text, "text": text, "boolean": pa.types.is_boolean(kind)}
    return fits.get(field.kind, text or whole or pa.types.is_boolean(kind))


def _is_text(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _values(field: Field, column: Any) -> Any:
    """Numbers as an array, everything else as Python values."""
    if column.null_count:
        row = pc.index(pc.is_null(column), True).as_py()
        raise invalid("missing_value", f"{field.name} is missing; it {field.rule}.", row, field.name)
    if pa.types.is_dictionary(column.type):
        _check_lengths(field, [chunk.dictionary for chunk in column.chunks])
        column = column.cast(column.type.value_type)
    elif _is_text(column.type):
        _check_lengths(field, column.chunks)
    if field.name == CUSTOMER_ID and _is_text(column.type):
        return column if _are_usable_ids(column) else column.to_pylist()
    if field.kind != "number":
        return column.to_pylist()
    return np.ascontiguousarray(column.cast(pa.float64(), safe=False).to_numpy())


def _are_usable_ids(ids: Any) -> bool:
    """Whether no id is missing, too long or given twice; otherwise they are to be looked at one by one."""
    words = pc.utf8_lower(pc.utf8_trim_whitespace(ids))
    missing = pc.any(pc.is_in(words, pa.array(MISSING_IDS, ids.type))).as_py()
    long = pc.max(pc.utf8_length(ids)).as_py() > LONGEST_ID
    return not missing and not long and pc.count_distinct(ids).as_py() == len(ids)


def _check_lengths(field: Field, texts: Sequence[Any]) -> None:
    for text in texts:
        longest = pc.max(pc.binary_length(text)).as_py() if _is_text(text.type) else None
        if (longest or 0) > 4 * LONGEST_ID:
            raise invalid("bounds", f"{field.name} {field.rule}.", None, field.name)


def _table(columns: Mapping[str, Any]) -> Any:
    return pa.table({name: _array(values) for name, values in columns.items()})


def _array(values: Any) -> Any:
    if isinstance(values, pa.ChunkedArray):
        return values
    if isinstance(values, list) and len(set(map(type, values)) - {type(None)}) > 1:
        values = list(map(str, values))
    return pa.array(values)
