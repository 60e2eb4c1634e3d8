"""Errors of a command: one sentence on standard error and an exit status.

The statuses are in `clvml.commands._exit_statuses`. No message has a password in it.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from clvml.commands._exit_statuses import ExitStatus


@contextmanager
def exit_on_error(debug: bool = False) -> Iterator[None]:
    """Turn any error inside into one sentence on standard error and an exit status."""
    from clvml._secrets import masked
    from clvml.errors import ClvmlError

    _quiet(debug)
    interrupted = _record_interrupts()
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        # Libraries may convert a KeyboardInterrupt into errors of their own.
        if interrupted or isinstance(error, KeyboardInterrupt):
            typer.echo(" ".join(["clvml: interrupted.", *notes_of(error)]), err=True)
            number = interrupted[0] if interrupted else signal.SIGINT
            raise typer.Exit(ExitStatus(128 + number)) from None
        if isinstance(error, typer.Exit):
            raise
        if debug:
            typer.echo(masked("".join(traceback.format_exception(error))), err=True)
            raise typer.Exit(ExitStatus.ERROR) from None
        expected = isinstance(error, ClvmlError | OSError)
        typer.echo(f"clvml: error: {masked(_sentence(error, expected))}", err=True)
        raise typer.Exit(ExitStatus.ERROR) from None


def _record_interrupts() -> list[int]:
    """A list that gets the signal when the user presses Ctrl-C or a scheduler sends SIGTERM.

    Both raise KeyboardInterrupt, so that what was begun is ended in order.
    """
    interrupted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        interrupted.append(number)
        signal.default_int_handler(number, frame)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, note)
    return interrupted


def notes_of(error: BaseException) -> list[str]:
    """The notes that were added to an error."""
    return getattr(error, "__notes__", [])


def _sentence(error: Exception, expected: bool) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if not expected:
        text = f"unexpected {type(error).__name__}: {text}; --debug shows the traceback"
    return " ".join([f"{text.rstrip('.')}.", *notes_of(error)])


def _quiet(debug: bool) -> None:
    """Keep MLflow's notices out of the output."""
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    if not debug:
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
