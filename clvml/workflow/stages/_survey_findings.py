"""The tables, figures and sentences of a survey, part by part of its chapter in the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pandas as pd

from clvml import plots
from clvml.survey import (
    attribute_importance,
    brand_performance,
    compare_brands,
    delivered_value,
    delivered_value_over_time,
    importance_performance,
    performance_over_time,
    priorities,
    rank_gaps,
    step_effects,
)
from clvml.workflow._findings import Figure, Finding, Metrics, Table, Words
from clvml.workflow._formatting import MISSING, Column
from clvml.workflow.stages._surveying import Survey, SurveySection, sentence

FILES = "survey/{}.csv"
FEW = 24  # rows in a figure, and in a table of the report that is not collapsed
Part = Callable[[Survey, SurveySection, "pd.Series | None"], Iterator[Finding]]

VALUE_COLUMNS = {
    "benefit": Column("benefit", "{:.2f}"),
    "cost": Column("cost", "{:.2f}"),
    "difference": Column("benefit less cost", "{:+.2f}"),
    "interval": Column("interval"),
    "ratio": Column("benefit / cost", "{:.2f}"),
    "respondents": Column("respondents", "{:,}"),
}
STEP_COLUMNS = {
    "move": Column("move"),
    "score": Column("mean score", "{:.2f}"),
    "change": Column("change by one step", "{:.2f}"),
    "effect": Column("effect on the difference", "{:+.2f}"),
    "ratio_effect": Column("effect on the ratio", "{:+.2f}"),
    "share_of_gap": Column("share of the gap to the best", "{:.0%}"),
    "probability_closes": Column("P(closes the gap)", "{:.2f}"),
}
IMPORTANCE_COLUMNS = {
    "kind": Column("kind"),
    "stated": Column("stated", "{:.1%}"),
    "derived": Column("derived", "{:.1%}"),
    "derived_interval": Column("interval"),
    "coefficient": Column("coefficient", "{:+.2f}"),
    "inflation": Column("variance inflation", "{:.1f}"),
}
COMPARISON_COLUMNS = {
    "ours": Column("ours", "{:.2f}"),
    "theirs": Column("theirs", "{:.2f}"),
    "difference": Column("difference", "{:+.2f}"),
    "interval": Column("interval"),
    "p_adjusted": Column("adjusted p", "{:.3f}"),
    "p_parity_adjusted": Column("adjusted p of parity", "{:.3f}"),
    "verdict": Column("verdict"),
}
MAP_COLUMNS = {
    "importance": Column("importance", "{:.1%}"),
    "performance": Column("performance", "{:.2f}"),
    "quadrant": Column("quadrant"),
    "quadrant_share": Column("share of resamples", "{:.0%}"),
}
PRIORITY_COLUMNS = {
    "order": Column("order", "{:,}"),
    "importance": Column("importance", "{:.1%}"),
    "gap": Column("gap", "{:+.2f}"),
    "priority": Column("importance x gap", "{:.3f}"),
    "cost": Column("cost", "{:,.0f}"),
    "per_thousand": Column("per 1,000 of cost", "{:.3g}"),
    "first_share": Column("first in resamples", "{:.0%}"),
}
TIME_COLUMNS = {
    "performance": Column("performance", "{:.2f}"),
    "respondents": Column("respondents", "{:,}"),
    "change": Column("change", "{:+.2f}"),
    "interval": Column("interval"),
    "p_adjusted": Column("adjusted p", "{:.3f}"),
    "verdict": Column("verdict"),
}
GAP_COLUMNS = {name: Column(name, "{:g}") for name in ("customers", "company")} | {
    "gap": Column("gap", "{:+g}")
}


def delivered(survey: Survey, section: SurveySection, _: pd.Series | None) -> Iterator[Finding]:
    """The delivered value of each brand, and what one step does to ours."""
    options: dict[str, Any] = {"level": section.level, "random_state": section.random_state}
    found = delivered_value(survey.ratings, survey.brand, **options)
    own = found.brands.loc[survey.brand].to_dict()
    yield Words(
        "Total customer benefit (product, service, personnel, image) less total customer cost (money, time,"
        " energy, psychic cost), as rated, with weights by stated importance if the survey asked for it.",
        title="Delivered value",
    )
    yield Words(describe_value(survey, found.brands, found.gaps), printed=True)
    shown = with_interval(found.brands, "difference")
    yield Table(
        "delivered_value", found.brands, columns=VALUE_COLUMNS, display=shown, file=FILES, marked=survey.brand
    )
    yield from (Words(f"{sentence(note)}.", style="note") for note in found.notes)
    yield Table("delivered_value_parts", found.parts, file=FILES, in_report=False)
    yield Table("delivered_value_gaps", found.gaps, file=FILES, in_report=False)
    yield Metrics({"value_diff": float(own["difference"])}, in_report=False)
    if own["ratio"] == own["ratio"]:
        yield Metrics({"value_ratio": float(own["ratio"])}, in_report=False)
    rows = found.brands.head(FEW)
    yield figure("delivered_value", "Delivered value by brand", plots.delivered_value, rows, 0.55)
    steps = step_effects(survey.ratings, **options)
    ours = steps.loc[[survey.brand]]
    yield Words(
        "One step raises a benefit, or lowers a cost, by one point of the scale in every answer that"
        " leaves room.",
        title=f"One step in each attribute: {survey.brand}",
    )
    yield Table(
        "step_effects",
        steps,
        columns=STEP_COLUMNS,
        display=ours.droplevel(0),
        file=FILES,
        folded=folded(ours),
    )
    yield figure("step_effects", "Effect of one step on delivered value", plots.step_effects, ours.head(FEW))


def importance(survey: Survey, section: SurveySection, _: pd.Series | None) -> Iterator[Finding]:
    """Stated and derived importance, and the company's order against the customers'."""
    found = attribute_importance(survey.ratings, level=section.level, random_state=section.random_state)
    derived = f" They explain {found.r_squared:.0%} of its variance within brands." if found.rows else ""
    yield Words(
        "Stated importance is what customers say; derived importance is the share of an attribute in the"
        " variance of the overall score that all attributes explain (relative weights: coefficients of a"
        f" regression mislead where attributes are rated alike).{derived}",
        title="Importance of the attributes",
    )
    yield from (Words(f"{sentence(note)}.", style="note") for note in found.notes)
    shown = found.table.assign(derived_interval=interval_text(found.table, "derived", "{:.1%}"))
    columns = {name: c for name, c in IMPORTANCE_COLUMNS.items() if not _is_empty(shown, name)}
    yield Table("attribute_importance", found.table, columns=columns, display=shown, file=FILES)
    rows = found.table.head(FEW)
    yield figure(
        "attribute_importance", "Stated and derived importance", plots.attribute_importance, rows, 0.42
    )
    if section.company_order:
        kind = "stated" if found.table["stated"].notna().all() else "derived"
        ranks = found.table[kind].rank(ascending=False)
        yield from _company_order(ranks, section.company_order, kind)


def compared(survey: Survey, section: SurveySection, segments: pd.Series | None) -> Iterator[Finding]:
    """Points of difference and of parity, for all respondents and by segment."""
    performance = brand_performance(survey.ratings, level=section.level, random_state=section.random_state)
    yield Table("brand_performance", performance, file=FILES, in_report=False)
    if survey.competitor is None:
        yield Words(f"Only {survey.brand} was rated: there is no comparison with a competitor.", style="note")
        return
    options: dict[str, Any] = {
        "margin": section.parity_margin, "correction": section.correction, "level": section.level,
    }  # fmt: skip
    table = compare_brands(survey.ratings, survey.brand, survey.competitor, **options)
    yield Words(describe_comparison(table), title=f"{survey.brand} against {survey.competitor}", printed=True)
    shown = with_interval(table, "")
    yield Table("brand_comparison", table, columns=COMPARISON_COLUMNS, display=shown, file=FILES)
    title = "Points of difference and points of parity"
    yield figure("brand_comparison", title, plots.brand_comparison, table.head(FEW))
    if segments is None:
        return
    parts = compare_brands(survey.ratings, survey.brand, survey.competitor, by=segments, **options)
    yield Table(
        "brand_comparison_by_segment", parts, columns=COMPARISON_COLUMNS,
        display=flat(with_interval(parts, ""), "segment and attribute"), file=FILES,
        folded="The comparison within each segment",
    )  # fmt: skip


def mapped(survey: Survey, section: SurveySection, _: pd.Series | None) -> Iterator[Finding]:
    """The importance-performance map and the order of improvement."""
    options: dict[str, Any] = {
        "importance": section.importance, "level": section.level, "random_state": section.random_state,
    }  # fmt: skip
    table = importance_performance(survey.ratings, survey.brand, **options)
    kind = table.attrs["importance"]
    yield Words(
        f"Attributes by {kind} importance and by performance, divided at the means of the attributes. The"
        " share of resamples says how sure a quadrant is.",
        title="Importance and performance",
    )
    yield Table("importance_performance", table, columns=MAP_COLUMNS, file=FILES, folded=folded(table))
    draw = partial(plots.importance_performance, table)
    yield Figure("importance_performance", "Importance and performance", draw, (9.0, 5.6))
    against = survey.competitor or "ideal"
    costs = section.improvement_costs or None
    order = priorities(survey.ratings, survey.brand, against, costs=costs, **options)
    yield Words(describe_priorities(order, survey), answers="act")
    yield Words(
        f"Importance x the gap to {'the end of the scale' if survey.competitor is None else against}, largest"
        f" first{', per cost of closing it' if costs else ''}.",
        title="Order of improvement",
    )
    shown = order.assign(per_thousand=1000 * order["priority_per_cost"]) if costs else order
    yield Table("priorities", order, columns=PRIORITY_COLUMNS, display=shown, file=FILES)


def over_time(survey: Survey, section: SurveySection, _: pd.Series | None) -> Iterator[Finding]:
    """Changes since the last period of a repeated survey."""
    table = survey.ratings.table
    if "date" not in table or table["date"].dt.to_period(section.period).nunique() < 2:
        return
    options: dict[str, Any] = {
        "margin": section.parity_margin, "correction": section.correction, "level": section.level,
    }  # fmt: skip
    changes = performance_over_time(survey.ratings, survey.brand, period=section.period, **options)
    last = changes.groupby(level="attribute", sort=False).tail(1).droplevel("period")
    moved = last[last["verdict"].isin(["risen", "fallen"])]
    listed = [f"{name} has {row['verdict']} by {abs(row['change']):.2f}" for name, row in moved.iterrows()]
    said = "; ".join(listed) if listed else "no attribute is shown to have changed since the period before"
    yield Words(f"{sentence(said)}.", title="Changes over time", printed=True)
    shown = flat(with_interval(changes, ""), "attribute and period")
    yield Table(
        "performance_over_time",
        changes,
        columns=TIME_COLUMNS,
        display=shown,
        file=FILES,
        folded="All periods",
    )
    values = delivered_value_over_time(
        survey.ratings, period=section.period, level=section.level, random_state=section.random_state
    )
    yield Table("delivered_value_over_time", values, file=FILES, in_report=False)
    draw = partial(plots.delivered_value_over_time, values)
    yield Figure("delivered_value_over_time", "Delivered value over time", draw, (8.5, 4.6))


PARTS: tuple[Part, ...] = (delivered, importance, compared, mapped, over_time)


def describe_value(survey: Survey, brands: pd.DataFrame, gaps: pd.DataFrame) -> str:
    """Our delivered value, and the difference from the best competitor with its interval."""
    own = brands.loc[survey.brand]
    text = f"{sentence(survey.brand)} delivers {own['benefit']:.2f} of benefit for {own['cost']:.2f} of cost"
    if gaps.empty:
        return f"{text}."
    best = brands.drop(index=survey.brand).index[0]
    gap, lower, upper = gaps.loc[best, ["difference", "difference_lower", "difference_upper"]]
    return (
        f"{text}: a difference of {own['difference']:+.2f} points, {abs(gap):.2f}"
        f" {'more' if gap > 0 else 'less'} than {best}, the best competitor (interval of this gap:"
        f" {lower:+.2f} to {upper:+.2f})."
    )


def describe_comparison(table: pd.DataFrame) -> str:
    """The attributes by verdict."""
    parts = []
    for verdict, words in (
        ("ahead", "Points of difference, ahead"),
        ("behind", "behind"),
        ("parity", f"points of parity (within {table.attrs['margin']:g} points)"),
        ("undecided", "undecided"),
    ):
        names = [str(name) for name in table.index[table["verdict"] == verdict]]
        parts.append(f"{words}: {', '.join(names) if names else 'none'}")
    return f"{'; '.join(parts)}."


def describe_priorities(order: pd.DataFrame, survey: Survey) -> str:
    """What to improve first."""
    behind = order[order["order"].notna() & ~(order["gap_lower"] <= 0)]  # not by chance
    first = behind.head(3)
    if first.empty:
        return (
            f"Survey: {survey.brand} is behind {survey.competitor or 'the end of the scale'} in no attribute."
        )
    what = "below the end of the scale" if survey.competitor is None else f"behind {survey.competitor}"
    listed = [
        f"{name} ({row['importance']:.0%} of importance, {row['gap']:.2f} points {what})"
        for name, row in first.iterrows()
    ]
    return f"Improve first what customers value: {', then '.join(listed)}."


def with_interval(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """With a column of text for the interval of a column; that of columns ``lower, upper`` if it is empty."""
    return table.assign(interval=interval_text(table, name, "{:+.2f}"))


def interval_text(table: pd.DataFrame, name: str, pattern: str) -> list[str]:
    """The intervals of a column as text."""
    ends = [f"{name}_lower", f"{name}_upper"] if name else ["lower", "upper"]
    return [
        MISSING if lower != lower else f"{pattern.format(lower)} to {pattern.format(upper)}"
        for lower, upper in zip(table[ends[0]], table[ends[1]], strict=True)
    ]


def flat(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """A table of two levels with one label per row."""
    labels = [f"{first}: {_day(second)}" for first, second in table.index]
    return table.set_axis(pd.Index(labels, name=name))


def folded(table: pd.DataFrame) -> str:
    """The summary of a collapsed table; none for a short one."""
    return f"All {len(table)} attributes" if len(table) > FEW else ""


def figure(
    name: str, title: str, draw: Callable[..., Any], table: pd.DataFrame, row_height: float = 0.36
) -> Figure:
    """A figure of rows, as tall as they need."""
    return Figure(name, title, partial(draw, table), (8.5, 1.9 + row_height * len(table)))


def _company_order(ranks: pd.Series, company: tuple[str, ...], kind: str) -> Iterator[Finding]:
    gaps = rank_gaps(ranks, company)
    gap = gaps.table["gap"]
    yield Words(
        f"Customers' order of {kind} importance against the company's: rank correlation"
        f" {gaps.correlation:.2f} (p = {gaps.p_value:.2f}). The company overrates {gap.idxmax()} most"
        f" ({gap.max():+g}) and underrates {gap.idxmin()} most ({gap.min():+g}).",
        title="Customers' order and the company's",
    )
    yield Table("rank_gaps", gaps.table, columns=GAP_COLUMNS, file=FILES)
    yield figure("rank_gaps", "Two orders of importance", plots.rank_gaps, gaps.table, 0.4)


def _is_empty(table: pd.DataFrame, name: str) -> bool:
    source = "derived" if name == "derived_interval" else name
    return bool(table[source].isna().all())


def _day(value: object) -> str:
    return f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else str(value)
