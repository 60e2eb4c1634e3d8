"""The trial of a challenger against the champion of its registered model, on one holdout.

**Fairness.** Neither of the two may have seen the holdout. The challenger is judged as it was fitted to the
calibration period. The champion is judged as it is served if its data end no later than the calibration
period; otherwise its specification (the same class and parameters) is fitted to the calibration period
too. Two models with the same specification then have equal scores: a tie, which keeps the champion until it
is past its warranty (the end of its data plus the length of the holdout that it was validated on).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd

from clvml.customers._split import Split
from clvml.customers._time_units import convert_time_unit, time_unit_of
from clvml.errors import ClvmlError, FitError, FitWarning
from clvml.evaluation._abilities import abilities_of
from clvml.evaluation._model_comparison import fit_model, with_terms
from clvml.evaluation._promotion import Promotion, decide_promotion
from clvml.lifetime_value._protocol import SupportsEarlierSplit, ValueModel
from clvml.tracking._records import parameters_of

AS_SERVED = "as served"
REFITTED = "its specification fitted to the calibration period"
SAME = "the same specification"
_TERMS = ("horizon", "annual_discount_rate", "margin")


@dataclass(frozen=True, eq=False)
class Trial:
    """The evidence by which a challenger is judged.

    Attributes
    ----------
    split : Split
        The latest holdout, and the calibration period before it.
    model : ValueModel
        The challenger, fitted to the calibration period.
    predicted : pandas.Series
        Its prediction for the holdout: undiscounted, with a margin of 1.
    fingerprint : dict
        Of the source of the purchases (see `clvml.customers.fingerprint`).
    purpose, max_bias, needs : optional
        Of the rule, as in `clvml.decide`.
    """

    split: Split
    model: ValueModel
    predicted: pd.Series
    fingerprint: Mapping[str, Any]
    purpose: str | Mapping[str, float] = "valuation"
    max_bias: float | None = None
    needs: tuple[str, ...] = field(default=())

    @property
    def observed_until(self) -> str:
        """The last day of the data, ISO."""
        return f"{self.split.observation_end:%Y-%m-%d}"

    @property
    def warranty_until(self) -> str:
        """The day until which the length of the holdout validates predictions from the end of the data."""
        end = pd.Timestamp(self.split.observation_end)
        return f"{end + (end - pd.Timestamp(self.split.calibration_end)):%Y-%m-%d}"

    @property
    def holdout(self) -> str:
        """The customers and the period, in words."""
        first = pd.Timestamp(self.split.calibration_end) + pd.Timedelta(days=1)
        return f"{len(self.split.holdout):,} customers, {first:%Y-%m-%d} to {self.observed_until}"


class Judgement(NamedTuple):
    """What a trial found.

    Attributes
    ----------
    promote : bool
    reason : str
    incumbent : str
        How the champion was judged; empty if it could not be.
    decision : Promotion or None
        With the difference of the scores; None if it could not be judged.
    """

    promote: bool
    reason: str
    incumbent: str = ""
    decision: Promotion | None = None


def judge(
    trial: Trial, load_incumbent: Callable[[], Any], fitted_until: str = "", warranty_until: str = ""
) -> Judgement:
    """Whether the challenger replaces the champion; an incumbent that cannot be judged stays.

    Parameters
    ----------
    trial : Trial
    load_incumbent : callable
        Loads the champion.
    fitted_until, warranty_until : str
        The end of its data and of its warranty, ISO dates; empty if unknown.
    """
    try:
        model = load_incumbent()
        predicted, how = incumbent_prediction(trial, model, fitted_until)
        needs = {"challenger": _abilities(trial, trial.model), "incumbent": _abilities(trial, model)}
        decision = decide_promotion(
            trial.split.holdout[_outcome(trial)],
            trial.predicted,
            predicted,
            newer_on_tie=past_warranty(trial, warranty_until),
            purpose=trial.purpose,
            max_bias=trial.max_bias,
            needs=trial.needs,
            abilities=needs,
        )
    except Exception as error:  # a user-defined model may raise anything
        kind = "" if isinstance(error, ClvmlError) else f"{type(error).__name__}: "
        reason = " ".join(str(error).split()).rstrip(".")
        return Judgement(False, f"the incumbent cannot be judged, so it stays: {kind}{reason}")
    return Judgement(decision.promote, decision.reason, how, decision)


def incumbent_prediction(trial: Trial, model: Any, fitted_until: str = "") -> tuple[pd.Series, str]:
    """The champion's prediction for the holdout, made without knowledge of it, and how it was made.

    Raises
    ------
    ClvmlError
        If it cannot predict these customers, or cannot be fitted to the calibration period.
    """
    calibration, split = trial.split.calibration, trial.split
    if fitted_until and pd.Timestamp(fitted_until) <= pd.Timestamp(split.calibration_end):
        unit = getattr(model, "time_unit_", None) or split.time_unit
        in_its_unit = calibration if unit == split.time_unit else convert_time_unit(calibration, unit)
        horizon = split.duration * time_unit_of(split.time_unit).days / time_unit_of(unit).days
        model.horizon, model.annual_discount_rate, model.margin = horizon, 0.0, 1.0
        return model.predict(in_its_unit, horizon=horizon, annual_discount_rate=0.0), AS_SERVED
    if specification(model) == specification(trial.model):
        return trial.predicted, SAME
    with warnings.catch_warnings():  # of a model that the run did not choose
        warnings.simplefilter("ignore", FitWarning)
        refitted = fit_model(with_terms(model, split.duration, 0.0, 1.0), calibration, _earlier(trial, model))
    if reason := getattr(refitted, "fallback_", ""):
        raise FitError(reason)
    return refitted.predict(calibration), REFITTED


def specification(model: Any) -> dict[str, str]:
    """The classes and constructor arguments of a model, nested ones by dotted names, without its terms."""
    found = parameters_of(model, fitted=False)
    return {name: repr(value) for name, value in found.items() if name not in _TERMS}


def past_warranty(trial: Trial, warranty_until: str) -> str:
    """Why a tie favours the challenger: the data have outlived the champion's warranty; usually empty."""
    if not warranty_until or trial.observed_until <= warranty_until:
        return ""
    return (
        f"the incumbent is past its warranty (it was validated until {warranty_until}, and these data end on"
        f" {trial.observed_until})"
    )


def _earlier(trial: Trial, model: Any) -> Split | None:
    return trial.split.earlier() if isinstance(model, SupportsEarlierSplit) else None


def _outcome(trial: Trial) -> str:
    return "spend" if "spend" in trial.split.holdout else "purchases"


def _abilities(trial: Trial, model: Any) -> frozenset[str]:
    return abilities_of(model, trial.split.calibration, trial.needs)
