import numpy as np
import pandas as pd
import pytest

from clvml.segments.grouping._naming import segment_names, segment_traits

NAN = np.nan


def named(*traits, centers=None):
    columns = ["relative_value", "frequency", "probability_alive", "silence"]
    table = pd.DataFrame(list(traits), columns=columns, index=range(1, len(traits) + 1))
    if centers is None:
        centers = pd.DataFrame({"clv": -np.arange(len(traits), dtype=float)})
    return segment_names(table, centers)


@pytest.mark.parametrize(
    ("traits", "name"),
    [
        ((3.0, 5, 0.9, 0.5), "Champions"),
        ((1.2, 2, 0.6, NAN), "Loyal customers"),
        ((0.6, 1, 0.6, 1.0), "Steady customers"),
        ((0.1, 1, 0.9, 1.0), "Low-value regulars"),
        ((2.5, 9, 0.3, 8.0), "Top customers at risk"),
        ((1.5, 4, 0.3, 1.0), "Valuable customers at risk"),
        ((0.6, 4, 0.3, NAN), "Lapsing repeat buyers"),
        ((0.1, 4, 0.1, NAN), "Lapsed repeat buyers"),
        ((3.0, 5, NAN, 9.0), "Top customers at risk"),
        ((0.3, 0, 1.0, 5.0), "Silent one-time buyers"),
        ((0.3, 0, 0.2, 1.0), "Silent one-time buyers"),
        ((0.3, 0, 1.0, 1.0), "Recent one-time buyers"),
        ((1.3, 0, 1.0, 1.0), "Promising newcomers"),
        ((0.3, 0, 1.0, NAN), "One-time buyers"),
        ((1.3, 0, 1.0, NAN), "Valuable one-time buyers"),
        ((0.7, NAN, NAN, NAN), "Middle-value customers"),
        ((2.7, NAN, 0.1, NAN), "Top-value customers at risk"),
    ],
)
def test_a_segment_is_named_by_value_repetition_and_activity(traits, name):
    assert named(traits) == (name,)


def test_segments_of_one_name_are_told_apart_by_what_differs_most():
    lapsed = (0.6, 2, 0.3, NAN)
    centers = pd.DataFrame({"monetary_value": [2.0, 0.0, -1.0], "frequency": [1.0, 1.1, 0.0]})
    assert named((3.0, 5, 0.9, NAN), lapsed, lapsed, centers=centers) == (
        "Champions",
        "Lapsing repeat buyers, more purchases",
        "Lapsing repeat buyers, fewer purchases",
    )


def test_no_two_segments_share_a_name_however_alike_they_are():
    champions = [(3.0, 5, 0.9, NAN)] * 6
    rng = np.random.default_rng(0)
    one_feature = pd.DataFrame({"clv": rng.normal(size=6)})
    three = pd.DataFrame(rng.normal(size=(6, 3)), columns=["clv", "frequency", "age"])
    for centers in (one_feature, three):
        assert len(set(named(*champions, centers=centers))) == 6


def test_silence_counts_in_typical_gaps_between_purchases():
    customers = pd.DataFrame(
        {"frequency": [3.0, 1.0, 0.0], "recency": [30.0, 10.0, 0.0], "T": [40.0, 40.0, 60.0], "clv": 1.0}
    )
    traits = segment_traits(customers, pd.Series([1, 2, 3]), "clv")
    assert traits["silence"].tolist() == [1.0, 3.0, 6.0]  # forty weeks held four repeat purchases


def test_traits_that_the_table_cannot_tell_are_unknown():
    traits = segment_traits(pd.DataFrame({"clv": [9.0, 3.0]}), pd.Series([1, 2]), "clv")
    assert traits["relative_value"].tolist() == [1.5, 0.5]
    assert traits[["frequency", "probability_alive", "silence"]].isna().all(axis=None)
