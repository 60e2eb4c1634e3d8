import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from clvml.errors import InputError
from clvml.segments.grouping._components import SHOWN, two_components


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(3)
    mix = np.array([[2.0, 0.3, 0.0], [1.5, -0.5, 0.1], [0.0, 1.0, 0.8]])
    return pd.DataFrame(rng.normal(size=(400, 3)) @ mix, columns=["clv", "frequency", "silence"])


def test_the_components_are_those_of_scikit_learn_up_to_their_sign(points):
    found = two_components(points, pd.Series(1, index=points.index))
    reference = PCA(2).fit(points)
    expected = reference.transform(points)
    for i, name in enumerate(("first", "second")):
        assert abs(np.corrcoef(found[name], expected[:, i])[0, 1]) == pytest.approx(1)
        component = found.attrs["components"][i]
        assert component["share"] == pytest.approx(reference.explained_variance_ratio_[i])
        assert np.abs(list(component["weights"].values())) == pytest.approx(np.abs(reference.components_[i]))


def test_the_feature_of_the_largest_weight_points_up(points):
    found = two_components(points, pd.Series(1, index=points.index))
    assert np.corrcoef(found["first"], points["clv"])[0, 1] > 0.8
    weights = found.attrs["components"][0]["weights"]
    assert max(weights, key=lambda name: abs(weights[name])) == "clv"
    assert weights["clv"] > 0


def test_a_sample_is_shown_with_its_segments(points):
    many = pd.concat([points] * 8, ignore_index=True)
    segments = pd.Series(np.arange(len(many)) % 3, index=many.index)
    found = two_components(many, segments)
    assert len(found) == SHOWN
    assert (found["segment"] == segments[found.index]).all()


def test_one_feature_or_other_customers_are_refused(points):
    with pytest.raises(InputError, match="at least two"):
        two_components(points[["clv"]], pd.Series(1, index=points.index))
    with pytest.raises(InputError, match="same customers"):
        two_components(points, pd.Series(1, index=points.index[::-1]))
