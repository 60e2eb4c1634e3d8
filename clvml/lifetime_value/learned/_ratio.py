"""Deviances of spend, and the correction of models that were saved by releases that learnt a ratio only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LARGEST_CORRECTION = 1.5  # of models of earlier releases


def blended(learnt: Floats, weight: float, level: float) -> Floats:
    """The mean of the learnt ratio, relative to its level, and of 1; at most `LARGEST_CORRECTION`."""
    return np.minimum(weight * learnt / level + 1 - weight, LARGEST_CORRECTION)


def poisson_deviance(ratio: Floats, predicted: Floats, exposure: Floats) -> float:
    """The Poisson deviance per row of predicted ratios, scaled to the total: it judges who, not how much."""
    mean = predicted * np.average(ratio, weights=exposure) / np.average(predicted, weights=exposure)
    logs = np.where(ratio > 0, ratio * np.log(np.where(ratio > 0, ratio, 1.0) / np.maximum(mean, 1e-12)), 0.0)
    return float(2 * np.mean(exposure * (logs - (ratio - mean))))


def spend_deviances(actual: Floats, expected: Floats) -> Floats:
    """The Poisson deviance of the spend of each customer; negative spend counts as none."""
    actual, expected = np.maximum(actual, 0.0), np.maximum(expected, 1e-9 * expected.max())
    logs = np.where(actual > 0, actual * np.log(np.where(actual > 0, actual, 1.0) / expected), 0.0)
    return 2 * (logs - (actual - expected))
