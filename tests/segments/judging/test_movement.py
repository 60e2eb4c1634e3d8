import pandas as pd
import pytest

from clvml.errors import InputError
from clvml.segments.judging._movement import segment_transitions

BEFORE = pd.Series(["gold", "gold", "lead", "lead"], index=list("abcd"))
AFTER = pd.Series(["gold", "lead", "lead", "gold"], index=list("abce"))
WORTH = pd.Series([100.0, 80.0, 5.0, 10.0], index=list("abcd"))
LATER = pd.Series([90.0, 6.0, 4.0, 70.0], index=list("abce"))


def test_moves_worked_out_by_hand():
    found = segment_transitions(BEFORE, AFTER, WORTH, LATER, order=["gold", "lead"])
    assert found.customers.to_numpy().tolist() == [[1, 1, 0], [0, 1, 1], [1, 0, 0]]
    assert found.customers.columns.tolist() == ["gold", "lead", "(absent)"]
    assert found.moves.index[0] == ("gold", "lead")
    assert found.moves.loc[("gold", "lead"), "gained"] == -74.0
    assert found.moves.loc[("(new)", "gold"), "gained"] == 70.0
    assert found.stayed == pytest.approx(2 / 3)
    assert found.left.index.tolist() == [("gold", "lead")]


def test_nothing_is_lost_on_the_way():
    found = segment_transitions(BEFORE, AFTER, WORTH, LATER)
    assert found.moves["gained"].sum() == pytest.approx(LATER.sum() - WORTH.sum())
    assert found.customers.to_numpy().sum() == 5
    assert found.shares.sum(axis=1).tolist() == pytest.approx([1.0] * 3)
    shuffled = segment_transitions(BEFORE[::-1], AFTER[::-1], WORTH, LATER)
    pd.testing.assert_frame_equal(shuffled.customers, found.customers)


def test_numbers_of_segments_stay_whole():
    found = segment_transitions(
        BEFORE.map({"gold": 1, "lead": 2}), AFTER.map({"gold": 1, "lead": 2}), WORTH, LATER
    )
    assert found.customers.to_numpy().tolist() == [[1, 1, 0], [0, 1, 1], [1, 0, 0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((BEFORE, AFTER, WORTH.drop("a"), LATER), "'a' has no value before"),
        ((pd.concat([BEFORE, BEFORE]), AFTER, WORTH, LATER), "duplicated in the segments before"),
        ((BEFORE, AFTER, WORTH, LATER, ["gold"]), "order lacks the segment 'lead'"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        segment_transitions(*arguments)
