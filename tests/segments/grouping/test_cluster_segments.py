"""Any clusterer has the interface of K-means: known kinds are found, stored as points, and scored alike."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import DBSCAN, AgglomerativeClustering, FeatureAgglomeration
from sklearn.metrics import adjusted_rand_score

import clvml
from clvml.errors import InputError
from clvml.scoring._model_file import dump_model, load_model_json
from clvml.segments.grouping import ClusterSegments, KMeansSegments, clusterer_names
from clvml.segments.grouping._clusterers import partition_of

METHODS = {
    "SOM": {},
    "GaussianMixture": {},
    "AgglomerativeClustering": {"linkage": "average"},
    "SpectralClustering": {"gamma": 0.5},
    "Birch": {},
    "BisectingKMeans": {},
}
each_method = pytest.mark.parametrize("method", METHODS)


def fitted(method, customers, **more):
    return ClusterSegments(method, METHODS.get(method), n_segments=4, **more).fit(customers)


@each_method
def test_the_kinds_of_customers_are_found_again_the_most_valuable_first(method, customers):
    model = fitted(method, customers)
    segments = model.predict(customers)
    assert adjusted_rand_score(customers["kind"], segments) > 0.9
    means = customers["clv"].groupby(segments).mean()
    assert means.is_monotonic_decreasing
    assert segments[customers["kind"] == "champion"].mode().tolist() == [1]
    assert len(set(model.names_)) == 4
    assert model.agreement_ > 0.95


@each_method
def test_a_saved_segmentation_scores_new_customers_alike_and_holds_no_scikit_learn_object(method, customers):
    half, rest = customers.iloc[::2], customers.iloc[1::2]
    model = fitted(method, half)
    text = dump_model(model)
    again = load_model_json(text)
    pd.testing.assert_series_equal(again.predict(rest), model.predict(rest))
    assert again.names_ == model.names_
    assert "sklearn" not in text


@each_method
def test_rows_currency_and_unit_of_time_do_not_matter(method, customers):
    segments = fitted(method, customers).predict(customers)
    shuffled = customers.sample(frac=1, random_state=8)
    money = ["monetary_value", "clv"]
    other = shuffled.assign(**{name: shuffled[name] * 7.31 for name in money})
    again = fitted(method, other).predict(other)
    pd.testing.assert_series_equal(again.reindex(customers.index), segments)


def test_the_seed_decides_and_the_same_seed_gives_the_same(customers):
    one = fitted("SOM", customers, random_state=3)
    np.testing.assert_array_equal(one.prototypes_, fitted("SOM", customers, random_state=3).prototypes_)
    assert not np.array_equal(one.prototypes_, fitted("SOM", customers, random_state=4).prototypes_[:1])


def test_the_number_of_segments_is_chosen_by_the_holdout_for_any_clusterer(customers):
    spent = customers["clv"] * np.random.default_rng(2).lognormal(0, 0.3, len(customers))
    model = ClusterSegments("GaussianMixture", max_segments=5).fit(customers, outcome=spent)
    assert "holdout_gini" in model.selection_
    assert 3 <= len(model.names_) <= 5
    assert "Gini of the value in the holdout" in model.selection_.attrs["why"]


def test_a_clusterer_that_finds_the_number_by_itself_says_how_many_were_noise(customers):
    model = ClusterSegments("DBSCAN", {"eps": 0.6, "min_samples": 8}).fit(customers)
    labels = DBSCAN(eps=0.6, min_samples=8).fit_predict(model.transform(customers))
    assert len(model.names_) == len(set(labels) - {-1})
    assert model.noise_ == pytest.approx((labels < 0).mean(), abs=0.01)
    assert adjusted_rand_score(labels[labels >= 0], model.predict(customers)[labels >= 0]) > 0.9
    with pytest.raises(InputError, match="finds the number of segments by itself"):
        ClusterSegments("DBSCAN", n_segments=3).fit(customers)
    with pytest.raises(InputError, match=r"finds (no segments|1 segment)"):
        ClusterSegments("DBSCAN", {"eps": 50.0}).fit(customers)


def test_segments_that_are_not_round_have_several_prototypes_and_agree_with_their_clusterer():
    rng = np.random.default_rng(5)
    angle = rng.uniform(0, np.pi, 400)
    upper = np.column_stack([np.cos(angle), np.sin(angle)])
    lower = np.column_stack([1 - np.cos(angle), 0.35 - np.sin(angle)])
    points = np.vstack([upper, lower]) + rng.normal(0, 0.04, (800, 2))
    truth = np.repeat([0, 1], 400)
    found = partition_of(points, truth, "moons")
    assert len(found.prototypes) > 2
    assert found.agreement >= 0.95
    assert (found.predict(points) == truth).mean() == found.agreement


def test_an_estimator_of_scikit_learn_becomes_its_name_and_options(customers):
    model = ClusterSegments.from_estimator(AgglomerativeClustering(3, linkage="complete"))
    assert (model.clusterer, model.options, model.n_segments) == (
        "AgglomerativeClustering", {"linkage": "complete"}, 3,
    )  # fmt: skip
    assert len(model.fit(customers).names_) == 3
    with pytest.raises(InputError, match="no clusterer 'FeatureAgglomeration'"):
        ClusterSegments.from_estimator(FeatureAgglomeration())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"clusterer": "KMedoids"}, "there is no clusterer 'KMedoids'; there are SOM,"),
        ({"clusterer": AgglomerativeClustering()}, "from_estimator"),
        ({"options": {"linkages": "single"}}, "has no option 'linkages'"),
        ({"options": {"n_clusters": 3}}, "use n_segments and random_state"),
        ({"options": {"linkage": "sideways"}}, "cannot be fitted to these customers"),
        ({"clusterer": "SOM", "options": {"side": 1}}, "side of SOM is 1; it must be a whole number from 2"),
        (
            {"clusterer": "SOM", "options": {"sigma": 9}},
            "sigma of SOM is 9; it must be above 0 and at most 8",
        ),
        ({"clusterer": "SOM", "options": {"side": 2}, "n_segments": 5}, "fewer than 5 segments"),
        ({"n_segments": 1}, "whole number from 2 up"),
    ],
)
def test_what_a_clusterer_cannot_use_is_named(change, sentence, customers):
    arguments = {"clusterer": "AgglomerativeClustering", "n_segments": 4} | change
    with pytest.raises(InputError, match=sentence):
        ClusterSegments(**arguments).fit(customers)


def test_a_damaged_file_is_refused(customers):
    model = fitted("SOM", customers)
    model.prototype_segments_ = model.prototype_segments_ * 0 + 1
    with pytest.raises(InputError, match="each number from 1 to 4"):
        load_model_json(dump_model(model))


def test_groups_take_any_clusterer(customers):
    table = customers.assign(total_spend=customers["monetary_value"] * (customers["frequency"] + 1))
    groups = clvml.CustomerGroups(ClusterSegments("SOM", n_segments=4)).fit(table)
    again = load_model_json(dump_model(groups))
    pd.testing.assert_frame_equal(again.assign(table), groups.assign(table))
    assert isinstance(clvml.CustomerGroups().fit(table).segmenter_, KMeansSegments)


def test_all_clusterers_of_scikit_learn_are_offered():
    assert {"KMeans", "DBSCAN", "HDBSCAN", "OPTICS", "MeanShift", "GaussianMixture", "SOM"} <= {
        *clusterer_names()
    }
    assert "FeatureAgglomeration" not in clusterer_names()
