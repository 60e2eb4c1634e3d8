"""Exact quantiles of the number of future purchases, averaged over draws of the parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvml.distributions._histories import distinct_rows
from clvml.distributions._history import Array, History, params_of_rows
from clvml.distributions._kernel import Kernel

_PROBABILITIES = 200_000  # probabilities computed at once: customers times numbers of purchases


def count_probability(kernel: Kernel, n: Array, horizon: float, history: History, params: Any) -> Array:
    """P(exactly ``n`` purchases in the next ``horizon``), for customers alive at ``T``."""
    if horizon == 0:
        return (n == 0).astype(float)
    return kernel.count_probability(n, horizon, history, params)


def customer_specific(params: Any) -> list[Array]:
    """The parameters that are customer-specific."""
    return [param for param in params if isinstance(param, np.ndarray)]


def count_quantiles(
    kernel: Kernel, levels: tuple[float, ...], horizon: float, history: History, draws: list[Any]
) -> list[NDArray[np.int64]]:
    """The smallest ``n`` with ``P(Y(horizon) <= n) >= level``, of each customer, for each level.

    ``draws`` are equally weighted draws of the customers' parameters. Customers who differ only in the time
    of the last purchase share the probabilities given alive, unless these depend on it.
    """
    size = history.size
    alive = [kernel.probability_alive(history, params) for params in draws]
    last = (history.t_x,) if getattr(kernel, "depends_on_recency", False) else ()
    pairs, pair = distinct_rows((history.x, history.T, *last, *customer_specific(draws[0])))
    found = [np.zeros(size, dtype=np.int64) for _ in levels]
    below, rows, first, width = 1 - np.mean(alive, axis=0), np.arange(size), 0, 1
    while rows.size:
        needed, which = np.unique(pair[rows], return_inverse=True)
        numbers = np.tile(np.arange(first, first + width, dtype=float), needed.size)
        at = np.repeat(pairs[needed], width)
        chance = np.zeros((rows.size, width))
        for here, params in zip(alive, draws, strict=True):
            each = count_probability(kernel, numbers, horizon, history.rows(at), params_of_rows(params, at))
            chance += here[rows, None] / len(draws) * each.reshape(-1, width)[which]
        up_to = below[rows, None] + chance.cumsum(axis=1)
        for level, quantile in zip(levels, found, strict=True):
            quantile[rows] += (up_to < level).sum(axis=1)
        below[rows] = up_to[:, -1]
        rows, first = rows[below[rows] < max(levels)], first + width
        width = max(1, min(2 * width, _PROBABILITIES // max(rows.size, 1)))
    return found
