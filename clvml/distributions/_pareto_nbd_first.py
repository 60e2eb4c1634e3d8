"""The first purchase of customers alive in the Pareto/NBD model: its probability, and the time by which.

With ``R = r + x``, ``seen = alpha + T`` and ``lived = beta + T``, the probability of a purchase within ``t``
is ::

    F(t) = integral over y from 0 to t of R / (seen + y) * (1 + y/seen)**-R * (1 + y/lived)**-s

In ``v = log1p(y / m)``, ``m`` the shorter of ``seen`` and ``lived``, the singularities of the integrand are
pi away, so that Gauss-Legendre quadrature with one rule is accurate to 1e-15 where neither exponent is large
over the range. Elsewhere, as for heavy buyers over long times, the rules of `clvml.distributions.pareto_nbd`
look for the relevant part first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvml.distributions._history import params_of_rows
from clvml.distributions._pareto_nbd_tails import panels

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

_BLOCK = 1024  # rows at once, so that nodes stay in cache
_LONG = (2.0, 20.0, panels(1, 32))  # largest width in v, largest exponent over it, and a rule that suffices
_SHORT = (0.25, 2.5, panels(1, 12))
_STEPS = 8
_MOST = 0.99  # probability from which a purchase without dropout is too close to certain for the search
_LARGEST_LOG = 700.0  # before exp overflows
_CLOSE = 8 * np.finfo(float).eps


class FirstPurchase(NamedTuple):
    """Customers alive: the shape and rate of their purchase rate, and those of their dropout rate."""

    R: Array
    seen: Array
    s: Array
    lived: Array

    def of(self, rows: Rows | slice) -> FirstPurchase:
        """Some of the customers."""
        found: FirstPurchase = params_of_rows(self, rows)
        return found

    def smooth(self, start: Array, end: Array, rule: tuple[float, float, object]) -> NDArray[np.bool_]:
        """Whether a rule suffices between two times ``v``."""
        wide, steep, _ = rule
        width = end - start
        return (width <= wide) & (width * (self.R + self.s + 1) <= steep)

    def between(self, start: Array, end: Array, rule: tuple[float, float, tuple[Array, Array]]) -> Array:
        """The probability of the first purchase between two times ``v``."""
        R, seen, s, lived = self
        points, weights = rule[2]
        first = seen <= lived
        own, other = np.where(first, R, s - 1), np.where(first, s, R + 1)
        share = np.where(first, seen / lived, lived / seen)
        v = start[:, None] + (end - start)[:, None] * points
        density = own[:, None] * v
        np.expm1(v, out=v)
        v *= share[:, None]
        density += other[:, None] * np.log1p(v, out=v)
        np.exp(np.negative(density, out=density), out=density)
        return np.asarray(np.where(first, R, R * share) * (end - start) * (density @ weights))


def probability_within(first: FirstPurchase, time: Array, otherwise: Callable[[Rows], Array]) -> Array:
    """The probability of a purchase within a time of each customer; ``otherwise`` where no rule suffices."""
    value = np.empty(time.size)
    end = np.log1p(time / np.minimum(first.seen, first.lived))
    smooth = first.smooth(np.zeros(1), end, _LONG)
    rest, rows = np.flatnonzero(~smooth), np.flatnonzero(smooth)
    for start in range(0, rows.size, _BLOCK):
        block = rows[start : start + _BLOCK]
        value[block] = first.of(block).between(np.zeros(block.size), end[block], _LONG)
    if rest.size:
        value[rest] = otherwise(rest)
    return np.minimum(value, 1.0)


def time_until(first: FirstPurchase, probability: Array) -> Array:
    """The time by which the probability of a purchase reaches a given one; NaN where the search fails.

    Newton's method in ``q = 1 - (1 + t/seen)**-R``, the probability without dropout: in it ``F`` is concave
    with the slope ``(1 + t/lived)**-s``, so that the steps from ``q = probability`` approach the root from
    below. Each step integrates on from the last one.
    """
    found = np.full(probability.size, np.nan)
    rows = np.flatnonzero(probability < _MOST)
    for start in range(0, rows.size, _BLOCK):
        block = rows[start : start + _BLOCK]
        found[block] = _searched(first.of(block), probability[block])
    return found


def _searched(first: FirstPurchase, probability: Array) -> Array:
    """As `time_until`, for a block of customers."""
    unit, found = np.minimum(first.seen, first.lived), np.full(probability.size, np.nan)
    left, here = np.arange(probability.size), first
    q, at, reached = probability.copy(), np.zeros(left.size), np.zeros(left.size)
    for _ in range(_STEPS):
        time = here.seen * np.expm1(-np.log1p(-q) / here.R)
        v = np.log1p(time / unit[left])
        more, known = _on(here, at, v)
        reached = reached + more
        missing = probability[left] - reached
        log_alive = here.s * np.log1p(time / here.lived)
        step = missing * np.exp(np.minimum(log_alive, _LARGEST_LOG))
        near = np.abs(step) <= _CLOSE * q
        found[left[near]] = time[near]
        q, at = q + step, v
        kept = np.flatnonzero(~near & known & (q < 1) & np.isfinite(q))
        left, here = left[kept], here.of(kept)
        q, at, reached = q[kept], at[kept], reached[kept]
        if not left.size:
            break
    return found


def _on(first: FirstPurchase, start: Array, end: Array) -> tuple[Array, NDArray[np.bool_]]:
    """The probability between two times, and for whom a rule suffices."""
    value, known = np.full(start.size, np.nan), np.zeros(start.size, dtype=bool)
    for rule in (_SHORT, _LONG):
        rows = np.flatnonzero(~known & first.smooth(start, end, rule))
        value[rows] = first.of(rows).between(start[rows], end[rows], rule)
        known[rows] = True
    return value, known
