"""A stage of a run: what it is called, what it checks before the work, what it finds.

A stage takes a context, which holds what earlier stages computed, by type, and yields findings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from clvml.workflow._console import Progress
from clvml.workflow._findings import Finding

if TYPE_CHECKING:
    from clvml.workflow._config import Config

T = TypeVar("T")


class Context:
    """What a run knows so far.

    Parameters
    ----------
    config : Config
        What was asked.
    progress : Progress
        Receives the messages.
    """

    def __init__(self, config: Config, progress: Progress) -> None:
        self.config = config
        self.progress = progress
        self._values: dict[type, object] = {}

    def put(self, value: object) -> None:
        """Keep a value for later stages, by its type."""
        self._values[type(value)] = value

    def get(self, kind: type[T]) -> T | None:
        """The value of this type, or None where no stage has put one."""
        value = self._values.get(kind)
        return value if isinstance(value, kind) else None

    def __getitem__(self, kind: type[T]) -> T:
        """The value of this type.

        Raises
        ------
        LookupError
            If no stage has put one.
        """
        value = self.get(kind)
        if value is None:
            known = ", ".join(sorted(known.__name__ for known in self._values)) or "nothing"
            raise LookupError(f"no stage before this one found a {kind.__name__}; found so far: {known}.")
        return value

    def say(self, line: str) -> None:
        """Report one line."""
        self.progress.say(line)


class Stage(NamedTuple):
    """One stage.

    Attributes
    ----------
    title : str
        What it does, for the terminal.
    find : callable
        Takes the `Context` and yields findings; what later stages need, it puts into the context.
    section : str
        Heading of the section of the report that its findings are in.
    check : callable, optional
        Called before the work of the first stage, so that a mistake in the config costs no time; takes the
        context and raises `InputError`.
    """

    title: str
    find: Callable[[Context], Iterator[Finding]]
    section: str
    check: Callable[[Context], None] | None = None
