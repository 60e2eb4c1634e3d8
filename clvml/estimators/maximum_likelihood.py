"""Maximum likelihood in log-parameters by Newton's method, and a record of how it went.

All parameters are positive, so the search runs over their logarithms. Where the Hessian is not
negative definite its eigenvalues are replaced by their sizes, steps are capped and halved until
the likelihood rises. A search that runs off to infinity is repeated with a whisker of a prior
(normal, standard deviation 10 in each log-parameter), which stops it, and is reported as such.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvml.distributions.blas import one_blas_thread
from clvml.errors import FitError, FitWarning, InputError

Array = NDArray[np.float64]
Objective = Callable[[Array], tuple[float, Array, Array]]

_MAX_STEPS = 200
_MAX_MOVE = 2.0
_FAR = 14.0  # e**14: a parameter beyond a million times its natural scale has run off
_PRIOR_PRECISION = 1e-2


@dataclass(frozen=True)
class FitRecord:
    """How a fit went: enough to trust it, or to know why not.

    Attributes
    ----------
    converged : bool
        The gradient vanished and no step could raise the likelihood.
    n_evaluations : int
        Evaluations of the likelihood with its derivatives.
    gradient_norm : float
        Largest derivative in a log-parameter, a customer.
    condition_number : float
        Of the Hessian in log-parameters at the optimum.
    at_boundary : bool
        A parameter ran off: the data have no interior optimum.
    messages : tuple of str
        What to know, in words; empty when all is well.
    """

    converged: bool
    n_evaluations: int
    gradient_norm: float
    condition_number: float
    at_boundary: bool
    messages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Optimum:
    """Where the search ended: log-parameters, value, Hessian there, and the numbers of the record."""

    theta: Array
    value: float
    hessian: Array
    converged: bool
    n_evaluations: int
    gradient_norm: float
    at_boundary: bool

    @property
    def covariance(self) -> Array:
        """Inverse of the observed information in log-parameters, by its positive eigenvalues."""
        information = (self.hessian + self.hessian.T) / -2
        sizes, directions = np.linalg.eigh(information)
        sizes = np.maximum(sizes, np.finfo(float).eps * max(abs(sizes).max(), 1e-300))
        return (directions / sizes) @ directions.T

    @property
    def condition_number(self) -> float:
        """Ratio of the largest to the smallest curvature, infinite where one vanishes."""
        sizes = np.linalg.eigvalsh(-self.hessian)
        return float(sizes[-1] / sizes[0]) if sizes[0] > 0 else float("inf")


def maximise(objective: Objective, start: Array, total_weight: float) -> Optimum:
    """The maximum of ``objective``, a function of positive parameters with two derivatives.

    Parameters
    ----------
    objective : callable
        Maps natural parameters to value, gradient and Hessian.
    start : ndarray, shape (n_parameters,)
        Natural parameters to start from.
    total_weight : float
        Number of customers; the gradient must vanish relative to it.

    Raises
    ------
    FitError
        If the likelihood is not finite at the start.
    """
    with one_blas_thread():
        optimum = _newton(objective, np.log(start), total_weight, 0.0)
        if optimum.converged and not optimum.at_boundary:
            return optimum
        held = _newton(objective, np.log(start), total_weight, _PRIOR_PRECISION)
    return Optimum(
        held.theta,
        held.value,
        held.hessian,
        held.converged,
        optimum.n_evaluations + held.n_evaluations,
        held.gradient_norm,
        at_boundary=True,
    )


def _newton(objective: Objective, theta: Array, total_weight: float, precision: float) -> Optimum:
    value, gradient, hessian = _in_logs(objective, theta, precision)
    if not np.isfinite(value):
        raise FitError("the likelihood is not finite at the start: look for extreme values in the customers.")
    evaluations, converged = 1, False
    while evaluations < _MAX_STEPS and abs(theta).max() < _FAR:
        step = _step(gradient, hessian)
        converged = bool(gradient @ step < 1e-13 * total_weight)
        scale = 1.0
        while scale > 1e-8:
            there = _in_logs(objective, theta + scale * step, precision)
            evaluations += 1
            if there[0] >= value + 1e-4 * scale * (gradient @ step) - 1e-12 * abs(value):
                break
            scale /= 4
        else:
            break
        if converged and there[0] < value:
            break
        theta, (value, gradient, hessian) = theta + scale * step, there
        if converged:
            break
    return Optimum(
        theta,
        value + precision / 2 * float(theta @ theta),
        hessian + precision * np.eye(theta.size),
        converged,
        evaluations,
        float(abs(gradient).max() / total_weight),
        at_boundary=not converged or bool(abs(theta).max() >= _FAR),
    )


def _in_logs(objective: Objective, theta: Array, precision: float) -> tuple[float, Array, Array]:
    """The objective and its derivatives in log-parameters, less the whisker of a prior."""
    natural = np.exp(theta)
    value, gradient, hessian = objective(natural)
    slope = natural * gradient
    curve = natural[:, None] * hessian * natural + np.diag(slope)
    value -= precision / 2 * float(theta @ theta)
    return value, slope - precision * theta, curve - precision * np.eye(theta.size)


def _step(gradient: Array, hessian: Array) -> Array:
    """Newton's step uphill, with the sizes of the eigenvalues, and capped."""
    sizes, directions = np.linalg.eigh(-hessian)
    sizes = np.maximum(abs(sizes), 1e-10 * abs(sizes).max() + 1e-300)
    step = directions @ (directions.T @ gradient / sizes)
    return step * min(1.0, _MAX_MOVE / max(abs(step).max(), 1e-300))


def report(optimum: Optimum, messages: list[str], stacklevel: int = 3) -> FitRecord:
    """The record of a fit; each message is also a `FitWarning`."""
    for message in messages:
        warnings.warn(message, FitWarning, stacklevel=stacklevel + 1)
    return FitRecord(
        optimum.converged,
        optimum.n_evaluations,
        optimum.gradient_norm,
        optimum.condition_number,
        optimum.at_boundary,
        tuple(messages),
    )


def check_params(params: Any) -> Any:
    """The same parameters as floats.

    Raises
    ------
    InputError
        If one is not a positive, finite number.
    """
    for name, value in zip(type(params)._fields, params, strict=True):
        if not isinstance(value, int | float | np.number) or not 0 < value < float("inf"):
            raise InputError(f"parameter {name} is {value!r}; it must be a positive, finite number.")
    return type(params)(*[float(value) for value in params])


def natural_covariance(optimum: Optimum, params: Array) -> Array:
    """Covariance of the natural parameters, from that of their logarithms."""
    return params[:, None] * optimum.covariance * params


def check_weights(weights: object, n_customers: int) -> Array:
    """Weights as a checked array; ones where none are given.

    Raises
    ------
    InputError
        If there is not one finite, non-negative weight a customer, or all are zero.
    """
    if weights is None:
        return np.ones(n_customers)
    checked = np.asarray(weights, dtype=float)
    if checked.shape != (n_customers,) or not np.isfinite(checked).all() or (checked < 0).any():
        raise InputError(
            f"weights must be {n_customers} finite numbers of zero or more, one for each customer."
        )
    if not checked.any():
        raise InputError("all weights are zero: there is no customer to learn from.")
    return checked
