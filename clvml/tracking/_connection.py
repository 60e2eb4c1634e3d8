"""Which MLflow store is used, whether it answers, and how quiet MLflow is meanwhile.

Without a tracking URI the store is the one that MLflow was pointed at (``MLFLOW_TRACKING_URI`` or
``mlflow.set_tracking_uri``), and else the embedded ``sqlite:///mlflow.db`` of the current folder,
the default of ``mlflow ui`` and ``mlflow models serve`` too. :func:`connected` leaves MLflow's
settings and the environment of the process as they were, whether it succeeds or fails.
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
# For the length of a connection, where the user has not said otherwise. By default MLflow waits more than
# four minutes for a server that does not answer.
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
    """Point MLflow at a store for the length of the block, quietly; gives the store's URI.

    Parameters
    ----------
    tracking_uri : str, optional
        ``http(s)://...``, ``sqlite:///...`` or whatever else MLflow takes; None as in the module's
        docstring.
    create : bool
        Whether an SQLite store that does not exist yet is made.

    Raises
    ------
    TrackingError
        If no server answers there, or the store cannot be opened; also in place of any
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
    """Set variables of the process's environment, and put it back as it was: MLflow sets some too."""
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
        with environment(_defaults()):  # telemetry is decided on when MLflow is imported
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
    """Refuse a server that does not answer and a database that is not there.

    Raises
    ------
    TrackingError
        With the way out.
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
            " MLFLOW_TRACKING_URI to the store that holds the model."
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
    """Silence the one call of MLflow that prints to standard error at any logging level."""
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
        return  # it answers: whether it lets us in is for MLflow to find out
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise TrackingError(
            f"no MLflow server answers at {shown(uri)} ({reason}): start it, correct the tracking URI, or"
            " leave it out to keep runs in mlflow.db in the current folder."
        ) from None


def _first_touch(uri: str) -> None:
    """Open the store once; two processes that create an SQLite store at the same time would crash."""
    import mlflow

    database, artifacts = database_of(uri), Path("mlruns")
    was_there = artifacts.exists()
    with contextlib.nullcontext() if database is None else _alone(database):
        _check_is_of_mlflow(database)
        client = mlflow.MlflowClient()
        client.search_experiments(max_results=1)
        client.search_registered_models(max_results=1)
    if not was_there:
        # MLflow makes this folder in the current one, wherever the store is.
        with contextlib.suppress(OSError):
            artifacts.rmdir()


def _check_is_of_mlflow(database: Path | None) -> None:
    """Refuse a database of something else: MLflow would put its tables among those that are there."""
    if database is None or not database.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as reader:
            tables = {row[0] for row in reader.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.OperationalError:  # locked, or not to be read: MLflow will say
        return
    except sqlite3.DatabaseError:
        raise TrackingError(f"{database} is no SQLite database: {_ELSEWHERE}.") from None
    if tables and tables.isdisjoint(_MLFLOW_TABLES):
        raise TrackingError(f"{database} is a database of something else than MLflow: {_ELSEWHERE}.")


@contextlib.contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Lock the database by a file beside it, which the system releases even if this process dies."""
    lock = sqlite3.connect(database.with_name(database.name + ".lock"), timeout=120, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
        yield
    except sqlite3.OperationalError as error:
        raise TrackingError(f"the MLflow database {database} cannot be opened: {error}.") from None
    finally:
        lock.close()
