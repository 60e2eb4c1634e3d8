"""Draws of parameters: Laplace's approximation, and its correction by importance weights.

Vehtari, Simpson, Gelman, Yao, Gabry (2024), Pareto Smoothed Importance Sampling, Journal of Machine
Learning Research 25; the fit of the Pareto tail by Zhang, Stephens (2009), A New and Efficient
Estimation Method for the Generalized Pareto Distribution, Technometrics 51(3).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_FREEDOM = 7.0  # of the Student-t that proposes: wider than the posterior in its tails
_NOTHING_SAID = 10.0  # e-folds: the parameter may as well be twenty thousand times as large
_LEAST = 1000  # proposals, below which a tail of weights is too short to fit


def draw_normal(center: Array, covariance: Array, n_draws: int, rng: np.random.Generator) -> Array:
    """Normal draws, shape (n_draws, n_parameters)."""
    return center + rng.standard_normal((n_draws, center.size)) @ _root(covariance).T


def draw_corrected(
    center: Array,
    covariance: Array,
    log_density: Callable[[Array], float],
    n_draws: int,
    rng: np.random.Generator,
) -> tuple[Array, float]:
    """Draws from a density that is roughly normal, shape (n_draws, n_parameters), and k-hat.

    Proposals of a Student-t are drawn again by their smoothed importance weights, systematically, so
    that each stands within one of its expected number of times.
    """
    n_proposed, size = max(n_draws, _LEAST), center.size
    normal = rng.standard_normal((n_proposed, size))
    wide = np.sqrt(_FREEDOM / rng.chisquare(_FREEDOM, n_proposed))
    proposed = center + (normal * wide[:, None]) @ _root(covariance).T
    distance = (normal**2).sum(axis=1) * wide**2
    log_proposal = -(_FREEDOM + size) / 2 * np.log1p(distance / _FREEDOM)
    log_target = np.array([log_density(theta) for theta in proposed])
    weights, k_hat = smoothed_weights(np.nan_to_num(log_target, nan=-np.inf) - log_proposal)
    places = (np.arange(n_draws) + rng.random()) / n_draws
    chosen = np.searchsorted(np.cumsum(weights), places, side="right")
    return proposed[rng.permutation(np.minimum(chosen, n_proposed - 1))], k_hat


def smoothed_weights(log_ratios: Array) -> tuple[Array, float]:
    """Normalised importance weights, their largest replaced by quantiles of a Pareto tail, and its shape."""
    log_weights = log_ratios - log_ratios.max()
    n_tail = int(min(0.2 * log_weights.size, 3 * np.sqrt(log_weights.size)))
    order = np.argsort(log_weights)
    tail = order[-n_tail:]
    cutoff = np.exp(max(log_weights[order[-n_tail - 1]], np.log(np.finfo(float).tiny)))
    k_hat, sigma = pareto_tail(np.exp(log_weights[tail]) - cutoff)
    weights = np.exp(log_weights)
    if np.isfinite(k_hat) and sigma > 0:
        at = (np.arange(n_tail) + 0.5) / n_tail
        excess = sigma * (np.expm1(-k_hat * np.log1p(-at)) / k_hat if k_hat else -np.log1p(-at))
        weights[tail] = np.minimum(cutoff + excess, 1.0)
    return weights / weights.sum(), k_hat


def pareto_tail(excess: Array) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto distribution, by the posterior mean of Zhang and Stephens.

    The shape is drawn a little towards one half, as ten more observations would.
    """
    x = np.sort(excess)
    n = x.size
    if x[-1] <= 0:
        return -np.inf, 0.0
    m = 30 + int(np.sqrt(n))
    quartile = max(x[int(n / 4 + 0.5) - 1], np.finfo(float).tiny)
    theta = 1 / x[-1] + (1 - np.sqrt(m / (np.arange(1, m + 1) - 0.5))) / (3 * quartile)
    shape = np.log1p(-theta[:, None] * x).mean(axis=1)
    profile = n * (np.log(-theta / shape) - shape - 1)
    weight = np.exp(profile - profile.max())
    best = float(theta @ weight / weight.sum())
    k = float(np.log1p(-best * x).mean())
    return (k * n + 5.0) / (n + 10), -k / best


def _root(covariance: Array) -> Array:
    """A root of the covariance of log-parameters, without the directions of which the data say nothing.

    Along these a fit at a boundary has no maximum, and no normal distribution: draws stay at the estimate.
    """
    sizes, directions = np.linalg.eigh((covariance + covariance.T) / 2)
    return directions * np.sqrt(np.where(sizes > _NOTHING_SAID**2, 0.0, np.maximum(sizes, 0.0)))
