"""The BG/NBD model of repeat purchases.

While alive a customer buys at rate ``lambda``; after any repeat purchase they drop out
with probability ``p``. Both vary across customers::

    lambda ~ Gamma(shape=r, rate=alpha)        p ~ Beta(a, b)

The data of a customer are ``(x, t_x, T)``: ``x`` repeat purchases, the last of them ``t_x``
after the first purchase, under observation for ``T``. All times share one unit, and so
does ``alpha``; ``r``, ``a`` and ``b`` are dimensionless.

Fader, Hardie, Lee (2005), "Counting Your Customers" the Easy Way: An Alternative to the
Pareto/NBD Model, Marketing Science 24(2). The sum of their likelihood (equation 6) is written
here without gamma functions: ratios of gamma functions at integer distances are finite products, and
their logarithms sums over the purchase numbers ``j``. The remaining term of each customer is the
log-odds of having dropped out, ``u``, which also gives P(alive) and all derivatives.

The modified BG/NBD lets customers drop out right after their first purchase too. Then there are
``x + 1`` dropout opportunities rather than ``x``, also for those with ``x = 0``, and nothing else
changes: ``at_first``, 0 or 1, is the number of dropout opportunities before any repeat purchase.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvml.distributions import _bgnbd_future as bgnbd_future
from clvml.distributions import _simulation as simulation
from clvml.distributions._gamma_ratios import log_beta_fall, log_gamma_sequence
from clvml.distributions._histories import HistoryCounts, count_histories
from clvml.distributions._history import History, params_of_rows
from clvml.distributions._scenarios import check_multiple, renewed, scaled_beta

Array = NDArray[np.float64]

_BLOCK = 8192  # rows at once: several times faster than whole arrays, as they fit into the cache


class BGNBDParams(NamedTuple):
    """Parameters of the BG/NBD model; ``alpha`` has the unit of time, the others have none."""

    r: float
    alpha: float
    a: float
    b: float


def count(history: History) -> HistoryCounts:
    """Aggregate the customers for `objective`."""
    return count_histories(history)


def log_odds_of_dropout(x: Array, t_x: Array, T: Array, params: BGNBDParams, at_first: int = 0) -> Array:
    """``u``, the log-odds of dropout at the last of ``x + at_first >= 1`` opportunities."""
    r, alpha, a, b = params
    return np.log(a) - np.log(b + (x + at_first - 1)) + (r + x) * np.log1p((T - t_x) / (alpha + t_x))


def probability_alive(history: History, params: BGNBDParams, at_first: int = 0) -> Array:
    """P(alive | x, t_x, T): 1 for customers without a dropout opportunity yet."""
    x, t_x, T = history.x, history.t_x, history.T
    alive = np.empty(x.size)
    for start in range(0, x.size, _BLOCK):
        rows = slice(start, start + _BLOCK)
        alive[rows] = _alive(x[rows], t_x[rows], T[rows], params_of_rows(params, rows), at_first)
    return alive


def _alive(x: Array, t_x: Array, T: Array, params: BGNBDParams, at_first: int) -> Array:
    """P(alive) in few passes, without selecting rows, which would cost more than the arithmetic."""
    r, alpha, a, b = params
    left = (T - t_x) / (alpha + t_x)
    with np.errstate(over="ignore"):  # odds of dropout overflow: P(alive) is zero
        np.exp((r + x) * np.log1p(left, left), left)
        left *= a
    stayed = np.maximum(x + (at_first - 1), 0)
    stayed += b
    left += stayed
    stayed /= left
    return stayed if at_first else np.maximum(stayed, x == 0)


def log_likelihood(history: History, params: BGNBDParams, at_first: int = 0) -> Array:
    """Log-likelihood of each customer.

    The likelihood of the purchases until ``t_x``, times that of the time since, which avoids cancellation.
    """
    x, t_x, T = history.x, history.t_x, history.T
    r, alpha, a, b = params
    chances = x + at_first
    silent = -(r + x) * np.log1p((T - t_x) / (alpha + t_x))
    left = np.where(chances > 0, np.log(a / (b + np.maximum(chances - 1, 0))), -np.inf)
    return log_gamma_sequence(x, t_x, r, alpha) + log_survival(chances, a, b) + np.logaddexp(silent, left)


def log_survival(chances: Array, a: float | Array, b: float) -> Array:
    """Log-probability of surviving all dropout opportunities; tabulated where that costs less."""
    if isinstance(a, np.ndarray) or chances.max(initial=0) > chances.size:
        return -log_beta_fall(b, a, chances)
    return -log_beta_fall(b, a, np.arange(chances.max(initial=0) + 1))[chances.astype(np.int64)]


def total(params: BGNBDParams, histories: HistoryCounts, at_first: int = 0) -> float:
    """Total log-likelihood alone, by sums over the purchase numbers and elementary functions."""
    u = log_odds_of_dropout(histories.x, histories.t_x, histories.T_repeat, params, at_first)
    left = histories.weight @ np.logaddexp(0, u)
    return float(without_dropout(params, histories, at_first)[0] + left)


def _weight_of_survivors(histories: HistoryCounts, at_first: int) -> Array:
    """The weight of customers who survived more than ``j`` dropout opportunities."""
    N = histories.more_than
    return np.concatenate([[histories.T_weight.sum()], N]) if at_first else N


def objective(params: BGNBDParams, histories: HistoryCounts, at_first: int = 0) -> tuple[float, Array, Array]:
    """Total log-likelihood with its gradient and Hessian in ``(r, alpha, a, b)``."""
    value, gradient, hessian = without_dropout(params, histories, at_first)
    for start in range(0, histories.x.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        rows = (histories.x[block], histories.t_x[block], histories.T_repeat[block], histories.weight[block])
        part = _left(params, *rows, at_first)
        value, gradient, hessian = value + part[0], gradient + part[1], hessian + part[2]
    return value, gradient, hessian


def without_dropout(
    params: BGNBDParams, histories: HistoryCounts, at_first: int, k: int = 1
) -> tuple[float, Array, Array]:
    """The terms that need only the purchase numbers and the lengths of observation, and their derivatives.

    ``k`` events are one purchase, as in `clvml.distributions.bgcnbd`.
    """
    r, alpha, a, b = params
    N, T, w, wx = histories.more_than.repeat(k), histories.T, histories.T_weight, k * histories.T_purchases
    stayed = _weight_of_survivors(histories, at_first)
    rj, bj = r + np.arange(N.size), b + np.arange(stayed.size)
    abj, seen = a + bj, alpha + T
    per_rj, per_abj, per_seen = 1 / rj, 1 / abj, 1 / seen
    share, fall = T / (alpha * seen), w @ np.log1p(T / alpha)
    value = N @ np.log(rj) - stayed @ np.log1p(a / bj) - r * fall - wx @ np.log(seen)
    gradient = np.array(
        [
            N @ per_rj - fall,
            r * (w @ share) - wx @ per_seen,
            -(stayed @ per_abj),
            a * (stayed @ (per_abj / bj)),
        ]
    )
    hessian = np.zeros((4, 4))
    hessian[0, 0] = -(N @ per_rj**2)
    hessian[0, 1] = hessian[1, 0] = w @ share
    hessian[1, 1] = wx @ per_seen**2 - r * (w @ (share * (1 / alpha + per_seen)))
    hessian[2, 2] = hessian[2, 3] = hessian[3, 2] = stayed @ per_abj**2
    hessian[3, 3] = -a * (stayed @ ((a + 2 * bj) * (per_abj / bj) ** 2))
    return float(value), gradient, hessian


def _left(
    params: BGNBDParams, x: Array, t_x: Array, T: Array, weight: Array, at_first: int
) -> tuple[float, Array, Array]:
    """``softplus(u)``, summed over customers who had a dropout opportunity, and its derivatives."""
    r, alpha, a, b = params
    R, last, seen, odds = r + x, alpha + t_x, alpha + T, b + (x + at_first - 1)
    waited, inverse = (T - t_x) / last, 1 / seen
    slope = -waited * inverse  # of the time since the last purchase, in alpha
    parts = np.empty((4, x.size))  # of the gradient of u in (r, alpha, a, b)
    parts[0], parts[1], parts[2], parts[3] = np.log1p(waited), R * slope, 1 / a, -1 / odds
    u = R * parts[0] + np.log(a / odds)
    # One exponential serves softplus, sigmoid and its derivative.
    decay = np.exp(-np.abs(u))
    left = np.where(u > 0, 1.0, decay) / (1 + decay)
    s = weight * left
    value = float(weight @ (np.maximum(u, 0) + np.log1p(decay)))
    hessian = (parts * (s * (1 - left))) @ parts.T
    slopes = s @ slope
    gradient = parts @ s
    hessian[0, 1] += slopes
    hessian[1, 0] += slopes
    hessian[1, 1] -= s @ (parts[1] * (1 / last + inverse))
    hessian[2, 2] -= gradient[2] / a
    hessian[3, 3] += s @ parts[3] ** 2
    return value, gradient, hessian


def purchases_given_alive(
    history: History, ends: Array, weights: Array, params: BGNBDParams, at_first: int = 0
) -> Array:
    """Weighted sum over ``ends`` of the expected purchases until then, for customers alive at ``T``."""
    r, alpha, a, b = params
    return bgnbd_future.purchases(history.x, alpha + history.T, ends, weights, r, a, b + at_first)


def infinite_horizon_purchases(history: History, params: BGNBDParams, at_first: int = 0) -> Array:
    """Expected purchases over an infinite horizon, given alive at ``T``; infinite where ``a <= 1``."""
    return bgnbd_future.infinite_horizon_purchases(history.x, params.a, params.b + at_first)


def survival_probability(history: History, after: float, params: BGNBDParams, at_first: int = 0) -> Array:
    """P(alive at ``T + after`` | alive at ``T``)."""
    r, alpha, a, b = params
    return bgnbd_future.survival(history.x, alpha + history.T, after, r, a, b + at_first)


def count_probability(
    n: Array, horizon: float, history: History, params: BGNBDParams, at_first: int = 0
) -> Array:
    """P(exactly ``n`` purchases in the next ``horizon``), for customers alive at ``T``."""
    r, alpha, a, b = params
    return bgnbd_future.count_probability(n, horizon, history.x, alpha + history.T, r, a, b + at_first)


def count_probabilities(
    first: int, width: int, horizon: float, history: History, params: BGNBDParams, at_first: int = 0
) -> Array:
    """`count_probability` of ``width`` numbers from ``first``, shape (n, width), accurate to 1e-14 of 1."""
    r, alpha, a, b = params
    seen = alpha + history.T
    return bgnbd_future.count_probabilities(first, width, horizon, history.x, seen, r, a, b + at_first)


def any_purchase_probability(history: History, horizon: float | Array, params: BGNBDParams) -> Array:
    """P(at least one purchase in the next ``horizon``), for customers alive at ``T``."""
    return bgnbd_future.any_purchase_probability(history.x, params.alpha + history.T, horizon, params.r)


def next_purchase_time(history: History, probability: Array, params: BGNBDParams) -> Array:
    """The time after ``T`` by which P(purchase | alive at ``T``) reaches ``probability``."""
    return bgnbd_future.next_purchase_time(history.x, params.alpha + history.T, probability, params.r)


def simulate_ahead(
    history: History, horizon: float, params: BGNBDParams, rng: np.random.Generator, at_first: int = 0
) -> tuple[NDArray[np.int64], Array]:
    """Simulate future purchases of customers alive at ``T``: ascending rows, and times after ``T``."""
    r, alpha, a, b = params
    return bgnbd_future.simulate(history.x, alpha + history.T, horizon, r, a, b + at_first, rng)


def dropout_rate(params: BGNBDParams) -> float:
    """The mean probability of dropout after a purchase."""
    return params.a / (params.a + params.b)


def rescaled(
    history: History, params: BGNBDParams, purchase_rate: float, dropout: float
) -> tuple[History, BGNBDParams]:
    """Histories and parameters that give the predictions of a scenario from ``T`` on.

    ``lambda`` is multiplied by ``purchase_rate``: that of a customer alive, ``Gamma(r + x, alpha + T)``,
    becomes ``Gamma(r + x, (alpha + T) / purchase_rate)``. The mean of ``p`` is multiplied by ``dropout``,
    and ``a + b`` is unchanged: ``Beta(a, b + x)`` becomes ``Beta(dropout * a, b + x + (1 - dropout) * a)``.
    ``a`` stays below 0.999 of the sum.

    Raises
    ------
    InputError
        If a multiple is not positive.
    """
    check_multiple("purchase_rate", purchase_rate)
    own: Any = params
    a, b = scaled_beta("dropout", dropout, params.a, params.b)
    alpha = (params.alpha + history.T) / purchase_rate
    return renewed(history), own._replace(alpha=alpha, a=a, b=b)


def simulate(T: Array, params: BGNBDParams, rng: np.random.Generator) -> History:
    """Simulate histories of customers observed for ``T``."""
    return simulation.bgnbd_histories(T, params, rng)
