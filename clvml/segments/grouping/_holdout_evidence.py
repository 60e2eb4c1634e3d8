"""What segments are for: how well their order ranks customers by the value realised in a holdout.

With shares ``p`` of the customers and ``q`` of the value by segment, the most valuable first, twice the area
between the concentration curve and the diagonal is::

    sum of p[s] (2 Q[s] + q[s])  -  1,        Q[s] the value of the segments before s

and the Gini is this over the same of the best possible order. A customer of segment ``s`` with value ``y``
has the influence ``(a[s] - G - 1) + (y / mean) (b[s] - G - 1)`` on it, with ``a[s] = 2 Q[s] + q[s]`` and
``b[s] = p[s] + 2 P[s]``, ``P[s]`` the customers of the segments after s (the derivatives by ``p`` and ``q``).
The standard deviation of the influences over the root of the number of customers is its standard error, and
of differences of influences that of a difference on the same customers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

Array = NDArray[np.float64]


def ordered_by_value(labels: np.ndarray, value: Array) -> np.ndarray:
    """Labels renumbered from 0 by falling mean value of their customers."""
    means = np.bincount(labels, value) / np.maximum(np.bincount(labels), 1)
    place = np.empty(len(means), dtype=np.int64)
    place[np.argsort(-means, kind="stable")] = np.arange(len(means))
    return place[labels]


def holdout_evidence(
    segmentations: Sequence[Sequence[np.ndarray]], outcome: Array, among: NDArray[np.bool_] | None = None
) -> pd.DataFrame:
    """How well segmentations of the same customers rank them by their outcome.

    Parameters
    ----------
    segmentations : sequence of sequences of ndarray of int
        For each number of segments one or more segmentations, such as refits, whose results are averaged:
        each customer's segment, 0 the most valuable.
    outcome : ndarray
        The value of each customer realised in the holdout; a positive total.
    among : ndarray of bool, optional
        The numbers of segments of which one may be the best; all by default.

    Returns
    -------
    pandas.DataFrame
        One row per number of segments: ``holdout_gini``, as `clvml.evaluation` has it, of the order of the
        segments; ``holdout_se``, the standard error of its difference from the best (of the best: its own);
        ``holdout_explained``, the share of the variance of the outcome's ranks that segment means of
        the other customers explain (leave-one-out, so that more segments need not explain more).

    Examples
    --------
    >>> outcome = np.array([90.0, 70.0, 5.0, 0.0])
    >>> right, wrong = np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0])
    >>> holdout_evidence([[right], [wrong]], outcome)["holdout_gini"].round(3).tolist()
    [0.925, -0.925]
    """
    oracle, _ = _gini(rankdata(-outcome, method="dense").astype(np.int64) - 1, outcome)
    scale = oracle if oracle > 0 else np.inf
    found = [[_gini(segments, outcome) for segments in refits] for refits in segmentations]
    ginis = np.array([np.mean([gini for gini, _ in refits]) for refits in found]) / scale
    influences = np.array([np.mean([influence for _, influence in refits], axis=0) for refits in found])
    best = int(np.where(True if among is None else among, ginis, -np.inf).argmax())
    differences = influences - influences[best]
    differences[best] = influences[best]
    ranks = rankdata(outcome)
    return pd.DataFrame(
        {
            "holdout_gini": ginis,
            "holdout_se": differences.std(axis=1) / np.sqrt(len(outcome)) / scale,
            "holdout_explained": [
                np.mean([_explained(s, ranks) for s in refits]) for refits in segmentations
            ],
        }
    )


def _gini(segments: np.ndarray, outcome: Array) -> tuple[float, Array]:
    """The Gini, not relative to the best order, and the influence of each customer on it."""
    p = np.bincount(segments) / len(segments)
    q = np.bincount(segments, outcome) / outcome.sum()
    a, b = 2 * q.cumsum() - q, 2 * p[::-1].cumsum()[::-1] - p
    total = float(p @ a)
    return total - 1, (a[segments] - total) + outcome / outcome.mean() * (b[segments] - total)


def _explained(segments: np.ndarray, ranks: Array) -> float:
    sizes, n = np.bincount(segments)[segments], len(ranks)
    means = (np.bincount(segments, ranks) / np.maximum(np.bincount(segments), 1))[segments]
    without = (ranks - ranks.mean()) * n / (n - 1)
    within = np.where(sizes > 1, (ranks - means) * sizes / np.maximum(sizes - 1, 1), without)
    total = float((without**2).sum())
    return 1 - float((within**2).sum()) / total if total > 0 else 0.0
