"""Derivatives of the BG/NBD log-likelihood with customer-specific parameters.

Functions of `clvml.distributions.bgnbd` broadcast where possible. All derivatives here are with respect to
the logarithms of ``(r, alpha, a, b)``, for each customer, as `clvml.distributions._covariates` requires.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from clvml.distributions._covariates import added, of_purchases, sum_over_numbers
from clvml.distributions._history import History
from clvml.distributions.bgnbd import log_odds_of_dropout

Array = NDArray[np.float64]


def derivatives(history: History, params: Any, at_first: int = 0) -> tuple[Array, Array, Array]:
    """Log-likelihoods (n,), gradients (4, n) and Hessians (4, 4, n) in the log-parameters.

    ``params`` are ``r, alpha, a, b``, each an array of one number per customer.
    """
    x, t_x, T = history.x, history.t_x, history.T
    r, alpha, a, b = params
    return added(
        of_purchases(x, T, r, alpha),
        of_survival(x + at_first, a, b),
        _of_dropout(x, t_x, T, params, at_first),
    )


def of_survival(chances: Array, a: Array, b: Array) -> tuple[Array, Array, Array]:
    """Log-probability of surviving all dropout opportunities, the sum of ``-log1p(a / (b + j))``."""

    def at(j: float | Array, rows: NDArray[np.int64]) -> Array:
        bj, abj = b[rows] + j, a[rows] + b[rows] + j
        drop, survive = a[rows] / abj, b[rows] / bj
        curve_b = drop * survive * ((a[rows] + 2 * bj) * j - bj**2) / (bj * abj)
        return np.stack(
            [np.log1p(a[rows] / bj), drop, drop * survive, drop * bj / abj, drop * b[rows] / abj, curve_b]
        )

    value, slope_a, slope_b, curve_a, curve_ab, curve_b = sum_over_numbers(chances, at, 6)
    slope, curve = np.zeros((4, chances.size)), np.zeros((4, 4, chances.size))
    slope[2], slope[3] = -slope_a, slope_b
    curve[2, 2], curve[3, 3] = -curve_a, curve_b
    curve[2, 3] = curve[3, 2] = curve_ab
    return -value, slope, curve


def _of_dropout(x: Array, t_x: Array, T: Array, params: Any, at_first: int) -> tuple[Array, Array, Array]:
    """``softplus(u)`` of customers who had an opportunity to drop out."""
    r, alpha, _, b = params
    last, seen = alpha / (alpha + t_x), alpha / (alpha + T)
    chances = np.maximum(x + at_first, 1)
    u = np.where(x + at_first > 0, log_odds_of_dropout(chances - at_first, t_x, T, params, at_first), -np.inf)
    left, odds = expit(u), b + chances - 1
    silence, ran = r * np.log1p((T - t_x) / (alpha + t_x)), (t_x - T) / (alpha + t_x) * seen
    du = np.stack([silence, (r + x) * ran, np.ones(x.size), -b / odds])
    curve = left * (1 - left) * du[:, None] * du
    curve[0, 0] += left * silence
    curve[0, 1] += left * r * ran
    curve[1, 0] += left * r * ran
    curve[1, 1] += left * (r + x) * ran * (1 - last - seen)
    curve[3, 3] -= left * b * (chances - 1) / odds**2
    return np.logaddexp(0, u), left * du, curve
