"""Complaints in the report: who complains, times to answer and to resolve, marks, what is late."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd

from clvml import plots
from clvml.customers._typed_tables import match_ids
from clvml.survey import complainers, complaint_checklist, complaint_curves, complaint_rate, complaint_times
from clvml.workflow._findings import Figure, Finding, Table, Words
from clvml.workflow._formatting import Column, format_money
from clvml.workflow._stage import Context
from clvml.workflow.stages._satisfaction import Voices
from clvml.workflow.stages._satisfaction_cells import FEW, FILES, present, with_ends

RATE_COLUMNS = {
    "customers": Column("customers", "{:,}"),
    "complainers": Column("complained", "{:,}"),
    "rate": Column("share"),
    "repeat": Column("of these repeatedly"),
}
TIME_COLUMNS = {
    "complaints": Column("complaints", "{:,.0f}"),
    "open": Column("not yet", "{:,.0f}"),
    "median": Column("median days"),
    "within": Column("should be within days", "{:g}"),
    "share_within": Column("are within"),
    "late": Column("late", "{:,.0f}"),
}
CHECK_COLUMNS = {
    "customer_id": Column("customer"),
    "topic": Column("topic"),
    "opened": Column("opened"),
    "days_open": Column("days open", "{:.0f}"),
    "late": Column("late"),
    "days_late": Column("days late", "{:.0f}"),
    "value": Column("value", "{:,.2f}"),
}


def complaints(context: Context, voices: Voices) -> Iterator[Finding]:
    """Who complains, times to answer and to resolve, marks, and the checklist."""
    if voices.complaints is None:
        return
    section, found = context.config.survey, voices.complaints
    rules: dict[str, Any] = {"answer_within": section.answer_within, "resolve_within": section.resolve_within}
    rate = complaint_rate(found, voices.customers, voices.segments, section.level)
    who = complainers(found, voices.customers)
    times = complaint_times(found, level=section.level, **rules)
    yield Words(describe_complaints(rate, who, times), title="Complaints", printed=True, runs=())
    shown = with_ends(rate, rate="{:.1%}", repeat="{:.0%}")
    yield Table("complaint_rate", rate, display=shown, columns=RATE_COLUMNS, file=FILES)
    yield Table("complainers", who, file="satisfaction/complainers.csv", in_report=False)
    yield times_table("complaint_times", times)
    if "topic" in found.table and found.table["topic"].nunique() > 1:
        by_topic = complaint_times(found, by="topic", level=section.level, **rules)
        flat = by_topic.set_axis([f"{step}: {topic}" for step, topic in by_topic.index])
        yield times_table("complaint_times_by_topic", by_topic, flat.rename_axis("step"), "By topic")
    draw = partial(plots.complaint_times, complaint_curves(found, section.level), within=(
        section.answer_within, section.resolve_within
    ))  # fmt: skip
    yield Figure("complaint_times", "Time to answer and to resolve", draw, (8.5, 4.4))
    yield from checklist(context, voices, rules)


def checklist(context: Context, voices: Voices, rules: dict[str, Any]) -> Iterator[Finding]:
    """The open complaints, with what is late."""
    assert voices.complaints is not None
    table = complaint_checklist(voices.complaints, values=voices.customers["clv"], **rules)
    late = table[table["late"] != ""]
    if late.empty:
        yield Words(f"{len(table):,} complaints are open; none is late.", title="Checklist", runs=())
        return
    worth = voices.customers["clv"]
    ids = worth.index.isin(complainers_of(late, worth.index))
    money = format_money(float(worth[ids].sum()), context.config.value.currency)
    yield Words(
        f"{len(late):,} complaints are late ({int((late['late'] == 'answer').sum()):,} without an answer):"
        f" answer these customers, who are expected to be worth {money}, the most valuable first.",
        answers="act",
        runs=(),
    )
    yield Words(
        f"{len(table):,} complaints are open, {len(late):,} of them late. Whether there is a line at all"
        " hours, and whether staff are friendly and take responsibility, these data do not say.",
        title="Checklist",
        runs=(),
    )
    shown = late.head(FEW).assign(opened=late["opened"].head(FEW).dt.strftime("%Y-%m-%d"))
    yield Table(
        "complaint_checklist", table, display=shown, columns=present(CHECK_COLUMNS, shown), file=FILES,
        folded=f"The first {len(shown)} late complaints, the most valuable customers first",
    )  # fmt: skip


def complainers_of(table: pd.DataFrame, customers: pd.Index) -> pd.Series:
    """The customers of some complaints, with ids of the customers' type."""
    return match_ids(table["customer_id"], customers)


def times_table(name: str, table: pd.DataFrame, shown: pd.DataFrame | None = None, folded: str = "") -> Table:
    """A table of times to answer and to resolve."""
    shown = with_ends(table if shown is None else shown, median="{:.1f}", share_within="{:.0%}")
    return Table(name, table, display=shown, columns=TIME_COLUMNS, file=FILES, folded=folded)


def describe_complaints(rate: pd.DataFrame, who: pd.DataFrame, times: pd.DataFrame) -> str:
    """Who complains, how fast that is dealt with, and the marks."""
    total, marked = rate.loc["all"], int(who["opportunist"].sum())
    steps = []
    for step, row in times.iterrows():
        median = (
            "no median yet" if row["median"] != row["median"] else f"a median of {row['median']:.1f} days"
        )
        steps.append(f"{step} after {median} ({row['share_within']:.0%} within {row['within']:g})")
    text = (
        f"{total['complainers']:,.0f} customers complained, {total['rate']:.1%} of all"
        f" ({total['rate_lower']:.1%} to {total['rate_upper']:.1%}), {int(who['repeat'].sum()):,} of them"
        f" repeatedly. Complaints are {' and '.join(steps)}; open ones are taken into account."
    )
    if marked:
        text += (
            f" {marked:,} are marked as possible opportunists ({who.attrs['rule']}; chance alone would mark"
            f" {who.attrs['by_chance']:.1f}): a mark to look into, not a verdict."
        )
    return text
