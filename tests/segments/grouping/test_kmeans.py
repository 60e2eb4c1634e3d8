import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import adjusted_rand_score

from clvml.customers._time_units import convert_time_unit
from clvml.errors import InputError, TimeUnitError
from clvml.segments.grouping._kmeans import KMeansSegments

MONEY = ["monetary_value", "clv"]
TIME = ["recency", "T"]


@pytest.fixture(scope="module")
def fitted(customers):
    return KMeansSegments().fit(customers)


def test_simulated_groups_are_found_again_and_counted_without_being_told_how_many(customers, fitted):
    assert len(fitted.centers_) == customers["kind"].nunique()
    assert adjusted_rand_score(customers["kind"], fitted.predict(customers)) > 0.95


def test_each_simulated_group_is_named_for_what_it_is(customers, fitted):
    names = fitted.segment_names(customers)
    typical = names.groupby(customers["kind"]).agg(lambda group: group.mode()[0])
    assert typical.to_dict() == {
        "champion": "Top-value active repeat buyers",
        "steady": "High-value active repeat buyers",
        "one-time": "Low-value silent one-time buyers",
        "lapsed": "Low-value inactive repeat buyers",
    }
    assert names.name == "segment_name"


def test_segment_one_is_the_most_valuable_and_value_falls_with_the_number(customers):
    segments = KMeansSegments(n_segments=7).fit_predict(customers)
    means = customers.groupby(segments)["clv"].mean()
    assert means.index.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert means.is_monotonic_decreasing


def test_another_column_of_value_orders_the_segments(customers):
    segmenter = KMeansSegments(n_segments=4, value="past")
    segments = segmenter.fit_predict(customers.assign(past=1000 / customers["clv"]))
    assert customers.groupby(segments)["clv"].mean().is_monotonic_increasing


@pytest.mark.parametrize("sample_size", [300, 10_000])
def test_the_order_of_the_rows_changes_nothing(customers, sample_size):
    shuffled = customers.sample(frac=1, random_state=11)
    one, other = (
        KMeansSegments(sample_size=sample_size, n_segments=6).fit(table) for table in (customers, shuffled)
    )
    np.testing.assert_array_equal(one.centers_, other.centers_)
    pd.testing.assert_frame_equal(one.profile_, other.profile_)
    pd.testing.assert_series_equal(one.predict(customers), other.predict(shuffled).reindex(customers.index))


@settings(max_examples=8, deadline=None)
@given(money=st.floats(1e-6, 1e9), time=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
def test_another_currency_or_unit_of_time_changes_nothing(customers, money, time, seed):
    segmenter = KMeansSegments(random_state=seed, sample_size=500, n_init=2)
    customers = customers.drop(columns="kind")
    customers.attrs = {}  # in no stated unit: with one, who bought within a week is not "silent"
    other = customers.copy()
    other[MONEY] *= money
    other[TIME] *= time
    expected, names = segmenter.fit_predict(customers), segmenter.names_
    pd.testing.assert_series_equal(segmenter.fit_predict(other), expected)
    assert segmenter.names_ == names


def test_weeks_and_days_give_the_same_segments_but_are_not_mixed_up(customers, fitted):
    days = convert_time_unit(customers, "D")
    pd.testing.assert_series_equal(KMeansSegments().fit_predict(days), fitted.predict(customers))
    with pytest.raises(TimeUnitError, match="convert_time_unit"):
        fitted.predict(days)


def test_a_customer_alone_gets_the_segment_it_gets_among_all(customers, fitted):
    together = fitted.predict(customers)
    for customer in customers.index[:50]:
        assert fitted.predict(customers.loc[[customer]]).item() == together[customer]


def test_new_customers_are_assigned_to_the_nearest_centre_without_a_refit(customers):
    old, new = customers.iloc[:600], customers.iloc[600:]
    segmenter = KMeansSegments().fit(old)
    centers = segmenter.centers_.copy()
    segments = segmenter.predict(new)
    distances = np.linalg.norm(segmenter.transform(new).to_numpy()[:, None] - segmenter.centers_, axis=2)
    assert segments.tolist() == (distances.argmin(axis=1) + 1).tolist()
    assert adjusted_rand_score(new["kind"], segments) > 0.95
    np.testing.assert_array_equal(segmenter.centers_, centers)


def test_centres_are_the_means_of_all_their_customers_not_of_the_sample(customers):
    segmenter = KMeansSegments(n_segments=4, sample_size=200).fit(customers)
    points, segments = segmenter.transform(customers), segmenter.predict(customers)
    np.testing.assert_allclose(points.groupby(segments).mean(), segmenter.centers_, atol=1e-12)


def test_skewed_features_are_logged_and_all_are_standardised(customers, fitted):
    points = fitted.transform(customers)
    np.testing.assert_allclose(points.mean(), 0, atol=1e-12)
    np.testing.assert_allclose(points.std(ddof=0), 1)
    skewness = customers[list(fitted.features_)].skew()
    assert fitted.scaling_["logged"].to_dict() == (skewness > 1).to_dict()
    assert fitted.scaling_["logged"].nunique() == 2  # both cases are looked at


def test_the_profile_adds_up_and_shows_medians(customers, fitted):
    profile, segments = fitted.profile_, fitted.predict(customers)
    features = ["time_since_last_purchase", *fitted.features_[1:]]
    assert fitted.features_[0] == "recency"
    columns = ["name", "customers", "share_of_customers", "share_of_value", *features]
    assert profile.columns.tolist() == columns
    assert profile["customers"].sum() == len(customers)
    assert profile["share_of_customers"].sum() == pytest.approx(1)
    first = customers[segments == 1]
    assert profile.loc[1, "share_of_value"] == pytest.approx(first["clv"].sum() / customers["clv"].sum())
    assert profile.loc[1, "monetary_value"] == first["monetary_value"].median()
    assert tuple(profile["name"]) == fitted.names_


def test_the_answer_is_whole_numbers_on_the_callers_index_and_the_frame_is_untouched(customers):
    before = customers.copy()
    segments = KMeansSegments().fit_predict(customers)
    assert (segments.name, segments.dtype) == ("segment", "int64")
    assert segments.index.equals(customers.index)
    pd.testing.assert_frame_equal(customers, before)


def test_a_large_table_is_segmented_from_a_sample_as_from_all(customers, fitted):
    many = pd.concat([customers] * 12, ignore_index=True)
    sampled = KMeansSegments(sample_size=500).fit(many)
    assert adjusted_rand_score(fitted.predict(customers), sampled.predict(customers)) > 0.99


def test_duplicated_customers_are_fine(customers, fitted):
    twice = pd.concat([customers, customers], ignore_index=True)
    segments = KMeansSegments().fit_predict(twice)
    assert segments.tolist() == [*fitted.predict(customers)] * 2


def test_silence_is_a_feature_made_from_T_and_recency(customers):
    segmenter = KMeansSegments(n_segments=4, features=("silence", "frequency", "clv")).fit(customers)
    assert segmenter.required_columns == ("recency", "T", "frequency", "clv")
    last = segmenter.profile_["silence"]
    kinds = customers.groupby(segmenter.predict(customers))
    expected = kinds.apply(lambda group: (group["T"] - group["recency"]).median())
    np.testing.assert_allclose(last, expected)


@pytest.mark.parametrize("spread", [0.0, 0.008])
def test_a_feature_that_hardly_varies_is_left_out_and_said_so(customers, fitted, caplog, spread):
    shop = 5 + 5 * spread * np.random.default_rng(0).normal(size=len(customers))
    with caplog.at_level(logging.WARNING, logger="clvml"):
        segmenter = KMeansSegments(features=(*fitted.features_, "shop")).fit(customers.assign(shop=shop))
    assert "'shop' is the same for all customers" in caplog.text
    assert segmenter.dropped_features_ == ("shop",)
    assert "shop" not in segmenter.required_columns
    pd.testing.assert_series_equal(segmenter.predict(customers), fitted.predict(customers))


def test_it_follows_the_conventions_of_scikit_learn(customers):
    segmenter = KMeansSegments(n_segments=3, features=["clv"], random_state=5)
    copy = clone(segmenter)
    assert copy.get_params() == segmenter.get_params()
    parameters = segmenter.get_params()
    segmenter.fit(customers)
    assert segmenter.get_params() == parameters
    assert repr(segmenter) == "KMeansSegments(features=['clv'], n_segments=3, random_state=5)"
    for ask in (copy.predict, copy.segment_names, copy.transform):
        with pytest.raises(NotFittedError):
            ask(customers)


def test_what_is_learnt_is_plain_numbers_and_tables(fitted):
    learnt = {name: value for name, value in vars(fitted).items() if name.endswith("_")}
    assert {"centers_", "names_", "profile_", "selection_", "scaling_"} <= set(learnt)
    plain = (int, float, str, tuple, dict, np.ndarray, pd.DataFrame, type(None))
    assert all(isinstance(value, plain) for value in learnt.values())


def test_required_columns_say_what_each_step_needs(customers):
    segmenter = KMeansSegments(n_segments=2, features=("frequency",))
    assert segmenter.required_columns == ("frequency", "clv")
    segmenter.fit(customers)
    assert segmenter.required_columns == ("frequency",)
    segmenter.predict(customers[["frequency"]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_an_impossible_value_is_refused_with_column_and_customer(customers, fitted, bad):
    broken = customers.copy()
    broken.loc["c0007", "clv"] = bad
    for ask in (KMeansSegments().fit, fitted.predict):
        with pytest.raises(InputError, match=r"1 of 1000 customers have .* clv; the first is 'c0007'"):
            ask(broken)


def test_a_column_without_any_value_is_refused(customers, fitted):
    for ask in (KMeansSegments().fit, fitted.predict):
        with pytest.raises(InputError, match="1000 of 1000 customers have a missing or infinite recency"):
            ask(customers.assign(recency=np.nan))


def test_a_missing_column_is_named(customers, fitted):
    for ask in (KMeansSegments().fit, fitted.predict):
        with pytest.raises(InputError, match="lacks 'probability_alive'"):
            ask(customers.drop(columns="probability_alive"))


def test_an_empty_table_is_refused(customers):
    with pytest.raises(InputError, match="empty"):
        KMeansSegments().fit(customers.iloc[:0])


def test_fewer_distinct_customers_than_segments_are_refused(customers):
    few = pd.concat([customers.iloc[:3]] * 5, ignore_index=True)
    with pytest.raises(InputError, match=r"4 segments need at least 4 distinct customers.* only 3 distinct"):
        KMeansSegments(n_segments=4).fit(few)
    assert KMeansSegments().fit_predict(few).max() <= 3


def test_customers_that_differ_by_rounding_only_are_not_distinct(customers):
    few = pd.concat([customers.iloc[:3]] * 5, ignore_index=True)
    few["clv"] *= np.linspace(1, 1 + 1e-13, len(few))
    assert few["clv"].nunique() > 3
    with pytest.raises(InputError, match="only 3 distinct"):
        KMeansSegments(n_segments=4).fit(few)


def test_customers_who_are_all_the_same_are_refused(customers):
    with pytest.raises(InputError, match="the same for all 1 customers"):
        KMeansSegments().fit(customers.iloc[:1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_segments": 1}, 'n_segments is 1; .*from 2 up or "auto"'),
        ({"n_segments": "many"}, "n_segments is 'many'"),
        ({"n_segments": 2.5}, "n_segments is 2.5"),
        ({"min_segments": 5, "max_segments": 3}, "min_segments is 5, more than max_segments"),
        ({"features": ()}, "at least one column"),
        ({"features": "clv"}, "must list"),
        ({"features": ("clv", "clv")}, "each once"),
    ],
)
def test_an_argument_that_breaks_its_rule_is_named(customers, arguments, message):
    with pytest.raises(InputError, match=message):
        KMeansSegments(**arguments).fit(customers)


def test_customers_without_any_value_are_segmented_by_the_rest(customers):
    segmenter = KMeansSegments(n_segments=3).fit(customers.assign(clv=0.0))
    assert segmenter.dropped_features_ == ("clv",)
    assert segmenter.profile_["share_of_value"].isna().all()
    assert len(set(segmenter.names_)) == 3
