"""What the errors of totals at earlier origins say of the next one.

The log error of a total has mean zero and a variance that is the model's own plus that of chance. The model's
variance has a scaled inverse chi-squared prior, learnt over logs (experiments/total_intervals), so that one
origin widens an interval and several narrow it; the predictive distribution is Student's t. Overlapping
holdouts count as many as fit side by side into the time that they cover.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.evaluation._model_comparison import ModelComparison
from clvml.evaluation._outcomes import SPEND, actual_outcomes, predicted_outcome
from clvml.lifetime_value._total_calibration import TotalCalibration

# Typical log error of a total, by family of models, and the number of origins that the prior counts as.
TYPICAL_ERROR = {"probabilistic": 0.3, "learned": 0.3, "formula": 0.8, "baseline": 0.8}
ANY_OTHER = 0.5
PRIOR_ORIGINS = 3.0
_GROUPS = 5  # by prediction, of which the dispersion of groups is taken


def total_errors(
    comparisons: Mapping[pd.Timestamp, ModelComparison], model: str, outcome: str = SPEND
) -> pd.DataFrame:
    """Errors of a model's total by origin, where both totals are positive.

    Parameters
    ----------
    comparisons : mapping of Timestamp to ModelComparison
        By origin, over one horizon.
    model : str
    outcome : {"spend", "purchases", "active_customers"}
        What is summed.

    Returns
    -------
    pandas.DataFrame
        Index ``origin``; columns ``predicted, actual``, ``squares`` (squared errors, summed over customers)
        and ``group_squares`` (over fifths of the customers by prediction, relative to the total's error).

    Raises
    ------
    InputError
        If the model is at none of the origins, does not predict the outcome, or no total is positive.
    """
    rows = {
        origin: _errors(*_actual_and_predicted(comparison, model, outcome))
        for origin, comparison in comparisons.items()
        if model in comparison.predictions
    }
    if not rows:
        known = dict.fromkeys(name for each in comparisons.values() for name in each.predictions)
        raise InputError(f"{model!r} is not in the backtest; its models are {', '.join(map(repr, known))}.")
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("origin")
    positive = table[(table[["predicted", "actual"]] > 0).all(axis="columns") & (table["squares"] > 0)]
    if positive.empty:
        raise InputError(
            f"the error of the total of {model!r} is not defined: no origin has a positive predicted and a"
            " positive actual total that differ."
        )
    return positive.sort_index()


def calibrated(
    errors: pd.DataFrame, horizon: float, independent: float, typical_error: float, time_unit: str | None
) -> TotalCalibration:
    """The calibration of totals from errors at several origins.

    Parameters
    ----------
    errors : pandas.DataFrame
        From `total_errors`.
    horizon : float
        Of the holdouts, in time units.
    independent : float
        Number of origins that the overlapping holdouts are worth.
    typical_error : float
        Prior scale of the log error.
    time_unit : str or None

    Raises
    ------
    InputError
        If the prior is not positive.
    """
    if not 0 < typical_error < np.inf:
        raise InputError(f"typical_error is {typical_error!r}; it must be positive and finite, such as 0.3.")
    chance = errors["squares"] / errors["predicted"] ** 2
    squared = np.log(errors["actual"] / errors["predicted"]) ** 2
    of_model = max(float((squared - chance).mean()), 0.0)
    weight = PRIOR_ORIGINS + independent
    variance = (PRIOR_ORIGINS * typical_error**2 + independent * of_model) / weight
    predicted = float(errors["predicted"].sum())
    dispersion = float(errors["squares"].sum()) / predicted
    of_groups = float(errors["group_squares"].sum()) / predicted * _GROUPS / (_GROUPS - 1)
    return TotalCalibration(
        model_error=float(np.sqrt(variance)),
        degrees_of_freedom=weight,
        dispersion=dispersion,
        group_dispersion=max(dispersion, of_groups),
        horizon=float(horizon),
        time_unit=time_unit,
        n_origins=len(errors),
    )


def independent_origins(origins: pd.Index, length: pd.Timedelta) -> float:
    """How many holdouts of this length fit side by side into the time that those of the origins cover.

    Examples
    --------
    >>> independent_origins(pd.to_datetime(["2020-01-01", "2020-01-15"]), pd.Timedelta(days=28))
    1.5
    """
    span = origins.max() - origins.min()
    return min(float(len(origins)), 1.0 + span / length)


def _actual_and_predicted(
    comparison: ModelComparison, model: str, outcome: str
) -> tuple[pd.Series, pd.Series]:
    if outcome == SPEND:
        return comparison.actual, comparison.predictions[model]
    split, fitted = comparison.split, comparison.models.get(model)
    if split is None or fitted is None:  # one that predicts the same as another
        raise InputError(f"the comparison does not hold {outcome.replace('_', ' ')} of {model!r}.")
    predicted = predicted_outcome(fitted, split.calibration, outcome, split.duration)
    return actual_outcomes(split.holdout)[outcome], predicted


def _errors(actual: pd.Series, predicted: pd.Series) -> dict[str, float]:
    total, forecast = float(actual.sum()), float(predicted.sum())
    fifth = pd.qcut(predicted.rank(method="first"), min(_GROUPS, len(predicted)), labels=False)
    ratio = total / forecast if forecast else 0.0
    by_group = (actual - ratio * predicted).groupby(fifth).sum()
    return {
        "predicted": forecast,
        "actual": total,
        "squares": float(((actual - predicted) ** 2).sum()),
        "group_squares": float((by_group**2).sum()),
    }
