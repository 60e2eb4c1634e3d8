"""The ways to segment on one holdout: CDNOW's second 39 weeks."""

import pytest

import clvml
from clvml.errors import InputError
from clvml.segments.judging._segmentation_comparison import compare_segmentations


@pytest.fixture(scope="module")
def judged(cdnow_split):
    customers, actual = cdnow_split.calibration, cdnow_split.holdout["spend"]
    value = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), cdnow_split.duration)
    naive_forecast = clvml.HistoricValue(cdnow_split.duration).fit(customers).predict(customers)
    return compare_segmentations(
        customers.join(value.fit(customers).predict_factors(customers)), actual, naive_forecast
    )


def test_all_methods_are_judged_on_all_customers_and_all_revenue(judged):
    methods = {"ABC classes", "RFM groups", "value matrix", "CLV tiers", "K-means"}
    assert set(judged.ranking.index) == methods == set(judged.segments)
    parts = judged.by_segment.groupby("method")
    assert parts["customers"].sum().unique().tolist() == [2357]
    assert parts["share_of_revenue"].sum().tolist() == pytest.approx([1.0] * 5)
    assert judged.by_segment.loc[("ABC classes", 1), "name"] == "A"


def test_on_cdnow_who_counts_value_alone_tells_least(judged):
    assert judged.ranking["gini"].idxmin() == "ABC classes"
    assert judged.textbook["gini"].idxmin() == "ABC"
    assert (judged.ranking["lift"] > 2).all()


def test_planning_with_past_spend_is_far_too_high_and_with_clv_a_little_low(judged, cdnow_split):
    assert judged.textbook["bias_pct"].round(1).to_dict() == {"ABC": 143.9, "RFM": 143.9, "CLV": -15.6}
    by_segment = judged.by_segment.loc["RFM groups"]
    planned = (by_segment["predicted"] * by_segment["customers"]).sum()
    assert planned == pytest.approx(2.439 * cdnow_split.holdout["spend"].sum(), rel=1e-3)


def test_customers_of_another_table_are_refused(cdnow_split):
    customers = cdnow_split.calibration.assign(clv=1.0)
    kmeans = clvml.KMeansSegments(2, features=("frequency", "monetary_value"), value="total_spend")
    with pytest.raises(InputError, match="same customers"):
        compare_segmentations(
            customers, cdnow_split.holdout["spend"].iloc[1:], customers["total_spend"], kmeans
        )
