"""The formula models against CDNOW's published totals, against each other, and on awkward customers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import clvml
from clvml.customers._time_units import rate_per_unit
from clvml.errors import FitError, FitWarning, InputError, TimeUnitError
from clvml.lifetime_value._protocol import ValueModel
from clvml.lifetime_value.formulas import (
    AnnuityValue,
    HistoricValue,
    RepeatRateValue,
    RetentionValue,
    RuleOfThumbValue,
    TotalSpendValue,
    ZeroValue,
    estimate_retention_rate,
)
from clvml.lifetime_value.formulas._loyalty_models import LoyaltyEffectsValue, ProfitContributionValue
from clvml.lifetime_value.formulas._migration import MigrationValue

WITH_RETENTION = [AnnuityValue, RetentionValue, RuleOfThumbValue]
MODELS = [
    RepeatRateValue,
    TotalSpendValue,
    HistoricValue,
    ZeroValue,
    MigrationValue,
    LoyaltyEffectsValue,
    ProfitContributionValue,
    *WITH_RETENTION,
]


def summary(frequency, recency, T, monetary_value, total_spend, time_unit="W"):
    columns = {
        "frequency": frequency,
        "recency": recency,
        "T": T,
        "monetary_value": monetary_value,
        "total_spend": total_spend,
    }
    index = pd.Index([f"c{place}" for place in range(len(T))], name="customer_id")
    customers = pd.DataFrame(columns, index=index, dtype=float)
    customers.attrs["time_unit"] = time_unit
    return customers


@pytest.fixture
def customers():
    return summary([2, 0, 5, 0], [8, 0, 18, 0], [10, 20, 20, 0], [30, 0, 20, 0], [100, 25, 120, 40])


@pytest.fixture(scope="module")
def cdnow():
    return clvml.split(
        clvml.load_cdnow(), calibration_end="1997-09-30", observation_end="1998-06-30", time_unit="W"
    ).calibration


@pytest.mark.parametrize(
    ("model", "total"), [(RepeatRateValue, 114_396), (TotalSpendValue, 207_988), (HistoricValue, 173_116)]
)
def test_cdnow_totals_are_the_published_ones(cdnow, model, total):
    assert model(horizon=39).fit(cdnow).predict(cdnow).sum() == pytest.approx(total, abs=0.5)


@pytest.mark.parametrize("model", MODELS)
def test_every_formula_is_a_value_model_with_money_first_on_the_customers_index(model, customers):
    before = customers.copy(deep=True)
    fitted = model(horizon="12M", annual_discount_rate=0.1).fit(customers)
    values, factors = fitted.predict(customers[::-1]), fitted.predict_factors(customers)
    assert isinstance(fitted, ValueModel)
    assert values.name == "clv" == factors.columns[0]
    assert values.dtype == np.float64
    assert np.isfinite(factors.to_numpy()).all()
    pd.testing.assert_series_equal(values[::-1], factors["clv"])
    pd.testing.assert_frame_equal(customers, before)
    assert all(type(value) is float for value in fitted.params_.values())


@pytest.mark.parametrize("model", MODELS)
def test_every_formula_can_be_cloned_and_refuses_to_predict_unfitted(model, customers):
    copy = clone(model(horizon=5, annual_discount_rate=0.2, margin=0.4).fit(customers))
    assert (copy.horizon, copy.annual_discount_rate, copy.margin) == (5, 0.2, 0.4)
    with pytest.raises(NotFittedError):
        copy.predict(customers)


@pytest.mark.parametrize("model", MODELS)
def test_margin_multiplies_the_money(model, customers):
    full, third = (model(horizon=9, margin=margin).fit(customers).predict(customers) for margin in (1.0, 0.3))
    pd.testing.assert_series_equal(third, full * 0.3)


@pytest.mark.parametrize("model", MODELS)
def test_horizon_and_rate_of_a_prediction_replace_those_of_the_constructor(model, customers):
    one = model(horizon=52, annual_discount_rate=0.1).fit(customers).predict(customers)
    other = model(horizon=3).fit(customers).predict(customers, horizon="12M", annual_discount_rate=0.1)
    pd.testing.assert_series_equal(one, other)


@pytest.mark.parametrize("model", [RepeatRateValue, TotalSpendValue, AnnuityValue, RetentionValue])
def test_discounting_lowers_the_value_and_a_longer_horizon_never_does(model, customers):
    fitted = model(horizon=52).fit(customers)
    plain = fitted.predict(customers).sum()
    assert fitted.predict(customers, annual_discount_rate=0.2).sum() < plain
    assert fitted.predict(customers, horizon=104).sum() >= plain
    assert np.isfinite(fitted.predict(customers, horizon="500Y", annual_discount_rate=0.1)).all()


def test_a_year_of_weekly_income_is_discounted_week_by_week(customers):
    model = RepeatRateValue(horizon=52, annual_discount_rate=0.10).fit(customers)
    by_hand = sum(2 / 10 * 30 * 1.10 ** (-week / 52) for week in range(1, 53))
    assert model.predict(customers)["c0"] == pytest.approx(by_hand, rel=1e-12)


def test_a_customer_observed_for_no_time_has_no_rate_and_no_infinite_value(customers):
    for model in set(MODELS) - {MigrationValue}:  # a buyer of today is in its first state
        value = model(horizon=10).fit(customers).predict(customers)["c3"]
        assert value == (40 if model is HistoricValue else 0)


def test_customers_who_never_leave_make_the_retention_formulas_total_spend_times_horizon(customers):
    expected = TotalSpendValue(horizon=30).fit(customers).predict(customers)
    for model in WITH_RETENTION:
        kept = model(horizon=30, retention_rate=1).fit(customers).predict(customers)
        pd.testing.assert_series_equal(kept, expected)


def test_customers_who_stay_half_the_time_bring_the_sums_of_the_textbook():
    customers = summary([3], [8], [10], [20], [100])  # income 10 a week
    bring = {
        model: model(horizon=4, retention_rate=0.5).fit(customers).predict(customers)["c0"]
        for model in WITH_RETENTION
    }
    assert bring[AnnuityValue] == pytest.approx(10 * 2)  # two weeks of loyalty
    assert bring[RetentionValue] == pytest.approx(10 * (0.5 + 0.25 + 0.125 + 0.0625))
    assert bring[RuleOfThumbValue] == pytest.approx(25 * 0.4 * 2 * 0.5)


def test_a_lifetime_longer_than_the_horizon_counts_only_as_far_as_the_horizon():
    customers = summary([3], [8], [10], [20], [100])  # income 10 a week, loyal for 20 weeks
    for model, value in ((AnnuityValue, 10 * 4), (RuleOfThumbValue, 25 * 0.4 * 4 * 0.95)):
        fitted = model(horizon=4, retention_rate=0.95).fit(customers)
        assert fitted.predict(customers)["c0"] == pytest.approx(value)


def test_retention_is_found_again_in_customers_who_drop_out_at_a_known_rate():
    # Followed 20,000 customers who buy all the time until they drop out, at 4 % a week.
    random = np.random.default_rng(0)
    T = random.uniform(10, 40, 20_000)
    active = np.minimum(random.exponential(-1 / np.log(0.96), len(T)), T)
    found = estimate_retention_rate(np.ceil(20 * active), active * 0.999, T)
    assert found.rate == pytest.approx(0.96, abs=1e-3)


@given(st.floats(0.01, 100))
def test_retention_does_not_depend_on_the_unit_of_time(factor):
    frequency = np.array([0.0, 2.0, 1.0, 6.0])
    recency, T = np.array([0.0, 4.0, 11.0, 19.0]), np.array([12.0, 15.0, 18.0, 20.0])
    per_unit = estimate_retention_rate(frequency, recency, T).rate
    per_other = estimate_retention_rate(frequency, recency * factor, T * factor).rate
    assert np.log(per_other) * factor == pytest.approx(np.log(per_unit), rel=1e-6)


def test_customers_none_of_whom_bought_again_are_warned_about():
    T = np.array([10.0, 10.0])
    with pytest.warns(FitWarning, match="no customer bought again"):
        assert estimate_retention_rate(np.zeros(2), np.zeros(2), T).rate == 0


def test_retention_needs_customers_observed_for_some_time_or_an_argument():
    newcomers = summary([0], [0], [0], [0], [9])
    with pytest.raises(FitError, match=r"no customer was observed for any time .* give retention_rate"):
        RetentionValue(horizon=4).fit(newcomers)
    assert RetentionValue(horizon=4, retention_rate=0.5).fit(newcomers).predict(newcomers)["c0"] == 0


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (ZeroValue(horizon=0), "horizon is 0; it must be positive"),
        (RetentionValue(horizon=4, retention_rate=1.5), "retention_rate is 1.5; it must be between 0 and 1"),
        (ZeroValue(horizon=4, margin=float("nan")), "margin is nan; it must be a finite number"),
        (
            ZeroValue(horizon=4, annual_discount_rate=-1),
            "annual_discount_rate is -1; it must be finite and above",
        ),
        (ZeroValue(horizon=4, annual_discount_rate=-0.1), "it must not be negative: 0 means no discounting"),
    ],
)
def test_a_constructor_argument_that_breaks_a_rule_is_named_when_fitting(model, sentence, customers):
    with pytest.raises(InputError, match=sentence):
        model.fit(customers)


def test_a_bad_customer_is_named_and_another_time_unit_refused(customers):
    model = TotalSpendValue(horizon=4).fit(customers)
    bad = customers.assign(total_spend=[1.0, np.nan, 1.0, 1.0])
    with pytest.raises(InputError, match=r"1 of 4 customers have a missing or infinite total_spend; .*'c1'"):
        model.predict(bad)
    customers.attrs["time_unit"] = "D"
    with pytest.raises(TimeUnitError, match=r"the model counts time in weeks"):
        model.predict(customers)


def test_without_a_time_unit_only_a_rate_of_zero_has_a_meaning(customers):
    customers.attrs.clear()
    assert HistoricValue(horizon=4).fit(customers).time_unit_ is None
    with pytest.raises(InputError, match="has no time unit"):
        HistoricValue(horizon=4, annual_discount_rate=0.1).fit(customers)


@pytest.mark.parametrize("time_unit", ["D", "W", "M", "Y"])
@pytest.mark.parametrize("annual", [1e-15, 0.1, 1.0])
def test_the_rate_per_time_unit_compounds_to_the_annual_one(time_unit, annual):
    per_year = {"D": 365, "W": 52, "M": 12, "Y": 1}[time_unit]
    assert np.expm1(per_year * np.log1p(rate_per_unit(annual, time_unit))) == pytest.approx(annual, rel=1e-12)
