"""Passwords of the URIs of databases and servers: none is ever written or printed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

# Variables that MLflow, PostgreSQL and MySQL clients read a password or token from.
VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "PGPASSWORD", "MYSQL_PWD")
_MASK = "***"
_SECRET_KEY = re.compile(r"passw|pwd|secret|token|odbc_connect", re.IGNORECASE)
_LOGIN_IN_TEXT = re.compile(r"([A-Za-z][\w+.-]*://)[^\s:/@'\"]*:[^\s'\"]*@")


def without_password(uri: str) -> str:
    """The URI to write to a file: a database keeps its user, a server neither user nor password.

    Clients read what is missing from the environment: ``PGPASSWORD``, ``MLFLOW_TRACKING_USERNAME`` and
    ``MLFLOW_TRACKING_PASSWORD``.

    Examples
    --------
    >>> without_password("postgresql://clv:secret@db/mlflow"), without_password("http://me:secret@host:5000/x")
    ('postgresql://clv@db/mlflow', 'http://host:5000/x')
    >>> without_password("postgresql://db/mlflow?user=clv&password=secret&sslmode=require")
    'postgresql://db/mlflow?user=clv&sslmode=require'
    """
    scheme, login, rest = _parts(uri)
    user = login.partition(":")[0]
    kept = "" if not user or scheme.startswith("http") else f"{user}@"
    return f"{scheme}{kept}{rest}"


def shown(uri: str) -> str:
    """The URI to print: without its user and password."""
    scheme, _, rest = _parts(uri)
    return f"{scheme}{rest}"


def masked(text: str, uri: str = "") -> str:
    """A text without the passwords of a URI, of any login in it, and of the environment.

    Examples
    --------
    >>> masked("no route to postgresql://clv:p%40ss@db/x, password p@ss", "postgresql://clv:p%40ss@db/x")
    'no route to postgresql://db/x, password ***'
    """
    if uri:
        text = text.replace(uri, shown(uri))
    for secret in sorted(set(_secrets(uri)), key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return _LOGIN_IN_TEXT.sub(rf"\1{_MASK}@", text)


def _secrets(uri: str) -> Iterator[str]:
    _, login, _ = _parts(uri)
    found = [login.partition(":")[2], *(os.environ.get(name, "") for name in VARIABLES)]
    found += [value for key, value in parse_qsl(uri.partition("?")[2]) if _SECRET_KEY.search(key)]
    for secret in filter(None, found):
        yield from (secret, unquote(secret))


def _parts(uri: str) -> tuple[str, str, str]:
    """Scheme, login and the rest, without secrets of its query; of a path all is the rest."""
    scheme, mark, rest = uri.partition("://")
    if not mark or scheme.startswith(("sqlite", "file")):
        return "", "", uri
    login = ""
    if _has_login(uri):
        login, _, rest = rest.rpartition("@")
    address, mark, query = rest.partition("?")
    kept = [(key, value) for key, value in parse_qsl(query, True) if not _SECRET_KEY.search(key)]
    return f"{scheme}://", login, address + (f"?{urlencode(kept, safe='/:@,')}" if kept else "")


def _has_login(uri: str) -> bool:
    """Whether there is a login before the last @; the path of a server may have one too."""
    if not uri.startswith("http"):
        return "@" in uri
    parts = urlsplit(uri)
    try:
        is_plain = parts.port is None or parts.port > 0
    except ValueError:  # what looks like a port is a password with a slash
        is_plain = False
    return "@" in parts.netloc or ("@" in uri and not is_plain)
