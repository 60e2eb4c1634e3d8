"""What a fit learns of a column, and what it says of one that it cannot use."""

import numpy as np
import pandas as pd
import pytest

from clvml.errors import InputError
from clvml.models._covariates import Covariate, encode, learn_covariates


@pytest.fixture
def customers():
    return pd.DataFrame(
        {
            "age": [20.0, 30, 40, 50, 35],
            "channel": ["web", "shop", "web", "fax", "web"],
            "member": [True, False, False, True, False],
            "years": [4.0, 6, 8, 10, 7],
            "same": [1.0] * 5,
        },
        index=pd.Index([f"c{i}" for i in range(5)], name="customer_id"),
    )


def learnt(customers, *names, weight=None):
    return learn_covariates(customers, names, np.ones(len(customers)) if weight is None else weight)


def test_numbers_are_centred_and_scaled_and_categories_measured_against_the_most_frequent(customers):
    age, channel, member = learnt(customers, "age", "channel", "member")
    assert (age.centre, age.spread) == (35.0, 10.0)
    assert channel.levels == ("web", "fax", "shop")
    assert member.levels == (False, True)
    assert (*age.terms, *channel.terms, *member.terms) == (
        "age",
        "channel=fax",
        "channel=shop",
        "member=True",
    )
    z = encode(customers, (age, channel, member))
    np.testing.assert_allclose(z[:, 0], [-1.5, -0.5, 0.5, 1.5, 0.0])
    np.testing.assert_array_equal(z[:, 1:], [[0, 0, 1], [0, 1, 0], [0, 0, 0], [1, 0, 1], [0, 0, 0]])


def test_a_pandas_category_of_numbers_is_a_category(customers):
    zone = customers.assign(zone=pd.Categorical([1, 2, 2, 1, 2]))
    (covariate,) = learnt(zone, "zone")
    assert covariate == Covariate("zone", (2, 1))
    np.testing.assert_array_equal(
        encode(zone.assign(zone=[1.0, 2, 1, 2, 2]), (covariate,)).ravel(), [1, 0, 1, 0, 0]
    )


def test_weights_count(customers):
    twice = pd.concat([customers, customers.iloc[:2].set_axis(["d", "e"])])
    weighted = learnt(customers, "age", "channel", weight=np.array([2.0, 2, 1, 1, 1]))
    again = learnt(twice, "age", "channel")
    assert [covariate.levels for covariate in again] == [covariate.levels for covariate in weighted]
    np.testing.assert_allclose(encode(customers, again), encode(customers, weighted), rtol=1e-14)


@pytest.mark.parametrize("dtype", ["object", "category", "string", "str"])
def test_text_is_a_category_however_it_is_stored(customers, dtype):
    stored = customers.assign(channel=customers["channel"].astype(dtype))
    assert learnt(stored, "channel") == learnt(customers, "channel")
    np.testing.assert_array_equal(
        encode(stored, learnt(customers, "channel")), encode(customers, learnt(customers, "channel"))
    )


@pytest.mark.parametrize(
    ("changed", "names", "message"),
    [
        ({}, ["city"], "lack the covariate 'city'; join it"),
        ({}, ["frequency"], "'frequency' cannot be a covariate: it is the history"),
        ({"age": [20, np.nan, 30, np.inf, 1]}, ["age"], "2 of 5 .* infinite age; the first is 'c1'"),
        ({"channel": ["web", None, "fax", "fax", "web"]}, ["channel"], "1 of 5 .* missing .*'c1'.*fill it"),
        ({}, ["same"], "'same' is 1.0 for all customers.*leave it out"),
        ({"channel": ["web"] * 5}, ["channel"], "'channel' is 'web' for all customers"),
        ({}, ["age", "years"], "'years' follows exactly from 'age'.*leave one of them out"),
        ({"sex": ["m", "f", "f", "m", "f"]}, ["member", "sex"], "'sex=m' follows exactly from 'member=True'"),
        ({"since": pd.date_range("2020-01-01", periods=5)}, ["since"], "'since' has 5 levels"),
    ],
)  # fmt: skip
def test_a_column_that_cannot_be_used_is_named_with_the_way_out(customers, changed, names, message):
    with pytest.raises(InputError, match=message):
        learnt(customers.assign(**changed), *names)


def test_an_id_is_no_category():
    many = pd.DataFrame({"code": [f"k{i}" for i in range(51)]})
    with pytest.raises(InputError, match=r"'code' has 51 levels, such as 'k0'.*at most 50"):
        learnt(many, "code")


def test_a_level_that_the_fit_has_not_seen_is_named_with_those_it_knows(customers):
    known = learnt(customers, "channel")
    with pytest.raises(
        InputError, match=r"1 of 5 .*channel that the fit has not seen.*'c3', with 'tv'.*'web', 'fax', 'shop'"
    ):
        encode(customers.assign(channel=["web", "web", "web", "tv", "web"]), known)


def test_text_where_the_fit_saw_numbers_is_refused(customers):
    with pytest.raises(InputError, match="'age' was numbers in the fit and is str now"):
        encode(customers.assign(age=["20", "30", "40", "50", "35"]), learnt(customers, "age"))


def test_the_callers_frame_is_untouched(customers):
    before = customers.copy()
    encode(customers, learnt(customers, "age", "channel", "member"))
    pd.testing.assert_frame_equal(customers, before)
