import numpy as np
import pandas as pd
import pytest

from clvml.errors import InputError
from clvml.segments.judging._holdout import (
    holdout_by_segment,
    judge_segmentations,
    rank_segmentations,
)
from clvml.segments.judging._quality import agreement, segmentation_quality, separation
from clvml.segments.judging._textbook import check_ratings, describe_ratings, textbook_comparison

SEGMENTS = pd.Series([1, 2, 2, 1, 2], index=list("abcde"), name="segment")
ACTUAL = pd.Series([70.0, 10.0, 0.0, 10.0, 10.0], index=list("abcde"))


def test_a_holdout_worked_out_by_hand():
    table = holdout_by_segment(SEGMENTS, ACTUAL / 2, ACTUAL)
    expected = pd.DataFrame(
        {
            "customers": [2, 3],
            "share_of_customers": [0.4, 0.6],
            "predicted": [20.0, 10 / 3],
            "actual": [40.0, 20 / 3],
            "share_of_revenue": [0.8, 0.2],
            "lift": [2.0, 1 / 3],
            "bias_pct": [-50.0, -50.0],
        },
        index=pd.Index([1, 2], name="segment"),
    )
    pd.testing.assert_frame_equal(table, expected)


def test_the_order_of_customers_does_not_matter():
    expected = holdout_by_segment(SEGMENTS, ACTUAL * 2, ACTUAL)
    pd.testing.assert_frame_equal(holdout_by_segment(SEGMENTS, ACTUAL[::-1] * 2, ACTUAL[::-1]), expected)


def test_a_holdout_without_revenue_has_no_lift():
    table = holdout_by_segment(SEGMENTS, ACTUAL, ACTUAL * 0)
    assert table[["share_of_revenue", "lift"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("actual", "message"),
    [
        (ACTUAL.drop("c"), "same customers; 1 are in only one of them, the first is 'c'"),
        (ACTUAL.mask(ACTUAL.index == "b"), "actual is missing for customer 'b'"),
        (pd.concat([ACTUAL, ACTUAL["a":"a"]]), "unique: 'a' is duplicated in actual"),
    ],
)
def test_amounts_that_do_not_match_the_segments_are_refused(actual, message):
    with pytest.raises(InputError, match=message):
        holdout_by_segment(SEGMENTS, ACTUAL, actual)


def test_several_methods_are_judged_on_one_holdout():
    methods = {"good": SEGMENTS, "useless": SEGMENTS * 0 + 1, "upside down": 3 - SEGMENTS}
    table = judge_segmentations(methods, ACTUAL, ACTUAL)
    assert table.loc["good"].equals(holdout_by_segment(SEGMENTS, ACTUAL, ACTUAL))
    assert table.groupby("method")["share_of_revenue"].sum().tolist() == pytest.approx([1.0] * 3)
    ranked = rank_segmentations(methods, ACTUAL)
    assert ranked.index.tolist() == ["good", "useless", "upside down"]
    assert ranked.loc["useless", ["gini", "spearman", "separation"]].tolist() == [0.0, 0.0, 0.0]
    assert ranked.loc["useless", "lift"] == 1.0
    assert ranked.loc["good", "lift"] == pytest.approx(2.0)
    with pytest.raises(InputError, match="no segmentation"):
        judge_segmentations({}, ACTUAL, ACTUAL)


def test_the_textbook_table_measures_its_accuracy():
    table = textbook_comparison(ACTUAL, abc=SEGMENTS, rfm=3 - SEGMENTS, clv=ACTUAL * 0.9)
    assert table.index.tolist() == ["ABC", "RFM", "CLV"]
    assert table.loc["CLV", "gini"] == pytest.approx(1.0)
    assert table.loc["CLV", "bias_pct"] == pytest.approx(-10.0)
    assert table.loc["ABC", "gini"] > 0 > table.loc["RFM", "gini"]


def test_the_textbook_ratings_are_those_of_the_documents():
    ratings = textbook_comparison(ACTUAL, abc=SEGMENTS, rfm=SEGMENTS, clv=ACTUAL)[
        ["ease", "cost", "accuracy"]
    ]
    assert ratings.loc["ABC"].tolist() == ["medium", "medium", "medium"]
    assert ratings.loc["RFM"].tolist() == ["easy", "low", "low"]
    assert ratings.loc["CLV"].tolist() == ["hard", "high", "high"]


def test_a_rating_is_contradicted_only_if_the_measured_difference_is_beyond_chance():
    rng = np.random.default_rng(1)
    actual = pd.Series(rng.exponential(100.0, 400))
    thirds = 4 - pd.qcut(actual, 3, labels=False) - 1
    by_chance = pd.Series(rng.integers(1, 4, 400))
    upside_down = check_ratings(actual, abc=by_chance, rfm=thirds, clv=actual)
    assert upside_down.loc[("ABC", "RFM"), "measured"] == "contradicted"
    assert upside_down.loc[("CLV", "ABC"), "measured"] == "as rated"
    said = describe_ratings(upside_down)
    assert "RFM is rated below ABC, but ranks these customers better" in said
    equal = check_ratings(actual, abc=thirds, rfm=thirds, clv=actual)
    assert equal.loc[("ABC", "RFM"), "measured"] == "undecided"
    assert "does not contradict" in describe_ratings(equal)


def test_quality_by_hand():
    contact = pd.Series(["a@b", None, " ", "c@d", "e@f"], index=SEGMENTS.index)
    table, overall = segmentation_quality(SEGMENTS, ACTUAL, contact=contact, cost=5.0, later=SEGMENTS)
    assert table["reach"].tolist() == pytest.approx([1.0, 1 / 3])
    assert table["profit"].tolist() == [70.0, 5.0]
    assert overall["smallest_share"] == 0.4
    assert overall["stability"] == 1.0
    between = 2 * (40 - 20) ** 2 + 3 * (20 / 3 - 20) ** 2
    assert overall["separation"] == pytest.approx(between / ((ACTUAL - 20) ** 2).sum())
    assert separation(SEGMENTS, ACTUAL * 0) == 0.0
    with pytest.raises(InputError, match="in common"):
        agreement(SEGMENTS, SEGMENTS.set_axis(range(5)))
