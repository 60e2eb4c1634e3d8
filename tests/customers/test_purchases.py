"""A purchase is one thing everywhere: halves, trend and money agree with the summary, whatever the dirt."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import clvml
from clvml.customers import TransactionPolicy, read_transactions, split, summarize
from clvml.customers._ends import observation_end_of
from clvml.customers._purchase_ages import query_purchase_ages
from clvml.customers._split import purchases_over_time
from clvml.customers._time_units import convert_time_unit
from clvml.lifetime_value.economics import customer_profitability, value_over_time
from clvml.lifetime_value.formulas import BrandSwitchingValue, MigrationValue
from clvml.segments.grouping import relationship_evidence

COLLAPSES = ["D", "W", "M", "Q", "Y", None]
RETURNS = ["drop", "net", "net_period", "keep"]
START = pd.Timestamp("2020-01-03 10:00")


def table(*rows):
    return pd.DataFrame(rows, columns=["customer_id", "date", "amount"])


def dated(rows):
    """Rows as a table, with a clean purchase of somebody else at either end: the window is never empty."""
    dirty = [(who, START + pd.Timedelta(hours=hours), cents / 100) for who, hours, cents in rows]
    return table(*dirty, ("z", START - pd.Timedelta(days=3), 1.0), ("z", START + pd.Timedelta(days=820), 2.0))


dirty_sales = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", None]),
        st.integers(0, 800 * 24),
        st.integers(-6, 9).map(lambda n: n * 535),  # so that returns often cancel purchases to the cent
    ),
    max_size=25,
).map(dated)
policies = st.sampled_from(RETURNS).flatmap(
    lambda returns: st.builds(
        TransactionPolicy,
        returns=st.just(returns),
        zero_amount=st.sampled_from(["keep", "drop"]),
        duplicates=st.sampled_from(["keep", "drop"]),
    )
)
laws = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def expected_by_hand(sales, returns, until):
    """What is left of each purchase day of a customer by a stack, and what is not attributed."""
    left, lost = {}, 0
    kept = sales.dropna(subset="customer_id")
    kept = kept[kept["date"] < until].assign(day=lambda rows: rows["date"].dt.normalize())
    for who, rows in kept.groupby("customer_id"):
        stack = []
        for day, of_day in rows.groupby("day"):
            cents = (of_day["amount"] * 100).round().astype(int)
            if (cents >= 0).any():
                stack.append([day, int(cents[cents > 0].sum()), bool((cents > 0).any())])
            back = -int(cents[cents < 0].sum()) if returns == "net" else 0
            for purchase in reversed(stack):
                taken = min(back, purchase[1])
                purchase[1], back = purchase[1] - taken, back - taken
            lost += back
        left[who] = {day: cents / 100 for day, cents, paid in stack if cents > 0 or not paid}
    return left, lost / 100


@laws
@given(sales=dirty_sales, days=st.integers(1, 820))
def test_a_return_is_taken_off_the_latest_purchase_before_it(sales, days):
    until = (START + pd.Timedelta(days=days)).normalize()
    transactions = read_transactions(sales, policy=TransactionPolicy(returns="net"))
    found = transactions.purchases("D", until).frame(
        "SELECT customer_id, period, CAST(spend AS DOUBLE) AS spend FROM purchases"
        " ORDER BY customer_id, period"
    )
    left, lost = expected_by_hand(sales, "net", until)
    assert {
        who: dict(zip(rows["period"], rows["spend"].round(2), strict=True))
        for who, rows in found.groupby("customer_id")
    } == {who: days for who, days in left.items() if days}
    unattributed = transactions.purchases("D", until).frame(
        "SELECT CAST(coalesce(sum(unattributed), 0) AS DOUBLE) AS lost FROM periods"
        f" WHERE period < TIMESTAMP '{until}'"
    )
    assert unattributed["lost"].iloc[0] == pytest.approx(-lost, abs=1e-9)


@laws
@given(sales=dirty_sales, policy=policies, collapse=st.sampled_from(COLLAPSES), days=st.integers(1, 360))
def test_all_money_used_is_in_the_calibration_the_holdout_or_listed(sales, policy, collapse, days):
    transactions = read_transactions(sales, policy=policy)
    parts = split(transactions, START + pd.Timedelta(days=days), "2022-04-02", collapse=collapse)
    used = transactions.report.loc["used", "spend"]
    assert parts.money.sum() == pytest.approx(used, abs=0.005)
    assert parts.money["calibration"] == pytest.approx(parts.calibration["total_spend"].sum(), abs=0.005)
    assert parts.money["holdout"] == pytest.approx(parts.holdout["spend"].sum(), abs=0.005)
    if not policy.nets_returns:
        assert parts.money[["returned_after_calibration", "unattributed_returns"]].tolist() == [0, 0]
    if collapse == "D" and policy.nets_returns:
        listed = transactions.report.loc["unattributed_returns", "spend"]
        assert parts.money["unattributed_returns"] == pytest.approx(listed, abs=0.005)


@laws
@given(sales=dirty_sales, policy=policies, collapse=st.sampled_from(COLLAPSES), days=st.integers(1, 360))
def test_a_calibration_is_the_summary_of_what_was_known_at_its_end(sales, policy, collapse, days):
    transactions = read_transactions(sales, policy=policy)
    parts = split(transactions, START + pd.Timedelta(days=days), collapse=collapse)
    before = summarize(transactions, parts.calibration_end, collapse=collapse)
    pd.testing.assert_frame_equal(parts.calibration, before, check_exact=True)


@laws
@given(sales=dirty_sales, policy=policies, collapse=st.sampled_from(COLLAPSES))
def test_halves_of_a_history_sum_to_frequency(sales, policy, collapse):
    transactions = read_transactions(sales, policy=policy)
    for customers in (
        summarize(transactions, collapse=collapse),
        split(transactions, "2020-09-05", collapse=collapse).calibration,
    ):
        halves = relationship_evidence(transactions, customers)
        purchases = halves["earlier_purchases"] + halves["later_purchases"]
        assert purchases.tolist() == customers["frequency"].tolist()
        spend = halves["earlier_spend"] + halves["later_spend"]
        repeat = customers["monetary_value"] * customers["frequency"]
        np.testing.assert_allclose(spend, repeat, atol=1e-9)


@laws
@given(
    sales=dirty_sales, policy=policies, collapse=st.sampled_from(COLLAPSES), period=st.sampled_from("DWMQY")
)
def test_the_purchases_and_the_money_of_the_trend_are_those_of_the_summary(sales, policy, collapse, period):
    transactions = read_transactions(sales, policy=policy)
    whole = transactions.last_date.to_period("Y").end_time.normalize() + pd.Timedelta(days=7)
    customers = summarize(transactions, whole, collapse=collapse)
    groups = pd.Series([f"{who}"[0] for who in customers.index], customers.index)
    for trend in (
        value_over_time(transactions, period=period, collapse=collapse, observation_end=whole),
        value_over_time(transactions, groups, period, collapse=collapse, observation_end=whole),
    ):
        assert trend["purchases"].sum() == customers["frequency"].sum() + len(customers)
        assert trend["spend"].sum() == pytest.approx(customers["total_spend"].sum(), abs=0.005)
        assert trend.groupby("group")["customers"].max().sum() == len(customers)


@laws
@given(sales=dirty_sales, policy=policies, collapse=st.sampled_from(COLLAPSES))
def test_purchases_over_time_end_with_those_of_the_split(sales, policy, collapse):
    transactions = read_transactions(sales, policy=policy)
    parts = split(transactions, "2020-09-05", collapse=collapse)
    total = parts.calibration["frequency"].sum() + parts.holdout["purchases"].sum()
    assert purchases_over_time(transactions, parts)["actual"].iloc[-1] == total


@laws
@given(sales=dirty_sales, policy=policies, collapse=st.sampled_from(COLLAPSES))
def test_a_customer_without_costs_has_paid_back_with_the_first_purchase_that_brought_money(
    sales, policy, collapse
):
    found = customer_profitability(read_transactions(sales, policy=policy), collapse=collapse)
    if policy.returns == "keep":
        assert (found["payback"].notna() | (found["income"] < 0)).all()
    else:
        assert (found["payback"] == 0).all()


@laws
@given(sales=dirty_sales, policy=policies, collapse=st.sampled_from(COLLAPSES), seed=st.integers(0, 99))
def test_shuffled_rows_change_nothing_for_whatever_takes_transactions(sales, policy, collapse, seed):
    answers = [
        everything(read_transactions(rows, policy=policy, category="brand"), collapse)
        for rows in (branded(sales), branded(sales).sample(frac=1, random_state=seed))
    ]
    for one, other in zip(*answers, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def branded(sales):
    cents = (sales["amount"] * 100).round().astype(int)
    return sales.assign(brand=(cents // 535 % 3 + sales["date"].dt.hour % 2).map(str))


def everything(transactions, collapse):
    """What each function that takes transactions says of them, as frames."""
    customers = summarize(transactions, collapse=collapse)
    parts = split(transactions, "2020-09-05", collapse=collapse)
    yield customers
    yield from (parts.calibration, parts.holdout, parts.money.to_frame(), transactions.report)
    yield transactions.to_pandas()
    yield purchases_over_time(transactions, parts)
    yield relationship_evidence(transactions, customers)
    yield value_over_time(transactions, collapse=collapse)
    yield customer_profitability(transactions, acquisition_cost=5, selling_cost=1, margin=0.3)
    yield query_purchase_ages(
        transactions, customers, "SELECT position, age FROM ages ORDER BY position, age"
    )
    migration = MigrationValue("12M").fit(parts.calibration, transactions)
    yield pd.Series(migration.params_).to_frame()
    if customers["frequency"].sum() and transactions.policy.returns != "keep":
        brands = sorted(transactions.to_pandas()["category"].unique())
        switching = BrandSwitchingValue("12M", brands[0]).fit(transactions)
        yield from (switching.transitions_, switching.predict_factors(transactions))


@pytest.mark.parametrize("returns", RETURNS)
def test_ids_and_times_survive_every_policy(returns):
    sales = table(("007", "2024-01-01", 5), ("7", "2024-01-02", 5), ("7", "2024-01-09", 6),
                  ("7", "2024-01-11", -6), ("x ", "2024-01-20", 1))  # fmt: skip
    transactions = read_transactions(sales, policy=TransactionPolicy(returns=returns))
    weeks = summarize(transactions, time_unit="W")
    assert weeks.index.tolist() == ["007", "7", "x"]
    days = summarize(transactions, time_unit="D")
    pd.testing.assert_frame_equal(convert_time_unit(weeks, "D"), days, check_exact=False, rtol=1e-12)


def test_what_each_policy_makes_of_a_return_on_a_later_day():
    # 10, 20, then -20 two days later; and a return without a purchase.
    sales = table(
        (1, "2024-01-01", 10), (1, "2024-01-08", 20), (1, "2024-01-10", -20),
        (2, "2024-01-02", -7), (2, "2024-01-15", 8),
    )  # fmt: skip
    found = {}
    for returns in RETURNS:
        customers = summarize(read_transactions(sales, policy=TransactionPolicy(returns=returns)))
        found[returns] = customers[["frequency", "total_spend"]].to_numpy().tolist()
    assert found == {
        "drop": [[1, 30], [0, 8]],
        "net": [[0, 10], [0, 8]],
        "net_period": [[1, 30], [0, 8]],
        "keep": [[2, 10], [1, 1]],
    }
    report = read_transactions(sales, policy=TransactionPolicy(returns="net")).report
    assert report.loc["unattributed_returns", ["rows", "spend"]].tolist() == [1, -7]
    assert report.loc["used", "spend"] == 11


def test_a_part_returned_and_a_return_larger_than_its_purchase():
    sales = table((1, "2024-01-01", 10), (1, "2024-01-08", 20), (1, "2024-01-09", -25), (1, "2024-01-12", -1))
    customers = summarize(read_transactions(sales, policy=TransactionPolicy(returns="net")))
    assert customers.loc[1, ["frequency", "total_spend"]].tolist() == [0, 4]


def test_a_return_in_the_holdout_of_an_earlier_purchase_is_listed_and_the_calibration_does_not_know():
    sales = table((1, "2024-01-01", 10), (1, "2024-02-01", 30), (1, "2024-02-03", -35), (1, "2024-03-01", 5))
    parts = split(
        read_transactions(sales, policy=TransactionPolicy(returns="net")), "2024-01-31", "2024-03-01"
    )
    assert parts.calibration["total_spend"].tolist() == [10]
    assert parts.holdout[["purchases", "spend"]].to_numpy().tolist() == [[1, 5]]
    assert parts.money["returned_after_calibration"] == -5
    assert parts.counts["purchases_fully_returned"] == 1


def test_a_free_disc_stays_a_purchase_when_something_else_is_returned():
    sales = table((1, "2024-01-01", 10), (1, "2024-01-08", 0), (1, "2024-01-08", -10), (1, "2024-01-15", 3))
    customers = summarize(read_transactions(sales, policy=TransactionPolicy(returns="net")), time_unit="D")
    assert customers.loc[1, ["frequency", "recency", "total_spend"]].tolist() == [1, 7, 3]


def test_the_basket_of_a_day_is_one_purchase_with_shares():
    rows = [
        (1, "2024-01-01", 6, "A"),
        (1, "2024-01-01", 4, "B"),
        (1, "2024-01-15", 5, "A"),
        (2, "2024-01-15", 5, "B"),
    ]
    sales = pd.DataFrame(rows, columns=["customer_id", "date", "amount", "brand"])
    for order in ([0, 1, 2, 3], [1, 0, 3, 2]):
        model = BrandSwitchingValue(horizon=4, brand="A").fit(sales.iloc[order])
        assert model.period_ == 2.0
        # .6 of a purchase of A and .4 of one of B were followed by one of A; 1.6 of three were of A.
        market = 1.6 / 3
        expected = [(0.6 + market) / 1.6, (0.4 + market) / 1.4]
        assert model.transitions_["A"].tolist() == pytest.approx(expected, rel=1e-12)
        factors = model.predict_factors(sales.iloc[order], "2024-01-14")
        mixed = 0.6 * model._discounted_shares()[0, 0] + 0.4 * model._discounted_shares()[1, 0]
        assert factors["clv"].tolist() == pytest.approx((factors["wallet"] * mixed).tolist(), abs=1e-12)


def test_transactions_without_a_category_have_no_brands():
    with pytest.raises(clvml.errors.InputError, match="read them with clvml"):
        BrandSwitchingValue(4, brand="A").fit(clvml.load_cdnow())


def test_a_return_after_the_end_of_observation_is_not_known():
    sales = table((1, "2024-01-01", 10), (1, "2024-01-08", 20), (1, "2024-02-01", -20))
    transactions = read_transactions(sales, policy=TransactionPolicy(returns="net"))
    assert summarize(transactions, "2024-01-31").loc[1, ["frequency", "total_spend"]].tolist() == [1, 30]
    assert observation_end_of(transactions, None, "D").asked == pd.Timestamp("2024-02-01")
