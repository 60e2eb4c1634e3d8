"""Limit BLAS to one thread for many small products.

Threads busy-wait for each other: on two busy cores a fit took ten times the CPU time.
"""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager
from typing import Any

from threadpoolctl import ThreadpoolController


@functools.cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[Any]:
    """A context in which BLAS uses one thread."""
    return _libraries().limit(limits=1, user_api="blas")
