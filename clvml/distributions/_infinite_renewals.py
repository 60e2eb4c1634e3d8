"""The expected number of renewals of the beta-discrete-Weibull model over an infinite horizon.

The sum over ``k = 1, 2, ...`` of ``S(T+k) / S(T)``, beyond the first million of terms. It is an integral from
half a renewal after the last of these, in ``v = ln((T+k)**c)``, where the logarithm of the integrand
is concave: it is integrated where it is not negligible, and beyond ``_STRAIGHT`` it is exponential.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from clvml.distributions._gamma_ratios import log_beta_fall

Array = NDArray[np.float64]

SUMMED = float(1 << 20)  # renewals before the sum is replaced by an integral
_LARGEST_LOG = 330.0  # of an exposure
_STRAIGHT = 45.0  # logarithm of the exposure, over that of the parameters, from which survival is a power
_NEGLIGIBLE = 45.0  # e**-45 of the largest value
_PANELS = 24
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(16)


def expected_beyond(T: Array, alpha: Array, beta: Array, c: Array) -> Array:
    """The expected renewals after ``T + SUMMED``; infinite where ``alpha * c`` is 1 or less."""
    total = np.full(T.size, np.inf)
    for row in np.flatnonzero(alpha * c > 1):
        total[row] = _one(float(T[row]), float(alpha[row]), float(beta[row]), float(c[row]))
    return total


def _one(T: float, alpha: float, beta: float, c: float) -> float:
    log_T = c * np.log(T) if T > 0 else -np.inf
    first = float(np.exp(min(log_T, _LARGEST_LOG)))

    def log_term(v: Array) -> Array:
        """At ``(T + k)**c = exp(v)``; exposures above the largest are continued by a power."""
        seen = np.minimum(v, _LARGEST_LOG)
        more = np.exp(seen) * -np.expm1(np.minimum(log_T - seen, 0.0))
        return v / c - np.log(c) - log_beta_fall(beta + first, alpha, more) - alpha * (v - seen)

    start = c * np.log(T + SUMMED + 0.5)
    straight = max(start, 2 * np.log(1 + alpha + beta + first) + _STRAIGHT)
    with np.errstate(over="ignore"):
        tail = np.exp(log_term(np.array([straight]))[0]) / (alpha - 1 / c)
        return float(_integral(log_term, *_relevant(log_term, start, straight)) + tail)


def _relevant(log_term: Callable[[Array], Array], low: float, high: float) -> tuple[float, float]:
    """Where between ``low`` and ``high`` a log-concave function is not negligible."""
    grid = np.linspace(low, high, 4097)
    log = log_term(grid)
    near = np.flatnonzero(log > log.max() - _NEGLIGIBLE)
    return float(grid[max(near[0] - 1, 0)]), float(grid[min(near[-1] + 1, grid.size - 1)])


def _integral(log_term: Callable[[Array], Array], low: float, high: float) -> float:
    edges = np.linspace(low, high, _PANELS + 1)
    half = (high - low) / _PANELS / 2
    v = (edges[:-1, None] + half * (1 + _NODES)).ravel()
    with np.errstate(over="ignore"):
        return float(np.exp(log_term(v)) @ np.tile(half * _NODE_WEIGHTS, _PANELS))
