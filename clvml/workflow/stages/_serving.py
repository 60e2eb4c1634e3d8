"""The model to serve: the champion refitted to all data up to the end of observation, and registered."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import pandas as pd
from pydantic import Field, field_validator

from clvml import plots
from clvml.customers._discount_rate import annual_rate_in
from clvml.customers._split import Split
from clvml.customers._time_units import Horizon, horizon_in, time_unit_of
from clvml.errors import ClvmlError, FitError, InputError
from clvml.evaluation._model_comparison import fit_model
from clvml.inference._fit_warnings import noted_fit_warnings
from clvml.lifetime_value._protocol import SupportsTotalIntervals, ValueModel
from clvml.lifetime_value._total_calibration import TotalCalibration
from clvml.tracking._trial import Trial
from clvml.workflow._findings import SEGMENTS, SERVED, Figure, Finding, Metrics, Model, Table, Tags, Words
from clvml.workflow._formatting import format_duration, format_money
from clvml.workflow._section import Section
from clvml.workflow._stage import Context, Stage
from clvml.workflow.stages import _outlook as outlook
from clvml.workflow.stages._comparing import Comparison, built
from clvml.workflow.stages._model_cards import source_of, value_card
from clvml.workflow.stages._reading import outcome_of
from clvml.workflow.stages._splitting import Customers

FOLDER = "model"
COVERAGE = 0.9  # of the intervals of totals
TOTAL_ENDS = {"equity_lo": "clv_lower", "equity_hi": "clv_upper"}
INCLUDED_BY_DRAWS = "parameters and chance only, not the model's own error"


class ValueSection(Section):
    """The lifetime value that the registered model predicts.

    The comparison does not use these settings: it predicts over the duration of the holdout, undiscounted and
    with a margin of 1, since the actual values are the revenue of the holdout. ``price`` is the value of a
    purchase: of every one if the purchases have no amounts, otherwise only in models of purchases, in place
    of a model of spend.
    """

    horizon: float | str = "12M"
    """How far ahead, such as 12M or 52W; a number is in time units."""
    annual_discount_rate: float = Field(default=0.10, ge=0)
    """Discount rate per year: 0.10 is 10 %."""
    margin: float = Field(default=1.0, gt=0)
    """Profit per unit of spend."""
    currency: str = Field(default="", max_length=12)
    """Code or sign of the currency in the report, such as "EUR" or "$"."""
    price: float | None = Field(default=None, gt=0)
    """Value of a purchase, for purchases without amounts, or in place of a model of spend."""

    @field_validator("annual_discount_rate")
    @classmethod
    def _is_a_fraction(cls, rate: float) -> float:
        return annual_rate_in(rate)

    @field_validator("horizon", mode="before")
    @classmethod
    def _is_a_duration(cls, horizon: object) -> object:
        number = isinstance(horizon, str) and re.fullmatch(r"\s*\d+(\.\d*)?\s*", horizon)
        value = float(horizon) if number else horizon  # type: ignore[arg-type]
        horizon_in(value, "W")  # type: ignore[arg-type]
        return value


@dataclass(frozen=True, eq=False)
class Served:
    """The model to serve.

    Attributes
    ----------
    title : str
        The champion's.
    model : ValueModel
        Fitted on all customers until the end of observation.
    values : pandas.DataFrame
        Its factors per customer, "clv" first, at its own horizon and discount rate.
    horizon : float or str
        That of the values.
    calibration : TotalCalibration or None
        How far its totals missed in the backtest; None where no origin had a positive total.
    warnings : tuple of str
        Warnings of the fit.
    """

    title: str
    model: ValueModel
    values: pd.DataFrame
    horizon: Horizon
    calibration: TotalCalibration | None = None
    warnings: tuple[str, ...] = ()

    def total_intervals(
        self, customers: pd.DataFrame, groups: pd.Series | None = None, coverage: float = COVERAGE
    ) -> pd.DataFrame | None:
        """Prediction intervals of the total value, that of all customers in the row "total".

        With the model's own error where the backtest measured it; otherwise of parameters and chance only,
        or None where the model provides none. ``attrs["includes"]`` says which.
        """
        if self.calibration is not None:
            return self.calibration.total_interval(
                self.model, customers, groups, coverage, self.horizon, factors=self._values_of(customers)
            )
        if not isinstance(self.model, SupportsTotalIntervals):
            return None
        model = copy.deepcopy(self.model)  # without the customers of its fit: seconds faster
        try:
            return model.predict_total_interval(customers, groups, coverage)
        except InputError:  # one of its parts cannot be simulated
            return None

    def _values_of(self, customers: pd.DataFrame) -> pd.DataFrame | None:
        """The values of these customers, None if some are not among those of the fit."""
        index = self.values.index
        if index.equals(customers.index):
            return self.values
        known = index.is_unique and bool(customers.index.isin(index).all())
        return self.values.loc[customers.index] if known else None


class TotalValue(NamedTuple):
    """Prediction intervals of the value of all customers; None where the model provides none."""

    intervals: pd.DataFrame | None


def find(context: Context) -> Iterator[Finding]:
    """The model with the config's horizon, discount rate and margin, and the value of all customers."""
    customers = context[Customers].table
    served = fit(context, customers)
    context.put(served)
    clv = served.values["clv"]
    yield Model(
        SERVED[0],
        f"to serve: {served.title}",
        served.model,
        customers,
        folder=FOLDER,
        card=value_card(context, served),
        register_as=context.config.tracking.registered_model,
        trial=trial_of(context),
    )
    yield from answers(context, served, customers)
    yield Words(format_served(context, served))
    yield from outlook.findings(context, served.model, customers, served.values)
    totals = {"equity": float(clv.sum()), "mean_clv": float(clv.mean()), "customers": float(len(clv))}
    yield Metrics(totals, in_report=False)
    yield Tags({"values": served.title}, of_version=True, runs=SEGMENTS)
    yield Tags({"model": served.title}, of_version=True)
    yield Figure(
        "value_distribution", "Distribution of customer value", partial(plots.value_distribution, clv)
    )


def fit(context: Context, customers: pd.DataFrame) -> Served:
    """The champion refitted to all customers.

    A model that learns from an earlier holdout learns from the one on which it was compared, whatever horizon
    it is served at: a holdout of that length exists, and is the one it was judged by.

    Raises
    ------
    FitError
        If it cannot be fitted to them, or predicts no values.
    """
    comparison = context[Comparison]
    contender = comparison.contenders[comparison.result.champion]
    try:
        terms = context.config.value.model_dump(exclude={"price", "currency"})
        model = built(context, contender, **terms)
        with noted_fit_warnings() as noted:
            model = fit_model(model, customers, earlier=context[Split])  # to its holdout, now known
            values = model.predict_factors(customers)
        values["clv"]  # the one column that later stages need
    except Exception as error:  # a user-defined model may raise anything
        reason = str(error) if isinstance(error, ClvmlError) else f"{type(error).__name__}: {error}"
        raise FitError(
            f"the champion, {contender.title}, cannot be fitted to all customers: {reason.rstrip('.')}. Leave"
            " it out of the contenders to serve another model"
        ) from error
    horizon = context.config.value.horizon
    calibration = calibration_of(comparison, horizon)
    return Served(contender.title, model, values, horizon, calibration, tuple(noted))


def trial_of(context: Context) -> Trial:
    """What the registry needs to judge the model against the champion there."""
    result, section = context[Comparison].result, context.config.comparison
    return Trial(
        context[Split],
        result.models[result.champion],
        result.predictions[result.champion],
        source_of(context),
        section.weights or section.purpose,
        section.max_bias,
        section.needs,
    )


def calibration_of(comparison: Comparison, horizon: Horizon) -> TotalCalibration | None:
    """What the errors of the champion's totals say of its next one; None if none can be used."""
    try:
        return comparison.backtest.total_calibration(comparison.result.champion, horizon)
    except InputError:
        return None


def answers(context: Context, served: Served, customers: pd.DataFrame) -> Iterator[Finding]:
    """What the customers are worth and how sure that is."""
    value, parts, counted = context.config.value, context[Split], outcome_of(context) == "revenue"
    currency = value.currency if counted else "purchases"
    ahead, rate = format_duration(value.horizon, parts.time_unit), value.annual_discount_rate
    intervals = served.total_intervals(customers)
    context.put(TotalValue(intervals))
    ends = {} if intervals is None else ends_of(intervals)
    between = ""
    if intervals is not None and ends:
        lower, upper = (format_money(end, currency) for end in ends.values())
        between = f" With {COVERAGE:.0%} probability it is between {lower} and {upper}."
        yield Table("total_value", intervals, in_report=False)
        yield Metrics(ends, in_report=False)
    yield Words(
        f"over the next {ahead}{f', discounted at {rate:.0%} per year' if rate else ''}:"
        f" {'the value' if counted else 'the expected purchases'} of {len(customers):,} customers, by"
        f" {served.title}.{between}",
        lead=format_money(float(served.values["clv"].sum()), currency),
        answers="worth",
        printed=True,
    )
    yield Words(how_sure(context, intervals if ends else None), answers="sure")
    for warning in served.warnings:
        yield Words(warning, lead="The served model:", style="note", answers="sure")


def ends_of(intervals: pd.DataFrame) -> dict[str, float]:
    """The ends of the total's interval by metric; empty where it is undefined."""
    ends = {name: float(intervals[column]["total"]) for name, column in TOTAL_ENDS.items()}
    return {} if any(map(math.isnan, ends.values())) else ends


def how_sure(context: Context, intervals: pd.DataFrame | None) -> str:
    """How far the champion's totals missed, and what the interval accounts for."""
    comparison = context[Comparison]
    found, name = comparison.backtest, comparison.result.champion
    totals = found.totals.xs(found.horizons[0], level="horizon")["bias_pct"]
    missed = totals[totals.index.get_level_values("model") == name].dropna()
    listed = ", ".join(f"{bias:+.0f} %" for bias in missed)
    over = f"{len(missed)} origins" if len(missed) > 1 else "one origin"
    sentence = f"In the backtest its total missed by {listed} at {over}. " if len(missed) else ""
    if intervals is None:
        return f"{sentence}There is no interval for what this model predicts."
    return f"{sentence}The interval accounts for {intervals.attrs.get('includes', INCLUDED_BY_DRAWS)}."


def format_served(context: Context, served: Served) -> str:
    """The data and settings of the model to serve, and the value of all customers."""
    value, parts, clv = context.config.value, context[Split], served.values["clv"]
    counted = (
        "Total value" if outcome_of(context) == "revenue" else "Value counts discounted purchases: total"
    )
    return (
        f"{served.title}, refitted to all {len(clv):,} customers until"
        f" {pd.Timestamp(parts.observation_end):%Y-%m-%d}, including the holdout. Horizon"
        f" {format_duration(value.horizon, parts.time_unit)}, discount rate {value.annual_discount_rate:.0%}"
        f" per year, margin {value.margin:g}. {counted} {clv.sum():,.2f}, median {clv.median():,.2f} per"
        f" customer. Time unit of the parameters: {time_unit_of(parts.time_unit).name}."
        f"{format_fallback(served.model)}"
    )


def format_fallback(model: ValueModel) -> str:
    """A sentence on a model that fell back to its structure when it was refitted; empty for others.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> format_fallback(SimpleNamespace(fallback_="no correction is learnt: the holdout is empty"))
    " For these customers no correction is learnt: the holdout is empty; the values are the structure's."
    >>> format_fallback(SimpleNamespace())
    ''
    """
    reason = getattr(model, "fallback_", "")
    return f" For these customers {reason}; the values are the structure's." if reason else ""


STAGE = Stage("Fitting the model to serve to all data", find, "The model to serve")
