"""Diagnostics of the purchase and spend models: fit to the calibration period, outcomes in the holdout.

They are those of the champion, or of the first contender that has them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from clvml import plots
from clvml.customers._split import Split, purchases_over_time
from clvml.diagnostics._expected_over_time import with_expected_purchases
from clvml.diagnostics._fit import fit_by_frequency, fit_by_spend
from clvml.diagnostics._frequency_recency import frequency_recency_matrix
from clvml.diagnostics._purchase_regularity import purchase_regularity
from clvml.errors import InputError
from clvml.evaluation._calibration import calibration_by_frequency
from clvml.inference._fit_record import FitRecord
from clvml.lifetime_value._projection import LifetimeValue
from clvml.lifetime_value._protocol import (
    SupportsExpectedPurchases,
    SupportsNewCustomers,
    SupportsProbabilityAlive,
    SupportsPurchaseProbability,
    SupportsPurchaseSimulation,
    SupportsSpendDistribution,
    SupportsSpendSimulation,
    title_of,
)
from clvml.models._fit_messages import NO_DROPOUT, meanings_of
from clvml.workflow._findings import SERVED, Figure, Finding, Words
from clvml.workflow._stage import Context, Stage
from clvml.workflow.stages._comparing import Comparison, run_of
from clvml.workflow.stages._splitting import purchases_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEST = 10  # customers whose prediction intervals are shown
OFTEN = 4  # repeat purchases from which on customers form one group


def find(context: Context) -> Iterator[Finding]:
    """Figures of purchases and spend; none if no contender models them."""
    result, parts = context[Comparison].result, context[Split]
    name = diagnosed(context[Comparison])
    if name is None:
        return
    value = result.models[name]
    purchases = purchase_model(value)
    if sentence := describe_regularity(context, purchases):
        context.say(sentence)
        yield Words(sentence, style="note")
    if purchases is not None:
        over_time = purchases_over_time(purchases_of(context), parts)
        runs = (*SERVED, run_of(name))
        yield from purchase_figures(purchases, parts, over_time, runs)
    spend = getattr(value, "spend_", None)
    if isinstance(spend, SupportsSpendDistribution):
        fit = fit_by_spend(parts.calibration, spend)
        yield Figure("fit_by_spend", "Average spend, actual and expected", partial(plots.fit_by_spend, fit))
    if isinstance(purchases, SupportsPurchaseSimulation) and isinstance(spend, SupportsSpendSimulation):
        yield from value_figures(value, parts)


def diagnosed(comparison: Comparison) -> str | None:
    """The contender whose purchase model the figures show: the champion, or else the first with one."""
    for name in (comparison.result.champion, *comparison.result.models):
        if purchase_model(comparison.result.models[name]) is not None:
            return name
    return None


def describe_regularity(context: Context, model: object) -> str:
    """That regular purchases put the fit at the boundary of no dropout, if they do; otherwise empty."""
    record = getattr(model, "fit_record_", None)
    if not isinstance(record, FitRecord):
        return ""
    if NO_DROPOUT not in meanings_of(record.boundary, getattr(model, "limits", {})):
        return ""
    try:
        found = purchase_regularity(purchases_of(context), context[Split].calibration)
    except InputError:  # hardly anybody has bought three times
        return ""
    if not found.is_regular:
        return ""
    return (
        f"{title_of(model)} finds no dropout, and purchases are more regular than it assumes (Wheat-Morrison"
        f" {found}; 1 is random): regular buying makes dropout look rarer than it is, so P(alive) is too high"
    )


@runtime_checkable
class Described(
    SupportsExpectedPurchases,
    SupportsNewCustomers,
    SupportsProbabilityAlive,
    SupportsPurchaseProbability,
    Protocol,
):
    """A fitted model of purchases with all members that these figures need."""


def purchase_model(model: object) -> Described | None:
    """The fitted model of purchases inside a lifetime-value model, if there is one."""
    fitted = getattr(model, "purchases_", None)
    return fitted if isinstance(fitted, Described) else None


def purchase_figures(
    model: Described, parts: Split, over_time: pd.DataFrame, runs: tuple[str, ...]
) -> Iterator[Finding]:
    """Predictions of the purchase model, fitted to the calibration period, and actual purchases."""
    customers, duration = parts.calibration, parts.duration
    expected = model.expected_purchases(customers, duration)
    by_frequency = calibration_by_frequency(customers, parts.holdout, expected)
    by_frequency = by_frequency.rename(columns={"predicted": title_of(model)})
    tracking = with_expected_purchases(over_time, model, parts)
    age = float(customers["T"].max())
    busiest = int(np.clip(customers["frequency"].max(), 2, 20))
    alive = frequency_recency_matrix(model, age, max_frequency=busiest)
    expectations = frequency_recency_matrix(
        model, age, "expected_purchases", horizon=duration, max_frequency=busiest
    )
    draw_cumulative = partial(plots.cumulative_purchases, tracking)
    yield Figure("cumulative_purchases", "Cumulative purchases over time", draw_cumulative, runs=runs)
    yield Figure(
        "purchases_per_period", "Purchases per period", partial(plots.purchases_per_period, tracking)
    )
    draw_frequency = partial(plots.calibration_by_frequency, by_frequency)
    yield Figure("calibration_by_frequency", "Purchases by frequency", draw_frequency, runs=runs)
    fit = fit_by_frequency(customers, model).rename(columns={"expected": title_of(model)})
    yield Figure("fit_by_frequency", "Customers by number of purchases", partial(plots.fit_by_frequency, fit))
    draw_alive = partial(plots.frequency_recency_matrix, alive)
    yield Figure("probability_alive", "P(alive) by history", draw_alive, (7, 5.2), runs=runs)
    draw_expected = partial(plots.frequency_recency_matrix, expectations)
    yield Figure("expected_purchases", "Expected purchases by history", draw_expected, (7, 5.2))


def value_figures(value: LifetimeValue, parts: Split) -> Iterator[Finding]:
    """Prediction intervals of the customers' spend in the holdout, with the outcomes."""
    # A copy has no reference to the customers of its fit and uses Laplace's approximation: seconds faster.
    value = copy.deepcopy(value)
    yield Figure(
        "prediction_intervals_by_frequency",
        "90 % prediction intervals of spend and outcomes, by repeat purchases",
        partial(draw_groups, value, parts),
        (8.5, 4.4),
    )
    yield Figure(
        "prediction_intervals_of_best",
        "90 % prediction intervals of spend and outcomes, customers with the highest predicted value",
        partial(draw_best, value, parts),
        (8.5, 5.4),
        of_customers=True,
    )


def draw_groups(value: LifetimeValue, parts: Split, ax: Axes) -> Axes:
    """Prediction intervals of totals by number of repeat purchases."""
    customers, actual = parts.calibration, parts.holdout["spend"]
    groups = customers["frequency"].clip(upper=OFTEN).map("{:.0f}".format).replace(f"{OFTEN}", f"{OFTEN}+")
    totals = value.predict_total_interval(customers, groups).rename_axis("repeat purchases")
    by_group = pd.concat([actual.groupby(groups).sum(), pd.Series({"total": actual.sum()})])
    return plots.prediction_intervals(totals, by_group, quantity="spend", ax=ax)


def draw_best(value: LifetimeValue, parts: Split, ax: Axes) -> Axes:
    """Prediction intervals of the customers with the highest predicted value."""
    customers = parts.calibration
    best = value.predict(customers).nlargest(BEST).index
    each = value.predict_total_interval(customers.loc[best], best.to_series()).loc[best]
    return plots.prediction_intervals(
        each.rename_axis("customer"), parts.holdout["spend"], quantity="spend", ax=ax
    )


STAGE = Stage("Checking the fit of the purchase and spend models", find, "Purchases and spend")
