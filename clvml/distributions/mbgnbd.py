"""The modified BG/NBD model of repeat purchases (MBG/NBD).

As BG/NBD (`clvml.distributions.bgnbd`, whose functions are used here), but customers may drop out
right after their first purchase too, with the same probability ``p`` as after any other::

    lambda ~ Gamma(shape=r, rate=alpha)        p ~ Beta(a, b)

So customers without repeat purchases may have dropped out, which BG/NBD rules out, and the likelihood is

    Gamma(r+x)/Gamma(r) * alpha**r * B(a, b+x+1)/B(a, b)
        * ( (alpha+T)**-(r+x)  +  a/(b+x) * (alpha+t_x)**-(r+x) )

Batislam, Denizel, Filiztekin (2007), Empirical validation and comparison of models for customer
base analysis, International Journal of Research in Marketing 24(3).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvml.distributions import _bgnbd_covariates as bgnbd_covariates
from clvml.distributions import _simulation as simulation
from clvml.distributions import bgnbd
from clvml.distributions._histories import HistoryCounts, count_histories
from clvml.distributions._history import History
from clvml.distributions.bgnbd import BGNBDParams

Array = NDArray[np.float64]

_AT_FIRST = 1


class MBGNBDParams(BGNBDParams):
    """Parameters of the MBG/NBD model; ``alpha`` has the unit of time, the others have none."""

    __slots__ = ()


def count(history: History) -> HistoryCounts:
    """Aggregate the customers for `objective`."""
    return count_histories(history, everyone=True)


def total(params: BGNBDParams, counts: HistoryCounts) -> float:
    """Total log-likelihood alone."""
    return bgnbd.total(params, counts, _AT_FIRST)


def objective(params: BGNBDParams, counts: HistoryCounts) -> tuple[float, Array, Array]:
    """Total log-likelihood with its gradient and Hessian in ``(r, alpha, a, b)``."""
    return bgnbd.objective(params, counts, _AT_FIRST)


def log_likelihood(history: History, params: BGNBDParams) -> Array:
    """Log-likelihood of each customer."""
    return bgnbd.log_likelihood(history, params, _AT_FIRST)


def derivatives(history: History, params: Any) -> tuple[Array, Array, Array]:
    """Log-likelihoods (n,), gradients (4, n) and Hessians (4, 4, n) in the log-parameters."""
    return bgnbd_covariates.derivatives(history, params, _AT_FIRST)


def probability_alive(history: History, params: BGNBDParams) -> Array:
    """P(alive | x, t_x, T), below 1 also for customers without repeat purchases."""
    return bgnbd.probability_alive(history, params, _AT_FIRST)


def purchases_given_alive(history: History, ends: Array, weights: Array, params: BGNBDParams) -> Array:
    """Weighted sum over ``ends`` of the expected purchases until then, for customers alive at ``T``."""
    return bgnbd.purchases_given_alive(history, ends, weights, params, _AT_FIRST)


def infinite_horizon_purchases(history: History, params: BGNBDParams) -> Array:
    """Expected purchases over an infinite horizon, given alive at ``T``; infinite where ``a <= 1``."""
    return bgnbd.infinite_horizon_purchases(history, params, _AT_FIRST)


def survival_probability(history: History, after: float, params: BGNBDParams) -> Array:
    """P(alive at ``T + after`` | alive at ``T``)."""
    return bgnbd.survival_probability(history, after, params, _AT_FIRST)


def count_probability(n: Array, horizon: float, history: History, params: BGNBDParams) -> Array:
    """P(exactly ``n`` purchases in the next ``horizon``), for customers alive at ``T``."""
    return bgnbd.count_probability(n, horizon, history, params, _AT_FIRST)


def count_probabilities(
    first: int, width: int, horizon: float, history: History, params: BGNBDParams
) -> Array:
    """`count_probability` of ``width`` numbers from ``first``, shape (n, width), accurate to 1e-14 of 1."""
    return bgnbd.count_probabilities(first, width, horizon, history, params, _AT_FIRST)


def any_purchase_probability(history: History, horizon: float | Array, params: BGNBDParams) -> Array:
    """P(at least one purchase in the next ``horizon``), for customers alive at ``T``."""
    return bgnbd.any_purchase_probability(history, horizon, params)


def next_purchase_time(history: History, probability: Array, params: BGNBDParams) -> Array:
    """The time after ``T`` by which P(purchase | alive at ``T``) reaches ``probability``."""
    return bgnbd.next_purchase_time(history, probability, params)


def simulate_ahead(
    history: History, horizon: float, params: BGNBDParams, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Array]:
    """Simulate future purchases of customers alive at ``T``: ascending rows, and times after ``T``."""
    return bgnbd.simulate_ahead(history, horizon, params, rng, _AT_FIRST)


def dropout_rate(params: BGNBDParams) -> float:
    """The mean probability of dropout after a purchase."""
    return bgnbd.dropout_rate(params)


def rescaled(
    history: History, params: BGNBDParams, purchase_rate: float, dropout: float
) -> tuple[History, BGNBDParams]:
    """Histories and parameters of a scenario, as for BG/NBD."""
    return bgnbd.rescaled(history, params, purchase_rate, dropout)


def simulate(T: Array, params: BGNBDParams, rng: np.random.Generator) -> History:
    """Simulate histories of customers observed for ``T``."""
    return simulation.bgnbd_histories(T, params, rng, _AT_FIRST)
