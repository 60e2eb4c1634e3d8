"""Profitability, the manager's figures, and the trend of value, on purchases counted by hand."""

import logging

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import InputError
from clvml.lifetime_value.economics._scorecard import against_targets

SALES = pd.DataFrame(
    {
        "customer_id": ["a", "a", "a", "b", "c"],
        "date": pd.to_datetime(["2024-01-01", "2024-01-15", "2024-02-12", "2024-01-08", "2024-02-05"]),
        "amount": [20.0, 30.0, 50.0, 40.0, 10.0],
    }
)


def test_profit_is_gross_profit_less_all_costs_and_payback_is_when_they_were_first_covered():
    found = clvml.customer_profitability(
        SALES, margin=0.5, acquisition_cost=15, selling_cost=1, annual_service_cost=52
    )
    assert found.loc["a", "profit"] == pytest.approx(50 - 15 - 3 - 6)
    # After the purchase in week 2: 25 - 15 - 2 - 2 > 0, and not after the first one: 10 - 15 - 1.
    assert found.loc["a", "payback"] == 2
    assert found.loc["b", "payback"] == 0
    assert np.isnan(found.loc["c", "payback"])
    assert found["profitable"].tolist() == [True, False, False]


def test_costs_may_be_known_per_customer_and_a_missing_one_is_named():
    cost = pd.Series({"a": 5.0, "b": 7.0, "c": 9.0})
    found = clvml.customer_profitability(SALES, acquisition_cost=cost)
    assert found["profit"].tolist() == [95, 33, 1]
    assert clvml.customer_profitability(SALES, acceptable_profit=50)["profitable"].tolist() == [
        True, False, False,
    ]  # fmt: skip
    with pytest.raises(InputError, match="acquisition_cost is missing for 1 customers; the first is 'c'"):
        clvml.customer_profitability(SALES, acquisition_cost=cost[:2])
    with pytest.raises(InputError, match="selling_cost is -1; it must be finite and at least 0"):
        clvml.customer_profitability(SALES, selling_cost=-1)


def test_profits_add_up_to_the_margin_of_all_sales_on_cdnow():
    found = clvml.customer_profitability(clvml.load_cdnow(), margin=0.3, acquisition_cost=5)
    spend = clvml.load_cdnow().to_pandas()["amount"].sum()
    assert found["profit"].sum() == pytest.approx(0.3 * spend - 5 * 2357)
    early = clvml.customer_profitability(
        clvml.load_cdnow(), margin=0.3, acquisition_cost=5, observation_end="1997-09-30"
    )
    assert early["payback"].notna().sum() < found["payback"].notna().sum()


def test_a_summary_that_is_given_is_used_and_changes_nothing(monkeypatch):
    transactions = clvml.load_cdnow()
    customers = clvml.summarize(transactions, "1997-09-30").assign(city="Bonn")
    terms = {"margin": 0.3, "acquisition_cost": 9.0, "selling_cost": 1.0, "annual_service_cost": 2.0}
    expected = clvml.customer_profitability(transactions, observation_end="1997-09-30", **terms)
    monkeypatch.delattr("clvml.lifetime_value.economics._profitability.summarize")
    given = clvml.customer_profitability(transactions, customers=customers, **terms)
    pd.testing.assert_frame_equal(given, expected, check_exact=True)
    assert 0 < (given["payback"] == 0).sum() < given["payback"].notna().sum() < len(given)


def test_the_scorecard_counts_its_figures_and_tells_which_targets_are_met():
    customers = clvml.summarize(SALES, "2024-02-12")
    values = pd.Series(60.0, customers.index)
    card = clvml.scorecard(
        customers,
        values,
        new_customer_value=60.0,
        acquisition_cost=20,
        margin=0.5,
        marketing_cost=50,
        targets={"clv_to_cac": 3, "acquisition_cost": 15, "repeat_rate": 0.3},
    )
    assert card["value"].to_dict() | {"retention_rate": 0} == pytest.approx(
        {
            "clv": 60,
            "new_customer_value": 60,
            "acquisition_cost": 20,
            "clv_to_cac": 3,
            # The first purchase of the mean customer brings 35 / 3; then 40 in 12 weeks of three customers.
            "payback": (20 - 35 / 3) / (40 / 12),
            "retention_rate": 0,
            "repeat_rate": 1 / 3,
            "return_on_marketing": 0.5,
        }
    )
    assert card["met"].to_dict() == {
        "clv": None, "new_customer_value": None, "acquisition_cost": False, "clv_to_cac": True,
        "payback": None, "retention_rate": None, "repeat_rate": True, "return_on_marketing": None,
    }  # fmt: skip
    with pytest.raises(InputError, match="targets has 'nps'; the figures are clv"):
        clvml.scorecard(customers, values, targets={"nps": 50})


def test_clv_to_cac_is_that_of_a_new_customer_and_not_of_those_who_were_acquired_long_ago(cdnow):
    """Issue 11.15: the residual value of old customers against the cost of new ones reads 1.15 for 3.07."""
    model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M", 0.10, margin=0.3).fit(cdnow)
    first = (cdnow["total_spend"] - cdnow["frequency"] * cdnow["monetary_value"]).mean()
    worth = clvml.new_customer_value(model, first_purchase=first)
    values = model.predict(cdnow)
    target = {"clv_to_cac": 3}
    card = clvml.scorecard(
        cdnow, values, new_customer_value=worth, acquisition_cost=8, margin=0.3, targets=target
    )
    assert card.loc["clv_to_cac", "value"] == pytest.approx(24.54 / 8, abs=0.005)
    assert card.loc["clv_to_cac", "met"] is True
    assert card.loc["payback", "value"] == 0  # 0.3 of a first purchase of 32 is more than 8
    assert np.isnan(clvml.scorecard(cdnow, values, acquisition_cost=8).loc["clv_to_cac", "value"])


def test_every_rate_and_time_of_a_scorecard_names_its_unit_and_retention_is_per_year(cdnow):
    weeks = clvml.scorecard(cdnow, cdnow["total_spend"], acquisition_cost=50, margin=0.3)
    days = clvml.convert_time_unit(cdnow, "D")
    by_day = clvml.scorecard(days, cdnow["total_spend"], acquisition_cost=50, margin=0.3)
    assert weeks.loc["retention_rate", "unit"] == by_day.loc["retention_rate", "unit"] == "per year"
    # A year has 52 weeks or 365 days: 364 and 365 days are not quite the same.
    assert by_day.loc["retention_rate", "value"] == pytest.approx(
        weeks.loc["retention_rate", "value"], rel=0.01
    )
    assert (weeks.loc["payback", "unit"], by_day.loc["payback", "unit"]) == ("weeks", "days")
    assert by_day.loc["payback", "value"] == pytest.approx(7 * weeks.loc["payback", "value"])
    assert weeks["unit"].str.len().min() > 0


def test_customers_without_repeat_purchases_never_pay_back_what_the_first_did_not():
    once = clvml.summarize(SALES[SALES["customer_id"] == "b"], "2024-02-12")
    with pytest.warns(clvml.FitWarning, match="no customer bought again"):
        card = clvml.scorecard(once, once["total_spend"], acquisition_cost=50, targets={"payback": 52})
    assert card.loc["payback", "value"] == np.inf
    assert card.loc["payback", "met"] is False


def test_a_scorecard_counts_customers_who_cost_more_than_they_brought():
    """Their negative totals count like any other money."""
    customers = clvml.summarize(SALES, "2024-02-12")
    customers.loc["c", "total_spend"] = -10.0
    card = clvml.scorecard(customers, customers["total_spend"], marketing_cost=65)
    assert card.loc["return_on_marketing", "value"] == pytest.approx((140 - 10 - 65) / 65)


def test_of_costs_less_is_better():
    card = against_targets({"payback": 5.0, "clv": 5.0}, {"payback": 6.0, "clv": 6.0})
    assert card["met"].tolist() == [True, False]


def test_equity_by_cohort_adds_up_to_the_equity_of_all(cdnow):
    values = clvml.RetentionValue("12M").fit(cdnow).predict(cdnow)
    table = clvml.equity_by_group(values, clvml.cohorts(cdnow))
    assert table.index.tolist() == ["1997-01", "1997-02", "1997-03"]
    assert table["total"].sum() == pytest.approx(clvml.customer_equity(values).present)


def test_a_customer_to_come_is_worth_the_first_purchase_and_what_the_model_expects_after_it(cdnow):
    model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 52, margin=0.5).fit(cdnow)
    purchases = model.purchases_.expected_purchases_new_customer(52)
    spend = model.spend_.expected_spend(cdnow)[cdnow["frequency"] == 0].iloc[0]
    assert clvml.new_customer_value(model, 30) == pytest.approx(0.5 * (30 + purchases * spend))


def test_value_over_time_counts_purchases_and_customers_by_hand():
    table = clvml.value_over_time(SALES, observation_end="2024-02-29").set_index("period")
    january, february = table.loc["2024-01-01"], table.loc["2024-02-01"]
    assert january[["customers", "purchases", "spend", "frequency"]].tolist() == [2, 3, 90, 1.5]
    assert february[["average_order_value", "frequency", "repeat_rate"]].tolist() == pytest.approx(
        [30, 2 / 3, 1 / 3]
    )
    assert february["retention"] == 0.5  # of a and b, a came again
    assert february["stickiness"] == pytest.approx(4 / 5)
    assert table["when"].tolist() == ["past", "present"]


def test_an_unfinished_period_is_left_out_and_the_model_expects_the_whole_of_it(caplog, cdnow):
    """Half of June has half of its purchases: no fall. The model predicts June from the end of May."""
    log = clvml.load_cdnow().to_pandas()
    until = log[log["date"] <= "1998-06-14"]
    model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 52).fit(cdnow)
    with caplog.at_level(logging.WARNING, "clvml"):
        found = clvml.value_over_time(until, model=model)
    assert "within a month: observation ends with the last complete one, on 1998-05-31" in caplog.text
    complete = clvml.value_over_time(log[log["date"] <= "1998-05-31"], model=model)
    pd.testing.assert_frame_equal(found, complete)
    assert found[found["when"] == "present"]["period"].item() == pd.Timestamp("1998-05-01")
    expected = found[found["when"] == "expected"].iloc[0]
    assert expected["period"] == pd.Timestamp("1998-06-01")
    then = clvml.summarize(log, "1998-05-31")
    assert expected["spend"] == pytest.approx(model.predict(then, "1M").sum(), rel=1e-12)


def test_a_period_is_complete_when_the_user_says_that_it_was_observed():
    """Nobody bought in the last days of February, and the log ends on the 12th."""
    assert clvml.value_over_time(SALES)["period"].max() == pd.Timestamp("2024-01-01")
    table = clvml.value_over_time(SALES, observation_end="2024-02-29")
    assert table["when"].tolist() == ["past", "present"]
    assert clvml.value_over_time(SALES, observation_end="2024-03-31")["purchases"].tolist() == [3, 2, 0]


def test_the_only_period_of_the_data_is_shown_as_it_is():
    first = SALES[SALES["date"] < "2024-01-20"]
    assert clvml.value_over_time(first)["purchases"].tolist() == [3]


def test_groups_have_lines_of_their_own_and_a_model_tells_what_is_expected(cdnow):
    model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 52).fit(cdnow)
    table = clvml.value_over_time(clvml.load_cdnow(), clvml.cohorts(cdnow), model=model)
    assert table.groupby("group")["when"].agg(lambda when: (when == "expected").sum()).tolist() == [1, 1, 1]
    ahead = table[table["when"] == "expected"]
    assert (ahead["period"] == "1998-07-01").all()
    customers = clvml.summarize(clvml.load_cdnow())
    assert ahead["spend"].sum() == pytest.approx(model.predict(customers, "1M").sum())
    assert (ahead["repeat_rate"] >= table[table["when"] == "present"]["repeat_rate"].to_numpy()).all()
    with pytest.raises(InputError, match="customers have no group"):
        clvml.value_over_time(clvml.load_cdnow(), clvml.cohorts(cdnow)[:5])


def test_the_expected_row_of_a_model_with_covariates_needs_them_and_of_those_it_knows_it_is_their_sum(cdnow):
    channel = pd.DataFrame({"channel": np.where(np.arange(len(cdnow)) % 3, "web", "shop")}, cdnow.index)
    known = cdnow.join(channel)
    known.attrs.update(cdnow.attrs)
    purchases = clvml.ParetoNBD(covariates=["channel"])
    model = clvml.LifetimeValue(purchases, clvml.GammaGamma(), 52).fit(known)
    table = clvml.value_over_time(clvml.load_cdnow(), model=model, covariates=channel)
    now = clvml.summarize(clvml.load_cdnow()).join(channel)
    assert table["spend"].iloc[-1] == pytest.approx(model.predict(now, "1M").sum(), rel=1e-12)
    with pytest.raises(InputError, match="channel"):
        clvml.value_over_time(clvml.load_cdnow(), model=model)
    with pytest.raises(InputError, match="covariates lacks 2352 of 2357 customers"):
        clvml.value_over_time(clvml.load_cdnow(), model=model, covariates=channel.head(5))


def test_expected_retention_is_the_share_of_simulated_buyers_who_buy_in_the_next_month():
    random, truth = np.random.default_rng(5), clvml.BGNBD.from_params(r=2, alpha=8, a=0.5, b=9, time_unit="W")
    rows = []
    for customer in range(1500):
        rate, leave, day = random.gamma(2, 1 / 8) / 7, random.beta(0.5, 9), random.uniform(0, 100)
        while day < 395:
            rows.append((customer, pd.Timestamp("2023-01-01") + pd.Timedelta(days=day), 10.0))
            day += random.exponential(1 / rate)
            if random.random() < leave:
                break
    sales = pd.DataFrame(rows, columns=["customer_id", "date", "amount"])
    spend = clvml.GammaGamma.from_params(p=4, q=4, v=8)
    model = clvml.LifetimeValue(truth, spend, 4)
    model.purchases_, model.spend_, model.time_unit_ = truth, spend, "W"
    known = sales[sales["date"] < "2024-01-01"]
    expected = clvml.value_over_time(known, model=model).iloc[-1]
    later = sales[sales["date"] < "2024-01-31"]
    seen = clvml.value_over_time(later, observation_end="2024-01-31").iloc[-1]
    assert (expected["when"], expected["period"]) == ("expected", seen["period"])
    for measure, within in (
        ("retention", 0.05),
        ("stickiness", 0.01),
        ("repeat_rate", 0.01),
        ("frequency", 0.08),
    ):
        assert expected[measure] == pytest.approx(seen[measure], abs=within), measure
