"""Discounted sums as weighted sums of expectations.

Discounting the increments of ``e`` at the end of each period is, by Abel summation, a sum over
``e`` itself: ``d**H * e(H) + sum over h < H of (d**h - d**(h+1)) * e(h)``, ``d = 1/(1 + rate)``. Continuous
discounting replaces the sum by an integral.

``e`` is smooth in ``log(h)``. So the first periods are summed one by one, and those of each
doubling after them by 12 Chebyshev points: a thousand years in weeks need 250 ends.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clvml.distributions._chebyshev import POINTS, TO_COEFFICIENTS, polynomials

Array = NDArray[np.float64]

_EACH = 64  # periods that are summed one by one
_COUNTLESS = 1 << 20  # periods from which the sum is replaced by an integral
_FORGOTTEN = 60.0  # e**-60: later purchases are negligible
_BEGINNING = 40  # halvings of the horizon: earlier purchases are negligible
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(12)


def discounted_ends(horizon: float, rate: float, period: float = 1.0) -> tuple[Array, Array]:
    """Ends of periods and weights ``w``, so that ``sum(w * e(end))`` is a discounted sum.

    ``rate`` is that of one unit of time; periods of 0 discount continuously. A horizon that is not a
    whole number of periods ends in a shorter one.

    Examples
    --------
    >>> discounted_ends(2.5, 0.0)
    (array([2.5]), array([1.]))
    >>> discounted_ends(2.5, 0.1)[0]
    array([2.5, 1. , 2. ])
    """
    delta = np.log1p(rate)
    if delta == 0:
        return np.array([horizon]), np.ones(1)
    if period == 0:
        return _continuous_ends(horizon, delta)
    horizon = min(horizon, period * (np.ceil(_FORGOTTEN / (delta * period)) + 1))
    parts = [(np.array([horizon]), np.exp([-delta * horizon]))]
    whole = int(np.ceil(horizon / period)) - 1  # periods before the last, which may be shorter
    first = 1
    while first <= whole:
        # The last whole period is separate, as the one that follows may be shorter.
        last = min(max(2 * (first - 1), _EACH), max(whole - 1, first))
        parts.append(_periods(first, last, period, delta, horizon))
        first = last + 1
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def infinite_horizon_ends(rate: float) -> tuple[Array, Array]:
    """Ends and weights of an infinite horizon, discounted continuously at ``delta = log(1 + rate)``.

    Integrated by parts it is ``integral of exp(-u) * e(u / delta) du``, by the trapezoidal rule in
    ``log(u)``, whose error falls like ``exp(-pi**2 / step)``.
    """
    u = np.exp(np.arange(np.log(1e-10), np.log(_FORGOTTEN), 0.3))
    return u / np.log1p(rate), 0.3 * u * np.exp(-u)


def _continuous_ends(horizon: float, delta: float) -> tuple[Array, Array]:
    """As `infinite_horizon_ends` up to the horizon, by Gauss-Legendre in ``log(u)``, with the horizon."""
    horizon = min(horizon, _FORGOTTEN / delta)
    quarters = np.log(delta * horizon) - np.log(4) * np.arange(_BEGINNING // 2)
    log_u = (quarters[:, None] + np.log(4) * (_NODES - 1) / 2).ravel()
    u = np.exp(log_u)
    weights = np.tile(_NODE_WEIGHTS * np.log(4) / 2, quarters.size) * u * np.exp(-u)
    return np.append(u / delta, horizon), np.append(weights, np.exp(-delta * horizon))


def _periods(first: int, last: int, period: float, delta: float, horizon: float) -> tuple[Array, Array]:
    """Ends of whole periods ``first`` to ``last``, and differences of successive discount factors."""
    if first > _COUNTLESS and last > first:  # their sum is the integral from half a period before, to 1e-13
        low, high = np.log(first - 0.5), np.log(last + 0.5)
        numbers = np.exp((low + high) / 2 + (high - low) / 2 * _NODES)
        density = _NODE_WEIGHTS * (high - low) / 2 * numbers
        return period * numbers, -np.expm1(-delta * period) * np.exp(-delta * period * numbers) * density
    ends = period * np.arange(first, last + 1.0)
    after = np.minimum(ends + period, horizon)
    weights = -np.exp(-delta * ends) * np.expm1(-delta * (after - ends))
    return (ends, weights) if first <= _EACH else _at_chebyshev_points(ends, weights, period * (first - 1))


def _at_chebyshev_points(ends: Array, weights: Array, start: float) -> tuple[Array, Array]:
    """A small set of ends and weights equivalent to these for smooth functions."""
    if ends.size <= POINTS.size:
        return ends, weights
    low, half = np.log(start), np.log(2) / 2 * (1 + 1e-12)  # ends lie in (start, 2 * start]
    moments = polynomials((np.log(ends) - low) / half - 1) @ weights
    return np.exp(low + half * (1 + POINTS)), moments @ TO_COEFFICIENTS
