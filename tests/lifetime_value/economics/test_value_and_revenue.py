"""Early value, parts of value, revenue of new and existing customers: money is conserved."""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import InputError
from clvml.lifetime_value.economics import (
    early_value,
    expected_early_value,
    lost_customer,
    loyal_against_new,
    revenue_by_tenure,
    scorecard_over_time,
    value_parts,
)


@pytest.fixture(scope="module")
def model(cdnow):
    return clvml.LifetimeValue(clvml.ParetoNBD(), clvml.GammaGamma(), "12M", 0.1, 0.4).fit(cdnow)


@pytest.fixture(scope="module")
def cdnow():
    return clvml.summarize(clvml.load_cdnow(), "1998-06-30", "W")


def test_early_value_is_the_plain_mean_over_those_followed(cdnow):
    sales = clvml.load_cdnow().to_pandas()
    sales = sales[sales["date"] <= "1998-06-30"]
    first = sales.groupby("customer_id")["date"].transform("min")
    for days in (30, 365):
        followed = cdnow.index[
            pd.Timestamp("1998-06-30") - cdnow["first_purchase"] >= pd.Timedelta(days=days)
        ]
        inside = sales[
            (sales["date"] - first <= pd.Timedelta(days=days)) & sales["customer_id"].isin(followed)
        ]
        found = early_value(clvml.load_cdnow(), cdnow, margin=0.5, days=[days]).loc[("all customers", days)]
        assert found["customers"] == len(followed)
        assert found["total"] == pytest.approx(0.5 * inside["amount"].sum(), abs=0.005)


def test_cohorts_add_up_to_all_customers(cdnow):
    table = early_value(clvml.load_cdnow(), cdnow, clvml.cohorts(cdnow))
    parts = table.drop("all customers", level="group").groupby(level="days")[["customers", "total"]].sum()
    pd.testing.assert_frame_equal(
        parts, table.loc["all customers"][["customers", "total"]], check_dtype=False
    )


def test_the_model_expects_of_a_new_customer_what_was_observed(cdnow, model):
    observed = early_value(clvml.load_cdnow(), cdnow, margin=0.4).loc["all customers", "value"]
    first = (cdnow["total_spend"] - cdnow["frequency"] * cdnow["monetary_value"]).mean()
    expected = expected_early_value(model, first)
    assert expected.to_numpy() == pytest.approx(observed.to_numpy(), rel=0.15)
    assert (np.diff(expected) > 0).all()


def test_nobody_followed_long_enough_is_missing_and_not_zero():
    sales = pd.DataFrame({"customer_id": ["a"], "date": ["2024-01-01"], "amount": [5.0]})
    table = early_value(sales, clvml.summarize(sales, "2024-02-15"), days=[30, 90])
    assert table["customers"].tolist() == [1, 0]
    assert table["value"].tolist()[0] == 5.0
    assert np.isnan(table["value"].iloc[1])


def test_parts_of_value_add_up_customer_by_customer(cdnow, model):
    cost = pd.Series(2.0, cdnow.index)
    parts = value_parts(model, cdnow, marketing_cost=cost)
    assert parts[["historic", "predicted", "discount", "marketing_cost"]].sum(axis=1).equals(parts["total"])
    assert parts["predicted"].add(parts["discount"]).to_numpy() == pytest.approx(
        model.predict(cdnow).to_numpy()
    )
    assert parts["historic"].sum() == pytest.approx(0.4 * cdnow["total_spend"].sum())
    assert (parts["discount"] <= 1e-12).all()
    assert parts["marketing_cost"].eq(-2.0).all()


def test_without_a_discount_the_part_is_zero(cdnow):
    plain = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M").fit(cdnow)
    assert value_parts(plain, cdnow)["discount"].eq(0).all()


def test_new_and_existing_revenue_add_up_to_all_revenue():
    sales = clvml.load_cdnow()
    table = revenue_by_tenure(sales, "M", observation_end="1998-06-30")
    by_month = sales.to_pandas().set_index("date")["amount"].resample("MS").sum()[:"1998-06-30"]
    assert (table["new"] + table["existing"]).equals(table["revenue"])
    assert table["revenue"].to_numpy() == pytest.approx(by_month.to_numpy(), abs=0.005)
    assert table["new_customers"].sum() == 2357
    assert table["share_existing"].iloc[0] == 0
    assert table["share_existing"].iloc[-1] == 1


def test_a_period_in_part_is_marked_and_an_empty_one_is_there():
    sales = pd.DataFrame(
        {"customer_id": ["a", "a"], "date": ["2024-01-03", "2024-03-05"], "amount": [10.0, 30.0]}
    )
    table = revenue_by_tenure(sales, observation_end="2024-03-20")
    assert table["complete"].tolist() == [True, True, False]
    assert table["revenue"].tolist() == [10.0, 0.0, 30.0]
    assert np.isnan(table["share_existing"].iloc[1])
    assert np.isnan(loyal_against_new(table).ratio)


def test_losing_a_customer_costs_fifty_thousand_and_more_with_bad_word_of_mouth():
    assert lost_customer(100, 50, 10).total == 50_000
    assert lost_customer(100, 50, 10, others_lost=2) == (50_000, 100_000, 150_000)
    assert lost_customer(100, 50, 10, annual_discount_rate=0.1).own == pytest.approx(
        sum(5000 / 1.1**t for t in range(1, 11))
    )
    with pytest.raises(InputError, match="others_lost is -1"):
        lost_customer(100, 50, 10, others_lost=-1)


def test_the_scorecard_over_time_is_the_scorecard_of_each_date(cdnow, model):
    transactions = clvml.load_cdnow()
    table = scorecard_over_time(transactions, model, ["1997-12-31", "1998-06-30"], acquisition_cost=12.0)
    card = clvml.scorecard(
        cdnow,
        model.predict(cdnow),
        new_customer_value=clvml.new_customer_value(
            model, (cdnow["total_spend"] - cdnow["frequency"] * cdnow["monetary_value"]).mean()
        ),
        acquisition_cost=12.0,
        margin=0.4,
    )
    pd.testing.assert_series_equal(
        table.loc["1998-06-30", card.index], card["value"], check_names=False, rtol=1e-12
    )
    assert table["repeat_rate"].is_monotonic_increasing  # no customer is won after March 1997


def test_further_figures_stand_in_the_scorecard_with_their_targets(cdnow, model):
    card = clvml.scorecard(
        cdnow, model.predict(cdnow), further={"satisfaction": (0.8, "share")}, targets={"satisfaction": 0.85}
    )
    assert card.loc["satisfaction", ["value", "unit", "target", "met"]].tolist() == [
        0.8,
        "share",
        0.85,
        False,
    ]
    with pytest.raises(InputError, match="further has 'clv'"):
        clvml.scorecard(cdnow, model.predict(cdnow), further={"clv": (1.0, "")})
