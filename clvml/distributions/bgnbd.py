"""The BG/NBD model of repeat purchases.

While with us a customer buys at rate ``lambda``; after any repeat purchase they leave
for good with probability ``p``. Both vary across customers::

    lambda ~ Gamma(shape=r, rate=alpha)        p ~ Beta(a, b)

A customer is seen as ``(x, t_x, T)``: ``x`` repeat purchases, the last of them ``t_x``
after the first purchase, under observation for ``T``. All times share one unit, and so
does ``alpha``; ``r``, ``a`` and ``b`` are pure numbers.

Fader, Hardie, Lee (2005), "Counting Your Customers" the Easy Way: An Alternative to the
Pareto/NBD Model, Marketing Science 24(2). Their likelihood (equation 6) is written here
without gamma functions: ratios of gamma functions at whole distances are finite products, and
products become sums over the purchase numbers ``j``. What is left for each customer is the
log-odds of having left, ``u``, which also gives P(alive) and all derivatives.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from clvml.distributions.beta_average import beta_nodes
from clvml.distributions.blas import one_blas_thread
from clvml.distributions.histories import Histories, distinct_rows

Array = NDArray[np.float64]

_BLOCK = 32_768  # rows at once: three to four times faster than whole arrays, for they stay in cache


class BGNBDParams(NamedTuple):
    """Parameters of the BG/NBD model; ``alpha`` has the unit of time, the others have none."""

    r: float
    alpha: float
    a: float
    b: float


def log_odds_left(x: Array, t_x: Array, T: Array, params: BGNBDParams) -> Array:
    """``u``, the log-odds that a customer with ``x >= 1`` has left after the last purchase."""
    r, alpha, a, b = params
    return np.log(a) - np.log(b + x - 1) + (r + x) * np.log1p((T - t_x) / (alpha + t_x))


def probability_alive(x: Array, t_x: Array, T: Array, params: BGNBDParams) -> Array:
    """P(alive | x, t_x, T): 1 for customers who have not bought again, since none can leave before."""
    u = log_odds_left(np.maximum(x, 1), t_x, T, params)
    return np.where(x > 0, expit(-u), 1.0)


def log_likelihood(x: Array, t_x: Array, T: Array, params: BGNBDParams) -> Array:
    """Log-likelihood of each customer."""
    r, alpha, a, b = params
    j = np.arange(int(x.max(initial=0)))
    by_purchase = np.concatenate([[0.0], np.cumsum(np.log(r + j) - np.log1p(a / (b + j)))])
    u = log_odds_left(np.maximum(x, 1), t_x, T, params)
    left = np.where(x > 0, np.logaddexp(0, u), 0.0)
    return by_purchase[x.astype(int)] - r * np.log1p(T / alpha) - x * np.log(alpha + T) + left


def objective(params: BGNBDParams, histories: Histories) -> tuple[float, Array, Array]:
    """Total log-likelihood with its gradient and Hessian in ``(r, alpha, a, b)``."""
    value, gradient, hessian = _without_dropout(params, histories)
    for start in range(0, histories.x.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        rows = (histories.x[block], histories.t_x[block], histories.T_repeat[block], histories.weight[block])
        for total, part in zip((value, gradient, hessian), _left(params, *rows), strict=True):
            total += part
    return float(value[0]), gradient, hessian


def _without_dropout(params: BGNBDParams, histories: Histories) -> tuple[Array, Array, Array]:
    """The terms that need only the purchase numbers and the lengths of observation."""
    r, alpha, a, b = params
    N, T, w, wx = histories.more_than, histories.T, histories.T_weight, histories.T_purchases
    j = np.arange(N.size)
    rj, bj, abj = r + j, b + j, a + b + j
    seen = alpha + T
    value = N @ (np.log(rj) - np.log1p(a / bj)) - w @ (r * np.log1p(T / alpha)) - wx @ np.log(seen)
    gradient = np.array(
        [
            (N / rj).sum() - w @ np.log1p(T / alpha),
            w @ (r * T / (alpha * seen)) - (wx / seen).sum(),
            -(N / abj).sum(),
            (N * a / (bj * abj)).sum(),
        ]
    )
    hessian = np.zeros((4, 4))
    hessian[0, 0] = -(N / rj**2).sum()
    hessian[0, 1] = hessian[1, 0] = w @ (T / (alpha * seen))
    hessian[1, 1] = (wx / seen**2).sum() - w @ (r * T * (2 * alpha + T) / (alpha * seen) ** 2)
    hessian[2, 2] = hessian[2, 3] = hessian[3, 2] = (N / abj**2).sum()
    hessian[3, 3] = -(N * a * (a + 2 * bj) / (bj * abj) ** 2).sum()
    return np.array([value]), gradient, hessian


def _left(params: BGNBDParams, x: Array, t_x: Array, T: Array, weight: Array) -> tuple[Array, Array, Array]:
    """``softplus(u)``, summed over customers with repeat purchases, and its derivatives."""
    r, alpha, a, b = params
    last, seen, odds = alpha + t_x, alpha + T, b + x - 1
    silence = np.log1p((T - t_x) / last)
    u = np.log(a) - np.log(odds) + (r + x) * silence
    slope = (t_x - T) / (last * seen)
    du = np.stack([silence, (r + x) * slope, np.full_like(x, 1 / a), -1 / odds])
    # One exponential serves softplus, sigmoid and its derivative.
    decay = np.exp(-np.abs(u))
    left = np.where(u > 0, 1.0, decay) / (1 + decay)
    s = weight * left
    value = np.array([weight @ (np.maximum(u, 0) + np.log1p(decay))])
    hessian = (du * (s * (1 - left))) @ du.T
    hessian[0, 1] += s @ slope
    hessian[1, 0] += s @ slope
    hessian[1, 1] -= s @ ((r + x) * slope * (1 / last + 1 / seen))
    hessian[2, 2] -= s.sum() / a**2
    hessian[3, 3] += s @ (1 / odds**2)
    return value, du @ s, hessian


def expected_purchases(x: Array, t_x: Array, T: Array, horizon: Array, params: BGNBDParams) -> Array:
    """E[Y(t) | x, t_x, T], purchases in the next ``horizon``; equation 10 of the paper.

    Given alive, a customer is a new one with ``r + x``, ``alpha + T`` and ``b + x``, so this is
    P(alive) times an average over the dropout probability; see `purchases_given_alive`.
    """
    weights = np.ones(1)
    ahead = purchases_given_alive(x, T, np.atleast_1d(horizon), weights, params)
    return probability_alive(x, t_x, T, params) * ahead


def purchases_given_alive(x: Array, T: Array, ends: Array, weights: Array, params: BGNBDParams) -> Array:
    """Weighted sum over ``ends`` of the expected purchases until then, for customers alive at ``T``.

    With ``R = r + x`` and ``z = end / (alpha + T)``, each is the average over
    ``p ~ Beta(a, b + x)`` of ``(1 - (1 + p*z) ** -R) / p``. One end is an expectation; many, with
    the differences of a discount factor as weights, are a discounted sum. The value depends on
    ``x`` and ``T`` alone, smoothly on ``log(alpha + T)``: where customers are many, it is
    interpolated there, to 1e-13, for each distinct ``x``.
    """
    with one_blas_thread():
        return _given_alive(x, T, ends, weights, params)


def _given_alive(x: Array, T: Array, ends: Array, weights: Array, params: BGNBDParams) -> Array:
    numbers, which = np.unique(x, return_inverse=True)
    log_seen = np.log(params.alpha + T)
    panels = _Panels(log_seen)
    z_max = float(ends.max() / (params.alpha + T.min()))
    p, w = beta_nodes(params.a, params.b + numbers, z_max, params.r + float(numbers[-1]))
    if x.size > panels.nodes.size * numbers.size:
        grid = np.broadcast_to(panels.nodes, (numbers.size, panels.nodes.size))
        rows = np.repeat(np.arange(numbers.size), panels.nodes.size)
        values = _average(rows, grid.ravel(), numbers, p, w, ends, weights, params)
        return panels.interpolate(values.reshape(grid.shape), which, log_seen)
    first, inverse = distinct_rows((x, log_seen))
    return _average(which[first], log_seen[first], numbers, p, w, ends, weights, params)[inverse]


def _average(
    rows: NDArray[np.int64],
    log_seen: Array,
    numbers: Array,
    p: Array,
    w: Array,
    ends: Array,
    weights: Array,
    params: BGNBDParams,
) -> Array:
    """The average over the nodes of Beta(a, b + x), row by row, in blocks."""
    result = np.empty(rows.size)
    block = max(1, 4 * _BLOCK // p.shape[1])
    for start in range(0, rows.size, block):
        part = slice(start, start + block)
        row = rows[part]
        scaled = p[row] * np.exp(-log_seen[part])[:, None]
        power = -(params.r + numbers[row])[:, None]
        bought = np.zeros_like(scaled)
        for end, weight in zip(ends, weights, strict=True):
            bought -= weight * np.expm1(power * np.log1p(scaled * end))
        result[part] = (w[row] / p[row] * bought).sum(axis=1)
    return result


class _Panels:
    """Chebyshev interpolation in pieces of bounded width, the same pieces for all functions."""

    degree = 18
    width = 0.7

    def __init__(self, where: Array) -> None:
        self.low, high = float(where.min()), float(where.max())
        self.count = max(1, int(np.ceil((high - self.low) / self.width)))
        self.half = max((high - self.low) / self.count / 2, 1e-300)
        angles = (np.arange(self.degree) + 0.5) * np.pi / self.degree
        self.points = np.cos(angles)
        centres = self.low + self.half * (2 * np.arange(self.count) + 1)
        self.nodes = (centres[:, None] + self.half * self.points).ravel()
        self.to_coefficients = np.cos(np.outer(angles, np.arange(self.degree))) * 2 / self.degree
        self.to_coefficients[:, 0] /= 2

    def interpolate(self, values: Array, which: NDArray[np.int64], where: Array) -> Array:
        """Value of function ``which`` at ``where``, from its values at the nodes."""
        coefficients = values.reshape(-1, self.degree) @ self.to_coefficients
        table = np.ascontiguousarray(coefficients.T)
        result = np.empty(where.size)
        for start in range(0, where.size, _BLOCK):
            part = slice(start, start + _BLOCK)
            piece = np.clip(((where[part] - self.low) / (2 * self.half)).astype(int), 0, self.count - 1)
            u = (where[part] - self.low) / self.half - 2 * piece - 1
            result[part] = self._clenshaw(table, which[part] * self.count + piece, u)
        return result

    def _clenshaw(self, table: Array, row: NDArray[np.int64], u: Array) -> Array:
        ahead, behind = np.zeros_like(u), np.zeros_like(u)
        for coefficient in table[:0:-1]:
            ahead, behind = coefficient[row] + 2 * u * ahead - behind, ahead
        return table[0][row] + u * ahead - behind
