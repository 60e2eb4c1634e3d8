"""The beta-discrete-Weibull model of subscriptions (BdW).

A customer survives ``t`` renewals with probability ``(1 - theta)**(t**c)``, a discrete Weibull distribution,
and ``theta ~ Beta(alpha, beta)`` across customers. With ``c`` above 1 a customer's own churn probability
increases with every renewal, with ``c`` below 1 it decreases, and with ``c = 1`` it is constant: that is the
shifted beta-geometric model, `clvml.distributions.shifted_beta_geometric`.

The data of a customer are ``(renewed, offered)``, as in that module.

Fader, Hardie, Liu, Davin, Steenburgh (2018), "How to Project Customer Retention" Revisited: The Role of
Duration Dependence, Journal of Interactive Marketing 43. With ``alpha, beta`` for their ``gamma, delta``:

    survived d renewals:      S(d) = B(alpha, beta + d**c) / B(alpha, beta)
    churned at renewal d + 1: S(d) - S(d+1)

Given survival of ``n`` renewals, ``theta ~ Beta(alpha, beta + n**c)``. The functions work with the *exposure*
``u = t**c`` and its increments, which are computed without cancellation.

Renewals play the role of purchases; for active customers ``x = T`` is the number made so far.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import zeta

from clvml.distributions._covariates import in_log_parameters
from clvml.distributions._gamma_ratios import digamma_rise, log_beta_fall, trigamma_fall
from clvml.distributions._histories import count_equal, distinct_rows
from clvml.distributions._history import History, params_of_rows
from clvml.distributions._infinite_renewals import SUMMED, expected_beyond
from clvml.distributions._renewal_sums import sum_points
from clvml.distributions._scenarios import scaled_beta

Array = NDArray[np.float64]

_LARGEST_LOG = 330.0  # of an exposure: beyond it, more exposure is not distinguished
_NEGLIGIBLE = 1e-300  # of a gamma variate, whose logarithm is finite
_VARIES = 2.0  # a panel of renewals covers this fraction of its start, divided by c
_BLOCK = 1 << 18  # numbers of customers times points at once


class BetaDiscreteWeibullParams(NamedTuple):
    """Parameters of the beta-discrete-Weibull model, all dimensionless."""

    alpha: float
    beta: float
    c: float


class Renewals(NamedTuple):
    """Distinct histories: renewals made, whether the customer churned then, and weights."""

    made: Array
    churned: Array
    weight: Array


def count(history: History) -> Renewals:
    """Aggregate the customers for `objective`."""
    churned = (history.t_x < history.T).astype(float)
    (made, left), (weight,) = count_equal((history.t_x, churned), (history.weights,))
    return Renewals(made, left, weight)


def objective(params: BetaDiscreteWeibullParams, renewals: Renewals) -> tuple[float, Array, Array]:
    """Total log-likelihood with its gradient and Hessian in ``(alpha, beta, c)``."""
    made, churned, weight = renewals
    value, slope, curve = _terms(made, churned, params)
    return float(weight @ value), slope @ weight, curve @ weight


def total(params: BetaDiscreteWeibullParams, renewals: Renewals) -> float:
    """Total log-likelihood alone."""
    made, churned, weight = renewals
    return float(weight @ _log_likelihood(made, churned, params))


def derivatives(history: History, params: Any) -> tuple[Array, Array, Array]:
    """Log-likelihoods (n,), gradients (3, n) and Hessians (3, 3, n) in the log-parameters.

    ``params`` are ``alpha, beta, c``, each an array of one number per customer.
    """
    churned = (history.t_x < history.T).astype(float)
    return in_log_parameters(*_terms(history.t_x, churned, BetaDiscreteWeibullParams(*params)), params)


def log_likelihood(history: History, params: BetaDiscreteWeibullParams) -> Array:
    """Log-likelihood of each customer."""
    return _log_likelihood(history.t_x, (history.t_x < history.T).astype(float), params)


def probability_alive(history: History, params: BetaDiscreteWeibullParams) -> Array:  # noqa: ARG001
    """1 for customers who made every renewal, 0 for those who churned: churn is observed."""
    return (history.t_x == history.T).astype(float)


def dropout_rate(params: BetaDiscreteWeibullParams) -> float:
    """The mean probability of churn at the first renewal."""
    return params.alpha / (params.alpha + params.beta)


def rescaled(
    history: History,
    params: BetaDiscreteWeibullParams,
    purchase_rate: float,  # noqa: ARG001 - every active customer renews
    dropout: float,
) -> tuple[History, BetaDiscreteWeibullParams]:
    """Histories and parameters that give the predictions of a scenario from ``T`` on.

    The mean of ``theta`` is multiplied and ``alpha + beta`` unchanged, as in the shifted beta-geometric.

    Raises
    ------
    InputError
        If the multiple is not positive.
    """
    alpha, beta = scaled_beta("dropout", dropout, params.alpha, params.beta)
    return history, BetaDiscreteWeibullParams(alpha, beta, params.c)


def survival_probability(history: History, after: ArrayLike, params: BetaDiscreteWeibullParams) -> Array:
    """P(active after ``after`` more renewals | active after ``T``)."""
    alpha, beta, c = params
    return np.exp(-log_beta_fall(beta + exposure(history.T, c), alpha, more_exposure(history.T, after, c)))


def purchases_given_alive(
    history: History, ends: Array, weights: Array, params: BetaDiscreteWeibullParams
) -> Array:
    """Weighted sum over ``ends`` of the expected renewals until then, for customers active after ``T``."""
    k, weight = sum_points(ends, weights, min(1.0, _VARIES / float(np.max(params.c))))
    T, own, row = _distinct(history, params)
    sums, block = np.empty(T.size), max(1, _BLOCK // max(k.size, 1))
    for start in range(0, T.size, block):
        alpha, beta, c = (param[start : start + block, None] for param in own)
        made = T[start : start + block, None]
        log_survives = -log_beta_fall(beta + exposure(made, c), alpha, more_exposure(made, k, c))
        sums[start : start + block] = np.exp(log_survives) @ weight
    return sums[row]


def infinite_horizon_purchases(history: History, params: BetaDiscreteWeibullParams) -> Array:
    """E[renewals over an infinite horizon | active after ``T``]: infinite where ``alpha * c <= 1``."""
    T, own, row = _distinct(history, params)
    summed = purchases_given_alive(history, np.array([SUMMED]), np.ones(1), params)
    return summed + expected_beyond(T, *own)[row]


def count_probability(n: Array, horizon: float, history: History, params: BetaDiscreteWeibullParams) -> Array:
    """P(n renewals among the next ``horizon`` | active after ``T``)."""
    alpha, beta, c = params
    made = history.T + n
    survives = survival_probability(history, n, params)
    churns = -np.expm1(-log_beta_fall(beta + exposure(made, c), alpha, more_exposure(made, 1.0, c)))
    return np.where(n <= horizon, survives * np.where(n < horizon, churns, 1.0), 0.0)


def any_purchase_probability(
    history: History, horizon: float | Array, params: BetaDiscreteWeibullParams
) -> Array:
    """P(the next renewal is made, within ``horizon`` | active after ``T``)."""
    return np.where(np.asarray(horizon) >= 1, survival_probability(history, 1.0, params), 0.0)


def next_purchase_time(history: History, probability: Array, params: BetaDiscreteWeibullParams) -> Array:
    """1, the next renewal, where the probability that it is made reaches ``probability``."""
    return np.where(any_purchase_probability(history, 1.0, params) >= probability, 1.0, np.inf)


def simulate_ahead(
    history: History, horizon: float, params: BetaDiscreteWeibullParams, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Array]:
    """Simulate the next ``horizon`` renewals of customers active after ``T``: rows, and renewal numbers."""
    made = _draw_renewals(history.T, np.full(history.size, float(int(horizon))), params, rng).astype(np.int64)
    row = np.repeat(np.arange(made.size), made)
    return row, np.arange(1.0, row.size + 1) - np.repeat(np.cumsum(made) - made, made)


def simulate(T: Array, params: BetaDiscreteWeibullParams, rng: np.random.Generator) -> History:
    """Simulate histories of customers who were offered ``T`` renewals; ``x`` is the number made."""
    made = _draw_renewals(np.zeros(T.size), T, params, rng)
    return History(made, made, T)


def exposure(t: ArrayLike, c: ArrayLike) -> Array:
    """``t**c``."""
    t = np.asarray(t, dtype=float)
    log = np.minimum(c * np.log(np.where(t > 0, t, 1.0)), _LARGEST_LOG)
    return np.where(t > 0, np.exp(log), 0.0)


def more_exposure(t: ArrayLike, k: ArrayLike, c: ArrayLike) -> Array:
    """``(t + k)**c - t**c``, to full precision."""
    t, k = np.asarray(t, dtype=float), np.asarray(k, dtype=float)
    some = t > 0
    growth = np.minimum(c * np.log1p(k / np.where(some, t, 1.0)), _LARGEST_LOG)
    return np.where(some, exposure(t, c) * np.expm1(growth), exposure(k, c))


def _distinct(
    history: History, params: BetaDiscreteWeibullParams
) -> tuple[Array, tuple[Array, ...], NDArray[np.int64]]:
    """``T`` and the parameters of distinct customers, and the position of each customer among them."""
    columns = [history.T, *(np.asarray(param) for param in params if isinstance(param, np.ndarray))]
    first, row = distinct_rows(tuple(columns))
    own = tuple(np.broadcast_to(np.asarray(param), history.size)[first] for param in params)
    return history.T[first], own, row


def _log_likelihood(made: Array, churned: Array, params: BetaDiscreteWeibullParams) -> Array:
    alpha, beta, c = params
    u = exposure(made, c)
    value = -log_beta_fall(beta, alpha, u)
    fall = log_beta_fall(beta + u, alpha, more_exposure(made, 1.0, c))
    return np.where(churned > 0, value + np.log(-np.expm1(-fall)), value)


def _terms(made: Array, churned: Array, params: Any) -> tuple[Array, Array, Array]:
    """Log-likelihoods with gradients and Hessians in the parameters.

    ``ln S(d)``, and with ``g = ln S(d) - ln S(d+1)`` for those who churned ``ln(1 - exp(-g))``.
    """
    value, slope, curve = _log_survival(0.0, made, params)
    left = np.flatnonzero(churned)
    if left.size:
        stays = _log_survival(made[left], 1.0, params_of_rows(params, left))
        fall, fall_slope, fall_curve = (-part for part in stays)
        odds = np.exp(-fall) / -np.expm1(-fall)
        value[left] += np.log(-np.expm1(-fall))
        slope[:, left] += odds * fall_slope
        curve[:, :, left] += odds * (fall_curve - (1 + odds) * fall_slope[:, None] * fall_slope)
    return value, slope, curve


def _log_survival(t: ArrayLike, k: ArrayLike, params: Any) -> tuple[Array, Array, Array]:
    """``ln(S(t + k) / S(t))`` with its derivatives in ``(alpha, beta, c)``."""
    alpha, beta, c = params
    u, step = exposure(t, c), more_exposure(t, k, c)
    (du, du2), (dv, dv2) = _exposure_slopes(t, c), _exposure_slopes(np.asarray(t) + k, c)
    n = step.size
    at, whole = np.broadcast_to(beta + u, n), alpha + beta + u
    first, last = digamma_rise(at, alpha), digamma_rise(at + step, alpha)
    curve_first, curve_last = trigamma_fall(at, alpha), trigamma_fall(at + step, alpha)
    stay, all_ = trigamma_fall(at, step), trigamma_fall(whole, step)
    tail_first, tail_last = zeta(2.0, whole), zeta(2.0, whole + step)
    slope, curve = np.empty((3, n)), np.empty((3, 3, n))
    slope[0] = -digamma_rise(whole, step)
    slope[1] = digamma_rise(at, step) + slope[0]
    slope[2] = first * du - last * dv
    curve[0, 0] = curve[0, 1] = curve[1, 0] = all_
    curve[1, 1] = all_ - stay
    curve[0, 2] = curve[2, 0] = tail_first * du - tail_last * dv
    curve[1, 2] = curve[2, 1] = curve_last * dv - curve_first * du
    curve[2, 2] = curve_last * dv**2 - last * dv2 - curve_first * du**2 + first * du2
    return -log_beta_fall(at, alpha, step), slope, curve


def _exposure_slopes(t: ArrayLike, c: float | Array) -> tuple[Array, Array]:
    """First and second derivative of ``t**c`` in ``c``."""
    log = np.log(np.maximum(t, 1.0))
    first = np.where(c * log < _LARGEST_LOG, exposure(t, c) * log, 0.0)
    return first, first * log


def _draw_renewals(
    T: Array, most: Array, params: BetaDiscreteWeibullParams, rng: np.random.Generator
) -> Array:
    """Draw how many of the next ``most`` renewals customers active after ``T`` make.

    Survival is ``exp(-hazard * more_exposure)`` with ``hazard = -ln(1 - theta)``: an exponential variate over
    the hazard is the exposure that is survived, and its inverse the number of renewals.
    """
    alpha, beta, c = params
    churn, stay = rng.standard_gamma(alpha, T.size), rng.standard_gamma(beta + exposure(T, c), T.size)
    hazard = np.log1p(churn / np.maximum(stay, _NEGLIGIBLE))
    survived = rng.standard_exponential(T.size) / np.maximum(hazard, _NEGLIGIBLE)
    start = exposure(T, c)
    with np.errstate(over="ignore"):
        again = T * np.expm1(np.log1p(survived / np.where(T > 0, start, 1.0)) / c)
        made = np.where(T > 0, again, np.exp(np.log(np.maximum(survived, _NEGLIGIBLE)) / c))
    return np.minimum(np.floor(made), most)
