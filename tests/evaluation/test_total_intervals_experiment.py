"""The experiment on intervals of totals: its tables are those of the code today, and coverage is nominal.

Written by ``python -m experiments total_intervals``.
"""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.evaluation._total_errors import TYPICAL_ERROR
from experiments.total_intervals import compare, figure

FOLDER = compare.HERE
CONFIG = compare.Config.read(FOLDER)
REAL = list(compare.REAL)


@pytest.fixture(scope="module")
def totals():
    return pd.read_csv(FOLDER / "totals.csv", parse_dates=["origin"])


@pytest.fixture(scope="module")
def coverage():
    return pd.read_csv(FOLDER / "coverage.csv")


@pytest.mark.filterwarnings("ignore::clvml.errors.FitWarning")
def test_the_totals_of_cdnow_are_those_written(totals, monkeypatch):
    contenders = compare.models()
    monkeypatch.setattr(compare, "FAMILIES", {"BG/NBD": "probabilistic"})
    monkeypatch.setattr(compare, "models", lambda: {"BG/NBD": contenders["BG/NBD"]})
    one_horizon = CONFIG.model_copy(update={"horizons": (0.2,)})
    found = pd.DataFrame(compare.totals_of(one_horizon, "CDNOW", clvml.load_cdnow()))
    written = totals[(totals["log"] == "CDNOW") & (totals["model"] == "BG/NBD")]
    written = written[np.isclose(written["horizon"], found["horizon"].iloc[0], atol=1e-4)]
    for name in ("predicted", "actual", "error_lower", "error_upper", "conformal_lower", "prior_0.2_upper"):
        np.testing.assert_allclose(found[name], written[name], rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(found["chance_upper"], written["chance_upper"], rtol=0.1)  # simulated


def test_the_coverage_is_that_of_the_totals(totals, coverage):
    found = compare.coverage_by_log(CONFIG, totals)
    pd.testing.assert_frame_equal(found, coverage, rtol=1e-4)


def test_with_the_models_error_totals_are_covered_as_often_as_they_should_and_without_it_not(coverage):
    models = coverage[coverage["family"] == "probabilistic"]
    real = models[models["log"].isin(REAL)]
    assert 0.87 < real["error"].mean() < 0.96
    assert models["error"].mean() > 0.87
    assert real["chance"].mean() < 0.5
    assert real["conformal"].mean() < 0.7


def test_the_prior_is_the_smallest_that_covers_real_logs_as_often_as_it_should(totals):
    real = totals[totals["log"].isin(REAL) & (totals["model"] != "repeat rate")].dropna(
        subset=["error_lower"]
    )
    shares = {
        each: compare.covered(real, f"prior_{each:g}").groupby(real["log"]).mean().mean()
        for each in CONFIG.typical_errors
    }
    assert min(each for each, share in shares.items() if share >= 0.9) == TYPICAL_ERROR["probabilistic"]


def test_the_figure_shows_the_intervals_that_miss_and_those_that_cover(totals):
    shown = figure.shown()
    assert set(shown["log"].astype(str)) == set(figure.LOGS)
    for name in ("error", "chance"):
        relative = (shown[f"{name}_lower"] <= 1) & (shown[f"{name}_upper"] >= 1)
        keys = ["log", "horizon", "origin", "model"]
        written = totals.set_index(keys).loc[pd.MultiIndex.from_frame(shown[keys].astype({"log": str}))]
        assert relative.sum() == compare.covered(written, name).sum()
    axes = figure.plt.figure().subplots()
    figure.draw(axes, shown)
    figure.labelled(axes, shown)
    assert f"of {len(shown)} totals" in axes.get_title(loc="left")
    figure.plt.close()
