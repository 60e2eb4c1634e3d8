"""Operational time: a clock that runs at the calendar's speed.

If the purchase rate of a customer on day ``d`` is ``lambda * s(d)``, with the same ``s`` for all customers,
purchases are those of a constant rate ``lambda`` in operational time ``A(t)``, the integral of ``s``. So a
model of constant rates is exact in operational time, closed forms included: recency, ``T`` and horizon are
converted, and nothing else changes.

``s`` is constant within a day. Times are days since 1970-01-01, as floats.

Cox, Lewis (1966), The Statistical Analysis of Series of Events, chapter 2.2: transformation of the time scale
of a Poisson process with a time-dependent rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OperationalClock:
    """Operational time of dates; outside of its days it runs at speed 1.

    Attributes
    ----------
    first : int
        The first day.
    speed : ndarray, shape (n_days,)
        The speed on each day from the first on, positive.
    """

    first: int
    speed: Array

    @cached_property
    def _edges(self) -> Array:
        return self.first + np.arange(self.speed.size + 1.0)

    @cached_property
    def _elapsed(self) -> Array:
        return np.concatenate([[0.0], np.cumsum(self.speed)])

    def at(self, time: Array) -> Array:
        """Operational days from the start of the first day until ``time``."""
        time = np.asarray(time, dtype=float)
        inside = np.interp(time, self._edges, self._elapsed)
        return inside + np.minimum(time - self._edges[0], 0.0) + np.maximum(time - self._edges[-1], 0.0)

    def time_of(self, elapsed: Array) -> Array:
        """The inverse of `at`."""
        elapsed = np.asarray(elapsed, dtype=float)
        inside = np.interp(elapsed, self._elapsed, self._edges)
        return inside + np.minimum(elapsed, 0.0) + np.maximum(elapsed - self._elapsed[-1], 0.0)

    def days_of(self, start: Array, stop: Array, weight: Array) -> Array:
        """The sum of ``weight`` times the part of each day between ``start`` and ``stop``, by day.

        The adjoint of `at`: the derivative of ``sum(weight * (at(stop) - at(start)))`` in the speeds.
        """
        return self._until(stop, weight) - self._until(start, weight)

    def _until(self, time: Array, weight: Array) -> Array:
        position = np.clip(time - self.first, 0.0, float(self.speed.size))
        day = np.minimum(position.astype(np.int64), self.speed.size - 1)
        n = self.speed.size
        parts = np.bincount(day, weight * (position - day), minlength=n)
        whole = np.bincount(day, weight, minlength=n)
        later: Array = whole[::-1].cumsum()[::-1] - whole
        return parts + later
