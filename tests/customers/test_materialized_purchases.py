"""Purchases that are aggregated once for many queries are the same purchases, whatever is asked of them."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from clvml.customers import TransactionPolicy, read_transactions, split, summarize
from clvml.customers._ends import end_of
from clvml.customers._notices import data_notices
from clvml.customers._purchases import Purchases
from clvml.lifetime_value.economics import customer_profitability, revenue_by_tenure, value_over_time
from clvml.segments.grouping import relationship_evidence

END, CALIBRATION_END = "2021-06-30", "2020-12-31"


@pytest.fixture(scope="module")
def sales():
    """A dirty log: several rows a day, returns, amounts of zero, rows after the end of observation."""
    rng, n = np.random.default_rng(5), 3_000
    hours = pd.to_timedelta(rng.integers(0, 600 * 24, n), unit="h")
    amounts = np.where(rng.random(n) < 0.1, 0.0, rng.normal(15, 12, n)).round(2)
    return pd.DataFrame(
        {
            "customer_id": rng.integers(0, 300, n),
            "date": pd.Timestamp("2020-01-01") + hours,
            "amount": amounts,
        }
    )


def queries(transactions, collapse):
    parts = split(transactions, CALIBRATION_END, END, "W", collapse)
    customers = summarize(transactions, END, "W", collapse)
    earlier = summarize(transactions, "2021-02-10", "W", collapse)
    terms = {"observation_end": END, "collapse": collapse}
    return [
        parts.calibration,
        parts.holdout,
        parts.money.to_frame(),
        pd.Series(parts.counts).to_frame(),
        customers,
        earlier,
        relationship_evidence(transactions, customers),
        value_over_time(transactions, None, "M", None, **terms),
        customer_profitability(transactions, margin=0.4, acquisition_cost=9.0, selling_cost=1.0, **terms),
        revenue_by_tenure(transactions, "Q", **terms),
        pd.DataFrame(data_notices(transactions, parts)),
    ]


def counted(monkeypatch, transactions):
    """The queries that read the rows of the source from now on."""
    read, engine = [], type(transactions.engine)
    original = engine.frame
    monkeypatch.setattr(
        engine, "frame", lambda self, sql: read.append("FROM used GROUP BY" in sql) or original(self, sql)
    )
    return read


@pytest.mark.parametrize("collapse", ["D", "M", None])
@pytest.mark.parametrize("returns", ["drop", "net", "net_period", "keep"])
def test_every_table_is_the_same_with_materialized_purchases(sales, returns, collapse):
    transactions = read_transactions(sales, policy=TransactionPolicy(returns=returns))
    expected = queries(transactions, collapse)
    stop = end_of(END, collapse, "observation_end").stop
    with transactions.purchases(collapse, stop).materialized():
        found = queries(transactions, collapse)
    for table, same in zip(expected, found, strict=True):
        assert_frame_equal(table, same, check_exact=True)


def test_the_rows_are_aggregated_once(sales, monkeypatch):
    transactions = read_transactions(sales)
    customers = summarize(transactions, END)
    with transactions.purchases("D").materialized():
        read = counted(monkeypatch, transactions)
        for _ in range(3):
            relationship_evidence(transactions, customers)
    assert read == [False] * 3
    relationship_evidence(transactions, customers)
    assert read == [False] * 3 + [True]


def test_purchases_of_some_customers_are_not_those_of_all(sales):
    transactions = read_transactions(sales)
    some = transactions.of_customers(pd.Index([3, 4]))
    with transactions.purchases("D").materialized():
        assert summarize(some, END).index.tolist() == [3, 4]


def test_another_collapse_is_not_answered_from_the_table(sales):
    transactions = read_transactions(sales)
    by_month = summarize(transactions, END, collapse="M")
    with transactions.purchases("D").materialized():
        assert_frame_equal(summarize(transactions, END, collapse="M"), by_month)
        assert not summarize(transactions, END, collapse="D")["frequency"].equals(by_month["frequency"])


def test_nothing_is_left_in_the_engine_afterwards_even_after_an_error(sales):
    transactions = read_transactions(sales)
    with pytest.raises(ZeroDivisionError), transactions.purchases("D").materialized():
        raise ZeroDivisionError
    with transactions.purchases("M").materialized():
        held = transactions.engine.frame("SELECT count(*) AS n FROM materialized_purchases")["n"].iloc[0]
    months = sales[sales["amount"] >= 0].assign(month=lambda rows: rows["date"].dt.to_period("M"))
    assert held == len(months[["customer_id", "month"]].drop_duplicates())


@pytest.mark.parametrize("returns", ["drop", "net"])
def test_results_in_parts_of_the_customers_add_up_to_those_of_all(sales, returns, monkeypatch):
    transactions = read_transactions(sales, policy=TransactionPolicy(returns=returns))
    terms = {"observation_end": END}
    whole = [revenue_by_tenure(transactions, "M", **terms), value_over_time(transactions, None, "M", **terms)]
    parts = transactions.purchases("D").in_parts(500)
    query = "SELECT count(DISTINCT customer_id) AS who FROM purchases"
    who = [int(part.frame(query)["who"].iloc[0]) for part in parts]
    everyone = int(transactions.purchases("D").frame(query)["who"].iloc[0])
    assert len(parts) == -(-len(transactions) // 500)
    assert sum(who) == everyone
    assert max(who) < everyone / 2
    monkeypatch.setattr(Purchases.in_parts, "__defaults__", (500,))
    again = [revenue_by_tenure(transactions, "M", **terms), value_over_time(transactions, None, "M", **terms)]
    for table, same in zip(whole, again, strict=True):
        assert_frame_equal(table, same, rtol=1e-13, atol=0)
