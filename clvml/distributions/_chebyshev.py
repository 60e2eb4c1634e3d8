"""Interpolation at Chebyshev points, in panels of fixed width."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DEGREE = 12
_ANGLES = (np.arange(DEGREE) + 0.5) * np.pi / DEGREE

POINTS: Array = np.cos(_ANGLES)
TO_COEFFICIENTS: Array = (
    np.cos(np.outer(np.arange(DEGREE), _ANGLES)) * np.where(np.arange(DEGREE) == 0, 1, 2)[:, None] / DEGREE
)


def to_coefficients(values: Array) -> Array:
    """Coefficients of the series through ``values`` at the points, along the last axis."""
    return np.stack([(values * row).sum(axis=-1) for row in TO_COEFFICIENTS], axis=-1)


def polynomials(u: Array) -> Array:
    """Chebyshev polynomials of degree 0 to 11 at ``u`` in [-1, 1], shape (12, n)."""
    values = np.empty((DEGREE, u.size))
    values[0], values[1] = 1.0, u
    for i in range(2, DEGREE):
        values[i] = 2 * u * values[i - 1] - values[i - 2]
    return values


def bytes_of(values: Array) -> bytes:
    """The values as a key of remembered series, from which ``np.frombuffer`` reads them again."""
    return np.asarray(values, dtype=np.float64).tobytes()
