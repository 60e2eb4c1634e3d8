"""Progress messages of a run: a spinner and tables on a terminal, plain lines anywhere else.

`Silent` is for callers from Python, `Terminal` for the command line. The stages know only the
`Progress` protocol.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.status import Status
from rich.table import Table

from clvml.errors import FitWarning


class Progress(Protocol):
    """What a stage reports while it runs."""

    def stage(self, title: str) -> AbstractContextManager[object]:
        """Around the work of one stage."""

    def say(self, line: str) -> None:
        """One line about what was found."""

    def update(self, step: str) -> None:
        """What the stage is working on."""

    def table(self, table: pd.DataFrame, title: str) -> None:
        """A table of text, its index first."""


class Silent:
    """Prints nothing."""

    def stage(self, title: str) -> AbstractContextManager[object]:  # noqa: ARG002
        """Around the work of one stage."""
        return nullcontext()

    def say(self, line: str) -> None:
        """One line about what was found."""

    def update(self, step: str) -> None:
        """What the stage is working on."""

    def table(self, table: pd.DataFrame, title: str) -> None:
        """A table of text, its index first."""


class Terminal:
    """Writes to standard output: with rich on a terminal, as plain lines into a file or a pipe.

    On a terminal a spinner shows the current stage, and its messages are printed under its title when
    it is done; otherwise lines are printed at once.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, markup=False, soft_wrap=True, emoji=False)
        self._status: Status | None = None
        self._title = ""
        self._waiting: list[RenderableType] = []

    @contextmanager
    def stage(self, title: str) -> Iterator[None]:
        """Around the work of one stage: its name, its messages, the seconds it took."""
        if not self.console.is_terminal:
            self.console.print(title)
            with _log_as_notes(self):
                yield
            return
        started, mark = time.perf_counter(), "✗"
        self._title = title
        try:
            with self.console.status(title) as self._status, _log_as_notes(self):
                yield
            mark = "✓"
        finally:
            self._status = None
            self._done(f"{mark} {title}", "green" if mark == "✓" else "red", time.perf_counter() - started)

    def say(self, line: str) -> None:
        """One line, indented under its stage."""
        self._show(f"  {line}")

    def update(self, step: str) -> None:
        """Beside the spinner on a terminal; nothing otherwise."""
        if self._status is not None:
            self._status.update(f"{self._title}: {step}")

    def table(self, table: pd.DataFrame, title: str) -> None:
        """The table: ruled on a terminal, aligned columns otherwise."""
        if not self.console.is_terminal:
            self.console.print(f"\n{title}\n{aligned(table)}\n")
            return
        width = max(map(len, aligned(table).splitlines()))
        if width > self.console.width and "family" in table:
            table = table.drop(columns="family")
        self._show(_ruled(table, title))

    def _show(self, shown: RenderableType) -> None:
        if self._status is None:
            self.console.print(shown)
        else:
            self._waiting.append(shown)

    def _done(self, line: str, style: str, seconds: float) -> None:
        self.console.print(line, style=style, end="")
        self.console.print(f"  {seconds:.1f} s", style="dim")
        for shown in self._waiting:
            self.console.print(shown)
        self._waiting.clear()


def _ruled(table: pd.DataFrame, title: str) -> Table:
    ruled = Table(
        title=title,
        title_justify="left",
        header_style="bold",
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    ruled.add_column(str(table.index.name or ""), no_wrap=True)
    for name in table:
        ruled.add_column(str(name), justify="right", no_wrap=True)
    for row in table.itertuples():
        ruled.add_row(*map(str, row))
    return ruled


@contextmanager
def _log_as_notes(progress: Progress) -> Iterator[None]:
    """Print clvml's log records, and each `FitWarning` once; suppress other libraries' warnings."""
    logger, notes = logging.getLogger("clvml"), _Notes(progress)
    logger.addHandler(notes)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", FitWarning)
            yield
    finally:
        logger.removeHandler(notes)
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        progress.say(f"note: {message}")


class _Notes(logging.Handler):
    """Prints log records of clvml, each once."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(logging.WARNING)
        self.progress, self._seen = progress, set[str]()

    def emit(self, record: logging.LogRecord) -> None:
        note = record.getMessage()
        if note not in self._seen:
            self._seen.add(note)
            self.progress.say(f"note: {note}")


def aligned(table: pd.DataFrame) -> str:
    """A table of text as lines: the first column to the left, the others to the right.

    Examples
    --------
    >>> print(aligned(pd.DataFrame({"mae": ["30.41", "9.1"]}, index=pd.Index(["BG/NBD", "b"], name="model"))))
    model     mae
    BG/NBD  30.41
    b         9.1
    """
    cells = [[str(table.index.name or ""), *map(str, table.columns)]]
    cells += [[str(value) for value in row] for row in table.itertuples()]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in cells
    )
