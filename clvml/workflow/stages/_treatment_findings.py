"""The tables, figures and sentences of a test of treatments, part by part of its chapter in the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pandas as pd
from scipy.stats import norm

from clvml import plots
from clvml.treatments import (
    allocate_budget,
    check_balance,
    check_group_sizes,
    incremental_value,
    measure_lift,
    measured_treatments,
    next_tests,
    observed_moments,
    plan_test,
)
from clvml.treatments._assignment import ALL
from clvml.treatments._budget import BudgetPlan
from clvml.workflow._findings import Figure, Finding, Metrics, Table, Words
from clvml.workflow._formatting import MISSING, Column, format_money
from clvml.workflow._stage import Context
from clvml.workflow.stages._reading import outcome_of
from clvml.workflow.stages._segmenting import Treatments
from clvml.workflow.stages._serving import Served
from clvml.workflow.stages._splitting import Customers, joined
from clvml.workflow.stages._treatments import TreatmentTest, value_classes

FILES = "treatments/{}.csv"
POWER = 0.8
FEW = 24  # rows of a figure
Part = Callable[[Context, TreatmentTest], Iterator[Finding]]

LIFT_COLUMNS = {
    "kind": Column("incentive"),
    "customers": Column("customers", "{:,.0f}"),
    "control_customers": Column("control", "{:,.0f}"),
    "control_mean": Column("mean of the control", "{:,.2f}"),
    "lift": Column("lift per customer", "{:+,.2f}"),
    "interval": Column("interval"),
    "relative": Column("relative", "{:+.1%}"),
    "relative_interval": Column("interval of the relative lift"),
    "narrower": Column("narrower by predictions", "{:.0%}"),
    "p_adjusted": Column("adjusted p", "{:.3f}"),
}
VALUE_COLUMNS = {
    "kind": Column("incentive"),
    "customers": Column("treated", "{:,.0f}"),
    "cost": Column("cost per customer", "{:,.2f}"),
    "value": Column("incremental value", "{:,.2f}"),
    "profit": Column("profit per customer", "{:+,.2f}"),
    "interval": Column("interval"),
    "value_per_cost": Column("value / cost", "{:,.2f}"),
    "return_on_cost": Column("return", "{:+.0%}"),
    "total_profit": Column("total profit", "{:+,.0f}"),
    "p_pays": Column("P(pays)", "{:.2f}"),
}
BUDGET_COLUMNS = {
    "available": Column("customers", "{:,.0f}"),
    "customers": Column("to treat", "{:,.0f}"),
    "cost": Column("cost per customer", "{:,.2f}"),
    "spend": Column("budget", "{:,.0f}"),
    "expected": Column("profit per customer", "{:+,.2f}"),
    "profit": Column("expected profit", "{:+,.0f}"),
    "interval": Column("interval"),
    "p_pays": Column("P(pays)", "{:.2f}"),
}
NEXT_COLUMNS = {
    "tested": Column("tested"),
    "expected": Column("expected profit per customer", "{:+,.2f}"),
    "expected_se": Column("standard error", "{:,.2f}"),
    "p_pays": Column("P(pays)", "{:.2f}"),
    "value_of_information": Column("worth of knowing", "{:,.0f}"),
}
SIZE_COLUMNS = {
    "customers": Column("customers", "{:,.0f}"),
    "pays": Column("lift that pays", "{:,.2f}"),
    "pays_relative": Column("relative", "{:.1%}"),
    "control": Column("control", "{:,.0f}"),
    "per_treatment": Column("treated", "{:,.0f}"),
    "detectable": Column("smallest lift that all customers detect", "{:,.2f}"),
    "says": Column("that is"),
}
BALANCE_COLUMNS = {
    "control_mean": Column("control", "{:,.2f}"),
    "mean": Column("treated", "{:,.2f}"),
    "standardized": Column("difference in standard deviations", "{:+.3f}"),
    "p": Column("p", "{:.3f}"),
}


def lift(context: Context, test: TreatmentTest) -> Iterator[Finding]:
    """The lift of each treatment, in total and by segment."""
    section, currency = context.config.treatments, context.config.value.currency
    table = measure_lift(
        test.responses,
        margin=context.config.value.margin,
        adjust=section.adjust,
        level=section.level,
        correction=section.correction,
        method=section.method,
        random_state=section.random_state,
    )
    main = "money" if "money" in table.index.get_level_values("outcome") else "purchases"
    best = pd.DataFrame(table.xs((main, ALL))).sort_values("lift", ascending=False)
    context.put(MeasuredLift(table, main))
    yield Words(
        " ".join(f"{sentence}." for sentence in lift_sentences(context, test, best, main)),
        title="Lift over the control",
        printed=True,
    )
    yield from (
        Words(f"{capital(note)}.", style="note", runs=()) for note in (*test.notes, *table.attrs["notes"])
    )
    rows = table[table.index.get_level_values("segment") == ALL].droplevel("segment")
    rows = rows.drop("profit", level="outcome", errors="ignore")
    yield Table("lift", table, columns=lift_columns(test), display=lift_display(rows, test), file=FILES)
    yield Words(how_measured(test, table), style="note", runs=())
    yield Metrics({f"{name}_lift": value for name, value in metric_values(best).items()}, in_report=False)
    draw = partial(plots.treatment_lift, outcome=main, currency=currency)
    pooled = table.iloc[table.index.get_level_values("segment") == ALL]
    pooled.attrs = table.attrs
    yield Figure("treatment_lift", "Lift over the control", partial(draw, pooled), size(best))
    alone = table[table.index.get_level_values("segment") != ALL]
    alone = alone[alone.index.get_level_values("outcome") == main]
    if len(alone):
        display = lift_display(alone.droplevel("outcome"), test)
        yield Table("lift_by_segment", alone, columns=lift_columns(test), display=display,
                    title="By segment", file=FILES)  # fmt: skip
        few = alone.iloc[:FEW]
        few.attrs = table.attrs
        yield Figure("treatment_lift_by_segment", "Lift by segment", partial(draw, few), size(few))


class MeasuredLift:
    """The lift of a run, and its main outcome."""

    def __init__(self, table: pd.DataFrame, main: str) -> None:
        self.table, self.main = table, main


def metric_values(best: pd.DataFrame) -> dict[str, float]:
    """The lift of the best treatment, in money or purchases per customer."""
    row = best.iloc[0]
    return {"best": float(row["lift"]), "low": float(row["lift_lower"]), "high": float(row["lift_upper"])}


def lift_sentences(context: Context, test: TreatmentTest, best: pd.DataFrame, main: str) -> Iterator[str]:
    """One sentence per treatment, and one on what the predictions did."""
    level = context.config.treatments.level
    for name, row in best.iterrows():
        kind = test.responses.kinds.get(str(name))
        what = f"{name}{f' ({kind} incentive)' if kind else ''}"
        yield capital(f"{what} {describe_lift(row, main, level, context.config.value.currency)}")
    narrower = float(best["narrower"].mean())
    if test.predicted_by and narrower > 0:
        row = best.iloc[0]
        yield (
            f"What {test.predicted_by} expected of the customers before the start narrows the intervals by"
            f" {narrower:.0%}: without it the same interval for {best.index[0]} needs"
            f" {row['equivalent_customers']:,.0f} customers in place of"
            f" {row['customers'] + row['control_customers']:,.0f}"
        )


def describe_lift(row: pd.Series, main: str, level: float, currency: str) -> str:
    """What a treatment did, in words.

    Examples
    --------
    >>> row = pd.Series({"lift": 2.1, "lift_lower": 0.5, "lift_upper": 3.7, "se": 0.8, "relative": 0.14,
    ...                  "relative_lower": 0.03, "relative_upper": 0.25})
    >>> describe_lift(row, "money", 0.95, "")
    'raised spend by 14 % (between +3 % and +25 % at 95 % confidence; 2.10 per customer)'
    """
    noun = "spend" if main == "money" else "purchases"
    amount = format_money(abs(row["lift"]), currency, 2) if main == "money" else f"{abs(row['lift']):,.2f}"
    ends = f"{format_ends(row, main, currency)} at {100 * level:g} % confidence"
    share = f"{abs(100 * row['relative']):.0f} %" if row["relative"] == row["relative"] else amount
    if row["lift_lower"] > 0 or row["lift_upper"] < 0:
        verb = "raised" if row["lift"] > 0 else "lowered"
        return f"{verb} {noun} by {share} ({ends}; {amount} per customer)"
    half = (row["lift_upper"] - row["lift_lower"]) / 2
    least = half + float(norm.ppf(POWER)) * row["se"]
    shown = format_money(least, currency, 2) if main == "money" else f"{least:,.2f}"
    return (
        f"shows no clear effect on {noun} ({ends}); this test cannot detect lifts below {shown} per customer"
        f" with a power of {POWER:.0%}"
    )


def format_ends(row: pd.Series, main: str, currency: str) -> str:
    """The ends of the relative lift, or of the lift where these are unknown."""
    if row[["relative_lower", "relative_upper"]].notna().all():
        return f"between {100 * row['relative_lower']:+.0f} % and {100 * row['relative_upper']:+.0f} %"
    if main == "money":
        lower, upper = (format_money(row[f"lift_{end}"], currency, 2) for end in ("lower", "upper"))
        return f"between {lower} and {upper} per customer"
    return f"between {row['lift_lower']:+,.2f} and {row['lift_upper']:+,.2f} per customer"


def how_measured(test: TreatmentTest, table: pd.DataFrame) -> str:
    """How intervals and tests were made."""
    level, k = table.attrs["level"], len(test.responses.treatments)
    several = {
        "dunnett": f"simultaneous for {k} treatments against one control (Dunnett)",
        "holm": f"corrected for {k} treatments (Holm)",
        "none": f"not corrected for {k} treatments",
    }[table.attrs["correction"]]
    how = "Welch and Fieller" if table.attrs["method"] == "welch" else "the studentised bootstrap"
    strata = (
        "in each segment, weighted by its customers"
        if table.index.get_level_values("segment").nunique() > 1
        else ""
    )
    return (
        f"Differences of means{f' {strata}' if strata else ''}; intervals of {100 * level:g} % by {how}"
        f"{f', {several}' if k > 1 else ''}. Outcomes are undiscounted,"
        " from the start to the end of observation."
    )


def randomness(context: Context, test: TreatmentTest) -> Iterator[Finding]:
    """Whether the groups were drawn at random: sizes, and balance before the test."""
    shares = context.config.treatments.shares or None
    sizes = check_group_sizes(test.responses, shares)
    alarm = bool(sizes.attrs["mismatch"])
    sentences = [capital(sizes.attrs["sentence"])]
    balance = None
    if test.before is not None:
        balance = check_balance(test.responses, test.before)
        sentences.append(capital(balance.attrs["sentence"]))
        alarm = alarm or not balance.attrs["random"]
    yield Words(f"{'. '.join(sentences)}.", title="Was the assignment random?", runs=())
    if alarm:
        off = [text for text, bad in zip(sentences, [sizes.attrs["mismatch"], True], strict=False) if bad]
        yield Words(f"{off[-1]}.", lead="Treatments:", style="note", answers="sure")
    yield Table("group_sizes", sizes, file=FILES, in_report=False)
    if balance is not None:
        yield Table("balance", balance, columns=BALANCE_COLUMNS, display=flat(balance), file=FILES,
                    folded="The groups before the test")  # fmt: skip


def value(context: Context, test: TreatmentTest) -> Iterator[Finding]:
    """Incremental value per cost, the budget by measured response, and what to test next."""
    measured, currency = context.get(MeasuredLift), context.config.value.currency
    if measured is None:
        return
    if outcome_of(context) == "purchases" or "profit" not in measured.table.index.get_level_values("outcome"):
        yield Words(
            "What the lift is worth needs money as an outcome and the cost of each treatment: give costs in"
            " [treatments], such as {letter = 1.2}, or a column cost.",
            style="note",
            runs=(),
        )
        return
    table = incremental_value(measured.table, test.responses)
    rows = pd.DataFrame(table.xs(ALL, level="segment"))
    shown = with_interval(rows, "profit_lower", "profit_upper").assign(kind=kinds_of(rows.index, test))
    yield Words(" ".join(value_sentences(rows, currency)), title="What it brought against what it cost")
    yield Table(
        "incremental_value", table, columns=keep_known(VALUE_COLUMNS, shown), display=shown, file=FILES
    )
    if rows["value_per_cost"].notna().any():
        draw = partial(plots.treatment_value, table.loc[[ALL]], currency=currency)
        yield Figure("treatment_value", "Incremental value per cost", draw, size(rows))
    plan = allocate_budget(
        table, customers_to_treat(context, test), context.config.treatments.budget,
        level=context.config.treatments.level,
    )  # fmt: skip
    yield from budget_findings(context, plan, test)


def budget_findings(context: Context, plan: BudgetPlan, test: TreatmentTest) -> Iterator[Finding]:
    """The budget, its expected profit, and what to test next."""
    section, currency = context.config.treatments, context.config.value.currency
    sizes = customers_to_treat(context, test)
    if plan.table.empty:
        yield Words(
            "no measured treatment is expected to bring more than it costs: spend nothing on them.",
            lead="Treatments:",
            answers="act",
        )
    else:
        words = (
            f"spend {format_money(plan.spend, currency)} on"
            f" {describe_budget(plan.table)}: expected profit"
            f" {format_money(plan.profit, currency)}, between {format_money(plan.lower, currency)} and"
            f" {format_money(plan.upper, currency)} at {100 * section.level:g} % confidence."
        )
        yield Words(words, lead="By measured response:", answers="act")
        yield Words(
            "Effects of segments are shrunk towards the mean of all segments as far as they are noisy"
            " (empirical Bayes). No customer gets two treatments.",
            title="Budget by measured response",
            runs=(),
        )
        shown = with_interval(flat(plan.table), "lower", "upper", "{:,.0f}")
        yield Table("treatment_budget", plan.table, columns=BUDGET_COLUMNS, display=shown, file=FILES)
        draw = partial(plots.treatment_budget, plan.table.iloc[:FEW], currency=currency)
        yield Figure(
            "treatment_budget",
            "Budget by measured response",
            draw,
            (8.0, 2.1 + 0.5 * min(len(plan.table), FEW)),
        )
        yield Metrics({"test_budget": plan.spend, "test_profit": plan.profit}, in_report=False)
    tests = next_tests(plan.estimates, sizes)
    yield Table(
        "next_tests",
        tests,
        columns=NEXT_COLUMNS,
        display=flat(tests.head(FEW)).assign(
            tested=tests.head(FEW)["tested"].map({True: "yes", False: "no"}).to_numpy()
        ),
        title="What to test next",
        file=FILES,
    )
    yield Words(
        "Worth of knowing: what the exact response would add to the profit of the segment's customers, the"
        " most that a further test there may cost.",
        style="note",
        runs=(),
    )
    yield from sizes_to_test(context, plan, test, sizes)
    if section.budgets_by_response:
        yield from use_in_plan(context, plan, test)


def sizes_to_test(
    context: Context, plan: BudgetPlan, test: TreatmentTest, sizes: pd.Series
) -> Iterator[Finding]:
    """How many customers a test of the same length needs to detect the lift that pays."""
    table = test.responses.table
    control = table[table["group"] == test.responses.control]
    predicted = control["predicted"] if "predicted" in control and test.predicted_by else None
    moments = observed_moments(control["money"], predicted, control["segment"])
    moments = moments.drop(index=ALL) if len(moments) > 2 else moments.iloc[[-1]]
    moments = moments.assign(customers=sizes.reindex(moments.index).fillna(0))
    costs = plan.estimates["cost"].groupby(level="treatment").mean()
    margin = context.config.value.margin
    plans = {
        name: plan_test(moments[moments["std"] > 0], cost=cost, margin=margin)
        for name, cost in costs.items()
        if cost > 0 and (moments["std"] > 0).any()
    }
    if not plans:
        return
    found = pd.concat(plans, names=["treatment"]).swaplevel()
    yield Table(
        "test_sizes",
        found,
        columns=SIZE_COLUMNS,
        display=flat(found),
        file=FILES,
        folded="Customers that a test of the same length needs, with a power of 80 %",
    )


def use_in_plan(context: Context, plan: BudgetPlan, test: TreatmentTest) -> Iterator[Finding]:
    """Budgets of measured treatments in the plan of the segments, which a later stage uses."""
    known = context.get(Treatments)
    if known is None:
        return
    section = context.config.treatments
    table = measured_treatments(plan.estimates, known.table, names=section.names, kinds=test.responses.kinds)
    same = table[known.table.columns].reset_index(drop=True).equals(known.table.reset_index(drop=True))
    if same:
        return
    context.put(Treatments(table))
    context.say("budgets of measured treatments in the segments follow from their response")
    yield Words(
        "In the plan of the segments, a measured treatment that pays has its cost as the budget of each"
        " customer, and one that does not has none.",
        style="note",
        runs=(),
    )
    yield Table("measured_treatments", table, file=FILES, in_report=False)


def customers_to_treat(context: Context, test: TreatmentTest) -> pd.Series:
    """Customers by segment: of today by value class, or those of the test."""
    served, customers = context.get(Served), context[Customers].table
    segments = test.responses.table["segment"]
    if test.classes and served is not None:
        return value_classes(joined(customers, served.values)).value_counts()
    if list(segments.unique()) == [ALL]:
        return pd.Series({ALL: len(customers)})
    return segments.value_counts()


def describe_budget(table: pd.DataFrame) -> str:
    """Who gets what."""
    parts = [
        f"{treatment} for {customers:,.0f} {'customers' if segment == ALL else f'{segment} customers'}"
        for segment, treatment, customers in table["customers"].head(4).reset_index().to_numpy()
    ]
    more = len(table) - 4
    return ", ".join(parts) + (f" and {more} more" if more > 0 else "")


def value_sentences(rows: pd.DataFrame, currency: str) -> Iterator[str]:
    """What each treatment brought per cost."""
    for name, row in rows.sort_values("profit", ascending=False).iterrows():
        profit = format_money(row["profit"], currency, 2)
        if row["value_per_cost"] != row["value_per_cost"]:
            yield f"{capital(str(name))} cost nothing and brought {profit} of profit per customer."
            continue
        yield (
            f"{capital(str(name))} cost {format_money(row['cost'], currency, 2)} per customer and brought"
            f" {format_money(row['value'], currency, 2)}: {row['value_per_cost']:.2f} per unit of cost"
            f" (between {row['value_per_cost_lower']:.2f} and {row['value_per_cost_upper']:.2f}), it pays"
            f" with probability {row['p_pays']:.2f}."
        )


def lift_columns(test: TreatmentTest) -> dict[str, Column]:
    """The columns that are known."""
    unknown = set() if test.responses.kinds else {"kind"}
    unknown |= set() if test.predicted_by else {"narrower"}
    return {name: column for name, column in LIFT_COLUMNS.items() if name not in unknown}


def lift_display(rows: pd.DataFrame, test: TreatmentTest) -> pd.DataFrame:
    """Rows of the lift with intervals as text."""
    shown = with_interval(rows, "lift_lower", "lift_upper")
    relative = [
        MISSING if low != low else f"{100 * low:+.1f} % to {100 * high:+.1f} %"
        for low, high in zip(rows["relative_lower"], rows["relative_upper"], strict=True)
    ]
    kinds = kinds_of(rows.index.get_level_values("treatment"), test)
    narrower = rows["narrower"].round(2) + 0.0  # without the sign of -0
    return flat(shown.assign(relative_interval=relative, kind=kinds, narrower=narrower))


def kinds_of(names: pd.Index, test: TreatmentTest) -> list[str]:
    """The kind of incentive of each treatment."""
    return [test.responses.kinds.get(str(name), MISSING) for name in names]


def keep_known(columns: dict[str, Column], shown: pd.DataFrame) -> dict[str, Column]:
    """The columns with anything in them."""
    return {
        name: c for name, c in columns.items() if not (shown[name].isna() | (shown[name] == MISSING)).all()
    }


def with_interval(rows: pd.DataFrame, lower: str, upper: str, pattern: str = "{:+,.2f}") -> pd.DataFrame:
    """The rows with an interval as text."""
    texts = [
        MISSING if low != low else f"{pattern.format(low)} to {pattern.format(high)}"
        for low, high in zip(rows[lower], rows[upper], strict=True)
    ]
    return rows.assign(interval=texts)


def flat(table: pd.DataFrame) -> pd.DataFrame:
    """The table with one level of row names."""
    if table.index.nlevels == 1:
        return table
    names = [": ".join("all customers" if part == ALL else str(part) for part in key) for key in table.index]
    return table.set_axis(pd.Index(names), axis="index")


def size(rows: pd.DataFrame) -> tuple[float, float]:
    """Width and height of a figure with a row each."""
    return 8.0, 1.9 + 0.36 * min(len(rows), FEW)


def capital(text: str) -> str:
    """The text with a capital letter."""
    return text[:1].upper() + text[1:]


PARTS: tuple[Part, ...] = (lift, randomness, value)
