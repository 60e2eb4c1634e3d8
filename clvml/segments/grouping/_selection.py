"""The number of segments, chosen by the silhouette on a sample of bounded size.

The silhouette of a customer compares the mean distance ``a`` within their segment with the mean
distance ``b`` to the nearest other one, ``(b - a) / max(a, b)``: 1 in a tight segment far from the
others, 0 between two segments (Rousseeuw 1987). A number of segments is evaluated by its mean.

**The rule**: among the numbers of segments whose smallest segment has at least 1 % of the customers (four
large wholesalers are not a useful segment), and whose silhouette is within ``tolerance`` of the best of
those, the largest. For customers the curve is often flat: CDNOW has .738, .743, .738 at 2, 3 and 4 segments,
where the silhouette has a standard deviation of .2 over customers, and .005 for the mean over 2,357. Such a
difference is not significant, and the finer segmentation is more useful. ``tolerance=0`` takes the maximum.

**Two more criteria** are reported, and shown in one figure (`clvml.plots.segment_choice`):

- **stability**: the mean adjusted Rand index of the segments against those refitted to random halves of the
  sample (drawn from at most 2,000 customers; the centres of a half assign all of them). Below .8 the
  segments depend on which customers happen to be in the data;
- the **elbow** of the inertia: the number farthest below the straight line from the first to the last.

All candidates are evaluated in one pass over the distances, which dominate the cost.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

BLOCK = 500
SMALLEST_SHARE = 0.01
RESAMPLES = 8
MOST_RESAMPLED = 2_000


def select_number(
    points: np.ndarray, candidates: Sequence[int], tolerance: float, n_init: int, random_state: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """Fit K-means with each number of segments, and choose one by the rule above.

    Parameters
    ----------
    points : ndarray of shape (customers, features)
        Standardised features of the sample.
    candidates : sequence of int
        Numbers of segments, each at most the number of distinct points.
    tolerance : float
        Difference to the best silhouette that is regarded as negligible.
    n_init, random_state : int
        Starts of each K-means, and their seed.

    Returns
    -------
    selection : pandas.DataFrame
        Index ``n_segments``; columns ``silhouette``, ``inertia`` (sum of squared distances to the
        centres, over the sample), ``stability`` (0 to 1), ``elbow`` (bool; true at most once, and nowhere
        among fewer than three numbers), ``smallest_share`` (of the customers) and ``chosen`` (bool, true
        once). ``attrs["why"]`` explains the choice.
    centers : ndarray of shape (chosen number, features)
    """
    # On a sample this size, threads cost more than they save.
    with threadpool_limits(1, user_api="openmp"):
        fits = [KMeans(k, n_init=n_init, random_state=random_state).fit(points) for k in candidates]
    inertia = [float(fit.inertia_) for fit in fits]
    selection = pd.DataFrame(
        {
            "silhouette": silhouettes(points, [fit.labels_ for fit in fits]),
            "inertia": inertia,
            "stability": stabilities(points, fits, random_state),
            "elbow": np.arange(len(fits)) == elbow(inertia),
            "smallest_share": [float(np.bincount(fit.labels_).min() / len(points)) for fit in fits],
        },
        index=pd.Index(list(candidates), name="n_segments"),
    )
    chosen = _choice(selection, tolerance)
    selection["chosen"] = np.arange(len(fits)) == chosen
    selection.attrs["why"] = describe_choice(selection, tolerance)
    return selection, fits[chosen].cluster_centers_


def _choice(selection: pd.DataFrame, tolerance: float) -> int:
    """The position of the chosen number."""
    large = selection["smallest_share"].to_numpy() >= SMALLEST_SHARE
    able = large if large.any() else np.ones_like(large)
    silhouette = np.where(able, selection["silhouette"], -np.inf)
    return int(np.flatnonzero(silhouette >= silhouette.max() - tolerance)[-1])


def describe_choice(selection: pd.DataFrame, tolerance: float) -> str:
    """Why this number: the rule with its figures, and the two other criteria."""
    row, chosen = selection[selection["chosen"]].iloc[0], selection.index[selection["chosen"]][0]
    stability = f"stability over random halves of the customers {row['stability']:.2f}"
    if len(selection) == 1:
        return f"{chosen} segments, as requested; {stability}."
    large = selection.loc[selection["smallest_share"] >= SMALLEST_SHARE, "silhouette"]
    able = selection["silhouette"] if large.empty else large
    best = f"{able.max():.3f} (at {able.idxmax()})"
    size = "" if large.empty else f" and whose smallest segment has at least {100 * SMALLEST_SHARE:g} %"
    elbows = selection.index[selection["elbow"]]
    bend = f"elbow of the inertia at {elbows[0]}" if len(elbows) else "the inertia has no elbow"
    return (
        f"{chosen} segments: the most whose silhouette, {row['silhouette']:.3f}, is within {tolerance:g} of"
        f" the best, {best},{size}; {stability}; {bend}."
    )


def stabilities(points: np.ndarray, fits: Sequence[KMeans], random_state: int) -> list[float]:
    """The stability of each fit, as in this module's docstring."""
    rng = np.random.default_rng(random_state)
    few = points[np.sort(rng.choice(len(points), min(MOST_RESAMPLED, len(points)), replace=False))]
    size = -(-len(few) // 2)
    halves = [few[np.sort(rng.choice(len(few), size, replace=False))] for _ in range(RESAMPLES)]
    with threadpool_limits(1, user_api="openmp"):
        return [_stability(few, halves, fit, random_state) for fit in fits]


def _stability(points: np.ndarray, halves: list[np.ndarray], fit: KMeans, random_state: int) -> float:
    labels, k = fit.predict(points), fit.n_clusters
    again = [
        KMeans(k, n_init=3, random_state=random_state).fit(half).predict(points)
        for half in halves
        if len(np.unique(half, axis=0)) >= k
    ]
    return float(np.mean([adjusted_rand_score(labels, found) for found in again])) if again else float("nan")


def elbow(inertia: Sequence[float]) -> int | None:
    """The position of the value farthest below the line from first to last; None without an elbow.

    Examples
    --------
    >>> elbow([100.0, 40.0, 30.0, 20.0])
    1
    >>> elbow([3.0, 2.0, 1.0]) is None
    True
    """
    values = np.asarray(inertia, dtype=float)
    if len(values) < 3:
        return None
    below = np.linspace(values[0], values[-1], len(values)) - values
    return int(below.argmax()) if below.max() > 1e-9 * abs(values[0]) else None


def silhouettes(points: np.ndarray, labelings: Sequence[np.ndarray]) -> np.ndarray:
    """The mean silhouette of each labeling of the same points.

    A point alone in its segment has silhouette 0, as in scikit-learn.

    Examples
    --------
    >>> silhouettes(np.array([[0.0], [1.0], [10.0], [11.0]]), [np.array([0, 0, 1, 1])]).round(3)
    array([0.9])
    """
    indicators = [labels[:, None] == np.unique(labels) for labels in labelings]
    stacked = np.hstack(indicators).astype(float)
    edges = np.cumsum([indicator.shape[1] for indicator in indicators])[:-1]
    totals = np.zeros(len(indicators))
    for start in range(0, len(points), BLOCK):
        rows = slice(start, start + BLOCK)
        distances = cdist(points[rows], points) @ stacked
        for i, sums in enumerate(np.split(distances, edges, axis=1)):
            totals[i] += _silhouette(sums, indicators[i][rows], indicators[i].sum(axis=0)).sum()
    return totals / len(points)


def _silhouette(sums: np.ndarray, own: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Silhouettes from each point's summed distances to each segment; ``own`` marks its segment."""
    size = (own * sizes).sum(axis=1)
    inside = (own * sums).sum(axis=1) / np.maximum(size - 1, 1)
    outside = np.where(own, np.inf, sums / sizes).min(axis=1)
    widest = np.maximum(inside, outside)
    defined = (size > 1) & (widest > 0) & np.isfinite(outside)
    return np.where(defined, outside - inside, 0.0) / np.where(defined, widest, 1.0)
