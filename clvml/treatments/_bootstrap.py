"""The studentised bootstrap of a difference of stratified means."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clvml.treatments._cells import Array, Coded, slope

_BLOCK = 4_000_000  # resampled customers at a time


def bootstrap_statistics(
    codes: Coded,
    y: Array,
    x: Array | None,
    group: int,
    rows: NDArray[np.bool_],
    n_resamples: int,
    random_state: int,
) -> tuple[Array, Array | None]:
    """Studentised deviations of the lift, and of the logarithm of the ratio of means.

    Customers are drawn with replacement within each segment and group (Efron and Tibshirani, 1993, "An
    introduction to the bootstrap", section 12.5). The coefficient of the covariate stays as estimated.

    Returns
    -------
    (array, array or None)
        None where a resampled mean is not positive, so that it has no logarithm.
    """
    residual = y if x is None else y - slope(codes, y, x) * x
    n_groups = len(codes.groups)
    sizes = codes.size.reshape(codes.shape)
    weights = np.where(rows, sizes.sum(axis=1), 0.0)
    weights = weights / weights.sum()
    segment = codes.cell // n_groups
    shift = np.zeros(len(rows)) if x is None else np.bincount(segment, y - residual) / np.bincount(segment)
    rng = np.random.default_rng(random_state)
    means, variances, actual = np.zeros((2, n_resamples)), np.zeros((2, n_resamples)), np.zeros(2)
    for side, column in enumerate((0, group)):
        for row in np.flatnonzero(rows):
            values = residual[codes.cell == row * n_groups + column]
            mean, variance = _resample(values, n_resamples, rng)
            means[side] += weights[row] * (mean + shift[row])
            variances[side] += weights[row] ** 2 * variance
            actual[side] += weights[row] * (values.mean() + shift[row])
    lift = (means[1] - means[0]) - (actual[1] - actual[0])
    statistic = _divide(lift, np.sqrt(variances.sum(axis=0)))
    if means.min() <= 0 or actual.min() <= 0:
        return statistic, None
    ratio = np.log(means[1] / means[0]) - np.log(actual[1] / actual[0])
    return statistic, _divide(ratio, np.sqrt((variances / means**2).sum(axis=0)))


def _resample(values: Array, n_resamples: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Means of resamples, and the estimated variances of these means."""
    n = len(values)
    mean, variance = np.empty(n_resamples), np.empty(n_resamples)
    step = max(1, _BLOCK // n)
    for start in range(0, n_resamples, step):
        drawn = values[rng.integers(0, n, (min(step, n_resamples - start), n))]
        mean[start : start + step] = drawn.mean(axis=1)
        variance[start : start + step] = drawn.var(axis=1, ddof=1) / n
    return mean, variance


def _divide(values: Array, by: Array) -> Array:
    return np.divide(values, by, out=np.zeros_like(values), where=by > 0)
