"""Investment and profit: what won customers are worth against their cost, payback, equity, factors, figures.

Values are those of the model to serve, over the horizon and at the discount rate and margin of ``[value]``.
Costs are in ``[economics]``; what needs a cost that is not given is left out, and the report says which key
gives it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pandas as pd

from clvml import plots
from clvml.lifetime_value._protocol import SupportsScenarios
from clvml.lifetime_value.economics._early_value import early_value, expected_early_value
from clvml.lifetime_value.economics._factors import all_factors, factor_tornado
from clvml.lifetime_value.economics._payback import payback_curves, payback_times
from clvml.lifetime_value.economics._profitability import customer_profitability
from clvml.lifetime_value.economics._value_parts import value_parts
from clvml.workflow._findings import Figure, Finding, Metrics, Table, Words
from clvml.workflow._formatting import Column
from clvml.workflow._stage import Context, Stage
from clvml.workflow.stages._economics_equity import equity_findings, revenue_findings
from clvml.workflow.stages._economics_figures import scorecard_findings
from clvml.workflow.stages._economics_inputs import Inputs, check, inputs_of
from clvml.workflow.stages._reading import outcome_of

SECTION = "Investment and profit"
FILES = "economics/{}.csv"
FEW_COHORTS = 12
SAMPLED = 50_000  # at least so many customers are predicted for the tornado

CHANNEL_COLUMNS = {
    "customers": Column("customers", "{:,.0f}"),
    "age": Column("mean age", "{:,.1f}"),
    "so_far": Column("profit so far", "{:,.2f}"),
    "predicted": Column("expected", "{:,.2f}"),
    "worth": Column("worth", "{:,.2f}"),
    "worth_lower": Column("from", "{:,.2f}"),
    "worth_upper": Column("to", "{:,.2f}"),
    "cac": Column("CAC", "{:,.2f}"),
    "clv_to_cac": Column("CLV:CAC", "{:.2f}"),
    "ratio_lower": Column("CLV:CAC from", "{:.2f}"),
    "ratio_upper": Column("CLV:CAC to", "{:.2f}"),
}
PAYBACK_COLUMNS = {
    "customers": Column("customers", "{:,}"),
    "acquisition_cost": Column("CAC", "{:,.2f}"),
    "age": Column("observed until age", "{:,}"),
    "cumulative": Column("margin by then", "{:,.2f}"),
    "balance": Column("balance by then", "{:+,.2f}"),
    "payback": Column("paid back at age", "{:,.0f}"),
    "kind": Column("which is"),
}
TORNADO_COLUMNS = {
    "lower": Column("lower level", "{:,.4g}"),
    "upper": Column("upper level", "{:,.4g}"),
    "value_at_lower": Column("value at lower", "{:,.0f}"),
    "value_at_upper": Column("value at upper", "{:,.0f}"),
    "swing": Column("swing", "{:,.0f}"),
}


@dataclass(frozen=True, eq=False)
class Economics:
    """Customer economics of a run.

    Attributes
    ----------
    customers : pandas.DataFrame
        By customer: the parts of value, the costs so far, the profit and its payback.
    scorecard : pandas.DataFrame
        As from `clvml.scorecard`.
    """

    customers: pd.DataFrame
    scorecard: pd.DataFrame


def find(context: Context) -> Iterator[Finding]:
    """Value of won customers, payback, parts of value, equity, revenue, figures and factors."""
    if outcome_of(context) == "purchases":
        yield Words(
            "The purchases have neither amounts nor a price, so that there is no profit to compute: give a"
            " price in [value] (--price-per-purchase)."
        )
        return
    inputs = inputs_of(context)
    amounts = f"in {inputs.currency}" if inputs.currency else "in the currency of the purchases"
    yield Words(
        f"Amounts are {amounts}, after a margin of {inputs.margin:g}. Expected amounts are by"
        f" {inputs.served.title} over {inputs.ahead}, discounted at {inputs.rate:.0%} per year, unless"
        " something else is said.",
        style="note",
        runs=(),
    )
    yield from won_customers(inputs)
    if inputs.acquisition is not None:
        yield from payback(inputs)
    yield from first_year(inputs)
    customers = parts_by_customer(inputs)
    yield from parts_of_value(inputs, customers)
    yield from equity_findings(inputs)
    yield from revenue_findings(inputs)
    card, findings = scorecard_findings(inputs, customers)
    context.put(Economics(customers, card))
    yield from findings
    yield from factors(inputs, float(card["value"]["retention_rate"]))


def won_customers(inputs: Inputs) -> Iterator[Finding]:
    """What a won customer is worth, first purchase included, against what winning one costs."""
    new, first = inputs.new_value, inputs.margin * inputs.first_purchase
    expected = (
        f"A new customer is expected to be worth {inputs.money(new)} over {inputs.ahead}, the first purchase"
        f" of {inputs.money(first)} included."
        if new == new
        else f"{inputs.served.title} cannot predict a new customer, whose first purchase is worth"
        f" {inputs.money(first)}."
    )
    if new == new and abs(new - first) < 0.005:
        expected += f" {inputs.served.title} expects no repeat purchase of a customer without a history."
    if inputs.acquisition is None:
        yield Words(
            f"{expected} What winning a customer costs is not in the config: with acquisition_cost = 10 in"
            " [economics], by channel or as a file (acquisition), this chapter adds CLV:CAC and payback.",
            title="A won customer",
        )
        yield Metrics({"new_value": new}, in_report=False)
        return
    ratio = new / inputs.cac if inputs.cac else float("nan")
    text = (
        f" Winning one has cost {inputs.money(inputs.cac)}: CLV:CAC is {ratio:.2f}." if ratio == ratio else ""
    )
    yield Words(f"{expected}{text}", title="A won customer")
    yield Metrics({"new_value": new, "cac": inputs.cac, "clv_to_cac": ratio}, in_report=False)
    table = channel_table(inputs)
    yield Table("channels", table, columns=CHANNEL_COLUMNS, file=FILES)
    yield Words(
        f"Per customer: profit so far, and expected over {inputs.ahead}, discounted; from and to are the"
        " ends of the 90 % prediction interval of the group's total, where the model gives one. Groups of"
        " younger customers have had less time.",
        style="note",
        runs=(),
    )
    for notice in inputs.acquisition.notices:
        yield Words(notice, lead="Costs:", style="note", runs=())
    losing = table[(table["clv_to_cac"] < 1) & (table.index != "total")]
    if len(losing):
        names = ", ".join(f"{name} ({row['clv_to_cac']:.2f})" for name, row in losing.iterrows())
        yield Words(
            f"customers won through {names} are worth less than they cost (CLV:CAC below 1): spend less"
            " there, or win other customers.",
            lead="Acquisition:",
            answers="act",
        )


def channel_table(inputs: Inputs) -> pd.DataFrame:
    """Worth of a customer and acquisition cost, by channel and in total."""
    assert inputs.acquisition is not None
    customers = inputs.customers
    unit = pd.Series(inputs.margin * customers["total_spend"], customers.index)
    frame = pd.DataFrame({"age": customers["T"], "so_far": unit, "predicted": inputs.clv})
    total = frame.mean().to_frame("total").T.assign(customers=float(len(frame)))
    intervals = inputs.total_intervals
    table = total
    if inputs.channels is not None:
        groups = inputs.channels.dropna()
        by_group = frame.loc[groups.index].groupby(groups)
        table = pd.concat([by_group.mean().assign(customers=by_group.size().astype(float)), total])
        intervals = inputs.served.total_intervals(customers.loc[groups.index], groups)
        whole = inputs.total_intervals
        if intervals is not None and whole is not None:
            intervals = pd.concat([intervals.drop("total"), whole.loc[["total"]]])
    table = table.rename_axis("channel").assign(worth=table["so_far"] + table["predicted"])
    for end in ("lower", "upper"):
        ends = float("nan") if intervals is None else intervals[f"clv_{end}"].reindex(table.index)
        table[f"worth_{end}"] = table["so_far"] + ends / table["customers"]
    cac = inputs.acquisition.channels["cac"].reindex(table.index)
    positive = cac.where(cac > 0)
    return table.assign(
        cac=cac,
        clv_to_cac=table["worth"] / positive,
        ratio_lower=table["worth_lower"] / positive,
        ratio_upper=table["worth_upper"] / positive,
    )


def payback(inputs: Inputs) -> Iterator[Finding]:
    """Payback as a curve, by channel and by cohort, with the model's expectation beyond what is observed."""
    assert inputs.acquisition is not None
    kinds: dict[str, pd.Series | None] = {"": None, "channel": inputs.channels, "cohort": inputs.cohorts}
    curves = {
        kind: payback_of(inputs, groups) for kind, groups in kinds.items() if groups is not None or not kind
    }
    whole, *others = curves.values()
    times = pd.concat([payback_times(found) for found in curves.values()])
    yield Words(describe_payback(inputs, times.iloc[0]), title="Payback")
    yield Metrics({"payback": float(times["payback"].iloc[0])}, in_report=False)
    for kind, found in curves.items():
        joined = whole if not kind else pd.concat([whole, found])
        if kind or not others:
            draw = partial(plots.payback, joined, period=inputs.period_name, currency=inputs.currency)
            yield Figure(
                f"payback_{kind}".rstrip("_"), f"Payback {f'by {kind}' if kind else ''}".strip(), draw
            )
    many = len(times) > FEW_COHORTS
    yield Table(
        "payback",
        times,
        columns=PAYBACK_COLUMNS,
        file=FILES,
        folded=f"Payback of {len(times)} groups" if many else "",
    )
    yield Table("payback_curves", pd.concat(curves.values()).reset_index(), file=FILES, in_report=False)
    yield Words(
        "Margin less the cost of keeping customers, cumulative per acquired customer and undiscounted; ages"
        f" are in {inputs.period_name}s since the first purchase. Observed as far as half of a group has"
        " been followed, each age from those who were; from then on expected.",
        style="note",
        runs=(),
    )


def payback_of(inputs: Inputs, groups: pd.Series | None) -> pd.DataFrame:
    """Payback curves of all customers, or of groups with a known cost."""
    assert inputs.acquisition is not None
    cost: float | pd.Series = inputs.cac
    if groups is inputs.cohorts:
        cost = cost_of_cohorts(inputs)
    elif groups is not None:
        cost = inputs.acquisition.by_channel
        groups = groups.where(groups.isin(cost.index))
    return payback_curves(
        inputs.transactions,
        inputs.customers,
        cost,
        groups=groups,
        margin=inputs.margin,
        annual_service_cost=inputs.section.service_cost,
        period=inputs.section.period,
        model=inputs.predictions,  # type: ignore[arg-type]  # what it needs of a model: predict and margin
    )


def cost_of_cohorts(inputs: Inputs) -> pd.Series:
    """Acquisition cost per customer of each cohort: that of its period, or that of all."""
    assert inputs.acquisition is not None
    known = inputs.acquisition.periods["cac"].dropna()
    names = pd.DatetimeIndex(known.index).to_period(inputs.section.period).astype(str)
    by_name = pd.Series(known.to_numpy(), names)
    by_name = by_name[~by_name.index.duplicated(keep=False)]  # of periods shorter than a cohort's
    return by_name.reindex(sorted(inputs.cohorts.unique())).fillna(inputs.cac)


def describe_payback(inputs: Inputs, row: pd.Series) -> str:
    """When the mean customer has paid back what winning one cost."""
    cost, unit = inputs.money(row["acquisition_cost"]), inputs.period_name
    if row["kind"] == "not yet":
        return (
            f"By age {row['age']:,.0f} {unit}s a customer has brought {inputs.money(row['cumulative'])} of"
            f" the {cost} that winning one cost: not yet paid back, nor expected to be within"
            f" {row['age'] + 12:,.0f} {unit}s."
        )
    when = (
        "at once, by the first purchase" if row["payback"] == 0 else f"at age {row['payback']:,.0f} {unit}s"
    )
    how = "has paid" if row["kind"] == "observed" else "is expected to pay"
    return f"The mean customer {how} back the {cost} that winning one cost {when}."


def first_year(inputs: Inputs) -> Iterator[Finding]:
    """LTV after 30, 90, 180 and 365 days."""
    cohorts = inputs.cohorts
    table = early_value(inputs.transactions, inputs.customers, cohorts, margin=inputs.margin)
    expected = expected_early_value(inputs.served.model, inputs.first_purchase)
    total = table.xs("all customers", level="group").assign(expected=expected)
    yield Table(
        "early_value",
        total,
        title="Value within the first days",
        columns={
            "customers": Column("customers followed that long", "{:,}"),
            "value": Column("observed per customer", "{:,.2f}"),
            "expected": Column("expected of a new customer", "{:,.2f}"),
        },
        file=FILES,
    )
    followed = table["customers"].map("{:,}".format)
    texts = (table["value"].map("{:,.2f}".format) + " (" + followed + ")").where(table["customers"] > 0, "-")
    cells = texts.unstack("days", sort=False)
    yield Table(
        "early_value_by_cohort",
        table.reset_index(),
        display=cells.rename(columns=lambda days: f"{days:g} days").rename_axis("cohort"),
        file=FILES,
        folded="By cohort (customers followed that long in parentheses)",
    )
    draw = partial(plots.early_value, table, expected=expected, currency=inputs.currency)
    yield Figure("early_value", "Value within the first days", draw, (7.0, 4.4))


def parts_by_customer(inputs: Inputs) -> pd.DataFrame:
    """The parts of value of each customer, the costs so far, and the profit."""
    section, customers = inputs.section, inputs.customers
    shared = section.marketing_cost * observed_years(inputs) / max(float(customers["T"].sum()), 1e-9)
    profit = customer_profitability(
        inputs.transactions,
        margin=inputs.margin,
        acquisition_cost=acquisition_by_customer(inputs),
        selling_cost=section.selling_cost,
        annual_service_cost=section.service_cost + shared * inputs.per_year,
        acceptable_profit=section.acceptable_profit,
        observation_end=inputs.split.observation_end,
        time_unit=inputs.split.time_unit,
        collapse=inputs.split.collapse,
        customers=customers,
    )
    spent = profit[["acquisition_cost", "selling_cost", "service_cost"]].sum(axis=1)
    parts = value_parts(
        inputs.predictions,  # type: ignore[arg-type]  # what it needs of a model: predict, margin and rate
        customers,
        marketing_cost=spent,
        values=inputs.clv,
    )
    return parts.join(profit.drop(columns=["income", "gross_profit", "time"]))


def acquisition_by_customer(inputs: Inputs) -> float | pd.Series:
    """What winning each customer cost: that of the channel, of all, or 0 where it is unknown."""
    if inputs.acquisition is None:
        return 0.0
    if inputs.channels is None:
        return inputs.cac if inputs.cac == inputs.cac else 0.0
    costs = inputs.channels.map(inputs.acquisition.by_channel.to_dict())
    return pd.to_numeric(costs).astype(float).fillna(0.0)


def observed_years(inputs: Inputs) -> float:
    """From the first purchase of all customers to the end of observation."""
    return float(inputs.customers["T"].max()) / inputs.per_year


def parts_of_value(inputs: Inputs, customers: pd.DataFrame) -> Iterator[Finding]:
    """Historic + predicted - discount - marketing cost, and who is profitable so far."""
    names = ["historic", "predicted", "discount", "marketing_cost", "total"]
    parts = customers[names]
    table = pd.DataFrame(
        {"all customers": parts.sum(), "per customer": parts.mean(), "median": parts.median()}
    )
    yield Table(
        "value_parts",
        table.rename_axis("part"),
        display=table.rename_axis("part").rename(index={"marketing_cost": "marketing cost"}),
        title="Parts of value",
        columns={
            "all customers": Column("all customers", "{:,.0f}"),
            "per customer": Column("mean per customer", "{:,.2f}"),
            "median": Column("median", "{:,.2f}"),
        },
        file=FILES,
    )
    yield Words(describe_profit(inputs, customers), runs=())
    draw = partial(plots.value_parts, parts, currency=inputs.currency)
    yield Figure("value_parts", "Historic and predicted value, discount and marketing cost", draw, (7.0, 4.4))
    yield Table("customer_economics", customers, file="customer_economics.parquet", in_report=False)


def describe_profit(inputs: Inputs, customers: pd.DataFrame) -> str:
    """How many customers are profitable so far."""
    costs = -float(customers["marketing_cost"].sum())
    if not costs:
        return (
            "No cost is in the config, so that marketing cost is 0 and every customer with income is"
            " profitable: acquisition_cost, selling_cost (per purchase), service_cost (per customer and"
            " year) and marketing_cost (per year) are keys of [economics]."
        )
    profitable = customers["profitable"]
    profit = float(customers["profit"].sum())
    loss = float(customers.loc[~profitable, "profit"].sum())
    return (
        f"So far {profitable.mean():.0%} of {len(customers):,} customers are profitable: their income exceeds"
        f" the cost of attracting, selling to and serving them. Profit so far {inputs.money(profit, 0)} after"
        f" costs of {inputs.money(costs, 0)}; the others stand at {inputs.money(loss, 0)}."
    )


def factors(inputs: Inputs, retention_rate: float) -> Iterator[Finding]:
    """The tornado of the served model's total value; the retention rate is that of models without one."""
    section, model = inputs.section, inputs.served.model
    if not hasattr(model, "horizon"):  # a model of one's own that does not tell its terms
        return
    has_own = isinstance(model, SupportsScenarios) and "retention_rate" in model.scenario_factors()
    every = max(len(inputs.customers) // SAMPLED, 1)
    value, levels = all_factors(
        model,
        inputs.customers,
        retention_rate=None if has_own else retention_rate,
        referral_rate=section.referral_rate,
        keeping_cost=section.service_cost,
        marketing_cost=section.marketing_cost,
        every=every,
        values=inputs.clv,
    )
    table = factor_tornado(value, levels, section.step)
    absent = [heading_of(name) for name in table.attrs["left_out"]]
    paid = (
        " after the cost of keeping and marketing" if section.service_cost or section.marketing_cost else ""
    )
    missing = f" At zero, and so not moved by a relative step: {', '.join(absent)}." if absent else ""
    yield Words(
        f"Total value of today's customers{paid} with each factor {section.step:.0%} lower and higher, the"
        f" others unchanged; retention is per year. Horizon is in {inputs.split_unit}s."
        f"{describe_sample(every)}{missing}",
        title="What moves value",
        runs=(),
    )
    draw = partial(plots.tornado, table, currency=inputs.currency)
    yield Figure("tornado", "What moves the value of today's customers", draw, (8.0, 1.8 + 0.4 * len(table)))
    yield Table("tornado", table, columns=TORNADO_COLUMNS, file=FILES, folded="Levels and values")


def describe_sample(every: int) -> str:
    """On which customers factors are evaluated, where not on all.

    Examples
    --------
    >>> describe_sample(1), describe_sample(20)
    ('', ' Computed on one in 20 customers, in order of value, and scaled to the total of all.')
    """
    if every == 1:
        return ""
    return f" Computed on one in {every} customers, in order of value, and scaled to the total of all."


def heading_of(name: str) -> str:
    """A factor in words."""
    return name.replace("_", " ")


STAGE = Stage("Computing investment and profit", find, SECTION, check)
