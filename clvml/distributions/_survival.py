"""Customers who may leave at each of many opportunities, with a probability of their own.

Before each opportunity a customer leaves for good with probability ``theta``, and
``theta ~ Beta(gamma, delta)``. Whoever has stayed for ``n`` opportunities is one of
``Beta(gamma, d)``, ``d = delta + n``, and stays for ``k`` more with probability

    S(k) = B(gamma, d+k) / B(gamma, d)

The sum of ``S`` over ``1, ..., h`` telescopes, to ``d * (exp(L) - 1) / (1 - gamma)`` with
``exp(L) = Gamma(d+1+h) Gamma(d+gamma) / (Gamma(d+1) Gamma(d+gamma+h))``, and ``L / (1 - gamma)`` is well
behaved at ``gamma = 1``. So a million opportunities cost what one does, and an ``h`` between whole numbers
interpolates smoothly. BG/BB and the shifted beta-geometric share it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import exprel

from clvml.distributions._gamma_ratios import digamma_rise, log_beta_fall

Array = NDArray[np.float64]

_BLOCK = 32_768  # numbers of opportunities times ends at once


def probability_of_staying(gamma: float, delta: float, n: Array, k: ArrayLike) -> Array:
    """The probability of staying for ``k`` more opportunities, for those who stayed for ``n``."""
    return np.exp(-log_beta_fall(delta + n, gamma, k))


def discounted_stay(gamma: float, delta: float, n: Array, ends: Array, weights: Array) -> Array:
    """Weighted sum over ``ends`` of the expected number of opportunities until then still there.

    One end is an expectation; many, with the differences of a discount factor as weights, are a
    discounted sum.
    """
    distinct, row = np.unique(n, return_inverse=True)
    total, block = np.empty(distinct.size), max(1, _BLOCK // ends.size)
    for start in range(0, distinct.size, block):
        part = slice(start, start + block)
        stays = _expected_stay(gamma, delta + distinct[part, None], ends)
        total[part] = (stays * weights).sum(axis=1)
    return total[row]


def endless_stay(gamma: float, delta: float, n: Array) -> Array:
    """The expected number of opportunities still there, ever: finite where ``gamma`` is above 1."""
    return (delta + n) / (gamma - 1) if gamma > 1 else np.full(n.shape, np.inf)


def draw_stay(
    gamma: float, delta: float, n: Array, horizon: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """For how many of the next ``horizon`` opportunities customers stay, drawn for each."""
    leaves = np.maximum(rng.beta(gamma, delta + n), np.finfo(float).tiny)
    return np.minimum(rng.geometric(leaves) - 1, int(horizon))


def _expected_stay(gamma: float, d: Array, h: Array) -> Array:
    apart = abs(1 - gamma)
    growth = log_beta_fall(d + min(gamma, 1), apart, h) / apart if apart else digamma_rise(d + 1, h)
    return d * growth * exprel((1 - gamma) * growth)
