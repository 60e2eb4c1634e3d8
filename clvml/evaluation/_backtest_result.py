"""The result of a backtest: comparisons by origin and horizon, their tables, and what they say of totals."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import html
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from clvml.customers._time_units import Horizon, horizon_in, time_unit_of
from clvml.errors import InputError
from clvml.evaluation._backtest_verdict import Terms, verdict_over
from clvml.evaluation._model_comparison import ModelComparison
from clvml.evaluation._new_customers import NAIVE
from clvml.evaluation._outcomes import OUTCOMES, SPEND, predicted_totals
from clvml.evaluation._total_errors import (
    ANY_OTHER,
    TYPICAL_ERROR,
    calibrated,
    independent_origins,
    total_errors,
)
from clvml.evaluation._verdict import Verdict
from clvml.lifetime_value._protocol import ValueModel
from clvml.lifetime_value._total_calibration import TotalCalibration

Key = tuple[pd.Timestamp, float]
KEYS = ["origin", "horizon"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Backtest:
    """Models compared at several origins; made by `clvml.backtest`.

    Attributes
    ----------
    comparisons : dict of (Timestamp, float) to ModelComparison
        By origin and horizon (in time units), with the models fitted there.
    origins : pandas.DataFrame
        One row per origin and horizon: ``observation_end, duration, customers, repeat_buyers,
        customers_with_little_history`` (left out by ``min_history``), ``spend`` in the holdout, and
        ``customers_acquired`` in the holdout with ``spend_of_acquired``, which are in no total.
    new_customers : pandas.DataFrame
        By origin, horizon and model: ``customers_actual, customers_forecast, spend_actual,
        spend_forecast`` of the customers acquired in the holdout. Models that do not predict new customers
        are absent; the naive forecast repeats the period before.
    left_out : pandas.DataFrame
        Columns ``origin, horizon, model, reason``; the model is "all" for a whole origin.
    horizons : tuple of float
        Those that were evaluated, in the order given; the first is the default of all methods.
    time_unit : {"D", "W", "M", "Q", "Y"}
        The unit of durations and horizons.
    terms : Terms
        What the verdict is decided by: ``purpose, eligible, incumbent, needs, max_bias, random_state``.
    notes : tuple of str
        Sentences on what was chosen, left out, or overlaps.

    See Also
    --------
    clvml.backtest : Makes it.
    clvml.evaluation.ModelComparison : The comparison at one origin.
    clvml.plots.bias_by_origin, clvml.plots.score_by_origin : Draw it.
    clvml.log_comparison : Log it to MLflow.

    Examples
    --------
    >>> import clvml
    >>> models = {"repeat rate": clvml.RepeatRateValue(26), "historic": clvml.HistoricValue(26)}
    >>> origins = ["1997-09-29", "1997-12-29"]
    >>> found = clvml.backtest(clvml.load_cdnow(), models, origins=origins, n_draws=100)
    >>> found
    Backtest(2 models at 2 origins, 1997-09-29 to 1997-12-29; horizon 26 weeks)
    >>> found.mean_scores()[["origins", "bias_pct", "spearman"]].round(2)
                 origins  bias_pct  spearman
    model
    repeat rate        2     52.89      0.46
    historic           2    293.75      0.38
    """

    comparisons: dict[Key, ModelComparison]
    origins: pd.DataFrame
    new_customers: pd.DataFrame
    left_out: pd.DataFrame
    horizons: tuple[float, ...]
    time_unit: str
    terms: Terms = dataclasses.field(default_factory=Terms)
    notes: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """The models that were evaluated at any origin, in the order given."""
        return tuple(self.families)

    @property
    def families(self) -> dict[str, str]:
        """The families of the models."""
        return {name: family for each in self.comparisons.values() for name, family in each.families.items()}

    @functools.cached_property
    def latest(self) -> ModelComparison:
        """The comparison at the latest origin of the first horizon, with the verdict over all origins.

        If the model to serve by that verdict was left out there, the verdict is that of this origin.
        """
        latest = list(self.at().values())[-1]
        verdict = self.verdict if self.verdict.choice in latest.models else latest.verdict
        return dataclasses.replace(latest, verdict=verdict)

    @functools.cached_property
    def verdict(self) -> Verdict:
        """Who leads over all origins of the first horizon, who is within noise of it, and what to serve."""
        return self.verdict_at()

    def verdict_at(
        self, horizon: Horizon | None = None, purpose: str | Mapping[str, float] | None = None
    ) -> Verdict:
        """The verdict over all origins of a horizon.

        Parameters
        ----------
        horizon : float or str, optional
            One of `horizons`; by default the first.
        purpose : str or mapping of str to float, optional
            As in `clvml.decide`; by default that of the backtest.

        Raises
        ------
        InputError
            If the horizon was not evaluated or the purpose is unknown.
        """
        terms = self.terms if purpose is None else dataclasses.replace(self.terms, purpose=purpose)
        return verdict_over(list(self.at(horizon).values()), terms)

    @property
    def scores(self) -> pd.DataFrame:
        """The comparison tables, one below the other: index ``origin, horizon, model``."""
        return pd.concat({key: each.table for key, each in self.comparisons.items()}, names=KEYS)

    @property
    def totals(self) -> pd.DataFrame:
        """Predicted and actual totals by ``origin, horizon, model``; the bias is in percent of the actual.

        Customers acquired after an origin are in neither; see `budget`.
        """
        tables = {
            key: pd.DataFrame({"predicted": each.predictions.sum(), "actual": each.actual.sum()})
            for key, each in self.comparisons.items()
        }
        table = pd.concat(tables, names=[*KEYS, "model"])
        return table.assign(bias_pct=_bias(table["predicted"], table["actual"]))

    @property
    def budget(self) -> pd.DataFrame:
        """Revenue of present and of newly acquired customers together, predicted and actual.

        Index ``origin, horizon, model``; columns ``present_predicted, new_predicted, predicted, actual,
        bias_pct``. Where a model does not predict new customers, the naive forecast does.
        """
        totals = self.totals
        windows = totals.reset_index("model").index
        forecast = self.new_customers["spend_forecast"]
        naive = forecast.xs(NAIVE, level="model").reindex(windows)
        new = forecast.reindex(totals.index).fillna(pd.Series(naive.to_numpy(), totals.index))
        acquired = self.origins["spend_of_acquired"].reindex(windows).to_numpy()
        table = pd.DataFrame({"present_predicted": totals["predicted"], "new_predicted": new})
        table["predicted"] = table.sum(axis="columns")
        table["actual"] = totals["actual"] + acquired
        return table.assign(bias_pct=_bias(table["predicted"], table["actual"]))

    def at(self, horizon: Horizon | None = None) -> dict[pd.Timestamp, ModelComparison]:
        """The comparisons over one horizon, by origin, the earliest first.

        Parameters
        ----------
        horizon : float or str, optional
            One of `horizons`; by default the first.

        Raises
        ------
        InputError
            If it was not evaluated.
        """
        wanted = self.horizons[0] if horizon is None else horizon_in(horizon, self.time_unit)
        if wanted not in self.horizons:
            listed = ", ".join(f"{each:g}" for each in self.horizons)
            raise InputError(f"the horizon {wanted:g} was not backtested; the horizons are {listed}.")
        found = {origin: each for (origin, key), each in self.comparisons.items() if key == wanted}
        return dict(sorted(found.items()))

    def mean_scores(self, horizon: Horizon | None = None) -> pd.DataFrame:
        """The mean of each score over origins, by model, with the number of origins.

        ``bias_pct`` is the mean bias, in which errors of opposite sign cancel; ``abs_bias_pct`` is the mean
        of its absolute value.
        """
        tables = {origin: each.table for origin, each in self.at(horizon).items()}
        scores = pd.concat(tables, names=["origin"])
        scores["abs_bias_pct"] = scores["bias_pct"].abs()
        grouped = scores.groupby("model", sort=False)
        means = grouped.mean(numeric_only=True)
        means.insert(0, "origins", grouped.size())
        means.insert(0, "family", grouped["family"].first())
        return means

    def total_calibration(
        self,
        model: str,
        horizon: Horizon | None = None,
        *,
        before: pd.Timestamp | None = None,
        typical_error: float | None = None,
        outcome: str = SPEND,
    ) -> TotalCalibration:
        """What the errors of a model's totals say of its next total.

        Parameters
        ----------
        model : str
            Its name in the backtest.
        horizon : float or str, optional
            The horizon to predict; the nearest one that was evaluated is used. Default: the first.
        before : Timestamp, optional
            Use holdouts that ended by this date only.
        typical_error : float, optional
            Prior scale of the log error of a total. Default: by the model's family, 0.3 for probabilistic and
            learned models, 0.8 for formulas, 0.5 for others; it counts as three origins.
        outcome : {"spend", "purchases", "active_customers"}, default "spend"
            What is summed: the spend of the customers, their purchases, or the customers who purchase.

        Returns
        -------
        TotalCalibration

        Raises
        ------
        InputError
            If the model or the horizon is unknown, the model does not predict the outcome, or no total of it
            can be used.
        """
        nearest = self._nearest(horizon)
        ended = self.at(nearest)
        if before is not None:
            ends = self.origins["observation_end"]
            ended = {origin: each for origin, each in ended.items() if ends[origin, nearest] <= before}
        if not ended:
            raise InputError(f"no holdout of the backtest ended by {before:%Y-%m-%d}.")
        errors = total_errors(ended, model, outcome)
        if typical_error is None:
            typical_error = TYPICAL_ERROR.get(self.families[model], ANY_OTHER)
        length = pd.Timedelta(days=nearest * time_unit_of(self.time_unit).days)
        independent = independent_origins(errors.index, length)
        return calibrated(errors, nearest, independent, typical_error, self.time_unit)

    def total_interval(
        self,
        model: str,
        fitted: ValueModel,
        customers: pd.DataFrame,
        groups: pd.Series | None = None,
        coverage: float = 0.9,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.DataFrame:
        """Prediction intervals of totals that include the model's own error.

        Parameters
        ----------
        model : str
            Its name in the backtest, at whose errors to look.
        fitted : ValueModel
            The model to predict with, such as the served one, fitted to all data.
        customers, groups, coverage, horizon, annual_discount_rate
            As in `TotalCalibration.total_interval`.

        Returns
        -------
        DataFrame
            As `TotalCalibration.total_interval`.
        """
        span = fitted.horizon if horizon is None else horizon
        return self.total_calibration(model, span).total_interval(
            fitted, customers, groups, coverage, horizon, annual_discount_rate
        )

    def expected_totals(
        self,
        model: str,
        fitted: ValueModel,
        customers: pd.DataFrame,
        horizons: Sequence[Horizon],
        coverage: float = 0.9,
    ) -> pd.DataFrame:
        """Prediction intervals of what customers will do next, to compare with what they did.

        Parameters
        ----------
        model : str
            Its name in the backtest, at whose errors to look.
        fitted : ValueModel
            The model to predict with, such as the served one, fitted to all data.
        customers : pandas.DataFrame
            The customer summary, in the model's time unit.
        horizons : sequence of float or str
            Lengths of the periods after the customers' observation.
        coverage : float, default 0.9
            Equal tails.

        Returns
        -------
        pandas.DataFrame
            Index ``outcome, horizon`` (in time units); columns ``value, lower, upper``. The outcomes are
            ``spend`` (undiscounted, before margin), ``purchases`` and ``active_customers`` (who purchase at
            least once); those that the model does not predict are absent.

        Raises
        ------
        InputError
            If an argument is invalid.
        """
        calibrations = {}
        for outcome in OUTCOMES:
            with contextlib.suppress(InputError):  # it does not predict this, or no total of it can be used
                calibrations[outcome] = self.total_calibration(model, horizons[-1], outcome=outcome)
        spans = [horizon_in(each, self.time_unit) for each in horizons]
        rows = {
            (outcome, span): (value, *calibrations[outcome].interval(value, coverage, span))
            for (outcome, span), value in predicted_totals(fitted, customers, calibrations, spans).items()
        }
        index = pd.MultiIndex.from_tuples(rows, names=["outcome", "horizon"]) if rows else None
        return pd.DataFrame(list(rows.values()), index, ["value", "lower", "upper"])

    def total_intervals(self, coverage: float = 0.9, horizon: Horizon | None = None) -> pd.DataFrame:
        """Intervals of the totals at each origin, each from holdouts that ended by then.

        The check of the intervals: nothing that followed an origin is used. Origins before which no holdout
        ended are absent.

        Parameters
        ----------
        coverage : float, default 0.9
        horizon : float or str, optional
            One of `horizons`; by default the first.

        Returns
        -------
        DataFrame
            Index ``origin, model``; columns ``predicted, lower, upper, actual, covered, n_origins``.
        """
        wanted = self.horizons[0] if horizon is None else horizon_in(horizon, self.time_unit)
        rows = list(self._intervals(coverage, wanted))
        columns = ["origin", "model", "predicted", "lower", "upper", "actual", "covered", "n_origins"]
        table = pd.DataFrame(rows, columns=columns).set_index(["origin", "model"])
        table.attrs["coverage"] = coverage
        return table

    def __repr__(self) -> str:
        dates = sorted({origin for origin, _ in self.comparisons})
        span = f"{dates[0]:%Y-%m-%d}" + (f" to {dates[-1]:%Y-%m-%d}" if len(dates) > 1 else "")
        horizons = ", ".join(f"{each:g}" for each in self.horizons)
        return (
            f"Backtest({len(self.models)} models at {len(dates)} origin{'s' * (len(dates) > 1)}, {span};"
            f" horizon {horizons} {time_unit_of(self.time_unit).name}s)"
        )

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in (*self.verdict.sentences, *self.notes))
        return f"<p>{html.escape(repr(self))}</p>{self.mean_scores().to_html()}<ul>{notes}</ul>"

    def _nearest(self, horizon: Horizon | None) -> float:
        """The evaluated horizon whose ratio to the one wanted is nearest to 1."""
        if horizon is None:
            return self.horizons[0]
        wanted = horizon_in(horizon, self.time_unit)
        return min(self.horizons, key=lambda each: abs(float(np.log(each / wanted))))

    def _intervals(self, coverage: float, horizon: float) -> Iterator[tuple[object, ...]]:
        for (origin, comparison), model in itertools.product(self.at(horizon).items(), self.models):
            if model not in comparison.predictions:
                continue
            try:
                calibration = self.total_calibration(model, horizon, before=origin)
            except InputError:  # nothing ended before, or this model was not evaluated there
                continue
            predicted, actual = float(comparison.predictions[model].sum()), float(comparison.actual.sum())
            lower, upper = calibration.interval(predicted, coverage, horizon)
            covered = lower <= actual <= upper
            yield origin, model, predicted, lower, upper, actual, covered, calibration.n_origins


def describe(backtest: Backtest) -> Iterator[str]:
    """Sentences on the origins: one only, overlaps, what was left out, new customers."""
    unit = time_unit_of(backtest.time_unit)
    for horizon in backtest.horizons:
        yield from _on_origins(list(backtest.at(horizon)), horizon, unit.name, unit.days)
    windows = backtest.left_out[backtest.left_out["model"] == "all"]
    keys = zip(windows["origin"], windows["horizon"], strict=True)
    for sentence in by_reason(dict(zip(keys, windows["reason"], strict=True))):
        yield f"Left out: {sentence}."
    yield from _on_fallbacks(backtest.comparisons)
    young = backtest.origins["customers_with_little_history"].groupby("origin").max()
    for origin, count in young[young > 0].items():
        yield f"Left out at {origin:%Y-%m-%d}: {count:,} customers with a shorter history than min_history."
    acquired = backtest.origins["customers_acquired"]
    if acquired.any():
        yield (
            f"Customers acquired after an origin (up to {acquired.max():,}) are not in the totals compared;"
            " they are counted and forecast in new_customers."
        )


def by_reason(left_out: Mapping[Key, str]) -> Iterator[str]:
    """The origins left out, together where they share the reason."""
    origins: dict[str, list[str]] = {}
    for (origin, _), reason in left_out.items():
        origins.setdefault(reason.removesuffix("."), []).append(f"{origin:%Y-%m-%d}")
    for reason, dates in origins.items():
        yield f"origin{'s' * (len(set(dates)) > 1)} {', '.join(dict.fromkeys(dates))}: {reason}"


def _on_origins(origins: list[pd.Timestamp], horizon: float, unit: str, days: float) -> Iterator[str]:
    if len(origins) == 1:
        yield (
            f"There is one origin only ({origins[0]:%Y-%m-%d}) with a horizon of {horizon:g} {unit}s: how"
            " much scores vary over time is not known."
        )
        return
    closest = min(b - a for a, b in itertools.pairwise(origins)) / pd.Timedelta(days=days)
    if closest < horizon - 1e-9:
        yield (
            f"Holdouts overlap: origins are {closest:.3g} {unit}s apart with a horizon of {horizon:g}"
            f" {unit}s, so their errors are not independent."
        )


def _on_fallbacks(comparisons: Mapping[Key, ModelComparison]) -> Iterator[str]:
    """Where a model is compared with the predictions of what it falls back to."""
    for name in dict.fromkeys(name for each in comparisons.values() for name in each.fallbacks):
        kept = {
            key: each.fallbacks[name]
            for key, each in comparisons.items()
            if name in each.fallbacks and name not in each.left_out
        }
        for sentence in by_reason(kept):
            yield f"Fallback of {name} at {sentence}; its predictions there are those it falls back to."


def _bias(predicted: pd.Series, actual: pd.Series) -> pd.Series:
    """In percent of the actual total; NaN where that is not positive."""
    return 100 * (predicted / actual.where(actual > 0) - 1)
