"""The model to serve: the champion refitted to all data up to the end of observation, and registered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pandas as pd
from pydantic import Field, field_validator

from clvml import plots
from clvml.customers._discount_rate import annual_rate_in
from clvml.customers._split import Split
from clvml.customers._time_units import horizon_in, time_unit_of
from clvml.errors import ClvmlError, FitError
from clvml.evaluation._model_comparison import fit_model
from clvml.lifetime_value._protocol import ValueModel
from clvml.workflow._findings import SEGMENTS, SERVED, Figure, Finding, Metrics, Model, Tags, Words
from clvml.workflow._formatting import format_duration
from clvml.workflow._section import Section
from clvml.workflow._stage import Context, Stage
from clvml.workflow.stages._comparing import Comparison, built
from clvml.workflow.stages._reading import outcome_of
from clvml.workflow.stages._splitting import Customers

FOLDER = "model"


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
    """

    title: str
    model: ValueModel
    values: pd.DataFrame


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
        register_as=context.config.tracking.registered_model,
    )
    yield Words(format_served(context, served))
    totals = {"equity": float(clv.sum()), "mean_clv": float(clv.mean()), "customers": float(len(clv))}
    yield Metrics(totals, in_report=False)
    yield Tags({"values": served.title}, of_version=True, runs=SEGMENTS)
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
        terms = context.config.value.model_dump(exclude={"price"})
        model = built(context, contender, **terms)
        model = fit_model(model, customers, earlier=context[Split])  # to its holdout, now known
        values = model.predict_factors(customers)
        values["clv"]  # the one column that later stages need
    except Exception as error:  # a user-defined model may raise anything
        reason = str(error) if isinstance(error, ClvmlError) else f"{type(error).__name__}: {error}"
        raise FitError(
            f"the champion, {contender.title}, cannot be fitted to all customers: {reason.rstrip('.')}. Leave"
            " it out of the contenders to serve another model"
        ) from error
    return Served(contender.title, model, values)


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
    )


STAGE = Stage("Fitting the model to serve to all data", find, "The model to serve")
