"""Maximum likelihood in log-parameters by Newton's method.

All parameters are positive, so the likelihood is maximised over their logarithms, relative to a typical
scale: the fit is invariant to the unit of time or money of the data. Where the Hessian is not negative
definite, its eigenvalues are replaced by their absolute values; steps are capped, and shortened until the
likelihood increases. A search that diverges is repeated with a vague prior (normal, standard deviation 10 to
1,000 in each log-parameter), which bounds it, and is reported as such.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clvml.errors import FitError
from clvml.inference._blas import one_blas_thread
from clvml.inference._prior import Prior, vague_prior

Array = NDArray[np.float64]
Objective = Callable[[Array], tuple[float, Array, Array]]

_MAX_STEPS = 200
_MAX_MOVE = 2.0
_FAR = 14.0  # e**14: a parameter beyond a million times its natural scale diverges
_REMOTE = 7.0  # e**7: so does one beyond a thousand times, if only weakly identified
_VAGUE_SDS = (10.0, 100.0, 1000.0)  # of the prior that bounds a search that diverges
_LAST_RISE = 1e-12  # predicted increase of the log-likelihood per customer at which to stop
_LAST_STEP = 3e-6  # in log-parameters: the likelihood is quadratic here, no further evaluation needed
_WEAK = 1.0  # curvature below which a direction is only weakly identified
_FLAT = 0.01  # curvature below which a direction is not identified


@dataclass(frozen=True)
class Optimum:
    """Result of the search.

    ``theta`` are the scaled log-parameters, ``value`` is the log-likelihood there, without the prior, and
    ``hessian`` that of the log-posterior; ``flat`` is the direction in which the likelihood has no maximum
    (zeros if it has one).
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

    @property
    def covariance(self) -> Array:
        """Inverse of the observed information in log-parameters, with eigenvalues bounded away from zero."""
        information = (self.hessian + self.hessian.T) / -2
        sizes, directions = np.linalg.eigh(information)
        sizes = np.maximum(sizes, np.finfo(float).eps * max(abs(sizes).max(), 1e-300))
        inverse = (directions / sizes) @ directions.T
        return (inverse + inverse.T) / 2

    @property
    def smallest_curvature(self) -> float:
        """Smallest curvature of the objective at the optimum, in log-parameters."""
        return float(np.linalg.eigvalsh(-self.hessian)[0])

    @property
    def condition_number(self) -> float:
        """Ratio of the largest to the smallest curvature, infinite if the latter is not positive."""
        sizes = np.linalg.eigvalsh(-self.hessian)
        return float(sizes[-1] / sizes[0]) if sizes[0] > 0 else float("inf")


def maximise(
    objective: Objective,
    starts: list[Array],
    total_weight: float,
    prior: Prior | None = None,
    rough: Objective | None = None,
) -> Optimum:
    """Maximise ``objective``, a function of log-parameters with gradient and Hessian.

    Parameters
    ----------
    objective : callable
        Maps log-parameters to value, gradient and Hessian.
    starts : list of ndarray, shape (n_parameters,)
        Starting values; the next is tried if the search from one fails.
    total_weight : float
        Number of customers (sum of weights), to which the convergence criterion is relative.
    prior : Prior, optional
        Prior to regularise the fit.
    rough : callable, optional
        The objective for a subsample of the customers, for cheap starting values.

    Returns
    -------
    Optimum

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
                optimum = _flag_weak_identification(optimum, start)
                break
            failed += optimum.n_evaluations
        else:
            optimum = _fit_with_vague_prior(objective, start, total_weight, prior)
    return replace(optimum, n_evaluations=failed + optimum.n_evaluations, starts=tuple(tried))


def _flag_weak_identification(found: Optimum, start: Array) -> Optimum:
    """Flag the optimum as a boundary if it is remote and only weakly identified."""
    if abs(found.theta).max() > _REMOTE and found.smallest_curvature < _WEAK:
        return replace(found, flat=_flat_direction(found, start, None))
    return found


def _fit_with_vague_prior(
    objective: Objective, start: Array, total_weight: float, prior: Prior | None
) -> Optimum:
    """Repeat the search with a vague prior that bounds diverging parameters.

    The prior is made vaguer step by step; the vaguest with which the search converges is used.
    """
    theta, evaluations = start, 0
    bounded: list[Optimum] = []
    for sd in _VAGUE_SDS:
        vague = vague_prior(start.size, sd)
        vague = vague if prior is None else prior.combined_with(vague)
        there = _newton(objective, theta, total_weight, vague)
        evaluations += there.n_evaluations
        if bounded and not there.converged:
            break
        theta = there.theta
        bounded.append(replace(there, flat=_flat_direction(there, start, vague)))
    return replace(bounded[-1], n_evaluations=evaluations)


def _flat_direction(found: Optimum, start: Array, prior: Prior | None) -> Array:
    """Direction of divergence of the parameters that the likelihood does not identify, zero for the others.

    If all are identified and the search only moved far, the parameters that moved farthest.
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
        raise FitError(
            "the likelihood is not finite at the starting values: check the customers for extreme values."
        )
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
    """Newton's ascent step with absolute eigenvalues, capped."""
    sizes, directions = np.linalg.eigh(-hessian)
    sizes = np.maximum(abs(sizes), 1e-10 * abs(sizes).max() + 1e-300)
    step = directions @ (directions.T @ gradient / sizes)
    return step * min(1.0, _MAX_MOVE / max(abs(step).max(), 1e-300))


def in_log_parameters(natural: Objective, unit: Array) -> Objective:
    """Transform an objective of positive parameters to their logarithms, relative to ``unit``."""

    def objective(theta: Array) -> tuple[float, Array, Array]:
        params = unit * np.exp(theta)
        value, gradient, hessian = natural(params)
        slope = params * gradient
        return value, slope, params[:, None] * hessian * params + np.diag(slope)

    return objective
