"""Monte Carlo simulation of future purchases of customers whose rates change over time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvml.distributions._covariate_paths import Array, PathHistory

Rows = NDArray[np.int64]
_ROWS = 16_384  # simulated customers at once


class PathSimulator:
    """Simulates future purchases; see `PurchaseSimulator`.

    Parameters
    ----------
    of_draw : callable
        Of a draw of the parameters and a horizon: the histories, P(alive), the multiples of the purchase and
        of the dropout rate in each cell, and the parameters.
    continuous_dropout : bool
        Whether dropout is a process in time (Pareto/NBD) rather than at purchases (BG/NBD).
    """

    def __init__(
        self,
        of_draw: Callable[[Array, float], tuple[PathHistory, Array, Array, Array, Any]],
        *,
        continuous_dropout: bool,
    ) -> None:
        self._of_draw = of_draw
        self._continuous = continuous_dropout

    def __call__(
        self, draw: Array, n_simulations: int, horizon: float, rng: np.random.Generator
    ) -> tuple[Rows, Array]:
        """As `PurchaseSimulator`: row of each purchase, ascending, and its time after observation."""
        history, alive, speed, hazard, params = self._of_draw(draw, horizon)
        here = np.flatnonzero(rng.random(n_simulations * alive.size) < np.tile(alive, n_simulations))
        rows, times = [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
        for start in range(0, here.size, _ROWS):
            part = here[start : start + _ROWS]
            row, time = self._block(history, speed, hazard, params, part % alive.size, horizon, rng)
            rows.append(part[row])
            times.append(time)
        return np.concatenate(rows), np.concatenate(times)

    def _block(
        self,
        history: PathHistory,
        speed: Array,
        hazard: Array,
        params: Any,
        who: Rows,
        horizon: float,
        rng: np.random.Generator,
    ) -> tuple[Rows, Array]:
        here = history.rows(who)
        seen, ahead = here.before + here.after, here.overlap(here.end, here.end + horizon)
        clock, time = np.cumsum(speed[who] * ahead, axis=1), np.cumsum(ahead, axis=1)
        rate = rng.gamma(params.r + here.x) / (params.alpha + (speed[who] * seen).sum(axis=1))
        if self._continuous:
            last = _at(time, clock, self._survived(hazard[who], seen, ahead, params, rng))
            most = np.full(who.size, np.iinfo(np.int64).max)
        else:
            last = clock[:, -1]
            p = rng.beta(params.a * hazard[who, 0], params.b + here.x)
            most = rng.geometric(np.maximum(p, 1e-15))
        row, moment = _arrivals(rate, last, most, rng)
        return row, _at(clock[row], time[row], moment)

    @staticmethod
    def _survived(hazard: Array, seen: Array, ahead: Array, params: Any, rng: np.random.Generator) -> Array:
        """Time until dropout or the horizon."""
        rate = rng.gamma(params.s, size=hazard.shape[0]) / (params.beta + (hazard * seen).sum(axis=1))
        with np.errstate(divide="ignore", over="ignore"):
            wait = rng.exponential(size=rate.size) / rate
        clock = np.cumsum(hazard * ahead, axis=1)
        return _at(clock, np.cumsum(ahead, axis=1), np.minimum(wait, clock[:, -1]))


def _arrivals(rate: Array, length: Array, most: Rows, rng: np.random.Generator) -> tuple[Rows, Array]:
    """Poisson arrivals in ``length``, at most the first ``most`` of each row; rows and times, ascending."""
    number = rng.poisson(rate * length)
    row = np.repeat(np.arange(rate.size), number)
    moment = rng.random(row.size) * length[row]
    order = np.lexsort((moment, row))
    place = np.arange(row.size) - np.repeat(np.cumsum(number) - number, number)
    kept = place < most[row]
    return row[kept], moment[order][kept]


def _at(known: Array, wanted: Array, value: Array) -> Array:
    """Of each row: piecewise linear interpolation of ``wanted`` where ``known`` is ``value``, from (0, 0)."""
    rows = np.arange(value.size)
    k = np.minimum((known < value[:, None]).sum(axis=1), known.shape[1] - 1)
    before = np.maximum(k - 1, 0)
    x0, y0 = (np.where(k > 0, each[rows, before], 0.0) for each in (known, wanted))
    rise = known[rows, k] - x0
    share = np.divide(value - x0, rise, out=np.zeros_like(value), where=rise > 0)
    return np.asarray(y0 + np.clip(share, 0.0, 1.0) * (wanted[rows, k] - y0))
