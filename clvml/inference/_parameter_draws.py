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
LogDensity = Callable[[Array], float]

_FREEDOM = 7.0  # of the Student-t that proposes
_REACH = 3.0  # e-folds: a parameter may well be twenty times as large, or as small
_ROUNDS = 3
_ENOUGH = 20.0  # draws that count, to learn from where the others should lie
RELIABLE = 0.7  # k-hat, up to which the weights of this many draws may be relied on
_FLAT = 5.0  # e-folds of standard deviation: the data say nothing of this direction
_LEAST = 1000  # proposals, below which a tail of weights is too short to fit


def draw_normal(center: Array, covariance: Array, n_draws: int, rng: np.random.Generator) -> Array:
    """Normal draws, shape (n_draws, n_parameters)."""
    return center + rng.standard_normal((n_draws, center.size)) @ _root(covariance).T


def within_reach(center: Array, covariance: Array, log_density: LogDensity) -> tuple[Array, LogDensity]:
    """Covariance and density with a normal prior around the center, three e-folds wide.

    Where the data hold a direction on one side only, they would leave all that lies beyond equally likely,
    however far; and further out than this it predicts the same.
    """

    def held(theta: Array) -> float:
        return log_density(theta) - float(((theta - center) ** 2).sum()) / (2 * _REACH**2)

    information = np.linalg.inv(covariance) + np.eye(center.size) / _REACH**2
    return np.asarray(np.linalg.inv(information), dtype=float), held


def draw_corrected(
    center: Array, covariance: Array, log_density: LogDensity, n_draws: int, rng: np.random.Generator
) -> tuple[Array, float]:
    """Draws from a density that is roughly normal, shape (n_draws, n_parameters), and k-hat.

    Proposals of a Student-t are drawn again by their smoothed importance weights, systematically, so
    that each stands within one of its expected number of times. While the weights have a heavy tail the
    proposals move to where the weighted ones lie, unless these are but a few.
    """
    n_proposed = max(n_draws, _LEAST)
    rounds = []
    for _ in range(_ROUNDS):
        proposed, log_proposal = _propose(center, covariance, n_proposed, rng)
        log_target = np.array([log_density(theta) for theta in proposed])
        weights, k_hat = smoothed_weights(np.nan_to_num(log_target, nan=-np.inf) - log_proposal)
        rounds.append((k_hat, weights, proposed))
        if k_hat < RELIABLE or 1 / (weights @ weights) < _ENOUGH:
            break
        center = weights @ proposed
        covariance = (weights * (proposed - center).T) @ (proposed - center)
    k_hat, weights, proposed = min(rounds, key=lambda found: found[0])
    places = (np.arange(n_draws) + rng.random()) / n_draws
    chosen = np.searchsorted(np.cumsum(weights), places, side="right")
    return proposed[rng.permutation(np.minimum(chosen, n_proposed - 1))], k_hat


def _propose(center: Array, covariance: Array, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draws of a Student-t, wider than the density in its tails, and their log-densities."""
    normal = rng.standard_normal((n, center.size))
    wide = np.sqrt(_FREEDOM / rng.chisquare(_FREEDOM, n))
    distance = (normal**2).sum(axis=1) * wide**2
    log_proposal = -(_FREEDOM + center.size) / 2 * np.log1p(distance / _FREEDOM)
    return center + (normal * wide[:, None]) @ _root(covariance).T, log_proposal


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
    m, quartile = 30 + int(np.sqrt(n)), x[int(n / 4 + 0.5) - 1]
    if quartile < np.finfo(float).tiny:  # next to a few, the others count for nothing
        return np.inf, 0.0
    theta = 1 / x[-1] + (1 - np.sqrt(m / (np.arange(1, m + 1) - 0.5))) / (3 * quartile)
    shape = np.log1p(-theta[:, None] * x).mean(axis=1)
    profile = n * (np.log(-theta / shape) - shape - 1)
    weight = np.exp(profile - profile.max())
    best = float(theta @ weight / weight.sum())
    k = float(np.log1p(-best * x).mean())
    return (k * n + 5.0) / (n + 10), -k / best


def _root(covariance: Array) -> Array:
    """A square root; directions in which the likelihood is flat are held.

    So it is where a fit sits on a boundary: what lies further out predicts the same, and a normal would reach
    as far the other way, where the likelihood is nil.
    """
    sizes, directions = np.linalg.eigh((covariance + covariance.T) / 2)
    return directions * np.sqrt(np.where(sizes > _FLAT**2, 0.0, np.maximum(sizes, 0.0)))
