"""Derivatives of the Pareto/NBD log-likelihood with customer-specific parameters.

The derivatives of dropout are those of `clvml.distributions.pareto_nbd`. Derivatives here are with respect to
the logarithms of ``(r, alpha, s, beta)``, as `clvml.distributions._covariates` requires.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from clvml.distributions._covariates import added, of_purchases
from clvml.distributions._history import History
from clvml.distributions.pareto_nbd import ParetoNBDParams, dropout

Array = NDArray[np.float64]


def derivatives(history: History, params: Any) -> tuple[Array, Array, Array]:
    """Log-likelihoods (n,), gradients (4, n) and Hessians (4, 4, n) in the log-parameters.

    ``params`` are ``r, alpha, s, beta``, each an array of one number per customer.
    """
    x, t_x, T = history.x, history.t_x, history.T
    r, alpha, s, beta = params
    return added(of_purchases(x, T, r, alpha), _of_lifetime(T, s, beta), _of_dropout(x, t_x, T, params))


def _of_lifetime(T: Array, s: Array, beta: Array) -> tuple[Array, Array, Array]:
    """``-s * log1p(T / beta)``, the log-probability of a lifetime of at least ``T``."""
    lived, stayed = T / (beta + T), s * np.log1p(T / beta)
    slope, curve = np.zeros((4, T.size)), np.zeros((4, 4, T.size))
    slope[2], slope[3] = -stayed, s * lived
    curve[2, 2] = -stayed
    curve[2, 3] = curve[3, 2] = s * lived
    curve[3, 3] = -s * lived * (1 - lived)
    return -stayed, slope, curve


def _of_dropout(x: Array, t_x: Array, T: Array, params: Any) -> tuple[Array, Array, Array]:
    """``softplus(v)`` of customers with ``t_x < T``, who may have dropped out."""
    value, slope, curve = np.zeros(x.size), np.zeros((4, x.size)), np.zeros((4, 4, x.size))
    for rows, v, gradient, hessian in dropout(x, t_x, T, ParetoNBDParams(*params)):
        p, gone = np.stack([param[rows] for param in params]), expit(v)
        value[rows] = np.logaddexp(0, v)
        slope[:, rows] = gone * p * gradient
        products = gone * hessian - gone**2 * gradient[:, None] * gradient
        curve[..., rows] = p[:, None] * products * p
    curve[np.arange(4), np.arange(4)] += slope
    return value, slope, curve
