"""Exact quantiles of the number of future purchases, averaged over draws of the parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvml.distributions._chebyshev import DEGREE, POINTS, TO_COEFFICIENTS, polynomials
from clvml.distributions._histories import distinct_rows
from clvml.distributions._history import Array, History, alive_at, params_of_rows
from clvml.distributions._kernel import Kernel

Whole = NDArray[np.int64]

_PROBABILITIES = 200_000  # probabilities computed at once: customers times numbers of purchases
_CUSTOMERS = 1_048_576  # at once
_PANEL = 0.5  # width in log(scale + T), where the singularities are pi away or more
_MANY = 2 * DEGREE  # pairs in a panel from which interpolation is cheaper
_CONVERGED = 1e-12  # the last two coefficients of a series, relative to 1


def count_probability(kernel: Kernel, n: Array, horizon: float, history: History, params: Any) -> Array:
    """P(exactly ``n`` purchases in the next ``horizon``), for customers alive at ``T``."""
    if horizon == 0:
        return (n == 0).astype(float)
    return kernel.count_probability(n, horizon, history, params)


def customer_specific(params: Any) -> list[Array]:
    """The parameters that are customer-specific."""
    return [param for param in params if isinstance(param, np.ndarray)]


def count_quantiles(
    kernel: Kernel,
    levels: tuple[float, ...],
    horizon: float,
    history: History,
    draws: list[Any],
    scale: float | None = None,
) -> list[Whole]:
    """The smallest ``n`` with ``P(Y(horizon) <= n) >= level``, of each customer, for each level.

    ``draws`` are equally weighted draws of the customers' parameters. Customers who differ only in the time
    of the last purchase share the probabilities given alive, unless these depend on it. With a ``scale``, the
    smallest parameter in the unit of time of continuous-time models without covariates, these are
    interpolated in ``log(scale + T)`` where many customers have the same ``x``.
    """
    found = [np.zeros(history.size, dtype=np.int64) for _ in levels]
    for start in range(0, history.size, _CUSTOMERS):
        rows = slice(start, start + _CUSTOMERS)
        own = [params_of_rows(params, rows) for params in draws]
        part = _quantiles(kernel, levels, horizon, history.rows(rows), own, scale)
        for whole, quantile in zip(found, part, strict=True):
            whole[rows] = quantile
    return found


def _quantiles(
    kernel: Kernel,
    levels: tuple[float, ...],
    horizon: float,
    history: History,
    draws: list[Any],
    scale: float | None,
) -> list[Whole]:
    alive = _alive(kernel, history, draws)
    depends_on_recency = getattr(kernel, "depends_on_recency", False)
    last = (history.t_x,) if depends_on_recency else ()
    scale = None if depends_on_recency else scale
    pairs, pair = distinct_rows((history.x, history.T, *last, *customer_specific(draws[0])))
    chances = _Chances(kernel, horizon, history.rows(pairs), pairs, scale)
    pair = chances.place[pair]
    found = [np.zeros(history.size, dtype=np.int64) for _ in levels]
    below, rows, first, width = 1 - np.mean(alive, axis=0), np.arange(history.size), 0, 1
    while rows.size:
        needed, which = _present(pair[rows], chances.size)
        chance = np.zeros((rows.size, width))
        for here, params in zip(alive, draws, strict=True):
            each = chances.of(needed, first, width, params)
            chance += (here[rows] / len(draws))[:, None] * each[which]
        up_to = below[rows, None] + chance.cumsum(axis=1)
        for level, quantile in zip(levels, found, strict=True):
            quantile[rows] += (up_to < level).sum(axis=1)
        below[rows] = up_to[:, -1]
        rows, first = rows[below[rows] < max(levels)], first + width
        width = max(1, min(2 * width, _PROBABILITIES // max(rows.size, 1)))
    return found


def _alive(kernel: Kernel, history: History, draws: list[Any]) -> list[Array]:
    """P(alive) by draw; kernels may know a faster way for many customers."""
    if by_draw := getattr(kernel, "alive_by_draw", None):
        return list(by_draw(history, draws))
    return [kernel.probability_alive(history, params) for params in draws]


def _present(pair: Whole, n_pairs: int) -> tuple[Whole, Whole]:
    """The distinct pairs, ascending, and which of them each row has."""
    is_present = np.zeros(n_pairs, dtype=bool)
    is_present[pair] = True
    return np.flatnonzero(is_present), (np.cumsum(is_present) - 1)[pair]


class _Chances:
    """P(n purchases | alive) of distinct ``(x, T)``, interpolated in ``T`` within panels of many pairs.

    ``place`` is the position of each given pair here, where they are sorted by series.
    """

    def __init__(
        self, kernel: Kernel, horizon: float, pairs: History, rows: Whole, scale: float | None
    ) -> None:
        self._kernel, self._horizon, self.size = kernel, horizon, pairs.size
        series, order = np.zeros(pairs.size, dtype=np.int64), np.arange(pairs.size)
        self._n_exact = pairs.size
        if scale is not None:
            place = np.log1p(pairs.T / scale) / _PANEL
            panel = np.floor(place).astype(np.int64)
            series = pairs.x.astype(np.int64) * (int(panel.max()) + 1) + panel
            _, series, number = np.unique(series, return_inverse=True, return_counts=True)
            frequent = number >= _MANY
            series = np.where(frequent[series], np.cumsum(frequent)[series], 0)  # 0: exactly
            order = np.argsort(series, kind="stable")
            self._n_exact = int((series == 0).sum())
        self._pairs, self._rows, series = pairs.rows(order), rows[order], series[order]
        self.place = np.empty_like(order)
        self.place[order] = np.arange(order.size)
        if self._n_exact == self.size:
            return
        many = order[self._n_exact :]
        self._series = series[self._n_exact :] - 1
        self._basis = polynomials(2 * (place[many] - panel[many]) - 1)
        one = np.flatnonzero(np.diff(self._series, prepend=-1))
        self._x = pairs.x[many[one]]
        self._T = scale * np.expm1(_PANEL * (panel[many[one], None] + (1 + POINTS) / 2))

    def of(self, needed: Whole, first: int, width: int, params: Any) -> Array:
        """Of the pairs at these places, ascending: of ``width`` numbers from ``first``, (n, width)."""
        split = int(np.searchsorted(needed, self._n_exact))
        if split == needed.size:
            return self._exactly(needed, first, width, params)
        found = np.empty((needed.size, width))
        found[:split] = self._exactly(needed[:split], first, width, params)
        many = needed[split:] - self._n_exact
        starts = np.flatnonzero(np.diff(self._series[many], prepend=-1))
        used = self._series[many[starts]]
        coefficients, is_accurate = self._coefficients(used, first, width, params)
        ends = [*starts[1:].tolist(), many.size]
        for i, (start, end) in enumerate(zip(starts.tolist(), ends, strict=True)):
            here = slice(split + start, split + end)
            if is_accurate[i]:
                np.matmul(self._basis[:, many[start:end]].T, coefficients[i], out=found[here])
            else:
                found[here] = self._exactly(needed[here], first, width, params)
        return found

    def _exactly(self, places: Whole, first: int, width: int, params: Any) -> Array:
        own = params_of_rows(params, self._rows[places])
        return self._probabilities(self._pairs.rows(places), first, width, own)

    def _probabilities(self, history: History, first: int, width: int, params: Any) -> Array:
        together = getattr(self._kernel, "count_probabilities", None)
        if together is not None and self._horizon > 0:
            found: Array = together(first, width, self._horizon, history, params)
            return found
        numbers = np.tile(np.arange(first, first + width, dtype=float), history.size)
        at = np.repeat(np.arange(history.size), width)
        own = params_of_rows(params, at)
        each = count_probability(self._kernel, numbers, self._horizon, history.rows(at), own)
        return each.reshape(-1, width)

    def _coefficients(
        self, series: Whole, first: int, width: int, params: Any
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Chebyshev series (n_series, 12, width), and whether they have converged."""
        nodes = alive_at(np.repeat(self._x[series], DEGREE), self._T[series].ravel())
        values = self._probabilities(nodes, first, width, params).reshape(series.size, DEGREE, width)
        coefficients = np.einsum("cj,sjw->scw", TO_COEFFICIENTS, values)
        return coefficients, abs(coefficients[:, -2:]).max(axis=(1, 2)) < _CONVERGED
