"""A stage of a run: its title, its checks before the run, its findings.

A stage takes a context with the values that earlier stages computed, by type, and yields findings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from clvml.workflow._console import Progress, Silent
from clvml.workflow._findings import Finding

if TYPE_CHECKING:
    from clvml.workflow._config import Config

T = TypeVar("T")


class Context:
    """The values computed so far in a run.

    Parameters
    ----------
    config : Config
        The configuration.
    progress : Progress, optional
        Receives the messages; silent by default.

    Attributes
    ----------
    resources : contextlib.ExitStack
        What stages open for later stages; closed at the end of the run.

    See Also
    --------
    clvml.workflow.Stage : Takes a context, and yields findings.
    clvml.workflow.Results : The values of a finished run.

    Examples
    --------
    Try a stage of your own without a run, with what the built-in stages would have stored:

    >>> import clvml
    >>> from clvml.workflow import Context, Words, load_config
    >>> context = Context(load_config())
    >>> context.put(clvml.load_cdnow())
    >>> def last_purchase(context):
    ...     yield Words(f"The last purchase is of {context[clvml.Transactions].last_date:%d %B %Y}.")
    >>> [found.text for found in last_purchase(context)]
    ['The last purchase is of 30 June 1998.']
    >>> context[clvml.Split]
    Traceback (most recent call last):
    LookupError: no earlier stage stored a Split; stored so far: Transactions.
    """

    def __init__(self, config: Config, progress: Progress | None = None) -> None:
        self.config = config
        self.progress: Progress = progress or Silent()
        self.resources = ExitStack()
        self._values: dict[type, object] = {}

    def put(self, value: object) -> None:
        """Store a value for later stages, by its type."""
        self._values[type(value)] = value

    def get(self, kind: type[T]) -> T | None:
        """The value of this type, or None if no stage has stored one."""
        value = self._values.get(kind)
        return value if isinstance(value, kind) else None

    def __getitem__(self, kind: type[T]) -> T:
        """The value of this type.

        Raises
        ------
        LookupError
            If no stage has stored one.
        """
        value = self.get(kind)
        if value is None:
            known = ", ".join(sorted(known.__name__ for known in self._values)) or "nothing"
            raise LookupError(f"no earlier stage stored a {kind.__name__}; stored so far: {known}.")
        return value

    def say(self, line: str) -> None:
        """Report one line."""
        self.progress.say(line)


class Stage(NamedTuple):
    """One stage.

    Attributes
    ----------
    title : str
        Displayed in the terminal.
    find : callable
        Takes the `Context` and yields findings; stores in the context what later stages need.
    section : str
        Heading of the report section for its findings.
    check : callable, optional
        Called before the first stage, so that an error in the config costs no time; takes the context and
        raises `InputError`.
    applies : callable, optional
        Takes the `Config`; a stage that does not apply, for lack of its input, is left out without a word.

    See Also
    --------
    clvml.workflow.run : Takes stages of your own as ``extra_stages``.
    clvml.workflow.Words, clvml.workflow.Table, clvml.workflow.Figure : What it yields.

    Examples
    --------
    A chapter of the report on customers who have not bought for a year, which needs no change to clvml:

    >>> import clvml
    >>> from clvml.workflow import Context, Metrics, Stage, Words, load_config
    >>> def find_silent(context):
    ...     customers = clvml.summarize(context[clvml.Transactions])
    ...     silent = (customers["T"] - customers["recency"] > 52).mean()
    ...     yield Words(f"{silent:.0%} of the customers have not bought for a year.")
    ...     yield Metrics({"silent": round(float(silent), 4)})
    >>> stage = Stage("Counting silent customers", find_silent, "Silent customers")
    >>> context = Context(load_config())
    >>> context.put(clvml.load_cdnow())
    >>> words, metrics = stage.find(context)
    >>> words.text
    '66% of the customers have not bought for a year.'
    """

    title: str
    find: Callable[[Context], Iterator[Finding]]
    section: str
    check: Callable[[Context], None] | None = None
    applies: Callable[[Config], bool] | None = None
