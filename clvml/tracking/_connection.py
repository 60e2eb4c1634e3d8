"""The connection to an MLflow store: its URI, its availability, and MLflow's logging.

Without a tracking URI the store is the one configured in MLflow (``MLFLOW_TRACKING_URI`` or
``mlflow.set_tracking_uri``), or else ``sqlite:///mlflow.db`` in the current folder,
which is also the default of ``mlflow ui`` and ``mlflow models serve``. :func:`connected` restores MLflow's
settings and the environment of the process, whether it succeeds or fails.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sqlite3
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from clvml.errors import TrackingError

PROBE_SECONDS = 2.0
# For the duration of a connection, unless set by the user. By default MLflow waits more than
# four minutes for a server that does not respond.
DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
QUIET = {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
NOISY = ("mlflow", "alembic")
_MLFLOW_TABLES = {"experiments", "runs", "metrics", "params", "tags", "registered_models", "alembic_version"}
_ELSEWHERE = "keep the MLflow store in another file (tracking URI sqlite:///<file>), or move this one away"


@contextlib.contextmanager
def connected(tracking_uri: str | None = None, *, create: bool = False) -> Iterator[str]:
    """Use an MLflow store within the block, with MLflow's notices suppressed; yields the store's URI.

    Parameters
    ----------
    tracking_uri : str, optional
        ``http(s)://...``, ``sqlite:///...`` or any other that MLflow accepts; None as in the module's
        docstring.
    create : bool
        Whether to create an SQLite store that does not exist.

    Raises
    ------
    TrackingError
        If the server does not respond, or the store cannot be opened; also instead of any
        MlflowException raised inside the block.
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


def database_of(uri: str) -> Path | None:
    """The file of an SQLite store, as an absolute path; None for another kind of store.

    Examples
    --------
    >>> database_of("sqlite:////data/mlflow.db").as_posix(), database_of("http://127.0.0.1:5000")
    ('/data/mlflow.db', None)
    """
    if not uri.startswith("sqlite:///") or uri == "sqlite:///:memory:":
        return None
    return Path(unquote(uri.removeprefix("sqlite:///"))).absolute()


def check_store(uri: str, create: bool = False) -> None:
    """Refuse a server that does not respond and a database that does not exist.

    Raises
    ------
    TrackingError
        With the remedy.
    """
    if urlsplit(uri).scheme in ("http", "https"):
        _probe(uri)
    database = database_of(uri)
    if database is None:
        return
    if not database.parent.is_dir():
        raise TrackingError(
            f"the folder {database.parent} for the MLflow database does not exist; make it first."
        )
    if not create and not database.exists():
        raise TrackingError(
            f"there is no MLflow database at {database}: run 'clvml run' in this folder first, or set"
            " MLFLOW_TRACKING_URI to the store that contains the model."
        )


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
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        sentence = " ".join(str(error.message).split())
        raise TrackingError(f"MLflow at {shown(uri)} refused: {sentence[:400]}") from error


def shown(uri: str) -> str:
    """A URI without its user and password."""
    parts = urlsplit(uri)
    return uri if "@" not in parts.netloc else parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _probe(uri: str) -> None:
    address = shown(uri).rstrip("/") + "/health"
    try:
        urllib.request.urlopen(address, timeout=PROBE_SECONDS).close()
    except urllib.error.HTTPError:
        return  # it responds; MLflow handles authentication
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise TrackingError(
            f"no MLflow server responds at {shown(uri)} ({reason}): start it, correct the tracking URI, or"
            " omit it to keep runs in mlflow.db in the current folder."
        ) from None


def _first_touch(uri: str) -> None:
    """Open the store once, under a lock: concurrent creation of an SQLite store would crash."""
    import mlflow

    database, artifacts = database_of(uri), Path("mlruns")
    was_there = artifacts.exists()
    with contextlib.nullcontext() if database is None else _alone(database):
        _check_is_of_mlflow(database)
        client = mlflow.MlflowClient()
        client.search_experiments(max_results=1)
        client.search_registered_models(max_results=1)
    if not was_there:
        # MLflow creates this folder in the current one, wherever the store is.
        with contextlib.suppress(OSError):
            artifacts.rmdir()


def _check_is_of_mlflow(database: Path | None) -> None:
    """Refuse a database of another application, to which MLflow would add its tables."""
    if database is None or not database.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as reader:
            tables = {row[0] for row in reader.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.OperationalError:  # locked or unreadable: MLflow will report it
        return
    except sqlite3.DatabaseError:
        raise TrackingError(f"{database} is not an SQLite database: {_ELSEWHERE}.") from None
    if tables and tables.isdisjoint(_MLFLOW_TABLES):
        raise TrackingError(f"{database} is not an MLflow database: {_ELSEWHERE}.")


@contextlib.contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Lock the database by a lock file, which the system releases even if this process dies."""
    lock = sqlite3.connect(database.with_name(database.name + ".lock"), timeout=120, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
        yield
    except sqlite3.OperationalError as error:
        raise TrackingError(f"the MLflow database {database} cannot be opened: {error}.") from None
    finally:
        lock.close()
