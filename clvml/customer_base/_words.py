"""What the five lenses show, as sentences with the numbers that they rest on."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvml.customer_base._customer_periods import counted
from clvml.customer_base._period_comparison import ORDERED, STAYED
from clvml.customers._time_units import time_unit_of

if TYPE_CHECKING:
    from clvml.customer_base._audit import CustomerBaseAudit

Money = Callable[[float], str]
FACTORS = {
    "customers": "customers",
    "orders_per_customer": "orders per customer",
    "average_order_value": "order value",
}


def describe(audit: CustomerBaseAudit, currency: str = "") -> dict[str, str]:
    """Sentences by lens."""

    def money(amount: float) -> str:
        return f"{currency}{' ' if currency else ''}{amount:,.{0 if abs(amount) >= 1000 else 2}f}"

    return {
        "base": describe_base(audit, money),
        "period": describe_period(audit, money),
        "comparison": describe_comparison(audit, money),
        "cohort": describe_cohort(audit, money),
        "cohorts": describe_cohorts(audit, money),
    }


def describe_base(audit: CustomerBaseAudit, money: Money) -> str:
    """Growth by its factors, and where revenue comes from."""
    totals, value = audit.profile.totals, "revenue" if audit.has_money else "orders"
    amount = money(totals["revenue"]) if audit.has_money else f"{totals['orders']:,.0f}"
    sentences = [f"In {audit.profile.window} {value} {'was' if audit.has_money else 'were'} {amount}"]
    if audit.comparison is not None:
        drivers = audit.comparison.drivers
        change = drivers["change"].iloc[-1]
        parts = ", ".join(f"{FACTORS[name]} {signed(drivers['change'][name])}" for name in drivers.index[:-1])
        sentences[0] += (
            f", {signed(change)} against {audit.comparison.before}: {parts}"
            if change == change
            else f", and nothing in {audit.comparison.before}"
        )
    sentences[0] += "."
    if audit.comparison is not None and audit.shorter_than_a_year:
        sentences.append("Both are shorter than a year, so that the season is part of the change.")
    if not totals["new_customers"]:
        sentences.append("No customer was acquired in that time: all of it came from earlier customers.")
    elif audit.has_money and totals["revenue"] > 0:
        share = totals["new_revenue"] / totals["revenue"]
        sentences.append(
            f"Customers acquired in that time ({totals['new_customers']:,.0f} of {totals['customers']:,.0f})"
            f" brought {percent(share)} of it"
            + (": most of it is from new customers." if share > 0.5 else ".")
        )
    return " ".join(sentences)


def describe_period(audit: CustomerBaseAudit, money: Money) -> str:
    """How customers differ, and which factor the differences come from."""
    profile = audit.profile
    totals, deciles = profile.totals, profile.deciles
    once = float(profile.by_orders["share_of_customers"].get("1", 0.0))
    number = totals["customers"]
    who = f"{number:,.0f} customer{'' if number == 1 else 's'} bought in {profile.window}"
    text = f"{who}, with {totals['orders_per_customer']:.2f} orders each; {percent(once)} ordered once."
    if audit.has_money:
        text = text[:-1] + (
            f". They spent {money(totals['spend_per_customer'])} on average (median"
            f" {money(totals['median_spend'])}), at {money(totals['average_order_value'])} per order."
        )
    if len(deciles) < 10 or not np.isfinite(deciles["share"]).all():
        return text
    top, value = deciles.iloc[0].to_dict(), "revenue" if audit.has_money else "orders"
    lower = float(deciles["share"].iloc[5:].sum())
    text += f" The top tenth brought {percent(top['share'])} of {value}, the lower half {percent(lower)}."
    if not audit.has_money:
        return text
    text += (
        f" The top tenth spent {top['spend_ratio']:.1f} times the mean: {top['orders_ratio']:.1f} times"
        f" the orders"
        f" at {top['order_value_ratio']:.1f} times the order value."
    )
    by_orders = totals["share_by_orders"]
    if by_orders == by_orders:
        more = "how often they order" if by_orders > 0.5 else "the value of their orders"
        text += (
            f" Among all customers, differences in spend are mostly in {more}: the number of orders explains"
            f" {percent(by_orders)} of them (variance of the logarithm), order value the rest."
        )
    return text


def describe_comparison(audit: CustomerBaseAudit, money: Money) -> str:
    """Who stayed and who lapsed, and the bridge between the two revenues."""
    compared = audit.comparison
    if compared is None:
        return (
            "The purchases cover too short a time to compare two periods: at least two complete"
            f" {time_unit_of(audit.period).name}s are needed."
        )
    table, value = compared.customers, "revenue" if audit.has_money else "orders"
    names = STAYED if audit.has_money else tuple(ORDERED[name] for name in STAYED)
    rows = table.to_dict("index")
    stayed = table.loc[list(names)].sum().to_dict()
    lapsed, returned, new = (rows[name] for name in ("lapsed", "returned", "new"))
    first = stayed["customers"] + lapsed["customers"]
    if not first:
        return f"Nobody bought in {compared.before}."
    verb = "spent" if audit.has_money else "ordered"
    text = (
        f"Of {first:,.0f} customers of {compared.before}, {stayed['customers']:,.0f}"
        f" ({percent(stayed['customers'] / first)}) bought again in {compared.after}: of these"
        f" {table['customers'][names[0]]:,} {verb} more and {table['customers'][names[2]]:,} less."
    )
    amount = money if audit.has_money else "{:,.0f}".format
    stayed_change = f"{amount(abs(stayed['change']))} {'more' if stayed['change'] >= 0 else 'less'}"
    text += f" In {value}: the {lapsed['customers']:,.0f} who lapsed had brought {amount(-lapsed['change'])}"
    text += f"; those who stayed brought {stayed_change} than before"
    for who, row in (("new", new), ("returning", returned)):
        if row["customers"]:
            plural = "" if row["customers"] == 1 else "s"
            text += f"; {row['customers']:,.0f} {who} customer{plural} brought {amount(row['change'])}"
    text += "."
    acquired = compared.stayed.to_dict("index")
    own, earlier = acquired["in the first period"], acquired["earlier"]
    if own["customers"] and earlier["customers"]:
        text += (
            f" Of the customers acquired in {compared.before} {percent(own['share'])} stayed, of the"
            f" earlier ones"
            f" {percent(earlier['share'])}."
        )
    return text


def describe_cohort(audit: CustomerBaseAudit, money: Money) -> str:
    """How the cohort changed with age, and which factor the change comes from."""
    cohort, name, unit = audit.cohort, audit.cohort.attrs["cohort"], time_unit_of(audit.period).name
    size, last = int(cohort["cohort_size"].iloc[0]), int(cohort.index[-1])
    text = f"{size:,} customer{'' if size == 1 else 's'} acquired in {name}"
    if last < 1:
        return f"{text} were observed for their first {unit} only."
    shares = cohort["retention"]
    text = f"Of {text}, {percent(shares[1])} bought in the next {unit}"
    if last > 1:
        text += f" and {percent(shares[last])} at age {counted(last, audit.period)}"
    text += "."
    if audit.has_money and cohort["cumulative_value"].iloc[-1] > 0:
        first, so_far = cohort["cumulative_value"].iloc[[0, -1]]
        text += (
            f" They have brought {money(so_far)} per acquired customer so far, {percent(first / so_far)}"
            f" of it in"
            f" their first {unit}."
        )
    if last >= 6:
        text += _later_against_earlier(cohort, audit.has_money)
    return text


def _later_against_earlier(cohort: pd.DataFrame, has_money: bool) -> str:
    """The second half of the ages after the first period against the first half, by factor."""
    ages = cohort.iloc[1:]
    earlier, later = ages.iloc[: len(ages) // 2], ages.iloc[len(ages) - len(ages) // 2 :]
    parts = []
    factors = [("customers who buy", "customers", None), ("orders per buyer", "orders", "customers")]
    factors += [("order value", "revenue", "orders")] if has_money else []
    for name, above, below in factors:
        before, after = (_level(part, above, below) for part in (earlier, later))
        if before > 0 and np.isfinite(after):
            parts.append(f"{name} {signed(after / before - 1)}")
    if not parts:
        return ""
    half = f"ages {later.index[0]} to {later.index[-1]} against {earlier.index[0]} to {earlier.index[-1]}"
    return f" With age ({half}): {', '.join(parts)}."


def _level(ages: pd.DataFrame, above: str, below: str | None) -> float:
    """The sum of a column, or its ratio to that of another."""
    whole = float(ages[below].sum()) if below else 1.0
    return float(ages[above].sum()) / whole if whole else math.nan


def describe_cohorts(audit: CustomerBaseAudit, money: Money) -> str:
    """Whether recent cohorts repeat more or less, with the interval, and their first purchases."""
    compared, unit = audit.cohorts, time_unit_of(audit.period).name
    trend, used, cohorts = compared.trend, compared.trend_cohorts, compared.cohorts
    within = (
        f"within {counted(compared.age, audit.period)} after the first"
        if compared.age
        else f"in the first {unit}"
    )
    if trend.direction == "not identified":
        why = (
            "at least three cohorts are needed"
            if len(used) < 3
            else "nobody, or everybody, has ordered again"
        )
        return f"Whether recent cohorts repeat more or less cannot be said: {why}."
    span = f"{len(used)} cohorts, {used[0]} to {used[-1]}"
    points, lower, upper = (f"{100 * number:+.2f}".replace("-0.00", "+0.00") for number in trend[:3])
    verdict = {
        "falls": "Recent cohorts repeat less",
        "rises": "Recent cohorts repeat more",
        "no trend": "Recent cohorts show no evidence of repeating more or less than earlier ones",
    }[trend.direction]
    text = (
        f"{verdict}: the share with a second order {within} changes by {points} percentage points per {unit}"
        f" of acquisition ({100 * trend.level:g} % interval {lower} to {upper}; {span})."
    )
    rates = cohorts["repeat_rate"].reindex(used)
    text += (
        f" It is {percent(rates.iloc[0])} in the oldest and {percent(rates.iloc[-1])} in the latest of them."
    )
    if audit.has_money:
        first = cohorts["first_spend"].reindex(used)
        spent = f"{money(first.iloc[0])} and {money(first.iloc[-1])} per customer"
        text += f" In the first {unit} they spent {spent}."
    return text


def percent(share: float) -> str:
    """A share as a percentage; a decimal below 10 %.

    Examples
    --------
    >>> percent(0.421), percent(0.0712)
    ('42 %', '7.1 %')
    """
    return f"{100 * share:.{1 if abs(share) < 0.0995 else 0}f} %" if np.isfinite(share) else "-"


def signed(change: float) -> str:
    """A relative change with its sign.

    Examples
    --------
    >>> signed(0.347), signed(-0.59)
    ('+35 %', '−59 %')
    """
    return (
        f"{100 * change:+.0f} %".replace("-0 %", "+0 %").replace("-", "−")
        if np.isfinite(change)
        else "not defined"
    )
