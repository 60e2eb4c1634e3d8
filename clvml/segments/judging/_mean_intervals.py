"""How sure the mean value of a segment is: a bootstrap over its customers.

A segment's customers are taken as a sample of those like them. Drawn again with replacement, ``n`` of ``n``,
they give another mean; the middle 95 % of a thousand such means are the interval (Efron 1979). It says how
much customers differ, not how wrong the model of their value may be.

Beyond `BLOCKS` customers, blocks of them are drawn instead of single ones: sums of blocks that were filled at
random vary as the customers do, and a million customers cost no more than two thousand.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

RESAMPLES = 1_000
BLOCKS = 2_000


def mean_intervals(
    value: pd.Series, segments: pd.Series, coverage: float = 0.95, random_state: int = 0
) -> pd.DataFrame:
    """The mean value of each segment with its interval.

    Parameters
    ----------
    value, segments : pandas.Series
        Of the same customers, in the same order.
    coverage : float
        The share of the resampled means within the interval.
    random_state : int
        Seed of the resamples.

    Returns
    -------
    pandas.DataFrame
        Index ``segment``; ``mean, low, high``; of a single customer no interval (NaN).

    Examples
    --------
    >>> value, segments = pd.Series([1.0, 3.0, 5.0]), pd.Series([1, 1, 2])
    >>> mean_intervals(value, segments).to_numpy().tolist()
    [[2.0, 1.0, 3.0], [5.0, nan, nan]]
    """
    groups = value.groupby(segments.to_numpy(), sort=True)
    rows = {
        segment: (float(group.mean()), *_interval(group.to_numpy(dtype=float), coverage, random_state))
        for segment, group in groups
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["mean", "low", "high"])
    return table.rename_axis("segment")


def _interval(values: np.ndarray, coverage: float, seed: int) -> tuple[float, float]:
    if len(values) < 2:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    # Sorted first: neither the order of the customers nor their ids may matter.
    blocks = np.array_split(rng.permutation(np.sort(values)), min(BLOCKS, len(values)))
    sums, sizes = np.array([block.sum() for block in blocks]), np.array([len(block) for block in blocks])
    drawn = rng.integers(0, len(blocks), (RESAMPLES, len(blocks)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - coverage) / 2, (1 + coverage) / 2])
    return float(low), float(high)
