"""The Pareto/NBD model with covariates that change over time.

While alive a customer buys at rate ``lambda * exp(gamma' x(t))``, and drops out at rate
``mu * exp(delta' z(t))``; ``lambda ~ Gamma(r, alpha)`` and ``mu ~ Gamma(s, beta)`` vary across customers. The
covariates are piecewise constant, so that the integrals ``A(t)`` and ``B(t)`` of the multiples, from the
first purchase on, are piecewise linear. The likelihood of ``x`` repeat purchases at times ``t_j`` is::

    L = prod of exp(gamma' x(t_j)) * Gamma(r+x) / Gamma(r) * alpha**r * beta**s * (alpha+A_T)**-(r+x)
        * (beta+B_T)**-s * (1 + D)
    D = integral from t_x to T of s * ((alpha+A_T) / (alpha+A(t)))**(r+x) * ((beta+B_T) / (beta+B(t)))**s
        * B'(t) / (beta+B(t)) dt

and ``P(alive) = 1 / (1 + D)``. In each cell the paper has two hypergeometric functions, which cancel for
heavy buyers; here the integral is evaluated by Gauss-Legendre quadrature in the logarithm of time, on panels
in which the integrand changes by a factor of two at most.

Bachmann, Meierer, Naef (2021), The Role of Time-Varying Contextual Factors in Latent Attrition Models for
Customer Base Analysis, Marketing Science 40(4).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

from clvml.distributions._covariate_paths import Array, PathHistory
from clvml.distributions.pareto_nbd import ParetoNBDParams

_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(4)
_NODES, _NODE_WEIGHTS = (_NODES + 1) / 2, _NODE_WEIGHTS / 2
_PER_PANEL = 0.5  # change of the log integrand
_NEGLIGIBLE = 45.0  # e**-45
_BLOCK = 4096


class _Nodes(NamedTuple):
    """Nodes of the integral over the time of dropout.

    ``row, cell`` of each panel; the rest has shape (n_panels, n_nodes): ``time`` since the start of the part
    of the cell after the last purchase, ``width`` (the weight), and the two clocks.
    """

    row: NDArray[np.int64]
    cell: NDArray[np.int64]
    time: Array
    width: Array
    A: Array
    B: Array


class _Clocks(NamedTuple):
    """Multiples in each cell and operational times."""

    speed: Array  # of purchases, (n, n_cells)
    hazard: Array  # of dropout
    A: Array  # at T
    B: Array
    nodes: _Nodes


def log_likelihood_with_slopes(
    history: PathHistory, params: ParetoNBDParams, gamma: Array, delta: Array, sides: tuple[slice, slice]
) -> tuple[float, Array]:
    """Total log-likelihood, and its gradient in the log-parameters, ``gamma`` and ``delta``.

    Parameters
    ----------
    history : PathHistory
    params : ParetoNBDParams
    gamma, delta : ndarray
        Coefficients of purchases and of dropout.
    sides : tuple of slice
        The columns of the covariates of purchases and of dropout.
    """
    value, slope = 0.0, np.zeros(4 + gamma.size + delta.size)
    for start in range(0, history.size, _BLOCK):
        part = history.rows(slice(start, start + _BLOCK))
        each, slope_each = _block(part, params, gamma, delta, sides)
        value += float(part.weights @ each)
        slope += slope_each
    return value, slope


def log_likelihood(
    history: PathHistory, params: ParetoNBDParams, gamma: Array, delta: Array, sides: tuple[slice, slice]
) -> Array:
    """Log-likelihood of each customer."""
    return np.concatenate(
        [
            _block(history.rows(slice(start, start + _BLOCK)), params, gamma, delta, sides)[0]
            for start in range(0, history.size, _BLOCK)
        ]
    )


def probability_alive(
    history: PathHistory, params: ParetoNBDParams, gamma: Array, delta: Array, sides: tuple[slice, slice]
) -> Array:
    """P(alive at T) of each customer."""
    found = []
    for start in range(0, history.size, _BLOCK):
        part = history.rows(slice(start, start + _BLOCK))
        clocks = _clocks(part, params, gamma, delta, sides)
        found.append(np.exp(-_log_one_plus_D(part, params, clocks)[0]))
    return np.concatenate(found)


def purchases_given_alive(
    history: PathHistory,
    end: Array,
    params: ParetoNBDParams,
    gamma: Array,
    delta: Array,
    sides: tuple[slice, slice],
) -> Array:
    """Expected purchases from ``T`` until the times ``end`` of customers alive at ``T``, in closed form.

    ``(r+x) / (alpha+A_T) * integral of A'(u) * ((beta+B_T) / (beta+B(u)))**s du``, cell by cell.
    """
    speed, hazard = history.speed(gamma, sides[0]), history.speed(delta, sides[1])
    seen = history.before + history.after
    A, B = (speed * seen).sum(axis=1), (hazard * seen).sum(axis=1)
    ahead = history.overlap(history.end, end)
    growth = ahead * hazard / (params.beta + B)[:, None]
    start = np.cumsum(growth, axis=1) - growth  # (B(u) - B_T) / (beta + B_T) at the start of each cell
    # With y = 1 + start, the integral over a cell is y**(1-s) * expm1((1-s) * log1p(growth / y)) / (1-s).
    log_y, rise = np.log1p(start), np.log1p(growth / (1 + start))
    power = (1 - params.s) * rise
    integral = rise * np.where(
        np.abs(power) < 1e-9, 1 + power / 2, np.expm1(power) / np.where(power == 0, 1, power)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(growth > 0, speed * ahead / growth, 0.0)
    total = (ratio * np.exp((1 - params.s) * log_y) * integral).sum(axis=1)
    return np.asarray((params.r + history.x) / (params.alpha + A) * total)


def _clocks(
    history: PathHistory, params: ParetoNBDParams, gamma: Array, delta: Array, sides: tuple[slice, slice]
) -> _Clocks:
    speed, hazard = history.speed(gamma, sides[0]), history.speed(delta, sides[1])
    before, after = history.before, history.after
    seen = before + after
    A, B = np.cumsum(speed * seen, axis=1), np.cumsum(hazard * seen, axis=1)
    row, cell = np.nonzero(after > 0)
    length, a, b = after[row, cell], speed[row, cell], hazard[row, cell]
    A_start, B_start = A[row, cell] - a * length, B[row, cell] - b * length
    nodes = _panels(history.x, params, row, cell, length, a, b, A_start, B_start)
    return _Clocks(speed, hazard, A[:, -1], B[:, -1], nodes)


def _panels(
    x: Array,
    params: ParetoNBDParams,
    row: NDArray[np.int64],
    cell: NDArray[np.int64],
    length: Array,
    a: Array,
    b: Array,
    A: Array,
    B: Array,
) -> _Nodes:
    """Panels in ``log(time + scale)``, with the shorter of the scales of the two clocks."""
    p, q = params.r + x[row], params.s + 1
    scale = np.minimum((params.alpha + A) / a, (params.beta + B) / b)
    reach = np.log1p(length / scale)
    with np.errstate(over="ignore"):
        ends = np.stack([np.zeros_like(length), length])
        slopes = p * a * (ends + scale) / (params.alpha + A + a * ends)
        slopes += q * b * (ends + scale) / (params.beta + B + b * ends)
    steep = np.maximum(slopes.max(axis=0), 1.0)
    reach = np.minimum(reach, _NEGLIGIBLE / np.minimum(slopes.min(axis=0), steep).clip(1e-300))
    number = np.maximum(np.ceil(reach * steep / _PER_PANEL), 1).astype(np.int64)
    number = np.minimum(number, 4096)
    panel = np.repeat(np.arange(row.size), number)
    place = np.arange(panel.size) - np.repeat(np.cumsum(number) - number, number)
    step = (reach / number)[panel]
    v = step[:, None] * (place[:, None] + _NODES)
    time = scale[panel, None] * np.expm1(v)
    width = step[:, None] * _NODE_WEIGHTS * (time + scale[panel, None])
    clock_A = A[panel, None] + a[panel, None] * time
    clock_B = B[panel, None] + b[panel, None] * time
    return _Nodes(row[panel], cell[panel], time, width, clock_A, clock_B)


def _log_one_plus_D(
    history: PathHistory, params: ParetoNBDParams, clocks: _Clocks
) -> tuple[Array, Array, Array, Array]:
    """``log(1 + D)``; the posterior probability of dropout at each node; logs of the clocks at the nodes."""
    nodes, n = clocks.nodes, history.size
    p = params.r + history.x
    log_A, log_B = np.log(params.alpha + nodes.A), np.log(params.beta + nodes.B)
    top = p * np.log(params.alpha + clocks.A) + params.s * np.log(params.beta + clocks.B) + np.log(params.s)
    hazard = np.log(clocks.hazard[nodes.row, nodes.cell])
    log_g = (top[nodes.row] + hazard)[:, None] - p[nodes.row, None] * log_A - (params.s + 1) * log_B
    log_g += np.log(nodes.width)
    highest = np.zeros(n)
    np.maximum.at(highest, nodes.row, log_g.max(axis=1))
    g = np.exp(log_g - highest[nodes.row, None])
    total = np.bincount(nodes.row, g.sum(axis=1), minlength=n) + np.exp(-highest)
    return highest + np.log(total), g / total[nodes.row, None], log_A, log_B


def _block(
    history: PathHistory, params: ParetoNBDParams, gamma: Array, delta: Array, sides: tuple[slice, slice]
) -> tuple[Array, Array]:
    """Log-likelihoods, and the weighted sum of their gradients."""
    r, alpha, s, beta = params
    clocks = _clocks(history, params, gamma, delta, sides)
    more, dropout, log_A, log_B = _log_one_plus_D(history, params, clocks)
    n, p, w, nodes = history.size, r + history.x, history.weights, clocks.nodes
    log_AT, log_BT = np.log(alpha + clocks.A), np.log(beta + clocks.B)
    value = gammaln(p) - gammaln(r) + r * np.log(alpha) + s * np.log(beta) - p * log_AT - s * log_BT + more
    value += history.purchases[:, sides[0]] @ gamma

    def over_nodes(values: Array) -> Array:
        return np.asarray(np.bincount(nodes.row, (dropout * values).sum(axis=1), minlength=n), dtype=float)

    alive = np.exp(-more)
    at_A, at_B = 1 / (alpha + nodes.A), 1 / (beta + nodes.B)
    in_r = digamma(p) - digamma(r) + np.log(alpha) - alive * log_AT - over_nodes(log_A)
    in_alpha = r / alpha - p * (alive / (alpha + clocks.A) + over_nodes(at_A))
    in_s = np.log(beta) + (1 - alive) / s - alive * log_BT - over_nodes(log_B)
    in_beta = s / beta - alive * s / (beta + clocks.B) - (s + 1) * over_nodes(at_B)
    slope = [r * w @ in_r, alpha * w @ in_alpha, s * w @ in_s, beta * w @ in_beta]
    # Derivatives in the clocks, and from them in the logarithm of the multiple in each cell.
    G_A = -p[nodes.row, None] * dropout * at_A
    G_B = -(s + 1) * dropout * at_B
    of_A = _in_cells(history, clocks.speed, nodes, G_A, -p * alive / (alpha + clocks.A))
    of_B = _in_cells(history, clocks.hazard, nodes, G_B, -s * alive / (beta + clocks.B))
    flat = nodes.row * history.edges.size + nodes.cell
    of_B = of_B + np.bincount(flat, dropout.sum(axis=1), minlength=of_B.size).reshape(of_B.shape)
    in_gamma = np.tensordot(w[:, None] * of_A, history.values[:, :, sides[0]], axes=2)
    in_gamma = in_gamma + w @ history.purchases[:, sides[0]]
    in_delta = np.tensordot(w[:, None] * of_B, history.values[:, :, sides[1]], axes=2)
    return value, np.concatenate([slope, in_gamma, in_delta])


def _in_cells(history: PathHistory, speed: Array, nodes: _Nodes, at_nodes: Array, at_end: Array) -> Array:
    """Derivatives in the log multiple of each cell, from those in the clock at nodes and at the end."""
    shape, n_cells = speed.shape, history.edges.size
    flat = nodes.row * n_cells + nodes.cell
    in_cell = np.bincount(flat, at_nodes.sum(axis=1), minlength=speed.size).reshape(shape)
    within = np.bincount(flat, (at_nodes * nodes.time).sum(axis=1), minlength=speed.size).reshape(shape)
    later = in_cell[:, ::-1].cumsum(axis=1)[:, ::-1] - in_cell
    seen = history.before + history.after
    return np.asarray(speed * (seen * (at_end[:, None] + later) + history.before * in_cell + within))
