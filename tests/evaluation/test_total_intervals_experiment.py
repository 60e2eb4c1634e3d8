"""The experiment on intervals of totals: its tables are those of the code today, and coverage is nominal.

Written by ``python experiments/total_intervals/compare.py``.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.evaluation._total_errors import TYPICAL_ERROR

FOLDER = Path(__file__).parents[2] / "experiments" / "total_intervals"
REAL = ["CDNOW", "Online Retail", "Online Retail, net of cancellations", "coffee vending"]


@pytest.fixture(scope="module")
def experiment():
    spec = importlib.util.spec_from_file_location("total_intervals", FOLDER / "compare.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def totals():
    return pd.read_csv(FOLDER / "totals.csv", parse_dates=["origin"])


@pytest.fixture(scope="module")
def coverage():
    return pd.read_csv(FOLDER / "coverage.csv")


@pytest.mark.filterwarnings("ignore::clvml.errors.FitWarning")
def test_the_totals_of_cdnow_are_those_written(experiment, totals, monkeypatch):
    contenders = experiment.models()
    monkeypatch.setattr(experiment, "HORIZONS", (0.2,))
    monkeypatch.setattr(experiment, "FAMILIES", {"BG/NBD": "probabilistic"})
    monkeypatch.setattr(experiment, "models", lambda: {"BG/NBD": contenders["BG/NBD"]})
    experiment.TRANSACTIONS[:] = [clvml.load_cdnow()]
    found = pd.DataFrame(experiment.totals_of("CDNOW", clvml.load_cdnow()))
    written = totals[(totals["log"] == "CDNOW") & (totals["model"] == "BG/NBD")]
    written = written[np.isclose(written["horizon"], found["horizon"].iloc[0], atol=1e-4)]
    for name in ("predicted", "actual", "error_lower", "error_upper", "conformal_lower", "prior_0.2_upper"):
        np.testing.assert_allclose(found[name], written[name], rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(found["chance_upper"], written["chance_upper"], rtol=0.1)  # simulated


def test_the_coverage_is_that_of_the_totals(experiment, totals, coverage):
    found = experiment.coverage_by_log(totals)
    pd.testing.assert_frame_equal(found, coverage, rtol=1e-4)


def test_with_the_models_error_totals_are_covered_as_often_as_they_should_and_without_it_not(coverage):
    models = coverage[coverage["family"] == "probabilistic"]
    real = models[models["log"].isin(REAL)]
    assert 0.87 < real["error"].mean() < 0.96
    assert models["error"].mean() > 0.87
    assert real["chance"].mean() < 0.5
    assert real["conformal"].mean() < 0.7


def test_the_prior_is_the_smallest_that_covers_real_logs_as_often_as_it_should(experiment, totals):
    real = totals[totals["log"].isin(REAL) & (totals["model"] != "repeat rate")].dropna(
        subset=["error_lower"]
    )
    shares = {
        each: experiment.covered(real, f"prior_{each:g}").groupby(real["log"]).mean().mean()
        for each in experiment.TYPICAL
    }
    assert min(each for each, share in shares.items() if share >= 0.9) == TYPICAL_ERROR["probabilistic"]
