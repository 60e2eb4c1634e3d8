"""Fit every contender to the calibration period and evaluate it on the holdout.

The actual values are the revenue of the holdout, so each model predicts over the duration of the holdout,
undiscounted and with a margin of 1. A contender that fails is left out with the reason, and does not stop the
comparison of the others.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd
from sklearn.base import clone

from clvml.customers._split import Split
from clvml.errors import ClvmlError, FitError, InputError
from clvml.evaluation._alignment import aligned, require_revenue
from clvml.evaluation._champion import Champion, choose_champion
from clvml.evaluation._comparison import UNKNOWN_FAMILY, compare
from clvml.lifetime_value._priced import at_price
from clvml.lifetime_value._protocol import ValueModel

log = logging.getLogger("clvml")

BASELINE = "baseline"
ACTUAL = {"value": "spend", "purchases": "purchases"}  # the column of the holdout by what is compared
_ROUNDING = 1e-9  # relative to the largest prediction: smaller negative amounts are rounding errors


@dataclass(frozen=True, eq=False)
class ModelComparison:
    """Models fitted to the calibration period and evaluated on the holdout, by name.

    Attributes
    ----------
    models : dict of str to ValueModel
        Fitted to the calibration period; only those with valid predictions.
    families : dict of str to str
        "probabilistic", "formula", "baseline" or any other family given.
    actual : pandas.Series
        Revenue per customer in the holdout.
    predictions : pandas.DataFrame
        One row per customer, one column per model: revenue over the holdout.
    table : pandas.DataFrame
        One row per model, as returned by `clvml.evaluation.compare`.
    champion : Champion
        The name of the best model, the rule that chose it, and the ranks.
    left_out : dict of str to str
        Models that could not be fitted or whose predictions are invalid, with the reason.
    """

    models: dict[str, ValueModel]
    families: dict[str, str]
    actual: pd.Series
    predictions: pd.DataFrame
    table: pd.DataFrame
    champion: Champion
    left_out: dict[str, str]

    def __repr__(self) -> str:
        left_out = f", {len(self.left_out)} left out" if self.left_out else ""
        return f"ModelComparison({len(self.models)} models{left_out}; champion: {self.champion.name})"

    def _repr_html_(self) -> str:
        return f"<p>Champion: {self.champion.name}</p>{self.table.to_html()}"


def compare_models(
    models: Mapping[str, ValueModel],
    split: Split,
    *,
    families: Mapping[str, str] | None = None,
    eligible: Iterable[str] | None = None,
    of: Literal["value", "purchases"] = "value",
) -> ModelComparison:
    """Fit clones of the models to the calibration period and compare their predictions with the holdout.

    Parameters
    ----------
    models : mapping of str to ValueModel
        By name; fitted or not, they are not modified. Any object with the members of
        `clvml.lifetime_value.ValueModel` is accepted.
    split : Split
        From `clvml.split`.
    families : mapping of str to str, optional
        By name: "probabilistic", "formula" or "baseline"; baselines are compared but cannot win.
    eligible : iterable of str, optional
        The models that may win; by default all except baselines. If none of them can be fitted, all others
        except baselines are eligible.
    of : {"value", "purchases"}, default "value"
        What is predicted: the spend of each customer in the holdout, or the number of purchases, by the
        models at a price of 1 (see `clvml.lifetime_value.at_price`), for purchases without amounts.

    Returns
    -------
    ModelComparison
        With ``predictions, table, champion, left_out`` and the fitted ``models``.

    Raises
    ------
    InputError
        If there are no models, the holdout has no revenue, or a name in ``families`` or ``eligible`` is
        unknown.
    FitError
        If no model besides baselines can be fitted.

    Examples
    --------
    >>> import clvml
    >>> split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")
    >>> clvml.compare_models(
    ...     {"historic": clvml.HistoricValue(39), "repeat rate": clvml.RepeatRateValue(39)}, split
    ... )
    ModelComparison(2 models; champion: repeat rate)
    """
    families = dict(families or {})
    eligible = None if eligible is None else list(eligible)
    _check_names(models, families, eligible)
    actual = _actual(split, of)
    require_revenue(actual.to_numpy(dtype=float))
    if of == "purchases":
        models = {name: at_price(model) for name, model in models.items()}
    fitted, predictions, left_out = _fit_and_predict(models, split, actual)
    able = [name for name in predictions if families.get(name) != BASELINE]
    if not able:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise FitError(
            "no model could be fitted to the calibration period, so there is nothing to compare:"
            f" {reasons or 'only baselines were given'}"
        )
    kept = {name: families.get(name, UNKNOWN_FAMILY) for name in predictions}
    forecasts = pd.DataFrame(predictions)
    table = compare(actual, forecasts, kept)
    winners = able if eligible is None else [name for name in eligible if name in able]
    champion = choose_champion(table, winners or able)
    return ModelComparison(fitted, kept, actual, forecasts, table, champion, left_out)


def _actual(split: Split, of: str) -> pd.Series:
    """The outcome in the holdout that the models predict."""
    if of not in ACTUAL:
        raise InputError(f"of is {of!r}; it must be one of {', '.join(map(repr, ACTUAL))}.")
    if ACTUAL[of] not in split.holdout:
        raise InputError(
            f"the holdout has no {ACTUAL[of]}, because the purchases have no amounts: compare of='purchases',"
            " or give a price with Transactions.at_price before the split."
        )
    return split.holdout[ACTUAL[of]]


def _fit_and_predict(
    models: Mapping[str, ValueModel], split: Split, actual: pd.Series
) -> tuple[dict[str, ValueModel], dict[str, pd.Series], dict[str, str]]:
    fitted: dict[str, ValueModel] = {}
    predictions: dict[str, pd.Series] = {}
    left_out: dict[str, str] = {}
    for name, model in models.items():
        try:
            candidate = with_terms(model, split.duration, 0.0, 1.0).fit(split.calibration)
            predictions[name] = _valid_prediction(name, candidate, split, actual)
            fitted[name] = candidate
        except Exception as error:  # a user-defined model may raise anything
            left_out[name] = _reason(error)
            log.debug("left out of the comparison: %s", name, exc_info=error)
    return fitted, predictions, left_out


def with_terms(
    model: ValueModel, horizon: float | str, annual_discount_rate: float, margin: float
) -> ValueModel:
    """An unfitted copy of a model with this horizon, discount rate and margin."""
    copied: ValueModel = clone(model, safe=False)
    copied.horizon, copied.annual_discount_rate, copied.margin = horizon, annual_discount_rate, margin
    return copied


def _valid_prediction(name: str, model: ValueModel, split: Split, actual: pd.Series) -> pd.Series:
    predicted = model.predict(split.calibration)
    named = predicted.rename(name) if isinstance(predicted, pd.Series) else predicted
    _, values = aligned(actual, named)
    negative = values < -_ROUNDING * abs(values).max()
    if negative.any() and not _has_losses(split):
        first = split.calibration.index[int(negative.argmax())]
        raise InputError(
            f"predicted revenue is negative for {negative.sum()} of {len(values)} customers; the first is"
            f" {first!r}: {values[int(negative.argmax())]:g}."
        )
    return pd.Series(values, split.calibration.index, name=name)


def _has_losses(split: Split) -> bool:
    """Whether anybody brought negative money, so that a model may predict it."""
    brought = split.calibration.filter(["monetary_value", "total_spend"]).join(
        split.holdout.filter(["spend"])
    )
    return bool((brought < 0).any(axis=None))


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, ClvmlError) and text else f"{type(error).__name__}: {text}".rstrip(": ")


def _check_names(
    models: Mapping[str, ValueModel], families: Mapping[str, str], eligible: Iterable[str] | None
) -> None:
    if not models:
        raise InputError("there are no models to compare; give at least one, by name.")
    for what, names in (("a family is given for", families), ("eligible names", eligible or ())):
        unknown = [name for name in names if name not in models]
        if unknown:
            raise InputError(f"{what} {unknown[0]!r}, which is not among the models: {', '.join(models)}.")
