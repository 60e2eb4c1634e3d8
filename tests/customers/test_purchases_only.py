"""Purchases without amounts: how they are read, summarised and split, and what a price makes of them."""

import logging
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clvml
from clvml.errors import InputError
from clvml.segments.grouping import relationship_evidence

ENDS = ("1997-09-30", "1998-06-30")


@pytest.fixture(scope="module")
def purchases():
    return clvml.load_cdnow().to_pandas()[["customer_id", "date"]]


def test_a_table_of_customers_and_dates_is_read_with_a_message(purchases, caplog):
    with caplog.at_level(logging.WARNING, "clvml"):
        transactions = clvml.read_transactions(purchases)
    assert "has no amounts: purchases are counted" in caplog.text
    assert not transactions.has_amounts
    assert transactions.report["spend"].isna().all()
    assert list(transactions.to_pandas()) == ["customer_id", "date"]


def test_the_purchases_are_those_of_the_table_with_amounts(purchases):
    parts = clvml.split(clvml.read_transactions(purchases), *ENDS)
    paid = clvml.split(clvml.load_cdnow(), *ENDS)
    pd.testing.assert_frame_equal(
        parts.calibration, paid.calibration.drop(columns=["monetary_value", "total_spend"])
    )
    pd.testing.assert_frame_equal(parts.holdout, paid.holdout.drop(columns="spend"))
    assert "1,882 purchases)" in repr(parts)
    assert parts.money.isna().all()


@pytest.mark.parametrize("returns", ["drop", "net", "net_period", "keep", "error"])
@pytest.mark.parametrize("collapse", ["D", "W", None])
def test_at_a_price_customers_are_those_of_a_table_with_that_amount(purchases, returns, collapse):
    policy = clvml.TransactionPolicy(returns=returns, zero_amount="drop")
    days = purchases.drop_duplicates() if collapse == "D" else purchases
    if collapse == "W":
        week = days["date"].dt.to_period("W")
        days = days[~days.assign(date=week).duplicated(["customer_id", "date"])]
    if collapse is None:
        days = days.drop_duplicates()
    priced = clvml.read_transactions(days, policy=policy).at_price(9.99)
    paid = clvml.read_transactions(days.assign(amount=9.99), policy=policy)
    ours, theirs = (clvml.split(source, *ENDS, collapse=collapse) for source in (priced, paid))
    pd.testing.assert_frame_equal(ours.calibration, theirs.calibration)
    pd.testing.assert_frame_equal(ours.holdout, theirs.holdout)
    pd.testing.assert_series_equal(ours.money, theirs.money)
    pd.testing.assert_frame_equal(
        relationship_evidence(priced, ours.calibration), relationship_evidence(paid, theirs.calibration)
    )


@given(st.floats(1e-4, 1e7))
def test_spend_is_the_price_times_purchases_at_any_price(price):
    table = pd.DataFrame({"customer_id": list("aaab"), "date": ["2020-01-01", "2020-01-09"] * 2})
    customers = clvml.summarize(clvml.read_transactions(table).at_price(price))
    np.testing.assert_allclose(customers["total_spend"], price * (1 + customers["frequency"]), rtol=1e-9)


def test_a_day_with_two_rows_is_one_purchase_at_one_price():
    table = pd.DataFrame({"customer_id": ["a", "a", "a"], "date": ["2020-01-01", "2020-01-09", "2020-01-09"]})
    customers = clvml.summarize(clvml.read_transactions(table).at_price(5))
    assert customers["total_spend"].tolist() == [10.0]


def test_without_a_price_there_is_no_money_in_the_halves_of_a_relationship(purchases):
    transactions = clvml.read_transactions(purchases)
    evidence = relationship_evidence(transactions, clvml.summarize(transactions))
    assert {"earlier_purchases", "later_purchases"} <= set(evidence)
    assert not {"earlier_spend", "later_spend"} & set(evidence)


def test_a_price_leaves_the_transactions_it_was_given_to_unchanged(purchases):
    transactions = clvml.read_transactions(purchases)
    transactions.at_price(3)
    assert transactions.price is None
    assert "total_spend" not in clvml.summarize(transactions)


def test_a_price_is_kept_when_purchases_are_pickled(purchases):
    priced = clvml.read_transactions(purchases).at_price(3)
    again = pickle.loads(pickle.dumps(priced))
    pd.testing.assert_frame_equal(clvml.summarize(again), clvml.summarize(priced))


def test_amounts_are_left_out_if_the_user_says_so():
    table = clvml.load_cdnow().to_pandas()
    assert not clvml.read_transactions(table, purchases_only=True).has_amounts


def test_a_further_column_may_be_the_amount_under_another_name(purchases):
    with pytest.raises(InputError, match=r"has no column .amount.*purchases_only"):
        clvml.read_transactions(purchases.assign(revenue=1.0))


def test_a_column_that_is_named_and_missing_is_an_error(purchases):
    with pytest.raises(InputError, match="has no column 'amount'"):
        clvml.read_transactions(purchases, amount="amount")


def test_contradictions_are_refused(purchases):
    with pytest.raises(InputError, match="purchases_only leaves out amounts, but the column 'paid' is given"):
        clvml.read_transactions(purchases.assign(paid=1.0), amount="paid", purchases_only=True)
    with pytest.raises(InputError, match="has amounts, which a price would replace"):
        clvml.load_cdnow().at_price(9.99)


@pytest.mark.parametrize("price", [0, -1, float("nan"), float("inf"), "9.99", True, None])
def test_a_price_that_is_not_a_positive_number_is_refused(purchases, price):
    with pytest.raises(InputError, match="it must be a positive, finite number"):
        clvml.read_transactions(purchases).at_price(price)
