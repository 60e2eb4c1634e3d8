"""The BG/NBD model with covariates that change over time.

While alive a customer buys at rate ``lambda * exp(gamma' x(t))``, and drops out after any repeat purchase
with a probability whose odds are multiplied by ``exp(delta' z)``, with time-invariant ``z``. Dropout waits
for a purchase, so this is the BG/NBD model in the customer's operational time ``A(t)``, the integral of
``exp(gamma' x)``, and its closed forms hold; the density in calendar time has the factor
``exp(gamma' x(t_j))`` for each repeat purchase.

Hardie, Fader (2020), Incorporating Time-Varying Covariates in the BG/NBD Model, brucehardie.com/notes/040.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from clvml.distributions import _bgnbd_covariates as by_customer
from clvml.distributions import bgnbd
from clvml.distributions._covariate_paths import Array, PathHistory
from clvml.distributions._history import History
from clvml.distributions.bgnbd import BGNBDParams

_BLOCK = 8192


def log_likelihood_with_slopes(
    history: PathHistory, params: BGNBDParams, gamma: Array, delta: Array, sides: tuple[slice, slice]
) -> tuple[float, Array]:
    """Total log-likelihood, and its gradient in the log-parameters, ``gamma`` and ``delta``."""
    value, slope = 0.0, np.zeros(4 + gamma.size + delta.size)
    for start in range(0, history.size, _BLOCK):
        part = history.rows(slice(start, start + _BLOCK))
        own, speed, moved = _operational(part, params, gamma, delta, sides)
        w, z = part.weights, part.values[:, 0, sides[1]]
        each, in_logs, _ = by_customer.derivatives(moved, _for_each(own))
        value += float(w @ (each + part.purchases[:, sides[0]] @ gamma))
        in_last, in_end = _in_times(moved, own)
        of_cells = speed * (part.before * (in_last + in_end)[:, None] + part.after * in_end[:, None])
        in_gamma = w @ part.purchases[:, sides[0]]
        in_gamma = in_gamma + np.tensordot(w[:, None] * of_cells, part.values[:, :, sides[0]], axes=2)
        slope += np.concatenate([in_logs @ w, in_gamma, (w * in_logs[2]) @ z])
    return value, slope


def log_likelihood(
    history: PathHistory, params: BGNBDParams, gamma: Array, delta: Array, sides: tuple[slice, slice]
) -> Array:
    """Log-likelihood of each customer."""
    own, _, moved = _operational(history, params, gamma, delta, sides)
    return np.asarray(bgnbd.log_likelihood(moved, own) + history.purchases[:, sides[0]] @ gamma)


def probability_alive(
    history: PathHistory, params: BGNBDParams, gamma: Array, delta: Array, sides: tuple[slice, slice]
) -> Array:
    """P(alive at T) of each customer."""
    own, _, moved = _operational(history, params, gamma, delta, sides)
    return np.asarray(bgnbd.probability_alive(moved, own))


def purchases_given_alive(
    history: PathHistory,
    end: Array,
    params: BGNBDParams,
    gamma: Array,
    delta: Array,
    sides: tuple[slice, slice],
) -> Array:
    """Expected purchases from ``T`` until the times ``end`` of customers alive at ``T``.

    Each customer has an operational horizon of their own: in its unit it is 1.
    """
    own, speed, moved = _operational(history, params, gamma, delta, sides)
    ahead = (speed * history.overlap(history.end, end)).sum(axis=1)
    unit = np.maximum(ahead, np.finfo(float).tiny)
    scaled = History(moved.x, moved.t_x / unit, moved.T / unit)
    own = own._replace(alpha=own.alpha / unit)
    value = bgnbd.purchases_given_alive(scaled, np.ones(1), np.ones(1), own)
    return np.asarray(np.where(ahead > 0, value, 0.0))


def _operational(
    history: PathHistory, params: BGNBDParams, gamma: Array, delta: Array, sides: tuple[slice, slice]
) -> tuple[BGNBDParams, Array, History]:
    """The customers' parameters, the multiples by cell, and histories in operational time."""
    speed = history.speed(gamma, sides[0])
    t_x = (speed * history.before).sum(axis=1)
    T = t_x + (speed * history.after).sum(axis=1)
    odds = np.exp(np.clip(history.values[:, 0, sides[1]] @ delta, -300.0, 300.0))
    alpha: Any = np.full(history.size, params.alpha)
    a: Any = params.a * odds
    own = BGNBDParams(params.r, alpha, a, params.b)
    return own, speed, History(history.x, t_x, T, history.weights)


def _for_each(params: BGNBDParams) -> list[Array]:
    """All parameters as arrays of one number per customer."""
    return [np.broadcast_to(param, np.shape(params.a)) for param in params]


def _in_times(history: History, params: BGNBDParams) -> tuple[Array, Array]:
    """Derivatives of the log-likelihood in ``t_x`` and in ``T``."""
    p, alive = params.r + history.x, bgnbd.probability_alive(history, params)
    in_last = np.where(history.x > 0, -p * (1 - alive) / (params.alpha + history.t_x), 0.0)
    return in_last, -p * alive / (params.alpha + history.T)
