"""The shifted beta-geometric model of subscriptions (sBG).

At each renewal a customer leaves with probability ``theta``, constant over time but different
from customer to customer, ``theta ~ Beta(alpha, beta)``: those likely to leave do so first, so
the retention rate of a cohort rises.

A customer is seen as ``(renewed, offered)``: renewals made, of those offered. Whoever made fewer
than were offered has left, at renewal ``renewed + 1``; the others are with us still.

Fader, Hardie (2007), How to Project Customer Retention, Journal of Interactive Marketing 21(1).
Their beta functions (equations 5 and 6) are products here:

    stayed for d:            product over i < d of (beta+i) / (alpha+beta+i)
    left at renewal d + 1:   the same, times alpha / (alpha+beta+d)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class ShiftedBetaGeometricParams(NamedTuple):
    """Parameters of the shifted beta-geometric model: pure numbers."""

    alpha: float
    beta: float


class Renewals(NamedTuple):
    """Weights of customers who made more than ``j`` renewals, decided on more than ``j``, and left."""

    made: Array
    decided: Array
    left: float


def count(renewed: Array, offered: Array, weight: Array) -> Renewals:
    """What `objective` needs of the customers."""
    left = offered > renewed
    made, decided = (
        np.bincount(number.astype(np.int64), weight, int(offered.max()) + 1)[::-1].cumsum()[::-1][1:]
        for number in (renewed, renewed + left)
    )
    return Renewals(made, decided, float(weight @ left))


def objective(params: ShiftedBetaGeometricParams, renewals: Renewals) -> tuple[float, Array, Array]:
    """Total log-likelihood with its gradient and Hessian in ``(alpha, beta)``."""
    alpha, beta = params
    made, decided, left = renewals
    stay, all_ = beta + np.arange(made.size), alpha + beta + np.arange(decided.size)
    value = left * np.log(alpha) + made @ np.log(stay) - decided @ np.log(all_)
    slope, curve = -(decided / all_).sum(), (decided / all_**2).sum()
    gradient = np.array([left / alpha + slope, (made / stay).sum() + slope])
    hessian = np.array([[curve - left / alpha**2, curve], [curve, curve - (made / stay**2).sum()]])
    return float(value), gradient, hessian


def log_likelihood(renewed: Array, offered: Array, params: ShiftedBetaGeometricParams) -> Array:
    """Log-likelihood of each customer."""
    alpha, beta = params
    j = np.arange(int(renewed.max(initial=0)) + 1)
    stayed = np.concatenate([[0.0], np.cumsum(-np.log1p(alpha / (beta + j)))])[renewed.astype(np.int64)]
    return stayed + np.where(offered > renewed, np.log(alpha) - np.log(alpha + beta + renewed), 0.0)


def simulate(offered: Array, params: ShiftedBetaGeometricParams, rng: np.random.Generator) -> Array:
    """Renewals made by customers who were offered so many."""
    leaves = np.maximum(rng.beta(*params, offered.size), np.finfo(float).tiny)
    return np.minimum(rng.geometric(leaves) - 1.0, offered)
