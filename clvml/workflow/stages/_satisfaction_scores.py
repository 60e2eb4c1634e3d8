"""Satisfaction and recommendation in the report: by segment, stage and period, and who answered."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd

from clvml import plots
from clvml.survey import nonresponse, satisfaction_over_time, satisfaction_scores, weighted_scores
from clvml.workflow._findings import Figure, Finding, Metrics, Table, Words
from clvml.workflow._formatting import Column, heading
from clvml.workflow._stage import Context
from clvml.workflow.stages._satisfaction import Voices
from clvml.workflow.stages._satisfaction_cells import FEW, FILES, ends_text, present, with_ends, with_interval

SCORE_COLUMNS = {
    "answers": Column("answers", "{:,}"),
    "mean": Column("mean"),
    "satisfied": Column("satisfied (4, 5)"),
    "dissatisfied": Column("under 3"),
    "alarm": Column("alarm"),
    "nps": Column("net promoter score"),
}
CHANGE_COLUMNS = {
    "answers": Column("answers", "{:,}"),
    "mean": Column("mean", "{:.2f}"),
    "satisfied": Column("satisfied (4, 5)", "{:.0%}"),
    "satisfied_change": Column("change of satisfied"),
    "dissatisfied": Column("under 3", "{:.0%}"),
    "alarm": Column("alarm"),
    "nps": Column("net promoter score", "{:+.0f}"),
    "nps_change": Column("change of score"),
}
NONRESPONSE_COLUMNS = {
    "answered": Column("answered", "{:,.2f}"),
    "not_answered": Column("did not answer", "{:,.2f}"),
    "difference": Column("difference", "{:+,.2f}"),
    "interval": Column("interval"),
    "p_value": Column("p", "{:.3f}"),
}
WEIGHTED_COLUMNS = {
    "answered": Column("of those who answered", "{:,.2f}"),
    "weighted": Column("weighted to all customers", "{:,.2f}"),
    "interval": Column("interval"),
}


def scores(context: Context, voices: Voices) -> Iterator[Finding]:
    """Satisfaction and recommendation: in total, by segment, by stage, over time; who answered."""
    if voices.answers is None:
        return
    section, answers = context.config.survey, voices.answers
    options: dict[str, Any] = {"count": section.answers, "alarm": section.alarm, "level": section.level}
    segments = voices.segments if answers.of_customers else None
    own = segments if "segment" not in answers.table else None
    table = satisfaction_scores(answers, own, **options)
    total = dict(table.loc["all"])
    yield Words(describe_scores(total, answers.of_customers, len(voices.customers)), printed=True)
    if total["alarm"].startswith("too many"):
        yield Words(
            f"Too many customers score under 3 of 5 ({total['dissatisfied']:.0%}, at least"
            f" {total['dissatisfied_lower']:.0%}; acceptable: {section.alarm:.0%}): find out why.",
            answers="act",
        )
    yield Words(
        f"Of several answers of a customer the {section.answers} counts. Alarm: too many are under 3 if the"
        f" whole exact interval of their share is above {section.alarm:.0%}; perhaps, if the share is."
        " Net promoter score: share of 9 and 10 less share of 0 to 6, in points.",
        style="note",
        runs=(),
    )
    yield scores_table("satisfaction_scores", table)
    yield Metrics({"sat_mean": total["mean"], "under_3": total["dissatisfied"]}, in_report=False)
    yield from score_figures(table)
    stages = voices.customers.get("stage") if answers.of_customers else None
    if stages is not None:
        yield scores_table(
            "satisfaction_by_stage",
            satisfaction_scores(answers, stages, **options),
            folded="By stage of the lifecycle",
        )
    yield from over_time(context, voices, options)
    if answers.of_customers:
        yield from who_answered(context, voices)


def over_time(context: Context, voices: Voices, options: dict[str, Any]) -> Iterator[Finding]:
    """The scores by period."""
    period, answers = context.config.survey.period, voices.answers
    if answers is None or "date" not in answers.table:
        return
    if answers.table["date"].dt.to_period(period).nunique() < 2:
        return
    table = satisfaction_over_time(answers, period, **options)
    shown = with_ends(table, satisfied_change="{:+.0%}", nps_change="{:+.0f}")
    shown.index = pd.Index([f"{day:%Y-%m-%d}" for day in table.index], name="period from")
    yield Table(
        "satisfaction_over_time", table, display=shown, columns=present(CHANGE_COLUMNS, shown),
        title="Satisfaction over time", file=FILES,
    )  # fmt: skip
    draw = partial(plots.satisfaction_over_time, table)
    yield Figure("satisfaction_over_time", "Satisfaction over time", draw, (8.5, 4.4))


def who_answered(context: Context, voices: Voices) -> Iterator[Finding]:
    """Non-response: who answered, and the scores weighted to all customers."""
    section, customers, answers = context.config.survey, voices.customers, voices.answers
    assert answers is not None
    table = nonresponse(customers, answers, level=section.level)
    row = table.loc["clv"]
    differs = "differ" if row["p_value"] < 1 - section.level else "are not shown to differ"
    yield Words(
        f"{table.attrs['answered']:,} of {table.attrs['customers']:,} customers answered. In value they"
        f" {differs} from the others ({row['answered']:,.2f} against {row['not_answered']:,.2f}).",
        title="Who answered",
        runs=(),
    )
    shown = with_interval(table.rename(index=heading).rename_axis("mean of"), "{:+,.2f}")
    yield Table("nonresponse", table, display=shown, columns=NONRESPONSE_COLUMNS, file=FILES)
    weighted = weighted_scores(customers, answers, count=section.answers, level=section.level)
    shown = with_interval(weighted, "{:,.2f}")
    yield Table("weighted_scores", weighted, display=shown, columns=WEIGHTED_COLUMNS, file=FILES)


def score_figures(table: pd.DataFrame) -> Iterator[Finding]:
    """Shares and net promoter score by group."""
    rows = table.head(FEW)
    size = (8.5, 1.9 + 0.5 * len(rows))
    draw = partial(plots.satisfaction_shares, rows)
    yield Figure("satisfaction_shares", "Satisfied and dissatisfied customers", draw, size)
    if "nps" in table and table["nps"].notna().any():
        draw = partial(plots.net_promoter_score, rows)
        yield Figure("net_promoter_score", "Net promoter score", draw, size)


def scores_table(name: str, table: pd.DataFrame, folded: str = "") -> Table:
    """A table of scores by group."""
    shown = with_ends(table, mean="{:.2f}", satisfied="{:.0%}", dissatisfied="{:.0%}", nps="{:+.0f}")
    return Table(
        name, table, display=shown, columns=present(SCORE_COLUMNS, shown), file=FILES, folded=folded
    )  # fmt: skip


def describe_scores(total: dict[str, Any], of_customers: bool, customers: int) -> str:
    """The scores of all in sentences."""
    among = (
        f" of {customers:,} customers"
        if of_customers
        else " respondents"
        if total["answers"] != 1
        else " respondent"
    )
    text = (
        f"{total['answers']:,}{among} gave a score: {total['mean']:.2f} of 5 on average"
        f" ({total['mean_lower']:.2f} to {total['mean_upper']:.2f}); {total['satisfied']:.0%} are satisfied"
        f" ({_range(total, 'satisfied', '{:.0%}')}), {total['dissatisfied']:.0%} are under 3"
        f" ({_range(total, 'dissatisfied', '{:.0%}')}): {total['alarm']}."
    )
    if total.get("recommend_answers"):
        text += f" Net promoter score {total['nps']:+.0f} ({_range(total, 'nps', '{:+.0f}')})."
    return text


def _range(total: dict[str, Any], name: str, pattern: str) -> str:
    return ends_text(total[f"{name}_lower"], total[f"{name}_upper"], pattern)
