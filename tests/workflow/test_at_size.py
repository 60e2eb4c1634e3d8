"""A run of many customers: compared on a sample that it states, served and segmented whole."""

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from clvml.workflow._config import load_config
from clvml.workflow._run import run
from clvml.workflow.stages import _economics

FEW = ["bgnbd_gamma_gamma", "historic"]


def run_of(folder, **overrides):
    given = {"tracking.enabled": False, "output.folder": str(folder), "backtest.origins": 1}
    return run(load_config(overrides={**given, "models.contenders": FEW, **overrides}))


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    """CDNOW's 2,357 customers, compared on 1,000."""
    return run_of(tmp_path_factory.mktemp("sampled"), **{"split.max_customers": 1_000})


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run_of(tmp_path_factory.mktemp("whole"), **{"split.max_customers": 2_357})


def test_models_are_compared_on_the_sample_and_the_report_says_so(sampled):
    assert len(sampled.split.calibration) == len(sampled.tables["predictions"]) == 1_000
    page = (sampled.folder / "report.html").read_text(encoding="utf-8")
    assert "a random sample of 1,000 of 2,357 customers (split.max_customers)" in page


def test_the_model_to_serve_and_the_segments_are_of_all_customers(sampled, whole):
    assert_frame_equal(sampled.served.values, whole.served.values)
    assert len(pd.read_csv(sampled.folder / "segments.csv")) == 2_357


def test_nothing_is_sampled_where_customers_are_no_more_than_the_limit(whole):
    assert len(whole.split.calibration) == 2_357
    assert "random sample of" not in (whole.folder / "report.html").read_text(encoding="utf-8")


def test_a_rerun_draws_the_same_sample(sampled, tmp_path):
    again = run_of(tmp_path / "again", **{"split.max_customers": 1_000})
    assert_frame_equal(again.tables["predictions"], sampled.tables["predictions"])


def test_factors_of_many_customers_are_computed_on_some_as_the_report_says(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(_economics, "SAMPLED", 500)  # of 2,357 customers: one in four
    sampled = run_of(tmp_path / "some", **{"split.max_customers": 2_357})
    page, of_all = ((found.folder / "report.html").read_text(encoding="utf-8") for found in (sampled, whole))
    words = "one in 4 customers, in order of value, and scaled to the total of all"
    assert words in page
    assert "customers, in order of value" not in of_all
    tornado, expected = (found.tables["tornado"] for found in (sampled, whole))
    columns = ["lower", "upper", "value_at_lower", "value_at_upper"]
    assert_frame_equal(tornado[columns].sort_index(), expected[columns].sort_index(), rtol=0.01)
    for name in whole.tables.keys() - {"tornado"}:
        assert_frame_equal(sampled.tables[name], whole.tables[name])
