"""The choice of the engine, by name or by what the source is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

from clvml.customers.engines._duckdb import DuckDB
from clvml.customers.engines._engine import Engine
from clvml.customers.engines._spark_session import is_spark, session_of
from clvml.errors import InputError

EngineName = Literal["duckdb", "spark"]


def engine_for(
    source: Any,
    name: EngineName | None = None,
    memory_limit: str | None = None,
    temp_directory: str | Path | None = None,
) -> Engine:
    """The engine with this name; by default Spark for a Spark DataFrame, and DuckDB for all else.

    Raises
    ------
    InputError
        If there is no such engine, it cannot read the source, or Spark is given a ``memory_limit`` or a
        ``temp_directory``.
    """
    if name not in (None, *get_args(EngineName)):
        raise InputError(f"engine is {name!r}; it must be 'duckdb' or 'spark'.")
    if name == "duckdb" and is_spark(source):
        raise InputError(
            "a Spark DataFrame is read by engine='spark'; for DuckDB pass transactions.toPandas(), or the"
            " path of its Parquet files."
        )
    if name != "spark" and not is_spark(source):
        return DuckDB(memory_limit, temp_directory)
    if memory_limit is not None or temp_directory is not None:
        raise InputError(
            "memory_limit and temp_directory are of DuckDB: Spark's are set when it starts, as"
            " spark.executor.memory, spark.driver.memory and spark.local.dir."
        )
    from clvml.customers.engines._spark import Spark

    return Spark(session_of(source))
