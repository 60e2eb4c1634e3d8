"""Actual values and predictions aligned by customer, or refused.

Every metric starts here, so that none is computed from misaligned rows.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.errors import InputError

FloatArray = NDArray[np.float64]


def aligned(actual: pd.Series, predicted: pd.Series) -> tuple[FloatArray, FloatArray]:
    """Both as float64 arrays, in the order of ``actual``.

    Parameters
    ----------
    actual, predicted : pandas.Series
        One number per customer; the same customers in both, in any order.

    Raises
    ------
    InputError
        If one is not a Series or is empty, a customer is duplicated, the two differ in their
        customers, or a value is missing or infinite.
    """
    label = _label(predicted)
    truth = _values("the actual values", actual)
    forecast = _values(label, predicted)
    if actual.index.equals(predicted.index):
        return truth, forecast
    places = predicted.index.get_indexer(actual.index)
    if (places < 0).any() or len(actual) != len(predicted):
        _refuse_difference(actual.index, predicted.index, label)
    return truth, forecast[places]


def require_revenue(actual: FloatArray) -> float:
    """The total of the actual values, the denominator of shares and bias; NaN if losses exceed gains.

    Raises
    ------
    InputError
        If all values are zero: there is nothing to compare with.
    """
    if not actual.any():
        raise InputError(
            f"the actual values of {len(actual)} customers sum to 0: there is no revenue in the"
            " holdout to compare with. Choose an earlier calibration_end or a later observation_end, or"
            " customers who bought."
        )
    total = float(actual.sum())
    return total if total > 0 else float("nan")


def check_probabilities(outcomes: FloatArray, probabilities: FloatArray) -> None:
    """Raise InputError unless outcomes are 0 or 1 and probabilities within [0, 1]."""
    if not np.isin(outcomes, (0.0, 1.0)).all():
        raise InputError(
            "probabilities are evaluated against outcomes of 0 or 1 (such as purchases > 0); other values"
            " were given."
        )
    outside = (probabilities < 0) | (probabilities > 1)
    if outside.any():
        raise InputError(
            f"{outside.sum()} of {len(outside)} probabilities are outside [0, 1]; the first is"
            f" {probabilities[int(np.argmax(outside))]:g}."
        )


def _label(predicted: pd.Series) -> str:
    name = getattr(predicted, "name", None)
    return "the predictions" if name is None else f"the predictions of {name!r}"


def _values(label: str, values: pd.Series) -> FloatArray:
    if not isinstance(values, pd.Series):
        raise InputError(f"{label} must be a pandas Series by customer, not {type(values).__name__}.")
    if values.empty:
        raise InputError(f"{label} are empty: there are no customers to evaluate.")
    if values.index.has_duplicates:
        twice = values.index[values.index.duplicated()][0]
        raise InputError(f"{label} have duplicated customer ids ({twice!r}); give one value per customer.")
    try:
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise InputError(f"{label} must be numeric, not {values.dtype}; convert them to float.") from None
    bad = ~np.isfinite(numbers)
    if bad.any():
        raise InputError(
            f"{label} are missing or infinite for {bad.sum()} of {len(values)} customers; the first is"
            f" {values.index[int(np.argmax(bad))]!r}."
        )
    return numbers


def _refuse_difference(actual: pd.Index, predicted: pd.Index, label: str) -> None:
    lacking, extra = actual.difference(predicted, sort=False), predicted.difference(actual, sort=False)
    found = [
        f"{len(ids)} customers are {where}, the first is {ids[0]!r}"
        for ids, where in ((lacking, "only in the actual values"), (extra, "only in the predictions"))
        if len(ids)
    ]
    raise InputError(f"{label} are not for the same customers as the actual values: {'; '.join(found)}.")
