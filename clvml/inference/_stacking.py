"""Stacking: weights of predictive distributions that maximise the log score of their mixture.

Yao, Vehtari, Simpson and Gelman (2018), "Using stacking to average Bayesian predictive distributions",
Bayesian Analysis 13, equation 4, with outcomes of a holdout in place of those left out one at a time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_NEGLIGIBLE = 1e-6
_LEAST_LOG = -700.0  # relative to the best model of the row


def stacking_weights(log_densities: Floats, counts: Floats | None = None) -> Floats:
    """The weights on the simplex that maximise ``sum(counts * log(exp(log_densities) @ weights))``.

    The problem is concave. At its solution ``mean(p_k / mixture) <= 1`` for every model ``k``, with equality
    where its weight is positive.

    Parameters
    ----------
    log_densities : ndarray, shape (n_outcomes, n_models)
        Log predictive density of each outcome by each model; ``-inf`` where a model rules it out.
    counts : ndarray, shape (n_outcomes,), optional
        Non-negative weights of the outcomes; default 1.

    Returns
    -------
    ndarray, shape (n_models,)
        Non-negative, with sum 1; equal where no outcome distinguishes the models.
    """
    n, n_models = log_densities.shape
    equal = np.full(n_models, 1 / n_models)
    if n == 0 or n_models == 1:
        return equal
    relative = relative_densities(log_densities)
    share = np.full(n, 1 / n) if counts is None else counts / counts.sum()

    def loss(weights: Floats) -> tuple[float, Floats]:
        mixture = relative @ weights
        return -float(share @ np.log(mixture)), -(relative.T @ (share / mixture))

    found = minimize(  # type: ignore[call-overload]
        loss,
        equal,
        jac=True,
        method="SLSQP",
        bounds=[(_NEGLIGIBLE / 10, 1.0)] * n_models,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(w.size)},
        options={"ftol": 1e-13, "maxiter": 200},
    ).x
    weights = np.where(found < _NEGLIGIBLE, 0.0, found)
    return np.asarray(weights / weights.sum())


def relative_densities(log_densities: Floats) -> Floats:
    """Densities as multiples of the largest of each row; rows that all models rule out are ones."""
    best = log_densities.max(axis=1, keepdims=True)
    best = np.where(np.isfinite(best), best, 0.0)
    logs = np.where(np.isfinite(log_densities.max(axis=1, keepdims=True)), log_densities - best, 0.0)
    return np.exp(np.maximum(logs, _LEAST_LOG))


def weight_draws(log_densities: Floats, cluster: Integers, n_draws: int, random_state: int) -> Floats:
    """Draws of the weights by the Bayesian bootstrap over clusters (Rubin 1981), shape (n_draws, n_models).

    Parameters
    ----------
    cluster : ndarray of int64, shape (n_outcomes,)
        The customer of each outcome, from 0: outcomes of a customer at several origins are dependent.
    """
    rng = np.random.default_rng(random_state)
    n_clusters = int(cluster.max()) + 1
    draws = [
        stacking_weights(log_densities, rng.standard_exponential(n_clusters)[cluster]) for _ in range(n_draws)
    ]
    return np.array(draws)


def simulations_by_model(weights: Floats, n_simulations: int, random_state: int) -> list[int]:
    """How many of the simulations of a mixture each model makes: systematic sampling, ``n * weight`` +- 1."""
    offset = np.random.default_rng((random_state, 0)).random()
    ends = np.floor(np.cumsum(weights) / weights.sum() * n_simulations + offset).astype(int)
    ends[-1] = n_simulations + int(np.floor(offset))
    return [int(each) for each in np.diff(ends, prepend=int(np.floor(offset)))]
