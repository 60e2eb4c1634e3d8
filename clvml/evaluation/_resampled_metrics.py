"""Metrics of a block of resamples, by draw; each equals its metric of the resampled rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from clvml.evaluation._alignment import FloatArray
from clvml.evaluation._losses import forecast
from clvml.evaluation._ranking import ROUNDING, n_top
from clvml.evaluation._resampled import Loss, Resampled, area, where_positive


def mean_loss(loss: Loss, finish: Callable[[FloatArray], FloatArray], sample: Resampled) -> FloatArray:
    """A function of the mean of a loss."""
    return finish(sample.means[loss])


def total(sample: Resampled) -> FloatArray:
    """Predicted total."""
    return sample.means[forecast] * sample.actual.n


def bias(sample: Resampled) -> FloatArray:
    """Bias of the total in percent."""
    return 100 * (where_positive(sample.actual.total, total(sample)) - 1)


def spearman(sample: Resampled) -> FloatArray:
    """Spearman's rank correlation."""
    of_actual, of_predicted = sample.actual.ranks.spread, sample.ranks.spread
    varies = (of_predicted > 0).astype(np.float64)
    root = np.sqrt(of_actual) * np.sqrt(np.where(of_predicted > 0, of_predicted, 1.0))
    return where_positive(root, sample.rank_product * varies, scale=12.0)


def gini(sample: Resampled) -> FloatArray:
    """Normalised Gini."""
    best = sample.actual.best_area
    best = np.where(best > ROUNDING * sample.actual.size, best, 0.0)
    return where_positive(best, np.where(sample.ranks.spread > 0, area(sample.rank_sum, sample.actual), 0.0))


def top_share(share: float, sample: Resampled) -> FloatArray:
    """Share of the actual total of the customers with the highest predictions."""
    return where_positive(sample.actual.total, sample.top(share))


def lift(share: float, sample: Resampled) -> FloatArray:
    """Mean of the actual values of the customers with the highest predictions, over that of all."""
    n = sample.actual.n
    chosen = np.array([n_top(int(customers), share) for customers in n], dtype=np.float64)
    return top_share(share, sample) * where_positive(chosen, n)


def auc(sample: Resampled) -> FloatArray:
    """Area under the ROC curve (Mann-Whitney)."""
    positive = sample.actual.total
    above = sample.rank_sum - positive**2 / 2
    return where_positive(positive * (sample.actual.n - positive), above)
