"""What a structural prediction misses, learnt by gradient boosting with the prediction as exposure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from clvml.lifetime_value.learned._bins import Bins
from clvml.lifetime_value.learned._features import in_canonical_order
from clvml.lifetime_value.learned._threads import one_openmp_thread
from clvml.lifetime_value.learned._trees import BoostedTrees, trees_of

Floats = NDArray[np.float64]

MOST_ROWS = 100_000  # learnt from: more rows change the ratios by less than their noise
LARGEST_RATIO = 30.0
LARGEST_CORRECTION = 1.5  # more adds to the squared error of the best customers, and hardly changes ranks
N_FOLDS = 4
STEPS = (20, 40, 70, 110, 150)  # iterations that compete out of fold
WEIGHTS = (0.25, 0.5, 0.75)  # of the learnt ratio; the structure keeps a part of each prediction


class LearnedRatio(NamedTuple):
    """What was learnt, and how it did on customers that it did not see.

    Attributes
    ----------
    trees : BoostedTrees
        Their raw prediction is the logarithm of the ratio.
    level : float
        The mean ratio, weighted by the structural prediction.
    weight : float
        Of the learnt ratio; 0 if no correction is better out of fold.
    used : ndarray of int64
        Positions of the rows that it was learnt from.
    out_of_fold : ndarray
        The blended ratio of each of these, by trees fitted to the other folds.
    gain : float
        Reduction of the Poisson deviance out of fold, as a share of it.
    """

    trees: BoostedTrees
    level: float
    weight: float
    used: NDArray[np.int64]
    out_of_fold: Floats
    gain: float


@one_openmp_thread
def learn_ratio(rows: Floats, actual: Floats, expected: Floats, random_state: int) -> LearnedRatio:
    """Learn ``actual / expected`` from features.

    The number of iterations and the weight of the correction are those with the lowest Poisson deviance out
    of fold. The result depends neither on the order of rows nor on the number of threads.

    Parameters
    ----------
    rows : ndarray, shape (n_rows, n_features)
    actual, expected : ndarray, shape (n_rows,)
        Outcomes and structural predictions; rows without a positive expectation teach nothing.
    random_state : int
        Of the folds and of the boosting.
    """
    order = in_canonical_order(*rows.T, actual)
    order = order[expected[order] > 0]
    used = order[:: -(-order.size // MOST_ROWS)]
    ratio = np.minimum(np.maximum(actual[used], 0.0) / expected[used], LARGEST_RATIO)
    steps = _out_of_fold(rows[used], ratio, expected[used], random_state)
    candidates = [(n, weight) for n in range(len(STEPS)) for weight in WEIGHTS]
    levels = [float(np.average(learnt, weights=expected[used])) for learnt in steps]
    blends = [blended(steps[n], weight, levels[n]) for n, weight in candidates]
    plain = poisson_deviance(ratio, np.ones(used.size), expected[used])
    deviances = np.array([poisson_deviance(ratio, blend, expected[used]) for blend in blends])
    errors = np.array([_squared_error(ratio, blend, expected[used]) for blend in blends])
    allowed = errors <= _squared_error(ratio, np.ones(used.size), expected[used])
    allowed |= np.array([weight == WEIGHTS[0] for _, weight in candidates])
    best = int(np.argmin(np.where(allowed, deviances, np.inf)))
    number, weight = candidates[best]
    bins = Bins.of(rows[used], expected[used])
    boosting = _boosting(used.size, STEPS[number], random_state)
    boosting.fit(bins.numbers(rows[used]), ratio, expected[used])
    trees = trees_of(boosting, bins)
    level = float(np.average(np.exp(trees.raw(rows[used])), weights=expected[used]))
    gain = 1 - deviances[best] / plain if plain > 0 else 0.0
    if gain <= 0:
        return LearnedRatio(trees, level, 0.0, used, np.ones(used.size), 0.0)
    return LearnedRatio(trees, level, weight, used, blends[best], gain)


def _boosting(n_rows: int, n_iterations: int, random_state: int) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        loss="poisson",
        learning_rate=0.05,
        max_iter=n_iterations,
        max_leaf_nodes=8,
        min_samples_leaf=max(20, n_rows // 200),
        early_stopping=False,
        random_state=random_state,
    )


def _out_of_fold(rows: Floats, ratio: Floats, expected: Floats, random_state: int) -> list[Floats]:
    """The ratio after each of `STEPS`, predicted by trees fitted to the other folds."""
    fold = np.random.default_rng(random_state).permutation(len(rows)) % N_FOLDS
    found = np.ones((len(STEPS), len(rows)))
    for k in range(N_FOLDS):
        inside, outside = fold != k, fold == k
        bins = Bins.of(rows[inside], expected[inside])
        boosting = _boosting(inside.sum(), STEPS[-1], random_state)
        boosting.fit(bins.numbers(rows[inside]), ratio[inside], expected[inside])
        for number, predicted in enumerate(boosting.staged_predict(bins.numbers(rows[outside])), 1):
            if number in STEPS:
                found[STEPS.index(number), outside] = predicted
    return list(found)


def blended(learnt: Floats, weight: float, level: float) -> Floats:
    """The mean of the learnt ratio, relative to its level, and of 1; at most `LARGEST_CORRECTION`."""
    return np.minimum(weight * learnt / level + 1 - weight, LARGEST_CORRECTION)


def poisson_deviance(ratio: Floats, predicted: Floats, exposure: Floats) -> float:
    """The Poisson deviance per row of predicted ratios, scaled to the total: it judges who, not how much."""
    mean = predicted * np.average(ratio, weights=exposure) / np.average(predicted, weights=exposure)
    logs = np.where(ratio > 0, ratio * np.log(np.where(ratio > 0, ratio, 1.0) / np.maximum(mean, 1e-12)), 0.0)
    return float(2 * np.mean(exposure * (logs - (ratio - mean))))


def _squared_error(ratio: Floats, predicted: Floats, exposure: Floats) -> float:
    """The mean squared error of predicted outcomes, scaled to the total."""
    mean = predicted * np.average(ratio, weights=exposure) / np.average(predicted, weights=exposure)
    return float(np.mean((exposure * (ratio - mean)) ** 2))


def spend_deviances(actual: Floats, expected: Floats) -> Floats:
    """The Poisson deviance of the spend of each customer; negative spend counts as none."""
    actual, expected = np.maximum(actual, 0.0), np.maximum(expected, 1e-9 * expected.max())
    logs = np.where(actual > 0, actual * np.log(np.where(actual > 0, actual, 1.0) / expected), 0.0)
    return 2 * (logs - (actual - expected))
