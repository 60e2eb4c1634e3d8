"""One thread for boosting: trees this small gain nothing from more, which wait for one another."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

P = ParamSpec("P")
R = TypeVar("R")


def one_openmp_thread(function: Callable[P, R]) -> Callable[P, R]:
    """The function run with one OpenMP thread; on two busy cores boosting took ten times the CPU time."""

    @functools.wraps(function)
    def alone(*args: P.args, **kwargs: P.kwargs) -> R:
        with threadpool_limits(1, user_api="openmp"):
            return function(*args, **kwargs)

    return alone
