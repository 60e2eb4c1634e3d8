"""The importance-performance map, the order of improvement, and two orders of importance."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from survey_tables import KINDS, rated

from clvml.errors import InputError
from clvml.survey import importance_performance, priorities, rank_gaps, read_ratings

POINTS = {"quality": 40, "staff": 10, "price": 40, "waiting": 10}
SCORES = {
    "ours": {"quality": 4, "staff": 5, "price": 4, "waiting": 4},
    "rival": {"quality": 3, "staff": 5, "price": 2, "waiting": 3},
}


def ratings(respondents=6, scores=SCORES):
    table = rated(scores, respondents)
    return read_ratings(table.assign(importance=table["attribute"].map(POINTS)), kinds=KINDS)


def test_the_four_quadrants_are_those_of_the_field():
    found = importance_performance(ratings(), "ours")
    assert found["quadrant"].to_dict() == {
        "quality": "keep up the good work",
        "price": "concentrate here",  # a cost of 4 is a performance of 2
        "staff": "possible overkill",
        "waiting": "low priority",
    }
    assert (found["quadrant_share"] == 1).all()
    assert found.attrs["importance_border"] == pytest.approx(0.25)
    assert found.attrs["performance_border"] == pytest.approx((4 + 5 + 2 + 2) / 4)
    strict = importance_performance(ratings(), "ours", performance_border=4.5)
    assert strict.loc["quality", "quadrant"] == "concentrate here"


def test_an_attribute_at_a_border_is_in_its_quadrant_by_chance(made_up):
    few = made_up.ratings[made_up.ratings["respondent"] % 20 == 0]
    found = importance_performance(read_ratings(few, overall="overall satisfaction"), "our shop")
    assert found["quadrant_share"].between(0.3, 1).all()
    distance = (found["performance"] - found.attrs["performance_border"]).abs()
    assert found.loc[distance.idxmin(), "quadrant_share"] < 0.95


def test_priorities_are_importance_times_the_gap_by_hand():
    found = priorities(ratings(), "ours", "rival")
    assert found["gap"].to_dict() == {"price": 2, "waiting": 1, "quality": -1, "staff": 0}
    assert found["priority"].to_dict() == pytest.approx(
        {"price": 0.8, "waiting": 0.1, "quality": 0, "staff": 0}
    )
    assert found["order"].dropna().to_dict() == {"price": 1, "waiting": 2}
    assert found.loc["price", "first_share"] == 1
    ideal = priorities(ratings(), "ours", "ideal")
    assert ideal["gap"].to_dict() == {"price": 3, "quality": 1, "waiting": 3, "staff": 0}


def test_costs_change_the_order_and_attributes_without_a_cost_come_last():
    found = priorities(ratings(), "ours", "rival", costs={"price": 1000.0, "waiting": 10.0})
    assert found.index[:2].tolist() == ["waiting", "price"]
    assert found["priority_per_cost"].dropna().tolist() == pytest.approx([0.01, 0.0008])
    scores = {"ours": {"quality": 4.5, "staff": 5, "price": 3, "waiting": 5}}
    partly = priorities(ratings(6, scores), "ours", "ideal", costs={"price": 1000.0})
    assert partly["order"].dropna().to_dict() == {"price": 1, "waiting": 2, "quality": 3}


@pytest.mark.parametrize(
    ("costs", "message"),
    [({"taste": 1.0}, "costs names 'taste'"), ({"price": 0.0}, "cost of 'price' is 0.0; it must be above 0")],
)
def test_impossible_costs_are_refused(costs, message):
    with pytest.raises(InputError, match=message):
        priorities(ratings(), costs=costs)


def test_one_respondent_has_an_order_and_no_interval():
    found = priorities(ratings(1), "ours", "rival")
    assert found["order"].dropna().to_dict() == {"price": 1, "waiting": 2}
    assert found[["gap_lower", "first_share"]].isna().all(axis=None)
    assert importance_performance(ratings(1))["quadrant_share"].isna().all()


def test_a_survey_without_importance_has_no_map():
    plain = read_ratings(rated(SCORES))
    for kind, message in ((None, "importance cannot be derived"), ("stated", "no column 'importance'")):
        with pytest.raises(InputError, match=message):
            importance_performance(plain, importance=kind)
    with pytest.raises(InputError, match="importance is 'implied'"):
        importance_performance(plain, importance="implied")


@settings(max_examples=15)
@given(st.permutations(list("abcdefgh")), st.permutations(list("abcdefgh")))
def test_gaps_sum_to_zero_and_turn_with_the_sides(first, second):
    found, turned = rank_gaps(first, second), rank_gaps(second, first)
    assert found.table["gap"].sum() == 0
    assert turned.correlation == pytest.approx(found.correlation)
    assert turned.table["gap"].to_dict() == (-found.table["gap"]).to_dict()


def test_the_p_value_of_few_attributes_counts_all_orders():
    found = rank_gaps(list("abcd"), list("abcd"))
    assert found.correlation == pytest.approx(1)
    assert found.p_value == pytest.approx(2 / 24)  # the order itself and its reverse
    twelve = [str(i) for i in range(12)]
    other = twelve[6:] + twelve[:6]
    places = [other.index(name) for name in twelve]
    assert rank_gaps(twelve, other).p_value == pytest.approx(stats.spearmanr(range(12), places).pvalue)


def test_ranks_with_ties_are_an_order_too():
    found = rank_gaps({"a": 1, "b": 1, "c": 3}, pd.Series({"c": 1, "a": 2, "b": 3}))
    assert found.table.loc["a", "customers"] == 1.5
    assert found.table["gap"].to_dict() == {"a": -0.5, "b": -1.5, "c": 2}
    assert np.isnan(rank_gaps({"a": 1, "b": 1}, ["a", "b"]).correlation)


@pytest.mark.parametrize(
    ("customers", "company", "message"),
    [
        (["a", "b"], ["a", "c"], "'b' is missing from the order of company"),
        (["a", "b"], ["a", "b", "c"], "'c' is missing from the order of customers"),
        (["a", "a"], ["a", "b"], "'a' is twice in the order of customers"),
        (["a"], ["a"], "at least two attributes"),
        ("ab", ["a", "b"], "is the text 'ab'"),
        ({"a": 1, "b": np.nan}, ["a", "b"], "'b' has no rank"),
    ],
)
def test_orders_of_other_attributes_are_refused(customers, company, message):
    with pytest.raises(InputError, match=message):
        rank_gaps(customers, company)
