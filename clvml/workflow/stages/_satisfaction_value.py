"""Satisfaction and value in the report: what customers are worth by what they say, the holdout."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd

from clvml import plots
from clvml.customers._split import Split
from clvml.inference._fit_warnings import noted_fit_warnings
from clvml.models import BGNBD
from clvml.survey import satisfaction_beyond_behaviour, value_by_satisfaction
from clvml.workflow._findings import Figure, Finding, Metrics, Table, Words
from clvml.workflow._formatting import Column, format_money
from clvml.workflow._stage import Context
from clvml.workflow.stages._satisfaction import Voices
from clvml.workflow.stages._satisfaction_cells import FILES, present, with_ends, with_interval

WORTH_COLUMNS = {
    "customers": Column("customers", "{:,}"),
    "mean": Column("mean value"),
    "total": Column("total value", "{:,.0f}"),
    "share": Column("share of value", "{:.1%}"),
    "at_risk": Column("value at risk", "{:,.0f}"),
}
CLASS_COLUMNS = {
    "customers": Column("customers", "{:,}"),
    "purchases": Column("purchases in the holdout", "{:,.0f}"),
    "expected": Column("expected by behaviour", "{:,.1f}"),
    "ratio": Column("ratio", "{:.2f}"),
}
HOLDOUT_COLUMNS = {
    "behaviour": Column("behaviour", "{:.4f}"),
    "with_satisfaction": Column("with satisfaction", "{:.4f}"),
    "difference": Column("difference", "{:+.4f}"),
    "interval": Column("interval"),
}


def worth(context: Context, voices: Voices) -> Iterator[Finding]:
    """Value, and value at risk, by satisfaction, recommendation and complaint."""
    section = context.config.survey
    answers = voices.answers if voices.answers is not None and voices.answers.of_customers else None
    if answers is None and voices.complaints is None:
        return
    table = value_by_satisfaction(
        voices.customers, answers, voices.complaints, count=section.answers, level=section.level
    )
    said = describe_worth(table, context.config.value.currency)
    yield Words(said, title="What they are worth", printed=True, runs=())
    shown = with_ends(table, mean="{:,.2f}").set_axis([f"{q}: {a}" for q, a in table.index])
    yield Table(
        "value_by_satisfaction", table, display=shown.rename_axis("answer"),
        columns=present(WORTH_COLUMNS, shown), file=FILES,
    )  # fmt: skip
    draw = partial(plots.value_by_satisfaction, table, currency=context.config.value.currency)
    size = (8.5, 1.9 + 0.42 * len(table))
    yield Figure("value_by_satisfaction", "Value by satisfaction", draw, size)


def beyond_behaviour(context: Context, voices: Voices) -> Iterator[Finding]:
    """Whether satisfaction predicts the holdout beyond behaviour."""
    section, answers = context.config.survey, voices.answers
    if answers is None or not answers.of_customers:
        return
    title = "Does satisfaction predict purchases beyond behaviour?"
    if "date" not in answers.table:
        yield Words(
            "The answers have no dates: whether they were given before the holdout is not known, so that"
            " there is no such test.",
            title=title,
            style="note",
            runs=(),
        )
        return
    with noted_fit_warnings("satisfaction as a covariate"):
        found = satisfaction_beyond_behaviour(
            context[Split], answers, model=BGNBD(prior="auto"), count=section.answers, level=section.level,
            random_state=section.random_state,
        )  # fmt: skip
    effect = found.holdout_effect
    yield Words(describe_beyond(found), title=title, printed=True)
    yield Words(
        f"{found.answered:,} of {found.customers:,} customers answered before the holdout"
        f" ({found.after_calibration:,} only later: they count as not answering). In the calibration, the"
        f" covariate has a likelihood ratio of {found.test.statistic:.1f} on"
        f" {found.test.degrees_of_freedom} degrees of freedom (p = {found.test.p_value:.2g}): that"
        " alone may be an effect of past purchases on satisfaction.",
        style="note",
        runs=(),
    )
    yield Table("satisfaction_holdout", found.by_class, columns=CLASS_COLUMNS, file=FILES)
    shown = with_interval(found.scores, "{:+.4f}")
    yield Table(
        "satisfaction_in_models", found.scores, display=shown, columns=HOLDOUT_COLUMNS, file=FILES,
        title="Errors in the holdout, with satisfaction as a covariate and without",
    )  # fmt: skip
    yield Table("satisfaction_coefficients", found.coefficients, file=FILES, in_report=False)
    yield Metrics({"sat_effect": effect["effect"], "sat_p": effect["p_value"]}, in_report=False)


def describe_worth(table: pd.DataFrame, currency: str) -> str:
    """What detractors, the dissatisfied and complainers are worth."""
    wanted = (
        ("recommendation", "detractor", "detractors"),
        ("satisfaction", "dissatisfied", "customers who score under 3"),
        ("complaints", "complained", "customers who complained"),
    )
    parts = []
    for question, answer, words in wanted:
        if (question, answer) not in table.index:
            continue
        row = dict(table.xs((question, answer)))
        at_risk = (
            f", and {format_money(float(row['at_risk']), currency)} more may be lost already"
            if row.get("at_risk", 0) > 0
            else ""
        )
        parts.append(
            f"{row['customers']:,.0f} {words} are worth {format_money(float(row['total']), currency)}"
            f" ({row['share']:.1%} of all value{at_risk})"
        )
    return f"At risk by what customers say: {'; '.join(parts)}." if parts else "Nobody is dissatisfied."


def describe_beyond(found: Any) -> str:
    """The verdict of the holdout."""
    effect, gini = found.holdout_effect, found.scores.loc["gini"]
    size = (
        f"a point more goes with {effect['effect']:+.1%} purchases beyond the prediction"
        f" ({effect['lower']:+.1%} to {effect['upper']:+.1%}, p = {effect['p_value']:.2g})"
    )
    better = "ranks customers better" if gini["lower"] > 0 else "is not shown to rank customers better"
    if found.tells:
        return f"Satisfaction predicts the holdout beyond behaviour: {size}. The model with it {better}."
    return f"Satisfaction is not shown to predict the holdout beyond behaviour: {size}."
