"""The summary does not care about the order of rows, the kind of file, or the unit of money."""

import logging

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clvml.customers._summary import summarize
from clvml.customers._summary_checks import check_customers
from clvml.customers._transactions import TransactionPolicy, read_transactions
from clvml.errors import InputError

NOON = pd.Timestamp("1997-01-01 12:00")


def table(*purchases):
    return pd.DataFrame(purchases, columns=["customer_id", "date", "amount"])


purchases = st.lists(
    st.tuples(st.integers(1, 4), st.integers(0, 30 * 24), st.integers(0, 100_000)), min_size=1, max_size=25
).map(lambda rows: table(*[(who, NOON + pd.Timedelta(hours=hour), cents / 100) for who, hour, cents in rows]))


@settings(max_examples=12, deadline=None)
@given(sales=purchases, seed=st.integers(0, 99))
def test_the_order_of_rows_does_not_matter_to_the_last_bit(sales, seed):
    shuffled = sales.sample(frac=1, random_state=seed)
    pd.testing.assert_frame_equal(summarize(sales), summarize(shuffled), check_exact=True)


@settings(max_examples=6, deadline=None)
@given(sales=purchases)
def test_the_kind_of_source_does_not_matter_to_the_last_bit(sales, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    sales.to_csv(folder / "sales.csv", index=False)
    sales.to_parquet(folder / "sales.parquet")
    polars = pl.from_pandas(sales)
    expected = summarize(sales)
    for source in (folder / "sales.csv", folder / "sales.parquet", polars, polars.to_arrow()):
        pd.testing.assert_frame_equal(summarize(source), expected, check_exact=True)


@settings(max_examples=12, deadline=None)
@given(sales=purchases, factor=st.sampled_from([1e-6, 0.01, 3.0, 1e6]))
def test_money_in_another_unit_changes_money_only(sales, factor):
    customers, scaled = summarize(sales), summarize(sales.assign(amount=sales["amount"] * factor))
    money = ["monetary_value", "total_spend"]
    np.testing.assert_allclose(scaled[money], customers[money] * factor, rtol=1e-9, atol=1e-12 * factor)
    pd.testing.assert_frame_equal(scaled.drop(columns=money), customers.drop(columns=money))


@settings(max_examples=12, deadline=None)
@given(sales=purchases, collapse=st.sampled_from(["D", "W", "M", "Y", None]))
def test_it_is_what_pandas_would_count_by_hand(sales, collapse):
    # The last day of a period, so that all of it was observed.
    end = sales["date"].max() if collapse is None else sales["date"].max().to_period(collapse).end_time
    periods = sales["date"] if collapse is None else sales["date"].dt.to_period(collapse).dt.start_time
    spend = (
        sales.groupby([sales["customer_id"], periods.rename("period")])["amount"].sum().reset_index("period")
    )
    by = spend.groupby("customer_id")
    repeat = spend[spend["period"] > by["period"].transform("min")].groupby("customer_id")["amount"]
    customers = summarize(sales, end, collapse=collapse, time_unit="D")
    assert customers["frequency"].tolist() == (by["period"].nunique() - 1).tolist()
    recency = (by["period"].max() - by["period"].min()) / pd.Timedelta(days=1)
    np.testing.assert_allclose(customers["recency"], recency, rtol=1e-12)
    np.testing.assert_allclose(
        customers["monetary_value"], repeat.mean().reindex(customers.index, fill_value=0), atol=1e-9
    )
    check_customers(customers)


def test_the_columns_are_floats_in_the_stated_order_and_the_unit_is_carried(tmp_path):
    customers = summarize(table((1, "1997-01-01", 5), (1, "1997-01-09", 7)), time_unit="W")
    names = ["frequency", "recency", "T", "monetary_value", "total_spend", "first_purchase"]
    assert customers.columns.tolist() == names
    assert customers.index.name == "customer_id"
    assert {str(kind) for kind in customers.dtypes[:-1]} == {"float64"}
    assert customers.loc[1, names[:5]].tolist() == [1.0, 8 / 7, 8 / 7, 7.0, 12.0]
    customers.to_parquet(tmp_path / "customers.parquet")
    back = pd.read_parquet(tmp_path / "customers.parquet")
    pd.testing.assert_frame_equal(back, customers)
    assert back.attrs["time_unit"] == "W"


def test_an_end_given_as_a_date_means_the_end_of_that_day():
    sales = table((1, "1997-01-01 08:00", 5), (1, "1997-01-03 17:00", 7), (1, "1997-01-04 00:00", 9))
    for collapse in ("D", None):
        customers = summarize(sales, "1997-01-03", "D", collapse)
        assert customers.loc[1, ["frequency", "total_spend"]].tolist() == [1, 12.0]
    assert summarize(sales, "1997-01-03 12:00", "D", None).loc[1, "frequency"] == 0


def test_without_collapsing_each_time_stamp_is_a_purchase():
    day = table((1, "1997-01-01 08:00", 5), (1, "1997-01-01 20:00", 7), (1, "1997-01-01 20:00", 3))
    assert summarize(day, collapse="D").loc[1, "frequency"] == 0
    customers = summarize(day, collapse=None, time_unit="D")
    assert customers.loc[1, ["frequency", "recency", "monetary_value"]].tolist() == [1.0, 0.5, 10.0]


def test_netted_returns_take_back_exactly_what_was_paid():
    sales = table((1, "1997-01-01", 0.1), (1, "1997-01-01", 0.2), (1, "1997-01-01", -0.3),
                  (1, "1997-01-05", 10.0), (1, "1997-01-05", -4.0), (2, "1997-01-03", -1.0),
                  (3, "1997-01-03", 0.0))  # fmt: skip
    netted = summarize(read_transactions(sales, policy=TransactionPolicy(returns="net")))
    assert netted["total_spend"].to_dict() == {1: 6.0, 3: 0.0}
    assert netted.loc[1, "frequency"] == 0
    dropped = summarize(read_transactions(sales))
    assert dropped["total_spend"].to_dict() == {1: 10.3, 3: 0.0}


def test_a_large_first_purchase_costs_the_mean_of_the_others_no_digits():
    dates = pd.date_range("1997-01-01", periods=8)
    sales = table(*[(1, day, 1e6 if day == dates[0] else 29.33) for day in dates])
    assert summarize(sales).loc[1, "monetary_value"] == pytest.approx(29.33, rel=2e-16)


def test_a_date_that_cannot_be_read_is_refused_and_a_whole_number_is_one():
    sales = table((1, "1997-01-01", 5), (1, "1997-01-09", 7))
    assert summarize(sales, 19970105).loc[1, "frequency"] == 0
    for end in ("soon", "30/09/1997", "1997-02-30", 852_000_000, float("nan"), pd.NaT):
        with pytest.raises(InputError, match="observation_end is"):
            summarize(sales, end)
    with pytest.raises(InputError, match="no customer purchased before"):
        summarize(sales, "1996-12-31")


def test_an_unknown_period_or_unit_is_refused():
    sales = table((1, "1997-01-01", 5))
    with pytest.raises(InputError, match="collapse is 'H'"):
        summarize(sales, collapse="H")
    with pytest.raises(InputError, match="time_unit is 'H'"):
        summarize(sales, time_unit="H")


def test_an_end_after_the_data_is_said(caplog):
    with caplog.at_level(logging.WARNING, "clvml"):
        summarize(table((1, "1997-01-01", 5)), "1997-02-01")
    assert "the data end on 1997-01-01" in caplog.text
