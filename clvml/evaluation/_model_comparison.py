"""Fit every contender to the calibration period and evaluate it on the holdout.

The actual values are the revenue of the holdout, so each model predicts over the duration of the holdout,
undiscounted and with a margin of 1. A contender that fails is left out with the reason, and does not stop the
comparison of the others; those with the same predictions are one row.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from clvml.customers._split import Split
from clvml.errors import ClvmlError, FitError, InputError
from clvml.evaluation._abilities import abilities_of, check_needs
from clvml.evaluation._alignment import aligned, require_revenue
from clvml.evaluation._bootstrap import bootstrap_metrics
from clvml.evaluation._comparison import UNKNOWN_FAMILY, compare
from clvml.evaluation._metric_draws import MetricDraws
from clvml.evaluation._observers import announced
from clvml.evaluation._time_limit import check_seconds, run_within
from clvml.evaluation._twins import find_twins
from clvml.evaluation._verdict import Verdict, decide
from clvml.inference._fit_warnings import noted_fit_warnings
from clvml.lifetime_value._priced import at_price
from clvml.lifetime_value._protocol import SupportsEarlierSplit, ValueModel

log = logging.getLogger("clvml")

BASELINE = "baseline"
ACTUAL = {"value": "spend", "purchases": "purchases"}  # the column of the holdout by what is compared
ZERO_REFERENCE = "zero baseline"
_ROUNDING = 1e-9  # relative to the largest prediction: smaller negative amounts are rounding errors


@dataclass(frozen=True, eq=False)
class ModelComparison:
    """Models fitted to the calibration period and evaluated on the holdout, by name.

    Attributes
    ----------
    models : dict of str to ValueModel
        Fitted to the calibration period; only those with valid predictions, and one of those with the same.
    families : dict of str to str
        "probabilistic", "formula", "baseline" or any other family given.
    actual : pandas.Series
        Revenue per customer in the holdout.
    predictions : pandas.DataFrame
        One row per customer, one column per model: revenue over the holdout.
    table : pandas.DataFrame
        One row per model, as returned by `clvml.evaluation.compare`.
    verdict : Verdict
        Who leads, who is within noise of the leader, and which model to serve.
    left_out : dict of str to str
        Models that could not be fitted or whose predictions are invalid, with the reason.
    draws : MetricDraws
        Metrics in resamples of the customers, of the models and of the zero baseline.
    twins : dict of str to tuple of str
        By model, the others with the same predictions up to rounding; only where there are any.
    fit_warnings : dict of str to tuple of str
        By model, what its fit warned of; only where there is any. Raised as `FitWarning` too.
    fallbacks : dict of str to str
        By model, why it falls back to another one; left out, unless it is one of ``keep_fallbacks``.
    split : Split or None
        The calibration period and the holdout.

    See Also
    --------
    clvml.compare_models : Makes it.
    clvml.backtest : The comparison at several origins.
    clvml.plots.comparison, clvml.plots.lift_curve : Draw it.
    clvml.log_comparison : Log it to MLflow.

    Examples
    --------
    >>> import clvml
    >>> split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")
    >>> models = {
    ...     "BG/NBD": clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon=39),
    ...     "repeat rate": clvml.RepeatRateValue(39),
    ... }
    >>> found = clvml.compare_models(models, split, n_draws=100)
    >>> found.champion
    'BG/NBD'
    >>> found.table[["bias_pct", "rmse", "spearman"]].round(2)
                 bias_pct    rmse  spearman
    model
    BG/NBD         -15.56   72.30      0.43
    repeat rate     61.18  200.01      0.48
    >>> found.predictions.loc[[1, 6]].round(1)
                 BG/NBD  repeat rate
    customer_id
    1              30.2         44.9
    6             238.5        518.1
    """

    models: dict[str, ValueModel]
    families: dict[str, str]
    actual: pd.Series
    predictions: pd.DataFrame
    table: pd.DataFrame
    verdict: Verdict
    left_out: dict[str, str]
    draws: MetricDraws
    twins: dict[str, tuple[str, ...]] = field(default_factory=dict)
    fit_warnings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    fallbacks: dict[str, str] = field(default_factory=dict)
    split: Split | None = None

    @property
    def champion(self) -> str:
        """The name of the model to register and serve; `verdict` says whether it leads."""
        return str(self.verdict.choice)

    @property
    def summary(self) -> pd.DataFrame:
        """The table with each model's status, score, interval of the score, and the models that are the same.

        ``status`` is "leader", "within noise", "behind", "excluded" or "not eligible".
        """
        columns = ["status", "score", "lower", "upper"]
        found = self.table.join(self.verdict.scores[columns])
        return found.assign(same_as=[", ".join(self.twins.get(str(name), ())) for name in found.index])

    def __repr__(self) -> str:
        left_out = f", {len(self.left_out)} left out" if self.left_out else ""
        return f"ModelComparison({len(self.models)} models{left_out}; {self.verdict.sentences[0]})"

    def _repr_html_(self) -> str:
        sentences = "".join(f"<p>{sentence}</p>" for sentence in self.verdict.sentences)
        return sentences + self.summary.to_html()


@announced
def compare_models(
    models: Mapping[str, ValueModel],
    split: Split,
    *,
    families: Mapping[str, str] | None = None,
    eligible: Iterable[str] | None = None,
    of: Literal["value", "purchases"] = "value",
    purpose: str | Mapping[str, float] = "valuation",
    incumbent: str | None = None,
    needs: Iterable[str] = (),
    max_bias: float | None = None,
    max_seconds: float | None = None,
    keep_fallbacks: Iterable[str] = (),
    n_draws: int = 1000,
    random_state: int = 0,
    weights: NDArray[np.uint8] | None = None,
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
        By name: "probabilistic", "formula" or "baseline"; baselines are compared but cannot lead.
    eligible : iterable of str, optional
        The models that may lead; by default all except baselines. If none of them can be fitted, all others
        except baselines are eligible.
    of : {"value", "purchases"}, default "value"
        What is predicted: the spend of each customer in the holdout, or the number of purchases, by the
        models at a price of 1 (see `clvml.lifetime_value.at_price`), for purchases without amounts.
    purpose : {"valuation", "budget", "targeting"} or mapping of str to float, default "valuation"
        As in `clvml.decide`.
    incumbent : str, optional
        The model served so far, one of ``models``: served further if it is within noise of the leader.
    needs : iterable of str
        What the model to serve is to give besides values, if one within noise of the leader gives it:
        "probability_alive", "intervals".
    max_bias : float, optional
        As in `clvml.decide`.
    max_seconds : float, optional
        Time limit for the fit and the predictions of each model; one that takes longer is left out. It is
        ended as soon as it executes Python code, and uses the processor until then.
    keep_fallbacks : iterable of str
        Models that are compared even where they fall back to another one (their ``fallback_`` says why). By
        default they are left out there, as that one competes under its own name.
    n_draws : int, default 1000
        Resamples of the customers.
    random_state : int, default 0
        Of the resamples.
    weights : array of shape (n_draws, n_customers), optional
        How often each customer is drawn in each resample, in the order of the holdout; overrides ``n_draws``.

    Returns
    -------
    ModelComparison
        With ``predictions, table, verdict, champion, left_out`` and the fitted ``models``.

    Raises
    ------
    InputError
        If there are no models, the holdout has no revenue, a name in ``families`` or ``eligible``, or the
        incumbent, is unknown, or an argument is invalid.
    FitError
        If no model besides baselines can be fitted.

    See Also
    --------
    clvml.backtest : The comparison at several origins.
    clvml.evaluation.ModelComparison : The result.
    clvml.decide : The rule of the verdict.
    clvml.log_comparison : Log the comparison to MLflow.

    References
    ----------
    The rule of the verdict is in :func:`clvml.decide`; the bootstrap over customers is that of Efron (1979),
    Bootstrap Methods: Another Look at the Jackknife, The Annals of Statistics 7(1).

    Examples
    --------
    >>> import clvml
    >>> split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon=39)
    >>> found = clvml.compare_models({"BG/NBD": model, "historic": clvml.HistoricValue(39)}, split)
    >>> found.verdict.kind, found.champion
    ('leads', 'BG/NBD')
    >>> found.verdict.excluded["historic"]
    'its RMSE is not below that of predicting zero; its total misses by 143.9 %'
    """
    families, needs = dict(families or {}), check_needs(needs)
    eligible = None if eligible is None else list(eligible)
    _check_names(models, families, eligible, incumbent)
    check_seconds(max_seconds)
    actual = _actual(split, of)
    require_revenue(actual.to_numpy(dtype=float))
    if of == "purchases":
        models = {name: at_price(model) for name, model in models.items()}
    fits = _fit_and_predict(models, split, actual, max_seconds, frozenset(keep_fallbacks))
    fitted, predictions, left_out, warned = fits.models, fits.predictions, fits.left_out, fits.warned
    winners = _may_lead(predictions, families, eligible, left_out)
    groups = find_twins(pd.DataFrame(predictions), [*([incumbent] if incumbent else []), *winners])
    kept = {name: families.get(name, UNKNOWN_FAMILY) for name in groups}
    forecasts = pd.DataFrame({name: predictions[name] for name in groups})
    draws = bootstrap_metrics(
        actual, _with_zero(forecasts), n_draws=n_draws, random_state=random_state, weights=weights
    )
    verdict = decide(
        draws,
        purpose=purpose,
        eligible=[name for name in groups if name in winners],
        incumbent=incumbent,
        needs=needs,
        abilities={name: abilities_of(fitted[name], split.calibration, needs) for name in groups},
        max_bias=max_bias,
        random_state=random_state,
    )
    return ModelComparison(
        {name: fitted[name] for name in groups},
        kept,
        actual,
        forecasts,
        compare(actual, forecasts, kept),
        verdict,
        left_out,
        draws,
        {name: others for name, others in groups.items() if others},
        {name: warned[name] for name in groups if name in warned},
        fits.fallbacks,
        split,
    )


def _may_lead(
    predictions: Mapping[str, pd.Series],
    families: Mapping[str, str],
    eligible: list[str] | None,
    left_out: Mapping[str, str],
) -> list[str]:
    able = [name for name in predictions if families.get(name) != BASELINE]
    if not able:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise FitError(
            "no model could be fitted to the calibration period, so there is nothing to compare:"
            f" {reasons or 'only baselines were given'}"
        )
    return [name for name in able if eligible is None or name in eligible] or able


def _with_zero(predictions: pd.DataFrame) -> pd.DataFrame:
    """The predictions with those of the zero baseline, the reference of the verdict."""
    if (predictions == 0).all().any():
        return predictions
    name = ZERO_REFERENCE if ZERO_REFERENCE not in predictions else f"{ZERO_REFERENCE} (reference)"
    return predictions.assign(**{name: 0.0})


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


class _Fits(NamedTuple):
    """What became of each model, by name."""

    models: dict[str, ValueModel]
    predictions: dict[str, pd.Series]
    left_out: dict[str, str]
    warned: dict[str, tuple[str, ...]]
    fallbacks: dict[str, str]


def _fit_and_predict(
    models: Mapping[str, ValueModel],
    split: Split,
    actual: pd.Series,
    max_seconds: float | None,
    keep_fallbacks: frozenset[str],
) -> _Fits:
    fits = _Fits({}, {}, {}, {}, {})
    learning = any(isinstance(model, SupportsEarlierSplit) for model in models.values())
    earlier = split.earlier() if learning else None
    for name, model in models.items():
        try:
            work = partial(_evaluate, name, model, split, actual, earlier)
            with noted_fit_warnings(name) as noted:
                fitted, predicted = run_within(max_seconds, work)
            if reason := getattr(fitted, "fallback_", ""):
                fits.fallbacks[name] = reason
                _require_kept(name, reason, keep_fallbacks)
            fits.models[name], fits.predictions[name] = fitted, predicted
            if noted:
                fits.warned[name] = tuple(noted)
        except Exception as error:  # a user-defined model may raise anything
            fits.left_out[name] = _reason(error)
            log.debug("left out of the comparison: %s", name, exc_info=error)
    return fits


def _evaluate(
    name: str, model: ValueModel, split: Split, actual: pd.Series, earlier: Split | None
) -> tuple[ValueModel, pd.Series]:
    candidate = fit_model(with_terms(model, split.duration, 0.0, 1.0), split.calibration, earlier)
    return candidate, _valid_prediction(name, candidate, split, actual)


def _require_kept(name: str, reason: str, keep_fallbacks: frozenset[str]) -> None:
    """Raise if a model fell back to another one, which competes under its own name, unless it is kept."""
    if name not in keep_fallbacks:
        raise FitError(reason)


def fit_model(model: ValueModel, customers: pd.DataFrame, earlier: Split | None) -> ValueModel:
    """Fit to the customers, and to the earlier split if there is one and the model learns from it."""
    if earlier is not None and isinstance(model, SupportsEarlierSplit):
        return model.fit_with_earlier(customers, earlier)
    return model.fit(customers)


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
    models: Mapping[str, ValueModel],
    families: Mapping[str, str],
    eligible: Iterable[str] | None,
    incumbent: str | None,
) -> None:
    if not models:
        raise InputError("there are no models to compare; give at least one, by name.")
    given = (
        ("a family is given for", families),
        ("eligible names", eligible or ()),
        ("the incumbent is", () if incumbent is None else (incumbent,)),
    )
    for what, names in given:
        unknown = [name for name in names if name not in models]
        if unknown:
            raise InputError(f"{what} {unknown[0]!r}, which is not among the models: {', '.join(models)}.")
