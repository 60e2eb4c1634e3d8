"""Nested Laplace approximation of the posterior, along the least identified direction.

Along that direction the posterior is skewed, and Laplace's approximation too narrow (by a sixth for the
dropout of CDNOW's 2,357 customers): there the profile of the log-density, maximised over all other
directions, is evaluated at several points. At each point the other parameters are normal around the
conditional maximum, with the curvature there. The density of the coordinate ``u`` along the direction is
then, up to a constant,

    log p(u)  =  max over the others of log p(u, others)  -  log det(curvature of the others) / 2

with a relative error of order ``1 / n`` (Tierney, Kadane 1986, Accurate Approximations for Posterior Moments
and Marginal Densities, JASA 81; nested as by Rue, Martino, Chopin 2009, Approximate Bayesian Inference for
Latent Gaussian Models, JRSS B 71). Only three to eight points are stored, no customer data.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline, CubicSpline, PchipInterpolator

from clvml.errors import InputError
from clvml.inference._maximum_likelihood import Objective

Array = NDArray[np.float64]
Local = Callable[[Array], tuple[float, Array, Array]]

_NORMAL = 0.1  # standard deviation of a log-parameter up to which Laplace's approximation suffices
_MOST = 12  # parameters: for more, the stored points would be large
REACH = 3.0  # standard deviation in logs of the bounding prior: a factor of twenty
_FIRST, _GROWTH = 3.3, 2.3  # first point in standard deviations, and ratio of successive points
_NEGLIGIBLE = 3.5  # drop in log-density below which the tail is extrapolated exponentially
_FURTHEST = 12.0  # largest distance along the direction, in logs
_ABSURD = 1e8  # below the maximum in log-density
_STEPS = 6  # of Newton's method from an extrapolated start
_STRAY = 1.0  # expected rise in log-density after the last step beyond which the maximum is not found
_NEAR = 0.3  # standard deviations from the conditional maximum within which it is quadratic
_LONGEST_STEP = 3.0
_LEAST_CURVATURE = 0.05  # relative to that at the estimate
_DECIMALS = 6  # of coordinates in standard deviations
_FEWEST = 3  # points for interpolation
_CUBIC = 0.12  # largest error of a cubic's curvature, relative to that at the estimate
_MOST_BETWEEN = 2  # points between the estimate and the first
_BOUNDED = 1.92  # drop in log-likelihood at the end of a 95 % likelihood-ratio interval
_TAIL = 5.0  # drop in log-density beyond the last points
_GRID = 2001


@dataclass(frozen=True, eq=False)
class NestedLaplace:
    """Posterior represented by points along the direction that the data identify least.

    Coordinates are in standard deviations of Laplace's approximation from the estimate.

    Attributes
    ----------
    axes : ndarray, shape (n_parameters, n_parameters)
        A column for each coordinate, the least identified last.
    points : ndarray, shape (n_points,)
        Along the last axis, ascending.
    log_maximum, slope, log_volume : ndarray, shape (n_points,)
        At each point, the profile log-density, its derivative along the axis, and the log-volume of the
        conditional normal distribution; all 0 at the estimate.
    centers, moves : ndarray, shape (n_points, n_parameters - 1)
        Location of the conditional maximum, and its derivative.
    roots : ndarray, shape (n_points, n_parameters - 1, n_parameters - 1)
        Square roots of the conditional covariance.
    """

    axes: Array
    points: Array
    log_maximum: Array
    slope: Array
    log_volume: Array
    centers: Array
    moves: Array
    roots: Array

    def draw(self, center: Array, n_draws: int, rng: np.random.Generator) -> Array:
        """Draws around the estimate ``center``, shape (n_draws, n_parameters)."""
        u = self._quantiles((rng.permutation(n_draws) + rng.random(n_draws)) / n_draws)
        normal = rng.standard_normal((n_draws, center.size - 1))
        roots = PchipInterpolator(self.points, self.roots)(np.clip(u, self.points[0], self.points[-1]))
        others = _extended(CubicHermiteSpline(self.points, self.centers, self.moves), self.points, u) + (
            roots * normal[:, None]
        ).sum(axis=2)
        coordinates = np.column_stack([others, u])
        return center + (coordinates[:, None] * self.axes).sum(axis=2)

    def check(self, n_parameters: int) -> None:
        """Refuse points that do not represent a posterior of this number of parameters.

        Raises
        ------
        InputError
            If an array has another shape, a number is not finite, or the points are not ascending.
        """
        points, others = self.points.shape, (n_parameters - 1,)
        shapes = dict.fromkeys(("points", "log_maximum", "slope", "log_volume"), points)
        shapes |= {"axes": (n_parameters, n_parameters), "centers": points + others, "moves": points + others}
        shapes |= {"roots": points + others + others}
        for name, shape in shapes.items():
            values = getattr(self, name)
            if values.shape != shape or not np.isfinite(values).all():
                raise InputError(f"{name} of the posterior must be finite numbers of shape {shape}.")
        if len(points) != 1 or points[0] < _FEWEST or not (np.diff(self.points) > 0).all():
            raise InputError(f"the points of the posterior must be {_FEWEST} or more, ascending.")

    def is_bounded_by_data(self) -> bool:
        """Whether the likelihood falls at both ends, or only the prior of `within_reach` does.

        By 1.92, half the 95 % quantile of chi-squared with one degree of freedom.
        """
        off = self.points[[0, -1]] * np.linalg.norm(self.axes[:, -1])
        return bool((self.log_maximum[[0, -1]] + off**2 / (2 * REACH**2) < -_BOUNDED).all())

    def _quantiles(self, share: Array) -> Array:
        """Quantiles of the last coordinate at stratified probabilities, so that few draws cover it well."""
        ends = self.points[[0, -1]]
        tails = np.minimum(_TAIL / np.maximum(abs(self.slope[[0, -1]]), 1e-300), abs(ends))
        grid = np.linspace(ends[0] - tails[0], ends[1] + tails[1], _GRID)
        maximum = CubicHermiteSpline(self.points, self.log_maximum, self.slope)
        volume = CubicSpline(self.points, self.log_volume, bc_type="natural")
        log_density = _extended(maximum, self.points, grid) + _extended(volume, self.points, grid)
        density = np.exp(log_density - log_density.max())
        below = np.append(0.0, np.cumsum((density[1:] + density[:-1]) / 2))
        return np.asarray(np.interp(share * below[-1], below, grid), dtype=float)


def _extended(curve: Any, points: Array, u: Array) -> Array:
    """A spline with linear extrapolation."""
    within = np.clip(u, points[0], points[-1])
    value, beyond = curve(within), u - within
    return np.asarray(value + curve(within, 1) * beyond.reshape(-1, *[1] * (value.ndim - 1)), dtype=float)


class _Point(NamedTuple):
    """A point along the last axis; its fields are described in `NestedLaplace`."""

    u: float
    log_maximum: float
    slope: float
    log_volume: float
    center: Array
    move: Array
    root: Array

    @property
    def log_density(self) -> float:
        """Log-density of the last coordinate."""
        return self.log_maximum + self.log_volume


def within_reach(objective: Objective, center: Array) -> Objective:
    """The log-posterior with a normal prior around ``center``, of standard deviation 3 in logs.

    If the data bound a direction on one side only, the posterior would otherwise be improper; further out
    predictions hardly change.
    """
    curvature = np.eye(center.size) / REACH**2

    def bounded(theta: Array) -> tuple[float, Array, Array]:
        value, gradient, hessian = objective(theta)
        off = theta - center
        slope = off / REACH**2
        return value - float(off @ slope) / 2, gradient - slope, hessian - curvature

    return bounded


def nested_laplace(
    objective: Objective, center: Array, top: float, information: Array
) -> NestedLaplace | None:
    """Approximate the posterior ``exp(objective)`` around its maximum.

    Parameters
    ----------
    objective : callable
        Log-posterior up to a constant, with gradient and Hessian.
    center : ndarray, shape (n_parameters,)
        Location of its maximum.
    top : float
        Its value at the maximum.
    information : ndarray, shape (n_parameters, n_parameters)
        Its negative Hessian there.

    Returns
    -------
    NestedLaplace or None
        None if Laplace's approximation suffices because the data identify all parameters well, or if there
        are one or more than 12 parameters.
    """
    sizes, directions = np.linalg.eigh(information)
    sds = 1 / np.sqrt(np.maximum(sizes, 1e-300))[::-1]
    if not 1 < center.size <= _MOST or sds[-1] <= _NORMAL:
        return None
    axes = directions[:, ::-1] * sds

    def local(coordinates: Array) -> tuple[float, Array, Array]:
        # An extrapolation may be so far off that the density is not finite; that is checked.
        with np.errstate(all="ignore"):
            value, gradient, hessian = objective(center + axes @ coordinates)
            return value, axes.T @ gradient, axes.T @ hessian @ axes

    others = np.zeros(center.size - 1)
    here = _Point(0.0, 0.0, 0.0, 0.0, others, others, np.eye(others.size))
    below = _followed(local, [here], top, -sds[-1])
    above = _followed(local, [*below[:1], here], top, sds[-1])
    points = [*below[::-1], here, *above]
    if len(points) < _FEWEST:
        return None
    columns = (np.array(column).round(_DECIMALS) for column in zip(*points, strict=True))
    return NestedLaplace(axes, *columns)


def _followed(local: Local, known: list[_Point], top: float, sd: float) -> list[_Point]:
    """Points on one side of the estimate, by the sign of ``sd``, until the density is negligible.

    ``known`` is the estimate, after the point on its other side where there is one, for the first guess.
    """
    u, found = float(np.sign(sd)) * _FIRST, list(known)
    n = len(known)
    while found[-1].log_density > -_NEGLIGIBLE and abs(found[-1].u * sd) < _FURTHEST:
        there = _conditional(local, u, _guess(found, u), found[-1].center, top)
        if there is None:
            break
        found.append(there)
        u *= _GROWTH
        while len(found) <= n + _MOST_BETWEEN and not _is_cubic(found[n]):
            half = found[n].u / 2
            between = _conditional(local, half, _guess(found[n - 1 : n + 1], half), found[n - 1].center, top)
            if between is None:
                break
            found.insert(n, between)
    return found[n:]


def _is_cubic(first: _Point) -> bool:
    """Whether a cubic from the estimate to the first point has the curvature at the estimate, which is -1."""
    curvature = (6 * first.log_maximum / first.u - 2 * first.slope) / first.u
    return abs(curvature + 1) < _CUBIC


def _guess(found: list[_Point], u: float) -> Array:
    """Predicted location of the conditional maximum at ``u``: cubic or linear extrapolation."""
    last = found[-1]
    if len(found) == 1:
        return last.center + last.move * (u - last.u)
    before, step = found[-2], found[-1].u - found[-2].u
    t = (u - before.u) / step
    change = last.center - before.center
    bend = (before.move + last.move) * step - 2 * change
    turn = 3 * change - (2 * before.move + last.move) * step
    return np.asarray(before.center + t * (before.move * step + t * (turn + t * bend)), dtype=float)


def _conditional(local: Local, u: float, guess: Array, near: Array, top: float) -> _Point | None:
    """The conditional maximum from the extrapolated ``guess``, or from ``near`` if it is too far off."""
    found = _maximised(local, u, guess, top, _STEPS)
    return _maximised(local, u, near, top, 3 * _STEPS) if found is None else found


def _maximised(local: Local, u: float, start: Array, top: float, steps: int) -> _Point | None:
    """The conditional maximum by Newton's method; None if it is not found or the density is not finite."""
    center = start
    for _ in range(steps):
        value, gradient, hessian = local(np.array([*center, u]))
        if not (math.isfinite(value) and np.isfinite(hessian).all()):
            return None
        sizes, directions = np.linalg.eigh(-hessian[:-1, :-1])
        sizes = np.maximum(sizes, _LEAST_CURVATURE)
        inverse = directions / sizes @ directions.T
        step = inverse @ gradient[:-1]
        rise = float(gradient[:-1] @ step)
        if rise < 0 or value < top - _ABSURD:  # derivatives are rounding errors
            return None
        step *= min(1.0, _LONGEST_STEP / max(math.sqrt(rise), 1e-300))
        center = center + step
        if rise < _NEAR**2:
            break
    else:
        if rise > _STRAY:
            return None
    return _Point(
        u,
        value + rise / 2 - top,
        float(gradient[-1] + hessian[-1, :-1] @ step),
        -float(np.log(sizes).sum()) / 2,
        center,
        inverse @ hessian[:-1, -1],
        np.linalg.cholesky(inverse),
    )
