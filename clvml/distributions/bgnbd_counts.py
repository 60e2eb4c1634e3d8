"""How many purchases a BG/NBD customer makes: the whole distribution, not the mean alone.

A customer who is alive makes ``n`` purchases in time ``t`` by staying through all of them, or by
leaving right after the ``n``-th when more would have come (Fader, Hardie, Lee 2005, equation 8)::

    P(n) = P(stays n times) * P(N = n) + P(leaves at the n-th) * P(N >= n)

with ``N`` negative binomial. Both terms are positive, the second by the regularised incomplete
beta function, so nothing cancels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, gammaln

from clvml.distributions.bgnbd import BGNBDParams, probability_alive

Array = NDArray[np.float64]


def purchase_probability(
    n: Array, horizon: float, x: Array, t_x: Array, T: Array, params: BGNBDParams
) -> Array:
    """P(Y(horizon) = n | x, t_x, T); a new customer is ``x = t_x = T = 0``."""
    alive = probability_alive(x, t_x, T, params)
    r, alpha, a, b = params
    given_alive = _given_alive(n, horizon, r + x, alpha + T, a, b + x)
    return alive * given_alive + np.where(n == 0, 1 - alive, 0.0)


def _given_alive(n: Array, t: float, r: Array, alpha: Array, a: float, b: Array) -> Array:
    share = t / (alpha + t)
    log_count = gammaln(r + n) - gammaln(r) - gammaln(n + 1) - r * np.log1p(t / alpha) + n * np.log(share)
    stays = np.exp(betaln(a, b + n) - betaln(a, b) + log_count)
    bought = np.maximum(n, 1)
    leaves = np.exp(betaln(a + 1, b + bought - 1) - betaln(a, b)) * betainc(bought, r, share)
    return stays + np.where(n > 0, leaves, 0.0)


def quantiles(
    levels: tuple[float, ...], horizon: float, x: Array, t_x: Array, T: Array, params: BGNBDParams
) -> list[NDArray[np.int64]]:
    """The smallest ``n`` with ``P(Y(horizon) <= n) >= level``, of each customer, for each level."""
    found = [np.zeros(x.size, dtype=np.int64) for _ in levels]
    below, rows, n = np.zeros(x.size), np.arange(x.size), 0
    while rows.size:
        below += purchase_probability(np.array(float(n)), horizon, x[rows], t_x[rows], T[rows], params)
        n += 1
        for level, number in zip(levels, found, strict=True):
            number[rows[below < level]] = n
        going = below < max(levels)
        rows, below = rows[going], below[going]
    return found
