"""The five lenses add up, agree with sums by hand, and say what the numbers say."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_shop import by_hand, shop

import clvml
from clvml.customer_base import (
    audit,
    base_over_time,
    cohort_by_age,
    cohort_table,
    compare_cohorts,
    compare_periods,
    growth_drivers,
    period_profile,
)
from clvml.errors import InputError

BEFORE, AFTER = ("2024-01-01", "2024-05-31"), ("2024-06-01", "2024-10-31")


def within(sales: pd.DataFrame, window: tuple[str, str]) -> pd.DataFrame:
    return sales[(sales["date"] >= window[0]) & (sales["date"] <= window[1])]


@pytest.fixture(scope="module")
def found(transactions):
    return audit(transactions)


def test_tenths_have_the_customers_and_the_revenue_of_the_period(sales, transactions):
    profile = period_profile(transactions, AFTER, margin=0.3)
    spend = within(sales, AFTER).groupby("customer_id")["amount"].sum().sort_values(ascending=False)
    assert profile.deciles["customers"].sum() == len(spend)
    assert profile.deciles["revenue"].sum() == pytest.approx(spend.sum(), abs=1e-9)
    top = profile.deciles.loc[1]
    assert top["revenue"] == pytest.approx(spend.iloc[: int(top["customers"])].sum(), abs=1e-9)
    assert top["profit"] == pytest.approx(0.3 * top["revenue"])
    assert profile.deciles["cumulative_share"].iloc[-1] == pytest.approx(1)
    product = profile.deciles["orders_ratio"] * profile.deciles["order_value_ratio"]
    np.testing.assert_allclose(profile.deciles["spend_ratio"], product)
    assert profile.totals["median_spend"] == pytest.approx(spend.median())


def test_distributions_hold_every_customer_and_all_money_once(sales, transactions):
    profile = period_profile(transactions, AFTER)
    bought = within(sales, AFTER)
    for table in (profile.by_orders, profile.by_spend, profile.by_order_value):
        assert table["customers"].sum() == bought["customer_id"].nunique()
        assert table["revenue"].sum() == pytest.approx(bought["amount"].sum(), abs=1e-9)
        assert table["share_of_revenue"].sum() == pytest.approx(1)
    spend = bought.groupby("customer_id")["amount"].sum()
    assert profile.by_spend["customers"]["20 to 50"] == ((spend >= 20) & (spend < 50)).sum()


def test_what_drives_spend_is_known_where_one_factor_is_constant():
    dates = pd.date_range("2024-01-01", periods=31)
    few = pd.DataFrame([(f"c{k}", day, 7.0) for k in range(1, 20) for day in dates[:k]])
    same = pd.DataFrame([(f"c{k}", dates[0], float(k)) for k in range(1, 20)])
    window = ("2024-01-01", "2024-01-31")
    for rows, share in ((few, 1.0), (same, 0.0)):
        profile = period_profile(rows.set_axis(["customer_id", "date", "amount"], axis=1), window)
        assert profile.totals["share_by_orders"] == pytest.approx(share, abs=1e-9)


def status_by_hand(sales: pd.DataFrame) -> dict[str, int]:
    before, after = (
        within(sales, window).groupby("customer_id")["amount"].sum() for window in (BEFORE, AFTER)
    )
    first = sales.groupby("customer_id")["date"].min()
    both = before.index.intersection(after.index)
    only_after = after.index.difference(before.index)
    return {
        "lapsed": len(before.index.difference(after.index)),
        "spent less": int((after[both] < before[both]).sum()),
        "spent the same": int((after[both] == before[both]).sum()),
        "spent more": int((after[both] > before[both]).sum()),
        "returned": int((first[only_after] < BEFORE[0]).sum()),
        "new": int((first[only_after] >= AFTER[0]).sum()),
    }


def test_each_customer_has_one_status(sales, transactions):
    table = compare_periods(transactions, BEFORE, AFTER).customers
    assert table["customers"].drop("total").to_dict() == status_by_hand(sales)


@settings(max_examples=12)
@given(seed=st.integers(0, 10_000), losses=st.booleans())
def test_the_bridge_leads_from_one_revenue_to_the_other_to_the_cent(seed, losses):
    sales = shop(seed, 40, 14, losses)
    policy = clvml.TransactionPolicy(returns="keep")
    compared = compare_periods(clvml.read_transactions(sales, policy=policy), BEFORE, AFTER)
    table = compared.customers
    for window, column in ((BEFORE, "revenue_before"), (AFTER, "revenue_after")):
        assert round(table.at["total", column], 2) == round(within(sales, window)["amount"].sum(), 2)
        assert round(table[column].drop("total").sum(), 2) == round(table.at["total", column], 2)
    start, end = table.loc["total", ["revenue_before", "revenue_after"]]
    assert round(start + table["change"].drop("total").sum(), 2) == round(end, 2)
    shuffled = clvml.read_transactions(sales.sample(frac=1, random_state=seed), policy=policy)
    again = compare_periods(shuffled, BEFORE, AFTER)
    pd.testing.assert_frame_equal(table, again.customers, check_exact=True)


def test_contributions_of_the_factors_add_up_to_the_change(transactions):
    compared = compare_periods(transactions, BEFORE, AFTER)
    for drivers in (compared.drivers, compared.stayed_drivers):
        *factors, whole = drivers["contribution"]
        assert sum(factors) == pytest.approx(whole)
        assert np.prod(1 + drivers["change"].iloc[:-1]) == pytest.approx(1 + drivers["change"].iloc[-1])


def test_without_a_change_of_two_factors_the_third_has_it_all():
    before = pd.Series({"customers": 10, "orders": 20, "revenue": 100.0})
    drivers = growth_drivers(before, before * pd.Series({"customers": 1, "orders": 1, "revenue": 1.5}))
    assert drivers["contribution"].tolist() == pytest.approx([0, 0, 50, 50])
    none = growth_drivers(before * 0, before)
    assert none["contribution"].iloc[-1] == 100
    assert none["contribution"].iloc[:-1].isna().all()


def test_who_stayed_is_counted_by_acquisition(sales, transactions):
    stayed = compare_periods(transactions, BEFORE, AFTER).stayed
    first = sales.groupby("customer_id")["date"].min()
    before = within(sales, BEFORE)["customer_id"].unique()
    own = [customer for customer in before if first[customer] >= pd.Timestamp(BEFORE[0])]
    after = set(within(sales, AFTER)["customer_id"])
    assert stayed.loc["in the first period"].tolist()[:2] == [len(own), len(after & set(own))]
    assert stayed["customers"].sum() == len(before)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (AFTER, BEFORE, "overlap, or are in the wrong order"),
        (BEFORE, ("2024-05-31", "2024-08-31"), "overlap"),
        (("2019-01-01", "2019-02-01"), ("2019-03-01", "2019-04-30"), "nobody bought"),
        (("2024-05-01", "2024-01-01"), AFTER, "before it begins"),
        (("yesterday", "today"), AFTER, "give a date"),
        (3, AFTER, "two dates"),
    ],
)
def test_periods_that_cannot_be_compared_are_refused(transactions, before, after, said):
    with pytest.raises(InputError, match=said):
        compare_periods(transactions, before, after)


def test_a_cohort_by_age_is_the_product_of_its_factors(transactions):
    cohort = cohort_by_age(cohort_table(transactions), "2024-02")
    product = cohort["cohort_size"] * cohort["retention"] * cohort["orders_per_customer"].fillna(0)
    np.testing.assert_allclose(product * cohort["average_order_value"].fillna(0), cohort["revenue"])
    assert cohort.attrs["cohort"] == "2024-02"
    with pytest.raises(InputError, match="no cohort '2001-01'"):
        cohort_by_age(cohort_table(transactions), "2001-01")


def test_repeat_rates_at_equal_age_are_those_by_hand(sales, transactions):
    compared = compare_cohorts(transactions, age=2)
    orders = sales.groupby(["customer_id", sales["date"].dt.normalize()]).size().reset_index()
    orders["month"] = orders["date"].dt.to_period("M")
    for cohort, row in compared.cohorts.iterrows():
        own = pd.Period(cohort, "M")
        members = orders.groupby("customer_id").filter(lambda rows, own=own: rows["month"].min() == own)
        early = members[members["month"] <= own + 2].groupby("customer_id").size()
        if own + 2 <= orders["month"].max() - 1:
            assert row["repeat_rate"] == pytest.approx((early >= 2).mean())
    cells = by_hand(sales)
    first = cells.loc[[key for key in cells.index if key[0] == key[1]]]
    spend = first["revenue"] / first["customers"]
    np.testing.assert_allclose(compared.cohorts["first_spend"], spend.iloc[: len(compared.cohorts)])


@pytest.mark.parametrize("age", [-1, 400])
def test_an_age_that_no_cohort_reached_is_refused(transactions, age):
    with pytest.raises(InputError, match="between 0 and"):
        compare_cohorts(transactions, age=age)


def test_the_base_is_customers_times_orders_times_order_value(sales, transactions):
    base = base_over_time(cohort_table(transactions))
    months = sales["date"].dt.to_period("M")
    assert base["customers"].tolist() == sales.groupby(months)["customer_id"].nunique().tolist()
    product = base["customers"] * base["orders_per_customer"] * base["average_order_value"]
    np.testing.assert_allclose(product, base["revenue"])
    assert base["acquired"].iloc[-1] == sales["customer_id"].nunique()


def test_the_audit_has_what_its_lenses_have(transactions, found):
    pd.testing.assert_frame_equal(found.table, cohort_table(transactions))
    pd.testing.assert_frame_equal(found.profile.deciles, period_profile(transactions).deciles)
    pd.testing.assert_frame_equal(found.comparison.customers, compare_periods(transactions).customers)
    pd.testing.assert_frame_equal(found.cohorts.cohorts, compare_cohorts(transactions).cohorts)


def test_the_words_have_the_numbers_of_the_tables(found):
    said = found.describe("€")
    assert (
        f"{found.profile.totals['customers']:,.0f} customers bought in {found.profile.window}"
        in said["period"]
    )
    lapsed = found.comparison.customers.at["lapsed", "customers"]
    assert f"the {lapsed:,} who lapsed" in said["comparison"]
    assert f"acquired in {found.cohort.attrs['cohort']}" in said["cohort"]
    assert "nan" not in " ".join(said.values())


BAD = {
    "one customer": [("a", "2024-01-03", 5.0)],
    "one month": [("a", "2024-01-03", 5.0), ("b", "2024-01-09", 7.0), ("a", "2024-01-30", 2.0)],
    "a gap of a year": [("a", "2022-01-03", 5.0), ("b", "2023-12-31", 7.0)],
    "nothing but zeros": [("a", "2024-01-03", 0.0), ("a", "2024-02-03", 0.0), ("b", "2024-03-31", 0.0)],
    "returns beyond purchases": [
        ("a", "2024-01-03", 5.0),
        ("a", "2024-02-09", -70.0),
        ("b", "2024-03-31", 1.0),
    ],
    "losses in all months": [("a", "2024-01-03", -5.0), ("b", "2024-02-09", -7.0), ("a", "2024-03-31", -1.0)],
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("period", ["M", "Q", "Y"])
@pytest.mark.parametrize("returns", ["keep", "net"])
def test_odd_data_are_audited_with_money_conserved(case, period, returns):
    rows = pd.DataFrame(BAD[case], columns=["customer_id", "date", "amount"])
    source = clvml.read_transactions(rows, policy=clvml.TransactionPolicy(returns=returns))
    if case == "losses in all months" and returns == "net":
        with pytest.raises(InputError, match="no purchase"):
            audit(source, period)
        return
    found = audit(source, period)
    said = found.describe()
    assert all(said.values())
    assert "nan" not in " ".join(said.values())
    if returns == "keep":
        assert found.table["revenue"].sum() == pytest.approx(rows["amount"].sum())


def test_an_audit_without_money_counts_orders(sales):
    found = audit(clvml.read_transactions(sales.drop(columns="amount"), purchases_only=True))
    assert not found.has_money
    assert found.profile.by_spend is None
    assert "spend_ratio" not in found.profile.deciles
    assert found.profile.deciles["share"].sum() == pytest.approx(1)
    table = found.comparison.customers
    assert {"ordered more", "ordered less"} < set(table.index)
    assert table["change"].drop("total").sum() == table.at["total", "change"]
    assert "spen" not in " ".join(found.describe().values())


def test_a_long_history_is_compared_by_years():
    rows = [(f"c{k}", pd.Timestamp("2020-01-15") + pd.Timedelta(days=20 * k), 1.0) for k in range(80)]
    found = audit(pd.DataFrame(rows, columns=["customer_id", "date", "amount"]), observation_end="2024-05-31")
    assert (found.comparison.before, found.comparison.after) == ("2022-06 to 2023-05", "2023-06 to 2024-05")
    assert not found.shorter_than_a_year
