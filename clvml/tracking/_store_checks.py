"""Ask an MLflow store whether it can be used, within seconds, before MLflow itself waits for minutes."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from clvml._secrets import masked, shown
from clvml.errors import TrackingError

PROBE_SECONDS = 5.0
LEAST_FREE = 20_000_000  # bytes: a run with its models and figures is smaller
_MLFLOW_TABLES = {"experiments", "runs", "metrics", "params", "tags", "registered_models", "alembic_version"}
_ELSEWHERE = "keep the MLflow store in another file (tracking URI sqlite:///<file>), or move this one away"
_DATABASES = ("postgresql", "mysql", "mssql")
_DRIVERS = {"postgresql": "psycopg[binary]", "mysql": "pymysql", "mssql": "pyodbc"}


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


def dialect_of(uri: str) -> str | None:
    """The kind of a database server, such as "postgresql"; None for another kind of store."""
    dialect = uri.partition("://")[0].partition("+")[0]
    return dialect if dialect in _DATABASES else None


def check_store(uri: str, create: bool = False) -> None:
    """Refuse a server or a database that does not answer, or cannot be written.

    Parameters
    ----------
    uri : str
        An absolute URI, from `clvml.tracking._connection.store_uri`.
    create : bool
        Whether runs are to be written: an SQLite store that does not exist is then allowed, and one that
        exists must be writable.

    Raises
    ------
    TrackingError
        With the remedy.
    """
    if urlsplit(uri).scheme in ("http", "https"):
        _ask_server(uri)
    elif dialect_of(uri) is not None:
        _ask_database(uri)
    elif (database := database_of(uri)) is not None:
        _check_file(database, create)


def check_space(folder: Path, what: str) -> None:
    """Refuse a disk that is nearly full.

    Raises
    ------
    TrackingError
        If fewer than 20 MB are free.
    """
    free = shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists())).free
    if free < LEAST_FREE:
        raise TrackingError(f"the disk of the {what} {folder} is full ({free / 1e6:.0f} MB are free).")


def check_is_of_mlflow(database: Path) -> None:
    """Refuse a database of another application, to which MLflow would add its tables."""
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as reader:
            tables = {row[0] for row in reader.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.OperationalError:  # locked or unreadable: MLflow will report it
        return
    except sqlite3.DatabaseError:
        raise TrackingError(f"{database} is not an SQLite database: {_ELSEWHERE}.") from None
    if tables and tables.isdisjoint(_MLFLOW_TABLES):
        raise TrackingError(f"{database} is not an MLflow database: {_ELSEWHERE}.")


def _ask_server(uri: str) -> None:
    address = shown(uri).rstrip("/") + "/health"
    try:
        _within(PROBE_SECONDS, lambda: urllib.request.urlopen(address, timeout=PROBE_SECONDS).close())
    except urllib.error.HTTPError as error:
        error.close()  # it responds; MLflow handles authentication
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise TrackingError(
            f"no MLflow server responds at {shown(uri)} ({reason}): start it, correct the tracking URI, or"
            " omit it to keep runs in mlflow.db in the current folder."
        ) from None


def _ask_database(uri: str) -> None:
    """Connect to it once, as MLflow will."""
    dialect = str(dialect_of(uri))
    try:
        _within(PROBE_SECONDS, lambda: _connect_once(uri))
    except ModuleNotFoundError as error:
        raise TrackingError(
            f"the driver {error.name} of {dialect} is not installed: pip install '{_DRIVERS[dialect]}'"
            f"{' and write postgresql+psycopg:// in the URI' if error.name == 'psycopg2' else ''}."
        ) from None
    except Exception as error:
        reason = " ".join(masked(str(getattr(error, "orig", None) or error), uri).split())
        raise TrackingError(
            f"the database at {shown(uri)} does not accept a connection ({reason[:300]}): start it, or"
            " correct the tracking URI, its user and its password (PGPASSWORD for PostgreSQL)."
        ) from None


def _connect_once(uri: str) -> None:
    import sqlalchemy

    seconds = {"connect_timeout": int(PROBE_SECONDS)} if dialect_of(uri) == "postgresql" else {}
    engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool, connect_args=seconds)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 1"))


def _within(seconds: float, ask: Callable[[], None]) -> None:
    """Ask in a thread of its own, which may hang in the system for longer, as a name server's answer does."""
    raised: list[BaseException] = []

    def answer() -> None:
        try:
            ask()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    thread.join(seconds + 1)
    if thread.is_alive():
        raise TimeoutError(f"no answer within {seconds:g} s")
    if raised:
        raise raised[0]


def _check_file(database: Path, create: bool) -> None:
    if not database.parent.is_dir():
        raise TrackingError(
            f"the folder {database.parent} for the MLflow database does not exist; make it first."
        )
    if not database.exists():
        if create:
            _check_can_be_made(database)
            return
        raise TrackingError(
            f"there is no MLflow database at {database}: run 'clvml run' in this folder first, or set"
            " MLFLOW_TRACKING_URI to the store that contains the model."
        )
    check_is_of_mlflow(database)
    if create:
        check_space(database.parent, "MLflow database in")
        _check_is_writable(database)


def _check_can_be_made(database: Path) -> None:
    if not os.access(database.parent, os.W_OK):
        raise TrackingError(
            f"the MLflow database {database} cannot be made: its folder is not writable; set another store"
            " (tracking URI sqlite:///<file>)."
        )
    check_space(database.parent, "MLflow database in")


def _check_is_writable(database: Path) -> None:
    """Begin to write: another program may hold its lock, or the file may be read-only."""
    writer = sqlite3.connect(database, timeout=PROBE_SECONDS, isolation_level=None)
    try:
        writer.execute("BEGIN IMMEDIATE")
        (number,) = writer.execute("PRAGMA user_version").fetchone()
        writer.execute(f"PRAGMA user_version = {number}")
        writer.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        advice = {
            "database is locked": "another program is writing to it; close that one, or try again",
            "attempt to write a readonly database": "make the file and its folder writable",
        }.get(str(error), "check the file and its disk")
        raise TrackingError(
            f"the MLflow database {database} cannot be written ({error}): {advice}."
        ) from None
    finally:
        writer.close()
