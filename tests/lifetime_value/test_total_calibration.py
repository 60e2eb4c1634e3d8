"""Intervals of totals that include the model's own error."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import clvml
from clvml.errors import InputError
from clvml.lifetime_value import TotalCalibration

CALIBRATION = TotalCalibration(
    0.2, 5.0, dispersion=400.0, group_dispersion=600.0, horizon=26.0, time_unit="W"
)
positive = st.floats(0.01, 10.0)


def test_without_chance_it_is_a_t_distribution_of_the_log():
    exact = TotalCalibration(0.2, 5.0, 1e-12, 1e-12, 26.0)
    for coverage in (0.5, 0.8, 0.9):
        end = 0.2 * stats.t.ppf((1 + coverage) / 2, 5)
        assert np.log(exact.interval(1e4, coverage)) == pytest.approx(
            np.log(1e4) + np.array([-end, end]), rel=2e-3
        )


def test_without_model_error_it_is_a_gamma_distribution_with_the_dispersion_as_variance_per_mean():
    exact = TotalCalibration(1e-9, 5.0, 400.0, 400.0, 26.0)
    for revenue in (500.0, 5_000.0, 500_000.0):
        ends = stats.gamma.ppf([0.05, 0.95], revenue / 400, scale=400)
        assert exact.interval(revenue, 0.9) == pytest.approx(ends, rel=1e-3)


def test_it_covers_what_it_says_where_totals_miss_as_it_says():
    random = np.random.default_rng(3)
    n, revenue = 20_000, 10_000.0
    error = np.exp(0.2 * random.standard_t(5, n))
    actual = revenue * error * random.gamma(revenue / 400, 400 / revenue, n)
    for coverage in (0.5, 0.8, 0.9, 0.95):
        lower, upper = CALIBRATION.interval(revenue, coverage)
        assert np.mean((lower <= actual) & (actual <= upper)) == pytest.approx(coverage, abs=0.01)


@settings(max_examples=20)
@given(revenue=st.floats(1, 1e7), scale=positive, coverage=st.floats(0.2, 0.95))
def test_the_unit_of_money_does_not_matter(revenue, scale, coverage):
    scaled = dataclasses.replace(CALIBRATION, dispersion=400 * scale, group_dispersion=600 * scale).interval(
        revenue * scale, coverage
    )
    assert scaled == pytest.approx(np.multiply(CALIBRATION.interval(revenue, coverage), scale), rel=1e-9)


@settings(max_examples=20)
@given(revenue=st.floats(3000, 1e7), longer=st.floats(1.05, 4))
def test_intervals_are_wider_for_longer_horizons_more_coverage_groups_and_larger_errors(revenue, longer):
    def width(calibration=CALIBRATION, coverage=0.8, **options):
        lower, upper = calibration.interval(revenue, coverage, **options)
        assert 0 <= lower < upper
        return (upper - lower) / revenue

    assert width(horizon=26 * longer) > width(horizon=26)
    assert width(horizon=26) == width()
    assert width(coverage=0.9) > width(coverage=0.8)
    assert width(group=True) > width()
    assert width(dataclasses.replace(CALIBRATION, model_error=0.2 * longer)) > width()


def test_relative_to_its_size_a_large_total_is_surer_but_never_surer_than_the_model():
    widths = [np.subtract(*CALIBRATION.interval(total)[::-1]) / total for total in (1e3, 1e4, 1e5, 1e9)]
    assert widths == sorted(widths, reverse=True)
    end = 0.2 * stats.t.ppf(0.95, 5)
    assert widths[-1] == pytest.approx(np.exp(end) - np.exp(-end), rel=5e-3)


def test_it_is_stored_as_a_few_numbers():
    stored = json.loads(json.dumps(dataclasses.asdict(CALIBRATION)))
    assert TotalCalibration(**stored) == CALIBRATION


@pytest.mark.parametrize("revenue", [0.0, -5.0, np.nan, np.inf])
def test_a_total_that_is_not_positive_has_no_interval(revenue):
    assert np.isnan(CALIBRATION.interval(revenue)).all()


def test_bad_arguments_are_refused(cdnow, value_model):
    with pytest.raises(InputError, match=r"coverage is 1.0"):
        CALIBRATION.interval(100.0, 1.0)
    with pytest.raises(InputError, match="horizon is 0"):
        CALIBRATION.interval(100.0, horizon=0)
    with pytest.raises(InputError, match=r"model_error is -0.1; it must be positive and finite"):
        dataclasses.replace(CALIBRATION, model_error=-0.1)
    with pytest.raises(InputError, match="lacks some customers"):
        CALIBRATION.total_interval(value_model, cdnow, pd.Series(1, index=[-1]))
    residual = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), None, 0.1).fit(cdnow)
    with pytest.raises(InputError, match="infinite horizon cannot be learnt from holdouts; give a horizon"):
        CALIBRATION.total_interval(residual, cdnow)


def test_groups_and_total_are_sums_of_the_predictions(cdnow, value_model):
    group = cdnow["frequency"].clip(upper=2).astype(int)
    table = CALIBRATION.total_interval(value_model, cdnow, group)
    value = value_model.predict(cdnow)
    assert list(table.index) == [0, 1, 2, "total"]
    assert table["clv"].to_numpy() == pytest.approx([*value.groupby(group).sum(), value.sum()])
    assert table["customers"].tolist() == [*group.value_counts().sort_index(), len(cdnow)]
    for name in ("spend", "clv"):
        assert (table[f"{name}_lower"] < table[name]).all()
        assert (table[name] < table[f"{name}_upper"]).all()
    assert table.attrs == {"coverage": 0.9, "includes": "parameters, chance and the model's error"}
    total = table.loc["total"]
    assert (total["spend_lower"], total["spend_upper"]) == CALIBRATION.interval(total["spend"], 0.9, "12M")


def test_margin_and_discount_change_the_value_and_not_how_sure_it_is(cdnow, value_model):
    plain = CALIBRATION.total_interval(value_model, cdnow)
    poor = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M", 0.1, margin=0.3).fit(cdnow)
    table = CALIBRATION.total_interval(poor, cdnow)
    spend = ["spend", "spend_lower", "spend_upper"]
    pd.testing.assert_frame_equal(plain[spend], table[spend])
    for name in ("clv", "clv_lower", "clv_upper"):
        assert table[name].to_numpy() == pytest.approx(0.3 * plain[name].to_numpy())
    assert table["clv_upper"].iloc[0] / table["clv"].iloc[0] == pytest.approx(
        table["spend_upper"].iloc[0] / table["spend"].iloc[0]
    )
    assert poor.margin == 0.3


def test_a_formula_has_intervals_too(cdnow):
    formula = clvml.RepeatRateValue("12M").fit(cdnow)
    table = CALIBRATION.total_interval(formula, cdnow, coverage=0.5, horizon=26)
    total = formula.predict(cdnow, 26).sum()
    assert tuple(table.loc["total", ["clv_lower", "clv_upper"]]) == pytest.approx(
        CALIBRATION.interval(total, 0.5), rel=1e-12
    )


@pytest.mark.parametrize("rate", [0.0, 0.1])
@pytest.mark.parametrize(
    "kind", ["probabilistic", "in a scenario", "structure plus learning", "formula", "mean"]
)
def test_known_factors_give_the_same_intervals(cdnow, cdnow_split, kind, rate):
    learned = clvml.LearnedCorrection("12M", margin=0.3).fit_with_earlier(
        cdnow_split.calibration, cdnow_split.earlier()
    )
    models = {
        "probabilistic": lambda: clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M", margin=0.3),
        "in a scenario": lambda: learned.structure_.with_factors({"income": 1.5, "purchase_rate": 0.8}),
        "structure plus learning": lambda: learned,
        "formula": lambda: clvml.RepeatRateValue("12M"),
        "mean": lambda: clvml.MeanValue("12M", margin=0.3),
    }
    model = models[kind]()
    model = model if hasattr(model, "time_unit_") else model.fit(cdnow)
    groups = pd.Series(np.where(cdnow["frequency"] > 0, "again", "once"), cdnow.index)
    factors = model.predict_factors(cdnow, "12M", rate)
    options = {"horizon": "12M", "annual_discount_rate": rate}
    known = CALIBRATION.total_interval(model, cdnow, groups, factors=factors, **options)
    anew = CALIBRATION.total_interval(model, cdnow, groups, **options)
    pd.testing.assert_frame_equal(known, anew, rtol=1e-12)


def test_with_known_factors_a_model_predicts_nothing_again(cdnow, value_model, monkeypatch):
    factors = value_model.predict_factors(cdnow)
    monkeypatch.setattr(type(value_model), "predict", None)
    table = CALIBRATION.total_interval(value_model, cdnow, factors=factors)
    assert table.loc["total", "clv"] == pytest.approx(factors["clv"].sum())
