"""The exit statuses of the commands and their meanings: the one table, which the documentation shows too."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """What a command tells the shell or a scheduler at its end; ``meaning`` says it in a sentence."""

    meaning: str

    DONE = 0, "Done; of a check: everything is in order."
    ERROR = 1, "An error, which one sentence on standard error explains."
    WRONG_USAGE = 2, "Wrong usage: a command, an option or an argument that does not exist, or a missing one."
    NOT_TRACKED = 3, "The results are complete in the output folder, but could not be written to MLflow."
    LOOK_AT_IT = 4, "A check found something to look at: its page says what, and what to do next."
    INTERRUPTED = 130, "Interrupted by Ctrl-C (SIGINT)."
    TERMINATED = 143, "Interrupted by SIGTERM, as schedulers send it."

    def __new__(cls, number: int, meaning: str = "") -> ExitStatus:
        """A status by its number, with its meaning."""
        status = int.__new__(cls, number)
        status._value_ = number
        status.meaning = meaning
        return status


_OF_ALL = (
    ExitStatus.DONE,
    ExitStatus.ERROR,
    ExitStatus.WRONG_USAGE,
    ExitStatus.INTERRUPTED,
    ExitStatus.TERMINATED,
)
_FURTHER = {
    "run": (ExitStatus.NOT_TRACKED,),
    "check": (ExitStatus.NOT_TRACKED, ExitStatus.LOOK_AT_IT),
}


def statuses_of(command: str) -> list[ExitStatus]:
    """The exit statuses of a command, in the order of their numbers.

    Examples
    --------
    >>> [int(status) for status in statuses_of("run")]
    [0, 1, 2, 3, 130, 143]
    """
    return sorted((*_OF_ALL, *_FURTHER.get(command, ())))
