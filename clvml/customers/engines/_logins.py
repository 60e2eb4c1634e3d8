"""Connection strings, names and error messages of databases; none shows a password."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from clvml._secrets import masked, shown
from clvml.errors import InputError

URL = re.compile(r"([A-Za-z][A-Za-z0-9.-]*)(\+\w+)?://")
_LOGIN = re.compile(r"[^@/?#:]*(?::[^@/?#:]*)?@[^@]*$")


def is_url(source: Any) -> bool:
    """Whether a source is a URL or a connection string rather than a path."""
    return isinstance(source, str) and URL.match(source) is not None


class Login(NamedTuple):
    """The connection string of a database, which never shows its user and password."""

    url: str

    @property
    def scheme(self) -> str:
        """``postgresql``, ``sqlite`` or another one, without its driver."""
        found = URL.match(self.url)
        name = "" if found is None else found[1].lower()
        return "postgresql" if name == "postgres" else name

    @property
    def address(self) -> str:
        """The connection string without its driver."""
        return f"{self.scheme}://{self.url.partition('://')[2]}"

    def check_encoding(self) -> None:
        """Refuse a login with reserved characters: a client would show parts of it, as the name of a host."""
        _, _, rest = self.url.partition("://")
        if self.scheme == "postgresql" and "@" in rest and not _LOGIN.match(rest):
            raise InputError(
                f"the user or the password for {self} has reserved characters: write @ as %40, / as %2F, : as"
                " %3A, or leave the password out and set PGPASSWORD."
            )

    def __repr__(self) -> str:
        return shown(self.address)

    def masked(self, text: object) -> str:
        """A message in one line, without a password."""
        return masked(masked(" ".join(str(text).split()), self.url), self.address).rstrip(". ")


def described(reason: str, label: str, rows: int) -> str:
    """What failed and what to do, from the message of a driver without passwords."""
    reason = re.sub(r"\. SQLSTATE: \w+$", "", reason).partition(" Query was: ")[0].rstrip(". ")
    reason = re.sub(r" LINE \d+: .*$", "", reason).rpartition("ERROR: ")[2].strip()
    if "ermission denied" in reason:
        return f"{label} cannot be read: {reason}. Ask for the right to SELECT from it."
    if "does not exist" in reason or "no such table" in reason:
        return f"{label} cannot be read: {reason}. Check its schema (schema.table) and capitals."
    if re.search("connect|terminat|closed|EOF|shut", reason):
        lost = f"lost after {rows:,} rows" if rows else "not possible"
        return (
            f"{label} cannot be read: the connection was {lost} ({reason}). Nothing was kept; read it again."
        )
    return f"{label} cannot be read: {reason}."


def qualified_name(name: str) -> str:
    """A name, with its schema or not, quoted; quoted names stay as they are."""
    parts = re.findall(r'"(?:[^"]|"")+"|[^."]+', name)
    return ".".join(part if part.startswith('"') else quoted_name(part) for part in parts)


def quoted_name(name: str) -> str:
    """A name, quoted."""
    return '"' + name.replace('"', '""') + '"'


def check_unique(names: list[str], label: str) -> None:
    """Refuse a query with two columns of one name."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{label} has column {twice[0]!r} more than once; rename one of them with AS.")
