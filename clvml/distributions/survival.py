"""Customers who may leave at each of many opportunities, with a probability of their own.

Before each opportunity a customer leaves for good with probability ``theta``, and
``theta ~ Beta(gamma, delta)``. Whoever has stayed for ``n`` opportunities is one of
``Beta(gamma, delta + n)``, and stays for ``k`` more with probability

    B(gamma, delta+n+k) / B(gamma, delta+n) = product over i < k of (delta+n+i) / (gamma+delta+n+i)

a product of shares, so nothing overflows and nothing cancels. BG/BB and the shifted
beta-geometric share it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def probability_of_staying(gamma: float, delta: float, n: Array, k: int) -> Array:
    """The probability of staying for ``k`` more opportunities, for those who stayed for ``n``."""
    stays = np.ones(n.size)
    for i in range(k):
        stays *= _share(gamma, delta + n + i)
    return stays


def discounted_stay(gamma: float, delta: float, n: Array, ends: Array, weights: Array) -> Array:
    """Weighted sum over ``ends`` of the expected number of opportunities until then still there.

    One end is an expectation; many, with the differences of a discount factor as weights, are a
    discounted sum: an opportunity counts the weights of all ends that lie at it or beyond.
    """
    stays, total = np.ones(n.size), np.zeros(n.size)
    for k in range(1, int(ends.max()) + 1):
        stays *= _share(gamma, delta + n + (k - 1))
        total += stays * weights[ends >= k].sum()
    return total


def _share(gamma: float, stayed: Array) -> Array:
    return stayed / (gamma + stayed)
