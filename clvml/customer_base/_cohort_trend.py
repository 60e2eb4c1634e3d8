"""Whether recent cohorts are better or worse than those before them, with evidence.

A linear trend of shares over cohorts, weighted by their customers (Armitage's test for trend). Cohorts
differ by more than chance, by season and by campaign, so that the variance is scaled by the dispersion of
the cohorts about the line where that exceeds 1, and the interval is then Student's.

Source: Armitage, "Tests for linear trends in proportions and frequencies" (Biometrics 11, 1955); McCullagh,
Nelder, "Generalized Linear Models" (1989), section 4.5, for the dispersion.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from clvml.errors import InputError

LEAST_COHORTS = 3


class CohortTrend(NamedTuple):
    """A trend of a share over cohorts.

    Attributes
    ----------
    change, lower, upper : float
        Change of the share per period of a cohort, and its interval; NaN if it is not identified.
    level : float
        Of the interval.
    direction : str
        ``"falls"``, ``"rises"``, ``"no trend"`` (the interval contains 0) or ``"not identified"``.

    See Also
    --------
    clvml.customer_base.cohort_trend : The function that makes one.
    clvml.customer_base.CohortComparison : Has the trend of the repeat rate.

    Examples
    --------
    >>> from clvml.customer_base import cohort_trend
    >>> trend = cohort_trend(customers=[1000, 1000, 1000, 1000], repeaters=[300, 310, 290, 305])
    >>> trend.direction, trend.level
    ('no trend', 0.95)
    >>> change, lower, upper, *_ = trend
    >>> lower < change < upper
    True
    """

    change: float
    lower: float
    upper: float
    level: float
    direction: str


NOT_IDENTIFIED = CohortTrend(float("nan"), float("nan"), float("nan"), 0.95, "not identified")


def cohort_trend(
    customers: ArrayLike, repeaters: ArrayLike, position: ArrayLike | None = None, level: float = 0.95
) -> CohortTrend:
    """The linear trend of the share of repeaters over cohorts.

    Parameters
    ----------
    customers, repeaters : array-like of shape (n_cohorts,)
        Customers of each cohort, and how many of them repeated.
    position : array-like of shape (n_cohorts,), optional
        When each cohort was acquired, in periods. Default: one after the other.
    level : float, default 0.95
        Level of the confidence interval.

    Returns
    -------
    CohortTrend
        Not identified with less than three cohorts, or if nobody or everybody repeated.

    Raises
    ------
    InputError
        If a number is negative, or there are more repeaters than customers.

    See Also
    --------
    clvml.customer_base.compare_cohorts : Counts the cohorts of purchases, and their trend.

    Notes
    -----
    The share is regressed on the position of the cohort, weighted by customers (Armitage's test for trend).
    Cohorts differ by more than chance, by season and by campaign, so that the variance is scaled by the
    dispersion about the line where that exceeds 1; the interval is then Student's.

    References
    ----------
    Armitage, P. (1955), Tests for linear trends in proportions and frequencies. *Biometrics* 11, 375-386.

    McCullagh, P., Nelder, J. (1989), *Generalized Linear Models*, section 4.5, for the dispersion.

    Examples
    --------
    >>> from clvml.customer_base import cohort_trend
    >>> trend = cohort_trend([1000, 1000, 1000, 1000], [300, 280, 260, 240])
    >>> round(trend.change, 3), trend.direction
    (-0.02, 'falls')
    """
    n, k = np.asarray(customers, dtype=np.float64), np.asarray(repeaters, dtype=np.float64)
    x = np.arange(len(n)) if position is None else np.asarray(position, dtype=np.float64)
    if (k < 0).any() or (k > n).any():
        raise InputError("repeaters must be between 0 and the customers of each cohort.")
    n, k, x = n[n > 0], k[n > 0], x[n > 0]
    share = k.sum() / n.sum() if len(n) else 0.0
    if len(n) < LEAST_COHORTS or not 0 < share < 1:
        return NOT_IDENTIFIED._replace(level=level)
    weights = n / (share * (1 - share))
    centred = x - np.average(x, weights=weights)
    spread = float(weights @ centred**2)
    change = float(weights @ (centred * (k / n))) / spread
    residual = k / n - share - change * centred
    dispersion = float(weights @ residual**2) / (len(n) - 2)
    half = _quantile(level, dispersion, len(n)) * np.sqrt(max(dispersion, 1.0) / spread)
    lower, upper = change - half, change + half
    direction = "falls" if upper < 0 else "rises" if lower > 0 else "no trend"
    return CohortTrend(change, float(lower), float(upper), level, direction)


def _quantile(level: float, dispersion: float, n_cohorts: int) -> float:
    from scipy import special

    upper = (1 + level) / 2
    return float(special.stdtrit(n_cohorts - 2, upper) if dispersion > 1 else special.ndtri(upper))
