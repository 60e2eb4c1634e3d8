"""What a command that works through rows says meanwhile, on standard error."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def progress_of_rows(quiet: bool) -> Iterator[Callable[[int, int | None], None] | None]:
    """A bar with rows, rows per second and the time left, on a terminal; notes of clvml once each.

    Yields
    ------
    callable or None
        To be called with the number of rows done, and of all rows if it is known.
    """
    console = Console(stderr=True, highlight=False)
    with _notes_once(quiet):
        if quiet or not console.is_terminal:
            yield None
            return
        with Progress(
            TextColumn("scoring"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        ) as bar:
            task = bar.add_task("", total=None, speed="")

            def update(n_done: int, n_rows: int | None) -> None:
                speed = bar.tasks[0].speed
                said = f"{speed:,.0f} rows/s" if speed else ""
                bar.update(task, completed=n_done, total=n_rows, speed=said)

            yield update


@contextmanager
def _notes_once(quiet: bool) -> Iterator[None]:
    """Print clvml's log records at the end, each kind once: every batch repeats it."""
    logger, notes = logging.getLogger("clvml"), _Notes(logging.WARNING)
    logger.addHandler(notes)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.removeHandler(notes)
        for note in [] if quiet else notes.kinds.values():
            typer.echo(f"note: {note}", err=True)


class _Notes(logging.Handler):
    """The first record of each message, with the names in it; numbers differ from batch to batch."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.kinds: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        names = [value for value in record.args or () if isinstance(value, str)]
        self.kinds.setdefault(f"{record.msg} {names}", record.getMessage())
