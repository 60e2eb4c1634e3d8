import pytest

import clvml
from clvml.segments.grouping._kmeans import KMeansSegments
from clvml.segments.judging._holdout import holdout_by_segment


@pytest.fixture(scope="module")
def split():
    return clvml.split(clvml.load_cdnow(), calibration_end="1997-09-30", observation_end="1998-06-30")


def test_on_cdnow_segments_rank_customers_by_holdout_revenue(split):
    value = clvml.LifetimeValue(purchases=clvml.BGNBD(), spend=clvml.GammaGamma(), horizon=39)
    factors = value.fit(split.calibration).predict_factors(split.calibration)
    segmenter = KMeansSegments()
    segments = segmenter.fit_predict(split.calibration.join(factors))
    table = holdout_by_segment(segments, factors["clv"], split.holdout["spend"])
    assert segmenter.names_[0] == "Top-value active repeat buyers"
    assert table.loc[1, "share_of_customers"] < 0.1
    assert table.loc[1, "share_of_revenue"] > 0.4
    assert table["actual"].is_monotonic_decreasing
    once = split.calibration["frequency"] == 0
    names = segmenter.segment_names(split.calibration.join(factors))
    assert set(names[once]) == {"Low-value silent one-time buyers"}
    assert (segments[~once] < segments[once].min()).all()
