"""Losses per customer, whose means are metrics; NaN for a customer for whom a loss is undefined."""

from __future__ import annotations

import numpy as np

from clvml.evaluation._alignment import FloatArray


def forecast(actual: FloatArray, predicted: FloatArray) -> FloatArray:  # noqa: ARG001
    """The prediction itself, whose sum is the total."""
    return predicted


def error(actual: FloatArray, predicted: FloatArray) -> FloatArray:
    """``f - y``."""
    return predicted - actual


def absolute_error(actual: FloatArray, predicted: FloatArray) -> FloatArray:
    """``|f - y|``."""
    return np.abs(predicted - actual)


def squared_error(actual: FloatArray, predicted: FloatArray) -> FloatArray:
    """``(f - y)^2``."""
    return (predicted - actual) ** 2


def squared_log_error(actual: FloatArray, predicted: FloatArray) -> FloatArray:
    """``(log(1 + f) - log(1 + y))^2``; NaN where an amount is -1 or less."""
    defined = (actual > -1) & (predicted > -1)
    logs = [
        np.log1p(values, out=np.full(len(values), np.nan), where=defined) for values in (predicted, actual)
    ]
    return (logs[0] - logs[1]) ** 2


def tweedie_deviance(actual: FloatArray, predicted: FloatArray) -> FloatArray:
    """Unit deviance of a Tweedie distribution with power 1.5: ``4 (sqrt(y) - sqrt(f))^2 / sqrt(f)``.

    The general form, ``2 (y^(2-p) / ((1-p)(2-p)) - y f^(1-p) / (1-p) + f^(2-p) / (2-p))`` (Jorgensen 1987,
    "Exponential dispersion models"), factorises at p = 1.5, without cancellation. A prediction of zero has
    deviance zero for a customer who spent nothing, and an infinite one (here NaN) for a customer who spent;
    negative amounts are outside the distribution (NaN).
    """
    root = np.sqrt(np.maximum(predicted, 0.0))
    deviance = 4 * (np.sqrt(np.maximum(actual, 0.0)) - root) ** 2
    deviance = np.divide(deviance, root, out=np.zeros(len(root)), where=root > 0)
    return np.where(outside_tweedie(actual, predicted), np.nan, deviance)


def outside_tweedie(actual: FloatArray, predicted: FloatArray) -> FloatArray:
    """Customers whose Tweedie deviance is infinite or undefined."""
    return (actual < 0) | (predicted < 0) | ((predicted == 0) & (actual > 0))


def squared_probability_error(outcome: FloatArray, probability: FloatArray) -> FloatArray:
    """``(p - y)^2`` for an outcome of 0 or 1 (Brier 1950)."""
    return (probability - outcome) ** 2


def surprise(outcome: FloatArray, probability: FloatArray) -> FloatArray:
    """``-log`` of the probability given to what happened (Good 1952); NaN where that is zero."""
    given = np.where(outcome == 1, probability, 1 - probability)
    return -np.log(given, out=np.full(len(given), np.nan), where=given > 0)
