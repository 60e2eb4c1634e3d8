"""The limits of the service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from clvml.errors import InputError

TOKEN_VARIABLE = "CLVML_TOKEN"
_SHORTEST = 16  # characters of a token


class Settings(NamedTuple):
    """Limits of the service, and its token.

    Attributes
    ----------
    max_rows : int
        Customers per request; more are refused with 413.
    max_body : int
        Bytes of a request's body; more are refused with 413.
    concurrency : int
        Requests that are computed at the same time, each in one thread.
    queue : int
        Requests that may wait for a thread or are being received; beyond them: 503 with ``Retry-After``.
    timeout : float
        Seconds for receiving the body (408), and for waiting and computing (504).
    poll : float
        Seconds between two looks at the alias in the registry.
    drain : float
        Seconds after SIGTERM in which new requests are still answered while ``/ready`` says 503, so that a
        load balancer can take the service out.
    token : str or None
        The bearer token; None: no authentication.

    See Also
    --------
    clvml.serving.serve : Takes them.

    Examples
    --------
    A smaller service: a thousand customers per request, ten seconds per answer.

    >>> from clvml.serving import Settings
    >>> settings = Settings(max_rows=1_000, timeout=10.0)
    >>> settings.max_rows, settings.concurrency
    (1000, 2)
    >>> Settings(token="secret").checked()
    Traceback (most recent call last):
    clvml.errors.InputError: the bearer token must have at least 16 printable ASCII characters and no blanks:
    create one with 'openssl rand -hex 32'.
    """

    max_rows: int = 100_000
    max_body: int = 32 * 2**20
    concurrency: int = 2
    queue: int = 128
    timeout: float = 30.0
    poll: float = 10.0
    drain: float = 2.0
    token: str | None = None

    def checked(self) -> Settings:
        """These settings, if each is possible.

        Raises
        ------
        InputError
            If a limit is not positive, or the token is too short or not ASCII.
        """
        for name in ("max_rows", "max_body", "concurrency", "timeout", "poll"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name.replace('_', '-')} is {getattr(self, name)}; it must be positive.")
        if self.queue < 0 or self.drain < 0:
            raise InputError("queue and drain must not be negative.")
        if self.token is not None:
            _check_token(self.token)
        return self

    def __repr__(self) -> str:
        """Without the token."""
        return f"Settings(max_rows={self.max_rows}, max_body={self.max_body}, ...)"


def read_token(file: Path | None = None) -> str | None:
    """The bearer token: from a file, or the environment variable ``CLVML_TOKEN``; None without either.

    Raises
    ------
    InputError
        If the file cannot be read, or the token is shorter than 16 characters or not printable ASCII.
    """
    if file is None:
        token = os.environ.get(TOKEN_VARIABLE)
    else:
        try:
            token = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"the token file {str(file)!r} cannot be read: {type(error).__name__}."
            ) from None
    if token is not None:
        _check_token(token)
    return token


def _check_token(token: str) -> None:
    if len(token) < _SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise InputError(
            f"the bearer token must have at least {_SHORTEST} printable ASCII characters and no blanks:"
            " create one with 'openssl rand -hex 32'."
        )
