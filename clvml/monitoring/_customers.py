"""Are the right customers predicted to be valuable? Deciles of predicted value, and individual intervals.

A decile is compared with the customers as a whole: its prediction times the ratio of the actual to the
predicted total, so that an error of the total, a question of its own, is not repeated in each decile.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from clvml.errors import ClvmlError
from clvml.evaluation._outcomes import actual_outcomes
from clvml.lifetime_value._protocol import SupportsValueIntervals
from clvml.monitoring._outcomes import _at_horizon, normal_interval, prediction
from clvml.monitoring._period import Period
from clvml.monitoring._statements import COVERAGE, Statement, in_percent, number, relative

DECILE_MATTERS = 0.25
COVERAGE_MATTERS = 0.05
_SAMPLE = 5_000  # customers whose intervals are simulated
_ADVICE_DECILE = (
    "the ranking of customers is off there: compare models again with 'clvml run' before targeting"
)
_ADVICE_COVERAGE = "intervals of single customers are too narrow: do not plan by their ends until retrained"


def decile_table(period: Period) -> pd.DataFrame:
    """Predicted and actual totals by decile of the prediction, the highest first.

    Returns
    -------
    pandas.DataFrame
        Index ``decile``; columns ``customers, predicted, actual, lower, upper`` (the 90 % interval around
        ``expected``, the prediction scaled to the actual total), ``expected, p_value``. Customers with equal
        predictions share their actual values equally. Empty if the model predicts no such outcome.
    """
    forecast = prediction(period, period.outcome)
    actual = actual_outcomes(period.split.holdout)[period.outcome]
    if forecast is None or not (forecast.sum() > 0 and actual.sum() > 0):
        return pd.DataFrame()
    shared = actual.groupby(forecast).transform("mean")
    residual = (actual - forecast * actual.sum() / forecast.sum()) ** 2
    ranked = forecast.sort_values(ascending=False, kind="stable").index
    decile = pd.Series(np.arange(len(ranked)) * 10 // len(ranked) + 1, ranked, name="decile")
    table = pd.DataFrame({"predicted": forecast, "actual": shared, "squares": residual}).groupby(decile)
    sums = table.sum()
    sums.insert(0, "customers", table.size())
    return _with_intervals(sums)


def _with_intervals(sums: pd.DataFrame) -> pd.DataFrame:
    ratio = sums["actual"].sum() / sums["predicted"].sum()
    sums["expected"] = sums["predicted"] * ratio
    share = sums["expected"] / sums["expected"].sum()
    # The decile's own residuals, and those of all others through the ratio; at least as dispersed as all of
    # them, since a decile in which few purchased has small residuals for that very reason.
    own = (1 - 2 * share) * sums["squares"] + share**2 * sums["squares"].sum()
    variance = np.maximum(own, share * (1 - share) * sums["squares"].sum())
    rows = [
        normal_interval(expected, observed, math.sqrt(max(each, 0.0)), "")
        for expected, observed, each in zip(sums["expected"], sums["actual"], variance, strict=True)
    ]
    ends = pd.DataFrame(rows, sums.index)[["lower", "upper", "p_value"]]
    return sums.drop(columns="squares").join(ends)


def decile_statements(table: pd.DataFrame) -> Iterator[Statement]:
    """One statement per decile."""
    for row in table.reset_index().to_dict("records"):
        effect = relative(row["actual"], row["expected"])
        name = f"decile {row['decile']} of predicted value"
        sentence = (
            f"{name}: {number(row['actual'])}, expected {number(row['expected'])}"
            f" ({number(row['lower'])} to {number(row['upper'])}) of the actual total, {in_percent(effect)}"
        )
        yield Statement(
            "customers", name, row["expected"], row["lower"], row["upper"], row["actual"], effect,
            DECILE_MATTERS, row["p_value"], sentence, _ADVICE_DECILE,
        )  # fmt: skip


def coverage_statements(period: Period, random_state: int = 0) -> Iterator[Statement]:
    """Share of customers inside their own 90 % interval, against the nominal share.

    Outcomes are whole numbers, or zero for many, so that intervals cover at least their nominal share: only
    less is a deviation. At most 5,000 customers, drawn at random, are simulated.
    """
    model, parts = period.model, period.split
    if not isinstance(model, SupportsValueIntervals):
        return
    drawn = parts.calibration
    if len(drawn) > _SAMPLE:
        drawn = drawn.sample(_SAMPLE, random_state=random_state)
        drawn.attrs = dict(parts.calibration.attrs)
    try:
        intervals = _at_horizon(model, period.duration).predict_interval(drawn)
    except ClvmlError:
        return
    actual = actual_outcomes(parts.holdout.loc[drawn.index])
    for quantity, outcome in (("purchases", "purchases"), ("clv", period.outcome)):
        if f"{quantity}_lower" in intervals and (quantity, outcome) != ("clv", "purchases"):
            tolerance = 1e-9 * actual[outcome].abs().max()
            inside = (intervals[f"{quantity}_lower"] - tolerance <= actual[outcome]) & (
                actual[outcome] <= intervals[f"{quantity}_upper"] + tolerance
            )
            yield _coverage(outcome, int(inside.sum()), len(drawn))


def _coverage(outcome: str, inside: int, n: int) -> Statement:
    lower, upper = (float(stats.binom.ppf(q, n, COVERAGE)) / n for q in (0.05, 0.95))
    share = inside / n
    own = stats.binomtest(inside, n).proportion_ci(COVERAGE)
    name = f"customers inside their interval of {outcome}"
    sentence = (
        f"{name}: {100 * share:.1f} % ({100 * own.low:.1f} to {100 * own.high:.1f}) of {n:,}, nominal"
        f" {100 * COVERAGE:.0f} % ({100 * lower:.1f} to {100 * upper:.1f}, or more)"
    )
    return Statement(
        "customers", name, COVERAGE, lower, 1.0, share, min(share - COVERAGE, 0.0), COVERAGE_MATTERS,
        float(stats.binom.cdf(inside, n, COVERAGE)), sentence, _ADVICE_COVERAGE,
    )  # fmt: skip
