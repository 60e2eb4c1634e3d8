"""Metrics of a block of resamples, by draw; each equals its metric of the resampled rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from clvml.evaluation._alignment import FloatArray
from clvml.evaluation._losses import error, forecast
from clvml.evaluation._ranking import ROUNDING, n_top
from clvml.evaluation._resampled import Loss, Resampled, where_positive


def mean_loss(loss: Loss, finish: Callable[[FloatArray], FloatArray], sample: Resampled) -> FloatArray:
    """A function of the mean of a loss."""
    return finish(sample.means[loss])


def total(sample: Resampled) -> FloatArray:
    """Predicted total."""
    return sample.means[forecast] * sample.n


def bias(sample: Resampled) -> FloatArray:
    """Bias of the total in percent."""
    return where_positive(sample.total, sample.means[error] * sample.n, scale=100.0)


def spearman(sample: Resampled) -> FloatArray:
    """Spearman's rank correlation."""
    ranks = sample.ranks
    root = np.sqrt(ranks.actual_spread) * np.sqrt(np.where(ranks.spread > 0, ranks.spread, 1.0))
    return where_positive(root, ranks.product)


def gini(sample: Resampled) -> FloatArray:
    """Normalised Gini: an area is the sum of actual value and doubled rank, over ``n``."""
    best = sample.ranks.best_value
    best = np.where(best > ROUNDING * sample.size * sample.n, best, 0.0)
    return where_positive(best, sample.ranks.value)


def top_share(share: float, sample: Resampled) -> FloatArray:
    """Share of the actual total of the customers with the highest predictions."""
    return where_positive(sample.total, sample.top[share])


def lift(share: float, sample: Resampled) -> FloatArray:
    """Mean of the actual values of the customers with the highest predictions, over that of all."""
    chosen = np.array([n_top(int(customers), share) for customers in sample.n], dtype=np.float64)
    return top_share(share, sample) * where_positive(chosen, sample.n)


def auc(sample: Resampled) -> FloatArray:
    """Area under the ROC curve (Mann and Whitney 1947)."""
    positive, negative = sample.total, sample.n - sample.total
    return where_positive(positive * negative, sample.ranks.value, scale=0.5) + 0.5
