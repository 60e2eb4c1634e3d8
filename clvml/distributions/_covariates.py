"""Static covariates: customer-specific parameters by log-linear regression.

Customer ``i`` with time-invariant covariates ``z_i`` (such as channel or age) follows the model with
customer-specific parameters whose logarithms are linear in ``z_i``. Each process of the model ("side"),
purchases or dropout, has one parameter that depends on covariates, so that each coefficient has one
interpretation:

==============  =========  ==============================================  =================================
Model           Side       Formula                                         ``exp(coefficient)`` multiplies
==============  =========  ==============================================  =================================
NBD models      purchases  ``ln alpha_i = ln alpha - gamma' z_i``          the purchase rate ``lambda``
Pareto/NBD      dropout    ``ln beta_i = ln beta - delta' z_i``            the dropout rate ``mu``
(M)BG/NBD       dropout    ``ln a_i = ln a + delta' z_i``                  the odds ``a/b`` of dropout
BG/BB           purchases  ``ln alpha_i = ln alpha + gamma' z_i``          the odds ``alpha/beta`` of buying
BG/BB           dropout    ``ln gamma_i = ln gamma + delta' z_i``          the odds ``gamma/delta`` of dropout
sBG, BdW        dropout    ``ln alpha_i = ln alpha + delta' z_i``          the odds ``alpha/beta`` of churn
==============  =========  ==============================================  =================================

Fader, Hardie (2007), Incorporating time-invariant covariates into the Pareto/NBD and BG/NBD models,
brucehardie.com/notes/019: the first two rows are theirs (proportional rates rescale the Gamma
distribution). For BG/NBD they let ``a`` and ``b`` vary separately or jointly. Jointly, as in CLVTools
with one coefficient, the mean dropout probability ``a/(a+b)`` does not depend on covariates; separately, as
in pymc-marketing, each covariate has two coefficients, neither of which is the effect on dropout. Here ``b``
is constant, which is pymc-marketing's form with its coefficient of ``b`` at zero: the mean dropout
probability follows a logistic regression. The same for the Beta distributions of the discrete models, a
beta-logistic regression: Heckman, Willis (1977), A Beta-logistic Model for the Analysis of Sequential
Labor Force Participation by Married Women, Journal of Political Economy 85(1).

`objective` takes the model's derivatives in the log-parameters for each customer and applies the chain
rule, a product with the covariates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvml.distributions._history import History
from clvml.distributions._whole_sums import panels

_ONE_BY_ONE = 1000  # terms of a sum, before quadrature
Array = NDArray[np.float64]
# With customer-specific parameters: values (n,), gradients (k, n) and Hessians (k, k, n) of the
# log-likelihood in the logarithms of the k parameters.
Derivatives = Callable[[History, Any], tuple[Array, Array, Array]]

_BLOCK = 32_768  # rows at once, so that they stay in cache
_FAR = 300.0  # prevents overflow in a diverging search


class Influence(NamedTuple):
    """The parameter that depends on covariates, the sign of the dependence, and what it multiplies."""

    parameter: str
    sign: float
    multiplies: str  # what is multiplied by ``exp(coefficient)``, in words


class Design(NamedTuple):
    """Customers, and the design matrices of their log-parameters.

    ``slopes[k]`` is the derivative of log-parameter ``k`` of each customer, shape (n_k, n), in the
    parameters ``places[k]`` of the search: its own logarithm and the coefficients on which it depends.
    """

    history: History
    weight: Array
    places: tuple[NDArray[np.int64], ...]
    slopes: tuple[Array, ...]


def design(history: History, fields: tuple[str, ...], influences: Mapping[str, Influence]) -> Design:
    """The input of `objective`: customers and their covariates.

    Coefficients follow the logarithms of the parameters ``fields`` in the order of the sides of
    ``history.covariates``.
    """
    moved, first = {}, len(fields)
    for side, z in history.covariates.items():
        parameter, sign, _ = influences[side]
        moved[parameter] = (np.arange(first, first + z.shape[1]), sign * z.T)
        first += z.shape[1]
    none = np.zeros(0, dtype=np.int64), np.zeros((0, history.size))
    places, slopes = zip(*(moved.get(field, none) for field in fields), strict=True)
    own = np.ones((1, history.size))
    return Design(
        history,
        history.weights,
        tuple(np.append(k, place) for k, place in enumerate(places)),
        tuple(np.vstack([own, slope]) for slope in slopes),
    )


def objective(theta: Array, customers: Design, derivatives: Derivatives) -> tuple[float, Array, Array]:
    """Total log-likelihood with its gradient and Hessian in log-parameters and coefficients."""
    value, gradient, hessian = 0.0, np.zeros(theta.size), np.zeros((theta.size, theta.size))
    for start in range(0, customers.weight.size, _BLOCK):
        rows = slice(start, start + _BLOCK)
        slopes, w = [slope[:, rows] for slope in customers.slopes], customers.weight[rows]
        logs = [theta[at] @ slope for at, slope in zip(customers.places, slopes, strict=True)]
        params = [np.exp(np.clip(log, -_FAR, _FAR)) for log in logs]
        each, slope_each, curve_each = derivatives(customers.history.rows(rows), params)
        value += float(w @ each)
        for k, at in enumerate(customers.places):
            gradient[at] += slopes[k] @ (w * slope_each[k])
            for m, other in enumerate(customers.places):
                hessian[np.ix_(at, other)] += (slopes[k] * (w * curve_each[k, m])) @ slopes[m].T
    return value, gradient, hessian


def in_log_parameters(value: Array, slope: Array, curve: Array, params: Any) -> tuple[Array, Array, Array]:
    """Convert each customer's derivatives in the parameters to derivatives in their logarithms."""
    p = np.stack([np.broadcast_to(param, value.shape) for param in params])
    slope = p * slope
    curve = p[:, None] * curve * p
    curve[np.arange(len(p)), np.arange(len(p))] += slope
    return value, slope, curve


def of_purchases(x: Array, T: Array, r: Array, alpha: Array) -> tuple[Array, Array, Array]:
    """The log-likelihood term of ``x`` purchases until ``T`` without dropout, common to the NBD models.

    ``log(Gamma(r+x) / Gamma(r)) - r * log1p(T / alpha) - x * log(alpha + T)`` and its derivatives.
    """

    def at(j: float | Array, rows: NDArray[np.int64]) -> Array:
        rj = r[rows] + j
        return np.stack([np.log(rj), r[rows] / rj, r[rows] * j / rj**2])

    value, slope_r, curve_r = sum_over_numbers(x, at, 3)
    seen, waited = T / (alpha + T), r * np.log1p(T / alpha)
    slope, curve = np.zeros((4, x.size)), np.zeros((4, 4, x.size))
    slope[0], slope[1] = slope_r - waited, r * seen - x * (1 - seen)
    curve[0, 0] = curve_r - waited
    curve[0, 1] = curve[1, 0] = r * seen
    curve[1, 1] = -(r + x) * seen * (1 - seen)
    return value - waited - x * np.log(alpha + T), slope, curve


def sum_over_numbers(
    number: Array, term: Callable[[float | Array, NDArray[np.int64]], Array], n_terms: int
) -> Array:
    """The sum over ``j = 0, 1, ..., number - 1`` of terms, shape (n_terms, n_rows), of each customer.

    One by one below a thousand, and by Gauss's quadrature beyond, so that cost hardly depends on the largest
    number.
    """
    order = np.argsort(-number, kind="stable")
    sums = np.zeros((n_terms, number.size))
    few = np.minimum(number, _ONE_BY_ONE).astype(np.int64)
    for j, n in enumerate(np.bincount(few)[::-1].cumsum()[::-1][1:]):
        sums[:, :n] += term(j, order[:n])
    back = np.empty_like(sums)
    back[:, order] = sums
    many = np.flatnonzero(number > _ONE_BY_ONE)
    for part, points, weights in panels(np.full(many.size, _ONE_BY_ONE), number[many]):
        rows = many[part]
        for j, weight in zip(points.T, weights.T, strict=True):
            back[:, rows] += weight * term(j, rows)
    return back


def added(*parts: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
    """The sum of terms, each with its derivatives."""
    values, slopes, curves = zip(*parts, strict=True)
    return np.sum(values, axis=0), np.sum(slopes, axis=0), np.sum(curves, axis=0)
