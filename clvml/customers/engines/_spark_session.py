"""The Spark session in which clvml's queries run: of the user's Spark, with settings of its own.

Time zone, ANSI mode and types of timestamps decide what a query means. They are set in a new session of the
same application, which shares its executors and its catalog, so that the user's session stays as it is.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from clvml.customers.engines._files import COMPRESSED, ENDINGS
from clvml.customers.engines._malformed_lines import malformed_line
from clvml.errors import InputError

Result = TypeVar("Result")

_TABLE = re.compile(r"[\w`.-]+")

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
    check_available()
    from pyspark.sql import SparkSession

    return SparkSession.getActiveSession() or _started()


def check_available() -> None:
    """Raise if there is neither a Spark session nor what a local Spark needs.

    Raises
    ------
    InputError
        If pyspark or Java are missing.
    """
    if importlib.util.find_spec("pyspark") is None:
        raise InputError("engine='spark' needs pyspark, which is not installed: pip install 'clvml[spark]'.")
    from pyspark.sql import SparkSession

    if SparkSession.getActiveSession() is None and not _has_java():
        raise InputError(
            "engine='spark' needs a Java runtime (17 or later), and none was found: install one, and set"
            " JAVA_HOME to its folder or put it on the PATH. Without Spark, use engine='duckdb'."
        )


def _has_java() -> bool:
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java" if home is None else os.path.join(home, "bin", "java")) is not None


def is_catalog_name(source: Any, folder: str | Path = ".") -> bool:
    """Whether a text may name a table of Spark's catalog, as ``shop.sales``: no file or folder does."""
    if not isinstance(source, str) or not _TABLE.fullmatch(source):
        return False
    return not source.lower().endswith((*ENDINGS, *COMPRESSED)) and not (Path(folder) / source).exists()


def is_spark(source: Any) -> bool:
    """Whether an object is a Spark DataFrame; nothing is imported to find out."""
    return type(source).__module__.startswith("pyspark.sql.") and hasattr(source, "sparkSession")


def _started() -> Any:
    """A local Spark on all cores."""
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("clvml")
    if "--master" not in os.environ.get("PYSPARK_SUBMIT_ARGS", "") and "MASTER" not in os.environ:
        builder = builder.master("local[*]").config("spark.ui.enabled", "false")
        builder = builder.config("spark.sql.shuffle.partitions", str(4 * (os.cpu_count() or 1)))
        builder = builder.config("spark.ui.showConsoleProgress", "false").config("spark.log.level", "ERROR")
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
    from pyspark.sql.classic.dataframe import DataFrame

    if table.sparkSession is session:
        return table
    # A view of both sessions would do it in public, but dropping it discards what the user has cached.
    plan = table._jdf.queryExecution().analyzed()
    return DataFrame(
        session._jvm.org.apache.spark.sql.classic.Dataset.ofRows(session._jsparkSession, plan), session
    )


def run(work: Callable[[], Result]) -> Result:
    """The result of something that Spark does; its errors are raised as InputError.

    Raises
    ------
    InputError
        With Spark's message, without the rows and the plan that it quotes; or, if Spark's Java process has
        ended, that it has.
    """
    from py4j.protocol import Py4JError, Py4JNetworkError
    from pyspark.errors import PySparkException

    try:
        return work()
    except (Py4JNetworkError, ConnectionError):
        raise InputError(
            "Spark was lost: its Java process ended, or the connection to it, as when memory runs out or it"
            " is killed. Nothing was written under its final name. Start Python and Spark again, with more"
            " memory (spark.driver.memory, spark.executor.memory) if that was the cause, and run it again."
        ) from None
    except (PySparkException, Py4JError) as error:
        raise InputError(f"the table cannot be read with Spark: {gist(error)}.") from None


def gist(error: Exception) -> str:
    """What went wrong, without the rows and plans that Spark quotes after it."""
    messages = [*_messages(error)]
    said = [message for message in messages if not message.startswith("[MALFORMED")]
    named = [message for message in said if message.startswith("[FAILED_READ_FILE")]
    first = (named or [message for message in said if message.startswith("[")] or said or [""])[0]
    line = malformed_line(first) if len(said) < len(messages) else ""
    return (re.sub(r"^\[[\w.]+\] ", "", first).rstrip(". ") or type(error).__name__) + line


def _messages(error: Exception) -> Iterator[str]:
    """The first line of the error and of each of its causes, those in Java included."""
    cause: Any = getattr(error, "java_exception", None)
    yield from str(error).strip().splitlines()[:1]
    while cause is not None:
        yield from str(cause.getMessage() or "").strip().splitlines()[:1]
        cause = cause.getCause()
