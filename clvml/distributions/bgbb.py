"""The BG/BB model of purchases at discrete opportunities, such as yearly donations.

While with us a customer buys at each opportunity with probability ``p``; before each they may
leave for good, with probability ``theta``. Both vary across customers::

    p ~ Beta(alpha, beta)        theta ~ Beta(gamma, delta)

A customer is seen as ``(x, t_x, n)``: ``x`` purchases at ``n`` opportunities, the last of them at
opportunity ``t_x``, 0 if none. All parameters are pure numbers. Functions call ``n`` ``T``, as in the
other models.

Fader, Hardie, Shang (2010), Customer-Base Analysis in a Discrete-Time Noncontractual Setting,
Marketing Science 29(6). Their likelihood (equation 5) is a sum over when a customer may have left,
after opportunity ``m = t_x, ..., n``; here each term is written with logarithms of whole-number
steps, cumulated in tables, in place of beta functions:

    B(alpha+x, beta+m-x) / B(alpha, beta) * B(gamma+1, delta+m) / B(gamma, delta)      m < n
    B(alpha+x, beta+n-x) / B(alpha, beta) * B(gamma,   delta+n) / B(gamma, delta)      m = n, alive
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvml.distributions.histories import count_equal
from clvml.distributions.survival import discounted_stay, probability_of_staying

Array = NDArray[np.float64]

_BLOCK = 2048  # rows at once


class BGBBParams(NamedTuple):
    """Parameters of the BG/BB model: pure numbers."""

    alpha: float
    beta: float
    gamma: float
    delta: float


class Opportunities(NamedTuple):
    """Distinct histories ``(x, t_x, n)`` and how many customers have each."""

    x: Array
    t_x: Array
    n: Array
    weight: Array


class _Terms(NamedTuple):
    """The terms of the likelihood, shape (n_rows, n_terms), and where their steps are looked up."""

    log: Array
    x: NDArray[np.int64]
    missed: NDArray[np.int64]
    m: NDArray[np.int64]
    left: NDArray[np.int64]  # 1 where the customer left, 0 where alive


def count(x: Array, t_x: Array, T: Array, weight: Array | None = None) -> Opportunities:
    """Histories of customers, equal ones counted once where that pays."""
    keys, sums = count_equal((x, t_x, T), (np.ones_like(x) if weight is None else weight,))
    return Opportunities(keys[0], keys[1], keys[2], sums[0])


def log_likelihood(x: Array, t_x: Array, T: Array, params: BGBBParams) -> Array:
    """Log-likelihood of each customer."""
    value = np.empty(x.size)
    for rows in _blocks(x.size):
        value[rows] = _log_sum(_terms(x[rows], t_x[rows], T[rows], params).log)
    return value


def probability_alive(x: Array, t_x: Array, T: Array, params: BGBBParams, after: int = 0) -> Array:
    """P(alive at opportunity ``n + after`` | x, t_x, n); equation 11 of the paper has ``after`` 1."""
    alive = np.empty(x.size)
    for rows in _blocks(x.size):
        log = _terms(x[rows], t_x[rows], T[rows], params).log
        alive[rows] = np.exp(log[:, 0] - _log_sum(log))
    return alive * probability_of_staying(params.gamma, params.delta, T, after)


def expected_purchases(x: Array, t_x: Array, T: Array, horizon: Array, params: BGBBParams) -> Array:
    """E[X(n, n + horizon) | x, t_x, n], purchases at the next opportunities; equation 14 of the paper."""
    ahead = purchases_given_alive(x, T, np.atleast_1d(horizon), np.ones(1), params)
    return probability_alive(x, t_x, T, params) * ahead


def purchases_given_alive(x: Array, T: Array, ends: Array, weights: Array, params: BGBBParams) -> Array:
    """Weighted sum over ``ends`` of the expected purchases until then, for customers alive at ``n``."""
    alpha, beta, gamma, delta = params
    return (alpha + x) / (alpha + beta + T) * discounted_stay(gamma, delta, T, ends, weights)


def rate_of_leaving(params: BGBBParams) -> float:
    """The mean probability of leaving before an opportunity."""
    return params.gamma / (params.gamma + params.delta)


def objective(params: BGBBParams, seen: Opportunities) -> tuple[float, Array, Array]:
    """Total log-likelihood with its gradient and Hessian in ``(alpha, beta, gamma, delta)``."""
    value, gradient, hessian = 0.0, np.zeros(4), np.zeros((4, 4))
    for rows in _blocks(seen.x.size):
        terms = _terms(seen.x[rows], seen.t_x[rows], seen.n[rows], params)
        total, weight = _log_sum(terms.log), seen.weight[rows]
        share = np.exp(terms.log - total[:, None])
        slope, curve = _derivatives(terms, params)
        mean = np.einsum("nk,ink->in", share, slope)
        value += float(weight @ total)
        gradient += mean @ weight
        # The logarithm of a sum of exponentials: mean Hessian plus covariance of the gradients.
        hessian += np.einsum("n,nk,ijnk->ij", weight, share, curve)
        hessian += np.einsum("n,nk,ink,jnk->ij", weight, share, slope, slope, optimize=True)
        hessian -= (mean * weight) @ mean.T
    return value, gradient, hessian


def simulate(T: Array, params: BGBBParams, rng: np.random.Generator) -> tuple[Array, Array]:
    """Purchases ``x`` and the opportunity of the last, ``t_x``, of customers with ``T`` opportunities."""
    alpha, beta, gamma, delta = params
    buys, leaves = rng.beta(alpha, beta, T.size), rng.beta(gamma, delta, T.size)
    x, t_x, alive = np.zeros(T.size), np.zeros(T.size), np.ones(T.size, dtype=bool)
    for opportunity in range(1, int(T.max(initial=0)) + 1):
        alive &= rng.random(T.size) >= leaves
        bought = alive & (rng.random(T.size) < buys) & (opportunity <= T)
        x[bought] += 1
        t_x[bought] = opportunity
    return x, t_x


def _terms(x: Array, t_x: Array, n: Array, params: BGBBParams) -> _Terms:
    """Alive first, then having left after opportunity ``n - 1, n - 2, ...`` down to ``t_x``."""
    alpha, beta, gamma, delta = params
    steps = np.arange(int((n - t_x).max()) + 1)
    m = np.maximum(n[:, None] - steps, t_x[:, None]).astype(np.int64)
    number = x.astype(np.int64)[:, None]
    missed, left = m - number, np.minimum(steps, 1)[None, :]
    j = np.arange(int(n.max()) + 1)
    a, b, ab = (_cumulated(np.log(start + j)) for start in (alpha, beta, alpha + beta))
    d, gd = _cumulated(np.log(delta + j)), _cumulated(np.log(gamma + delta + j))
    log = a[number] + b[missed] - ab[m] + d[m] - gd[m + left] + left * np.log(gamma)
    impossible = steps > (n - t_x)[:, None]
    return _Terms(np.where(impossible, -np.inf, log), number, missed, m, left)


def _derivatives(terms: _Terms, params: BGBBParams) -> tuple[Array, Array]:
    """Gradient, shape (4, n, k), and Hessian, shape (4, 4, n, k), of the logarithms of the terms."""
    alpha, beta, gamma, delta = params
    j = np.arange(int(terms.m.max()) + 1)
    last = terms.m + terms.left
    look = ((alpha, terms.x), (beta, terms.missed), (alpha + beta, terms.m), (delta, terms.m))
    (a, a2), (b, b2), (ab, ab2), (d, d2), (gd, gd2) = (
        (_cumulated(1 / (start + j))[at], -_cumulated(1 / (start + j) ** 2)[at])
        for start, at in (*look, (gamma + delta, last))
    )
    slope = np.stack([a - ab, b - ab, terms.left / gamma - gd, d - gd])
    curve = np.zeros((4, *slope.shape))
    curve[0, 0], curve[1, 1], curve[2, 2], curve[3, 3] = (
        a2 - ab2,
        b2 - ab2,
        -terms.left / gamma**2 - gd2,
        d2 - gd2,
    )
    curve[0, 1] = curve[1, 0] = -ab2
    curve[2, 3] = curve[3, 2] = -gd2
    return slope, curve


def _cumulated(values: Array) -> Array:
    return np.concatenate([[0.0], np.cumsum(values)])


def _log_sum(log: Array) -> Array:
    # Term by term, so that a row's sum does not depend on the length of the longest row.
    top, total = log.max(axis=1), np.zeros(len(log))
    for term in log.T:
        total += np.exp(term - top)
    return top + np.log(total)


def _blocks(size: int) -> list[slice]:
    return [slice(start, start + _BLOCK) for start in range(0, size, _BLOCK)]
