"""The shifted beta-geometric model of subscriptions (sBG).

At each renewal a customer leaves with probability ``theta``, constant over time but different
from customer to customer, ``theta ~ Beta(alpha, beta)``: those likely to leave do so first, so
the retention rate of a cohort rises.

A customer is seen as ``(renewed, offered)``: renewals made, of those offered. Whoever made fewer
than were offered has left, at renewal ``renewed + 1``; the others are with us still.

Fader, Hardie (2007), How to Project Customer Retention, Journal of Interactive Marketing 21(1).
Their beta functions (equations 5 and 6):

    stayed for d:            B(alpha, beta+d) / B(alpha, beta)
    left at renewal d + 1:   the same, times alpha / (alpha+beta+d)

Of customers still there, renewals are the purchases, and ``x = T`` counts those made so far.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvml.distributions import _survival as survival
from clvml.distributions._gamma_ratios import log_beta_fall
from clvml.distributions._scenarios import scaled_beta

Array = NDArray[np.float64]


class ShiftedBetaGeometricParams(NamedTuple):
    """Parameters of the shifted beta-geometric model: pure numbers."""

    alpha: float
    beta: float


class Renewals(NamedTuple):
    """Weights of customers who made more than ``j`` renewals, decided on more than ``j``, and left."""

    made: Array
    decided: Array
    left: float


def count(x: Array, t_x: Array, T: Array, weight: Array) -> Renewals:  # noqa: ARG001
    """What `objective` needs of the customers."""
    left = t_x < T
    made, decided = (
        np.bincount(number.astype(np.int64), weight, int(T.max()) + 1)[::-1].cumsum()[::-1][1:]
        for number in (t_x, t_x + left)
    )
    return Renewals(made, decided, float(weight @ left))


def objective(params: ShiftedBetaGeometricParams, renewals: Renewals) -> tuple[float, Array, Array]:
    """Total log-likelihood with its gradient and Hessian in ``(alpha, beta)``."""
    alpha, beta = params
    made, decided, left = renewals
    stay, all_ = beta + np.arange(made.size), alpha + beta + np.arange(decided.size)
    value = left * np.log(alpha) + made @ np.log(stay) - decided @ np.log(all_)
    slope, curve = -(decided / all_).sum(), (decided / all_**2).sum()
    gradient = np.array([left / alpha + slope, (made / stay).sum() + slope])
    hessian = np.array([[curve - left / alpha**2, curve], [curve, curve - (made / stay**2).sum()]])
    return float(value), gradient, hessian


def total(params: ShiftedBetaGeometricParams, renewals: Renewals) -> float:
    """Total log-likelihood alone."""
    return objective(params, renewals)[0]


def log_likelihood(
    x: Array,  # noqa: ARG001
    t_x: Array,
    T: Array,
    params: ShiftedBetaGeometricParams,
) -> Array:
    """Log-likelihood of each customer."""
    alpha, beta = params
    left = np.where(t_x < T, np.log(alpha / (alpha + beta + t_x)), 0.0)
    return left - log_beta_fall(beta, alpha, t_x)


def probability_alive(
    x: Array,  # noqa: ARG001
    t_x: Array,
    T: Array,
    params: ShiftedBetaGeometricParams,  # noqa: ARG001
) -> Array:
    """1 for customers who made every renewal, 0 for those who left: a contract tells."""
    return (t_x == T).astype(float)


def rate_of_leaving(params: ShiftedBetaGeometricParams) -> float:
    """The mean probability of leaving at the first renewal."""
    return params.alpha / (params.alpha + params.beta)


def rescaled(
    x: Array,  # noqa: ARG001
    T: Array,
    params: ShiftedBetaGeometricParams,
    purchase_rate: float,  # noqa: ARG001 - a customer who stays has renewed
    dropout: float,
) -> tuple[Array, ShiftedBetaGeometricParams]:
    """``T`` and parameters by which the functions of the future give a scenario from ``T`` on.

    The mean of ``theta`` is multiplied and ``alpha + beta`` stays: ``Beta(alpha, beta + T)`` becomes
    ``Beta(dropout * alpha, beta + T + (1 - dropout) * alpha)``.

    Raises
    ------
    InputError
        If the multiple is not positive.
    """
    return T, ShiftedBetaGeometricParams(*scaled_beta("dropout", dropout, *params))


def probability_of_staying(
    x: Array,  # noqa: ARG001
    T: Array,
    after: float,
    params: ShiftedBetaGeometricParams,
) -> Array:
    """P(still there ``after`` more renewals | there after ``T``)."""
    return survival.probability_of_staying(*params, T, after)


def purchases_given_alive(
    x: Array,  # noqa: ARG001
    T: Array,
    ends: Array,
    weights: Array,
    params: ShiftedBetaGeometricParams,
) -> Array:
    """Weighted sum over ``ends`` of the expected renewals until then, for customers there after ``T``."""
    return survival.discounted_stay(*params, T, ends, weights)


def endless_purchases(x: Array, T: Array, params: ShiftedBetaGeometricParams) -> Array:  # noqa: ARG001
    """E[renewals ever | there after ``T``]: infinite where ``alpha`` is 1 or less."""
    return survival.endless_stay(*params, T)


def count_probability(
    n: Array,
    horizon: float,
    x: Array,  # noqa: ARG001
    T: Array,
    params: ShiftedBetaGeometricParams,
) -> Array:
    """P(n renewals among the next ``horizon`` | there after ``T``); equations 5 and 6 of the paper."""
    stays = survival.probability_of_staying(*params, T, n)
    leaves = np.where(n < horizon, params.alpha / (params.alpha + params.beta + T + n), 1.0)
    return np.where(n <= horizon, stays * leaves, 0.0)


def simulate_ahead(
    x: Array,  # noqa: ARG001
    T: Array,
    horizon: float,
    params: ShiftedBetaGeometricParams,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], Array]:
    """Renewals, of the next ``horizon``, of customers there after ``T``: whose, and which."""
    made = survival.draw_stay(*params, T, horizon, rng)
    row = np.repeat(np.arange(made.size), made)
    return row, np.arange(1.0, row.size + 1) - np.repeat(np.cumsum(made) - made, made)


def simulate(T: Array, params: ShiftedBetaGeometricParams, rng: np.random.Generator) -> tuple[Array, Array]:
    """Renewals made, and which was the last, by customers who were offered ``T``: the same number twice."""
    leaves = np.maximum(rng.beta(*params, T.size), np.finfo(float).tiny)
    made = np.minimum(rng.geometric(leaves) - 1.0, T)
    return made, made
