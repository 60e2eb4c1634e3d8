"""Expectations of smooth functions under a Beta distribution, accurate to about 1e-13.

Expectations of the BG/NBD model are averages over the dropout probability ``p ~ Beta(a, b)``
of functions such as ``(1 - (1 + p*z) ** -R) / p``. All are positive and smooth in ``p``, so a
weighted sum over nodes has no cancellation, where the closed form in 2F1 overflows or divides
zero by zero (at ``a = 1``). Two quadrature rules are used:

- Gauss-Jacobi (Golub and Welsch, 1969), while the function is nearly polynomial where the weight is;
- the trapezoidal rule in ``y = logit(p)`` otherwise. There the integrand is analytic in a strip of
  half-width ``pi/2`` and decays at both ends, so the error falls like ``exp(-pi**2/h)``
  (Trefethen and Weideman, 2014); the tails beyond the ends are geometric series, summed exactly.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from clvml.inference._blas import one_blas_thread

Array = NDArray[np.float64]

TRAPEZOID = 640  # nodes: a step of .2 over the widest range; finer where the range is narrow
# Gauss-Jacobi nodes, and the z and the z * (1 + R) / (1 + B) up to which they are exact to 1e-13, found on
# random inputs; at twice the latter the error of the third is 1e-9.
_GAUSS = ((16, 0.9, 0.5), (32, 4.0, 2.0), (64, 40.0, 6.0), (128, 160.0, 20.0))
_SHARED = 8  # number of neighbouring x that share nodes, which requires half as many more nodes
_LARGE_B = 1000.0  # beyond it Gauss-Jacobi nodes near p = 0 lose relative accuracy
_NEGLIGIBLE = 80.0  # e**-80: smaller weights are negligible, whatever the function's range
_FLAT = 40.0  # e**-40: past this distance the integrand is a pure exponential
_SMALLEST = 1e-140  # of p and z: the limit R is reached far above it, and p * z does not underflow
_BLOCK = 65_536  # values at once


def steepness(R: Array, a: float, B: Array) -> Array:
    """Curvature scale of ``(1 + p*z) ** -R`` in ``z`` over the relevant ``p``, in powers of four."""
    bend = (1 + R) * (1 + a) / (1 + a + B)
    return 4.0 ** np.ceil(np.log2(np.maximum(bend / 2, 1.0)) / 2)


def average_steepness(x: Array, z: Array, r: float, a: float, b: float) -> Array:
    """The average of ``(1 - (1 + p*z) ** -R) / (p*z)`` over ``p ~ Beta(a, B)``, ``R = r + x``, ``B = b + x``.

    Parameters
    ----------
    x : ndarray, shape (n,)
        Whole numbers.
    z : ndarray, shape (n, n_points)
        Similar within a row, so that they share one set of nodes.

    Returns
    -------
    ndarray, shape (n, n_points)
    """
    z, R, value = np.maximum(z, _SMALLEST), r + x, np.empty(z.shape)
    reach = z.max(axis=1)
    needed = _nodes_needed(reach, R, b + x)
    for n_nodes in sorted(set(needed.tolist())):
        for some in _chunks(np.flatnonzero(needed == n_nodes), n_nodes):
            p, w = _nodes(n_nodes, x[some], a, b, reach[some] * (1 + R[some]))
            for part in _chunks(np.arange(some.size), n_nodes * z.shape[1]):
                rows = some[part]
                value[rows] = _steep(p[part], w[part], z[rows], R[rows])
    return value


def _chunks(rows: NDArray[np.int64], each: int) -> list[NDArray[np.int64]]:
    size = max(1, _BLOCK // each)
    return [rows[start : start + size] for start in range(0, rows.size, size)]


def _steep(p: Array, w: Array, z: Array, R: Array) -> Array:
    """Sums over nodes ``p``, shape (n, n_nodes), at each of ``z``, shape (n, n_points)."""
    pz = p[:, None, :] * z[:, :, None]
    return ((-np.expm1(-R[:, None, None] * np.log1p(pz)) / pz) * w[:, None, :]).sum(axis=2)


def _nodes_needed(z: Array, R: Array, B: Array) -> NDArray[np.int64]:
    """Number of nodes; Gauss-Jacobi while the function is nearly polynomial where the weight is."""
    needed = np.full(R.shape, TRAPEZOID)
    for nodes, z_limit, bend_limit in reversed(_GAUSS):
        needed[(z <= z_limit) & (z * (1 + R) <= bend_limit * (1 + B)) & (B <= _LARGE_B)] = nodes
    return needed


def _nodes(n_nodes: int, x: Array, a: float, b: float, reach: Array) -> tuple[Array, Array]:
    """Nodes and weights, shape (n, n_nodes) each, that average over ``p ~ Beta(a, b + x)``.

    ``(weights * f(p)).sum(axis=1)`` is the average of ``f``; weights are positive and sum to 1. ``reach`` is
    the largest ``z * (1 + R)``. Eight neighbouring ``x`` share the nodes of the smallest: the others' weights
    have a factor ``(1 - p) ** (x - smallest)``, a polynomial.
    """
    if n_nodes == TRAPEZOID:
        return trapezoid(a, b + x, reach)
    group = np.floor(x / _SHARED)
    shared = {g: _golub_welsch(n_nodes + _SHARED // 2, a, b + _SHARED * g) for g in set(group.tolist())}
    p, w = (np.array([shared[g][part] for g in group.tolist()]) for part in (0, 1))
    w = w * _whole_power(1 - p, (x - _SHARED * group)[:, None])
    return p, w / w.sum(axis=1, keepdims=True)


def _whole_power(base: Array, exponent: Array) -> Array:
    """``base ** exponent`` for exponents below `_SHARED`.

    NumPy's own power rounds a number differently alone and among others, and so would predictions.
    """
    power = np.ones_like(base)
    for i in range(_SHARED - 1):
        np.multiply(power, base, out=power, where=exponent > i)
    return power


def average_survival(z: Array, R: Array, a: Array, B: Array) -> Array:
    """The average of ``(1 + p*z) ** -R`` over ``p ~ Beta(a, B)``, for each row.

    The integrand is unimodal in ``y = logit(p)``, and the trapezoidal rule covers it between the points at
    which it is negligible, so the average is accurate however small it is.
    """
    value = np.empty(z.size)
    for rows in _chunks(np.arange(z.size), TRAPEZOID):
        value[rows] = _survival(z[rows], R[rows], a[rows], B[rows])
    return value


@functools.lru_cache(maxsize=1024)
def _golub_welsch(n_nodes: int, a: float, b: float) -> tuple[Array, Array]:
    """Nodes and weights from the eigenvalues and eigenvectors of the Jacobi matrix."""
    n = np.arange(n_nodes, dtype=float)
    A, B = b - 1, a - 1  # exponents of (1 - u) and (1 + u), with p = (1 + u) / 2
    s = 2 * n + A + B
    with np.errstate(divide="ignore", invalid="ignore"):
        diagonal = (B - A) * (B + A) / (s * (s + 2))
        k, sk = n[1:], s[1:]
        square = 4 * k * (k + A) * (k + B) * (k + A + B) / (sk**2 * (sk + 1) * (sk - 1))
    # At n = 0 and 1 the general terms are 0/0 when A + B is 0 or -1: their limits are simple.
    diagonal[0] = (B - A) / (A + B + 2)
    square[0] = 4 * (1 + A) * (1 + B) / ((2 + A + B) ** 2 * (3 + A + B))
    matrix = np.diag((1 + diagonal) / 2) + np.diag(np.sqrt(square) / 2, -1)
    with one_blas_thread():
        nodes, vectors = np.linalg.eigh(matrix)
    return np.clip(nodes, _SMALLEST, 1.0), vectors[0] ** 2


def trapezoid(a: float, B: Array, reach: Array) -> tuple[Array, Array]:
    """Nodes and weights of ``p ~ Beta(a, B)``, shape (n, TRAPEZOID); functions change up to ``1 / reach``."""
    peak = np.log(a) - np.log(B)
    lo, hi = _ends(lambda y: _log_weight(y, a, B), peak, a, B, reach)
    h = (hi - lo) / (TRAPEZOID - 1)
    y = lo[:, None] + h[:, None] * np.arange(TRAPEZOID)
    log_w = _log_weight(y, a, B[:, None])
    log_w -= log_w.max(axis=1, keepdims=True)
    w = np.exp(log_w)
    w[:, 0] /= -np.expm1(-a * h)  # the geometric series of e**(a*y) to the left of lo
    w[:, -1] /= -np.expm1(-B * h)  # and of e**(-b*y) to the right of hi
    return np.exp(-np.logaddexp(0, -y)), w / w.sum(axis=1, keepdims=True)


def _survival(z: Array, R: Array, a: Array, B: Array) -> Array:
    """Ratio of the integrals of the weighted function and of the weight, each over its own grid."""
    return np.exp(_log_mass(z, R, a, B) - _log_mass(np.zeros_like(z), R, a, B))


def _log_mass(z: Array, R: Array, a: Array, B: Array) -> Array:
    """Logarithm of the integral of ``p**a * (1-p)**B * (1 + p*z)**-R`` over ``logit(p)``."""

    def log_term(y: Array) -> Array:
        rows = (slice(None), *[None] * (y.ndim - 1))
        bought = R[rows] * np.log1p(z[rows] * np.exp(-np.logaddexp(0, -y)))
        return _log_weight(y, a[rows], B[rows]) - bought

    lo, hi = _ends(log_term, _peak(z, R, a, B), a, B, z * (1 + R))
    h = (hi - lo) / (TRAPEZOID - 1)
    log_w = log_term(lo[:, None] + h[:, None] * np.arange(TRAPEZOID))
    top = log_w.max(axis=1)
    w = np.exp(log_w - top[:, None])
    w[:, 0] /= -np.expm1(-a * h)
    w[:, -1] /= -np.expm1(-B * h)
    return top + np.log(w.sum(axis=1) * h)


def _peak(z: Array, R: Array, a: Array, B: Array) -> Array:
    """Where ``a - R*q - B*p/(1-p)``, ``q = p*z/(1 + p*z)``, falls through zero, in ``logit(p)``."""
    highest = np.log(a) - np.log(B)
    low, high = highest - np.log1p(z * (1 + R)) - 1, highest
    for _ in range(60):
        y = (low + high) / 2
        pz = z * np.exp(-np.logaddexp(0, -y))
        rising = a - R * pz / (1 + pz) > B * np.exp(y)
        low, high = np.where(rising, y, low), np.where(rising, high, y)
    return high


def _ends(
    log_term: Callable[[Array], Array], peak: Array, a: float | Array, B: Array, reach: Array
) -> tuple[Array, Array]:
    """Ends of the grid in ``y``: where the integrand is negligible or purely exponential."""
    top = log_term(peak)
    far = (_NEGLIGIBLE + 1) * (1 / a + 1 / B) + 2 * _NEGLIGIBLE + np.log1p(reach)
    left = _where_negligible(log_term, peak, peak - far, top)
    right = _where_negligible(log_term, peak, peak + far, top)
    flat_left = -_FLAT - np.log(np.maximum(reach, np.maximum(B, 1.0)))
    flat_right = _FLAT + np.log(np.maximum(reach, np.maximum(a, 1.0)))
    return np.maximum(left, np.minimum(flat_left, peak - 1)), np.minimum(
        right, np.maximum(flat_right, peak + 1)
    )


def _where_negligible(log_term: Callable[[Array], Array], inside: Array, outside: Array, top: Array) -> Array:
    for _ in range(40):
        middle = (inside + outside) / 2
        small = log_term(middle) < top - _NEGLIGIBLE
        inside, outside = np.where(small, inside, middle), np.where(small, middle, outside)
    return outside


def _log_weight(y: Array, a: float | Array, B: Array) -> Array:
    """log of p**a * (1-p)**B, the Beta density in ``y = logit(p)``."""
    return -a * np.logaddexp(0, -y) - B * np.logaddexp(0, y)
