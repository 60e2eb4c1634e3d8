"""Results of pure functions of large arrays, kept within a block for the next call with the same content.

A run asks for some of them again and again: P(alive) for each horizon, sums of trees for each discount rate,
the fit of a structure for each contender that has it. Outside of such a block everything is computed.
"""

from __future__ import annotations

import copy
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

R = TypeVar("R")
Argument = NDArray[np.generic] | float | str | None

MANY = 10_000  # elements of the largest array, below which computing costs less than it is worth
MOST_BYTES = 2**26  # of the results kept: eight numbers for each of a million customers


class _Results:
    """The last results by the content of their arguments; those used longest ago are dropped first."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, object] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: bytes) -> object:
        """The result, None if there is none."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
            return self._known.get(key)

    def put(self, key: bytes, result: object) -> None:
        with self._lock:
            self._bytes += _size(result) - _size(self._known.pop(key, None))
            self._known[key] = result
            while self._bytes > MOST_BYTES:
                self._bytes -= _size(self._known.popitem(last=False)[1])


_results: ContextVar[_Results | None] = ContextVar("clvml_results", default=None)


@contextmanager
def remembering() -> Iterator[None]:
    """A block in which `remembered` computes nothing twice; its results are dropped at the end of it."""
    token = _results.set(_Results())
    try:
        yield
    finally:
        _results.reset(token)


def remembered(compute: Callable[[], R], name: str, *arguments: Argument) -> R:
    """The result of a function, which is not computed again in a `remembering` block.

    The content of the arguments decides, not the objects: arrays that were changed in place are others. Each
    caller gets a copy.

    Parameters
    ----------
    compute : callable
        Gives the result, which is not None.
    name : str
        Of the function.
    arguments : ndarray, float, str or None
        All that the result depends on.

    Examples
    --------
    >>> import numpy as np
    >>> numbers = np.arange(20_000)
    >>> with remembering():
    ...     first = remembered(numbers.sum, "sum", numbers)
    ...     again = remembered(lambda: "not called", "sum", numbers.copy())
    >>> first == again
    np.True_
    """
    results = _results.get()
    sizes = [each.size for each in arguments if isinstance(each, np.ndarray)]
    if results is None or max(sizes, default=0) < MANY:
        return compute()
    key = _digest(name, *arguments)
    known = results.get(key)
    if known is None:
        known = compute()
        results.put(key, known)
    found: R = copy.copy(known)  # type: ignore[assignment]
    return found


def _digest(*arguments: Argument) -> bytes:
    """A key of the content: of arrays their type, shape and bytes, of numbers and text how they are written.

    Raises
    ------
    TypeError
        If an argument is another object, whose content is unknown.
    """
    hashed = hashlib.blake2b(digest_size=20)
    for each in arguments:
        if isinstance(each, np.ndarray):
            hashed.update(f"{each.dtype}{each.shape}".encode())
            hashed.update(np.ascontiguousarray(each).data.cast("B"))
        elif each is None or isinstance(each, float | int | str):
            hashed.update(f"{each!r};".encode())
        else:
            raise TypeError(f"{type(each).__name__} has no content that can be compared.")
    return hashed.digest()


def _size(result: object) -> int:
    return int(getattr(result, "nbytes", 0))
