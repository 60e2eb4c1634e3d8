"""Did outcomes lie in the prediction intervals? Totals of the customers that the model knows.

The interval of a total is, in this order of preference: that of the card, which includes the model's own
error as learnt at earlier origins, relative to the prediction and interpolated to the time that has passed;
that of the model, for parameters and chance; or one for chance alone, from the residuals of the customers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from clvml.errors import ClvmlError
from clvml.evaluation._outcomes import ACTIVE, PURCHASES, SPEND, actual_outcomes, predicted_outcome
from clvml.lifetime_value._protocol import SupportsTotalIntervals
from clvml.lifetime_value._total_calibration import ERROR_GROWTH
from clvml.monitoring._period import Period
from clvml.monitoring._statements import COVERAGE, Statement, in_percent, number, relative
from clvml.monitoring._traits import spend_uncertainty

MATTERS = 0.05
WORDS = {SPEND: "spend", PURCHASES: "purchases", ACTIVE: "customers who purchased"}
FULL, FROM_MODEL, BY_CHANCE = "parameters, chance and the model's error", "parameters and chance", "chance"
_SHORTER = -0.125  # exponent of the horizon of relative errors, where chance dominates
_DEGREES = 4.0  # of freedom of the errors on a card: the fewest that its prior and one origin give
_SIMULATED = 50_000  # customers up to which a total is simulated
_ADVICE = {
    SPEND: "look at purchases and average order value below, which say where it comes from",
    PURCHASES: "scores are biased by as much: train a challenger on the data until now with 'clvml run'",
    ACTIVE: "more or fewer customers came back than predicted: look at campaigns, and at dropout below",
    "average order value": "look at prices, assortment, discounts and currency; then train a challenger",
}


class Interval(NamedTuple):
    """An interval, what it includes, and the p-value of the observed total."""

    lower: float
    upper: float
    p_value: float
    includes: str


def outcome_statements(period: Period) -> Iterator[Statement]:
    """Statements on total spend, purchases and active customers, and on average order value."""
    parts = period.split
    actual = actual_outcomes(parts.holdout)
    for outcome in (column for column in (SPEND, PURCHASES, ACTIVE) if column in actual):
        predicted = prediction(period, outcome)
        if predicted is not None and predicted.sum() > 0:
            interval = total_interval(period, outcome, predicted, actual[outcome])
            totals = float(predicted.sum()), float(actual[outcome].sum())
            yield _statement(outcome, *totals, interval, period.card.currency)
    yield from _order_value(period)


def prediction(period: Period, outcome: str) -> pd.Series | None:
    """The predicted outcome of each customer over the time that has passed; None if the model has none."""
    try:
        return predicted_outcome(period.model, period.split.calibration, outcome, period.duration)
    except ClvmlError:
        return None


def total_interval(period: Period, outcome: str, predicted: pd.Series, actual: pd.Series) -> Interval:
    """The interval of a total, and the p-value of the outcome."""
    expected, observed = float(predicted.sum()), float(actual.sum())
    ends = card_ends(period.card.totals.get(outcome, {}), period.duration)
    if ends is not None:
        lower, upper = expected * math.exp(ends[0]), expected * math.exp(ends[1])
        side = ends[observed > expected]
        quantile = float(stats.t.ppf((1 + COVERAGE) / 2, _DEGREES))
        distance = abs(math.log(observed / expected)) if observed > 0 else math.inf
        p_value = 2 * float(stats.t.sf(distance / abs(side) * quantile, _DEGREES)) if side else 0.0
        return Interval(lower, upper, p_value, FULL)
    own = _model_ends(period, outcome)
    if own is not None:
        return normal_interval(expected, observed, expected * own, FROM_MODEL)
    return normal_interval(expected, observed, math.sqrt(float(((actual - predicted) ** 2).sum())), BY_CHANCE)


def card_ends(total: dict[str, Any], horizon: float) -> tuple[float, float] | None:
    """Logs of lower and upper over the prediction, interpolated to the horizon; None if the card has none.

    Beyond the horizons of the card they grow as the model's error, and before the first one as chance.
    """
    rows = sorted(total.get("by_horizon") or ([total] if total else []), key=lambda row: row["horizon"])
    rows = [row for row in rows if 0 < row["lower"] <= row["value"] <= row["upper"]]
    if not rows:
        return None
    known = np.array([row["horizon"] for row in rows])
    near = float(np.clip(horizon, known[0], known[-1]))
    growth = (horizon / near) ** (_SHORTER if horizon < near else ERROR_GROWTH)
    logs = [np.log([row[end] / row["value"] for row in rows]) for end in ("lower", "upper")]
    lower, upper = (float(np.interp(near, known, each)) * growth for each in logs)
    return lower, upper


def normal_interval(expected: float, observed: float, deviation: float, includes: str) -> Interval:
    """The normal interval of a total with this standard deviation."""
    half = float(stats.norm.ppf((1 + COVERAGE) / 2)) * deviation
    p_value = 2 * float(stats.norm.sf(abs(observed - expected) / deviation)) if deviation > 0 else math.nan
    return Interval(max(expected - half, 0.0), expected + half, p_value, includes)


def _model_ends(period: Period, outcome: str) -> float | None:
    """Relative standard deviation of a total by the model; of active customers at most that of purchases."""
    model, customers = period.model, period.split.calibration
    if not isinstance(model, SupportsTotalIntervals) or len(customers) > _SIMULATED:
        return None
    column = PURCHASES if outcome == ACTIVE else outcome
    try:
        plain = _at_horizon(model, period.duration)
        total = plain.predict_total_interval(customers, coverage=COVERAGE).loc["total"]
        width = float(total[f"{column}_upper"] - total[f"{column}_lower"])
    except (ClvmlError, KeyError):
        return None
    return width / 2 / float(stats.norm.ppf((1 + COVERAGE) / 2)) / float(total[column])


def _at_horizon(model: Any, horizon: float) -> Any:
    from clvml.lifetime_value._total_calibration import undiscounted

    plain = undiscounted(model)
    plain.horizon = horizon
    return plain


def _order_value(period: Period) -> Iterator[Statement]:
    """Average order value, given who purchased how often: the error of spend alone."""
    parts = period.split
    if "spend" not in parts.holdout:
        return
    factors = period.model.predict_factors(parts.calibration, period.duration, 0.0)
    bought = parts.holdout["purchases"].to_numpy(dtype=float)
    if "expected_spend" not in factors or not bought.sum() > 0:
        return
    expected = bought * factors["expected_spend"].to_numpy(dtype=float)
    observed = parts.holdout["spend"].to_numpy(dtype=float)
    orders = bought.sum()
    chance = math.sqrt(float(((observed - expected) ** 2).sum())) / orders
    mean = float(expected.sum() / orders)
    deviation = math.hypot(chance, mean * spend_uncertainty(period.model))
    interval = normal_interval(mean, float(observed.sum() / orders), deviation, FROM_MODEL)
    observed_mean = float(observed.sum() / orders)
    yield _statement("average order value", mean, observed_mean, interval, period.card.currency)


def _statement(
    outcome: str, expected: float, observed: float, interval: Interval, currency: str
) -> Statement:
    effect = relative(observed, expected)
    unit = f" ({currency})" if currency and outcome in (SPEND, "average order value") else ""
    words = WORDS.get(outcome, outcome) + unit
    sentence = (
        f"{words}: {number(observed)}, predicted {number(expected)} ({number(interval.lower)} to"
        f" {number(interval.upper)}), {in_percent(effect)}; the interval includes {interval.includes}"
    )
    return Statement(
        "outcomes", words, expected, interval.lower, interval.upper, observed, effect, MATTERS,
        interval.p_value, sentence, _ADVICE[outcome],
    )  # fmt: skip
