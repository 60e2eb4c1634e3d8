"""Maximum likelihood in log-parameters by Newton's method, and a record of how it went.

All parameters are positive, so the search runs over their logarithms, each less that of the
parameter's own unit: the unit of time or money of the data changes nothing. Where the Hessian is
not negative definite its eigenvalues are replaced by their sizes, steps are capped and halved until
the likelihood rises. A search that runs off to infinity is repeated with a whisker of a prior
(normal, standard deviation 10 to 1,000 in each log-parameter), which stops it, and is reported as such.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvml.distributions._blas import one_blas_thread
from clvml.errors import FitError, FitWarning

Array = NDArray[np.float64]
Objective = Callable[[Array], tuple[float, Array, Array]]

_MAX_STEPS = 200
_MAX_MOVE = 2.0
_FAR = 14.0  # e**14: a parameter beyond a million times its natural scale has run off
_DRIFTED = 7.0  # e**7: and one beyond a thousand times, where the likelihood hardly holds it
_WHISKERS = (10.0, 100.0, 1000.0)  # standard deviations
_LAST_RISE = 1e-12  # a customer, of the likelihood: the step that promises no more is the last
_LAST_STEP = 3e-6  # in log-parameters: the likelihood is a parabola from here on, no need to look again
_VAGUE = 1.0  # curvature below which the likelihood hardly holds a direction
_FLAT = 0.01  # and below which it does not


class Prior(NamedTuple):
    """Independent normal priors on ``axes @ theta``, ``theta`` the logarithms of scale-free parameters."""

    axes: Array
    mean: Array
    sd: Array

    def penalty(self, theta: Array) -> tuple[float, Array, Array]:
        """Its negative logarithm less a constant, with gradient and Hessian."""
        scaled = self.axes / self.sd[:, None]
        off = scaled @ theta - self.mean / self.sd
        return float(off @ off) / 2, scaled.T @ off, scaled.T @ scaled


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
        Largest derivative in a log-parameter, a customer, where the likelihood was evaluated last.
    condition_number : float
        Of the Hessian in log-parameters at the optimum.
    boundary : tuple of str
        Where the data have no interior optimum, the parameters that run off, such as
        ``("a to infinity", "b to infinity")``; empty when all is well.
    starts : tuple of tuple of float
        Parameters that the search started from, in the order tried.
    messages : tuple of str
        What to know, in words; empty when all is well.
    """

    converged: bool
    n_evaluations: int
    gradient_norm: float
    condition_number: float
    boundary: tuple[str, ...] = ()
    starts: tuple[tuple[float, ...], ...] = ()
    messages: tuple[str, ...] = ()

    @property
    def at_boundary(self) -> bool:
        """Whether a parameter ran off."""
        return bool(self.boundary)


@dataclass(frozen=True)
class Optimum:
    """Where the search ended.

    ``theta`` are logarithms of parameters in their units, ``value`` is the likelihood there, without
    the prior, and ``hessian`` that of likelihood and prior together; ``flat`` is the direction in
    which the likelihood has no maximum, of zeros where it has one.
    """

    theta: Array
    value: float
    hessian: Array
    converged: bool
    n_evaluations: int
    gradient_norm: float
    flat: Array
    starts: tuple[Array, ...]

    @property
    def at_boundary(self) -> bool:
        """Whether a parameter ran off."""
        return bool(self.flat.any())

    @property
    def covariance(self) -> Array:
        """Inverse of the observed information in log-parameters, by its positive eigenvalues."""
        information = (self.hessian + self.hessian.T) / -2
        sizes, directions = np.linalg.eigh(information)
        sizes = np.maximum(sizes, np.finfo(float).eps * max(abs(sizes).max(), 1e-300))
        inverse = (directions / sizes) @ directions.T
        return (inverse + inverse.T) / 2

    @property
    def smallest_curvature(self) -> float:
        """Of the objective at the optimum, in log-parameters."""
        return float(np.linalg.eigvalsh(-self.hessian)[0])

    @property
    def condition_number(self) -> float:
        """Ratio of the largest to the smallest curvature, infinite where one vanishes."""
        sizes = np.linalg.eigvalsh(-self.hessian)
        return float(sizes[-1] / sizes[0]) if sizes[0] > 0 else float("inf")


def maximise(
    objective: Objective,
    starts: list[Array],
    total_weight: float,
    prior: Prior | None = None,
    rough: Objective | None = None,
) -> Optimum:
    """The maximum of ``objective``, a function of log-parameters with two derivatives.

    Parameters
    ----------
    objective : callable
        Maps log-parameters to value, gradient and Hessian.
    starts : list of ndarray, shape (n_parameters,)
        Log-parameters to start from; the next is tried where a search from one fails.
    total_weight : float
        Number of customers; the likelihood's last rise is counted relative to it.
    prior : Prior, optional
        Added to the likelihood.
    rough : callable, optional
        The same objective of a sample of the customers, to come near the optimum cheaply.

    Raises
    ------
    FitError
        If the likelihood is not finite at the start.
    """
    with one_blas_thread():
        if rough is not None:
            near = _newton(rough, starts[0], total_weight, prior, 1e-4, np.inf)
            starts = [near.theta, *starts] if near.converged else starts
        tried, failed = [], 0
        for start in starts:
            tried.append(start)
            optimum = _newton(objective, start, total_weight, prior)
            if optimum.converged:
                optimum = _drifted(optimum, start)
                break
            failed += optimum.n_evaluations
        else:
            optimum = _held(objective, start, total_weight, prior)
    return replace(optimum, n_evaluations=failed + optimum.n_evaluations, starts=tuple(tried))


def _drifted(found: Optimum, start: Array) -> Optimum:
    """The same, marked where it lies far off and the likelihood hardly holds it there."""
    if abs(found.theta).max() > _DRIFTED and found.smallest_curvature < _VAGUE:
        return replace(found, flat=_flat_direction(found, start, None))
    return found


def _held(objective: Objective, start: Array, total_weight: float, prior: Prior | None) -> Optimum:
    """The search again, with a whisker of a prior that stops what runs off.

    Ever weaker ones cost ever less likelihood; the last that holds is taken.
    """
    theta, evaluations = start, 0
    held: list[Optimum] = []
    for sd in _WHISKERS:
        whisker = _and_whisker(prior, start.size, sd)
        there = _newton(objective, theta, total_weight, whisker)
        evaluations += there.n_evaluations
        if held and not there.converged:
            break
        theta = there.theta
        held.append(replace(there, flat=_flat_direction(there, start, whisker)))
    return replace(held[-1], n_evaluations=evaluations)


def _and_whisker(prior: Prior | None, size: int, sd: float) -> Prior:
    whisker = Prior(np.eye(size), np.zeros(size), np.full(size, sd))
    if prior is None:
        return whisker
    return Prior(*(np.concatenate(parts) for parts in zip(prior, whisker, strict=True)))


def _flat_direction(found: Optimum, start: Array, prior: Prior | None) -> Array:
    """Where the search ran in directions that the likelihood does not hold, zero where it does.

    Where it holds all and the search only ran far, what ran farthest.
    """
    held = 0 if prior is None else prior.penalty(found.theta)[2]
    sizes, directions = np.linalg.eigh(-found.hessian - held)
    moved = found.theta - start
    flat = np.sqrt((directions[:, sizes <= max(_FLAT, sizes[0])] ** 2).sum(axis=1))
    if sizes[0] > _VAGUE:
        flat = (abs(moved) == abs(moved).max()).astype(float)
    return np.where(flat > 0.3 * flat.max(), np.sign(moved), 0.0)


def _newton(
    objective: Objective,
    theta: Array,
    total_weight: float,
    prior: Prior | None,
    last_rise: float = _LAST_RISE,
    last_step: float = _LAST_STEP,
) -> Optimum:
    start = theta
    value, gradient, hessian = _with_prior(objective, theta, prior)
    if not np.isfinite(value):
        raise FitError("the likelihood is not finite at the start: look for extreme values in the customers.")
    evaluations, converged = 1, False
    far = _FAR if prior is None else 2 * _FAR
    while not converged and evaluations < _MAX_STEPS and abs(theta).max() < far:
        step = _step(gradient, hessian)
        converged = bool(gradient @ step < last_rise * total_weight)
        if converged and abs(step).max() < last_step:
            theta, value = theta + step, value + float(gradient @ step) / 2
            break
        scale = 1.0
        while scale > 1e-8:
            there = _with_prior(objective, theta + scale * step, prior)
            evaluations += 1
            if there[0] >= value + 1e-4 * scale * (gradient @ step) - 1e-12 * abs(value):
                break
            scale /= 4
        else:
            break
        theta, (value, gradient, hessian) = theta + scale * step, there
    return Optimum(
        theta,
        value if prior is None else value + prior.penalty(theta)[0],
        hessian,
        converged and bool(abs(theta).max() < far),
        evaluations,
        float(abs(gradient).max() / total_weight),
        np.zeros(theta.size),
        (start,),
    )


def _with_prior(objective: Objective, theta: Array, prior: Prior | None) -> tuple[float, Array, Array]:
    value, gradient, hessian = objective(theta)
    if prior is None:
        return value, gradient, hessian
    penalty, slope, curve = prior.penalty(theta)
    return value - penalty, gradient - slope, hessian - curve


def _step(gradient: Array, hessian: Array) -> Array:
    """Newton's step uphill, with the sizes of the eigenvalues, and capped."""
    sizes, directions = np.linalg.eigh(-hessian)
    sizes = np.maximum(abs(sizes), 1e-10 * abs(sizes).max() + 1e-300)
    step = directions @ (directions.T @ gradient / sizes)
    return step * min(1.0, _MAX_MOVE / max(abs(step).max(), 1e-300))


def in_log_parameters(natural: Objective, unit: Array) -> Objective:
    """An objective of positive parameters as one of their logarithms, each less that of its unit."""

    def objective(theta: Array) -> tuple[float, Array, Array]:
        params = unit * np.exp(theta)
        value, gradient, hessian = natural(params)
        slope = params * gradient
        return value, slope, params[:, None] * hessian * params + np.diag(slope)

    return objective


def report(
    optimum: Optimum, names: tuple[str, ...], unit: Array, messages: list[str], stacklevel: int = 3
) -> FitRecord:
    """The record of a fit; each message is also a `FitWarning`."""
    for message in messages:
        warnings.warn(message, FitWarning, stacklevel=stacklevel + 1)
    return FitRecord(
        optimum.converged,
        optimum.n_evaluations,
        optimum.gradient_norm,
        optimum.condition_number,
        running_off(optimum, names),
        tuple(tuple((unit * np.exp(start)).tolist()) for start in optimum.starts),
        tuple(messages),
    )


def running_off(optimum: Optimum, names: tuple[str, ...]) -> tuple[str, ...]:
    """The parameters that run off, and where to."""
    return tuple(
        f"{name} to {'infinity' if way > 0 else '0'}"
        for name, way in zip(names, optimum.flat, strict=True)
        if way
    )
