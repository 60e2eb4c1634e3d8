"""Customer attributes as features of K-means: numbers, categories, gaps, and what was never seen."""

import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from clvml.errors import InputError
from clvml.scoring._model_file import dump_model, load_model_json
from clvml.segments.grouping._kmeans import KMeansSegments


@pytest.fixture(scope="module")
def people():
    """Two kinds who buy alike and differ by age and country; the truth is in ``kind``."""
    rng = np.random.default_rng(4)
    n = 300
    kind = rng.integers(0, 2, n)
    table = pd.DataFrame(
        {
            "clv": rng.lognormal(3, 0.1, n),
            "age": np.where(kind, 60.0, 25.0) + rng.normal(0, 2, n),
            "country": np.where(kind, "NL", "DE"),
            "kind": kind,
        },
        index=pd.Index([f"c{i:03d}" for i in range(n)], name="customer_id"),
    )
    table.loc["c005", "age"] = np.nan
    table.loc[["c007", "c008"], "country"] = None
    return table


@pytest.fixture(scope="module")
def fitted(people):
    return KMeansSegments(2, features=("clv",), attributes=("age", "country")).fit(people)


def test_kinds_that_differ_by_attributes_alone_are_found(people, fitted):
    assert adjusted_rand_score(people["kind"], fitted.predict(people)) > 0.95
    assert fitted.required_columns == ("clv", "age", "country")
    assert fitted.scaling_.index.tolist() == ["clv", "age", "country=(missing)", "country=DE", "country=NL"]


def test_what_is_missing_is_counted_and_handled_as_said(fitted):
    assert fitted.missing_["missing"].to_dict() == {"age": 1, "country": 2}
    assert fitted.missing_["handling"].to_dict() == {"age": "median", "country": "a level of its own"}


def test_all_levels_together_weigh_as_much_as_one_feature(people, fitted):
    points = fitted.transform(people)
    levels = [name for name in points if str(name).startswith("country=")]
    assert points[levels].var(ddof=0).sum() == pytest.approx(1.0)
    assert points["age"].var(ddof=0) == pytest.approx(1.0)


def test_the_order_of_the_rows_changes_nothing_and_a_saved_model_says_the_same(people, fitted):
    shuffled = people.sample(frac=1, random_state=2)
    other = KMeansSegments(2, features=("clv",), attributes=("age", "country")).fit(shuffled)
    pd.testing.assert_series_equal(other.predict(people), fitted.predict(people))
    again = load_model_json(dump_model(fitted))
    pd.testing.assert_series_equal(again.predict(people), fitted.predict(people))


def test_a_level_never_seen_is_counted_and_new_attributes_are_ignored(people, fitted, caplog):
    new = people.iloc[:9].assign(country=["FR"] * 8 + ["NL"], shoe_size=43.0)
    with caplog.at_level(logging.WARNING, logger="clvml"):
        assert fitted.predict(new).between(1, 2).all()
    assert "8 of 9 customers have a country not seen during fit, the first is 'FR'" in caplog.text


def test_a_number_missing_later_counts_with_the_median_of_the_fit_and_is_counted(people, fitted, caplog):
    median = people["age"].median()
    with caplog.at_level(logging.WARNING, logger="clvml"):
        gone = fitted.transform(people.iloc[:9].assign(age=np.nan))
    assert f"9 of 9 customers have a missing age: imputed by the median, {median:g}" in caplog.text
    pd.testing.assert_frame_equal(gone, fitted.transform(people.iloc[:9].assign(age=median)))


def test_a_skewed_attribute_is_logged_as_a_feature_is_and_may_be_negative(people):
    rng = np.random.default_rng(8)
    balance = np.where(rng.random(len(people)) < 0.2, -1.0, 1.0) * rng.lognormal(3, 0.3, len(people))
    table = people.assign(income=rng.lognormal(10, 1, len(people)), balance=balance)
    model = KMeansSegments(2, features=("clv",), attributes=("income", "balance")).fit(table)
    assert model.scaling_["logged"].to_dict() == {"clv": False, "income": True, "balance": False}
    debt = table.assign(balance=-table["balance"], income=-table["income"])
    assert np.isfinite(model.transform(debt)).all(axis=None)


def test_another_currency_of_an_attribute_changes_no_segment(people):
    rng = np.random.default_rng(9)
    table = people.assign(income=rng.lognormal(10, 1, len(people)))
    model = KMeansSegments(2, features=("clv",), attributes=("income", "country"))
    expected = model.fit_predict(table)
    pd.testing.assert_series_equal(model.fit_predict(table.assign(income=table["income"] * 131.7)), expected)


def test_attributes_without_a_value_or_the_same_for_all_are_left_out(people, caplog):
    table = people.assign(empty=np.nan, same="x")
    model = KMeansSegments(2, features=("clv",), attributes=("age", "empty", "same"))
    with caplog.at_level(logging.WARNING, logger="clvml"):
        model.fit(table)
    assert "'empty' has only missing values" in caplog.text
    assert "'same' is the same for all" in caplog.text
    assert model.dropped_features_ == ("empty", "same")
    assert model.required_columns == ("clv", "age")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": np.inf}, "300 of 300 customers have an infinite age; the first is 'c000'"),
        ({"country": [f"x{i}" for i in range(300)]}, "'country' has 300 levels"),
    ],
)
def test_impossible_attributes_are_named(people, change, message):
    with pytest.raises(InputError, match=message):
        KMeansSegments(2, features=("clv",), attributes=("age", "country")).fit(people.assign(**change))


def test_an_attribute_that_is_gone_or_text_now_is_named(people, fitted):
    with pytest.raises(InputError, match="lack the attribute 'age', which their segments depend on"):
        fitted.predict(people.drop(columns="age"))
    with pytest.raises(InputError, match="'age' was numeric"):
        fitted.predict(people.assign(age="old"))
    with pytest.raises(InputError, match="have no column 'height'"):
        KMeansSegments(2, features=("clv",), attributes=("height",)).fit(people)
    with pytest.raises(InputError, match="neither features nor value"):
        KMeansSegments(2, features=("clv",), attributes=("clv",)).fit(people)


def test_stability_and_the_elbow_tell_how_many_kinds_there_are(customers):
    selection = KMeansSegments().fit(customers).selection_
    assert selection.loc[4, "stability"] > 0.98
    assert selection.loc[8, "stability"] < selection.loc[4, "stability"]
    assert selection["elbow"].sum() == 1
    assert selection["stability"].max() <= 1


def test_segments_of_a_cloud_without_any_kinds_are_not_stable():
    cloud = pd.DataFrame(np.random.default_rng(1).uniform(1, 2, (400, 3)), columns=["clv", "b", "c"])
    selection = KMeansSegments(7, features=("clv", "b", "c")).fit(cloud).selection_
    assert selection.loc[7, "stability"] < 0.8
