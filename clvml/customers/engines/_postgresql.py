"""Tables of PostgreSQL by its ADBC driver: binary ``COPY`` into Arrow batches, in a read-only transaction."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pyarrow as pa
import pyarrow.compute as pc

from clvml.customers.engines._logins import Login, check_unique, described, quoted_name
from clvml.errors import InputError

Batches = tuple[pa.Schema, Iterator[pa.RecordBatch]]

_EXACT = 2**53  # whole numbers up to it are floats without loss
_CALENDAR = dt.date(1, 1, 1), dt.date(9999, 12, 31)
_PATIENCE = {"connect_timeout": "10", "keepalives_idle": "60", "application_name": "clvml"}
_PLAIN = (
    *(pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64()),
    *(pa.bool_(), pa.date32(), pa.string()),
)


@contextlib.contextmanager
def read_postgresql(login: Login, sql: str, label: str) -> Iterator[Batches]:
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError:
        raise InputError(
            "PostgreSQL is read by the package adbc-driver-postgresql: pip install 'clvml[databases]'."
        ) from None
    rows = [0]
    try:
        with dbapi.connect(_with_patience(login.address)) as connection, connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            schema = cursor.adbc_execute_schema(sql)
            check_unique(schema.names, label)
            cursor.execute(_with_casts(sql, schema))
            with cursor.fetch_record_batch() as reader:
                yield _converted(reader, label, rows)
    except (dbapi.Error, pa.ArrowException, OSError) as error:
        if getattr(error, "errno", None) is not None:  # of the copy on disk, not of the database
            raise
        raise InputError(described(login.masked(error), label, rows[0])) from None


def _with_patience(url: str) -> str:
    """The connection string, which gives up on a server that does not answer."""
    address, _, query = url.partition("?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    return f"{address}?{urlencode(_PATIENCE | given, quote_via=quote)}"


def _with_casts(sql: str, schema: pa.Schema) -> str:
    """The query, with columns of types that Arrow has not, or in another unit, cast by the server."""
    columns = [f"{quoted_name(field.name)}{_cast(field)}" for field in schema]
    return f"SELECT {', '.join(columns)} FROM ({sql}\n) AS source" if any(map(_cast, schema)) else sql


def _cast(field: pa.Field) -> str:
    kind = _type_of(field)
    if kind == "money":  # the driver gives units of the smallest coin of the server's locale
        return f"::numeric AS {quoted_name(field.name)}"
    is_plain = kind == "numeric" or field.type in _PLAIN or pa.types.is_timestamp(field.type)
    return "" if is_plain else f"::text AS {quoted_name(field.name)}"


def _type_of(field: pa.Field) -> str:
    return (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode()


def _converted(reader: pa.RecordBatchReader, label: str, rows: list[int]) -> Batches:
    """The schema and the batches with numbers for ``numeric``, which the driver gives as text."""
    columns = [_Column(field, label) for field in reader.schema]
    schema = pa.schema([(column.name, column.kind) for column in columns])

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in reader:
            values = [column.converted(part) for column, part in zip(columns, batch.columns, strict=True)]
            rows[0] += len(batch)
            yield pa.RecordBatch.from_arrays(values, schema=schema)

    return schema, batches()


class _Column:
    """A column of PostgreSQL, and its type in the copy."""

    def __init__(self, field: pa.Field, label: str) -> None:
        self.name, self._label, self.kind = field.name, label, field.type
        self._is_number = _type_of(field) == "numeric"
        if self._is_number:
            modifier = int((field.metadata or {}).get(b"POSTGRESQL:typmod", -1)) - 4
            precision, scale = modifier >> 16, modifier & 0x7FF
            is_exact = modifier >= 0 and scale <= precision <= 38
            self.kind = pa.decimal128(precision, scale) if is_exact else pa.float64()

    def converted(self, values: Any) -> pa.Array:
        """The values of a batch: numbers, which the driver gives as text, and dates without infinity."""
        if self._is_number:
            return self._numbers(values.storage)
        if self.kind != pa.date32() and not pa.types.is_timestamp(self.kind):
            return values
        first, last = (pa.scalar(day).cast(self.kind) for day in _CALENDAR)
        is_finite = pc.and_(pc.greater_equal(values, first), pc.less_equal(values, last))
        return pc.if_else(is_finite, values, None)

    def _numbers(self, text: pa.Array) -> pa.Array:
        if self.kind != pa.float64():
            return pc.if_else(pc.equal(text, "nan"), None, text).cast(self.kind)
        numbers = text.cast(pa.float64())
        is_rounded = pc.and_(
            pc.match_substring_regex(text, r"^-?\d{16,}$"), pc.greater(pc.abs(numbers), float(_EXACT))
        )
        if pc.any(is_rounded).as_py():
            raise InputError(
                f"column {self.name!r} of {self._label} is numeric without a precision, with whole numbers"
                f" beyond 2^53, which a float rounds: convert it with query=, as in {self.name}::bigint or"
                f" {self.name}::text."
            )
        return numbers
