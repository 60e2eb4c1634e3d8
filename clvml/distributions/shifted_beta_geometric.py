"""The shifted beta-geometric model of subscriptions (sBG).

At each renewal a customer churns with probability ``theta``, constant over time but heterogeneous
across customers, ``theta ~ Beta(alpha, beta)``: customers with high churn probability churn first, so
the retention rate of a cohort increases.

The data of a customer are ``(renewed, offered)``: renewals made, of those offered. A customer who made fewer
than were offered has churned, at renewal ``renewed + 1``; the others are active.

Fader, Hardie (2007), How to Project Customer Retention, Journal of Interactive Marketing 21(1).
Equations 5 and 6:

    survived d renewals:      B(alpha, beta+d) / B(alpha, beta)
    churned at renewal d + 1: the same, times alpha / (alpha+beta+d)

Renewals play the role of purchases; for active customers ``x = T`` is the number made so far.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvml.distributions import _survival as survival
from clvml.distributions._covariates import in_log_parameters
from clvml.distributions._gamma_ratios import digamma_rise, log_beta_fall, trigamma_fall
from clvml.distributions._history import History
from clvml.distributions._scenarios import scaled_beta

Array = NDArray[np.float64]


class ShiftedBetaGeometricParams(NamedTuple):
    """Parameters of the shifted beta-geometric model, both dimensionless."""

    alpha: float
    beta: float


class Renewals(NamedTuple):
    """Weights of customers who made more than ``j`` renewals, decided on more than ``j``, and churned."""

    made: Array
    decided: Array
    churned: float


def count(history: History) -> Renewals:
    """Aggregate the customers for `objective`."""
    t_x, weight = history.t_x, history.weights
    churned = t_x < history.T
    made, decided = (
        np.bincount(number.astype(np.int64), weight, int(history.T.max()) + 1)[::-1].cumsum()[::-1][1:]
        for number in (t_x, t_x + churned)
    )
    return Renewals(made, decided, float(weight @ churned))


def objective(params: ShiftedBetaGeometricParams, renewals: Renewals) -> tuple[float, Array, Array]:
    """Total log-likelihood with its gradient and Hessian in ``(alpha, beta)``."""
    alpha, beta = params
    made, decided, churned = renewals
    stay, all_ = beta + np.arange(made.size), alpha + beta + np.arange(decided.size)
    value = churned * np.log(alpha) + made @ np.log(stay) - decided @ np.log(all_)
    slope, curve = -(decided / all_).sum(), (decided / all_**2).sum()
    gradient = np.array([churned / alpha + slope, (made / stay).sum() + slope])
    hessian = np.array([[curve - churned / alpha**2, curve], [curve, curve - (made / stay**2).sum()]])
    return float(value), gradient, hessian


def total(params: ShiftedBetaGeometricParams, renewals: Renewals) -> float:
    """Total log-likelihood alone."""
    return objective(params, renewals)[0]


def derivatives(history: History, params: Any) -> tuple[Array, Array, Array]:
    """Log-likelihoods (n,), gradients (2, n) and Hessians (2, 2, n) in the log-parameters.

    ``params`` are ``alpha, beta``, each an array of one number per customer.
    """
    alpha, beta = params
    made, churned = history.t_x, (history.t_x < history.T).astype(float)
    decided = made + churned
    slope = np.stack([churned / alpha, digamma_rise(beta, made)]) - digamma_rise(alpha + beta, decided)
    curve = np.tile(trigamma_fall(alpha + beta, decided), (2, 2, 1))
    curve[0, 0] -= churned / alpha**2
    curve[1, 1] -= trigamma_fall(beta, made)
    value = log_likelihood(history, ShiftedBetaGeometricParams(alpha, beta))
    return in_log_parameters(value, slope, curve, params)


def log_likelihood(history: History, params: ShiftedBetaGeometricParams) -> Array:
    """Log-likelihood of each customer."""
    alpha, beta = params
    t_x = history.t_x
    churned = np.where(t_x < history.T, np.log(alpha / (alpha + beta + t_x)), 0.0)
    return churned - log_beta_fall(beta, alpha, t_x)


def probability_alive(history: History, params: ShiftedBetaGeometricParams) -> Array:  # noqa: ARG001
    """1 for customers who made every renewal, 0 for those who churned: churn is observed."""
    return (history.t_x == history.T).astype(float)


def dropout_rate(params: ShiftedBetaGeometricParams) -> float:
    """The mean probability of churn at the first renewal."""
    return params.alpha / (params.alpha + params.beta)


def rescaled(
    history: History,
    params: ShiftedBetaGeometricParams,
    purchase_rate: float,  # noqa: ARG001 - every active customer renews
    dropout: float,
) -> tuple[History, ShiftedBetaGeometricParams]:
    """Histories and parameters that give the predictions of a scenario from ``T`` on.

    The mean of ``theta`` is multiplied and ``alpha + beta`` unchanged: ``Beta(alpha, beta + T)`` becomes
    ``Beta(dropout * alpha, beta + T + (1 - dropout) * alpha)``.

    Raises
    ------
    InputError
        If the multiple is not positive.
    """
    return history, ShiftedBetaGeometricParams(*scaled_beta("dropout", dropout, *params))


def survival_probability(history: History, after: float, params: ShiftedBetaGeometricParams) -> Array:
    """P(active after ``after`` more renewals | active after ``T``)."""
    return survival.survival_probability(*params, history.T, after)


def purchases_given_alive(
    history: History, ends: Array, weights: Array, params: ShiftedBetaGeometricParams
) -> Array:
    """Weighted sum over ``ends`` of the expected renewals until then, for customers active after ``T``."""
    return survival.discounted_survival(*params, history.T, ends, weights)


def infinite_horizon_purchases(history: History, params: ShiftedBetaGeometricParams) -> Array:
    """E[renewals over an infinite horizon | active after ``T``]: infinite where ``alpha`` is 1 or less."""
    return survival.infinite_horizon_survival(*params, history.T)


def count_probability(
    n: Array, horizon: float, history: History, params: ShiftedBetaGeometricParams
) -> Array:
    """P(n renewals among the next ``horizon`` | active after ``T``); equations 5 and 6 of the paper."""
    T = history.T
    survives = survival.survival_probability(*params, T, n)
    churns = np.where(n < horizon, params.alpha / (params.alpha + params.beta + T + n), 1.0)
    return np.where(n <= horizon, survives * churns, 0.0)


def any_purchase_probability(
    history: History, horizon: float | Array, params: ShiftedBetaGeometricParams
) -> Array:
    """P(the next renewal is made, within ``horizon`` | active after ``T``)."""
    return np.where(np.asarray(horizon) >= 1, survival.survival_probability(*params, history.T, 1.0), 0.0)


def next_purchase_time(history: History, probability: Array, params: ShiftedBetaGeometricParams) -> Array:
    """1, the next renewal, where the probability that it is made reaches ``probability``."""
    return np.where(any_purchase_probability(history, 1.0, params) >= probability, 1.0, np.inf)


def simulate_ahead(
    history: History, horizon: float, params: ShiftedBetaGeometricParams, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Array]:
    """Simulate the next ``horizon`` renewals of customers active after ``T``: rows, and renewal numbers."""
    made = survival.draw_survival(*params, history.T, horizon, rng)
    row = np.repeat(np.arange(made.size), made)
    return row, np.arange(1.0, row.size + 1) - np.repeat(np.cumsum(made) - made, made)


def simulate(T: Array, params: ShiftedBetaGeometricParams, rng: np.random.Generator) -> History:
    """Simulate histories of customers who were offered ``T`` renewals; ``x`` is the number made."""
    churn = np.maximum(rng.beta(*params, T.size), np.finfo(float).tiny)
    made = np.minimum(rng.geometric(churn) - 1.0, T)
    return History(made, made, T)
