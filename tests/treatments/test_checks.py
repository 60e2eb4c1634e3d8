"""Was the assignment random: alarms where it was not, and no more false ones than chance."""

import numpy as np
import pandas as pd
import pytest
from made_up_responses import made_up

from clvml.errors import InputError
from clvml.treatments import assign_treatments, check_balance, check_group_sizes, read_responses


def spend_before(responses, rng):
    return pd.DataFrame({"spend": rng.lognormal(3, 1.5, len(responses.table))}, responses.table.index)


def test_treating_the_best_customers_is_no_random_assignment():
    rng = np.random.default_rng(0)
    before = pd.DataFrame({"spend": rng.lognormal(3, 1, 400), "age": rng.random(400)})
    groups = np.where(before["spend"] + rng.normal(0, 30, 400) > before["spend"].median(), "gift", "control")
    responses = read_responses(pd.DataFrame({"customer_id": before.index, "treatment": groups}))
    found = check_balance(responses, before)
    assert not found.attrs["random"]
    assert "does not look random" in found.attrs["sentence"]
    assert "differed in spend by +0." in found.attrs["sentence"]
    assert found.loc[("gift", "age"), "p"] > 0.01


def test_random_groups_alarm_as_rarely_as_the_level_says():
    rng, alarms = np.random.default_rng(1), 0
    for _ in range(300):
        responses = made_up(120, rng, treatments=2, segments=2)
        alarms += not check_balance(responses, spend_before(responses, rng)).attrs["random"]
    assert alarms <= 10  # 3 expected; more than 10 by chance once in two thousand


def test_a_group_that_lost_customers_is_a_mismatch():
    shares = {"control": 0.5, "t1": 0.5}
    responses = made_up(1000, np.random.default_rng(2))
    assert not check_group_sizes(responses, shares).attrs["mismatch"]
    lost = responses.restricted(responses.table.index[100:])  # the first hundred, all of the control
    found = check_group_sizes(lost, shares)
    assert found.attrs["mismatch"]
    assert "sample-ratio mismatch" in found.attrs["sentence"]
    assert found["expected"].tolist() == [450, 450]


def test_without_planned_shares_segments_are_compared():
    segments = pd.Series(np.repeat(["a", "b"], 200), range(400))
    drawn = assign_treatments(segments.index, {"control": 0.5, "t": 0.5}, segments=segments)
    assert check_group_sizes(read_responses(drawn)).attrs["p"] == pytest.approx(1, abs=0.01)
    skewed = drawn.assign(group=np.where(drawn["segment"] == "a", drawn["group"], "t"))
    assert check_group_sizes(read_responses(skewed)).attrs["mismatch"]
    alone = check_group_sizes(read_responses(drawn.assign(segment="a")))
    assert not alone.attrs["mismatch"]
    assert "cannot be tested" in alone.attrs["sentence"]


def test_shares_of_other_groups_and_missing_numbers_are_refused():
    responses = made_up(20, np.random.default_rng(0))
    with pytest.raises(InputError, match="'t2' has none or is no group"):
        check_group_sizes(responses, {"control": 0.5, "t1": 0.4, "t2": 0.1})
    with pytest.raises(InputError, match="20 customers of the test lack a number before it, such as 0"):
        check_balance(responses, pd.DataFrame({"spend": [1.0]}, index=["other"]))
    with pytest.raises(InputError, match="at least one column"):
        check_balance(responses, pd.DataFrame(index=responses.table.index))


def test_customers_all_alike_are_balanced():
    responses = made_up(20, np.random.default_rng(0))
    found = check_balance(responses, pd.DataFrame({"spend": 1.0}, index=responses.table.index))
    assert found.attrs["random"]
    assert found["standardized"].tolist() == [0.0]
