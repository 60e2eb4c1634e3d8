"""Spark: where transactions outgrow a machine."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from clvml.customers.engines import _spark_dates
from clvml.customers.engines._engine import Kind, Source, quoted
from clvml.customers.engines._frames import registrable
from clvml.customers.engines._leftovers import lock
from clvml.customers.engines._spark_frames import spark_table
from clvml.customers.engines._spark_session import moved, own_session, run, session_of
from clvml.customers.engines._spark_sources import one_file, open_source

# Of Unicode's space separators, which DuckDB trims.
_SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_NUMBER = r"\A\s*+\+?-?(?:\d++\.?+\d*+|\.\d++)(?:[eE][+-]?\d++)?+\s*+\z"
_INFINITY = r"(?i)\A\s*\+?-?inf(?:inity)?\s*\z"


class Spark:
    """A session of the user's Spark; it satisfies `Engine`.

    Floats as ids that are no whole numbers are written as Java writes them from 17 digits on.

    Parameters
    ----------
    session : pyspark.sql.SparkSession, optional
        The user's. Default: the active one, or a local Spark that clvml starts.

    Raises
    ------
    InputError
        If there is no Spark.
    """

    def __init__(self, session: Any = None) -> None:
        self._user = session_of() if session is None else session
        self._session = own_session(self._user)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as a new engine on the active Spark, without data."""
        return Spark, ()

    def open(self, source: Any, sheet: str | int | None = None, drop_malformed: bool = False) -> Source:
        table, described = open_source(self._session, self._user, source, sheet, drop_malformed)
        self._name("source", moved(table, self._session))
        return described

    def create_view(self, name: str, sql: str) -> None:
        self._name(name, run(lambda: self._session.sql(sql)))

    @contextlib.contextmanager
    def hold(self, name: str, sql: str) -> Iterator[None]:
        table = run(lambda: self._session.sql(sql).persist())
        self._name(name, table)
        try:
            yield
        finally:
            self._session.catalog.dropTempView(name)
            table.unpersist()

    @contextlib.contextmanager
    def lend(self, name: str, frame: pd.DataFrame) -> Iterator[None]:
        self._name(name, spark_table(self._session, registrable(frame)))
        try:
            yield
        finally:
            self._session.catalog.dropTempView(name)

    def frame(self, sql: str) -> pd.DataFrame:
        table = run(lambda: self._session.sql(sql).toArrow())
        return _in_pandas(table)

    def write_parquet(self, sql: str, path: Path, metadata: Mapping[str, str]) -> int:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f"{path.name}-") as folder:
            descriptor = lock(Path(folder))
            try:
                table = run(lambda: self._session.sql(sql))
                run(lambda: table.write.mode("overwrite").parquet(f"file:{os.path.abspath(folder)}"))
                return one_file(Path(folder), path, metadata)
            finally:
                os.close(descriptor)

    def _name(self, name: str, table: Any) -> None:
        """Register a table as a view of clvml's session."""
        run(lambda: table.createOrReplaceTempView(name))

    def text(self, cell: str, kind: Kind) -> str:
        return _float_text(cell) if kind == "float" else f"CAST({cell} AS STRING)"

    def rounded(self, number: str) -> str:
        return f"TRY_CAST(rint({number}) AS BIGINT)"

    def trimmed(self, text: str) -> str:
        return f"trim(BOTH '{_SPACES}' FROM {text})"

    def number(self, text: str) -> str:
        return (
            f"CASE WHEN regexp_like({text}, {_literal(_NUMBER)})"
            f" OR regexp_like({text}, {_literal(_INFINITY)})"
            f" THEN TRY_CAST(replace({text}, '+-', '-') AS DOUBLE) END"
        )

    def matches(self, text: str, pattern: str) -> str:
        return f"regexp_like({text}, {_literal(_whole(pattern))})"

    def without(self, text: str, pattern: str) -> str:
        at_end = (
            pattern.removesuffix("$") + r"\z" if pattern.endswith("$") else pattern
        )  # not before a newline
        return f"regexp_replace({text}, {_literal(at_end)}, '')"

    without_all = without

    def parsed_date(self, text: str, formats: Sequence[str]) -> str:
        return f"coalesce({', '.join(_spark_dates.parsed_date(text, form) for form in formats)})"

    def parsed_timestamp(self, text: str) -> str:
        return _spark_dates.iso_timestamp(text)

    def parsed_instant(self, text: str) -> str:
        return _spark_dates.iso_instant(text)

    def finite_date(self, moment: str) -> str:
        return moment

    def local_time(self, instant: str, zone: str) -> str:
        return f"convert_timezone('UTC', {quoted(zone)}, CAST({instant} AS TIMESTAMP_NTZ))"

    def microseconds(self, timestamp: str) -> str:
        return f"unix_micros(CAST({timestamp} AS TIMESTAMP_LTZ))"

    def row_key(self, cells: str) -> str:
        # A hash of NULL is that of nothing: which cells are NULL is hashed too.
        nulls = ", ".join(f"{cell} IS NULL" for cell in cells.split(", "))
        return f"xxhash64({cells}, {nulls})"


def _whole(pattern: str) -> str:
    return rf"\A(?:{pattern})\z"


def _literal(pattern: str) -> str:
    """A regular expression as a literal; Spark has no quote within quotes beside raw backslashes."""
    return "'" + pattern.replace("'", r"\x27") + "'"


def _float_text(cell: str) -> str:
    """A float as DuckDB and Python write it; Java has an exponent from 1.0E7 on, and another form of it."""
    text = f"replace(replace(CAST({cell} AS STRING), 'Infinity', 'inf'), 'NaN', 'nan')"
    digits = f"regexp_replace(CAST(TRY_CAST({text} AS DECIMAL(38, 21)) AS STRING), '(\\.[0-9]+?)0+$', '$1')"
    exponent = f"replace(replace(replace({text}, '.0E', 'E'), 'E-', 'e-'), 'E', 'e+')"
    exponent = f"regexp_replace({exponent}, '([+-])([0-9])$', '$10$2')"
    return (
        f"CASE WHEN NOT contains({text}, 'E') THEN {text}"
        f" WHEN abs({cell}) >= 1e-4 AND abs({cell}) < 1e16 THEN {digits} ELSE {exponent} END"
    )


def _in_pandas(table: Any) -> pd.DataFrame:
    """An Arrow table as DuckDB would return it: decimals as floats, dates as timestamps."""
    import pyarrow as pa

    fields = [
        pa.field(field.name, pa.float64())
        if pa.types.is_decimal(field.type)
        else pa.field(field.name, pa.timestamp("us"))
        if pa.types.is_date(field.type)
        else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields)).to_pandas()
