"""Observers of comparisons: they are given each one that is made, as `clvml.autolog` is.

A comparison inside of another, as at each origin of a backtest, is not announced.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
Observer = Callable[[Any], None]

_observers: dict[str, Observer] = {}
_inside: ContextVar[bool] = ContextVar("inside_a_comparison", default=False)


def observe(name: str, observer: Observer) -> None:
    """Register an observer by name; an earlier one of this name is replaced."""
    _observers[name] = observer


def stop_observing(name: str) -> None:
    """Remove an observer, if there is one of this name."""
    _observers.pop(name, None)


def announced(function: Callable[P, R]) -> Callable[P, R]:
    """A function whose results are given to the observers."""

    @functools.wraps(function)
    def announcing(*args: P.args, **kwargs: P.kwargs) -> R:
        with unannounced():
            found = function(*args, **kwargs)
        if not _inside.get():
            for observer in tuple(_observers.values()):
                observer(found)
        return found

    return announcing


@contextmanager
def unannounced() -> Iterator[None]:
    """Announce no result within the block."""
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)
