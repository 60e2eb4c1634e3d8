"""The preparation step tells what was done to each feature."""

import numpy as np
import pandas as pd
import pytest

from clvml.errors import InputError
from clvml.segments.grouping import ClusterSegments, KMeansSegments, describe_preparation, preparation_table


def test_the_table_tells_what_the_segmenter_did(customers):
    table = customers.assign(same=5.0, city=np.where(customers["clv"] > 100, "Oslo", "Rome"))
    table.loc[table.index[:30], "city"] = None
    features = ("frequency", "monetary_value", "clv", "same")
    model = KMeansSegments(3, features=features, attributes=("city",)).fit(table)
    found = preparation_table(model, table)
    for name, logged in model.scaling_["logged"].items():
        assert found.loc[name, "transformation"].startswith("log") == (logged and "=" not in name)
    assert found.loc["same", "transformation"] == "left out"
    assert found.loc["city=Oslo", "missing"] == 30
    from scipy.stats import skew

    assert found.loc["clv", "skewness"] == pytest.approx(skew(table["clv"]))
    assert abs(found.loc["clv", "skewness_after"]) < abs(found.loc["clv", "skewness"])
    said = describe_preparation(found)
    assert "Left out: same." in said
    assert "clv" in said


def test_every_clusterer_has_the_same_preparation(customers):
    kmeans = KMeansSegments(3).fit(customers)
    som = ClusterSegments("GaussianMixture", n_segments=3).fit(customers)
    pd.testing.assert_frame_equal(preparation_table(kmeans, customers), preparation_table(som, customers))


def test_a_missing_feature_is_named(customers):
    model = KMeansSegments(3).fit(customers)
    with pytest.raises(InputError, match="'clv'"):
        preparation_table(model, customers.drop(columns="clv"))
