"""The intervals experiment: its figures are those of the code today, and coverage is nominal.

Written by ``python -m experiments intervals``.
"""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

import clvml
from experiments.intervals import compare

CONFIG = compare.Config.read(compare.HERE)
pytestmark = pytest.mark.filterwarnings("ignore::clvml.errors.FitWarning")


@pytest.fixture(scope="module")
def coverage():
    return pd.read_csv(compare.HERE / "coverage.csv", index_col=compare.KEYS).sort_index()


def test_the_coverage_of_cdnow_is_that_of_the_code_today(cdnow_split, coverage):
    value = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), cdnow_split.duration)
    value.fit(cdnow_split.calibration)
    quick = CONFIG.model_copy(update={"levels": (0.9,)})
    actual = cdnow_split.holdout[["purchases", "spend"]]
    for row in compare.of_customers(quick, value, cdnow_split.calibration, actual, by_frequency=True):
        key = "CDNOW", "BG/NBD", "fitted", row["of"], row["quantity"], 0.9
        assert row["cases"] == coverage.loc[key, "cases"]
        assert row["within"] / row["cases"] == pytest.approx(coverage.loc[key, "within"], abs=0.01), key
    for row in compare.of_totals(quick, value, cdnow_split.calibration, actual, seed=0):
        key = "CDNOW", "BG/NBD", "fitted", row["of"], row["quantity"], 0.9
        assert row["within"] / row["cases"] == pytest.approx(coverage.loc[key, "within"]), key


def test_one_repetition_is_drawn_from_the_model_it_names():
    population = compare.POPULATIONS[0]
    many = CONFIG.model_copy(update={"customers": 20_000})
    customers, actual = compare.simulate(many, population, seed=3)
    expected = compare.value_model(many, population, customers, "given").predict_factors(customers)
    assert actual["clv"].sum() == pytest.approx(expected["clv"].sum(), rel=0.05)


def test_simulated_totals_are_covered_as_often_as_nominal(coverage):
    totals = coverage[coverage.index.get_level_values("of") == "total"].reset_index()
    totals = totals[totals["data"].str.startswith("simulated")]
    assert set(totals["parameters"]) == {"given", "fitted"}
    for row in totals.itertuples():
        within = round(row.within * row.cases)
        assert binomtest(within, int(row.cases), row.level).pvalue > 1e-3, row
    pooled = totals.groupby(["parameters", "level"])["within"].mean()
    assert (pooled - pooled.index.get_level_values("level")).abs().max() < 0.06


def test_no_more_simulated_customers_than_nominal_are_above_their_intervals(coverage):
    each = coverage[coverage.index.get_level_values("of") == "customer"].reset_index()
    each = each[each["data"].str.startswith("simulated")]
    # of mean spend, the customers of one fit share the error of its parameters: two fits are two cases
    each = each[(each["quantity"] != "mean_spend") | (each["parameters"] == "given")]
    tail = (1 - each["level"]) / 2
    assert (each["above"] < tail + 4 * np.sqrt(tail * (1 - tail) / each["cases"])).all()
    # who buys nothing is on the bound at zero, so that intervals that start there cover more
    assert (each["within"] > each["level"] - 4 * np.sqrt(2 * tail * (1 - 2 * tail) / each["cases"])).all()
