"""Which claims make a name, and how segments of the same name are distinguished."""

import numpy as np
import pandas as pd
import pytest

from clvml.segments.grouping._naming import ACTIVITY, HOLDS, PURCHASES, VALUE, segment_names, segment_traits


def named(*traits, centers=None):
    """Names of segments by the shares of their members for whom claims hold."""
    table = pd.DataFrame([*traits], columns=[*VALUE, *ACTIVITY, *PURCHASES], dtype=float).fillna(0.0)
    if centers is None:
        centers = pd.DataFrame({"clv": -np.arange(len(traits), dtype=float)})
    return segment_names(table, centers)


@pytest.mark.parametrize(
    ("traits", "name"),
    [
        ({"Top-value": 0.9, "High-value": 1, "active": 0.8}, "Top-value active customers"),
        ({"Top-value": 0.7, "High-value": 1, "active": 0.8}, "High-value active customers"),
        ({"Low-value": 0.9, "Below-average": 1, "one-time buyers": 1}, "Low-value one-time buyers"),
        ({"Below-average": 0.8, "inactive": 0.9, "silent": 1}, "Below-average inactive customers"),
        ({"active": 0.79, "recent": 0.81, "repeat buyers": 0.79}, "Recent customers"),
        ({"silent": 1, "repeat buyers": 1, "mostly repeat buyers": 1}, "Silent repeat buyers"),
        ({"silent": 0.99, "repeat buyers": 0.99, "mostly repeat buyers": 0.99}, "Mostly repeat buyers"),
        ({}, "Customers"),
    ],
)
def test_of_each_group_the_first_claim_that_holds_for_enough_members_is_in_the_name(traits, name):
    assert named(traits) == (name,)


def test_segments_of_one_name_are_told_apart_by_what_differs_most():
    lapsed = {"inactive": 1.0, "repeat buyers": 1.0}
    centers = pd.DataFrame({"monetary_value": [2.0, 0.0, -1.0], "frequency": [1.0, 1.1, 0.0]})
    assert named({"active": 1.0}, lapsed, lapsed, centers=centers) == (
        "Active customers",
        "Inactive repeat buyers, more purchases",
        "Inactive repeat buyers, fewer purchases",
    )
    levels = pd.DataFrame({"country=NL": [0.9, 0.1], "age": [0.0, 0.1]})
    assert named(lapsed, lapsed, centers=levels)[0] == "Inactive repeat buyers, more with country=NL"


def test_no_two_segments_share_a_name_however_alike_they_are():
    alike = [{"active": 1.0}] * 6
    rng = np.random.default_rng(0)
    one_feature = pd.DataFrame({"clv": rng.normal(size=6)})
    three = pd.DataFrame(rng.normal(size=(6, 3)), columns=["clv", "frequency", "age"])
    for centers in (one_feature, three):
        assert len(set(named(*alike, centers=centers))) == 6


def test_silence_counts_in_typical_gaps_between_purchases():
    """Forty weeks held four repeat purchases: the gap is ten weeks, and three gaps are not yet silence."""
    customers = pd.DataFrame(
        {"frequency": [3.0, 1.0, 0.0], "recency": [30.0, 10.0, 0.0], "T": [40.0, 40.0, 30.1], "clv": 1.0}
    )
    traits = segment_traits(customers, pd.Series([1, 2, 3]), "clv")
    assert traits["silent"].tolist() == [0, 0, 1]
    assert traits["recent"].tolist() == [1, 1, 0]


def test_claims_of_value_are_about_the_average_and_the_best_tenth():
    customers = pd.DataFrame({"clv": [*[1.0] * 6, 3.0, 5.0, 16.0, 18.0]})  # the average is 4.8
    traits = segment_traits(customers, pd.Series(range(10)), "clv")
    assert traits["Top-value"].tolist() == [0] * 9 + [1]
    assert traits["High-value"].tolist() == [0] * 7 + [1] * 3
    assert traits["Below-average"].tolist() == [1] * 7 + [0] * 3
    assert traits["Low-value"].tolist() == [1] * 6 + [0] * 4


def test_many_equals_are_no_best_tenth_and_equal_values_are_neither_high_nor_low():
    customers = pd.DataFrame({"clv": [1.0] * 8 + [9.0] * 2})
    assert segment_traits(customers, pd.Series([1] * 10), "clv")["Top-value"].tolist() == [0]
    same = segment_traits(pd.DataFrame({"clv": [5.0] * 9}), pd.Series([1] * 9), "clv")
    assert same[[*VALUE]].to_numpy().tolist() == [[0, 0, 0, 0]]


def test_a_one_time_buyer_is_not_active_however_sure_the_model_is():
    customers = pd.DataFrame({"clv": [1.0, 2.0], "frequency": [0.0, 1.0], "probability_alive": [1.0, 0.5]})
    assert segment_traits(customers, pd.Series([1, 2]), "clv")["active"].tolist() == [0, 1]


def test_claims_that_the_table_cannot_decide_are_not_made():
    traits = segment_traits(pd.DataFrame({"clv": [9.0, 3.0]}), pd.Series([1, 2]), "clv")
    assert traits[[*ACTIVITY, *PURCHASES]].to_numpy().sum() == 0
    assert named(*traits.to_dict("records")) == ("High-value customers", "Low-value customers")


@pytest.mark.parametrize("factor", [0.01, 131.7])
def test_another_currency_or_unit_of_time_changes_no_claim(customers, factor):
    segments = pd.Series(np.arange(len(customers)) % 4, index=customers.index)
    other = customers.assign(
        clv=customers["clv"] * factor, recency=customers["recency"] / factor, T=customers["T"] / factor
    )
    expected = segment_traits(customers, segments, "clv")
    pd.testing.assert_frame_equal(segment_traits(other, segments, "clv"), expected)


def test_a_claim_holds_for_at_least_the_stated_share():
    assert HOLDS == 0.8
    assert named({"High-value": 0.8}) == ("High-value customers",)
    assert named({"High-value": 0.7999}) == ("Customers",)
