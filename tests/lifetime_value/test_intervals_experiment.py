"""The intervals experiment: its figures are those of the code today, and intervals hold what they promise.

Written by ``python experiments/intervals/compare.py``.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

import clvml

INTERVALS = Path(__file__).parents[2] / "experiments" / "intervals"


@pytest.fixture(scope="module")
def coverage():
    return pd.read_csv(INTERVALS / "coverage.csv")


@pytest.fixture(scope="module")
def value(cdnow_split):
    models = clvml.BGNBD(), clvml.GammaGamma()
    return clvml.LifetimeValue(*models, cdnow_split.duration).fit(cdnow_split.calibration)


def test_cdnow_customers_lie_within_their_ranges_as_often_as_written(value, cdnow_split, coverage):
    ranges = value.predict_interval(cdnow_split.calibration, 0.9)
    written = coverage.query("data == 'CDNOW' and model == 'BG/NBD' and of == 'customer' and coverage == 0.9")
    for row in written.itertuples():
        came = cdnow_split.holdout[row.quantity]
        within = came.between(ranges[f"{row.quantity}_lower"], ranges[f"{row.quantity}_upper"])
        assert within.mean() == pytest.approx(row.inside, abs=0.01), row.quantity  # simulated


def test_the_ranges_of_cdnow_groups_are_those_written(value, cdnow_split):
    written = pd.read_csv(INTERVALS / "totals.csv").query("data == 'CDNOW' and model == 'BG/NBD'")
    group = cdnow_split.calibration["frequency"].clip(upper=3).astype(int)
    ranges = value.predict_total_interval(cdnow_split.calibration, group, 0.9)
    for name, rows in written.groupby("quantity"):
        found = ranges[[f"{name}_lower", f"{name}_upper"]].to_numpy()
        np.testing.assert_allclose(found, rows[["lower", "upper"]], rtol=0.1)  # of 199 simulations


def test_simulated_totals_lie_within_their_ranges_as_often_as_promised(coverage):
    totals = coverage[coverage["data"].str.startswith("simulated") & (coverage["of"] == "total")]
    assert set(totals["parameters"]) == {"given", "fitted"}
    for row in totals.itertuples():
        inside = round(row.inside * row.cases)
        assert binomtest(inside, int(row.cases), row.coverage).pvalue > 1e-4, row
    pooled = totals.groupby(["parameters", "coverage"])["inside"].mean()
    assert (pooled - pooled.index.get_level_values("coverage")).abs().max() < 0.05


def test_no_more_simulated_customers_than_promised_lie_above_their_ranges(coverage):
    each = coverage[coverage["data"].str.startswith("simulated") & (coverage["of"] == "customer")]
    # of mean spend, the customers of one fit share the error of its parameters: three fits are three cases
    each = each[(each["quantity"] != "mean_spend") | (each["parameters"] == "given")]
    tail = (1 - each["coverage"]) / 2
    assert (each["above"] < tail + 4 * np.sqrt(tail * (1 - tail) / each["cases"])).all()
    # who buys nothing lies on the bound at zero, so that ranges that start there hold more
    assert (each["inside"] > each["coverage"] - 4 * np.sqrt(2 * tail * (1 - 2 * tail) / each["cases"])).all()
