"""A table or a query of a database, by connection string: PostgreSQL and SQLite; nothing is written to it."""

from __future__ import annotations

from typing import Any

from clvml._secrets import without_password
from clvml.customers.engines._copies import Copy, write_batches
from clvml.customers.engines._logins import Login, qualified_name
from clvml.errors import InputError


def _read_postgresql(*arguments: Any) -> Any:
    from clvml.customers.engines._postgresql import read_postgresql

    return read_postgresql(*arguments)


def _read_sqlite(*arguments: Any) -> Any:
    from clvml.customers.engines._sqlite import read_sqlite

    return read_sqlite(*arguments)


_READERS = {"postgresql": _read_postgresql, "sqlite": _read_sqlite}  # pyarrow: only where one is read
SCHEMES = frozenset(_READERS)
_WAYS_OUT = {
    "s3": "open it with pyarrow.dataset.dataset(url) and pass that",
    "gs": "open it with pyarrow.dataset.dataset(url) and pass that",
    "http": "download the file and give its path",
    "https": "download the file and give its path",
    "file": "give the path of the file",
}


class Database(Copy):
    """A table or the result of a query, read once.

    Parameters
    ----------
    url : str
        ``postgresql://user@host:port/database`` or ``sqlite:///path``, as SQLAlchemy writes them.
    table, query : str
        One of the two: a table or view, ``"schema.name"`` too, or the text of one ``SELECT``.

    Raises
    ------
    InputError
        If both or none are given, or the URL is of another kind.
    """

    def __init__(self, url: str, table: str | None = None, query: str | None = None) -> None:
        self.login, self.table, self.query = Login(url), table, query
        if self.login.scheme not in _READERS:
            way_out = _WAYS_OUT.get(self.login.scheme, "read it yourself and pass a DataFrame")
            raise InputError(
                f"{self.login} is no database that clvml reads: give postgresql://... or sqlite:///...;"
                f" {way_out}."
            )
        if (table is None) == (query is None):
            raise InputError(
                f"{self.login} needs {'table or query, not both' if table else 'a table or a query'}: name"
                " the table or view of the transactions (table=), or write a SELECT (query=)."
            )
        self.login.check_encoding()
        super().__init__(f"{f'table {table}' if table else 'a query'} of {self.login}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as what is asked of it, to be asked again, and without its password: see `PGPASSWORD`."""
        return Database, (without_password(self.login.url), self.table, self.query)

    def _write(self, path: str) -> int:
        sql = (
            self.query.strip().rstrip(";")
            if self.query
            else f"SELECT * FROM {qualified_name(self.table or '')}"
        )
        with _READERS[self.login.scheme](self.login, sql, self.label) as (schema, batches):
            return write_batches(path, schema, batches)
