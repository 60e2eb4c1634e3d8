"""Two learners of spend at earlier origins, and whether and how far their mean with the structure helps.

One learns the ratio of spend to its structural prediction, which is the exposure; the other learns spend
itself. Both are gradient boosting with Poisson deviance.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from clvml.lifetime_value.learned._bins import Bins
from clvml.lifetime_value.learned._blend import Blend
from clvml.lifetime_value.learned._lessons import N_FOLDS, Lessons
from clvml.lifetime_value.learned._threads import one_openmp_thread
from clvml.lifetime_value.learned._trees import BoostedTrees, trees_of

Floats = NDArray[np.float64]

LARGEST_RATIO = 30.0
N_ITERATIONS = 120
POWERS = (0.0, 0.5, 1.0)  # of the correction for the largest predictions; see `Blend`
_COST = 0.01  # of each further power, as a share of the squared error: errors of few customers are noise
_WORSE = -1.0  # standard errors of the deviance by which learning may be worse out of fold


class Learnt(NamedTuple):
    """What was learnt, and how it did on customers that it did not see.

    Attributes
    ----------
    ratio, spend : BoostedTrees
        Their raw predictions are the logarithms of the ratio, and of spend relative to its mean.
    largest : float
        Power of the correction for the largest predictions.
    out_of_fold : ndarray
        The correction of each row, by trees fitted to the other folds.
    gain : float
        Reduction of the Poisson deviance out of fold, as a share of it.
    helps : bool
        Whether the correction is no worse than none, within one standard error.
    """

    ratio: BoostedTrees
    spend: BoostedTrees
    largest: float
    out_of_fold: Floats
    gain: float
    helps: bool


@one_openmp_thread
def learn(lessons: Lessons, random_state: int) -> Learnt:
    """Learn from the lessons; the result depends neither on their order nor on the number of threads."""
    ratio, spend = np.ones(len(lessons.rows)), np.ones(len(lessons.rows))
    for fold in range(N_FOLDS):
        outside = lessons.fold == fold
        if outside.all() or not outside.any():
            continue
        trees = _fitted(lessons.at(~outside), random_state)
        ratio[outside], spend[outside] = (np.exp(each.raw(lessons.rows[outside])) for each in trees)
    corrections = {power: _corrected(lessons, ratio, spend, power) for power in POWERS}
    errors = {
        power: _squared_error(lessons, each) + place * _COST
        for place, (power, each) in enumerate(corrections.items())
    }
    largest = min(errors, key=errors.__getitem__)
    before = _deviances(lessons, np.ones(len(lessons.rows)))
    better = before - _deviances(lessons, corrections[1.0])
    return Learnt(
        *_fitted(lessons, random_state),
        largest,
        corrections[largest],
        float(better.sum() / before.sum()) if before.sum() > 0 else 0.0,
        bool(better.mean() >= _WORSE * better.std() / np.sqrt(better.size)),
    )


def _fitted(lessons: Lessons, random_state: int) -> tuple[BoostedTrees, BoostedTrees]:
    """The two learners."""
    actual, expected = np.maximum(lessons.actual, 0.0), lessons.expected
    ratio = np.minimum(actual / expected, LARGEST_RATIO)
    exposure, even = lessons.shares(expected), np.ones(len(expected))
    return (
        _boosted(lessons.rows, lessons.shares(ratio, expected), exposure, random_state),
        _boosted(lessons.rows, lessons.shares(actual), even, random_state),
    )


def _boosted(rows: Floats, outcome: Floats, weights: Floats, random_state: int) -> BoostedTrees:
    boosting = HistGradientBoostingRegressor(
        loss="poisson",
        learning_rate=0.05,
        max_iter=N_ITERATIONS,
        max_leaf_nodes=8,
        min_samples_leaf=max(20, len(rows) // 200),
        early_stopping=False,
        random_state=random_state,
    )
    bins = Bins.of(rows, weights)
    return trees_of(boosting.fit(bins.numbers(rows), outcome, weights), bins)


def _corrected(lessons: Lessons, ratio: Floats, spend: Floats, largest: float) -> Floats:
    """The corrections at each origin, by the blend of its customers."""
    found = np.ones(len(ratio))
    for number in np.unique(lessons.origin):
        here = lessons.origin == number
        parts = lessons.expected[here], ratio[here], spend[here]
        found[here] = Blend.of(*parts, largest).correction(*parts)
    return found


def _as_shares(lessons: Lessons, correction: Floats) -> tuple[Floats, Floats]:
    """Outcomes and predictions relative to their means at the origin: who, not how much."""
    return lessons.shares(lessons.actual), lessons.shares(lessons.expected * correction)


def _squared_error(lessons: Lessons, correction: Floats) -> float:
    """The mean over the origins of the squared error, relative to that of the structure's mean prediction."""
    actual, predicted = _as_shares(lessons, correction)
    squares = np.bincount(lessons.origin, (actual - predicted) ** 2)
    spread = np.bincount(lessons.origin, (actual - lessons.shares(lessons.expected)) ** 2)
    used = spread > 0
    return float(np.mean(squares[used] / spread[used])) if used.any() else 1.0


def _deviances(lessons: Lessons, correction: Floats) -> Floats:
    """The Poisson deviance of each row."""
    actual, predicted = _as_shares(lessons, correction)
    actual = np.maximum(actual, 0.0)
    logs = np.where(actual > 0, actual * np.log(np.where(actual > 0, actual, 1.0) / predicted), 0.0)
    return 2 * (logs - (actual - predicted))
