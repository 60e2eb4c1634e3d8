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

The modified BG/NBD lets customers leave right after their first purchase too. Then there are
``x + 1`` chances to leave rather than ``x``, also for those with ``x = 0``, and nothing else
changes: functions take these chances before any repeat purchase as ``at_first``, 0 or 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from clvml.distributions import simulation
from clvml.distributions.beta_average import beta_nodes, nodes_needed
from clvml.distributions.blas import one_blas_thread
from clvml.distributions.chebyshev import POINTS, TO_COEFFICIENTS
from clvml.distributions.histories import Histories, count_histories, distinct_rows

Array = NDArray[np.float64]

_PANEL = 0.7  # width in log(alpha + T): the nearest singularity is pi/2 away, so 18 points give 1e-15

_BLOCK = 32_768  # rows at once: three to four times faster than whole arrays, for they stay in cache


class BGNBDParams(NamedTuple):
    """Parameters of the BG/NBD model; ``alpha`` has the unit of time, the others have none."""

    r: float
    alpha: float
    a: float
    b: float


def count(x: Array, t_x: Array, T: Array, weight: Array | None = None) -> Histories:
    """What `objective` needs of the customers."""
    return count_histories(x, t_x, T, weight)


def log_odds_left(x: Array, t_x: Array, T: Array, params: BGNBDParams, at_first: int = 0) -> Array:
    """``u``, the log-odds of having left after the last of ``x + at_first >= 1`` chances to leave."""
    r, alpha, a, b = params
    return np.log(a) - np.log(b + (x + at_first - 1)) + (r + x) * np.log1p((T - t_x) / (alpha + t_x))


def probability_alive(x: Array, t_x: Array, T: Array, params: BGNBDParams, at_first: int = 0) -> Array:
    """P(alive | x, t_x, T): 1 for customers who had no chance to leave yet."""
    u = log_odds_left(np.maximum(x, 1 - at_first), t_x, T, params, at_first)
    return np.where(x + at_first > 0, expit(-u), 1.0)


def log_likelihood(x: Array, t_x: Array, T: Array, params: BGNBDParams, at_first: int = 0) -> Array:
    """Log-likelihood of each customer."""
    r, alpha, a, b = params
    j = np.arange(int(x.max(initial=0)) + at_first)
    bought = np.concatenate([[0.0], np.cumsum(np.log(r + j))])[x.astype(int)]
    stayed = -np.concatenate([[0.0], np.cumsum(np.log1p(a / (b + j)))])[x.astype(int) + at_first]
    u = log_odds_left(np.maximum(x, 1 - at_first), t_x, T, params, at_first)
    left = np.where(x + at_first > 0, np.logaddexp(0, u), 0.0)
    return (bought + stayed) - r * np.log1p(T / alpha) - x * np.log(alpha + T) + left


def objective(params: BGNBDParams, histories: Histories, at_first: int = 0) -> tuple[float, Array, Array]:
    """Total log-likelihood with its gradient and Hessian in ``(r, alpha, a, b)``."""
    value, gradient, hessian = _without_dropout(params, histories, at_first)
    for start in range(0, histories.x.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        rows = (histories.x[block], histories.t_x[block], histories.T_repeat[block], histories.weight[block])
        for total, part in zip((value, gradient, hessian), _left(params, *rows, at_first), strict=True):
            total += part
    return float(value[0]), gradient, hessian


def _without_dropout(params: BGNBDParams, histories: Histories, at_first: int) -> tuple[Array, Array, Array]:
    """The terms that need only the purchase numbers and the lengths of observation."""
    r, alpha, a, b = params
    N, T, w, wx = histories.more_than, histories.T, histories.T_weight, histories.T_purchases
    stayed = np.concatenate([[w.sum()], N]) if at_first else N
    rj, bj = r + np.arange(N.size), b + np.arange(stayed.size)
    abj, seen = a + bj, alpha + T
    value = N @ np.log(rj) - stayed @ np.log1p(a / bj) - w @ (r * np.log1p(T / alpha)) - wx @ np.log(seen)
    gradient = np.array(
        [
            (N / rj).sum() - w @ np.log1p(T / alpha),
            w @ (r * T / (alpha * seen)) - (wx / seen).sum(),
            -(stayed / abj).sum(),
            (stayed * a / (bj * abj)).sum(),
        ]
    )
    hessian = np.zeros((4, 4))
    hessian[0, 0] = -(N / rj**2).sum()
    hessian[0, 1] = hessian[1, 0] = w @ (T / (alpha * seen))
    hessian[1, 1] = (wx / seen**2).sum() - w @ (r * T * (2 * alpha + T) / (alpha * seen) ** 2)
    hessian[2, 2] = hessian[2, 3] = hessian[3, 2] = (stayed / abj**2).sum()
    hessian[3, 3] = -(stayed * a * (a + 2 * bj) / (bj * abj) ** 2).sum()
    return np.array([value]), gradient, hessian


def _left(
    params: BGNBDParams, x: Array, t_x: Array, T: Array, weight: Array, at_first: int
) -> tuple[Array, Array, Array]:
    """``softplus(u)``, summed over customers who had a chance to leave, and its derivatives."""
    r, alpha, a, b = params
    last, seen, odds = alpha + t_x, alpha + T, b + (x + at_first - 1)
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


def expected_purchases(
    x: Array, t_x: Array, T: Array, horizon: Array, params: BGNBDParams, at_first: int = 0
) -> Array:
    """E[Y(t) | x, t_x, T], purchases in the next ``horizon``; equation 10 of the paper.

    Given alive, a customer is a new one with ``r + x``, ``alpha + T`` and ``b + x`` (and one more
    where customers may leave at first), so this is
    P(alive) times an average over the dropout probability; see `purchases_given_alive`.
    """
    weights = np.ones(1)
    ahead = purchases_given_alive(x, T, np.atleast_1d(horizon), weights, params, at_first)
    return probability_alive(x, t_x, T, params, at_first) * ahead


def purchases_given_alive(
    x: Array, T: Array, ends: Array, weights: Array, params: BGNBDParams, at_first: int = 0
) -> Array:
    """Weighted sum over ``ends`` of the expected purchases until then, for customers alive at ``T``.

    With ``R = r + x`` and ``z = end / (alpha + T)``, each is the average over
    ``p ~ Beta(a, b + x + at_first)`` of ``(1 - (1 + p*z) ** -R) / p``. One end is an expectation; many, with
    the differences of a discount factor as weights, are a discounted sum.

    The value depends on ``x`` and ``T`` alone, smoothly on ``log(alpha + T)``. It is computed at
    Chebyshev points of fixed panels there and interpolated, to 1e-13: the cost hardly grows with
    the number of customers, and a customer's value does not depend on who else is asked for.
    """
    panels = np.log(params.alpha + T) / _PANEL
    panel = np.floor(panels)
    first, row = distinct_rows((x, panel))
    with one_blas_thread():
        table = _coefficients(x[first], panel[first], ends, weights, params, at_first)
    u = 2 * (panels - panel) - 1
    value = np.empty(x.size)
    for start in range(0, x.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        value[part] = _clenshaw(table, row[part], u[part])
    return value


def _coefficients(
    x: Array, panel: Array, ends: Array, weights: Array, params: BGNBDParams, at_first: int
) -> Array:
    """Chebyshev coefficients, shape (degree, n), of the value by ``u`` in panel, for each ``x``."""
    b, power = params.b + (x + at_first), params.r + x
    z_max = ends.max() * np.exp(-panel * _PANEL)
    inverse_seen = np.exp(-_PANEL * (panel[:, None] + (1 + POINTS) / 2))
    values = np.empty(inverse_seen.shape)
    needed = nodes_needed(b, z_max, power)
    for n_nodes in np.unique(needed).tolist():
        rows, block = np.flatnonzero(needed == n_nodes), 10_240 // n_nodes
        for start in range(0, rows.size, block):
            i = rows[start : start + block]
            p, w = beta_nodes(n_nodes, params.a, b[i], z_max[i] * (1 + power[i]))
            values[i] = _average(p, w, inverse_seen[i], power[i], ends, weights)
    return np.stack([(values * row).sum(axis=1) for row in TO_COEFFICIENTS])


def _average(p: Array, w: Array, inverse_seen: Array, power: Array, ends: Array, weights: Array) -> Array:
    """The average over nodes ``p``, shape (n, n_nodes), at each of ``inverse_seen``, shape (n, n_points)."""
    scaled = inverse_seen[:, :, None] * p[:, None, :]
    bought = np.zeros_like(scaled)
    for end, weight in zip(ends, weights, strict=True):
        bought -= weight * np.expm1(-power[:, None, None] * np.log1p(scaled * end))
    return (bought * (w / p)[:, None, :]).sum(axis=2)


def _clenshaw(table: Array, row: NDArray[np.int64], u: Array) -> Array:
    """Chebyshev series ``row`` of the table at ``u`` in [-1, 1]."""
    ahead, behind = np.zeros_like(u), np.zeros_like(u)
    for coefficient in table[:0:-1]:
        ahead, behind = coefficient[row] + 2 * u * ahead - behind, ahead
    return table[0][row] + u * ahead - behind


def rate_of_leaving(params: BGNBDParams) -> float:
    """The mean probability of leaving after a purchase."""
    return params.a / (params.a + params.b)


def simulate(T: Array, params: BGNBDParams, rng: np.random.Generator) -> tuple[Array, Array]:
    """Repeat purchases ``x`` and the time of the last, ``t_x``, of customers seen for ``T``."""
    return simulation.bgnbd_histories(T, params, rng)
