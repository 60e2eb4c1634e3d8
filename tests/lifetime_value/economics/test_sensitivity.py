"""What moves lifetime value: against derivatives by hand, and against models fitted with the change made."""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml import elasticities, model_value, tornado, two_way, vary, what_if
from clvml.errors import InputError
from clvml.lifetime_value.formulas._functions import annuity, loyalty_effects, retention

TODAY = {"margin": 100.0, "retention_rate": 0.8, "discount_rate": 0.1}


@pytest.fixture(scope="module")
def probabilistic(cdnow):
    return clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M", 0.1, 0.4).fit(cdnow)


def test_the_elasticities_are_the_derivatives_of_the_closed_form():
    # m (1 + r) / (1 + r - rho): by hand, rho / (1 + r - rho) and -r rho / ((1 + r) (1 + r - rho))
    found = elasticities(retention, TODAY)["elasticity"]
    assert found["margin"] == pytest.approx(1, rel=1e-9)
    assert found["retention_rate"] == pytest.approx(0.8 / 0.3, rel=1e-6)
    assert found["discount_rate"] == pytest.approx(-0.1 * 0.8 / (1.1 * 0.3), rel=1e-6)


def test_at_the_edge_of_what_is_allowed_the_slope_is_taken_from_one_side():
    today = {**TODAY, "retention_rate": 1.0, "n_periods": 3}
    found = elasticities(retention, today, ["retention_rate"])
    assert found.loc["retention_rate", "slope"] == pytest.approx(100 * (1 / 1.1 + 2 / 1.21), rel=1e-3)


def test_two_points_of_retention_are_worth_the_difference_of_two_sums():
    answer = what_if(retention, TODAY, retention_rate=0.02)
    assert answer.difference == pytest.approx(retention(100, 0.82, 0.1) - retention(100, 0.8, 0.1))
    together = what_if(retention, TODAY, retention_rate=0.02, margin=-10)
    assert together.after == pytest.approx(retention(90, 0.82, 0.1))


def test_a_tornado_is_ordered_by_swing_and_its_last_bar_is_all_together():
    table = tornado(retention, TODAY, {"margin": (90, 110), "retention_rate": (0.7, 0.9)})
    assert table.index.tolist() == ["retention_rate", "margin", "all together"]
    assert table.loc["all together", "value_at_upper"] == pytest.approx(retention(110, 0.9, 0.1))
    assert table.loc["all together", "value_at_lower"] == pytest.approx(retention(90, 0.7, 0.1))
    costly = tornado(retention, TODAY, {"discount_rate": (0.05, 0.2), "margin": (90, 110)})
    assert costly.loc["all together", "value_at_upper"] == pytest.approx(retention(110, 0.8, 0.05))


def test_tables_of_one_and_two_factors_hold_the_formula():
    assert vary(annuity, {"income": 1, "discount_rate": 0.1, "n_periods": 5}, "n_periods", [1, 9])[
        "value"
    ].tolist() == pytest.approx([annuity(1, 0.1, 1), annuity(1, 0.1, 9)])
    table = two_way(retention, TODAY, {"margin": [50, 100]}, {"retention_rate": [0.5, 0.8]})
    assert table.loc[50, 0.8] == pytest.approx(retention(50, 0.8, 0.1))
    assert (table.index.name, table.columns.name) == ("margin", "retention_rate")


def test_a_formula_that_reports_its_parts_is_varied_by_its_total():
    today = {"income": 100, "discount_rate": 0.0, "n_periods": 3, "referrals": 10}
    assert what_if(loyalty_effects, today, referrals=10).difference == pytest.approx(30)


def test_a_formula_model_answers_as_one_fitted_with_the_change(cdnow):
    model = clvml.RetentionValue("12M", 0.1, 0.4).fit(cdnow)
    value, today = model_value(model, cdnow)
    assert value(**today) == pytest.approx(model.predict(cdnow).sum())
    rate = model.params_["retention_rate"]
    changed = clvml.RetentionValue("12M", 0.1, 0.4, retention_rate=rate + 0.001).fit(cdnow).predict(cdnow)
    assert what_if(value, today, retention_rate=0.001).after == pytest.approx(changed.sum())
    assert model.predict(cdnow).sum() == pytest.approx(value(**today))
    with pytest.raises(InputError, match=r"retention_rate is 1\.\d+; it must be between 0 and 1"):
        what_if(value, today, retention_rate=0.5)


def test_costs_of_keeping_a_relation_are_factors_of_their_model(cdnow):
    model = clvml.ProfitContributionValue(52, retention_rate=1, annual_service_cost=2.0).fit(cdnow)
    answer = what_if(*model_value(model, cdnow), annual_service_cost=1.0)
    assert answer.difference == pytest.approx(-len(cdnow))


def test_the_probabilistic_value_is_the_models_own_today_and_falls_with_dropout(cdnow, probabilistic):
    value, today = model_value(probabilistic, cdnow)
    assert value(**today) == pytest.approx(probabilistic.predict(cdnow).sum(), rel=1e-9)
    found = elasticities(value, today)["elasticity"]
    assert found["margin"] == pytest.approx(1, rel=1e-6)
    assert found["income"] == pytest.approx(1, rel=1e-6)
    assert found["dropout"] < 0 < found["horizon"]
    doubled = probabilistic.predict(cdnow, "24M").sum()
    assert what_if(value, today, horizon=52).after == pytest.approx(doubled, rel=1e-9)


@pytest.mark.parametrize(("period", "length"), [(1.0, 1.0), ("2W", 2.0), ("1M", 52 / 12)])
@pytest.mark.parametrize("purchases", [clvml.ParetoNBD, clvml.BGNBD])
def test_with_covariates_and_a_period_the_value_is_the_sum_over_the_ends_of_periods(
    cdnow, purchases, period, length
):
    """By hand: expected purchases of each period, discounted from its end, times spend, income and margin."""
    known = cdnow.assign(channel=np.where(np.arange(len(cdnow)) % 3, "web", "shop"))
    known.attrs = cdnow.attrs
    parts = (purchases(covariates=["channel"]), clvml.GammaGamma())
    model = clvml.LifetimeValue(*parts, "12M", 0.1, 0.4, period=period).fit(known)
    value, today = model_value(model, known)
    ends = np.append(np.arange(length, 30 - 1e-9, length), 30.0)
    expected = [model.purchases_.expected_purchases(known, end).to_numpy() for end in ends]
    bought = np.diff([0 * expected[0], *expected], axis=0).T @ 1.2 ** (-ends / 52)
    by_hand = 0.5 * 1.3 * (bought * model.spend_.expected_spend(known)).sum()
    scenario = {"horizon": 30.0, "annual_discount_rate": 0.2, "margin": 0.5, "income": 1.3}
    assert value(**today | scenario) == pytest.approx(by_hand, rel=1e-12)


def test_unknown_factors_and_inputs_are_named(cdnow, probabilistic):
    with pytest.raises(InputError, match="'loyalty' is not among the inputs; they are 'margin'"):
        what_if(retention, TODAY, loyalty=1)
    with pytest.raises(InputError, match="inputs has 'rho'; the value takes margin"):
        vary(retention, {**TODAY, "rho": 1}, "rho", [1])
    with pytest.raises(InputError, match="dropout is 9; it must be above 0 and below 4"):
        what_if(*model_value(probabilistic, cdnow), dropout=8)
    with pytest.raises(InputError, match="a factor to vary must be one number"):
        vary(retention, {**TODAY, "margin": np.array([1.0, 2.0])}, "margin", [1])
    with pytest.raises(InputError, match="inputs lack 'retention_rate', 'discount_rate', which"):
        what_if(retention, {"margin": 100}, margin=1)
    with pytest.raises(InputError, match="what_if needs at least one change"):
        what_if(retention, TODAY)
    with pytest.raises(InputError, match="rows must be one factor and its levels"):
        two_way(retention, TODAY, {}, {"margin": [1]})
    with pytest.raises(InputError, match="with_factors, which LifetimesValue does not have"):
        model_value(clvml.LifetimesValue(39).fit(cdnow), cdnow)


def test_customers_are_summed():
    answer = what_if(retention, {**TODAY, "margin": pd.Series([100.0, 50.0])}, retention_rate=0.0)
    assert answer.before == pytest.approx(1.5 * retention(100, 0.8, 0.1))
