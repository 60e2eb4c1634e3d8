"""Weighted sums of expected renewals, as weighted sums of the survival function.

Renewals made until ``h`` are the sum of the survival function ``S`` over ``k = 1, ..., h``. A discounted sum
is a weighted sum of these over many ``h``, and so a weighted sum of ``S``: its points and weights depend on
the ends alone, not on the customers. The first are one by one; those beyond are points of Gauss's rule for
sums (see `clvml.distributions._whole_sums`), whose number grows with the logarithm of the horizon.

Between whole numbers a sum is continued as the solution of ``e(h) - e(h-1) = S(h)`` that is smooth, as
Faulhaber's polynomials continue sums of powers: the discounting in `clvml.distributions._discounting`
samples ``e`` between whole numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_EACH = 64.0  # renewals that are summed one by one
_POINTS = 16  # of a panel
_PARTIAL = 8  # points that sum a polynomial through those of a panel; also the shortest sum


def sum_points(ends: Array, weights: Array, fraction: float = 1.0) -> tuple[Array, Array]:
    """Points ``k`` and weights ``w``, so that ``sum(w * S(k))`` is ``sum(weights * e(ends))``.

    A panel that starts at ``k`` covers 16 renewals, or ``fraction * k`` of them: ``S`` varies little within.
    """
    whole, each = ends % 1 == 0, ends <= _EACH
    one_by_one = np.arange(1.0, min(_EACH, ends.max() if whole.all() else _EACH) + 1)
    beyond = np.where(whole | ~each, ends, _EACH + ends % 1)
    counted = np.array([weights[beyond >= k].sum() for k in one_by_one])
    points, sums = [one_by_one], [counted]
    for end, weight in zip(ends[each & ~whole], weights[each & ~whole], strict=True):
        back = np.arange(end + 1, _EACH + end % 1 + 0.5)
        points.append(back)
        sums.append(np.full(back.size, -weight))
    start, last = _EACH, beyond.max()
    while start < last:
        size = float(max(_POINTS, np.floor(fraction * start)))
        inside = (beyond > start) & (beyond < start + size)
        point, sum_weight = _panel(size, beyond[inside] - start, weights[inside])
        points.append(start + 1 + point)
        sums.append(sum_weight + weights[beyond >= start + size].sum() * _gauss(size, _POINTS)[1])
        start += size
    k, w = np.concatenate(points), np.concatenate(sums)
    return k[w != 0], w[w != 0]


def _panel(size: float, lengths: Array, weights: Array) -> tuple[Array, Array]:
    """Points of a panel, and weights of the weighted partial sums of the first ``lengths`` terms."""
    point, _ = _gauss(size, _POINTS)
    total = np.zeros(_POINTS)
    for length, weight in zip(lengths, weights, strict=True):
        further = _PARTIAL if length < _PARTIAL else 0
        at, partial = _gauss(length + further, _PARTIAL)
        total += weight * (partial @ _interpolation(point, at))
        if further:
            total -= weight * _interpolation(point, length + np.arange(float(further))).sum(axis=0)
    return point, total


def _gauss(size: float, points: int) -> tuple[Array, Array]:
    """Points and weights that sum polynomials over ``0, 1, ..., size - 1``, continued to real sizes."""
    if size == points:
        return np.arange(size), np.ones(points)
    k = np.arange(1, points)
    beside = np.sqrt(k**2 * ((size - k) * (size + k)) / (4 * (4 * k**2 - 1)))
    nodes, vectors = np.linalg.eigh(np.diag(beside, 1) + np.diag(beside, -1))
    return (size - 1) / 2 + nodes, size * vectors[0] ** 2


def _interpolation(points: Array, at: Array) -> Array:
    """The values at ``at`` of the polynomials that are 1 at one of the points and 0 at the others."""
    apart = at[:, None] - points
    between = (points[:, None] - points) / np.ptp(points) * 4
    np.fill_diagonal(between, 1.0)
    barycentric = 1 / between.prod(axis=1)
    exact = apart == 0
    ratio = barycentric / np.where(exact, 1.0, apart)
    found = exact.any(axis=1)
    ratio[found] = exact[found]
    return np.asarray(ratio / ratio.sum(axis=1, keepdims=True))
