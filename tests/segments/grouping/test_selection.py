import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from clvml.segments.grouping._selection import select_number, silhouettes


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(1)
    return np.vstack([rng.normal(place, 0.4, size=(400, 2)) for place in ([0, 0], [6, 0], [0, 6])])


def test_silhouettes_of_many_labelings_are_those_of_scikit_learn(points):
    rng = np.random.default_rng(2)
    alone = np.zeros(len(points), dtype=int)
    alone[5] = 1
    labelings = [rng.integers(0, k, len(points)) for k in (2, 5)] + [KMeans(3).fit(points).labels_, alone]
    expected = [silhouette_score(points, labels) for labels in labelings]
    np.testing.assert_allclose(silhouettes(points, labelings), expected, atol=1e-12)


def test_duplicates_only_are_a_perfect_segmentation_and_coinciding_segments_none():
    labels = np.array([0, 0, 1, 1])
    assert silhouettes(np.array([[0.0], [0.0], [5.0], [5.0]]), [labels]) == [1.0]
    assert silhouettes(np.zeros((4, 1)), [labels]) == [0.0]


def test_the_number_of_simulated_groups_is_chosen_and_shown_once(points):
    selection, centers = select_number(points, range(2, 7), tolerance=0.01, n_init=5, random_state=0)
    assert selection.index.tolist() == [2, 3, 4, 5, 6]
    assert selection.index[selection["chosen"]].tolist() == [3] == [len(centers)]
    assert selection["silhouette"].idxmax() == 3
    assert selection["inertia"].is_monotonic_decreasing


def test_within_the_tolerance_the_finer_segmentation_is_taken(points):
    selection, _ = select_number(points, range(2, 7), tolerance=0.0, n_init=5, random_state=0)
    drop = selection["silhouette"].max() - selection["silhouette"][5]
    finer, centers = select_number(points, range(2, 7), drop + 1e-9, n_init=5, random_state=0)
    assert 5 <= finer.index[finer["chosen"]].item() == len(centers)


def test_a_handful_of_customers_far_away_is_no_segment_to_plan_for():
    rng = np.random.default_rng(0)
    groups = [rng.normal(centre, 0.1, (500, 2)) for centre in ((0, 0), (5, 0), (0, 5))]
    points = np.vstack([*groups, rng.normal((7, 7), 0.1, (4, 2))])
    selection, centers = select_number(points, range(2, 7), 0.01, 3, 0)
    sizes = np.bincount(np.argmin(((points[:, None] - centers) ** 2).sum(axis=2), axis=1))
    assert sizes.min() >= 0.01 * len(points)
    assert selection["chosen"].sum() == 1
