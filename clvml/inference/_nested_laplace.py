"""Draws of parameters by Laplace's approximation nested in the direction that the data identify least.

Along that direction a posterior is skewed, and Laplace's approximation too narrow (a sixth for the dropout of
CDNOW's 2,357 customers): there the logarithm of the density is followed, point by point, over the maximum in
all other directions. Across it, at each point, the other parameters are normal around that maximum, with the
curvature there. The density of the coordinate ``u`` along the direction is then, up to a constant,

    log p(u)  =  max over the others of log p(u, others)  -  log det(curvature of the others) / 2

with a relative error of order ``1 / n`` (Tierney, Kadane 1986, Accurate Approximations for Posterior Moments
and Marginal Densities, JASA 81; nested as by Rue, Martino, Chopin 2009, Approximate Bayesian Inference for
Latent Gaussian Models, JRSS B 71). What is kept are some ten points: a few numbers, and no customers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, PchipInterpolator, barycentric_interpolate

from clvml.inference._blas import one_blas_thread
from clvml.inference._maximum_likelihood import Objective

Array = NDArray[np.float64]
Local = Callable[[Array], tuple[float, Array, Array]]

_NORMAL = 0.1  # standard deviation of a log-parameter up to which Laplace's approximation serves
_MOST = 12  # parameters; of more, the points would be more than a few numbers
REACH = 3.0  # e-folds: a parameter may be twenty times as large, or as small
_STEP, _GROWTH = 0.75, 1.6  # in standard deviations
_FLAT_STEP = 0.6  # change of the log-density below which steps grow
_NEGLIGIBLE = 6.0  # e**-6 of the maximum: the density beyond does not count
_FURTHEST = 12.0  # e-folds along the direction
_NEAR = 0.3  # of a standard deviation from the conditional maximum: the parabola there serves
_LONGEST_STEP = 3.0
_LEAST_CURVATURE = 0.05  # of that at the estimate
_DECIMALS = 6  # of numbers whose unit is a standard deviation
_FEWEST = 4  # points, for a curve through them
_GRID = 2001


@dataclass(frozen=True, eq=False)
class NestedLaplace:
    """A posterior as points along the direction that the data identify least.

    Coordinates are standard deviations of Laplace's approximation from the estimate.

    Attributes
    ----------
    axes : ndarray, shape (n_parameters, n_parameters)
        A column for each coordinate, the least identified last.
    points : ndarray, shape (n_points,)
        Along the last axis, ascending.
    log_density : ndarray, shape (n_points,)
        Of the last coordinate at the points, 0 at the estimate.
    centers : ndarray, shape (n_points, n_parameters - 1)
        The maximum in the other coordinates.
    roots : ndarray, shape (n_points, n_parameters - 1, n_parameters - 1)
        A square root of their covariance.
    """

    axes: Array
    points: Array
    log_density: Array
    centers: Array
    roots: Array

    def draw(self, center: Array, n_draws: int, rng: np.random.Generator) -> Array:
        """Draws around the estimate ``center``, shape (n_draws, n_parameters)."""
        u = self._quantiles((rng.permutation(n_draws) + rng.random(n_draws)) / n_draws)
        normal = rng.standard_normal((n_draws, center.size - 1))
        roots = PchipInterpolator(self.points, self.roots)(u)
        others = CubicSpline(self.points, self.centers)(u) + (roots * normal[:, None]).sum(axis=2)
        coordinates = np.column_stack([others, u])
        return center + (coordinates[:, None] * self.axes).sum(axis=2)

    def _quantiles(self, share: Array) -> Array:
        """Of the last coordinate; draws of equal shares, so that few of them cover it well."""
        grid = np.linspace(self.points[0], self.points[-1], _GRID)
        log_density = CubicSpline(self.points, self.log_density, bc_type="natural")(grid)
        density = np.exp(log_density - log_density.max())
        below = np.append(0.0, np.cumsum((density[1:] + density[:-1]) / 2))
        return np.asarray(np.interp(share * below[-1], below, grid), dtype=float)


class _Point(NamedTuple):
    """A point along the last axis: log-density there, maximum and root of the covariance of the others."""

    u: float
    log_density: float
    center: Array
    root: Array


def within_reach(objective: Objective, center: Array) -> Objective:
    """The log-posterior with a normal prior around ``center``, three e-folds wide.

    Where the data bound a direction on one side only, they would leave all that lies beyond equally likely,
    however far; and further out than this it predicts the same.
    """

    def bounded(theta: Array) -> tuple[float, Array, Array]:
        value, gradient, hessian = objective(theta)
        off = (theta - center) / REACH**2
        return (
            value - float(off @ (theta - center)) / 2,
            gradient - off,
            hessian - np.eye(off.size) / REACH**2,
        )

    return bounded


def nested_laplace(
    objective: Objective, center: Array, top: float, information: Array
) -> NestedLaplace | None:
    """The posterior ``exp(objective)`` around its maximum.

    Parameters
    ----------
    objective : callable
        Its logarithm up to a constant, with gradient and Hessian.
    center : ndarray, shape (n_parameters,)
        Where its maximum is.
    top : float
        Its maximum.
    information : ndarray, shape (n_parameters, n_parameters)
        Minus its Hessian there.

    Returns
    -------
    NestedLaplace or None
        None where Laplace's approximation serves, for the data identify all parameters well, or where
        there are one or more than 12 parameters.
    """
    sizes, directions = np.linalg.eigh(information)
    sds = 1 / np.sqrt(np.maximum(sizes, 1e-300))[::-1]
    if not 1 < center.size <= _MOST or sds[-1] <= _NORMAL:
        return None
    axes = directions[:, ::-1] * sds

    def local(coordinates: Array) -> tuple[float, Array, Array]:
        value, gradient, hessian = objective(center + axes @ coordinates)
        return value, axes.T @ gradient, axes.T @ hessian @ axes

    with one_blas_thread():
        here = _Point(0.0, 0.0, np.zeros(center.size - 1), np.eye(center.size - 1))
        sides = [_followed(local, here, top, way * sds[-1]) for way in (-1, 1)]
    points = [*sides[0][::-1], here, *sides[1]]
    if len(points) < _FEWEST:
        return None
    columns = (np.round([getattr(p, name) for p in points], _DECIMALS) for name in _Point._fields)
    return NestedLaplace(axes, *columns)


def _followed(local: Local, here: _Point, top: float, sd: float) -> list[_Point]:
    """Points one way from the estimate, the sign of ``sd``, until the density is negligible."""
    step, found = float(np.sign(sd)) * _STEP, [here._replace(u=-np.sign(sd) * _STEP), here]
    while found[-1].log_density > -_NEGLIGIBLE and abs(found[-1].u * sd) < _FURTHEST:
        u = found[-1].u + step
        known = found[-3:]
        guess = barycentric_interpolate([p.u for p in known], np.array([p.center for p in known]), u)
        there = _conditional(local, u, np.asarray(guess, dtype=float), top)
        if there is None:
            break
        if abs(there.log_density - found[-1].log_density) < _FLAT_STEP:
            step *= _GROWTH
        found.append(there)
    return found[2:]


def _conditional(local: Local, u: float, guess: Array, top: float) -> _Point | None:
    """The maximum in the other coordinates by Newton's method; none where the density is not finite."""
    center = guess
    for _ in range(6):
        value, gradient, hessian = local(np.append(center, u))
        if not np.isfinite(value) or not np.isfinite(hessian).all():
            return None
        sizes, directions = np.linalg.eigh(-hessian[:-1, :-1])
        sizes = np.maximum(sizes, _LEAST_CURVATURE)
        step = directions @ (directions.T @ gradient[:-1] / sizes)
        rise = float(gradient[:-1] @ step)
        step *= min(1.0, _LONGEST_STEP / max(np.sqrt(rise), 1e-300))
        center = center + step
        if rise < _NEAR**2:
            break
    root = np.linalg.inv(np.linalg.cholesky((directions * sizes) @ directions.T)).T
    log_density = value + rise / 2 - top - float(np.log(sizes).sum()) / 2
    return _Point(u, log_density, center, root)
