"""Intervals and tests of several treatments against one control."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

Array = NDArray[np.float64]
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(64)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


def welch_df(variances: Array, sizes: Array) -> float:
    """Degrees of freedom of a sum of means (Welch-Satterthwaite).

    Parameters
    ----------
    variances : array
        Of each cell's mean, weights included.
    sizes : array
        Customers in each cell, at least 2.
    """
    total = variances.sum()
    below = float((variances**2 / (sizes - 1)).sum())
    return float(total**2 / below) if below > 0 else float("inf")


def probability_within(critical: float, loadings: Array) -> float:
    """Probability that all correlated normal statistics are within ``+-critical``.

    The statistics have correlation ``loadings[i] * loadings[j]``: differences to one control (Dunnett, 1955,
    JASA 50, 1096-1121, eq. 4, with unequal variances).
    """
    rest = np.sqrt(1 - loadings**2)[:, None]
    shift = loadings[:, None] * _NODES[None, :]
    inside = stats.norm.cdf((critical + shift) / rest) - stats.norm.cdf((shift - critical) / rest)
    return float(_WEIGHTS @ inside.prod(axis=0))


def dunnett_critical(level: float, loadings: Array) -> float:
    """The critical value of simultaneous intervals, in standard normal units."""
    if len(loadings) == 1:
        return float(stats.norm.ppf(0.5 + level / 2))
    return float(optimize.brentq(_excess, 0.0, 12.0, args=(loadings, level)))


def _excess(critical: float, loadings: Array, level: float) -> float:
    return probability_within(critical, loadings) - level


def dunnett_p(z: Array, loadings: Array) -> Array:
    """P-values adjusted for all treatments that are compared with the control."""
    if len(z) == 1:
        return np.asarray(2 * stats.norm.sf(np.abs(z)))
    return np.array([1 - probability_within(abs(float(value)), loadings) for value in z])


def holm_p(p: Array) -> Array:
    """P-values adjusted by Holm (1979)."""
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(raised, 1)
    return adjusted


def t_quantile(z: float, df: float) -> float:
    """The quantile of t at the probability of a standard normal quantile, such as 2.03 for 1.96 and 35."""
    return z if np.isinf(df) else float(-stats.t.ppf(stats.norm.sf(z), df))


def normal_score(t: float, df: float) -> float:
    """The standard normal value with the tail probability of a t statistic."""
    return t if np.isinf(df) else float(np.sign(t) * stats.norm.isf(stats.t.sf(abs(t), df)))


def fieller(
    mean: float, base: float, variance: float, base_variance: float, critical: float
) -> tuple[float, float]:
    """The interval of ``mean / base - 1`` for independent means (Fieller, 1954, JRSS B 16, 175-185).

    Both ends are NaN where the base is not clearly different from zero, for then the interval is unbounded.

    Examples
    --------
    >>> [round(end, 3) for end in fieller(110.0, 100.0, 4.0, 4.0, 1.96)]
    [0.043, 0.16]
    """
    g = critical**2 * base_variance / base**2 if base else np.inf
    if not g < 1:
        return float("nan"), float("nan")
    ratio = mean / base
    half = critical / abs(base) * np.sqrt(variance * (1 - g) + ratio**2 * base_variance)
    return float((ratio - half) / (1 - g) - 1), float((ratio + half) / (1 - g) - 1)
