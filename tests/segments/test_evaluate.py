import pandas as pd
import pytest

from clvml.errors import InputError
from clvml.segments.evaluate import holdout_by_segment

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
        (ACTUAL.drop("c"), "same customers; 1 stand in only one of them, the first is 'c'"),
        (ACTUAL.mask(ACTUAL.index == "b"), "actual is missing for customer 'b'"),
        (pd.concat([ACTUAL, ACTUAL["a":"a"]]), "actual holds customer 'a' more than once"),
    ],
)
def test_amounts_that_do_not_match_the_segments_are_refused(actual, message):
    with pytest.raises(InputError, match=message):
        holdout_by_segment(SEGMENTS, ACTUAL, actual)
