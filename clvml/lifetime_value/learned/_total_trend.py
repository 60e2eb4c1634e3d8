"""A factor of the total, where the structure misses it alike at each of several earlier origins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LEAST_ORIGINS = 3
_STANDARD_ERRORS = 3.0
_LARGEST = np.log(1.5)


def total_factor(actual: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """The factor of the structure's total that its errors at earlier origins support.

    The mean log error, multiplied by ``1 - (3 se / mean)^2`` (positive-part shrinkage, James and Stein 1961):
    1 if it is within three standard errors of zero or there are fewer than three origins.

    Parameters
    ----------
    actual, expected : ndarray, shape (n_origins,)
        Totals over the holdout of each origin.
    """
    used = (actual > 0) & (expected > 0)
    if used.sum() < _LEAST_ORIGINS:
        return 1.0
    errors = np.log(actual[used] / expected[used])
    mean, noise = errors.mean(), _STANDARD_ERRORS * errors.std(ddof=1) / np.sqrt(errors.size)
    if abs(mean) <= noise:
        return 1.0
    return float(np.exp(np.clip(mean * (1 - (noise / mean) ** 2), -_LARGEST, _LARGEST)))
