"""Predictions for BG/CNBD-k customers who are alive, given their events since the first purchase.

A customer alive has made ``n`` events, ``n // k`` of them repeat purchases: their event rate is
``Gamma(r + n, seen)``, their dropout probability ``Beta(a, b + n // k)``. The expectations of
`clvml.distributions._erlang_sums` are functions of ``n`` and of ``z = t / seen``, smooth in ``log(z)``. So
they are Chebyshev series in panels of fixed width: a customer's value does not depend on the other customers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from clvml.distributions._bgnbd_future import PANEL, clenshaw, over_dropout, survival_of_count
from clvml.distributions._chebyshev import POINTS, to_coefficients
from clvml.distributions._erlang_sums import (
    at_least,
    average_purchases,
    average_survival,
    log_exactly,
)
from clvml.distributions._gamma_ratios import log_beta_fall, log_binomial
from clvml.distributions._histories import group_rows
from clvml.distributions._simulation import numbers_of_purchases, row_of_each, waits

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
Smooth = Callable[[Array, Array], Array]  # of n, shape (g,), and of points, shape (g, n_points)

_SMALLEST = 1e-140
_POINTS = 1 << 20  # values at once


def purchases(
    n: Array, seen: Array, ends: Array, weights: Array, k: int, r: float, a: float | Array, b: float | Array
) -> Array:
    """Weighted sum over ``ends`` of the expected purchases until then."""

    def of_common_a(rows: Rows, a: float, b: float) -> Array:
        average = partial(average_purchases, k=k, r=r, a=a, b=b)
        if ends.size == 1:
            return weights[0] * _along_log(average, n[rows], ends[0] / seen[rows], k)
        return _along_log(partial(_discounted, average, ends, weights, k), n[rows], seen[rows], k)

    return _over_dropout(of_common_a, n.size, a, b)


def survival(n: Array, seen: Array, t: float, k: int, r: float, a: float | Array, b: float | Array) -> Array:
    """The probability of being alive after another ``t``."""

    def of_common_a(rows: Rows, a: float, b: float) -> Array:
        return _along_log(partial(_log_survival, k=k, r=r, a=a, b=b), n[rows], t / seen[rows], k)

    return np.exp(np.minimum(_over_dropout(of_common_a, n.size, a, b), 0.0))


def _log_survival(n: Array, z: Array, k: int, r: float, a: float, b: float) -> Array:
    """Logarithm of P(alive at ``z``), which may fall by hundreds of orders of magnitude in a panel."""
    return np.log(np.maximum(average_survival(n, z, k, r, a, b), np.finfo(float).tiny))


def _over_dropout(
    of_common_a: Callable[[Rows, float, float], Array], size: int, a: float | Array, b: float | Array
) -> Array:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return over_dropout(of_common_a, size, a, b)
    return of_common_a(np.arange(size), a, b)


def _along_log(smooth: Smooth, n: Array, at: Array, k: int) -> Array:
    """``smooth(n, at)`` of each row, interpolated in the logarithm of ``at``.

    Panels are the narrower, the larger ``k``: regular purchases are a staircase in time, if a blurred one.
    """
    width = PANEL * min(1.0, 2 / k)
    place = np.log(np.maximum(at, _SMALLEST)) / width
    panel = np.floor(place)
    one, row = group_rows(n, panel)
    points = np.exp(width * (panel[one, None] + (1 + POINTS) / 2))
    table = to_coefficients(smooth(n[one], points)).T.copy()
    return clenshaw(table, row, 2 * (place - panel) - 1)


def _discounted(average: Smooth, ends: Array, weights: Array, k: int, n: Array, seen: Array) -> Array:
    """Weighted sums over ``ends`` for each ``seen``, shape (g, n_points)."""
    sums, step = np.empty(seen.shape), max(1, _POINTS // (ends.size * seen.shape[1]))
    for start in range(0, n.size, step):
        rows = slice(start, start + step)
        z = ends / seen[rows][:, :, None]
        each = np.broadcast_to(n[rows][:, None, None], z.shape)
        values = _along_log(average, each.ravel(), z.ravel(), k).reshape(z.shape)
        sums[rows] = (values * weights).sum(axis=2)
    return sums


def count_probability(
    number: Array, t: float, n: Array, seen: Array, k: int, r: float, a: float | Array, b: float | Array
) -> Array:
    """The probability of exactly ``number`` purchases in ``t``.

    The customer survives all of them, or drops out at the last when at least as many would have occurred.
    """
    z, R, m, B = t / seen, r + n, n % k, b + n // k
    bought = np.maximum(number, 1)
    exactly = np.exp(log_exactly(number, m, k, R, z) - log_beta_fall(B, a, number))
    i = np.maximum(bought * k - m, 1)
    reached = survival_of_count(i, R, t, seen, np.log(R / (i + R)) + log_binomial(i, R, t, seen))
    drops_out = np.exp(-log_beta_fall(B, a, bought)) * a / (B + bought - 1)
    return exactly + np.where(number > 0, drops_out * reached, 0.0)


def any_purchase_probability(n: Array, seen: Array, t: float | Array, k: int, r: float) -> Array:
    """The probability of a purchase in ``t``: of the events that are left until the next one."""
    return at_least(k - n % k, r + n, t / seen)


def simulate(
    n: Array,
    seen: Array,
    horizon: float,
    k: int,
    r: float,
    a: float | Array,
    b: float | Array,
    rng: np.random.Generator,
) -> tuple[Rows, Array]:
    """Simulate the purchases of each customer up to ``horizon``: ascending row numbers, and times.

    The number of events is Poisson, and given their number their times are uniform, so that those of
    purchases are partial sums of waiting times over their total.
    """
    with np.errstate(over="ignore"):
        events = numbers_of_purchases(rng.standard_gamma(r + n) * (horizon / seen), rng)
    would = (events + n.astype(np.int64) % k) // k
    buyers = np.flatnonzero(would > 0)
    own = np.broadcast_to(a, n.shape)[buyers]
    dropout = np.maximum(rng.beta(own, (b + n // k)[buyers]), np.finfo(float).tiny)
    number = np.minimum(rng.geometric(dropout), would[buyers])
    row = buyers[row_of_each(number)]
    last = np.cumsum(number) - 1
    first = np.concatenate([[0], last[:-1] + 1]) if buyers.size else np.zeros(0, dtype=np.int64)
    needed = np.full(row.size, float(k))
    needed[first] -= n[buyers] % k
    clock = np.cumsum(waits(rng, needed, row.size))
    start = np.concatenate([[0.0], clock[last[:-1]]]) if buyers.size else np.zeros(0)
    spent = number * k - (n[buyers] % k)
    total = clock[last] - start + rng.standard_gamma(events[buyers] - spent + 1.0)
    return row, (clock - np.repeat(start, number)) / np.repeat(total, number) * horizon
