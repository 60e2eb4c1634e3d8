"""Why a metric is undefined, in words; empty where it is defined."""

from __future__ import annotations

import numpy as np

from clvml.evaluation._alignment import FloatArray
from clvml.evaluation._losses import outside_tweedie
from clvml.evaluation._ranking import is_constant, oracle_area


def no_revenue(actual: FloatArray, predicted: FloatArray) -> str:  # noqa: ARG001
    """If the actual total is not positive."""
    total = float(actual.sum())
    if total > 0:
        return ""
    return f"the actual values sum to {total:g}, and the metric is relative to a positive total"


def no_order(actual: FloatArray, predicted: FloatArray) -> str:  # noqa: ARG001
    """If all actual values are equal."""
    if not is_constant(actual):
        return ""
    if len(actual) == 1:
        return "there is only one customer, so there is no order to evaluate"
    return (
        f"all {len(actual)} customers have the same actual value, so no order of them is better than another"
    )


def no_gini(actual: FloatArray, predicted: FloatArray) -> str:
    """If all actual values are equal, up to rounding errors of their sum."""
    if reason := no_order(actual, predicted):
        return reason
    return "" if oracle_area(actual) > 0 else "the actual values differ by rounding errors only"


def no_logarithm(actual: FloatArray, predicted: FloatArray) -> str:
    """If an amount is -1 or less."""
    bad = (actual <= -1) | (predicted <= -1)
    if not bad.any():
        return ""
    return (
        f"{bad.sum()} of {len(bad)} customers have an actual or predicted value of -1 or less, where"
        " log(1 + value) does not exist"
    )


def no_deviance(actual: FloatArray, predicted: FloatArray) -> str:
    """If a deviance is infinite, or an amount negative."""
    negative = (actual < 0) | (predicted < 0)
    if negative.any():
        return (
            f"{negative.sum()} of {len(negative)} customers have a negative actual or predicted value,"
            " outside of the Tweedie distribution"
        )
    bad = outside_tweedie(actual, predicted)
    if not bad.any():
        return ""
    return (
        f"the prediction is zero for {bad.sum()} of {len(bad)} customers although they spent, so their"
        " deviance is infinite"
    )


def impossible(outcome: FloatArray, probability: FloatArray) -> str:
    """If something happened that had a probability of zero."""
    bad = np.where(outcome == 1, probability, 1 - probability) == 0
    if not bad.any():
        return ""
    return (
        f"the outcome of {bad.sum()} of {len(bad)} customers had a predicted probability of 0, so the log"
        " score is infinite"
    )


def one_outcome(outcome: FloatArray, probability: FloatArray) -> str:  # noqa: ARG001
    """If all outcomes are the same."""
    if 0 < outcome.sum() < len(outcome):
        return ""
    return f"all {len(outcome)} outcomes are {outcome[0]:g}, so there are no two customers to tell apart"
