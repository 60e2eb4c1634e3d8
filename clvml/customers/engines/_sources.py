"""What a source is, whichever engine reads it: paths, a table in memory, or something to copy first."""

from __future__ import annotations

from typing import Any

from clvml.customers.engines._copies import Copy, LazyFrame, Stream
from clvml.customers.engines._databases import SCHEMES, Database
from clvml.customers.engines._frames import is_lazy, is_stream
from clvml.customers.engines._logins import Login, is_url
from clvml.errors import InputError


def source_of(
    source: Any, table: str | None = None, query: str | None = None, engine: str | None = None
) -> Any:
    """The source, as a `Copy` if it can be read once only: a database by its URL, or a stream.

    Parameters
    ----------
    source : object
        Of `clvml.read_transactions`.
    table, query : str, optional
        The table of a database, or a ``SELECT``.
    engine : str, optional
        ``"spark"`` reads files by URL, such as ``hdfs://`` and ``s3a://``, itself.

    Raises
    ------
    InputError
        If a table or a query is given for another source than a database.
    """
    if is_url(source) and not (engine == "spark" and is_remote_file(source)):
        return Database(source, table, query)
    if table is not None or query is not None:
        raise InputError(
            f"{'query' if table is None else 'table'} is given, but the source is no database: give a"
            " connection string, as in postgresql://user@host/database or sqlite:///path."
        )
    return source if isinstance(source, Copy) else _copied(source)


def is_remote_file(source: Any) -> bool:
    """Whether a source is the URL of files, and of no database."""
    return is_url(source) and Login(source).scheme not in SCHEMES


def _copied(source: Any) -> Any:
    label = f"a {type(source).__module__.split('.')[0]} {type(source).__name__}"
    if is_lazy(source):
        return LazyFrame(source, label)
    return Stream(source, label) if is_stream(source) else source
