"""A source of purchases is recognised by its totals per month, without anything of a customer."""

import json

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.customers import fingerprint, source_difference


@pytest.fixture(scope="module")
def log():
    """Two years of purchases of 400 customers."""
    return made_log(np.random.default_rng(0))


def made_log(random, customers=400, rows=6000):
    days = pd.Timestamp("2023-01-01") + pd.to_timedelta(np.r_[0, 730, random.integers(0, 731, rows - 2)], "D")
    return pd.DataFrame(
        {
            "customer_id": random.integers(0, customers, rows),
            "date": days,
            "amount": random.gamma(2.0, 15.0, rows).round(2),
        }
    )


def of(table, **options):
    return fingerprint(clvml.read_transactions(table, **options))


def until(table, end):
    return table[table["date"] <= end]


def test_a_month_is_the_number_of_its_purchases_and_their_money(log):
    january = log[log["date"] < "2023-02-01"]
    purchases, money = of(log)["months"]["2023-01"]
    assert purchases == len(january)
    assert money == pytest.approx(january["amount"].sum(), rel=1e-5)
    assert (of(log)["from"], of(log)["until"]) == ("2023-01-01", "2024-12-31")


def test_a_log_that_has_grown_is_the_same_source(log):
    assert source_difference(of(until(log, "2024-10-31")), of(log)) == ""
    assert source_difference(of(until(log, "2024-10-17")), of(log)) == ""
    assert source_difference(of(log[log["date"] >= "2023-09-12"]), of(log)) == ""  # a window that moves on


def test_late_corrections_of_the_latest_months_and_a_few_deleted_customers_leave_it_the_same(log):
    corrected = log[(log["date"] < "2024-09-01") | (np.arange(len(log)) % 5 != 0)]
    assert source_difference(of(log), of(corrected)) == ""
    assert source_difference(of(log), of(log[~log["customer_id"].isin([3, 77, 200])])) == ""


def test_other_customers_of_the_same_shop_are_another_source(log):
    others = made_log(np.random.default_rng(1))
    assert "of 24 common months agree, such as 2023-" in source_difference(of(log), of(others))
    assert source_difference(of(log), of(log[log["customer_id"] % 10 == 0]))


def test_the_cdnow_master_is_not_its_sample():
    found = source_difference(fingerprint(clvml.load_cdnow("master")), fingerprint(clvml.load_cdnow()))
    assert found.startswith("0 of 18 common months agree")


def test_another_currency_is_another_source_and_says_so(log):
    euros = log.assign(amount=(log["amount"] * 0.92).round(2))
    assert "the money of 24 of 24 common months differs though the purchases agree" in source_difference(
        of(log), of(euros)
    )


def test_purchases_without_amounts_are_another_source_than_with_them(log):
    plain = of(log.drop(columns="amount"), purchases_only=True)
    assert source_difference(of(log), plain) == "one has amounts of money and the other has none"
    assert source_difference(plain, plain | {"until": "2025-01-31"}) == ""


def test_the_policy_on_returns_is_not_part_of_the_source(log):
    returned = log.assign(amount=log["amount"].where(np.arange(len(log)) % 20 != 0, -log["amount"]))
    found = [
        of(returned, policy=clvml.TransactionPolicy(returns=choice)) for choice in ("drop", "net", "keep")
    ]
    assert found[0]["months"] == found[1]["months"] == found[2]["months"]


def test_sources_without_a_common_month_are_not_taken_for_one(log):
    early, late = until(log, "2023-06-10"), log[log["date"] > "2023-06-10"]
    assert "no complete month is common to both (2023-01-01 to 2023-06-1" in source_difference(
        of(early), of(late)
    )


def test_it_is_json_that_names_no_customer(log):
    known = of(log)
    assert json.loads(json.dumps(known)) == known
    assert set(known) == {"from", "until", "months"}
    shuffled = log.sample(frac=1, random_state=0).assign(
        customer_id=lambda table: table["customer_id"] + 10_000
    )
    assert of(shuffled) == known
