"""What a fit learns of a column, what stands for gaps, and what it says of a column that it cannot use."""

import logging

import numpy as np
import pandas as pd
import pytest

from clvml.customers._attributes import (
    MISSING,
    Attribute,
    attribute_columns,
    encode,
    learn_attributes,
    log_imputed,
    missing_table,
)
from clvml.errors import InputError


@pytest.fixture
def customers():
    return pd.DataFrame(
        {
            "age": [20.0, 30, 40, 50, 35],
            "channel": ["web", "shop", "web", "fax", "web"],
            "member": [True, False, False, True, False],
            "same": [1.0] * 5,
        },
        index=pd.Index([f"c{i}" for i in range(5)], name="customer_id"),
    )


@pytest.fixture
def with_gaps(customers):
    return customers.assign(age=[20.0, np.nan, 40, 50, 35], channel=["web", None, "web", "fax", None])


def test_numbers_are_standardised_and_categories_relative_to_the_most_frequent_level(customers):
    age, channel, member = learn_attributes(customers, ["age", "channel", "member"])
    assert (age.centre, age.spread, age.median, age.reference) == (35.0, 10.0, 35.0, 35.0)
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


def test_the_reference_customer_is_encoded_as_zeros(customers):
    attributes = learn_attributes(customers, ["age", "channel", "member"])
    reference = pd.DataFrame({a.name: [a.reference] for a in attributes})
    np.testing.assert_array_equal(encode(reference, attributes), np.zeros((1, 4)))


def test_columns_in_their_own_units_have_all_levels(customers):
    columns = attribute_columns(customers, learn_attributes(customers, ["age", "channel"]))
    assert list(columns) == ["age", "channel=web", "channel=fax", "channel=shop"]
    np.testing.assert_array_equal(columns["age"], customers["age"])
    np.testing.assert_array_equal(sum(columns[f"channel={level}"] for level in ("web", "fax", "shop")), 1.0)


def test_a_pandas_category_of_numbers_is_a_category(customers):
    zone = customers.assign(zone=pd.Categorical([1, 2, 2, 1, 2]))
    (attribute,) = learn_attributes(zone, ["zone"])
    assert attribute == Attribute("zone", (2, 1))
    np.testing.assert_array_equal(
        encode(zone.assign(zone=[1.0, 2, 1, 2, 2]), (attribute,)).ravel(), [1, 0, 1, 0, 0]
    )


def test_weights_count(customers):
    twice = pd.concat([customers, customers.iloc[:2].set_axis(["d", "e"])])
    weighted = learn_attributes(customers, ["age", "channel"], np.array([2.0, 2, 1, 1, 1]))
    again = learn_attributes(twice, ["age", "channel"])
    assert [attribute.levels for attribute in again] == [attribute.levels for attribute in weighted]
    np.testing.assert_allclose(encode(customers, again), encode(customers, weighted), rtol=1e-14)


@pytest.mark.parametrize("dtype", ["object", "category", "string", "str"])
def test_text_is_a_category_however_it_is_stored(customers, dtype):
    stored = customers.assign(channel=customers["channel"].astype(dtype))
    attributes = learn_attributes(stored, ["channel"])
    assert attributes == learn_attributes(customers, ["channel"])
    np.testing.assert_array_equal(encode(stored, attributes), encode(customers, attributes))


@pytest.mark.parametrize("gaps", ["refuse", "impute"])
def test_a_level_that_comes_back_as_text_from_a_csv_is_the_same_level(customers, gaps):
    attributes = learn_attributes(customers, ["member"], gaps=gaps)
    np.testing.assert_array_equal(
        encode(customers.assign(member=customers["member"].map(str)), attributes),
        encode(customers, attributes),
    )


@pytest.mark.parametrize("gaps", ["refuse", "impute"])
def test_without_gaps_the_policies_agree(customers, gaps):
    names = ["age", "channel", "member", "same"]
    other = learn_attributes(customers, names, gaps="refuse" if gaps == "impute" else "impute")
    mine = learn_attributes(customers, names, gaps=gaps)
    np.testing.assert_array_equal(encode(customers, mine), encode(customers, other))


@pytest.mark.parametrize(
    ("changed", "names", "message"),
    [
        ({}, ["city"], "have no column 'city'; join it"),
        ({"age": [20, np.nan, 30, np.inf, 1]}, ["age"], "2 of 5 .* infinite age; the first is 'c1'"),
        ({"channel": ["web", None, "fax", "fax", "web"]}, ["channel"], "1 of 5 .* missing .*'c1'.*impute it"),
        ({"since": pd.date_range("2020-01-01", periods=5)}, ["since"], "'since' has 5 levels"),
    ],
)
def test_a_column_that_cannot_be_used_is_named_with_the_way_out(customers, changed, names, message):
    with pytest.raises(InputError, match=message):
        learn_attributes(customers.assign(**changed), names)


def test_an_id_is_no_category():
    with pytest.raises(InputError, match=r"'code' has 51 levels, such as 'k0'.*at most 50"):
        learn_attributes(pd.DataFrame({"code": [f"k{i}" for i in range(51)]}), ["code"])
    (attribute,) = learn_attributes(pd.DataFrame({"code": [f"k{i}" for i in range(50)]}), ["code"])
    assert len(attribute.levels) == 50


def test_a_level_that_the_fit_has_not_seen_is_named_with_those_it_knows(customers):
    known = learn_attributes(customers, ["channel"])
    with pytest.raises(
        InputError, match=r"1 of 5 .*channel not seen during fit.*'c3', with 'tv'.*'web', 'fax', 'shop'"
    ):
        encode(customers.assign(channel=["web", "web", "web", "tv", "web"]), known)


def test_a_number_in_another_unit_is_refused(customers):
    known = learn_attributes(customers, ["age"])
    encode(customers.assign(age=184.0), known)  # 14.9 standard deviations, where the fit saw 1.5
    with pytest.raises(InputError, match=r"5 of 5 .*ten times as far from the mean, 35.*check its unit"):
        encode(customers.assign(age=186.0), known)


@pytest.mark.parametrize("gaps", ["refuse", "impute"])
def test_text_where_the_fit_saw_numbers_is_refused(customers, gaps):
    with pytest.raises(InputError, match="'age' was numeric during fit and is str now"):
        encode(
            customers.assign(age=["20", "30", "40", "50", "35"]),
            learn_attributes(customers, ["age"], gaps=gaps),
        )


def test_a_missing_number_takes_the_median_and_a_missing_level_is_a_level_of_its_own(with_gaps):
    attributes = learn_attributes(with_gaps, ["age", "channel"], gaps="impute")
    columns = attribute_columns(with_gaps, attributes)
    assert columns["age"][1] == np.median([20, 40, 50, 35])
    np.testing.assert_array_equal(columns[f"channel={MISSING}"], [0, 1, 0, 0, 1])
    table = missing_table(with_gaps, ["age", "channel"], attributes)
    assert table["missing"].to_dict() == {"age": 1, "channel": 2}
    assert table["share"].to_dict() == {"age": 0.2, "channel": 0.4}
    assert table["handling"].to_dict() == {"age": "median", "channel": "a level of its own"}


def test_the_mean_and_spread_are_those_of_the_known_values(with_gaps):
    (age,) = learn_attributes(with_gaps, ["age"], gaps="impute")
    assert (age.centre, age.spread) == (with_gaps["age"].mean(), with_gaps["age"].std(ddof=0))


def test_what_is_imputed_later_is_counted_in_the_log(customers, caplog):
    attributes = learn_attributes(customers, ["age", "channel"], gaps="impute")
    new = customers.assign(age=[np.nan, 1, 2, np.nan, 3], channel=["tv", None, "web", "web", "fax"])
    with caplog.at_level(logging.WARNING, logger="clvml"):
        log_imputed(new, attributes)
    assert "2 of 5 customers have a missing age: imputed by the median, 35" in caplog.text
    assert "2 of 5 customers have a channel not seen during fit, the first is 'tv'" in caplog.text
    np.testing.assert_array_equal(encode(new, attributes)[:2, 1:], 0.0)
    assert attribute_columns(new, attributes)["channel=web"].tolist() == [0, 0, 1, 1, 0]


def test_a_column_without_any_value_is_left_out_with_a_warning(customers, caplog):
    empty = customers.assign(empty=np.nan)
    with caplog.at_level(logging.WARNING, logger="clvml"):
        attributes = learn_attributes(empty, ["age", "empty"], gaps="impute")
    assert [attribute.name for attribute in attributes] == ["age"]
    assert "'empty' has only missing values" in caplog.text
    assert missing_table(empty, ["age", "empty"], attributes).loc["empty"].tolist() == [
        5,
        1.0,
        "dropped: all values missing",
    ]


@pytest.mark.parametrize("gaps", ["refuse", "impute"])
def test_infinity_is_never_imputed(customers, gaps):
    with pytest.raises(InputError, match=r"1 of 5 .* infinite age; the first is 'c0', with inf"):
        learn_attributes(customers.assign(age=[np.inf, 1, 2, 3, 4]), ["age"], gaps=gaps)


def test_a_column_that_does_not_vary_is_constant(customers):
    same, age = learn_attributes(customers, ["same", "age"])
    assert same.constant
    assert not age.constant
    (rounding,) = learn_attributes(customers.assign(same=[1.0, 1, 1, 1, 1 + 1e-12]), ["same"])
    assert rounding.constant


def test_the_callers_frame_is_untouched(with_gaps):
    before = with_gaps.copy()
    encode(with_gaps, learn_attributes(with_gaps, ["age", "channel", "member"], gaps="impute"))
    pd.testing.assert_frame_equal(with_gaps, before)
