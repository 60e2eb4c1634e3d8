"""Maximum likelihood in log-parameters by Newton's method.

All parameters are positive, so the search runs over their logarithms, each less that of the
parameter's own unit: the unit of time or money of the data changes nothing. Where the Hessian is
not negative definite its eigenvalues are replaced by their sizes, steps are capped and shortened until
the likelihood rises. A search that diverges is repeated with a vague prior (normal, standard deviation
10 to 1,000 in each log-parameter), which bounds it, and is reported as such.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from clvml.errors import FitError
from clvml.inference._prior import Prior, vague_prior

Array = NDArray[np.float64]
Objective = Callable[[Array], tuple[float, Array, Array]]

_MAX_STEPS = 200
_MAX_MOVE = 2.0
_FAR = 14.0  # e**14: a parameter beyond a million times its natural scale diverges
_REMOTE = 7.0  # e**7: and one beyond a thousand times, where the likelihood hardly identifies it
_VAGUE_SDS = (10.0, 100.0, 1000.0)  # of the prior that bounds a search that diverges
_LAST_RISE = 1e-12  # per customer, of the likelihood: the step that promises no more is the last
_LAST_STEP = 3e-6  # in log-parameters: the likelihood is a parabola from here on, no need to look again
_WEAK = 1.0  # curvature below which the likelihood hardly identifies a direction
_FLAT = 0.01  # and below which it does not at all


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
        """Whether a parameter diverges."""
        return bool(self.flat.any())

    @cached_property
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
    if rough is not None:
        near = _newton(rough, starts[0], total_weight, prior, 1e-4, np.inf)
        starts = [near.theta, *starts] if near.converged else starts
    tried, failed = [], 0
    for start in starts:
        tried.append(start)
        optimum = _newton(objective, start, total_weight, prior)
        if optimum.converged:
            optimum = _flag_weak_identification(optimum, start)
            break
        failed += optimum.n_evaluations
    else:
        optimum = _fit_with_vague_prior(objective, start, total_weight, prior)
    return replace(optimum, n_evaluations=failed + optimum.n_evaluations, starts=tuple(tried))


def _flag_weak_identification(found: Optimum, start: Array) -> Optimum:
    """The same, marked as a boundary where it is remote and the likelihood hardly identifies it."""
    if abs(found.theta).max() > _REMOTE and found.smallest_curvature < _WEAK:
        return replace(found, flat=_flat_direction(found, start, None))
    return found


def _fit_with_vague_prior(
    objective: Objective, start: Array, total_weight: float, prior: Prior | None
) -> Optimum:
    """The search again, with a vague prior that bounds what diverges.

    Ever vaguer ones cost ever less likelihood; the last with which the search converges is taken.
    """
    theta, evaluations = start, 0
    bounded: list[Optimum] = []
    for sd in _VAGUE_SDS:
        vague = vague_prior(start.size, sd)
        vague = vague if prior is None else prior.beside(vague)
        there = _newton(objective, theta, total_weight, vague)
        evaluations += there.n_evaluations
        if bounded and not there.converged:
            break
        theta = there.theta
        bounded.append(replace(there, flat=_flat_direction(there, start, vague)))
    return replace(bounded[-1], n_evaluations=evaluations)


def _flat_direction(found: Optimum, start: Array, prior: Prior | None) -> Array:
    """Where the search went in directions that the likelihood does not identify, zero where it does.

    Where it identifies all and the search only went far, the parameters that went farthest.
    """
    of_prior = 0 if prior is None else prior.penalty(found.theta)[2]
    sizes, directions = np.linalg.eigh(-found.hessian - of_prior)
    moved = found.theta - start
    flat = np.sqrt((directions[:, sizes <= max(_FLAT, sizes[0])] ** 2).sum(axis=1))
    if sizes[0] > _WEAK:
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
    start, objective = theta, with_prior(objective, prior)
    value, gradient, hessian = objective(theta)
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
            there = objective(theta + scale * step)
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


def with_prior(objective: Objective, prior: Prior | None) -> Objective:
    """The log-posterior of a log-likelihood, up to a constant."""
    if prior is None:
        return objective

    def regularised(theta: Array) -> tuple[float, Array, Array]:
        value, gradient, hessian = objective(theta)
        penalty, slope, curve = prior.penalty(theta)
        return value - penalty, gradient - slope, hessian - curve

    return regularised


def _step(gradient: Array, hessian: Array) -> Array:
    """Newton's step uphill, with the sizes of the eigenvalues, and capped."""
    sizes, directions = np.linalg.eigh(-hessian)
    sizes = abs(sizes)
    sizes = np.maximum(sizes, 1e-10 * max(sizes[0], sizes[-1]) + 1e-300)
    step = directions @ (directions.T @ gradient / sizes)
    return step * min(1.0, _MAX_MOVE / max(abs(step).max(), 1e-300))


def in_log_parameters(natural: Objective, unit: Array) -> Objective:
    """An objective of positive parameters as one of their logarithms, each less that of its unit."""

    def objective(theta: Array) -> tuple[float, Array, Array]:
        params = unit * np.exp(theta)
        value, gradient, hessian = natural(params)
        slope = params * gradient
        curve = params[:, None] * hessian * params
        curve.flat[:: slope.size + 1] += slope
        return value, slope, curve

    return objective
