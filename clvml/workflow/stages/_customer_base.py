"""The customer base: cohorts by age, and the five lenses of the customer-base audit.

Tables are by the period of ``[customer_base]``. Where there are too many periods for a figure, figures and
words are by a longer one, as the chapter says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal, get_args

import pandas as pd
from pydantic import Field

from clvml import plots
from clvml.customer_base._audit import CustomerBaseAudit, audit_of
from clvml.customer_base._customer_periods import customer_periods
from clvml.customers._split import Split
from clvml.customers._time_units import time_unit_of
from clvml.customers._transactions import Transactions
from clvml.errors import InputError
from clvml.plots._cohort_heat_maps import heat_map_size
from clvml.plots._cohorts import MEASURES
from clvml.workflow._findings import Figure, Finding, Metrics, Table, Words
from clvml.workflow._formatting import Column
from clvml.workflow._section import Section
from clvml.workflow._stage import Context, Stage
from clvml.workflow.stages._reading import outcome_of

SECTION = "The customer base"
FILES = "customer_base/{}.csv"
MOST_PERIODS = 24  # of a figure by cohort
LONGER = {"W": "M", "M": "Q", "Q": "Y"}
LONG_TABLE = 12
AGES_SHOWN = 8  # columns of a table that fits on paper
Measure = Literal["customers", "orders", "revenue", "average_order_value", "retention", "cumulative_value"]
IN_REPORT = ("retention", "cumulative_value")
COUNT, MONEY, MEAN, SHARE = "{:,.0f}", "{:,.2f}", "{:,.2f}", "{:.1%}"


class CustomerBaseSection(Section):
    """Cohorts and the customer-base audit."""

    period: Literal["W", "M", "Q", "Y"] = "M"
    """Length of a cohort and unit of its age: W, M, Q or Y. With more than 24 of them, the report is by a
    longer one."""
    cohort: str | None = None
    """The cohort to follow as it ages, such as 1997-01. Default: the largest of those followed for long."""
    age: int | None = Field(default=None, ge=0)
    """Age in periods at which cohorts are compared. Default: 8 weeks, 3 months, 2 quarters or 1 year."""
    heat_maps: tuple[Measure, ...] = get_args(Measure)
    """The measures of which a heat map by cohort and age is drawn; the report shows retention and
    cumulative_value, the others are in the folder."""


DECILE_COLUMNS = {
    "customers": Column("customers", COUNT),
    "spend_per_customer": Column("spend", MONEY),
    "orders_per_customer": Column("orders", MEAN),
    "average_order_value": Column("order value", MONEY),
    "revenue": Column("revenue", COUNT),
    "profit": Column("profit", COUNT),
    "share": Column("share", SHARE),
    "cumulative_share": Column("cumulative share", SHARE),
}
STATUS_COLUMNS = {
    "customers": Column("customers", COUNT),
    "orders_before": Column("orders before", COUNT),
    "orders_after": Column("orders after", COUNT),
    "revenue_before": Column("revenue before", MONEY),
    "revenue_after": Column("revenue after", MONEY),
    "change": Column("change", "{:+,.2f}"),
}
DRIVER_COLUMNS = {
    "before": Column("before", MEAN),
    "after": Column("after", MEAN),
    "change": Column("change", "{:+.1%}"),
    "contribution": Column("contribution", "{:+,.0f}"),
}
AGE_COLUMNS = {
    "customers": Column("who bought", COUNT),
    "retention": Column("retention", SHARE),
    "orders_per_customer": Column("orders per buyer", MEAN),
    "average_order_value": Column("order value", MONEY),
    "revenue": Column("revenue", MONEY),
    "value_per_customer": Column("revenue per acquired customer", MONEY),
    "cumulative_value": Column("cumulative", MONEY),
}
COHORT_COLUMNS = {
    "customers": Column("customers", COUNT),
    "first_orders_per_customer": Column("orders in first period", MEAN),
    "first_order_value": Column("order value in first period", MONEY),
    "first_spend": Column("spend in first period", MONEY),
    "repeat_rate": Column("second order by then", SHARE),
    "retention": Column("bought at that age", SHARE),
    "cumulative_value": Column("cumulative value by then", MONEY),
}
BASE_COLUMNS = {
    "customers": Column("who bought", COUNT),
    "new_customers": Column("new", COUNT),
    "orders": Column("orders", COUNT),
    "orders_per_customer": Column("orders per buyer", MEAN),
    "average_order_value": Column("order value", MONEY),
    "revenue": Column("revenue", MONEY),
    "share_new": Column("share of new customers", SHARE),
}


def find(context: Context) -> Iterator[Finding]:
    """The whole base, one period, two periods, one cohort, all cohorts: in words, figures, tables."""
    try:
        given, shown = audits(context)
    except InputError as error:
        context.say(f"customer base: {error}")
        text = str(error)
        yield Words(f"{text[:1].upper()}{text[1:]}", style="note")
        return
    yield Words(describe_counting(given, shown), style="note", runs=())
    yield Table("cohorts", given.table.reset_index(), file=FILES, in_report=False)
    yield Metrics(metrics(shown), in_report=False)
    said = shown.describe(context.config.value.currency)
    currency = context.config.value.currency
    for lens in (whole_base, one_period, two_periods, one_cohort, all_cohorts):
        yield from lens(shown, said, currency)
    yield from heat_maps(shown, context.config.customer_base.heat_maps, currency)


def audits(context: Context) -> tuple[CustomerBaseAudit, CustomerBaseAudit]:
    """The audit by the config's period, and that of the report: by a longer one, if there are too many."""
    section = context.config.customer_base
    given = shown = audit_by(context, section.period, section.cohort, section.age)
    while shown.base["complete"].sum() > MOST_PERIODS and shown.period in LONGER:
        shown = audit_by(context, LONGER[shown.period])
    return given, shown


def audit_by(
    context: Context, period: str, cohort: str | None = None, age: int | None = None
) -> CustomerBaseAudit:
    """The audit of the run's purchases."""
    split = context[Split]
    with customer_periods(
        context[Transactions],
        period,
        observation_end=split.observation_end,
        collapse=split.collapse,
        has_money=outcome_of(context) == "revenue",
    ) as base:
        return audit_of(base, context.config.value.margin, cohort, age)


def describe_counting(given: CustomerBaseAudit, shown: CustomerBaseAudit) -> str:
    """How cohorts and ages are counted, and what is left out."""
    unit = time_unit_of(shown.period).name
    base = shown.base
    text = (
        f"A cohort is the customers whose first purchase was in the same {unit}; its age is the number of"
        f" {unit}s since then. If the shop had customers before {base.index[0]:%Y-%m-%d}, when the purchases"
        " begin, its first cohorts have them too, and look more loyal than new customers are."
    )
    if shown is not given:
        many = int(given.base["complete"].sum())
        text += (
            f" There are {many:,} {time_unit_of(given.period).name}s: this chapter is by {unit};"
            f" {FILES.format('cohorts')} has all."
        )
    if not base["complete"].all():
        text += f" The last {unit}, from {base.index[-1]:%Y-%m-%d}, was observed in part and is left out."
    return text


def metrics(audit: CustomerBaseAudit) -> dict[str, float]:
    """The numbers by which runs are compared."""
    found = {"base_customers": float(audit.profile.totals["customers"])}
    if len(audit.profile.deciles) == 10:
        found["top_tenth"] = float(audit.profile.deciles["share"].iloc[0])
    if audit.comparison is not None:
        stayed = audit.comparison.stayed.sum()
        if stayed["customers"]:
            found["stayed"] = float(stayed["stayed"] / stayed["customers"])
    if audit.cohorts.trend.change == audit.cohorts.trend.change:
        found["repeat_trend"] = audit.cohorts.trend.change
    return found


def whole_base(audit: CustomerBaseAudit, said: dict[str, str], currency: str) -> Iterator[Finding]:
    """Lens 5: revenue by cohort over time, and its factors."""
    yield Words(
        said["base"], title="The whole base", lead="A band that stays wide is a cohort that keeps buying."
    )
    yield figure(plots.revenue_by_cohort, "revenue_by_cohort", "Revenue by cohort", audit.table, currency)
    yield figure(
        plots.base_over_time,
        "base_over_time",
        "The customer base over time",
        audit.base,
        currency,
        (8.0, 5.4),
    )
    yield Table(
        "base_over_time",
        audit.base,
        display=audit.base[audit.base["complete"]]
        .set_axis(period_names(audit), axis=0)
        .rename_axis("period"),
        columns=BASE_COLUMNS,
        file=FILES,
        folded=f"By {time_unit_of(audit.period).name}",
    )


def one_period(audit: CustomerBaseAudit, said: dict[str, str], currency: str) -> Iterator[Finding]:
    """Lens 1: deciles and distributions."""
    profile = audit.profile
    yield Words(
        said["period"],
        title="One period in depth",
        lead="The first tenth shows how far the base rests on few customers.",
        runs=(),
    )
    if profile.deciles["share"].notna().any():
        draw = partial(plots.revenue_deciles, profile.deciles, currency=currency)
        yield Figure("revenue_deciles", "Share of each tenth of customers", draw)
    distributions = {
        "number of orders": profile.by_orders,
        "spend": profile.by_spend,
        "order value": profile.by_order_value,
    }
    for by, table in distributions.items():
        if table is not None:
            name = f"customers_by_{by.removeprefix('number of ').replace(' ', '_')}"
            draw = partial(plots.customer_distribution, table, currency=currency)
            size = (8.0, max(1.6 + 0.36 * len(table), 4.0))
            yield Figure(name, f"Customers by {by}", draw, size, in_report=table is profile.by_orders)
            yield Table(name, table, file=FILES, in_report=False, runs=())  # its ends are of single customers
    yield Table(
        "revenue_deciles",
        profile.deciles,
        columns=DECILE_COLUMNS,
        file=FILES,
        folded="Tenths of customers",
        runs=(),  # likewise
    )


def two_periods(audit: CustomerBaseAudit, said: dict[str, str], currency: str) -> Iterator[Finding]:
    """Lens 2: the bridge between two revenues."""
    yield Words(
        said["comparison"],
        title="Two periods compared",
        lead="The bridge shows who was lost, and who replaced them.",
        runs=(),
    )
    compared = audit.comparison
    if compared is None:
        return
    draw = partial(plots.period_bridge, before=compared.before, after=compared.after)
    yield figure(draw, "period_bridge", "Who came, stayed and lapsed", compared.customers, currency)
    yield Table("period_comparison", compared.customers, columns=STATUS_COLUMNS, file=FILES)
    yield Table(
        "growth_drivers", compared.drivers, columns=DRIVER_COLUMNS, file=FILES, folded="The change by factor"
    )
    yield Words(
        f"Before is {compared.before}, after is {compared.after}; each customer counts once. The changes lead"
        " from one to the other.",
        style="note",
        runs=(),
    )


def one_cohort(audit: CustomerBaseAudit, said: dict[str, str], currency: str) -> Iterator[Finding]:
    """Lens 3: one cohort as it ages."""
    yield Words(
        said["cohort"],
        title="One cohort as it ages",
        lead="Where the first line levels off, those who remain keep buying.",
        runs=(),
    )
    if len(audit.cohort) > 1:
        title = f"Cohort {audit.cohort.attrs['cohort']} by age"
        yield figure(plots.cohort_by_age, "cohort_by_age", title, audit.cohort, currency, (8.0, 5.4))
    yield Table("cohort_by_age", audit.cohort, columns=AGE_COLUMNS, file=FILES, folded="By age")


def all_cohorts(audit: CustomerBaseAudit, said: dict[str, str], currency: str) -> Iterator[Finding]:
    """Lens 4: cohorts at equal age."""
    yield Words(
        said["cohorts"],
        title="Cohorts compared",
        lead="Compare cohorts at equal age: a dark line below light ones is a recent cohort worth less.",
        runs=(),
    )
    if audit.has_money and len(audit.base) > 1:
        title = "Cumulative value by cohort and age"
        yield figure(plots.cohort_curves, "cohort_curves", title, audit.table, currency)
    cohorts = audit.cohorts.cohorts
    unit = time_unit_of(audit.period).name
    yield Table(
        "cohorts_compared",
        cohorts,
        columns=COHORT_COLUMNS,
        file=FILES,
        folded=f"Cohorts at age {audit.cohorts.age} {unit}{'' if audit.cohorts.age == 1 else 's'}"
        if len(cohorts) > LONG_TABLE
        else "",
    )


def heat_maps(audit: CustomerBaseAudit, measures: tuple[str, ...], currency: str) -> Iterator[Finding]:
    """Cohort by age: what the table has of the measures; retention needs an age of 1."""
    complete = audit.table[audit.table["complete"]]
    shape = complete["customers"].unstack("age").shape
    for measure in measures:
        if measure in audit.table and (shape[1] > 1 or measure != "retention"):
            draw = partial(plots.cohort_heat_map, audit.table, measure=measure, currency=currency)
            title = f"{MEASURES[measure].title}, by cohort and age"
            size = heat_map_size(*shape)
            yield Figure(f"cohort_{measure}", title, draw, size, in_report=measure in IN_REPORT)
    shares = complete["retention"].unstack("age").rename(columns=str).rename_axis(columns=None)
    shown = [age for age in shares if age != "0"][:AGES_SHOWN]
    yield Table(
        "retention",
        shares,
        columns={str(age): Column(f"age {age}", "{:.0%}") for age in shown},
        file=FILES,
        in_report=bool(shown),
        folded="Retention by cohort and age" + (f", to age {shown[-1]}" if shown else ""),
    )


def figure(
    draw: Callable[..., Any],
    name: str,
    title: str,
    table: pd.DataFrame,
    currency: str,
    size: tuple[float, float] = (8.0, 4.8),
) -> Figure:
    """A figure of one table, in the currency of the run."""
    return Figure(name, title, partial(draw, table, currency=currency), size)


def period_names(audit: CustomerBaseAudit) -> list[str]:
    """The names of the complete periods."""
    complete = audit.base.index[audit.base["complete"]]
    return [str(period) for period in pd.DatetimeIndex(complete).to_period(audit.period)]


STAGE = Stage("Auditing the customer base", find, SECTION)
