"""Discounted sums as weighted sums of expectations.

Discounting the increments of ``e`` at the end of each period is, by Abel summation, a sum over
``e`` itself: ``d**H * e(H) + sum over h < H of (d**h - d**(h+1)) * e(h)``, ``d = 1/(1 + rate)``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def discounted_ends(horizon: float, rate: float) -> tuple[Array, Array]:
    """Ends of periods and weights ``w``, so that ``sum(w * e(end))`` is a discounted sum.

    Periods are one time unit long; a horizon that is not a whole number ends in a shorter one.

    Examples
    --------
    >>> discounted_ends(2.5, 0.0)
    (array([2.5]), array([1.]))
    """
    if rate == 0:
        return np.array([horizon]), np.ones(1)
    ends = np.append(np.arange(1.0, np.ceil(horizon)), horizon)
    discount = np.exp(-np.log1p(rate) * ends)
    return ends, np.append(-np.diff(discount), discount[-1])
