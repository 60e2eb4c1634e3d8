"""A time limit for the fit of one contender.

Python cannot end arbitrary code from outside. The function runs in a thread of its own; when the time is
over, an exception is raised in it, which ends Python code at its next instruction and compiled code when it
returns to Python. The caller does not wait for that. Until then the thread still uses the processor, so later
contenders may be slower; a call that never returns from compiled code ends only with the process.
"""

from __future__ import annotations

import contextvars
import ctypes
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from clvml.errors import FitError, InputError

T = TypeVar("T")


def check_seconds(seconds: float | None) -> None:
    """Raise unless the limit is None or positive.

    Raises
    ------
    InputError
        If it is not.
    """
    if seconds is not None and not seconds > 0:
        raise InputError(f"max_seconds is {seconds!r}; it must be above 0, or None for no limit.")


class TimeLimitExceeded(BaseException):
    """Raised in the thread of a function whose time is over; not an Exception, so that none catches it."""


def run_within(seconds: float | None, function: Callable[[], T]) -> T:
    """The result of a function, unless it takes longer.

    Parameters
    ----------
    seconds : float or None
        None for no limit; the function then runs in the calling thread.
    function : callable
        Without arguments.

    Raises
    ------
    FitError
        If the time is over.

    Examples
    --------
    >>> run_within(5.0, "a".upper)
    'A'
    """
    if seconds is None:
        return function()
    outcome: dict[str, Any] = {}
    context = contextvars.copy_context()

    def work() -> None:
        try:
            outcome["result"] = context.run(function)
        except BaseException as error:  # passed on to the caller below
            outcome["error"] = error

    thread = threading.Thread(target=work, name="clvml-contender", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(TimeLimitExceeded)
        )
        raise FitError(f"it took longer than max_seconds = {seconds:g}.")
    if "error" in outcome:
        raise outcome["error"]
    result: T = outcome["result"]
    return result
