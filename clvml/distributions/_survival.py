"""Survival at discrete opportunities with Beta distributed dropout probabilities.

Before each opportunity a customer drops out with probability ``theta ~ Beta(gamma, delta)``. Given survival
of ``n`` opportunities, ``theta ~ Beta(gamma, d)`` with ``d = delta + n``, and the customer survives ``k``
more with probability

    S(k) = B(gamma, d+k) / B(gamma, d)

The sum of ``S`` over ``1, ..., h`` telescopes, to ``d * (exp(L) - 1) / (1 - gamma)`` with
``exp(L) = Gamma(d+1+h) Gamma(d+gamma) / (Gamma(d+1) Gamma(d+gamma+h))``, and ``L / (1 - gamma)`` is regular
at ``gamma = 1``. So the cost does not depend on the number of opportunities, and non-integer ``h``
interpolate smoothly. Used by BG/BB and the shifted beta-geometric. ``gamma`` and ``delta`` are numbers, or
arrays of one number per customer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import exprel

from clvml.distributions._gamma_ratios import digamma_rise, log_beta_fall
from clvml.distributions._histories import distinct_rows

Array = NDArray[np.float64]

_BLOCK = 32_768  # numbers of opportunities times ends at once


def survival_probability(gamma: float | Array, delta: float | Array, n: Array, k: ArrayLike) -> Array:
    """The probability of surviving ``k`` more opportunities after ``n``."""
    return np.exp(-log_beta_fall(delta + n, gamma, k))


def discounted_survival(
    gamma: float | Array, delta: float | Array, n: Array, ends: Array, weights: Array
) -> Array:
    """Weighted sum over ``ends`` of the expected number of opportunities survived until then.

    One end is an expectation; many, with the differences of a discount factor as weights, are a
    discounted sum.
    """
    own = tuple(param for param in (gamma, delta) if isinstance(param, np.ndarray))
    distinct, row = distinct_rows((n, *own))
    gamma, d = np.broadcast_arrays(gamma, delta + n)
    gamma, d = gamma[distinct, None], d[distinct, None]
    total, block = np.empty(distinct.size), max(1, _BLOCK // ends.size)
    for start in range(0, distinct.size, block):
        part = slice(start, start + block)
        total[part] = (expected_survival(gamma[part], d[part], ends) * weights).sum(axis=1)
    return total[row]


def infinite_horizon_survival(gamma: float | Array, delta: float | Array, n: Array) -> Array:
    """Expected number of opportunities survived over an infinite horizon: infinite if ``gamma <= 1``."""
    over = np.broadcast_to(np.maximum(np.asarray(gamma, dtype=float) - 1, 0.0), n.shape)
    return np.divide(delta + n, over, out=np.full(n.shape, np.inf), where=over > 0)


def draw_survival(
    gamma: float | Array, delta: float | Array, n: Array, horizon: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Simulate how many of the next ``horizon`` opportunities each customer survives."""
    dropout = np.maximum(rng.beta(gamma, delta + n), np.finfo(float).tiny)
    return np.minimum(rng.geometric(dropout) - 1, int(horizon))


def expected_survival(gamma: Array, d: Array, h: Array) -> Array:
    apart = np.abs(1 - gamma)
    at_one = apart == 0
    apart = np.where(at_one, 1.0, apart)
    growth = log_beta_fall(d + np.minimum(gamma, 1), apart, h) / apart
    if at_one.any():
        growth = np.where(at_one, digamma_rise(d + 1, h), growth)
    return d * growth * exprel((1 - gamma) * growth)
