"""Is a challenger better on the later purchases? By the rule of the comparison: ties keep the incumbent.

Neither may have seen what it is judged on. So the new data are divided in the middle: a refit of the model to
the data until then, and the model as it is, predict the second half from the histories until then. A
registered challenger is judged like that too: as it is if its data end by then, otherwise as fitted to them.
"""

from __future__ import annotations

import copy
import math
from typing import Any, NamedTuple

import pandas as pd

from clvml.customers._fingerprint import fingerprint
from clvml.customers._split import Split, split
from clvml.errors import ClvmlError
from clvml.lifetime_value._total_calibration import undiscounted
from clvml.monitoring._parameters import refitted
from clvml.monitoring._period import FEWEST, Period
from clvml.scoring._card import ModelCard
from clvml.tracking._trial import Trial, incumbent_prediction, judge

REFIT, REGISTERED = "a refit", "the registered challenger"


class Contest(NamedTuple):
    """A challenger against the model.

    Attributes
    ----------
    challenger : str
    better : bool
        Whether the rule replaces the model by it.
    difference, lower, upper : float
        Of their scores, challenger less model; NaN if they could not be judged.
    sentence : str
        In words, without a full stop.
    advice : str
    """

    challenger: str
    better: bool
    difference: float
    lower: float
    upper: float
    sentence: str
    advice: str


def contests(
    period: Period, challenger: Any = None, challenger_card: ModelCard | None = None
) -> list[Contest]:
    """The refit, and the registered challenger if there is one, against the model."""
    try:
        half = _second_half(period)
    except ClvmlError as error:
        return [_not_judged(REFIT, str(error).rstrip("."))]
    if half.duration < 1 or len(half.calibration) < FEWEST:
        return [_not_judged(REFIT, "too little time has passed to judge it on the second half of it")]
    found = [_against_refit(period, half)]
    if challenger is not None:
        found.append(_against_registered(period, half, challenger, challenger_card or ModelCard()))
    return found


def _second_half(period: Period) -> Split:
    start, end = (pd.Timestamp(each) for each in (period.split.calibration_end, period.split.observation_end))
    middle = (start + (end - start) / 2).normalize()
    return split(period.transactions, middle, end, period.time_unit, period.split.collapse)


def _against_refit(period: Period, half: Split) -> Contest:
    fitted, reason = refitted(period.model, half.calibration)
    if fitted is None:
        return _not_judged(REFIT, reason)
    predicted = undiscounted(fitted).predict(half.calibration, half.duration, 0.0)
    return _contest(period, half, REFIT, fitted, predicted)


def _against_registered(period: Period, half: Split, model: Any, card: ModelCard) -> Contest:
    trial = Trial(half, copy.copy(period.model), pd.Series(dtype=float), fingerprint(period.transactions))
    try:
        predicted, how = incumbent_prediction(trial, copy.copy(model), card.observed_until or "")
    except (ClvmlError, TypeError, ValueError) as error:
        return _not_judged(REGISTERED, " ".join(str(error).split()).rstrip("."))
    if predicted.empty:  # the same specification: what the refit is
        return _not_judged(REGISTERED, "its specification is the model's, and the refit above stands for it")
    return _contest(period, half, f"{REGISTERED} ({how})", model, predicted)


def _contest(period: Period, half: Split, name: str, model: Any, predicted: pd.Series) -> Contest:
    trial = Trial(half, model, predicted, fingerprint(period.transactions))
    found = judge(trial, lambda: copy.copy(period.model), str(period.card.observed_until))
    decision = found.decision
    numbers = (math.nan,) * 3 if decision is None else (decision.difference, decision.lower, decision.upper)
    sentence = f"{name} on {trial.holdout}: {found.reason}"
    advice = "train it on the data until now with 'clvml run', which promotes it by the same rule"
    return Contest(name, found.promote, *numbers, sentence, advice if found.promote else "")


def _not_judged(name: str, reason: str) -> Contest:
    return Contest(name, False, math.nan, math.nan, math.nan, f"{name} was not judged: {reason}", "")
