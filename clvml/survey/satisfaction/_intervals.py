"""Confidence intervals of shares, means of a scale and net promoter scores that hold in small samples.

A survey of ten answers is usual, so that none of these has zero width where all answers are equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import optimize, stats

from clvml.survey._resamples import LEVEL, check_level

Interval = tuple[float, float]
UNKNOWN: Interval = (math.nan, math.nan)


def share_interval(successes: float, n: float, level: float = LEVEL) -> Interval:
    """The score interval of a share.

    Parameters
    ----------
    successes, n : float
        Of ``n`` answers; an effective number, of a sample with clusters or weights, need not be whole.
    level : float, default 0.95
        Of the intervals.

    Returns
    -------
    (float, float)
        Lower and upper end; NaN without answers.

    See Also
    --------
    clvml.survey.mean_interval : Of a mean.
    clvml.survey.satisfaction_scores : Uses it.

    References
    ----------
    Wilson (1927), Probable Inference, the Law of Succession, and Statistical Inference, Journal of the
    American Statistical Association 22(158).

    Examples
    --------
    >>> from clvml.survey import share_interval
    >>> lower, upper = share_interval(8, 10)
    >>> round(lower, 3), round(upper, 3)
    (0.49, 0.943)
    """
    check_level(level)
    if not n > 0:
        return UNKNOWN
    z2, share = float(stats.norm.ppf((1 + level) / 2)) ** 2, float(successes / n)
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2) * math.sqrt(share * (1 - share) / n + z2 / (4 * n**2)) / (1 + z2 / n)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def mean_interval(
    values: np.ndarray, level: float = LEVEL, scale: tuple[float, float] = (1.0, 5.0)
) -> Interval:
    """Student's interval of the mean of answers on a scale, which does not vanish where all agree.

    The variance is that of the answers and of one more, drawn evenly from the points of the scale: without
    it, three answers of 5 would have an interval of zero width. Its influence falls as 1 / n.

    Parameters
    ----------
    values : ndarray of shape (n_answers,)
        Points of the scale.
    level : float, default 0.95
        Of the intervals.
    scale : (float, float), default (1, 5)
        The ends are limits of the interval.

    Returns
    -------
    (float, float)
        Lower and upper end; NaN without answers.

    See Also
    --------
    clvml.survey.share_interval : Of a share.
    clvml.survey.satisfaction_scores : Uses it.

    Examples
    --------
    >>> import numpy as np
    >>> from clvml.survey import mean_interval
    >>> lower, upper = mean_interval(np.array([5.0, 5.0, 5.0]))
    >>> round(lower, 2), round(upper, 2)
    (2.97, 5.0)
    """
    check_level(level)
    n = len(values)
    if not n:
        return UNKNOWN
    points = scale[1] - scale[0] + 1
    variance = (float(((values - values.mean()) ** 2).sum()) + (points**2 - 1) / 12) / n
    half = float(stats.t.ppf((1 + level) / 2, max(n - 1, 1))) * math.sqrt(variance / n)
    mean = float(values.mean())
    return max(mean - half, scale[0]), min(mean + half, scale[1])


def nps_interval(promoters: int, detractors: int, n: int, level: float = LEVEL) -> Interval:
    """The score interval of a net promoter score, in points from -100 to 100.

    The three classes are multinomial, and the score is the difference of two of their probabilities, as in a
    comparison of paired proportions, whose score interval (Tango 1998, equations 7 to 9) this is: all
    differences that a score test does not reject. It has its coverage in small samples, where Wald's interval
    is far too narrow, and no zero width where all are promoters.

    Parameters
    ----------
    promoters, detractors, n : int
        Of ``n`` answers.
    level : float, default 0.95
        Of the intervals.

    Returns
    -------
    (float, float)
        Lower and upper end in points; NaN without answers.

    See Also
    --------
    clvml.survey.share_interval : Of a share.
    clvml.survey.satisfaction_scores : Uses it.

    References
    ----------
    Tango (1998), Equivalence Test and Confidence Interval for the Difference in Proportions for the
    Paired-Sample Design, Statistics in Medicine 17(8). Rocks (2016), Interval Estimation for the "Net
    Promoter Score", The American Statistician 70(4), compares intervals of this score.

    Examples
    --------
    >>> from clvml.survey import nps_interval
    >>> lower, upper = nps_interval(promoters=12, detractors=3, n=20)
    >>> round(lower, 1), round(upper, 1)
    (7.4, 70.5)
    """
    check_level(level)
    if not n > 0:
        return UNKNOWN
    z, observed = float(stats.norm.ppf((1 + level) / 2)), (promoters - detractors) / n

    def excess(difference: float, sign: float) -> float:
        return sign * _score(difference, promoters, detractors, n) - z

    lower = -1.0 if observed <= -1 else _root(excess, -1.0, observed, 1.0)
    upper = 1.0 if observed >= 1 else _root(excess, observed, 1.0, -1.0)
    return 100 * lower, 100 * upper


def _root(excess: Callable[[float, float], float], lower: float, upper: float, sign: float) -> float:
    """Where the score test is at its limit; the end of all scores where it never is."""
    edge = 1e-9
    far, near = (lower + edge, upper) if sign > 0 else (upper - edge, lower)
    if excess(far, sign) <= 0:
        return lower if sign > 0 else upper
    return float(optimize.brentq(excess, far, near, args=(sign,), xtol=1e-10))


def _score(difference: float, promoters: float, detractors: float, n: float) -> float:
    """The score statistic of a difference; the smaller probability is its maximum-likelihood estimate."""
    a = 2 * n
    b = -promoters - detractors + (2 * n - promoters + detractors) * difference
    c = -detractors * difference * (1 - difference)
    smaller = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = n * (2 * smaller + difference * (1 - difference))
    gap = promoters - detractors - n * difference
    return gap / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, gap) if gap else 0.0


def change_interval(
    before: tuple[float, float, float], after: tuple[float, float, float]
) -> tuple[float, float, float]:
    """The difference of two independent estimates with an interval from theirs (the MOVER method).

    Parameters
    ----------
    before, after : (float, float, float)
        Estimate, lower and upper end.

    Returns
    -------
    (float, float, float)
        Difference, lower and upper end.

    References
    ----------
    Zou, Donner (2008), Construction of Confidence Limits about Effect Measures: A General Approach,
    Statistics in Medicine 27(10), equation 2.

    Examples
    --------
    >>> change_interval((10.0, 7.0, 13.0), (20.0, 16.0, 24.0))
    (10.0, 5.0, 15.0)
    """
    (first, low1, high1), (second, low2, high2) = before, after
    change = second - first
    return (
        change,
        change - math.hypot(second - low2, high1 - first),
        change + math.hypot(high2 - second, first - low1),
    )
