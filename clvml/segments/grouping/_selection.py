"""The number of segments, chosen on a sample of bounded size: by what segments are for, or by geometry.

**With the value of the customers in a holdout**, the number is the smallest whose Gini in the holdout
(`_holdout_evidence`, a mean over segments refitted to random halves of the customers) is within 5 % of the
best, or within one standard error of the difference, among those whose smallest segment has at least 1 % of
the customers and whose stability is at least .8. Two segments are often the best geometry and rank customers
badly: on CDNOW the Gini is .50 with two, .64 with four and .67 with six. If the holdout says nothing (no
value, or no Gini above its standard error), and without a holdout, the number is chosen by the silhouette.

**By geometry**: among the numbers of segments whose smallest segment has at least 1 % of the customers (four
large wholesalers are not a useful segment), and whose silhouette is within ``tolerance`` of the best of
those, the largest. For customers the curve is often flat: CDNOW has .738, .743, .738 at 2, 3 and 4 segments,
where the silhouette has a standard deviation of .2 over customers, and .005 for the mean over 2,357. Such a
difference is not significant, and the finer segmentation is more useful. ``tolerance=0`` takes the maximum.

**Two more criteria** are reported, and shown in one figure (`clvml.plots.segment_choice`):

- **stability**: the mean adjusted Rand index of the segments against those refitted to random halves of the
  sample (drawn from at most 2,000 customers; the centres of a half assign all of them). Below .8 the
  segments depend on which customers happen to be in the data;
- the **elbow** of the inertia: the number farthest below the straight line from the first to the last.

All candidates are evaluated in one pass over the distances, which dominate the cost. The candidates, the
sample and the halves are always drawn with `SEED`: the number of segments depends neither on ``random_state``
nor on the order of the customers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from clvml.errors import InputError
from clvml.segments.grouping._holdout_evidence import holdout_evidence, ordered_by_value

BLOCK = 500
SMALLEST_SHARE = 0.01
STABLE = 0.8
NEGLIGIBLE = 0.05  # of the best Gini in the holdout
RESAMPLES = 8
SEED = 0
MOST_RESAMPLED = 2_000

# Points, number of segments, number of starts, seed: fitted, with ``n_clusters, labels_, inertia_, predict``.
Fit = Callable[[np.ndarray, int, int, int], Any]


def fit_kmeans(points: np.ndarray, n_clusters: int, n_init: int, random_state: int) -> KMeans:
    """K-means of these points."""
    return KMeans(n_clusters, n_init=n_init, random_state=random_state).fit(points)


def select_number(
    points: np.ndarray,
    candidates: Sequence[int],
    tolerance: float,
    n_init: int,
    random_state: int,
    *,
    value: NDArray[np.float64] | None = None,
    outcome: NDArray[np.float64] | None = None,
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
    n_init : int
        Starts of each K-means.
    random_state : int
        Seed of the starts of the chosen one.
    value, outcome : ndarray, optional
        The value that orders segments, and the value realised in a holdout, of each point.

    Returns
    -------
    selection : pandas.DataFrame
        Index ``n_segments``; columns ``silhouette``, ``inertia`` (sum of squared distances to the
        centres, over the sample), ``stability`` (0 to 1), ``elbow`` (bool; true at most once, and nowhere
        among fewer than three numbers), ``smallest_share`` (of the customers), those of
        `holdout_evidence` if there is an outcome with a positive total, and ``chosen`` (bool, true once).
        ``attrs["why"]`` explains the choice.
    centers : ndarray of shape (chosen number, features)
    """
    selection, fit = select_fit(
        points, candidates, tolerance, n_init, random_state, value=value, outcome=outcome
    )
    return selection, fit.cluster_centers_


def select_fit(
    points: np.ndarray,
    candidates: Sequence[int],
    tolerance: float,
    n_init: int,
    random_state: int,
    *,
    value: NDArray[np.float64] | None = None,
    outcome: NDArray[np.float64] | None = None,
    fit: Fit = fit_kmeans,
) -> tuple[pd.DataFrame, Any]:
    """As `select_number`, for any clusterer: the table, and the clusterer fitted with the chosen number."""
    # On a sample this size, threads cost more than they save.
    with threadpool_limits(1, user_api="openmp"):
        fits = [fit(points, k, n_init, SEED) for k in candidates]
    inertia = [float(one.inertia_) for one in fits]
    few, refits = refit_to_halves(points, fits, fit)
    selection = pd.DataFrame(
        {
            "silhouette": silhouettes(points, [one.labels_ for one in fits]),
            "inertia": inertia,
            "stability": [_stability(few, *pair) for pair in zip(fits, refits, strict=True)],
            "elbow": np.arange(len(fits)) == elbow(inertia),
            "smallest_share": [float(np.bincount(one.labels_).min() / len(points)) for one in fits],
        },
        index=pd.Index([one.n_clusters for one in fits], name="n_segments"),
    )
    if value is not None and outcome is not None and outcome.sum() > 0:
        labels = [
            [ordered_by_value(refit.predict(points), value) for refit in again or [one]]
            for one, again in zip(fits, refits, strict=True)
        ]
        evidence = holdout_evidence(labels, outcome, _useful(selection))
        selection = selection.join(evidence.set_axis(selection.index))
    chosen = _choice(selection, tolerance)
    selection["chosen"] = np.arange(len(fits)) == chosen
    selection.attrs["why"] = describe_choice(selection, tolerance)
    if random_state == SEED:
        return selection, fits[chosen]
    with threadpool_limits(1, user_api="openmp"):
        return selection, fit(points, candidates[chosen], n_init, random_state)


def _choice(selection: pd.DataFrame, tolerance: float) -> int:
    """The position of the chosen number."""
    if _has_evidence(selection):
        best = _best_gini(selection)["holdout_gini"]
        negligible = selection["holdout_se"].clip(lower=NEGLIGIBLE * best)
        near = selection["holdout_gini"] >= best - negligible
        return int(np.flatnonzero(_useful(selection) & near)[0])
    silhouette = np.where(_large_enough(selection), selection["silhouette"], -np.inf)
    return int(np.flatnonzero(silhouette >= silhouette.max() - tolerance)[-1])


def _large_enough(selection: pd.DataFrame) -> NDArray[np.bool_]:
    return _where_any(selection["smallest_share"].to_numpy() >= SMALLEST_SHARE)


def _useful(selection: pd.DataFrame) -> NDArray[np.bool_]:
    """Numbers of segments that are large enough and stable."""
    large = _large_enough(selection)
    stable = large & (selection["stability"].to_numpy() >= STABLE)
    return stable if stable.any() else large


def _where_any(rule: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The rule, or everywhere if it holds nowhere."""
    return rule if rule.any() else np.ones_like(rule)


def _has_evidence(selection: pd.DataFrame) -> bool:
    """Whether the best order of segments ranks the customers' outcomes better than chance."""
    if "holdout_gini" not in selection:
        return False
    best = _best_gini(selection)
    return bool(best["holdout_gini"] > best["holdout_se"])


def _best_gini(selection: pd.DataFrame) -> pd.Series:
    """The row of the useful number of segments with the largest Gini in the holdout."""
    gini = np.where(_useful(selection), selection["holdout_gini"], -np.inf)
    return selection.iloc[int(gini.argmax())]


def describe_choice(selection: pd.DataFrame, tolerance: float) -> str:
    """Why this number: the rule with its figures, and the two other criteria."""
    row, chosen = selection[selection["chosen"]].iloc[0], selection.index[selection["chosen"]][0]
    stability = f"stability over random halves of the customers {row['stability']:.2f}"
    if len(selection) == 1:
        return f"{chosen} segments, as requested; {stability}."
    rule = _holdout_rule if _has_evidence(selection) else _silhouette_rule
    elbows = selection.index[selection["elbow"]]
    bend = f"elbow of the inertia at {elbows[0]}" if len(elbows) else "the inertia has no elbow"
    return f"{chosen} segments: {rule(selection, row, tolerance)}; {stability}; {bend}."


def _silhouette_rule(selection: pd.DataFrame, row: pd.Series, tolerance: float) -> str:
    able = selection.loc[_large_enough(selection), "silhouette"]
    best = f"{able.max():.3f} (at {able.idxmax()})"
    return (
        f"the most whose silhouette, {row['silhouette']:.3f}, is within {tolerance:g} of the best,"
        f" {best},{_size_rule(selection)}"
    )


def _holdout_rule(selection: pd.DataFrame, row: pd.Series, tolerance: float) -> str:  # noqa: ARG001
    best = _best_gini(selection)
    return (
        f"the fewest whose Gini of the value in the holdout, {row['holdout_gini']:.3f}, is within"
        f" {NEGLIGIBLE:.0%} or one standard error of the best, {best['holdout_gini']:.3f} (at {best.name}),"
        f"{_size_rule(selection)}{_stability_rule(selection)}; silhouette {row['silhouette']:.3f}"
    )


def _stability_rule(selection: pd.DataFrame) -> str:
    held = (selection.loc[_large_enough(selection), "stability"] >= STABLE).any()
    return f" and whose stability is at least {STABLE:g}" if held else ""


def _size_rule(selection: pd.DataFrame) -> str:
    if not (selection["smallest_share"] >= SMALLEST_SHARE).any():
        return ""
    return f" and whose smallest segment has at least {100 * SMALLEST_SHARE:g} %"


def refit_to_halves(
    points: np.ndarray, fits: Sequence[Any], fit: Fit = fit_kmeans
) -> tuple[np.ndarray, list[list[Any]]]:
    """At most `MOST_RESAMPLED` of the points, and each fit again to random halves of them.

    There is no refit to a half with fewer distinct points than segments, or where the clusterer finds none.
    """
    rng = np.random.default_rng(SEED)
    few = points[np.sort(rng.choice(len(points), min(MOST_RESAMPLED, len(points)), replace=False))]
    size = -(-len(few) // 2)
    halves = [few[np.sort(rng.choice(len(few), size, replace=False))] for _ in range(RESAMPLES)]
    distinct = [len(np.unique(half, axis=0)) for half in halves]
    with threadpool_limits(1, user_api="openmp"):
        return few, [
            [
                again
                for half, n in zip(halves, distinct, strict=True)
                if n >= one.n_clusters and (again := _refitted(half, one.n_clusters, fit)) is not None
            ]
            for one in fits
        ]


def _refitted(half: np.ndarray, n_clusters: int, fit: Fit) -> Any:
    try:
        return fit(half, n_clusters, 3, SEED)
    except InputError:
        return None


def _stability(points: np.ndarray, fit: Any, refits: Sequence[Any]) -> float:
    """The mean agreement of a fit with its refits on some points; NaN without refits."""
    with threadpool_limits(1, user_api="openmp"):
        labels = fit.predict(points)
        agreements = [adjusted_rand_score(labels, refit.predict(points)) for refit in refits]
    return float(np.mean(agreements)) if agreements else float("nan")


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
