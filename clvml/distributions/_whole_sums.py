"""Sums over many integers by Gauss quadrature.

The sum of ``f(i)`` over ``N`` integers is an integral with respect to the counting measure, and Gauss's rule
for that measure sums polynomials up to degree 31 exactly with 16 points (its orthogonal polynomials are the
discrete Chebyshev polynomials: Abramowitz, Stegun, 22.17; the rule follows from their recurrence by Golub,
Welsch 1969). Functions here are smooth in ``log(i)``, so panels double in width.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_POINTS = 16
_LARGEST = 30  # panels of up to 2**30 whole numbers


def panels(
    start: Array, stop: Array, fraction: Array | float = 1.0
) -> Iterator[tuple[NDArray[np.int64], Array, Array]]:
    """Points and weights, shape (n_rows, 16) each, that sum from ``start`` to before ``stop``.

    Yields panel by panel, with the rows concerned. A panel that starts at ``i`` covers 16 integers, or the
    largest power of two within ``fraction * i``. If a function decreases by many orders of magnitude, errors
    are small relative to its sum from 0.
    """
    offsets, weights = _rules()
    at, fraction = start.astype(float), np.broadcast_to(fraction, start.shape)
    rows = np.flatnonzero(at < stop)
    while rows.size:
        left = stop[rows] - at[rows]
        widest = np.maximum(np.minimum(left, at[rows] * fraction[rows]), _POINTS)
        rule = np.minimum(np.frexp(widest)[1] - 1, _LARGEST) - 4
        before = offsets[rule] < left[:, None]
        points = at[rows, None] + np.where(before, offsets[rule], 0.0)
        yield rows, points, np.where(before, weights[rule], 0.0)
        at[rows] += np.ldexp(1.0, rule + 4)
        rows = rows[at[rows] < stop[rows]]


@cache
def _rules() -> tuple[Array, Array]:
    """Offsets and weights of panels of 16, 32, 64, ... integers, one row each."""
    sizes = 2.0 ** np.arange(4, _LARGEST + 1)
    offsets, weights = zip(*(_gauss(size) for size in sizes), strict=True)
    offsets[0][:], weights[0][:] = np.arange(_POINTS), 1.0
    return np.array(offsets), np.array(weights)


def _gauss(size: float) -> tuple[Array, Array]:
    k = np.arange(1, _POINTS)
    beside = np.sqrt(k**2 * ((size - k) * (size + k)) / (4 * (4 * k**2 - 1)))
    nodes, vectors = np.linalg.eigh(np.diag(beside, 1) + np.diag(beside, -1))
    return (size - 1) / 2 + nodes, size * vectors[0] ** 2
