"""The Spark session in which clvml's queries run: of the user's Spark, with settings of its own.

Time zone, ANSI mode and types of timestamps decide what a query means. They are set in a new session of the
same application, which shares its executors and its catalog, so that the user's session stays as it is.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from clvml.errors import InputError

Result = TypeVar("Result")

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.ansi.enabled": "true",  # an overflow is an error, never NULL
    "spark.sql.ansi.enforceReservedKeywords": "false",
    "spark.sql.ansi.doubleQuotedIdentifiers": "false",
    "spark.sql.caseSensitive": "false",
    "spark.sql.parser.escapedStringLiterals": "true",  # a backslash is a character
    "spark.sql.legacy.consecutiveStringLiterals.enabled": "false",  # two quotes are one
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",  # differences keep all digits
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.mapKeyDedupPolicy": "LAST_WIN",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
}


def session_of(source: Any = None) -> Any:
    """The user's Spark session: of a Spark DataFrame, the active one, or one that clvml starts.

    Raises
    ------
    InputError
        If pyspark or Java are missing, or Spark does not start.
    """
    if is_spark(source):
        return source.sparkSession
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise InputError(
            "engine='spark' needs pyspark, which is not installed: pip install 'clvml[spark]'."
        ) from None
    return SparkSession.getActiveSession() or _started()


def is_spark(source: Any) -> bool:
    """Whether an object is a Spark DataFrame; nothing is imported to find out."""
    return type(source).__module__.startswith("pyspark.sql.") and hasattr(source, "sparkSession")


def _started() -> Any:
    """A local Spark on all cores."""
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    if "JAVA_HOME" not in os.environ and shutil.which("java") is None:
        raise InputError(
            "engine='spark' needs a Java runtime (17 or later), and none was found: install one."
        )
    builder = SparkSession.builder.appName("clvml")
    if "--master" not in os.environ.get("PYSPARK_SUBMIT_ARGS", "") and "MASTER" not in os.environ:
        builder = builder.master("local[*]").config("spark.ui.enabled", "false")
        builder = builder.config("spark.sql.shuffle.partitions", str(4 * (os.cpu_count() or 1)))
    try:
        return builder.getOrCreate()
    except (PySparkException, RuntimeError) as error:
        raise InputError(f"Spark does not start: {gist(error)}.") from None


def own_session(session: Any) -> Any:
    """A new session of the same Spark with the user's settings, but for those that change what SQL means.

    Raises
    ------
    InputError
        If the session is of Spark Connect, which has no such sessions.
    """
    if type(session).__module__.startswith("pyspark.sql.connect"):
        raise InputError(
            "this is a session of Spark Connect, which cannot give clvml settings of its own: use a classic"
            " session (pyspark without spark.remote), or write the table as Parquet and give its path."
        )
    own = session.newSession()
    for name, value in {**session.conf.getAll, **SETTINGS}.items():
        if own.conf.isModifiable(name):
            own.conf.set(name, value)
    return own


def moved(table: Any, session: Any) -> Any:
    """A DataFrame in another session of the same Spark; its plan, and what is cached of it, stay the same."""
    if table.sparkSession is session:
        return table
    name = f"clvml_{uuid.uuid4().hex}"
    table.createGlobalTempView(name)
    try:
        return session.table(f"global_temp.{name}")
    finally:
        table.sparkSession.catalog.dropGlobalTempView(name)


def run(work: Callable[[], Result]) -> Result:
    """The result of something that Spark does; its errors are raised as InputError.

    Raises
    ------
    InputError
        With Spark's message, without the rows and the plan that it quotes.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        return work()
    except (PySparkException, Py4JError) as error:
        raise InputError(f"the table cannot be read with Spark: {gist(error)}.") from None


def gist(error: Exception) -> str:
    """The first sentence of Spark's message, which may quote rows and plans after it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0].rstrip(". ")
