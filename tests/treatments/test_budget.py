"""Incremental value, shrinkage and the budget: by hand, by simulation, and never more than customers."""

import numpy as np
import pandas as pd
import pytest
from made_up_responses import made_up

from clvml.errors import InputError
from clvml.segments.acting import read_treatments, treat
from clvml.treatments import (
    allocate_budget,
    incremental_value,
    measure_lift,
    measured_treatments,
    next_tests,
    shrink_segments,
)
from clvml.treatments._incremental import pool

SEGMENTS = ["gold", "iron", "lead"]


def value(profit, se, cost=1.0, treatments=("gift",), segments=SEGMENTS):
    index = pd.MultiIndex.from_product([segments, treatments], names=["segment", "treatment"])
    return pd.DataFrame({"cost": cost, "profit": profit, "se": se, "customers": 100}, index)


def test_incremental_value_by_hand():
    responses = made_up(200, np.random.default_rng(0), effect=3.0)
    table = responses.table.assign(cost=np.where(responses.table["group"] == "t1", 2.0, 0.0))
    responses = type(responses)(table, "control")
    lift = measure_lift(responses, margin=0.5)
    row = incremental_value(lift, responses).loc[("(all)", "t1")]
    money = table.groupby("group")["money"].mean()
    worth = 0.5 * (money["t1"] - money["control"])
    assert row["value"] == pytest.approx(worth)
    assert row["profit"] == pytest.approx(worth - 2)
    assert row["value_per_cost"] == pytest.approx(worth / 2)
    assert row["return_on_cost"] == pytest.approx(worth / 2 - 1)
    assert row["total_profit"] == pytest.approx(100 * (worth - 2))
    assert row["value_per_cost_lower"] < 1
    assert row["p_pays"] < 0.01
    with pytest.raises(InputError, match="no profit"):
        incremental_value(lift.drop("profit", level="outcome"), responses)


def test_pooling_finds_the_spread_of_effects_and_none_where_there_is_none():
    rng = np.random.default_rng(1)
    se = np.full(4000, 0.5)
    spread = pool(rng.normal(2, 1.5, 4000) + rng.normal(0, se), se)
    assert (spread.mean, spread.tau) == pytest.approx((2, 1.5), abs=0.08)
    assert pool(np.array([1.0, 1.1]), np.array([1.0, 1.0])).tau == 0


def test_shrunk_effects_miss_the_truth_by_less_and_their_intervals_cover():
    rng = np.random.default_rng(2)
    segments = [f"s{i}" for i in range(300)]
    truth, se = rng.normal(1, 1, 300), rng.uniform(0.2, 3, 300)
    found = shrink_segments(value(truth + rng.normal(0, se), se, segments=segments))
    assert ((found["expected"] - truth) ** 2).mean() < 0.6 * ((found["profit"] - truth) ** 2).mean()
    assert (np.abs(found["expected"] - truth) < 1.96 * found["expected_se"]).mean() == pytest.approx(
        0.95, abs=0.04
    )


def test_the_budget_goes_to_the_highest_profit_per_cost_and_no_segment_gets_more_than_its_customers():
    table = value([6.0, 4.0, 3.0], 0.001, cost=[3.0, 1.0, 1.0])
    customers = pd.Series({"gold": 50, "iron": 30, "lead": 40})
    plan = allocate_budget(table, customers, 100.0)
    # Per cost: iron 4, lead 3, gold 2. 30 + 40 leave 30 for ten customers of gold.
    assert plan.table["customers"].to_dict() == {
        ("iron", "gift"): 30,
        ("lead", "gift"): 40,
        ("gold", "gift"): 10,
    }
    assert plan.spend == 100
    assert plan.profit == pytest.approx(30 * 4 + 40 * 3 + 10 * 6, abs=0.1)
    free = allocate_budget(table, customers)
    assert free.table["customers"].sum() == 120
    assert allocate_budget(table, customers, 0.0).table.empty


def test_a_customer_gets_one_treatment_the_best_that_the_budget_allows():
    table = value([5.0, 2.0], 0.001, cost=[4.0, 1.0], treatments=("call", "letter"), segments=["all"])
    customers = pd.Series({"all": 10})
    assert allocate_budget(table, customers).table["customers"].to_dict() == {("all", "call"): 10}
    mixed = allocate_budget(table, customers, 25.0).table["customers"]
    # x calls and y letters, x + y <= 10 and 4 x + y <= 25: five of each.
    assert mixed.to_dict() == {("all", "letter"): 5, ("all", "call"): 5}


def test_what_loses_or_is_unlikely_to_pay_gets_nothing():
    plan = allocate_budget(value([2.0, -3.0, 4.0], [0.01, 0.01, 0.01]))
    assert set(plan.table.index.get_level_values("segment")) == {"gold", "lead"}
    unsure = allocate_budget(value([1.0], [10.0], segments=["gold"]), min_probability=0.8)
    assert unsure.table.empty
    assert (unsure.profit, unsure.lower, unsure.upper) == (0, 0, 0)


def test_the_interval_of_the_total_covers_what_the_plan_brings():
    rng, covered = np.random.default_rng(3), []
    segments = [f"s{i}" for i in range(12)]
    for _ in range(300):
        truth, se = rng.normal(1, 0.8, 12), rng.uniform(0.3, 1.5, 12)
        # All segments are treated, so that the choice does not select the lucky ones.
        table = value(truth + rng.normal(0, se) + 50, se, segments=segments)
        plan = allocate_budget(table)
        brought = 100 * float((truth + 50).sum())
        covered.append(plan.lower <= brought <= plan.upper)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.04)


def test_test_next_where_the_decision_is_open_and_customers_are_many():
    table = value([5.0, 0.0, -5.0], [0.5, 0.5, 0.5])
    found = next_tests(shrink_segments(table), pd.Series({"gold": 100, "iron": 100, "lead": 100, "new": 50}))
    assert [key for key, tested in zip(found.index, found["tested"], strict=True) if not tested] == [
        ("new", "gift")
    ]
    assert found.loc[found["tested"]].index[0] == ("iron", "gift")
    draws = np.random.default_rng(0).normal(
        *found.loc[("iron", "gift"), ["expected", "expected_se"]], 400_000
    )
    by_draws = 100 * (np.maximum(draws, 0).mean() - max(draws.mean(), 0))
    assert found.loc[("iron", "gift"), "value_of_information"] == pytest.approx(by_draws, rel=0.02)


def test_a_measured_treatment_has_its_cost_as_budget_where_it_pays_and_none_where_it_does_not():
    found = shrink_segments(
        value([5.0, -5.0], 0.01, cost=4.0, treatments=("retain",), segments=["gold", "iron"])
    )
    table = measured_treatments(found)
    customers = pd.DataFrame({"clv": [100.0, 2.0, 100.0, 100.0], "probability_alive": 1.0})
    segments = pd.Series(["gold", "gold", "iron", "lead"])
    stages = pd.Series(["stability", "stability", "decline", "build-up"])
    treated = treat(segments, stages, customers, table)
    # gold: 4 each, but no more than a value of 2; iron: nothing; lead: the guessed 3 %.
    assert treated["budget"].tolist() == [4.0, 2.0, 0.0, 3.0]
    assert treated["treatment"].tolist() == ["retain", "retain", "retain", "cross-sell"]


def test_a_new_treatment_takes_the_place_of_the_plan_only_if_it_surely_pays():
    sure = measured_treatments(
        shrink_segments(value(5.0, 0.01, segments=["gold"], treatments=("gift",))), kinds={"gift": "social"}
    )
    assert sure.loc[0, ["segment", "stage", "treatment", "kind", "cost"]].tolist() == [
        "gold",
        "*",
        "gift",
        "social",
        1.0,
    ]
    unsure = measured_treatments(shrink_segments(value(5.0, 10.0, segments=["gold"], treatments=("gift",))))
    assert "gift" not in set(unsure["treatment"])
    same = measured_treatments(
        shrink_segments(value(5.0, 0.01, segments=["gold"])), names={"gift": "win back"}
    )
    lapsed = same[(same["segment"] == "gold") & (same["stage"] == "lapsed")].iloc[0]
    assert (lapsed["treatment"], lapsed["share"], lapsed["cost"]) == ("win back", 1.0, 1.0)


def test_cross_selling_and_upselling_are_two_things_with_kinds_of_incentive():
    table = read_treatments().set_index("treatment")
    assert "new products" in table.loc["cross-sell", "what_to_do"].iloc[0]
    assert "upgrade" in table.loc["upsell", "what_to_do"]
    assert set(table["kind"]) == {"financial", "social", "structural", "none"}


@pytest.mark.parametrize(
    ("customers", "options", "message"),
    [
        (None, {"budget": -1.0}, "budget is -1.0"),
        (None, {"min_probability": 1.0}, "min_probability is 1.0"),
        (pd.Series({"gold": -5}), {}, "0 or more"),
        (
            pd.Series({"silver": 5}),
            {},
            "none of the segments silver was tested; tested were gold, iron, lead",
        ),
    ],
)
def test_a_budget_that_cannot_be_is_refused(customers, options, message):
    with pytest.raises(InputError, match=message):
        allocate_budget(value(1.0, 0.1), customers, **options)
