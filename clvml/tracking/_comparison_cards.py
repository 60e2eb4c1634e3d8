"""What a comparison knows of its models, for their cards."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pandas as pd

from clvml.customers._fingerprint import fingerprint
from clvml.customers._split import Split
from clvml.customers._time_units import time_unit_of
from clvml.customers._training_summary import training_summary
from clvml.customers._transactions import Transactions
from clvml.evaluation._backtest_result import Backtest
from clvml.evaluation._model_comparison import ModelComparison
from clvml.evaluation._table_metrics import DEFAULT_METRICS
from clvml.lifetime_value._protocol import ValueModel
from clvml.scoring._card import ModelCard

STEPS = 4  # horizons of totals, up to the duration of the holdout
COVERAGE = 0.9


def comparison_card(
    latest: ModelComparison, name: str, title: str, backtest: Backtest | None = None
) -> ModelCard:
    """The card of a contender as it was compared: fitted to the calibration period.

    Parameters
    ----------
    latest : ModelComparison
    name, title : str
        The contender in the comparison, and its name to display.
    backtest : Backtest, optional
        That ``latest`` is from.
    """
    status = latest.verdict.scores["status"].get(name, "not evaluated")
    card = ModelCard(
        title=title, verdict=f"In the verdict: {status}.", scores=_scores(latest, name, backtest)
    )
    split = latest.split
    if split is None:
        return card
    window = window_card(split.calibration, split.calibration_end, split)
    return card.with_evidence(window)


def window_card(customers: pd.DataFrame, until: pd.Timestamp, split: Split) -> ModelCard:
    """The data of a fit: the customers, when they were observed, and by which rules.

    Parameters
    ----------
    customers : pandas.DataFrame
        Their summary.
    until : Timestamp
        The last day of their observation.
    split : Split
        Whose holdout validates predictions: they were validated for as long as it lasts.
    """
    seen = training_summary(customers)
    length = pd.Timedelta(days=split.duration * time_unit_of(split.time_unit).days)
    first = None if "first_purchase" not in customers else customers["first_purchase"].min()
    return ModelCard(
        time_unit=split.time_unit,
        observed_from=None if first is None else f"{first:%Y-%m-%d}",
        observed_until=f"{until:%Y-%m-%d}",
        n_customers=len(customers),
        seen=seen,
        policy={} if split.transactions is None else policy_of(split.transactions, split.collapse),
        fingerprint=None if split.transactions is None else fingerprint(split.transactions),
        warranty={"until": f"{until + length:%Y-%m-%d}", "longest_T": seen["T"]["maximum"]},
    )


def policy_of(transactions: Transactions, collapse: str | None) -> dict[str, Any]:
    """The rules by which rows became purchases."""
    rules = {key: str(value) for key, value in dataclasses.asdict(transactions.policy).items()}
    return rules | {"collapse": collapse or "none"}


def totals_of(
    found: Backtest, name: str, fitted: ValueModel, customers: pd.DataFrame
) -> dict[str, dict[str, Any]]:
    """The totals of a card: what the customers are predicted to do next, by outcome, with intervals.

    Parameters
    ----------
    found : Backtest
    name : str
        The model in the backtest.
    fitted : ValueModel
        The same, fitted to the customers.
    customers : pandas.DataFrame
    """
    longest = found.horizons[0]
    horizons = [longest * step / STEPS for step in range(1, STEPS + 1)]
    table = found.expected_totals(name, fitted, customers, horizons, COVERAGE).dropna()
    rows: dict[str, list[dict[str, float]]] = {}
    for outcome, *numbers in table.reset_index().itertuples(index=False, name=None):
        row = dict(zip(("horizon", "value", "lower", "upper"), map(float, numbers), strict=True))
        rows.setdefault(outcome, []).append(row)
    return {
        outcome: {**of_outcome[-1], "coverage": COVERAGE, "by_horizon": of_outcome}
        for outcome, of_outcome in rows.items()
        if of_outcome[-1]["horizon"] == longest
    }


def _scores(latest: ModelComparison, name: str, backtest: Backtest | None) -> dict[str, dict[str, Any]]:
    """Each default metric on the latest holdout with its interval, and at every origin."""
    ends = latest.draws.intervals(latest.verdict.level).to_dict("index")
    scores = latest.table.loc[[name]].to_dict("records")[0]
    found: dict[str, dict[str, Any]] = {}
    for metric in DEFAULT_METRICS:
        if metric in scores and math.isfinite(scores[metric]):
            found[metric] = {"value": float(scores[metric]), **_ends(ends.get((name, metric), {}))}
            if by_origin := _by_origin(backtest, name, metric):
                found[metric]["by_origin"] = by_origin
    return found


def _ends(row: Any) -> dict[str, float]:
    ends = {end: float(row[end]) for end in ("lower", "upper") if end in row}
    return ends if all(map(math.isfinite, ends.values())) else {}


def _by_origin(backtest: Backtest | None, name: str, metric: str) -> list[dict[str, Any]]:
    if backtest is None:
        return []
    tables = {origin: each.table for origin, each in backtest.at().items() if name in each.table.index}
    values = {origin: table[metric].to_dict()[name] for origin, table in tables.items() if metric in table}
    return [
        {"origin": f"{origin:%Y-%m-%d}", "value": float(value)}
        for origin, value in values.items()
        if math.isfinite(value)
    ]
