"""What is unusual about a log is noticed from its threshold on, and a clean log has no notice."""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.customers import TransactionPolicy, data_notices, read_transactions, split
from clvml.customers._data_facts import data_facts
from clvml.customers._notices import CHECKS

START = pd.Timestamp("2021-01-01")
CALIBRATION, OBSERVATION = 729, 1094  # days after the start: two years, and the third


def clean():
    """1,000 customers acquired over two years at a constant rate, who buy every 60 days, a fifth once."""
    rng = np.random.default_rng(4)
    parts = []
    for customer, first in enumerate(np.linspace(0, CALIBRATION, 1000).astype(int)):
        gaps = np.ceil(rng.exponential(60, 40)).astype(int)
        stays = np.cumprod(rng.random(40) > 0.2)
        days = np.concatenate([[first], first + gaps.cumsum()[stays == 1]])
        parts.append(pd.DataFrame({"customer_id": customer, "day": days[days <= OBSERVATION]}))
    log = pd.concat(parts, ignore_index=True)
    return log.assign(amount=np.round(rng.gamma(4, 10, len(log)), 2) + 1)


CLEAN = clean()
FIRST = CLEAN.groupby("customer_id")["day"].transform("min")
AGAIN = CLEAN["day"] > FIRST
HELD_OUT = CLEAN["day"] > CALIBRATION


def notices_of(log, calibration=CALIBRATION, observation=OBSERVATION, policy=None):
    """The notices of a log with days after the start."""
    log = log.assign(date=START + pd.to_timedelta(log["day"], unit="D")).drop(columns="day")
    transactions = read_transactions(log, policy=policy)
    ends = (START + pd.Timedelta(days=end) for end in (calibration, observation))
    return {notice.key: notice for notice in data_notices(transactions, split(transactions, *ends))}


def daily(counts, customers=300):
    """A log with this number of purchases on each day, in turn by the customers."""
    days = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(days))
    return pd.DataFrame({"customer_id": number % customers, "day": days, "amount": 10.0 + number % 7})


def first_rows(log, rows, n):
    """The log without those of the rows (a mask) after the first ``n``."""
    return log[~(rows & (rows.cumsum() > n))]


def with_amounts(n, amount):
    """``n`` purchases of one amount, repeat purchases first."""
    order = np.argsort(~AGAIN.to_numpy(), kind="stable")
    amounts = CLEAN["amount"].to_numpy(copy=True)
    amounts[order[:n]] = amount
    return CLEAN.assign(amount=amounts)


def least(share, total):
    """The smallest number whose share of the total is at least this."""
    return int(np.ceil(round(share * total, 9)))


def never_paid(n):
    return notices_of(CLEAN.assign(amount=CLEAN["amount"].where(CLEAN["customer_id"] >= n, 0.0)))


def repeat_customers(n):
    """Only ``n`` customers have a repeat purchase in the calibration."""
    repeats = AGAIN & ~HELD_OUT
    kept = CLEAN.loc[repeats, "customer_id"].unique()[:n]
    return notices_of(CLEAN[~repeats | CLEAN["customer_id"].isin(kept)])


def bought_once(n):
    sizes = CLEAN.groupby("customer_id").size()
    once = CLEAN["customer_id"].isin(sizes.index[sizes == 1])
    log = first_rows(CLEAN, once, n)
    assert log["customer_id"].nunique() == (sizes > 1).sum() + n
    return notices_of(log)


ONCE = int((CLEAN.groupby("customer_id").size() > 1).sum() * 0.02 / 0.98)  # at most 2 % of all


def holdout_buyers(n):
    kept = CLEAN.loc[HELD_OUT, "customer_id"].unique()[:n]
    return notices_of(CLEAN[~HELD_OUT | CLEAN["customer_id"].isin(kept)])


def acquired(n):
    """990 customers of the calibration, and ``n`` who come later."""
    later = pd.DataFrame({"customer_id": np.arange(5000, 5000 + n), "day": 800, "amount": 5.0})
    return notices_of(pd.concat([CLEAN[CLEAN["customer_id"] < 990], later]))


def season(days):
    """A calibration of 300 days, and the remaining 65 of the year in a holdout of this many."""
    return notices_of(daily([3] * (300 + days)), 299, 299 + days)


def busy_season(count):
    """Purchases per day in the last quarter of the year before a holdout in the last quarter."""
    inside = pd.date_range(START, periods=OBSERVATION + 1).quarter == 4
    return notices_of(daily(np.where(inside, count, 10), customers=5000), 1002, 1094)


def cohort(days):
    """41 customers, of whom the middle 39 are acquired within these days of 300."""
    day = np.concatenate([[0], np.linspace(1, 1 + days, 39).astype(int), [days + 2]])
    first = pd.DataFrame({"customer_id": np.arange(41), "day": day, "amount": 5.0})
    return notices_of(pd.concat([first, first.assign(day=360)]), 299, 364)


def early(n):
    """``n`` of 100 customers on the first day, the others at a constant rate in the last nine tenths."""
    day = np.concatenate([np.zeros(n), np.linspace(30, 299, 100 - n)]).astype(int)
    log = pd.DataFrame({"customer_id": np.arange(100), "day": day, "amount": 5.0})
    return notices_of(pd.concat([log, log.assign(day=360)]), 299, 364)


def largest(amount, day):
    """99 other purchases of 10."""
    others = pd.DataFrame({"customer_id": np.arange(1, 100), "day": np.repeat([1, 150, 310], 33)})
    one = pd.DataFrame({"customer_id": [0, 0], "day": [0, day], "amount": [0.0, amount]})
    again = others.assign(customer_id=np.roll(others["customer_id"], 33), amount=0.0)
    return notices_of(pd.concat([others.assign(amount=10.0), again, one]), 299, 364)


def holdout_of_one(amount):
    """99 others spend 1 in the holdout."""
    log = pd.DataFrame({"customer_id": np.arange(100), "day": 0, "amount": 50.0})
    return notices_of(pd.concat([log, log.assign(day=310, amount=[amount] + [1.0] * 99)]), 299, 364)


def gap(days):
    counts = np.full(365, 3)
    counts[100 : 100 + days] = 0
    return notices_of(daily(counts), 299, 364)


def quiet_end(days):
    return notices_of(daily([3] * (365 - days)), 299, 364)


def busiest(n):
    """``n`` of 1,000 purchases on one day, the others on 100 days."""
    counts = np.full(101, (1000 - n) // 100)
    counts[: 1000 - n - counts[:100].sum()] += 1
    counts[100] = n
    assert counts.sum() == 1000
    return notices_of(daily(counts), 80, 100)


def first_of_month(n):
    """``n`` of 1,000 purchases on the first of five months."""
    days = pd.date_range(START, periods=150)
    counts = np.zeros(150, dtype=int)
    counts[days.day == 1] = n // 5
    others = np.flatnonzero(days.day != 1)
    counts[others] = (1000 - n) // len(others)
    counts[others[: 1000 - counts.sum()]] += 1
    assert counts.sum() == 1000
    return notices_of(daily(counts), 119, 149)


def months(offset):
    """Purchases once a month, dated at its start or ``offset`` days later in one of them."""
    days = (pd.date_range(START, periods=12, freq="MS") - START).days.to_numpy(copy=True)
    days[5] += offset
    log = pd.DataFrame({"customer_id": np.repeat(np.arange(300), 12), "day": np.tile(days, 300)})
    return notices_of(log.assign(amount=10.0), 270, 364)


def level(before, after):
    """28 days with purchases at one level, 28 at the next, of customers who have bought before."""
    base = np.full(200, 10)
    base[-28:] = after
    base[-56:-28] = before
    return notices_of(daily(base, customers=200), 150, 199)


def duplicated(n):
    """1,000 rows of which ``n`` are duplicates of others."""
    log = daily([4] * 250).head(1000 - n)
    return notices_of(pd.concat([log, log.head(n)]), 199, 249)


def without_customer(n):
    log = daily([4] * 250)
    return notices_of(
        log.assign(customer_id=log["customer_id"].astype(float).where(log.index >= n)), 199, 249
    )


ZEROS, SAME = least(0.05, len(CLEAN)), least(0.95, len(CLEAN))
# By key: a log where the check applies, and one just on the other side of each threshold.
BOUNDARIES = {
    "few_customers": (
        lambda n: notices_of(CLEAN[CLEAN["customer_id"] >= 1000 - n]),
        199,
        [200],
    ),
    "no_repeat_purchases": (repeat_customers, 0, [1]),
    "few_repeat_customers": (repeat_customers, 49, [50, 0]),
    "never_paid": (never_paid, 50, [49]),
    "zero_amounts": (lambda n: notices_of(with_amounts(n, 0.0)), ZEROS, [ZEROS - 1]),
    "one_amount": (lambda n: notices_of(with_amounts(n, 1.37)), SAME, [SAME - 1]),
    "repeat_buyers_only": (bought_once, ONCE, [ONCE + 1]),
    "short_holdout": (lambda days: notices_of(CLEAN, OBSERVATION - days), 27, [28]),
    "long_holdout": (lambda end: notices_of(CLEAN, 364, end), 1094, [1093]),
    "empty_holdout": (holdout_buyers, 0, [1]),
    "few_holdout_buyers": (holdout_buyers, 49, [50, 0]),
    "acquired_in_holdout": (acquired, 10, [9]),
    "season_not_in_calibration": (season, 260, [261]),
    "seasonal_holdout": (busy_season, 15, [14]),
    "single_cohort": (cohort, 99, [100]),
    "older_than_log": (early, 20, [19]),
    "largest_customer": (lambda amount: largest(amount, 200), 110.0, [109.9]),
    "largest_holdout_customer": (holdout_of_one, 11.0, [10.9]),
    "gap": (gap, 14, [13]),
    "quiet_end": (quiet_end, 14, [13]),
    "busiest_day": (busiest, 100, [99]),
    "first_of_month": (first_of_month, 250, [245]),
    "starts_of_periods": (months, 0, [1]),
    "drop": (lambda after: level(30, after), 10, [11]),
    "rise": (lambda after: level(10, after), 30, [29]),
    "duplicates": (duplicated, 5, [4]),
    "rows_set_aside": (without_customer, 100, [99]),
}


def test_a_clean_log_has_no_notice():
    assert notices_of(CLEAN) == {}


@pytest.mark.parametrize("key", [check.key for check in CHECKS])
def test_a_check_applies_from_its_threshold_on_and_not_before(key):
    notices, inside, outside = BOUNDARIES[key]
    assert key in notices(inside)
    for value in outside:
        assert key not in notices(value)


def test_the_keys_are_unique_and_every_notice_says_what_it_does():
    assert len({check.key for check in CHECKS}) == len(CHECKS)
    for check in CHECKS:
        assert len(check.effect) > 40
        assert not check.sentence.endswith(".")


def test_cdnow_is_one_cohort_whose_holdout_has_christmas_and_has_no_other_notice():
    cdnow = clvml.load_cdnow()
    found = data_notices(cdnow, split(cdnow, "1997-09-30", "1998-06-30"))
    assert [notice.key for notice in found] == ["season_not_in_calibration", "single_cohort"]
    assert found[0].sentence.startswith("34% of the holdout's days")  # October to December: 92 of 273


def test_the_numbers_in_the_sentences_are_those_of_the_log():
    found = acquired(330)  # of 1,320 customers
    assert found["acquired_in_holdout"].sentence.startswith("330 of 1,320 customers (25.0%)")
    assert "1,650.00" in found["acquired_in_holdout"].effect
    assert "60.0% of the customers (600)" in never_paid(600)["never_paid"].sentence
    assert "from 2021-04-11 to 2021-04-30" in gap(20)["gap"].sentence
    assert "around 2021-06-22" in level(30, 5)["drop"].sentence
    assert f"{1 - 5 / 30:.0%}" in level(30, 5)["drop"].sentence


def test_a_gap_is_judged_by_the_usual_gaps_of_the_log():
    """Where purchases are weekly, two weeks without any are no gap, and sixteen weeks are."""
    weekly = np.zeros(800, dtype=int)
    weekly[::7] = 20
    assert "gap" not in notices_of(daily(np.where((np.arange(800) // 14) == 20, 0, weekly)), 599, 799)
    weekly[350:462] = 0
    assert "gap" in notices_of(daily(weekly), 599, 799)


def test_notices_do_not_depend_on_the_order_of_rows_nor_change_the_log():
    log = CLEAN.assign(amount=CLEAN["amount"].where(CLEAN["customer_id"] >= 600, 0.0))
    before = log.copy()
    assert notices_of(log) == notices_of(log.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(log, before)


def test_duplicates_that_the_policy_drops_are_not_noticed_again():
    log = daily([4] * 250)
    twice = pd.concat([log, log.head(50)])
    assert "duplicates" not in notices_of(twice, 199, 249, TransactionPolicy(duplicates="drop"))
    assert "duplicates" in notices_of(twice, 199, 249)


@pytest.mark.parametrize("collapse", [None, "D", "W", "M"])
def test_notices_work_with_every_collapse(collapse):
    transactions = clvml.load_cdnow()
    parts = split(transactions, "1997-09-30", "1998-06-30", "M", collapse)
    assert "single_cohort" in {notice.key for notice in data_notices(transactions, parts)}


def test_a_notice_of_a_split_of_some_customers_says_so_and_counts_those_only():
    log = CLEAN.assign(date=START + pd.to_timedelta(CLEAN["day"], unit="D")).drop(columns="day")
    everyone = read_transactions(log)
    some = everyone.of_customers(pd.Index(range(100)))
    ends = (START + pd.Timedelta(days=end) for end in (CALIBRATION, OBSERVATION))
    found = {notice.key: notice for notice in data_notices(everyone, split(some, *ends))}
    assert found["few_customers"].sentence.startswith("100 customers of the sample until the end")


def test_notices_of_the_whole_log_do_not_name_a_sample():
    assert not any("sample" in notice.sentence for notice in notices_of(CLEAN.head(60)).values())


@pytest.mark.parametrize("share", [0.5, 0.05])
def test_customers_acquired_in_the_holdout_of_a_sample_are_counted_among_the_sample(share):
    late = CLEAN.assign(day=CLEAN["day"].where(CLEAN["customer_id"] % 2 == 0, CLEAN["day"] + CALIBRATION))
    late = late[late["day"] <= OBSERVATION]
    log = late.assign(date=START + pd.to_timedelta(late["day"], unit="D")).drop(columns="day")
    everyone = read_transactions(log)
    ids = pd.Index(log["customer_id"].unique())[: int(share * 1_000)]
    ends = [START + pd.Timedelta(days=end) for end in (CALIBRATION, OBSERVATION)]
    parts = split(everyone.of_customers(ids), *ends)
    facts = data_facts(everyone, parts)
    seen = log[log["customer_id"].isin(ids)].groupby("customer_id")["date"].min()
    assert facts["ever"] == len(seen)
    assert facts["acquired"] == (seen > ends[0]).sum()
    assert facts["share_acquired"] == facts["acquired"] / facts["ever"]
    assert facts["everyone"] == log["customer_id"].nunique()
