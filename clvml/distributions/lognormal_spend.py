"""The lognormal model of spend per purchase: averages and customers' means are lognormal.

The average of a customer's purchases varies around the customer's mean spend ``e**theta``, and means vary
across customers::

    amount = exp(theta) * A      ln A ~ Normal(-sigma**2 / 2, variance sigma**2), so that E[A] = 1
    theta  ~ Normal(ln(level), variance tau**2)

The data of a customer are ``(x, m)``: ``x`` purchases with average ``m``. ``level`` is the median of
customers' mean spend, in money; ``tau`` is the standard deviation of its logarithm across customers, and
``sigma`` that of the logarithm of a customer's single amounts.

The logarithm of the average of ``x`` amounts is ``theta + ln A_x``. It is normal for ``x = 1``, and in the
limit of large ``x``; between them it is taken to be normal with the mean ``k_x`` and the variance ``s_x`` of
``ln A_x``, which are computed exactly (`clvml.distributions._lognormal_averages`). So the customer summary
suffices. The likelihood depends on the data through the mean and the variance of ``ln m`` by number of
purchases, and ``theta`` given the data is normal around a weighted mean of the customer's average and the
level, in logarithms (`posterior`). (The lognormal distribution with the mean and the variance of ``A_x``,
as in Fenton 1960, is not used: its logarithm varies too much, and from ``sigma = 1.5`` customers do not
seem to differ.)

Compared with Gamma-Gamma, whose distribution of means has the tail of a power law (of exponent ``q``) and
whose weight of a customer's average is the same for all amounts, one extreme amount moves expectations less.
With covariates ``ln level_i = ln level + gamma' z_i``: ``exp(gamma)`` multiplies mean spend.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize.elementwise import find_root
from scipy.special import ndtr, ndtri

from clvml.distributions._history import Array
from clvml.distributions._lognormal_averages import log_average
from clvml.distributions.gamma_gamma import Spend

_LOG_2_PI = float(np.log(2 * np.pi))
_LARGEST = 709.0  # e**709 is near the largest float


class LognormalSpendParams(NamedTuple):
    """Parameters of the lognormal model; ``level`` has the unit of money, the others have none."""

    level: float
    tau: float
    sigma: float


class AverageCounts(NamedTuple):
    """By number of purchases: weight, and mean and variance of the logarithm of average spend."""

    numbers: Array
    weight: Array
    mean: Array
    variance: Array


def count(spend: Spend) -> AverageCounts:
    """The sufficient statistics of the customers for the likelihood."""
    numbers, at = np.unique(spend.x, return_inverse=True)
    logs, weights = np.log(spend.m), spend.weights
    weight = np.bincount(at, weights)
    mean = np.bincount(at, weights * logs) / weight
    variance = np.bincount(at, weights * (logs - mean[at]) ** 2) / weight
    return AverageCounts(numbers, weight.astype(float), mean, variance)


def log_likelihood(x: Array, m: Array, params: LognormalSpendParams) -> Array:
    """Log-density of each customer's average spend ``m > 0`` over ``x >= 1`` purchases."""
    level, tau, sigma = params
    average, logs = log_average(x, sigma), np.log(m)
    variance = average.variance + np.square(tau)
    off = logs - np.log(level) - average.mean
    return -0.5 * (_LOG_2_PI + np.log(variance) + off**2 / variance) - logs


def objective(params: Any, counts: AverageCounts) -> tuple[float, Array, Array]:
    """Log-likelihood, less the constant ``-sum(log m)``, with gradient and Hessian in the parameters."""
    p = np.array(params, dtype=float)
    parts = _in_logs(counts.numbers, counts.mean, counts.variance, *p)
    value, slope, curve = (part @ counts.weight for part in parts)
    return float(value), slope / p, (curve - np.diag(slope)) / np.outer(p, p)


def derivatives(spend: Spend, params: Any) -> tuple[Array, Array, Array]:
    """As `objective`, of each customer with its own ``level``, in the logarithms of the parameters."""
    level, tau, sigma = params
    return _in_logs(spend.x, np.log(spend.m), 0.0, level, tau[0], float(sigma[0]))


def _in_logs(
    x: Array, mean: Array, variance: Array | float, level: Any, tau: float, sigma: float
) -> tuple[Array, Array, Array]:
    """Value, slopes and curvatures in the log-parameters, of the mean over customers with these moments.

    With ``V`` the variance of ``ln m`` and ``d`` its distance from its mean, both functions of the
    log-parameters, by the chain rule.
    """
    of, square = log_average(x, sigma), tau**2
    V, d = of.variance + square, mean - np.log(level) - of.mean
    squares = d**2 + variance
    zero, one = np.zeros(x.shape), np.ones(x.shape)
    V_slope = np.stack([zero, 2 * square * one, of.variance_slope])
    d_slope = np.stack([-one, zero, -of.mean_slope])
    by_V, by_d = (squares / V - 1) / (2 * V), -d / V
    by_VV, by_Vd = (0.5 - squares / V) / V**2, d / V**2
    slope = by_V * V_slope + by_d * d_slope
    cross = V_slope[:, None] * d_slope
    curve = by_VV * V_slope[:, None] * V_slope + by_Vd * (cross + cross.swapaxes(0, 1))
    curve -= d_slope[:, None] * d_slope / V
    curve[1, 1] += by_V * 4 * square
    curve[2, 2] += by_V * of.variance_curve - by_d * of.mean_curve
    return -0.5 * (_LOG_2_PI + np.log(V) + squares / V), slope, curve


def posterior(x: Array, m: Array, params: LognormalSpendParams) -> tuple[Array, Array]:
    """Mean and variance of ``theta``, the log of a customer's mean spend, which is normal given the data.

    Of customers without purchases, or with an average of zero, those of the population.
    """
    level, tau, sigma = params
    known = (x > 0) & (m > 0)
    average = log_average(np.where(known, x, 1.0), sigma)
    s, square, center = average.variance, np.square(tau), np.log(level)
    weight = np.where(known, square / (square + s), 0.0)
    off = np.log(np.where(known, m, 1.0)) - average.mean - center
    # tau**2 * s / (tau**2 + s) without cancellation where the customer's own average weighs nearly all.
    left = np.where(known, square * s / (square + s), square)
    return center + weight * off, left


def expected_spend(x: Array, m: Array, params: LognormalSpendParams) -> Array:
    """E[e**theta | x, m], the mean of a customer's future purchases; infinite if it overflows."""
    center, variance = posterior(x, m, params)
    with np.errstate(over="ignore"):
        return np.exp(center + variance / 2)


def average_below(x: Array, m: Array, params: LognormalSpendParams) -> Array:
    """P(average spend over ``x`` purchases <= ``m``)."""
    level, tau, sigma = params
    average = log_average(np.asarray(x, dtype=float), sigma)
    with np.errstate(divide="ignore"):
        off = np.log(np.maximum(m, 0.0)) - np.log(level) - average.mean
    return np.asarray(ndtr(off / np.sqrt(average.variance + np.square(tau))), dtype=float)


def mean_spend_quantile(level: float, x: Array, m: Array, draws: list[LognormalSpendParams]) -> Array:
    """Posterior quantile of each customer's mean spend, averaged over draws of the parameters."""
    parts = [posterior(x, m, draw) for draw in draws]
    centers, sds = (np.stack(part) for part in ([c for c, _ in parts], [np.sqrt(v) for _, v in parts]))
    quantiles = centers + sds * ndtri(level)
    low, high = quantiles.min(axis=0), quantiles.max(axis=0)
    found = low if len(draws) == 1 else _mixture_quantile(level, centers, sds, low, high)
    return np.exp(np.minimum(found, _LARGEST))


def _mixture_quantile(level: float, centers: Array, sds: Array, low: Array, high: Array) -> Array:
    """Quantile of an equal mixture of normal distributions, between those of its components."""

    def too_likely(z: Array, row: Array) -> Array:
        at = row.astype(np.int64)
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = (z - centers[:, at]) / sds[:, at]
        return np.asarray(ndtr(np.nan_to_num(scaled)).mean(axis=0) - level, dtype=float)

    between = low - 1e-9 * (1 + abs(low)), high + 1e-9 * (1 + abs(high))
    found = find_root(too_likely, between, args=(np.arange(low.size),), tolerances={"xatol": 1e-10})
    return np.where(found.success, found.x, high)


def simulate_amounts(
    spend: Spend, params: LognormalSpendParams, number: NDArray[np.int64], rng: np.random.Generator
) -> Array:
    """Simulate ``number`` further purchases of each customer, concatenated, from their posterior means."""
    center, variance = posterior(spend.x, spend.m, params)
    theta = center + np.sqrt(variance) * rng.standard_normal(center.size)
    sigma = params.sigma
    noise = sigma * rng.standard_normal(int(number.sum())) - sigma**2 / 2
    return np.asarray(np.exp(np.minimum(np.repeat(theta, number) + noise, _LARGEST)), dtype=float)


def simulate_average(x: Array, params: LognormalSpendParams, rng: np.random.Generator) -> Array:
    """Simulate average spend over ``x`` purchases; 0 if ``x`` is 0."""
    level, tau, sigma = params
    average = log_average(np.maximum(x, 1.0), sigma)
    theta = np.log(level) + tau * rng.standard_normal(x.size)
    logs = theta + average.mean + np.sqrt(average.variance) * rng.standard_normal(x.size)
    return np.where(x > 0, np.exp(np.minimum(logs, _LARGEST)), 0.0)
