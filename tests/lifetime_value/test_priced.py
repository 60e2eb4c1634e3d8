"""Models of value for purchases without amounts, and their comparison by expected purchases."""

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import clvml
from clvml.errors import InputError
from clvml.lifetime_value import PricedValue, ValueModel, at_price
from clvml.scoring import load_model_folder, save_model_folder, score, signature

ENDS = ("1997-09-30", "1998-06-30")
FORMULAS = [
    clvml.RepeatRateValue(39),
    clvml.TotalSpendValue(39),
    clvml.HistoricValue(39),
    clvml.AnnuityValue(39),
    clvml.RetentionValue(39),
    clvml.MigrationValue(39),
]


@pytest.fixture(scope="module")
def parts():
    purchases = clvml.load_cdnow().to_pandas()[["customer_id", "date"]]
    return clvml.split(clvml.read_transactions(purchases), *ENDS)


def test_models_predict_the_expected_purchases_of_their_model_of_purchases(parts):
    models = {"bgnbd": clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 39)}
    found = clvml.compare_models(models, parts, of="purchases")
    expected = clvml.BGNBD().fit(parts.calibration).expected_purchases(parts.calibration, 39)
    np.testing.assert_allclose(found.predictions["bgnbd"], expected, rtol=1e-12)
    assert found.table.loc["bgnbd", "total"] == pytest.approx(1653.4, abs=0.05)  # experiments/which_model
    pd.testing.assert_series_equal(found.actual, parts.holdout["purchases"])


def test_amounts_do_not_matter_to_a_comparison_of_purchases(parts):
    paid = clvml.split(clvml.load_cdnow(), *ENDS)
    models = {type(model).__name__: model for model in FORMULAS}
    without, with_amounts = (clvml.compare_models(models, both, of="purchases") for both in (parts, paid))
    pd.testing.assert_frame_equal(without.table, with_amounts.table)


def test_the_repeat_rate_predicts_purchases_at_the_past_rate(parts):
    model = at_price(clvml.RepeatRateValue(39)).fit(parts.calibration)
    customers = parts.calibration
    np.testing.assert_allclose(model.predict(customers), 39 * customers["frequency"] / customers["T"])


@pytest.mark.parametrize("model", FORMULAS, ids=lambda model: type(model).__name__)
def test_value_is_linear_in_the_price_and_needs_no_money(parts, model, tmp_path):
    one, many = at_price(model).fit(parts.calibration), at_price(model, 7.5).fit(parts.calibration)
    np.testing.assert_allclose(many.predict(parts.calibration), 7.5 * one.predict(parts.calibration))
    assert isinstance(one, ValueModel)
    assert not {"monetary_value", "total_spend"} & set(one.required_columns)
    save_model_folder(many, tmp_path)
    loaded = load_model_folder(tmp_path)
    pd.testing.assert_frame_equal(
        score(loaded, parts.calibration), score(many, parts.calibration), check_exact=True
    )
    needed = [column.name for column in signature(loaded).inputs if column.required]
    assert needed == list(many.required_columns)


def test_a_model_is_wrapped_without_being_changed():
    given = clvml.RepeatRateValue(horizon=5)
    priced = clone(PricedValue(given, 2.0))
    priced.horizon, priced.annual_discount_rate, priced.margin = 9.0, 0.1, 0.5
    assert (priced.horizon, priced.annual_discount_rate, priced.margin) == (9.0, 0.1, 0.5)
    assert given.horizon == 5
    wrapper = PricedValue(given, 2.0)
    wrapper.horizon = 9.0
    assert given.horizon == 5


@pytest.mark.parametrize("model", FORMULAS, ids=lambda model: type(model).__name__)
def test_terms_that_are_set_after_the_fit_are_those_of_a_model_fitted_with_them(parts, model):
    fitted, changed = PricedValue(model, 7.5).fit(parts.calibration), PricedValue(model, 7.5)
    copied = copy.copy(fitted)
    for each in (copied, changed):
        each.margin, each.annual_discount_rate, each.horizon = 0.3, 0.2, 26
    expected = changed.fit(parts.calibration)
    before = fitted.predict(parts.calibration)
    pd.testing.assert_frame_equal(
        copied.predict_factors(parts.calibration), expected.predict_factors(parts.calibration)
    )
    pd.testing.assert_series_equal(fitted.predict(parts.calibration), before)
    assert (fitted.margin, copied.margin, copied.horizon) == (1.0, 0.3, 26)
    assert (before > copied.predict(parts.calibration)).any()


def test_a_scenario_has_the_margin_that_its_predictions_have(parts):
    model = PricedValue(clvml.RepeatRateValue(39)).fit(parts.calibration)
    scenario = model.with_factors({"margin": 0.25})
    assert (scenario.margin, model.margin) == (0.25, 1.0)
    np.testing.assert_allclose(scenario.predict(parts.calibration), 0.25 * model.predict(parts.calibration))


def test_comparing_value_without_amounts_names_both_ways_out(parts):
    with pytest.raises(
        InputError, match=r"compare of='purchases', or give a price with Transactions.at_price"
    ):
        clvml.compare_models({"zero": clvml.ZeroValue(39)}, parts)


def test_what_is_compared_is_checked(parts):
    with pytest.raises(InputError, match="of is 'money'; it must be one of 'value', 'purchases'"):
        clvml.compare_models({"zero": clvml.ZeroValue(39)}, parts, of="money")


def test_a_price_that_is_not_a_positive_number_is_refused(parts):
    with pytest.raises(InputError, match="price is 0"):
        at_price(clvml.RepeatRateValue(39), 0)
    with pytest.raises(InputError, match="price is -1"):
        PricedValue(clvml.RepeatRateValue(39), -1).fit(parts.calibration)


@pytest.mark.parametrize("model", FORMULAS, ids=lambda model: type(model).__name__)
def test_the_price_means_the_same_in_a_model_and_in_transactions(parts, model):
    purchases = clvml.load_cdnow().to_pandas()[["customer_id", "date"]]
    paid = clvml.split(clvml.read_transactions(purchases).at_price(7.5), *ENDS).calibration
    priced = at_price(model, 7.5).fit(parts.calibration).predict(parts.calibration)
    np.testing.assert_allclose(priced, clone(model).fit(paid).predict(paid), rtol=1e-12)
