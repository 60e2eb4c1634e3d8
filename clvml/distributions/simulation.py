"""Customers drawn from the models: their rates, their dropout, their purchases and their spend."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clvml.distributions.bgnbd import BGNBDParams
from clvml.distributions.gamma_gamma import GammaGammaParams

Array = NDArray[np.float64]


def bgnbd_histories(T: Array, params: BGNBDParams, rng: np.random.Generator) -> tuple[Array, Array]:
    """Repeat purchases ``x`` and the time of the last, ``t_x``, of BG/NBD customers seen for ``T``."""
    r, alpha, a, b = params
    rate, dropout = rng.gamma(r, 1 / alpha, T.size), rng.beta(a, b, T.size)
    x, t_x, clock = np.zeros(T.size), np.zeros(T.size), np.zeros(T.size)
    here = np.flatnonzero(rate > 0)
    while here.size:
        clock[here] += rng.exponential(1 / rate[here])
        here = here[clock[here] <= T[here]]
        x[here] += 1
        t_x[here] = clock[here]
        here = here[rng.random(here.size) >= dropout[here]]
    return x, t_x


def average_spend(x: Array, params: GammaGammaParams, rng: np.random.Generator) -> Array:
    """Average spend over ``x`` purchases of Gamma-Gamma customers; 0 where ``x`` is 0."""
    p, q, v = params
    rate, number = rng.gamma(q, 1 / v, x.size), np.maximum(x, 1)
    return np.where(x > 0, rng.gamma(p * number) / (rate * number), 0.0)
