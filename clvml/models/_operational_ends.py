"""Ends and weights of discounted sums, where expectations follow a calendar.

Money is discounted in calendar time, and purchases are expected in operational time. For a smooth function
of time `clvml.distributions._discounting` needs few ends; the season makes expectations rise and fall, so
for the first years each period, or each change of the season, has its own end. The later years are those
of an average season, whose sum over whole years is the same up to the change of the discount factor within a
year times the curvature of the expectation.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from clvml.distributions._discounting import Array, discounted_ends, infinite_horizon_ends

_EACH = 1040  # periods of their own: twenty years in weeks
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(4)
_PANELS = 120  # of continuous discounting, with four ends each
_LONGEST_PANEL = 1 / 12  # year

Clock = Callable[[Array], Array]  # calendar time after the end of observation, to operational time


def operational_ends(
    horizon: float | None, rate: float, period: float, clock: Clock, average: Clock, year: float, changes: int
) -> tuple[Array, Array]:
    """Operational ends and weights ``w``, so that ``sum(w * e(end))`` is a discounted sum.

    Parameters
    ----------
    horizon : float or None
        In time units; None is an infinite horizon, discounted continuously.
    rate, period : float
        As in `discounted_ends`.
    clock, average : callable
        Operational time of the calendar, and of a calendar with the same mean without season.
    year : float
        Length of a year in time units.
    changes : int
        How often the season changes in a year.
    """
    delta = float(np.log1p(rate))
    if horizon is not None and delta == 0:
        return clock(np.array([horizon])), np.ones(1)
    smooth = infinite_horizon_ends(rate) if horizon is None else discounted_ends(horizon, rate, period)
    continuous = horizon is None or period == 0
    each = _panels(horizon, delta, year, changes) if continuous else _periods(horizon, delta, period)
    if horizon is not None and each[0].max() >= horizon:
        return clock(each[0]), each[1]
    ends = np.concatenate([average(smooth[0]), clock(each[0]), average(each[0])])
    return ends, np.concatenate([smooth[1], each[1], -each[1]])


def _periods(horizon: float | None, delta: float, period: float) -> tuple[Array, Array]:
    """The ends of the first periods, discounted, and of the horizon if it is among them."""
    assert horizon is not None
    n = int(np.ceil(horizon / period))
    ends = np.minimum(period * np.arange(1.0, min(n, _EACH) + 1), horizon)
    factors = np.exp(-delta * ends)
    weights = factors - np.append(factors[1:], 0.0 if n <= _EACH else np.exp(-delta * (ends[-1] + period)))
    return ends, weights


def _panels(horizon: float | None, delta: float, year: float, changes: int) -> tuple[Array, Array]:
    """Nodes of ``integral of delta * exp(-delta * t) * e(t)`` over the first years."""
    panel = year * min(_LONGEST_PANEL, 1 / max(changes, 1))
    length = _PANELS * panel if horizon is None else min(horizon, _PANELS * panel)
    n = int(np.ceil(length / panel))
    edges = np.linspace(0.0, length, n + 1)
    half = np.diff(edges)[:, None] / 2
    ends = ((edges[:-1] + edges[1:])[:, None] / 2 + half * _NODES).ravel()
    weights = (half * _NODE_WEIGHTS).ravel() * delta * np.exp(-delta * ends)
    if horizon is not None and length >= horizon:
        return np.append(ends, horizon), np.append(weights, np.exp(-delta * horizon))
    return ends, weights
