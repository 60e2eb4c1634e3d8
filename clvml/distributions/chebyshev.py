"""Interpolation at Chebyshev points, in panels of fixed width."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DEGREE = 18
_ANGLES = (np.arange(DEGREE) + 0.5) * np.pi / DEGREE

POINTS: Array = np.cos(_ANGLES)
TO_COEFFICIENTS: Array = (
    np.cos(np.outer(np.arange(DEGREE), _ANGLES)) * np.where(np.arange(DEGREE) == 0, 1, 2)[:, None] / DEGREE
)


def polynomials(u: Array) -> Array:
    """Chebyshev polynomials of degree 0 to 17 at ``u`` in [-1, 1], shape (18, n)."""
    return np.cos(np.arange(DEGREE)[:, None] * np.arccos(np.clip(u, -1, 1)))
