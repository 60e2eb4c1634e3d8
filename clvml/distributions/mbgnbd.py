"""The modified BG/NBD model of repeat purchases (MBG/NBD).

As BG/NBD (`clvml.distributions.bgnbd`, whose functions serve here), but customers may leave for
good right after their first purchase too, with the same probability ``p`` as after any other::

    lambda ~ Gamma(shape=r, rate=alpha)        p ~ Beta(a, b)

So whoever has not bought again may have left, which BG/NBD rules out, and the likelihood is

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
from clvml.distributions._histories import Histories, count_histories
from clvml.distributions.bgnbd import BGNBDParams

Array = NDArray[np.float64]

_AT_FIRST = 1


class MBGNBDParams(BGNBDParams):
    """Parameters of the MBG/NBD model; ``alpha`` has the unit of time, the others have none."""

    __slots__ = ()


def count(x: Array, t_x: Array, T: Array, weight: Array | None = None) -> Histories:
    """What `objective` needs of the customers."""
    return count_histories(x, t_x, T, weight, everyone=True)


def total(params: BGNBDParams, histories: Histories) -> float:
    """Total log-likelihood alone."""
    return bgnbd.total(params, histories, _AT_FIRST)


def objective(params: BGNBDParams, histories: Histories) -> tuple[float, Array, Array]:
    """Total log-likelihood with its gradient and Hessian in ``(r, alpha, a, b)``."""
    return bgnbd.objective(params, histories, _AT_FIRST)


def log_likelihood(x: Array, t_x: Array, T: Array, params: BGNBDParams) -> Array:
    """Log-likelihood of each customer."""
    return bgnbd.log_likelihood(x, t_x, T, params, _AT_FIRST)


def derivatives(x: Array, t_x: Array, T: Array, params: Any) -> tuple[Array, Array, Array]:
    """As `clvml.distributions.derivatives`."""
    return bgnbd_covariates.derivatives(x, t_x, T, params, _AT_FIRST)


def probability_alive(x: Array, t_x: Array, T: Array, params: BGNBDParams) -> Array:
    """P(alive | x, t_x, T), below 1 also for customers who have not bought again."""
    return bgnbd.probability_alive(x, t_x, T, params, _AT_FIRST)


def purchases_given_alive(x: Array, T: Array, ends: Array, weights: Array, params: BGNBDParams) -> Array:
    """Weighted sum over ``ends`` of the expected purchases until then, for customers alive at ``T``."""
    return bgnbd.purchases_given_alive(x, T, ends, weights, params, _AT_FIRST)


def endless_purchases(x: Array, T: Array, params: BGNBDParams) -> Array:
    """Expected purchases ever to come, for customers alive at ``T``; infinite where ``a <= 1``."""
    return bgnbd.endless_purchases(x, T, params, _AT_FIRST)


def probability_of_staying(x: Array, T: Array, after: float, params: BGNBDParams) -> Array:
    """P(alive at ``T + after`` | alive at ``T``)."""
    return bgnbd.probability_of_staying(x, T, after, params, _AT_FIRST)


def count_probability(n: Array, horizon: float, x: Array, T: Array, params: BGNBDParams) -> Array:
    """P(exactly ``n`` purchases in the next ``horizon``), for customers alive at ``T``."""
    return bgnbd.count_probability(n, horizon, x, T, params, _AT_FIRST)


def simulate_ahead(
    x: Array, T: Array, horizon: float, params: BGNBDParams, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Array]:
    """Purchases ahead of customers alive at ``T``: whose, in ascending order, and when after ``T``."""
    return bgnbd.simulate_ahead(x, T, horizon, params, rng, _AT_FIRST)


def rate_of_leaving(params: BGNBDParams) -> float:
    """The mean probability of leaving after a purchase."""
    return bgnbd.rate_of_leaving(params)


def rescaled(
    x: Array, T: Array, params: BGNBDParams, purchase_rate: float, dropout: float
) -> tuple[Array, BGNBDParams]:
    """As that of BG/NBD."""
    return bgnbd.rescaled(x, T, params, purchase_rate, dropout)


def simulate(T: Array, params: BGNBDParams, rng: np.random.Generator) -> tuple[Array, Array]:
    """Repeat purchases ``x`` and the time of the last, ``t_x``, of customers seen for ``T``."""
    return simulation.bgnbd_histories(T, params, rng, _AT_FIRST)
