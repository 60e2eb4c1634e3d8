"""Control groups: random, within segments, the size asked for, and the same for the same ids."""

import numpy as np
import pandas as pd
import pytest

from clvml.errors import InputError
from clvml.treatments import assign_treatments, count_groups

GROUPS = {"control": 0.2, "gift": 0.37, "call": 0.43}


def base(n=997, seed=0):
    ids = pd.Index([f"c{i:04d}" for i in range(n)], name="id")
    names = np.random.default_rng(seed).choice(["gold", "iron", "lead"], n, p=[0.1, 0.3, 0.6])
    return pd.DataFrame({"segment": names}, ids)


def test_each_segment_has_each_share_to_rounding_and_the_total_is_the_size_asked_for():
    for seed in range(5):
        customers = base(990 + seed, seed)
        drawn = assign_treatments(customers, GROUPS, segments="segment")
        counts = pd.crosstab(drawn["segment"], drawn["group"])[list(GROUPS)]
        expected = np.outer(customers["segment"].value_counts().sort_index(), list(GROUPS.values()))
        assert (np.abs(counts - expected) < 1).all(axis=None)
        assert (np.abs(counts.sum() - len(customers) * pd.Series(GROUPS)) < 1).all()
        assert counts.to_numpy().sum() == len(customers)


def test_numbers_of_customers_are_exact_and_the_rest_is_not_in_the_test():
    drawn = assign_treatments(base(), {"control": 101, "gift": 57}, segments="segment")
    assert drawn["group"].value_counts().to_dict() == {"control": 101, "gift": 57}


def test_neither_the_order_of_rows_nor_the_type_of_ids_matters():
    customers = base()
    drawn = assign_treatments(customers, GROUPS, segments="segment")
    other = assign_treatments(customers.sample(frac=1, random_state=1), GROUPS, segments="segment")
    pd.testing.assert_frame_equal(other.reindex(drawn.index), drawn)
    numbers = pd.Index(range(50))
    for ids in (numbers.astype(str), numbers.astype(float)):
        assert (
            assign_treatments(ids, GROUPS)["group"].tolist()
            == assign_treatments(numbers, GROUPS)["group"].tolist()
        )


def test_another_seed_is_an_independent_draw():
    first, second = (
        assign_treatments(base(3000), {"a": 0.5, "b": 0.5}, random_state=s)["group"] for s in (1, 2)
    )
    both = ((first == "a") & (second == "a")).mean()
    assert both == pytest.approx(0.25, abs=0.03)


def test_every_customer_is_equally_likely_to_be_in_the_control():
    customers = base(40)
    times = sum(
        (
            assign_treatments(customers, {"control": 0.25, "t": 0.75}, random_state=s)["group"] == "control"
        ).astype(int)
        for s in range(400)
    )
    # Binomial(400, .25): a standard deviation of 8.7, of which 40 customers reach three and a half at most.
    assert np.abs(times - 100).max() < 35
    assert times.var() == pytest.approx(75, rel=0.6)


def test_a_segment_that_is_too_small_is_named():
    customers = pd.DataFrame({"segment": ["big"] * 50 + ["tiny"]}, range(51))
    notes = assign_treatments(customers, GROUPS, segments="segment").attrs["notes"]
    assert "tiny" in notes[0]
    assert "big" not in notes[0]


def test_empty_categories_are_no_segments():
    segments = pd.Series(pd.Categorical(["a"] * 20, categories=["a", "never"]), range(20))
    drawn = assign_treatments(pd.RangeIndex(20), {"control": 0.5, "t": 0.5}, segments=segments)
    assert count_groups(drawn).loc["(all)"].to_dict() == {"control": 10, "t": 10, "(all)": 20}


@pytest.mark.parametrize(
    ("customers", "groups", "options", "message"),
    [
        (pd.Index([1, 1]), GROUPS, {}, "unique: 1 is duplicated"),
        (pd.Index(["a", None]), GROUPS, {}, "1 customers have no id"),
        (pd.Index([]), GROUPS, {}, "no customers"),
        (base(), {"control": 1.0}, {}, "at least two groups"),
        (base(), {"control": 0.5, "t": 30}, {}, "mixes them"),
        (base(), {"control": 0.7, "t": 0.7}, {}, "140% of 997 customers"),
        (base(), {"control": 0.0, "t": 0.7}, {}, "share between 0 and 1"),
        (base(), {"control": 990, "t": 90}, {}, "1,080 of 997"),
        (base(), GROUPS, {"segments": "part"}, "no column 'part'"),
        (base(), GROUPS, {"segments": pd.Series({"c0001": "x"})}, "996 of 997 customers have no segment"),
    ],
)
def test_what_cannot_be_drawn_is_refused(customers, groups, options, message):
    with pytest.raises(InputError, match=message):
        assign_treatments(customers, groups, **options)
