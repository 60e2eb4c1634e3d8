"""The Gamma-Gamma model of spend per purchase.

The spend of a customer's purchases varies around the customer's mean, and means vary across customers::

    spend of one purchase ~ Gamma(shape=p, rate=nu)        nu ~ Gamma(shape=q, rate=v)

The data of a customer are ``(x, m)``: ``x`` purchases with average ``m``. ``v`` has the unit of
money, ``p`` and ``q`` are dimensionless. Spend is assumed to be independent of purchase frequency.

Fader, Hardie (2013), The Gamma-Gamma Model of Monetary Value, note 025, equations 1a and 5.
With ``y = x*m`` the customer's total, only ``log1p(v/y)`` and ``log1p(y/v)`` depend on the
money, and gamma functions on the distinct ``x`` alone. These are differences by ``q`` of functions at
``p*x``, which may be a million times as large: see `clvml.distributions._gamma_ratios`.

With covariates ``ln v_i = ln v + gamma' z_i``: as ``v`` is the scale of ``1 / nu``, and so of money,
``exp(gamma)`` multiplies mean spend, with the same relative heterogeneity ``p, q`` for all customers. (One of
``p`` or ``q`` would change the shape of the distribution with its mean.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize.elementwise import find_root
from scipy.special import betainc, betaln, gammaincc, gammainccinv

from clvml.distributions._covariates import in_log_parameters
from clvml.distributions._gamma_ratios import gamma_differences, log_binomial
from clvml.distributions._histories import count_numbers
from clvml.distributions._history import Rows, params_of_rows

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
    """Data of customers with spend: ``x`` purchases of average ``m > 0``, and weights of the rows.

    ``covariates`` by side of the model, as in `clvml.distributions.History`.
    """

    x: Array
    m: Array
    weights: Array
    covariates: Mapping[str, Array] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of rows."""
        return int(self.x.size)

    def rows(self, rows: Rows) -> Spend:
        """The selected rows."""
        covariates = {side: known[rows] for side, known in self.covariates.items()}
        return Spend(self.x[rows], self.m[rows], self.weights[rows], covariates)

    def with_covariates(self, covariates: Mapping[str, Array]) -> Spend:
        """The same customers, with these covariates."""
        return replace(self, covariates=covariates)


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
    rest, rises, falls, tail = gamma_differences(own, q)
    shares = own * np.log1p(q / own) + (q - 1) * np.log1p(own / q) + np.log(own)
    gradient: Array = np.array([wx @ rises[0], w @ rises[1], 0.0])
    hessian = np.zeros((3, 3))
    hessian[0, 0] = -((wx * x) @ falls[0])
    hessian[0, 1] = hessian[1, 0] = wx @ tail
    hessian[1, 1] = -(w @ falls[1])
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


def derivatives(spend: Spend, params: Any) -> tuple[Array, Array, Array]:
    """As `objective`, of each customer with its own ``v``, in the logarithms of the parameters.

    ``p`` and ``q`` must be the same for all customers: gamma functions are evaluated once per distinct ``x``.
    """
    x, y, (p_each, q_each, v) = spend.x, spend.x * spend.m, params
    p, q = p_each[0], q_each[0]
    numbers, at = np.unique(x, return_inverse=True)
    own = p * numbers
    rest, rises, falls, tail = gamma_differences(own, q)
    shares = own * np.log1p(q / own) + (q - 1) * np.log1p(own / q) + np.log(own)
    inverse, less, more = 1 / (v + y), np.log1p(v / y), np.log1p(y / v)
    whole = y * inverse / v
    slope = np.stack([x * (rises[0][at] - less), rises[1][at] - more, q * whole - p * x * inverse])
    curve = np.zeros((3, 3, x.size))
    curve[0, 0], curve[1, 1] = -(x**2) * falls[0][at], -falls[1][at]
    curve[0, 1] = curve[1, 0] = x * tail[at]
    curve[0, 2] = curve[2, 0] = -x * inverse
    curve[1, 2] = curve[2, 1] = whole
    curve[2, 2] = p * x * inverse**2 - q / v * (whole + y * inverse**2)
    value = (rest + shares)[at] - p * x * less - q * more
    return in_log_parameters(value, slope, curve, (p_each, q_each, v))


def expected_spend(x: Array, m: Array, params: GammaGammaParams) -> Array:
    """E[M | x, m], the mean of a customer's future purchases; equation 5 of the note.

    A weighted mean of the customer's average and of the population mean ``p*v/(q-1)``.
    Finite if ``p*x + q > 1``, which the caller must check.
    """
    spend = np.empty(x.size)
    for start in range(0, x.size, _BLOCK):
        rows = slice(start, start + _BLOCK)
        p, q, v = params_of_rows(params, rows)
        spend[rows] = p * (v + x[rows] * m[rows]) / (p * x[rows] + (q - 1))
    return spend


def simulate_amounts(
    spend: Spend, params: GammaGammaParams, number: NDArray[np.int64], rng: np.random.Generator
) -> Array:
    """Simulate ``number`` further purchases of each customer, concatenated, from their posterior means."""
    shape, rate = posterior(spend.x, spend.m, params)
    level = rng.standard_gamma(shape) / rate
    amounts: Array = rng.standard_gamma(params.p, int(number.sum())) / np.repeat(level, number)
    return amounts


def simulate_average(x: Array, params: GammaGammaParams, rng: np.random.Generator) -> Array:
    """Simulate average spend over ``x`` purchases; 0 if ``x`` is 0."""
    p, q, v = params
    rate, number = rng.gamma(q, 1 / v, x.size), np.maximum(x, 1)
    return np.where(x > 0, rng.gamma(p * number) / (rate * number), 0.0)


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

    def too_likely(log_z: Array, x: Array, y: Array, row: Array) -> Array:
        """P(mean spend <= z), less the level."""
        below, rows = np.zeros(log_z.shape), row.astype(np.int64)
        for p, q, v in (params_of_rows(draw, rows) for draw in draws):
            below += gammaincc(p * x + q, p * (v + y) * np.exp(-log_z))
        return below / len(draws) - level

    between = np.log(low) - _APART, np.minimum(np.log(high) + _APART, _LARGEST)
    found = find_root(too_likely, between, args=(x, x * m, np.arange(x.size)), tolerances={"xatol": 1e-10})
    return np.where(found.success, np.exp(found.x), high)


def future_spend_log_density(number: Array, total: Array, spend: Spend, params: Any) -> Array:
    """Log density of the total of ``number`` future purchases, given past spend.

    Given ``nu`` the total is Gamma(``p * number``, ``nu``), and ``nu`` given the past is
    Gamma(``q + p * x``, ``v + x * m``), so that the total is a beta prime variable times ``v + x * m``.

    Parameters
    ----------
    number, total : ndarray, shape (n_customers,)
        Positive.
    """
    p, q, v = params
    shape, past = p * number, q + p * spend.x
    log_scale = np.log(v + spend.x * np.where(spend.x > 0, spend.m, 0.0))
    logs = np.log(total)
    sums = np.logaddexp(log_scale, logs)
    found: Array = shape * (logs - sums) - logs + past * (log_scale - sums) - betaln(shape, past)
    return found
