"""Errors of a command: one sentence on standard error and an exit status.

The status is 1 for an error, 2 for wrong usage (by Typer), 130 for an interruption.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer


@contextmanager
def exit_on_error(debug: bool = False) -> Iterator[None]:
    """Turn any error inside into one sentence on standard error and an exit status."""
    from clvml.errors import ClvmlError

    _quiet(debug)
    interrupted = _record_interrupts()
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        # Libraries may convert a KeyboardInterrupt into errors of their own.
        if interrupted.is_set() or isinstance(error, KeyboardInterrupt):
            typer.echo(" ".join(["clvml: interrupted.", *notes_of(error)]), err=True)
            raise typer.Exit(130) from None
        if debug or isinstance(error, typer.Exit):
            raise
        expected = isinstance(error, ClvmlError | OSError)
        typer.echo(f"clvml: error: {_sentence(error, expected)}", err=True)
        raise typer.Exit(1) from None


def _record_interrupts() -> threading.Event:
    """An event set when the user presses Ctrl-C, which still raises KeyboardInterrupt."""
    interrupted = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        signal.default_int_handler(number, frame)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, note)
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
