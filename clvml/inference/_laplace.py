"""Laplace's approximation: log-parameters are normal around their estimate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_FLAT = 5.0  # standard deviation of a log-parameter: the data do not identify this direction


def draw_normal(center: Array, covariance: Array, n_draws: int, rng: np.random.Generator) -> Array:
    """Normal draws, shape (n_draws, n_parameters)."""
    return center + rng.standard_normal((n_draws, center.size)) @ _root(covariance).T


def _root(covariance: Array) -> Array:
    """A square root of the covariance, with zero variance in directions in which the likelihood is flat.

    Such directions occur in a fit at a boundary: points beyond the estimate predict the same, while a normal
    approximation would extend as far in the opposite direction, where the likelihood is negligible.
    """
    sizes, directions = np.linalg.eigh((covariance + covariance.T) / 2)
    return directions * np.sqrt(np.where(sizes > _FLAT**2, 0.0, np.maximum(sizes, 0.0)))
