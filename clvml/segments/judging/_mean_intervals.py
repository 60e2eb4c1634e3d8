"""Confidence intervals of the mean value of each segment, by a bootstrap over its customers.

A segment's customers are regarded as a sample. The middle 95 % of a thousand means of resamples with
replacement are the percentile interval (Efron 1979). It reflects the variation between customers, not the
uncertainty of the model of their value.

Beyond `BLOCKS` customers, random blocks are resampled instead of single customers, which has the same
variance, and a million customers cost no more than two thousand.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from clvml.errors import InputError

RESAMPLES = 1_000
BLOCKS = 2_000


def mean_intervals(
    value: pd.Series, segments: pd.Series, coverage: float = 0.95, random_state: int = 0
) -> pd.DataFrame:
    """The mean value of each segment with its confidence interval.

    Parameters
    ----------
    value, segments : pandas.Series
        Of the same customers, in the same order.
    coverage : float
        The share of the resampled means within the interval, in (0, 1).
    random_state : int
        Seed of the resamples.

    Returns
    -------
    pandas.DataFrame
        Index ``segment``; ``mean, lower, upper``, in the unit of ``value``; ``lower`` and ``upper`` are NaN
        for a segment of one customer.

    Raises
    ------
    InputError
        If ``coverage`` is not inside (0, 1).

    See Also
    --------
    clvml.segments.judging.segmentation_quality : Criteria of the whole segmentation.
    clvml.plots.segment_value : As a figure.

    References
    ----------
    Efron, B. (1979), Bootstrap methods: another look at the jackknife. *Annals of Statistics* 7, 1-26.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.judging import mean_intervals
    >>> value, segments = pd.Series([1.0, 3.0, 5.0]), pd.Series([1, 1, 2])
    >>> mean_intervals(value, segments).to_numpy().tolist()
    [[2.0, 1.0, 3.0], [5.0, nan, nan]]
    """
    if not 0 < coverage < 1:
        raise InputError(f"coverage is {coverage!r}; it must be a share between 0 and 1, such as 0.95.")
    groups = value.groupby(segments.to_numpy(), sort=True)
    rows = {
        segment: (float(group.mean()), *_interval(group.to_numpy(dtype=float), coverage, random_state))
        for segment, group in groups
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["mean", "lower", "upper"])
    return table.rename_axis("segment")


def _interval(values: np.ndarray, coverage: float, seed: int) -> tuple[float, float]:
    if len(values) < 2:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    # Sorted first, so that the result does not depend on the order or the ids of the customers.
    blocks = np.array_split(rng.permutation(np.sort(values)), min(BLOCKS, len(values)))
    sums, sizes = np.array([block.sum() for block in blocks]), np.array([len(block) for block in blocks])
    drawn = rng.integers(0, len(blocks), (RESAMPLES, len(blocks)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    lower, upper = np.quantile(means, [(1 - coverage) / 2, (1 + coverage) / 2])
    return float(lower), float(upper)
