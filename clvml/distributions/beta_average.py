"""Averages of a smooth function over a Beta distribution, exact to some 1e-13.

Expectations of the BG/NBD model are averages over the dropout probability ``p ~ Beta(a, b)``
of functions such as ``(1 - (1 + p*z) ** -R) / p``. All are positive and smooth in ``p``, so a
weighted sum over nodes has no cancellation, where the closed form in 2F1 overflows or divides
zero by zero (at ``a = 1``). Two sets of nodes serve:

- Gauss-Jacobi (Golub and Welsch, 1969), while the nearest singularity ``p = -1/z`` keeps away;
- the trapezoidal rule in ``y = logit(p)`` beyond. There the integrand is analytic in a strip of
  half-width ``pi/2`` and decays at both ends, so the error falls like ``exp(-pi**2/h)``
  (Trefethen and Weideman, 2014); what lies past the ends is a geometric series, summed exactly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import polygamma

Array = NDArray[np.float64]

_GAUSS_NODES = 32
_GAUSS_LIMIT = 4.0
_GAUSS_B_LIMIT = 1000.0  # beyond, nodes near p = 0 lose relative accuracy
_STEP = 0.2
_NEGLIGIBLE = 80.0  # e**-80: weights below it cannot matter, whatever the function's range
_FLAT = 40.0  # e**-40: past this distance the integrand is a pure exponential


def beta_nodes(a: float, b: Array, z_max: float, power_max: float) -> tuple[Array, Array]:
    """Nodes and weights that average functions of ``p * z`` over ``p ~ Beta(a, b)``.

    Parameters
    ----------
    a : float
        First parameter of the Beta distribution, positive.
    b : ndarray, shape (n,)
        Second parameter, one distribution each.
    z_max : float
        The largest ``z`` in ``(1 + p*z) ** -power`` that will be averaged.
    power_max : float
        The largest power.

    Returns
    -------
    p, weights : ndarray, shape (n, n_nodes)
        ``(weights * f(p)).sum(axis=1)`` is the average of ``f``; weights are positive and sum to 1.
    """
    if z_max <= _GAUSS_LIMIT and b.max() <= _GAUSS_B_LIMIT:
        return _gauss_jacobi(a, b)
    return _trapezoid(a, b, z_max * (1 + power_max))


def _gauss_jacobi(a: float, b: Array) -> tuple[Array, Array]:
    """Eigenvalues of the Jacobi matrix are the nodes; squares of first components the weights."""
    n = np.arange(_GAUSS_NODES, dtype=float)
    A, B = (b - 1)[:, None], a - 1.0  # exponents of (1 - u) and (1 + u), with p = (1 + u) / 2
    s = 2 * n + A + B
    with np.errstate(divide="ignore", invalid="ignore"):
        diagonal = (B - A) * (B + A) / (s * (s + 2))
        k, sk = n[1:], s[:, 1:]
        square = 4 * k * (k + A) * (k + B) * (k + A + B) / (sk**2 * (sk + 1) * (sk - 1))
    # At n = 0 and 1 the general terms are 0/0 when A + B is 0 or -1: their limits are simple.
    diagonal[:, 0] = ((B - A) / (A + B + 2))[:, 0]
    square[:, 0] = (4 * (1 + A) * (1 + B) / ((2 + A + B) ** 2 * (3 + A + B)))[:, 0]
    matrix = np.zeros((b.size, _GAUSS_NODES, _GAUSS_NODES))
    i = np.arange(_GAUSS_NODES)
    matrix[:, i, i] = (1 + diagonal) / 2
    matrix[:, i[1:], i[:-1]] = np.sqrt(square) / 2
    nodes, vectors = np.linalg.eigh(matrix)
    return np.clip(nodes, np.finfo(float).tiny, 1.0), vectors[:, 0, :] ** 2


def _trapezoid(a: float, b: Array, reach: float) -> tuple[Array, Array]:
    lo, hi, step = _grid(a, b, reach)
    size = int(np.ceil(((hi - lo) / step).max())) + 1
    h = (hi - lo) / (size - 1)
    y = lo[:, None] + h[:, None] * np.arange(size)
    log_w = _log_weight(y, a, b[:, None])
    log_w -= log_w.max(axis=1, keepdims=True)
    w = np.exp(log_w)
    w[:, 0] /= -np.expm1(-a * h)  # the geometric series of e**(a*y) to the left of lo
    w[:, -1] /= -np.expm1(-b * h)  # and of e**(-b*y) to the right of hi
    return np.exp(-np.logaddexp(0, -y)), w / w.sum(axis=1, keepdims=True)


def _grid(a: float, b: Array, reach: float) -> tuple[Array, Array, Array]:
    """Ends and step of the grid in ``y``: where the weight is negligible, or all is exponential."""
    peak = np.log(a) - np.log(b)
    top = _log_weight(peak, a, b)
    far = (_NEGLIGIBLE + 1) * (1 / a + 1 / b) + 2 * _NEGLIGIBLE
    left = _where_negligible(peak, peak - far, top, a, b)
    right = _where_negligible(peak, peak + far, top, a, b)
    flat_left = -_FLAT - np.log(np.maximum(reach, np.maximum(b, 1.0)))
    flat_right = _FLAT + np.log(max(a, reach, 1.0))
    lo = np.maximum(left, np.minimum(flat_left, peak - 1))
    hi = np.minimum(right, np.maximum(flat_right, peak + 1))
    width = np.sqrt(polygamma(1, a) + polygamma(1, b))
    return lo, hi, np.minimum(_STEP, width / 2)


def _where_negligible(inside: Array, outside: Array, top: Array, a: float, b: Array) -> Array:
    for _ in range(40):
        middle = (inside + outside) / 2
        small = _log_weight(middle, a, b) < top - _NEGLIGIBLE
        inside, outside = np.where(small, inside, middle), np.where(small, middle, outside)
    return outside


def _log_weight(y: Array, a: float, b: Array) -> Array:
    """log of p**a * (1-p)**b, the Beta density in ``y = logit(p)``."""
    return -a * np.logaddexp(0, -y) - b * np.logaddexp(0, y)
