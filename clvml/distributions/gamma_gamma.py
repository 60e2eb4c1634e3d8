"""The Gamma-Gamma model of spend per purchase.

The spend of a customer's purchases varies around the customer's mean, and means vary across customers::

    spend of one purchase ~ Gamma(shape=p, rate=nu)        nu ~ Gamma(shape=q, rate=v)

The data of a customer are ``(x, m)``: ``x`` purchases with average ``m``. ``v`` has the unit of
money, ``p`` and ``q`` are dimensionless. Spend is assumed to be independent of purchase frequency.

Fader, Hardie (2013), The Gamma-Gamma Model of Monetary Value, note 025, equations 1a and 5.
With ``y = x*m`` the customer's total, only ``log1p(v/y)`` and ``log1p(y/v)`` depend on the
money, and gamma functions on the distinct ``x`` alone. These are differences by ``q`` of functions at
``p*x``, which may be a million times as large: see `clvml.distributions._gamma_ratios`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize.elementwise import find_root
from scipy.special import betainc, gammaincc, gammainccinv, zeta

from clvml.distributions._gamma_ratios import (
    digamma_rise,
    log_binomial,
    log_factorial_rest,
    trigamma_fall,
)
from clvml.distributions._histories import count_numbers

Array = NDArray[np.float64]

_BLOCK = 32_768
_APART = 1e-6  # in logarithms: widens a bracket to allow for rounding
_LARGEST = 709.0  # e**709 is near the largest float


class GammaGammaParams(NamedTuple):
    """Parameters of the Gamma-Gamma model; ``v`` has the unit of money, the others have none."""

    p: float
    q: float
    v: float


@dataclass(frozen=True, eq=False)
class Spend:
    """Data of customers with spend: ``x`` purchases of average ``m > 0``, and weights of the rows."""

    x: Array
    m: Array
    weights: Array

    @property
    def size(self) -> int:
        """Number of rows."""
        return int(self.x.size)

    def rows(self, rows: slice) -> Spend:
        """The selected rows."""
        return Spend(self.x[rows], self.m[rows], self.weights[rows])


class Spenders(NamedTuple):
    """Aggregated by number of purchases: ``numbers`` and weights; by customer: totals and weights."""

    numbers: Array
    number_weight: Array
    y: Array
    weight: Array
    weight_x: Array


def count(spend: Spend) -> Spenders:
    """Aggregate the customers for the likelihood."""
    x, m, weight = spend.x, spend.m, spend.weights
    by_number = count_numbers(x, weight)
    numbers = np.flatnonzero(by_number)
    y = x * m
    return Spenders(numbers.astype(float), by_number[numbers], y, weight, weight * x)


def log_likelihood(x: Array, m: Array, params: GammaGammaParams) -> Array:
    """Log-density of each customer's average spend ``m > 0`` over ``x >= 1`` purchases."""
    p, q, v = params
    own = p * x
    return log_binomial(own, q, x * m, v) - np.log(m) + np.log(own) - np.log1p(own / q)


def objective(params: GammaGammaParams, spenders: Spenders) -> tuple[float, Array, Array]:
    """Log-likelihood, less the constant ``sum(log m)``, with gradient and Hessian in ``(p, q, v)``."""
    value, gradient, hessian = _by_number(params, spenders.numbers, spenders.number_weight)
    for start in range(0, spenders.y.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        part = _by_money(params, spenders.y[block], spenders.weight[block], spenders.weight_x[block])
        value, gradient, hessian = value + part[0], gradient + part[1], hessian + part[2]
    return float(value), gradient, hessian


def _by_number(params: GammaGammaParams, x: Array, w: Array) -> tuple[float, Array, Array]:
    """The terms with gamma functions."""
    p, q, _ = params
    own, wx = p * x, w * x
    total = own + q
    rests = log_factorial_rest(np.concatenate([total, own, [q]]))
    rest = rests[: x.size] - rests[x.size : -1] - rests[-1]
    shares = own * np.log1p(q / own) + (q - 1) * np.log1p(own / q) + np.log(own)
    gradient: Array = np.array([wx @ digamma_rise(own, q), w @ digamma_rise(q, own), 0.0])
    hessian = np.zeros((3, 3))
    hessian[0, 0] = -((wx * x) @ trigamma_fall(own, q))
    hessian[0, 1] = hessian[1, 0] = wx @ zeta(2.0, total)
    hessian[1, 1] = -(w @ trigamma_fall(q, own))
    return float(w @ (rest + shares)), gradient, hessian


def _by_money(params: GammaGammaParams, y: Array, w: Array, wx: Array) -> tuple[float, Array, Array]:
    """The terms with logarithms of spend, without cancellation where ``p`` and ``q`` differ greatly."""
    p, q, v = params
    ratio, inverse = y / v, 1 / (v + y)
    share = y * inverse
    less_x, more_w, x_whole = wx @ np.log1p(1 / ratio), w @ np.log1p(ratio), wx @ inverse
    w_share = w * share
    y_whole = w_share.sum() / v
    gradient: Array = np.array([-less_x, -more_w, q * y_whole - p * x_whole])
    hessian = np.zeros((3, 3))
    hessian[0, 2] = hessian[2, 0] = -x_whole
    hessian[1, 2] = hessian[2, 1] = y_whole
    hessian[2, 2] = p * (wx @ inverse**2) - q / v * (y_whole + w_share @ inverse)
    return float(-p * less_x - q * more_w), gradient, hessian


def expected_spend(x: Array, m: Array, params: GammaGammaParams) -> Array:
    """E[M | x, m], the mean of a customer's future purchases; equation 5 of the note.

    A weighted mean of the customer's average and of the population mean ``p*v/(q-1)``.
    Finite if ``p*x + q > 1``, which the caller must check.
    """
    p, q, v = params
    spend = np.empty(x.size)
    for start in range(0, x.size, _BLOCK):
        rows = slice(start, start + _BLOCK)
        spend[rows] = p * (v + x[rows] * m[rows]) / (p * x[rows] + (q - 1))
    return spend


def average_below(x: Array, m: Array, params: GammaGammaParams) -> Array:
    """P(average spend over ``x`` purchases <= ``m``): total / (total + v) is Beta(p*x, q)."""
    p, q, v = params
    total = x * m
    share = total / (total + v)
    return np.asarray(betainc(p * x, q, share), dtype=float)


def posterior(x: Array, m: Array, params: GammaGammaParams) -> tuple[Array, Array]:
    """Shape and rate of the Gamma distribution of ``nu``, given ``x`` purchases of average ``m``."""
    p, q, v = params
    return p * x + q, v + x * m


def mean_spend_quantile(level: float, x: Array, m: Array, draws: list[GammaGammaParams]) -> Array:
    """Posterior quantile of each customer's mean spend ``p / nu``, averaged over draws of the parameters.

    Infinite if it overflows, as that of one-time buyers may at a tiny ``q``.
    """
    low, high = np.full(x.size, np.inf), np.zeros(x.size)
    for p, q, v in draws:
        with np.errstate(divide="ignore", over="ignore"):
            quantile = p * (v + x * m) / gammainccinv(p * x + q, level)
        low, high = np.minimum(low, quantile), np.maximum(high, quantile)
    if len(draws) == 1:
        return low

    def too_likely(log_z: Array, x: Array, y: Array) -> Array:
        """P(mean spend <= z), less the level."""
        below = np.zeros(log_z.shape)
        for p, q, v in draws:
            below += gammaincc(p * x + q, p * (v + y) * np.exp(-log_z))
        return below / len(draws) - level

    between = np.log(low) - _APART, np.minimum(np.log(high) + _APART, _LARGEST)
    found = find_root(too_likely, between, args=(x, x * m), tolerances={"xatol": 1e-10})
    return np.where(found.success, np.exp(found.x), high)
