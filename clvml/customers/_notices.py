"""Notices: what is unusual about a log or its split, and what it does to the numbers.

Each check compares one of the facts of `clvml.customers._data_facts` with its thresholds; a fact equal to
``at_least`` is noticed, one equal to ``below`` is not. What the thresholds are based on:

- 200 customers: below it a weakly informative prior predicts better than the maximum of the likelihood.
- 50 buyers: the relative standard error of a share near one half is 14 %.
- shares of 5 % and 10 %: errors of this size in totals decide between good models.
- an early share of 20 %: twice what a constant rate of acquisition gives.
- a third, three times, fifteen median gaps: far beyond chance, so that there are no notices for a clean log.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from clvml.customers._data_facts import data_facts
from clvml.customers._split import Split
from clvml.customers._transactions import as_transactions


class DataNotice(NamedTuple):
    """Something unusual about a log or its split.

    Attributes
    ----------
    key : str
        A short name, such as ``"few_customers"``.
    sentence : str
        What is unusual, with its numbers.
    effect : str
        What it does to the numbers, and what can be done.

    See Also
    --------
    clvml.customers.data_notices : Makes them.

    Examples
    --------
    >>> from clvml.customers import DataNotice
    >>> notice = DataNotice("few_customers", "The log has 40 customers.", "Parameters are imprecise.")
    >>> f"{notice.sentence} {notice.effect}"
    'The log has 40 customers. Parameters are imprecise.'
    """

    key: str
    sentence: str
    effect: str


class Check(NamedTuple):
    """A check: noticed where ``at_least <= fact < below``. ``sentence`` is a template of the facts."""

    key: str
    fact: str
    sentence: str
    effect: str
    at_least: float = -math.inf
    below: float = math.inf


# Of money, which purchases without amounts do not have: each counts as the same price.
OF_MONEY = {"never_paid", "zero_amounts", "one_amount", "largest_customer", "largest_holdout_customer"}
CHECKS = (
    Check(
        "few_customers",
        "customers",
        "{customers:,} customers{of_sample} until the end of calibration, fewer than 200",
        "parameters and scores are uncertain: use prior='weak', and read intervals, not single numbers",
        below=200,
    ),
    Check(
        "no_repeat_purchases",
        "repeat_customers",
        "no customer{of_sample} bought a second time until the end of calibration",
        "purchase rates, dropout and repeat spend cannot be estimated: only formulas of totals remain",
        below=1,
    ),
    Check(
        "few_repeat_customers",
        "repeat_customers",
        "{repeat_customers:,} of {customers:,} customers{of_sample} bought a second time until the end of"
        " calibration, fewer than 50",
        "spend and dropout are estimated from these alone, with wide intervals: a longer calibration helps",
        at_least=1,
        below=50,
    ),
    Check(
        "never_paid",
        "share_never_paid",
        "{share_never_paid:.1%} of the customers{of_sample} ({never_paid:,}) have paid nothing",
        "spend models learn from paid repeat purchases only and predict a paying customer's mean spend for"
        " them, so their value is too high: zero_amount='drop' leaves them out",
        at_least=0.05,
    ),
    Check(
        "zero_amounts",
        "share_zero_purchases",
        "{share_zero_purchases:.1%} of the purchases ({zero_purchases:,}) have an amount of zero",
        "they count as purchases and lower the mean spend: if they are no purchases (samples, cancellations),"
        " purchase rates are too high, and zero_amount='drop' excludes them",
        at_least=0.05,
    ),
    Check(
        "one_amount",
        "share_common_spend",
        "{share_common_spend:.1%} of the purchases have the same amount, {common_spend:,.2f}",
        "spend does not vary between customers, so a spend model has nothing to estimate: value is the number"
        " of purchases times this amount",
        at_least=0.95,
    ),
    Check(
        "repeat_buyers_only",
        "share_bought_once",
        "{bought_once:,} of all {everyone:,} customers bought exactly once, less than 2%",
        "if customers with one purchase are missing from the log, purchase rates are those of repeat buyers,"
        " and a new customer's expected purchases are far too many (on CDNOW 3.29 per year instead of 1.44):"
        " include customers with one purchase",
        below=0.02,
    ),
    Check(
        "short_holdout",
        "holdout_days",
        "the holdout lasts {holdout_days:.0f} days",
        "its scores say little about a horizon of months, and chance may decide the order of models: choose"
        " an earlier calibration_end",
        below=28,
    ),
    Check(
        "long_holdout",
        "holdout_share",
        "the holdout is {holdout_share:.1f} times as long as the calibration",
        "models extrapolate far beyond what they have seen, and the earlier customers' dropout decides the"
        " totals: choose a later calibration_end",
        at_least=2,
    ),
    Check(
        "empty_holdout",
        "holdout_buyers",
        "no customer of the calibration{of_sample} bought in the holdout",
        "every prediction above zero is too high, and customers cannot be ranked: check that the log is"
        " complete until the end of observation",
        below=1,
    ),
    Check(
        "few_holdout_buyers",
        "holdout_buyers",
        "customers{of_sample} who bought in the holdout: {holdout_buyers:,}, fewer than 50",
        "all scores depend on these few: differences between models are within chance more often than not",
        at_least=1,
        below=50,
    ),
    Check(
        "acquired_in_holdout",
        "share_acquired",
        "{acquired:,} of {ever:,} customers{of_sample} ({share_acquired:.1%}) made their first purchase in"
        " the holdout",
        "no model predicts them: their {acquired_spend:,.2f} ({share_acquired_spend:.1%} of the holdout's"
        " spend) is in no actual total and no score, and a revenue forecast needs them in addition",
        at_least=0.01,
    ),
    Check(
        "season_not_in_calibration",
        "share_season_unseen",
        "{share_season_unseen:.0%} of the holdout's days fall into a season that the calibration does not"
        " include",
        "models assume a constant rate: a peak in these days, such as Christmas, shows as a bias of the"
        " totals that is not the models' dropout or rates",
        at_least=0.25,
    ),
    Check(
        "seasonal_holdout",
        "season_contrast",
        "in the last year of calibration the season of the holdout had {season_ratio:.2f} times the purchases"
        " per day of the rest",
        "models assume a constant rate, so totals of the holdout are biased by the season: compare with"
        " holdouts at other times, or of a whole year",
        at_least=1.5,
    ),
    Check(
        "single_cohort",
        "cohort_share",
        "customers{of_sample} are a single cohort: 95% were acquired within {cohort_days:.0f} days,"
        " {cohort_share:.0%} of the calibration",
        "age and calendar time cannot be distinguished, and nothing shows whether customers acquired later"
        " are alike: values apply to this cohort",
        below=1 / 3,
    ),
    Check(
        "older_than_log",
        "early_share",
        "{early_share:.0%} of the customers{of_sample} appear in the first tenth of the calibration",
        "many have probably bought before the log begins: their first purchase here is not their first, so"
        " rates of new customers are too high. Leave out customers of the first weeks, or add their history",
        at_least=0.2,
    ),
    Check(
        "largest_customer",
        "share_largest",
        "one customer has {share_largest:.0%} of all spend",
        "mean spend, totals and RMSE depend on this customer: examine it, and report results without it too",
        at_least=0.1,
    ),
    Check(
        "largest_holdout_customer",
        "share_largest_holdout",
        "one customer has {share_largest_holdout:.0%} of the spend{of_sample} in the holdout",
        "the bias of totals, RMSE and shares of the top customers depend on this one: prefer rank measures",
        at_least=0.1,
    ),
    Check(
        "gap",
        "longest_gap",
        "no purchase on {longest_gap:.0f} days in a row, from {gap_start} to {gap_end}",
        "if data are missing there, customers appear inactive and dropout is too high: add them, or begin"
        " after the gap",
        at_least=14,
    ),
    Check(
        "quiet_end",
        "quiet_end",
        "no purchase on the last {quiet_end:.0f} days of the observation",
        "if the log ends earlier than the observation, all customers appear inactive and purchases are too"
        " few: set observation_end to the last day of the data",
        at_least=14,
    ),
    Check(
        "busiest_day",
        "share_busiest_day",
        "{share_busiest_day:.0%} of the purchases are dated {busiest_day}",
        "an import or a default date would make recency and T wrong for these customers: check that day",
        at_least=0.1,
    ),
    Check(
        "first_of_month",
        "share_first_of_month",
        "{share_first_of_month:.0%} of the purchases are dated on the first of a month",
        "if months are known but not days, purchases of a month are one and times are wrong by up to a month:"
        " use collapse='M'",
        at_least=0.25,
    ),
    Check(
        "starts_of_periods",
        "starts_of_periods",
        "all dates are the first day of a {period_name}",
        "rows are treated as sums of a {period_name}: at most one purchase per {period_name} is counted, and"
        " ends are ends of a {period_name}",
        at_least=1,
    ),
    Check(
        "drop",
        "drop",
        "repeat purchases per day fell by {drop:.0%} around {drop_day}",
        "if a shop or channel is missing from then on, it looks like dropout, and predictions are too low:"
        " check that the log is complete on both sides",
        at_least=2 / 3,
    ),
    Check(
        "rise",
        "rise",
        "purchases per day rose to {rise:.1f} times around {rise_day}",
        "if a shop or channel is missing before, its customers' first purchases are too late: check that the"
        " log is complete on both sides",
        at_least=3,
    ),
    Check(
        "duplicates",
        "share_duplicates",
        "{share_duplicates:.1%} of the rows ({duplicates:,}) duplicate another row in every column",
        "each counts as spend: if they are errors of an export, spend is too high, and duplicates='drop'"
        " keeps one of each",
        at_least=0.005,
    ),
    Check(
        "rows_set_aside",
        "share_set_aside",
        "{share_set_aside:.1%} of the rows ({rows_set_aside:,} of {rows:,}) are excluded by the policy",
        "if these are purchases of the same customers, rates and spend are too low: the data report lists"
        " them by rule",
        at_least=0.1,
    ),
)


def data_notices(transactions: Any, split: Split) -> list[DataNotice]:
    """What is unusual about a log and its split, and what it does to the numbers.

    Parameters
    ----------
    transactions : Transactions or frame
        The source of the split.
    split : Split
        Calibration and holdout of these transactions.

    Returns
    -------
    list of DataNotice
        Each with its ``key``, ``sentence`` and ``effect``; empty for a log without peculiarities. They
        concern: few customers, repeat buyers or buyers in the holdout; customers who never paid, amounts of
        zero, one amount only; customers with one purchase left out; the lengths of the holdout and its
        season; customers acquired in it; a single cohort, or customers older than the log; a customer with
        a tenth of the spend; gaps, busy days, jumps and starts of periods in the dates; duplicate and
        excluded rows.

    See Also
    --------
    clvml.customers.DataNotice : One of them.
    clvml.split : Makes the split.

    Examples
    --------
    >>> import clvml
    >>> from clvml.customers import data_notices
    >>> cdnow = clvml.load_cdnow()
    >>> for notice in data_notices(cdnow, clvml.split(cdnow, "1997-09-30", "1998-06-30")):
    ...     print(notice.sentence)
    34% of the holdout's days fall into a season that the calibration does not include
    customers are a single cohort: 95% were acquired within 79 days, 29% of the calibration
    """
    transactions = as_transactions(transactions)
    facts = data_facts(transactions, split)
    return [
        DataNotice(check.key, check.sentence.format(**facts), check.effect.format(**facts))
        for check in CHECKS
        if check.at_least <= facts[check.fact] < check.below
        and (transactions.has_amounts or check.key not in OF_MONEY)
    ]
