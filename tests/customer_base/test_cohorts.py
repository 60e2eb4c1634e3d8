"""Cohorts by age agree with sums by hand, conserve money, and do not depend on rows or ids."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_shop import by_hand, shop

import clvml
from clvml.customer_base import base_over_time, cohort_by_age, cohort_table, revenue_by_cohort
from clvml.errors import InputError

NUMBERS = ["customers", "orders", "revenue"]


@pytest.mark.parametrize("period", ["M", "Q", "Y", "W"])
def test_cells_are_the_sums_by_hand(sales, transactions, period):
    table = cohort_table(transactions, period)
    expected = by_hand(sales, period)
    found = table[table["customers"] > 0].reset_index()
    found["cohort"] = pd.PeriodIndex(found["cohort"], freq=period) if period != "W" else found["cohort"]
    assert found["customers"].tolist() == expected["customers"].tolist()
    assert found["orders"].tolist() == expected["orders"].tolist()
    np.testing.assert_allclose(found["revenue"], expected["revenue"], rtol=1e-12)
    periods = expected.index.get_level_values("period")
    assert found["period"].tolist() == list(periods.start_time)
    ages = [(p - c).n for c, p in expected.index]
    assert found["age"].tolist() == ages


def test_a_cohort_is_that_of_economics(transactions):
    customers = clvml.summarize(transactions)
    for period in ("M", "Q", "Y", "W"):
        sizes = clvml.cohorts(customers, period).value_counts().sort_index()
        found = cohort_table(transactions, period)["cohort_size"].xs(0, level="age")
        assert found.to_dict() == sizes.to_dict()


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), losses=st.booleans(), period=st.sampled_from(["M", "Q", "Y", "W"]))
def test_money_is_conserved_to_the_cent_and_rows_and_ids_do_not_matter(seed, losses, period):
    sales = shop(seed, 25, 8, losses)
    policy = clvml.TransactionPolicy(returns="keep")
    table = cohort_table(clvml.read_transactions(sales, policy=policy), period)
    assert round(table["revenue"].sum(), 2) == round(sales["amount"].sum(), 2)
    new_ids = {name: f"x{k}" for k, name in enumerate(sorted(sales["customer_id"].unique(), reverse=True))}
    other = sales.sample(frac=1, random_state=seed).assign(
        customer_id=lambda t: t["customer_id"].map(new_ids)
    )
    again = cohort_table(clvml.read_transactions(other, policy=policy), period)
    pd.testing.assert_frame_equal(table, again, check_exact=True)


def test_months_add_up_to_quarters_and_quarters_to_years(transactions):
    tables = {period: cohort_table(transactions, period) for period in "MQY"}
    for short, long in ("MQ", "QY", "MY"):
        fine, coarse = tables[short].reset_index(), tables[long].reset_index()
        fine["long"] = pd.PeriodIndex(fine["cohort"], freq=short).asfreq(long).astype(str)
        fine["then"] = fine["period"].dt.to_period(long).dt.start_time
        sums = fine.groupby(["long", "then"])[["orders", "revenue"]].sum()
        whole = coarse.set_index(["cohort", "period"])[["orders", "revenue"]]
        np.testing.assert_allclose(sums.to_numpy(), whole.loc[sums.index].to_numpy(), rtol=1e-12)
        sizes = fine[fine["age"] == 0].groupby("long")["cohort_size"].sum()
        assert sizes.to_dict() == coarse[coarse["age"] == 0].set_index("cohort")["cohort_size"].to_dict()


def test_c3_adds_up_to_the_revenue_of_each_period(sales, transactions):
    wide = revenue_by_cohort(transactions)
    by_month = sales.groupby(sales["date"].dt.to_period("M").dt.start_time)["amount"].sum()
    np.testing.assert_allclose(wide.sum(axis=1), by_month.reindex(wide.index, fill_value=0), rtol=1e-12)
    assert (
        np.triu(np.ones(wide.shape), 1)[wide.to_numpy() != 0] == 0
    ).all()  # nothing before a cohort exists


def test_revenue_is_that_of_the_summary_with_returns_netted():
    sales = shop(3, 60, 10, losses=True)
    source = clvml.read_transactions(sales, policy=clvml.TransactionPolicy(returns="net"))
    customers = clvml.summarize(source)
    table = cohort_table(source)
    assert table["revenue"].sum() == pytest.approx(customers["total_spend"].sum(), abs=1e-6)
    assert table["orders"].sum() == (customers["frequency"] + 1).sum()


def test_the_measures_follow_from_the_counts(transactions):
    table = cohort_table(transactions)
    np.testing.assert_allclose(table["retention"], table["customers"] / table["cohort_size"])
    assert (table["retention"].xs(0, level="age") == 1).all()
    for _, cohort in table.groupby(level="cohort"):
        so_far = cohort["revenue"].cumsum() / cohort["cohort_size"]
        np.testing.assert_allclose(cohort["cumulative_value"], so_far)
    sold = table["orders"] > 0
    np.testing.assert_allclose(
        table["average_order_value"][sold], table["revenue"][sold] / table["orders"][sold]
    )
    assert table["average_order_value"][~sold].isna().all()


def test_a_last_period_observed_in_part_is_marked_and_kept(transactions, sales):
    table = cohort_table(transactions, observation_end="2024-06-12")
    assert set(table["period"][~table["complete"]]) == {pd.Timestamp("2024-06-01")}
    observed = sales["amount"][sales["date"] <= "2024-06-12"].sum()
    assert table["revenue"].sum() == pytest.approx(observed, abs=1e-9)
    assert cohort_table(transactions, observation_end="2024-06-30")["complete"].all()


def test_times_of_another_zone_fall_into_the_months_of_the_shop():
    sales = pd.DataFrame(
        {"customer_id": ["a", "b"], "date": ["2024-02-01T02:00:00Z", "2024-02-01T08:00:00Z"], "amount": 1.0}
    )
    source = clvml.read_transactions(sales, timezone="America/New_York")
    assert cohort_table(source).index.unique("cohort").tolist() == ["2024-01", "2024-02"]


def test_empty_months_are_ages_without_purchases():
    sales = pd.DataFrame(
        {"customer_id": ["a", "a", "b"], "date": ["2023-01-05", "2023-06-07", "2023-06-09"], "amount": 2.0}
    )
    table = cohort_table(sales, observation_end="2023-06-30")
    assert table.xs("2023-01")["customers"].tolist() == [1, 0, 0, 0, 0, 1]
    assert table.index.unique("cohort").tolist() == ["2023-01", "2023-06"]
    base = base_over_time(table)
    assert base["customers"].tolist() == [1, 0, 0, 0, 0, 2]
    assert base["share_new"].isna().tolist() == [False, True, True, True, True, False]


def test_rows_by_quarter_have_cohorts_by_quarter(caplog):
    starts = pd.period_range("2020Q1", "2022Q4", freq="Q").start_time
    sales = pd.DataFrame({"customer_id": [f"c{k % 4}" for k in range(12)], "date": starts, "amount": 3.0})
    with caplog.at_level(logging.WARNING, "clvml"):
        table = cohort_table(sales, "M")
    assert table.attrs["period"] == "Q"
    assert table["revenue"].sum() == 36.0
    assert table["complete"].all()


def test_purchases_without_amounts_have_orders_and_retention_only(sales):
    counted = clvml.read_transactions(sales.drop(columns="amount"), purchases_only=True)
    table, full = cohort_table(counted), cohort_table(sales)
    assert not {"revenue", "average_order_value", "cumulative_value"} & set(table)
    pd.testing.assert_frame_equal(
        table[["customers", "orders", "retention"]], full[["customers", "orders", "retention"]]
    )
    assert revenue_by_cohort(counted).to_numpy().sum() == table["orders"].sum()
    assert "revenue" not in base_over_time(table)
    assert "average_order_value" not in cohort_by_age(table)


def test_one_customer_with_one_purchase_is_a_base():
    table = cohort_table(pd.DataFrame({"customer_id": ["a"], "date": ["2024-03-05"], "amount": [9.5]}))
    assert table["revenue"].tolist() == [9.5]
    assert table["complete"].tolist() == [True]  # the only period of the data


def test_240_cohorts_are_240_cohorts():
    starts = pd.period_range("2000-01", periods=240, freq="M").start_time
    sales = pd.DataFrame(
        {"customer_id": np.arange(240), "date": starts + pd.Timedelta(days=3), "amount": 1.0}
    )
    table = cohort_table(sales, observation_end="2019-12-31")
    assert table.index.unique("cohort").size == 240
    assert len(table) == 240 * 241 // 2


@pytest.mark.parametrize(("period", "said"), [("month", "must be one of"), ("H", "must be one of")])
def test_an_unknown_period_is_refused(transactions, period, said):
    with pytest.raises(InputError, match=said):
        cohort_table(transactions, period)


def test_an_end_before_the_first_purchase_is_refused(transactions):
    with pytest.raises(InputError, match="no purchase until 2020-01-01"):
        cohort_table(transactions, observation_end="2020-01-01")
