"""The segmentations in scikit-learn's contract: its own checks, its arrays and its pipelines."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

import clvml

# These read a customer's history and money by the names of the columns, so a bare array has no meaning for
# them. What scikit-learn checks without data holds for them too.
BY_NAME = [
    clvml.RFMScores(),
    clvml.ABCClasses(),
    clvml.ValueTiers(),
    clvml.ValueMatrix(),
    clvml.LifecycleStages(),
    clvml.CustomerGroups(),
]
WITHOUT_DATA = [
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_mixin_order",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
]
FEATURES = ["frequency", "recency", "monetary_value", "probability_alive", "clv"]


@parametrize_with_checks(
    [clvml.KMeansSegments(n_init=2, max_segments=4)]
)  # few, as scikit-learn checks its own
def test_kmeans_passes_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("check", WITHOUT_DATA)
@pytest.mark.parametrize("estimator", BY_NAME, ids=lambda estimator: type(estimator).__name__)
def test_the_others_pass_those_that_need_no_data_and_say_that_they_take_no_arrays(estimator, check):
    getattr(estimator_checks, check)(type(estimator).__name__, estimator)
    assert not get_tags(estimator).input_tags.two_d_array


def test_an_array_is_segmented_as_the_table_of_its_columns(customers):
    table = customers[["clv", *FEATURES[:-1]]]  # of an array, the first column is the value
    by_name = clvml.KMeansSegments(features=tuple(table), value="clv").fit(table)
    bare = clvml.KMeansSegments().fit(table.to_numpy())
    assert isinstance(bare.predict(table.to_numpy()), np.ndarray)
    np.testing.assert_array_equal(bare.predict(table.to_numpy()), by_name.predict(table))
    np.testing.assert_array_equal(bare.transform(table.to_numpy()), by_name.transform(table))
    assert bare.features_ == ("x0", "x1", "x2", "x3", "x4")
    assert by_name.feature_names_in_.tolist() == list(table)
    assert set(bare.segment_names(table.to_numpy())) == set(bare.names_)


def test_an_array_after_a_fit_on_a_table_is_read_in_the_order_of_its_columns(customers):
    fitted = clvml.KMeansSegments(n_segments=4).fit(customers)
    values = customers[list(fitted.feature_names_in_)].to_numpy()
    with pytest.warns(UserWarning, match="valid feature names"):
        numbers = fitted.predict(values)
    np.testing.assert_array_equal(numbers, fitted.predict(customers))


def test_a_table_whose_columns_are_numbers_is_answered_on_its_index(customers):
    table = pd.DataFrame(customers[FEATURES].to_numpy(), index=customers.index)
    segments = clvml.KMeansSegments(n_segments=4).fit_predict(table)
    assert segments.index.equals(customers.index)


def test_the_transformers_of_scikit_learn_go_before_it(customers):
    gaps = customers.assign(city=np.where(customers["frequency"] > 3, "X", "Y"))
    gaps.loc[gaps.index[:5], "clv"] = np.nan
    prepare = make_column_transformer(
        (make_pipeline(SimpleImputer(), MinMaxScaler()), ["clv", "frequency", "monetary_value", "recency"]),
        (OneHotEncoder(sparse_output=False), ["city"]),
    )
    for output in ("default", "pandas"):
        pipeline = make_pipeline(prepare.set_output(transform=output), clvml.KMeansSegments(n_segments=4))
        assert adjusted_rand_score(customers["kind"], pipeline.fit_predict(gaps)) > 0.9


def test_its_points_carry_their_names_through_a_pipeline(customers):
    fitted = clvml.KMeansSegments(n_segments=4).set_output(transform="pandas").fit(customers)
    points = fitted.transform(customers)
    assert points.columns.tolist() == fitted.get_feature_names_out().tolist() == list(fitted.features_)
