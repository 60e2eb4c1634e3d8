"""The connection to an MLflow store: its URI, its availability, and MLflow's logging.

Without a tracking URI the store is the one configured in MLflow (``MLFLOW_TRACKING_URI`` or
``mlflow.set_tracking_uri``), or else ``sqlite:///mlflow.db`` in the current folder,
which is also the default of ``mlflow ui`` and ``mlflow models serve``. :func:`connected` restores MLflow's
settings and the environment of the process, whether it succeeds or fails.
"""

from __future__ import annotations

import contextlib
import glob
import io
import logging
import os
import sqlite3
import traceback
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

from clvml._secrets import masked
from clvml._secrets import shown as shown
from clvml.errors import TrackingError
from clvml.files import written_whole
from clvml.tracking._store_checks import check_is_of_mlflow, check_store, dialect_of
from clvml.tracking._store_checks import database_of as database_of

LOCK_SECONDS = 60  # of another process that creates the tables of the store
LOCK_NUMBER = 0x636C766D6C  # of PostgreSQL's locks, this one is clvml's
# For the duration of a connection, unless set by the user. By default MLflow waits more than
# four minutes for a server that does not respond.
DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "PGCONNECT_TIMEOUT": "10",
}
QUIET = {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
NOISY = ("mlflow", "alembic")


@contextlib.contextmanager
def connected(tracking_uri: str | None = None, *, create: bool = False) -> Iterator[str]:
    """Use an MLflow store within the block, with MLflow's notices suppressed; yields the store's URI.

    Parameters
    ----------
    tracking_uri : str, optional
        ``http(s)://...``, ``sqlite:///...`` or any other that MLflow accepts; None as in the module's
        docstring.
    create : bool
        Whether runs are to be written, to an SQLite store that may not exist yet.

    Raises
    ------
    TrackingError
        If the server or database does not respond, or the store cannot be opened; also instead of any
        error of MLflow or of its database raised inside the block.
    """
    with environment(_defaults()):
        uri = store_uri(tracking_uri)
        check_store(uri, create)
        import mlflow

        with quiet(), _as_tracking_error(uri):
            mlflow.set_tracking_uri(uri)
            try:
                _first_touch(uri)
                yield uri
            finally:
                mlflow.set_tracking_uri(None)


@contextlib.contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables, and restore the whole environment afterwards: MLflow sets some too."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def _defaults() -> dict[str, str]:
    return {name: value for name, value in DEFAULTS.items() if name not in os.environ}


def store_uri(tracking_uri: str | None = None) -> str:
    """The URI of the store for ``tracking_uri``; local paths become absolute."""
    if tracking_uri is None:
        with environment(_defaults()):  # MLflow reads the telemetry setting on import
            import mlflow
        tracking_uri = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else "sqlite:///mlflow.db"
    database = database_of(tracking_uri)
    return tracking_uri if database is None else f"sqlite:///{database}"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep MLflow's notices and the warnings of its dependencies out of the output."""
    import mlflow  # noqa: F401 - its first import sets logging levels

    loggers = [logging.getLogger(name) for name in NOISY]
    levels = [logger.level for logger in loggers]
    try:
        with environment(QUIET), warnings.catch_warnings():
            for module in ("mlflow", "sqlalchemy", "alembic", "pydantic"):
                warnings.filterwarnings("ignore", module=rf"{module}(\..*)?$")
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def without_prints() -> Iterator[None]:
    """Silence the MLflow call that prints to standard error at any logging level."""
    with contextlib.redirect_stderr(io.StringIO()):
        yield


@contextlib.contextmanager
def _as_tracking_error(uri: str) -> Iterator[None]:
    """Errors of MLflow and of its database as a sentence, without passwords also in the traceback."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        text = str(error.message if isinstance(error, MlflowException) else error)
        sentence = " ".join(masked(text, uri).split())
        refused = TrackingError(f"MLflow at {shown(uri)} refused: {_advice(error, sentence)}")
        whole = "".join(traceback.format_exception(error))
        raise refused from (error if masked(whole, uri) == whole else None)


def _advice(error: Exception, sentence: str) -> str:
    """The sentence of an error; for a login, what to do."""
    code = getattr(error, "error_code", "")
    if "error code 401" in sentence or code in ("UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED"):
        return "a login is required: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, correctly."
    if "error code 403" in sentence or code == "PERMISSION_DENIED":
        return f"this user may not do that; ask its administrator ({sentence[:200]})."
    return sentence[:400]


def _first_touch(uri: str) -> None:
    """Open the store once, under a lock: concurrent creation of its tables would crash."""
    import mlflow

    database, artifacts = database_of(uri), Path("mlruns")
    was_there = artifacts.exists()
    with _first(uri):
        if database is not None and not database.exists():
            _make_whole(database)
        client = mlflow.MlflowClient()
        client.search_experiments(max_results=1)
        client.search_registered_models(max_results=1)
    if not was_there:
        # MLflow creates this folder in the current one, wherever the store is.
        with contextlib.suppress(OSError):
            artifacts.rmdir()


def _make_whole(database: Path) -> None:
    """Create the tables in a file beside it, so that a killed process leaves no half of a database."""
    import mlflow

    for unfinished in database.parent.glob(f".{glob.escape(database.name)}.*.part*"):
        unfinished.unlink()
    with written_whole(database) as path:
        mlflow.MlflowClient(f"sqlite:///{path}").search_experiments(max_results=1)


@contextlib.contextmanager
def _first(uri: str) -> Iterator[None]:
    """Wait until no other process opens the store for the first time."""
    database = database_of(uri)
    if database is not None:
        with _alone(database):
            check_is_of_mlflow(database)
            yield
    elif dialect_of(uri) == "postgresql":
        with _advisory_lock(uri):
            yield
    else:  # a server opens its own store
        yield


@contextlib.contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Lock by a file beside the database, which the system releases even if this process dies."""
    beside_it = database.with_name(database.name + ".lock")
    lock = sqlite3.connect(beside_it, timeout=LOCK_SECONDS, isolation_level=None)
    try:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise TrackingError(f"the MLflow database {database} cannot be opened: {error}.") from None
        yield
    finally:
        lock.close()


@contextlib.contextmanager
def _advisory_lock(uri: str) -> Iterator[None]:
    """A lock of PostgreSQL, which it releases when the connection ends."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"SET lock_timeout = '{LOCK_SECONDS}s'"))
        connection.execute(sqlalchemy.text(f"SELECT pg_advisory_lock({LOCK_NUMBER})"))
        yield
