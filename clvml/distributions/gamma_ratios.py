"""Logarithms of ratios of gamma functions whose arguments lie a whole number or a little apart.

A difference of two ``gammaln`` of 10,000 keeps 11 digits. Stirling's formula taken as a difference keeps
them all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Array = NDArray[np.float64]

_LARGE = 16.0


def log_rising(z: Array, n: Array) -> Array:
    """``log(Gamma(z + n) / Gamma(z))``; for whole ``n`` the logarithm of ``z * (z+1) * ... * (z+n-1)``."""
    w = np.maximum(z, _LARGE)
    large = (w - 0.5) * np.log1p(n / w) + n * (np.log(w + n) - 1) + _rest(w + n) - _rest(w)
    return np.where(z < _LARGE, gammaln(z + n) - gammaln(z), large)


def _rest(w: Array) -> Array:
    """What Stirling's series adds to ``(w - 1/2) * log(w) - w + log(2*pi)/2``."""
    u = 1 / w**2
    return (1 / 12 - u * (1 / 360 - u * (1 / 1260 - u * (1 / 1680 - u / 1188)))) / w
