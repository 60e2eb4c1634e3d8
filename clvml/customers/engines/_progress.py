"""A progress bar for long queries: on a terminal only, and none for short ones."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

SECONDS = 2.0  # until a query is long
_COLUMNS = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())


def can_be_seen() -> bool:
    """Whether standard error is a terminal."""
    return Console(stderr=True).is_terminal


@contextlib.contextmanager
def bar(percent: Callable[[], float]) -> Iterator[None]:
    """Show a progress bar on a terminal while the work in the ``with`` block lasts long; it is then removed.

    Parameters
    ----------
    percent : callable
        How much is done, asked from another thread; negative if it is not known.
    """
    if not can_be_seen():
        yield
        return
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(percent, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(percent: Callable[[], float], done: threading.Event) -> None:
    if done.wait(SECONDS) or _is_taken():
        return
    with Progress(*_COLUMNS, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("querying transactions", total=100)
        while not done.wait(0.2):
            shown.update(task, completed=max(percent(), 0.0))


def _is_taken() -> bool:
    """Whether rich shows something already, such as the stage of a run: its displays have a thread each."""
    return any(type(thread).__module__ == "rich.live" for thread in threading.enumerate())
