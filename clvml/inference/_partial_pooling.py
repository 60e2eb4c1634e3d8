"""Partial pooling of groups by empirical Bayes.

The log-parameters ``theta_g`` of a group are drawn from a distribution over groups, independent normal ones
in scale-free quantities ``phi = axes @ theta`` (levels and heterogeneity), whose means and standard
deviations are estimated from all groups::

    phi_gk ~ Normal(mean_k, sd_k**2)

with a weakly informative prior of ``sd_k``, which keeps few groups from seeming equal, as the maximum of
the likelihood often does (Chung, Rabe-Hesketh, Dorie, Gelman, Liu 2013, A Nondegenerate Penalized Likelihood
Estimator for Variance Parameters in Multilevel Models, Psychometrika 78(4)). The marginal likelihood is
maximised with Laplace's approximation: with the likelihood of each group quadratic around its estimate, the
EM algorithm has closed-form steps (Dempster, Rubin, Tsutakawa 1981, Estimation in Covariance Components
Models, Journal of the American Statistical Association 76(374)); then each group is fitted anew with that
prior, and so on until both agree. A group with little data of its own has the mean of the groups, one with
much data its own estimate, also where its own likelihood has no maximum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from clvml.inference._maximum_likelihood import Array, Objective, Optimum, maximise
from clvml.inference._prior import Prior

_ROUNDS = 20  # of the estimates of groups
_STEPS = 2000  # of the EM algorithm, in each round
_START_SD = 0.5  # between groups, of a logarithm
_TYPICAL_SD = 0.3  # mode of its prior: groups usually differ by a third
_SMALLEST_SD = 1e-3  # below, groups do not differ
_LARGEST_SD = 3.0  # a factor of e**3 up or down, where groups have next to nothing in common
_CLOSE = 0.05  # change of an estimate, in standard deviations between groups
_STEP_CLOSE = 1e-5


class Pool(NamedTuple):
    """Mean and standard deviation over groups of each quantity, and the optimum of each group."""

    mean: Array
    sd: Array
    optima: list[Optimum]
    converged: bool

    def share(self, axes: Array) -> Array:
        """Share of the group's own data in its estimate, by quantity: 0 is complete pooling."""
        left = np.stack([np.diag(axes @ optimum.covariance @ axes.T) for optimum in self.optima])
        return np.clip(1 - left / self.sd**2, 0.0, 1.0)


class _Quadratics(NamedTuple):
    """Log-likelihoods of the groups around ``at``: gradients, and negative Hessians made positive."""

    at: Array
    gradient: Array
    information: Array


def pool(objectives: Sequence[Objective], sizes: Sequence[float], axes: Array, start: Array) -> Pool:
    """Estimate the distribution over groups, and each group with it as a prior.

    Parameters
    ----------
    objectives : sequence of callable
        The log-likelihood of each group, with gradient and Hessian in the log-parameters.
    sizes : sequence of float
        Number of customers of each group.
    axes : ndarray, shape (n_parameters, n_parameters)
        The quantities, as combinations of the log-parameters.
    start : ndarray, shape (n_parameters,)
        The log-parameters of all customers.
    """
    mean, sd = axes @ start, np.full(start.size, _START_SD)
    optima = _fitted(objectives, [start] * len(objectives), sizes, start, Prior(axes, mean, sd))
    converged = False
    for _ in range(_ROUNDS):
        thetas, before = [optimum.theta for optimum in optima], (mean, sd)
        mean, sd = _distribution(_quadratics(objectives, thetas), axes, mean, sd)
        optima = _fitted(objectives, thetas, sizes, start, Prior(axes, mean, sd))
        if converged := _is_close((mean, sd), before):
            break
    return Pool(mean, sd, optima, converged)


def _fitted(
    objectives: Sequence[Objective], thetas: list[Array], sizes: Sequence[float], start: Array, prior: Prior
) -> list[Optimum]:
    """The optimum of each group with the distribution over groups as its prior."""
    return [
        maximise(objective, [theta, start], size, prior)
        for objective, theta, size in zip(objectives, thetas, sizes, strict=True)
    ]


def _is_close(now: tuple[Array, Array], before: tuple[Array, Array]) -> bool:
    """Whether means and standard deviations moved little; the latter need not if groups hardly differ."""
    (mean, sd), (old_mean, old_sd) = now, before
    still = abs(mean - old_mean) < _CLOSE * np.maximum(sd, 1.0)
    alike = np.maximum(sd, old_sd) < _CLOSE
    return bool((still & (alike | (abs(np.log(sd / old_sd)) < _CLOSE))).all())


def _quadratics(objectives: Sequence[Objective], thetas: list[Array]) -> _Quadratics:
    found = [objective(theta) for objective, theta in zip(objectives, thetas, strict=True)]
    sizes, directions = np.linalg.eigh(np.stack([-(hessian + hessian.T) / 2 for _, _, hessian in found]))
    information = (directions * abs(sizes)[:, None]) @ directions.swapaxes(1, 2)
    return _Quadratics(np.stack(thetas), np.stack([gradient for _, gradient, _ in found]), information)


def _distribution(groups: _Quadratics, axes: Array, mean: Array, sd: Array) -> tuple[Array, Array]:
    """The EM algorithm: posterior means and variances of the groups, then their mean and variance."""
    back = np.linalg.inv(axes)
    for _ in range(_STEPS):
        precision = axes.T @ np.diag(sd**-2.0) @ axes
        covariance = np.linalg.inv(groups.information + precision)
        pull = groups.gradient - (groups.at - back @ mean) @ precision
        theta = groups.at + np.einsum("gij,gj->gi", covariance, pull)
        phi = theta @ axes.T
        left = np.einsum("ki,gij,kj->gk", axes, covariance, axes)
        new_mean = phi.mean(axis=0)
        new_sd = _standard_deviation(((phi - new_mean) ** 2 + left).sum(axis=0), len(phi), sd)
        change = max(abs(np.log(new_sd / sd)).max(), (abs(new_mean - mean) / new_sd).max())
        mean, sd = new_mean, new_sd
        if change < _STEP_CLOSE:
            break
    return mean, sd


def _standard_deviation(squares: Array, n_groups: int, sd: Array) -> Array:
    """The mode of ``sd``, given the expected sum of squares, by Newton's method from the last one.

    With its prior ``Gamma(2, 1 / _TYPICAL_SD)`` that is the root of ``sd**3 / _TYPICAL_SD + (n - 1) sd**2 -
    squares``, which is increasing.
    """
    for _ in range(4):
        value = sd**3 / _TYPICAL_SD + (n_groups - 1) * sd**2 - squares
        slope = 3 * sd**2 / _TYPICAL_SD + 2 * (n_groups - 1) * sd
        sd = np.clip(sd - value / slope, np.maximum(sd / 4, _SMALLEST_SD), _LARGEST_SD)
    return sd
