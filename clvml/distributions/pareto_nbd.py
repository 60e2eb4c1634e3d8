"""The Pareto/NBD model of repeat purchases.

While with us a customer buys at rate ``lambda``; they leave for good at any time, at rate
``mu``. Both vary across customers::

    lambda ~ Gamma(shape=r, rate=alpha)        mu ~ Gamma(shape=s, rate=beta)

A customer is seen as ``(x, t_x, T)``: ``x`` repeat purchases, the last of them ``t_x`` after the
first purchase, under observation for ``T``. ``alpha`` and ``beta`` have the unit of time.

Schmittlein, Morrison, Colombo (1987), Counting Your Customers: Who Are They and What Will They Do
Next?, Management Science 33(1). Their likelihood is a difference of two 2F1, which overflow and
cancel for heavy buyers. Here it stays what it is before the last integral is done,

    Gamma(r+x)/Gamma(r) * alpha**r * beta**s * ( (alpha+T)**-(r+x) * (beta+T)**-s
        + s * integral over y from t_x to T of (alpha+y)**-(r+x) * (beta+y)**-(s+1) )

a sum of two positive terms: still alive, or left at time ``y``. Their ratio is the odds of having
left, whose logarithm ``v`` gives P(alive) and all derivatives. With ``m`` the smaller of ``alpha``
and ``beta`` the integrand is log-concave in ``log(m + y)`` and its singularities are pi away, so
Gauss-Legendre nodes on the part that counts are exact to some 1e-13.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, exprel

from clvml.distributions import simulation
from clvml.distributions.histories import Histories, count_histories

Array = NDArray[np.float64]

_SHORT = 2.5  # in log(m + y): one panel of nodes serves up to here
_NEGLIGIBLE = 45.0  # e**-45 of the integrand at t_x: what lies beyond cannot matter
_BLOCK = 1024  # rows at once, so that nodes stay in cache


def _panels(n_panels: int, n_nodes: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights of equal panels of [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    within = (1 + nodes) / 2
    points = (np.arange(n_panels)[:, None] + within).ravel() / n_panels
    return points, np.tile(weights / 2, n_panels) / n_panels


_RULES = {False: _panels(1, 32), True: _panels(6, 24)}


class ParetoNBDParams(NamedTuple):
    """Parameters of the Pareto/NBD; ``alpha`` and ``beta`` have the unit of time, the others none."""

    r: float
    alpha: float
    s: float
    beta: float


class _Nodes(NamedTuple):
    """When customers may have left: times ``y`` and log-integrands with weights, shape (n, n_nodes)."""

    y: Array
    bought: Array  # log((alpha + T) / (alpha + y))
    stayed: Array  # log((beta + T) / (beta + y))
    log_term: Array


def count(x: Array, t_x: Array, T: Array, weight: Array | None = None) -> Histories:
    """What `objective` needs of the customers."""
    return count_histories(x, t_x, T, weight, everyone=True)


def log_odds_left(x: Array, t_x: Array, T: Array, params: ParetoNBDParams) -> Array:
    """``v``, the log-odds of having left by ``T``; minus infinity right after a purchase."""
    v = np.full(x.shape, -np.inf)
    for rows, rule in _by_rule(t_x, T, params, x):
        terms = _nodes(x[rows], t_x[rows], T[rows], params, rule).log_term
        top = terms.max(axis=1)
        v[rows] = top + np.log(np.exp(terms - top[:, None]).sum(axis=1))
    return v


def probability_alive(x: Array, t_x: Array, T: Array, params: ParetoNBDParams) -> Array:
    """P(alive | x, t_x, T)."""
    return expit(-log_odds_left(x, t_x, T, params))


def log_likelihood(x: Array, t_x: Array, T: Array, params: ParetoNBDParams) -> Array:
    """Log-likelihood of each customer."""
    r, alpha, s, beta = params
    by_purchase = np.concatenate([[0.0], np.cumsum(np.log(r + np.arange(int(x.max(initial=0)))))])
    alive = by_purchase[x.astype(int)] - r * np.log1p(T / alpha) - x * np.log(alpha + T)
    return alive - s * np.log1p(T / beta) + np.logaddexp(0, log_odds_left(x, t_x, T, params))


def objective(params: ParetoNBDParams, histories: Histories) -> tuple[float, Array, Array]:
    """Total log-likelihood with its gradient and Hessian in ``(r, alpha, s, beta)``."""
    value, gradient, hessian = _alive(params, histories)
    x, t_x, T, weight = histories.x, histories.t_x, histories.T_repeat, histories.weight
    for rows, rule in _by_rule(t_x, T, params, x):
        part = _left(params, x[rows], t_x[rows], T[rows], weight[rows], rule)
        value, gradient, hessian = value + part[0], gradient + part[1], hessian + part[2]
    return value, gradient, hessian


def _alive(params: ParetoNBDParams, histories: Histories) -> tuple[float, Array, Array]:
    """The log-likelihood were everybody alive."""
    r, alpha, s, beta = params
    N, T, w, wx = histories.more_than, histories.T, histories.T_weight, histories.T_purchases
    rj, seen, lived = r + np.arange(N.size), alpha + T, beta + T
    value = N @ np.log(rj) - w @ (r * np.log1p(T / alpha) + s * np.log1p(T / beta)) - wx @ np.log(seen)
    gradient = np.array(
        [
            (N / rj).sum() - w @ np.log1p(T / alpha),
            w @ (r * T / (alpha * seen)) - (wx / seen).sum(),
            -(w @ np.log1p(T / beta)),
            w @ (s * T / (beta * lived)),
        ]
    )
    hessian = np.zeros((4, 4))
    hessian[0, 0] = -(N / rj**2).sum()
    hessian[0, 1] = hessian[1, 0] = w @ (T / (alpha * seen))
    hessian[1, 1] = (wx / seen**2).sum() - w @ (r * T * (2 * alpha + T) / (alpha * seen) ** 2)
    hessian[2, 3] = hessian[3, 2] = w @ (T / (beta * lived))
    hessian[3, 3] = -(w @ (s * T * (2 * beta + T) / (beta * lived) ** 2))
    return float(value), gradient, hessian


def _left(
    params: ParetoNBDParams, x: Array, t_x: Array, T: Array, weight: Array, rule: bool
) -> tuple[float, Array, Array]:
    """``softplus(v)``, summed over customers, and its derivatives.

    ``v`` is the logarithm of an integral of ``exp(g)``: its gradient is the mean of that of ``g``
    over when they may have left, its Hessian the mean of that of ``g`` plus the covariance of its
    gradient.
    """
    nodes = _nodes(x, t_x, T, params, rule)
    top = nodes.log_term.max(axis=1)
    share = np.exp(nodes.log_term - top[:, None])
    total = share.sum(axis=1)
    v = top + np.log(total)
    share /= total[:, None]
    slope, mean_curve = _derivatives(x, T, nodes, share, params)
    mean = np.einsum("nk,ink->in", share, slope)
    s = weight * expit(v)
    hessian = np.einsum("n,nk,ink,jnk->ij", s, share, slope, slope, optimize=True) + mean_curve @ s
    hessian -= (mean * (s * expit(v))) @ mean.T
    return float(weight @ np.logaddexp(0, v)), mean @ s, hessian


def _derivatives(
    x: Array, T: Array, nodes: _Nodes, share: Array, params: ParetoNBDParams
) -> tuple[Array, Array]:
    """Gradient of ``g`` at the nodes, shape (4, n, n_nodes), and its mean Hessian, shape (4, 4, n)."""
    r, alpha, s, beta = params
    R = (r + x)[:, None]
    seen, lived = 1 / (alpha + T)[:, None], 1 / (beta + T)[:, None]
    bought, stayed = 1 / (alpha + nodes.y), 1 / (beta + nodes.y)
    slope = np.stack(
        [
            nodes.bought,
            R * (seen - bought),
            nodes.stayed + 1 / s,
            s * (lived - stayed) - stayed,
        ]
    )
    curve = np.zeros((4, 4, x.size))
    curve[0, 1] = curve[1, 0] = (share * (seen - bought)).sum(axis=1)
    curve[1, 1] = (share * R * (bought**2 - seen**2)).sum(axis=1)
    curve[2, 2] = -1 / s**2
    curve[2, 3] = curve[3, 2] = (share * (lived - stayed)).sum(axis=1)
    curve[3, 3] = (share * (s * (stayed**2 - lived**2) + stayed**2)).sum(axis=1)
    return slope, curve


def _by_rule(t_x: Array, T: Array, params: ParetoNBDParams, x: Array) -> list[tuple[NDArray[np.int64], bool]]:
    """Blocks of customers who had time to leave, and whether each needs the long rule."""
    silent = np.flatnonzero(t_x < T)
    long = _reach(x[silent], t_x[silent], T[silent], params) > _SHORT
    return [
        (rows[start : start + _BLOCK], rule)
        for rows, rule in ((silent[~long], False), (silent[long], True))
        for start in range(0, rows.size, _BLOCK)
    ]


def _reach(x: Array, t_x: Array, T: Array, params: ParetoNBDParams) -> Array:
    """How far beyond ``t_x``, in log(m + y), the integrand counts.

    Its logarithm is concave with a slope between 1 and ``-(r + x + s)``, so the point where it has
    fallen by 45 lies between 45 / (r + x + s) and the end; bisection there needs few steps, for
    the nodes do not need it precisely.
    """
    r, alpha, s, beta = params
    last = min(alpha, beta) + t_x
    end = np.log1p((T - t_x) / last)
    inside = np.minimum(_NEGLIGIBLE / (r + x + s), end)
    outside = end.copy()
    for _ in range(8):
        middle = np.sqrt(inside * outside)
        gone = last * np.expm1(middle)
        fall = (r + x) * np.log1p(gone / (alpha + t_x)) + (s + 1) * np.log1p(gone / (beta + t_x)) - middle
        small = fall > _NEGLIGIBLE
        inside, outside = np.where(small, inside, middle), np.where(small, middle, outside)
    return outside


def _nodes(x: Array, t_x: Array, T: Array, params: ParetoNBDParams, rule: bool) -> _Nodes:
    """Nodes in ``log(m + y)`` between ``t_x`` and where the integrand is negligible."""
    r, alpha, s, beta = params
    points, weights = _RULES[rule]
    reach = _reach(x, t_x, T, params)[:, None]
    last = (min(alpha, beta) + t_x)[:, None]
    step = reach * points
    y = t_x[:, None] + last * np.expm1(step)
    silence = T[:, None] - y
    bought, stayed = np.log1p(silence / (alpha + y)), np.log1p(silence / (beta + y))
    log_width = np.log(s * last * reach * weights) + step
    return _Nodes(y, bought, stayed, (r + x)[:, None] * bought + s * stayed - np.log(beta + y) + log_width)


def expected_purchases(x: Array, t_x: Array, T: Array, horizon: Array, params: ParetoNBDParams) -> Array:
    """E[Y(t) | x, t_x, T], purchases in the next ``horizon``; equation 41 of the paper."""
    ahead = purchases_given_alive(x, T, np.atleast_1d(horizon), np.ones(1), params)
    return probability_alive(x, t_x, T, params) * ahead


def purchases_given_alive(x: Array, T: Array, ends: Array, weights: Array, params: ParetoNBDParams) -> Array:
    """Weighted sum over ``ends`` of the expected purchases until then, for customers alive at ``T``.

    Given alive, ``lambda ~ Gamma(r+x, alpha+T)`` and ``mu ~ Gamma(s, beta+T)``: the rate times the
    time they will be with us, ``(beta+T) * ((1+z)**(1-s) - 1) / (1-s)`` with ``z = end/(beta+T)``,
    written so that nothing happens at ``s = 1``.
    """
    r, alpha, s, beta = params
    lived, with_us = beta + T, np.zeros(x.size)
    for end, weight in zip(ends, weights, strict=True):
        log_growth = np.log1p(end / lived)
        with_us += weight * log_growth * exprel((1 - s) * log_growth)
    return (r + x) / (alpha + T) * lived * with_us


def rate_of_leaving(params: ParetoNBDParams) -> float:
    """The mean rate of leaving per unit of time."""
    return params.s / params.beta


def simulate(T: Array, params: ParetoNBDParams, rng: np.random.Generator) -> tuple[Array, Array]:
    """Repeat purchases ``x`` and the time of the last, ``t_x``, of customers seen for ``T``."""
    return simulation.pareto_nbd_histories(T, params, rng)
