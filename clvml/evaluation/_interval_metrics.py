"""Coverage, width and score of prediction intervals.

``bounds`` has three columns: lower, upper, and the nominal coverage (NaN if not given).
"""

from __future__ import annotations

import numpy as np

from clvml.evaluation._alignment import FloatArray


def coverage(actual: FloatArray, bounds: FloatArray) -> float:
    """Share of the actual values within their intervals, ends included."""
    return float(np.mean((bounds[:, 0] <= actual) & (actual <= bounds[:, 1])))


def coverage_error(actual: FloatArray, bounds: FloatArray) -> float:
    """Observed less nominal coverage."""
    return coverage(actual, bounds) - float(bounds[0, 2])


def width(actual: FloatArray, bounds: FloatArray) -> float:  # noqa: ARG001
    """Mean width."""
    return float(np.mean(bounds[:, 1] - bounds[:, 0]))


def interval_score(actual: FloatArray, bounds: FloatArray) -> float:
    """Interval score (Winkler 1972; Gneiting and Raftery 2007, eq. 43); proper, lower is better."""
    missed = np.maximum(bounds[:, 0] - actual, 0) + np.maximum(actual - bounds[:, 1], 0)
    return width(actual, bounds) + float(np.mean(missed)) * 2 / (1 - float(bounds[0, 2]))


def no_nominal(actual: FloatArray, bounds: FloatArray) -> str:  # noqa: ARG001
    """The reason if the nominal coverage is not a number between 0 and 1."""
    nominal = float(bounds[0, 2])
    if 0 < nominal < 1:
        return ""
    return (
        f"the nominal coverage of the intervals is {nominal:g}; it must be above 0 and below 1. Set"
        ' intervals.attrs["coverage"], as predict_interval does'
    )
