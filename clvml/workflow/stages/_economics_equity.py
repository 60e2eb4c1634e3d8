"""Customer equity with those to come, and revenue of new and existing customers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from clvml import plots
from clvml.customers._summary import summarize
from clvml.customers._time_units import time_unit_of
from clvml.lifetime_value.economics._equity_projection import (
    Acquisitions,
    equity_projection,
    expected_acquisitions,
)
from clvml.lifetime_value.economics._new_customer import new_customer_value
from clvml.lifetime_value.economics._revenue_sources import (
    LoyalAgainstNew,
    loyal_against_new,
)
from clvml.workflow._findings import Figure, Finding, Metrics, Table, Words
from clvml.workflow._formatting import Column
from clvml.workflow.stages._economics_inputs import Inputs
from clvml.workflow.stages._serving import TOTAL_ENDS

FILES = "economics/{}.csv"
LONG_TABLE = 12
EARLIER = 0.25  # of a horizon: observed before the last one, for customers to be existing in it
EQUITY_COLUMNS = {
    "customers": Column("customers won", "{:,.0f}"),
    "value": Column("value", "{:,.0f}"),
    "cost": Column("acquisition cost", "{:,.0f}"),
    "discount": Column("discount factor", "{:.3f}"),
    "equity": Column("equity", "{:,.0f}"),
    "lower": Column("from", "{:,.0f}"),
    "upper": Column("to", "{:,.0f}"),
}
REVENUE_COLUMNS = {
    "new": Column("new customers", "{:,.2f}"),
    "existing": Column("existing customers", "{:,.2f}"),
    "revenue": Column("revenue", "{:,.2f}"),
    "share_existing": Column("share of existing", "{:.1%}"),
    "new_customers": Column("new buyers", "{:,}"),
    "existing_customers": Column("existing buyers", "{:,}"),
}


def equity_findings(inputs: Inputs) -> Iterator[Finding]:
    """Equity of today's customers and of those to come, with an interval, and its path from revenue."""
    new = inputs.new_value
    if new != new:
        yield Words(
            f"{inputs.served.title} cannot predict a new customer, so that equity is that of today's"
            " customers.",
            title="Customer equity",
        )
        return
    plan, source = acquisitions_of(inputs)
    cost = 0.0 if math.isnan(inputs.cac) else inputs.cac
    table = equity_projection(
        float(inputs.clv.sum()),
        plan,
        new,
        first_purchase=inputs.margin * inputs.first_purchase,
        acquisition_cost=cost,
        annual_discount_rate=inputs.rate,
        years=inputs.section.years,
        present_interval=ends_of_today(inputs),
    )
    yield Words(describe_equity(inputs, table, plan, source, cost), title="Customer equity")
    yield Table("equity", table, columns=EQUITY_COLUMNS, file=FILES, in_report=bool(plan.per_year))
    yield Metrics({"equity_all": float(table["equity"]["total"])}, in_report=False)
    if plan.per_year:
        draw = partial(plots.equity_projection, table, currency=inputs.currency)
        yield Figure("equity", "Customer equity of today's customers and those to come", draw, (7.5, 4.4))
    bridge = revenue_to_equity(inputs, table)
    yield Table(
        "revenue_to_equity",
        bridge,
        title="From revenue to equity",
        columns={"amount": Column(inputs.currency or "money", "{:,.0f}")},
        file=FILES,
    )


def ends_of_today(inputs: Inputs) -> tuple[float, float] | None:
    """The prediction interval of the value of today's customers."""
    intervals = inputs.total_intervals
    if intervals is None:
        return None
    lower, upper = (float(intervals[column]["total"]) for column in TOTAL_ENDS.values())
    return lower, upper


def acquisitions_of(inputs: Inputs) -> tuple[Acquisitions, str]:
    """Acquisitions to expect, and where the number is from."""
    section = inputs.section
    if section.acquisitions is not None:
        return Acquisitions(section.acquisitions, section.growth), "as the config has it"
    monthly = inputs.revenue("M")
    counts = monthly.loc[monthly["complete"], "new_customers"].tail(12)
    if counts.empty:
        return Acquisitions(0.0, section.growth), "no complete month was observed"
    months = "month" if len(counts) == 1 else f"{len(counts)} complete months"
    return expected_acquisitions(counts, 12, section.growth), f"as in the last {months}"


def describe_equity(inputs: Inputs, table: pd.DataFrame, plan: Acquisitions, source: str, cost: float) -> str:
    """Equity with its interval, and what it assumes."""
    total, section = table.loc["total"].astype(float).to_dict(), inputs.section
    lower, upper = (inputs.money(total[end], 0) for end in ("lower", "upper"))
    known = ends_of_today(inputs) is not None
    between = f" ({lower} to {upper} with 90 % probability)" if known or plan.per_year else ""
    if not plan.per_year:
        return (
            f"Customer equity is that of today's customers, {inputs.money(total['equity'], 0)}{between}: no"
            f" customer is expected to be won, {source}. Give acquisitions (per year) in [economics] for"
            " those to come."
        )
    growth = f", growing by {section.growth:.0%} per year" if section.growth else ""
    costs = f"acquisition cost of {inputs.money(cost)}" if cost else "no acquisition cost, as none is given"
    doubt = "the model's error, common to all customers, and for the number won"
    if not known:
        doubt = "the number won only, as the model gives none for today's customers"
    return (
        f"Customer equity is {inputs.money(total['equity'], 0)}{between}: today's customers, and"
        f" {plan.per_year:,.0f} to be won per year ({source}){growth} for {section.years} years, each worth"
        f" {inputs.money(inputs.new_value)} over {inputs.ahead} from being won, less {costs}, and discounted"
        f" at {inputs.rate:.0%} per year from the end of the year. The interval accounts for {doubt}."
    )


def revenue_to_equity(inputs: Inputs, table: pd.DataFrame) -> pd.DataFrame:
    """Expected revenue of today's customers, step by step to equity; the steps add up."""
    undiscounted = float(inputs.predictions.predict(inputs.customers, None, 0.0).sum())
    revenue_ahead = undiscounted / inputs.margin if inputs.margin else 0.0
    today = float(table["equity"].iloc[0])
    steps = {
        f"expected revenue of today's customers over {inputs.ahead}": revenue_ahead,
        "less cost of sales (1 - margin)": undiscounted - revenue_ahead,
        "less discount": today - undiscounted,
        "= value of today's customers": today,
        "customers to be won, less their cost": float(table["equity"].iloc[1:-1].sum()),
        "= customer equity": float(table["equity"].iloc[-1]),
    }
    return pd.DataFrame({"amount": steps}).rename_axis("step")


def revenue_findings(inputs: Inputs) -> Iterator[Finding]:
    """Revenue by tenure, last and next; loyal against new; the cost of losing a customer."""
    table = inputs.revenue(inputs.section.period)
    loyal = loyal_against_new(table)
    yield Words(describe_loyalty(inputs, loyal), title="New and existing customers", runs=())
    yield Metrics({"share_old": loyal.share_existing}, in_report=False)
    draw = partial(plots.revenue_by_tenure, table, currency=inputs.currency)
    yield Figure("revenue_by_tenure", "Revenue of new and existing customers", draw, (8.0, 4.0))
    shown = table.set_axis([f"{day:%Y-%m-%d}" for day in table.index]).rename_axis("period from")
    yield Table(
        "revenue_by_tenure",
        table,
        display=shown,
        columns=REVENUE_COLUMNS,
        file=FILES,
        folded=f"By {inputs.period_name}" if len(table) > LONG_TABLE else "",
    )
    compared = last_and_next(inputs)
    if compared is not None:
        yield Table(
            "revenue_expected",
            compared,
            title="Revenue: last and next",
            columns={
                "last": Column(f"last {inputs.ahead}", "{:,.0f}"),
                "next": Column(f"next {inputs.ahead}, expected", "{:,.0f}"),
                "change": Column("change", "{:+.0%}"),
            },
            file=FILES,
        )
        yield Words(
            "Existing customers were won before the period, new ones within it. Expected new ones are as"
            " many as equity assumes, won evenly over the period.",
            style="note",
            runs=(),
        )
    yield Words(describe_loss(inputs), title="Losing a customer", runs=())


def describe_loyalty(inputs: Inputs, loyal: LoyalAgainstNew) -> str:
    """The share of existing customers in revenue, and how much more they are worth than new ones."""
    customers, parts = inputs.customers, inputs.margin * inputs.customers["total_spend"] + inputs.clv
    again = customers["frequency"] > 0
    worth = float(parts[again].mean()) if again.any() else math.nan
    sentences = []
    if loyal.share_existing == loyal.share_existing:
        sentences.append(
            f"{loyal.share_existing:.0%} of revenue after the first {inputs.period_name} is from existing"
            f" customers: {inputs.money(loyal.existing)} per buyer and {inputs.period_name}, and"
            f" {inputs.money(loyal.new)} per new buyer."
        )
    if worth == worth and inputs.new_value > 0:
        sentences.append(
            f"A customer who has bought again is worth {inputs.money(worth)} (profit so far and expected),"
            f" {worth / inputs.new_value:.1f} times a new one; textbooks say 8 to 10 times."
        )
    return " ".join(sentences) or "Nobody bought after the first period."


def last_and_next(inputs: Inputs) -> pd.DataFrame | None:
    """Revenue of existing and new customers, last and next horizon; None if observed for too short."""
    customers, parts, margin = inputs.customers, inputs.split, inputs.margin
    days = inputs.horizon * time_unit_of(parts.time_unit).days
    start = (pd.Timestamp(parts.observation_end) - pd.Timedelta(days=round(days))).normalize()
    enough = customers["first_purchase"].min() + pd.Timedelta(days=round(days * EARLIER))
    if not margin or start < enough:  # nearly all customers would be new
        return None
    known = summarize(inputs.transactions, start, parts.time_unit, parts.collapse)
    old = customers["total_spend"].reindex(known.index)
    existing = float(old.sum() - known["total_spend"].sum())
    new = float(customers["total_spend"].drop(known.index).sum())
    ahead = float(inputs.predictions.predict(customers, None, 0.0).sum()) / margin
    coming = revenue_of_newcomers(inputs)
    table = pd.DataFrame(
        {"last": [existing, new, existing + new], "next": [ahead, coming, ahead + coming]},
        index=pd.Index(["existing customers", "new customers", "revenue"], name="from"),
    )
    before = table["last"].where(table["last"] > 0)
    return table.assign(change=table["next"] / before - 1)


def revenue_of_newcomers(inputs: Inputs) -> float:
    """Expected revenue within the horizon of customers won evenly over it."""
    plan, _ = acquisitions_of(inputs)
    won = plan.per_year * inputs.horizon / inputs.per_year
    if not won or inputs.new_value != inputs.new_value:
        return 0.0
    left = inputs.horizon * (np.arange(4) + 0.5) / 4  # time left at the middle of each quarter of the horizon
    model = inputs.served.model
    return (
        won
        * float(np.mean([new_customer_value(model, inputs.first_purchase, h, 0.0) for h in left]))
        / (inputs.margin)
    )


def describe_loss(inputs: Inputs) -> str:
    """What losing one active customer costs, with bad word of mouth."""
    values, others = inputs.served.values, inputs.section.others_lost
    alive = values.get("probability_alive")
    active = float(alive.sum()) if alive is not None else float(len(values))
    own = float(values["clv"].sum()) / active if active > 0 else math.nan
    who = "an active customer" if alive is not None else "a customer"
    told = (
        f" With {others:g} others lost by bad word of mouth it is {inputs.money(own * (1 + others))}."
        if others
        else " Bad word of mouth adds as much for each customer who leaves or never comes (others_lost in"
        " [economics])."
    )
    return (
        f"Losing {who} costs {inputs.money(own)}, the expected value over {inputs.ahead} of one who is still"
        f" with you.{told}"
    )
