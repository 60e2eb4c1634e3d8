"""A data scientist's own regressor, the naive forecast and the mean of models, in the comparison."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

import clvml
from clvml.errors import FitError, InputError
from clvml.lifetime_value.learned._features import behavioural_features
from clvml.lifetime_value.learned._regressor import learns_from_features
from clvml.scoring._model_file import dump_model, load_model_json
from clvml.workflow._contenders import CONTENDERS, custom_contender


class MeanPerFrequency:
    """No estimator of scikit-learn: the mean spend of customers with as many purchases."""

    def __init__(self, value=None):
        self.value = value

    def fit(self, X, y):
        self.means_ = pd.Series(y, X.index).groupby(X["frequency"]).mean()

    def predict(self, X):
        found = X["frequency"].map(self.means_).fillna(0.0).to_numpy()
        return found if self.value is None else np.full(len(X), self.value)


@pytest.fixture(scope="module")
def parts(promoted_split):
    return promoted_split.calibration, promoted_split.earlier()


def test_any_object_with_fit_and_predict_learns_the_earlier_holdout(parts):
    customers, earlier = parts
    model = clvml.RegressorValue(earlier.duration, regressor=MeanPerFrequency())
    predicted = model.fit_with_earlier(customers, earlier).predict(customers)
    means = earlier.holdout["spend"].groupby(earlier.calibration["frequency"]).mean()
    expected = customers["frequency"].map(means).fillna(0.0)
    pd.testing.assert_series_equal(predicted, expected, check_names=False)
    np.testing.assert_allclose(model.predict(customers, 2 * earlier.duration), 2 * expected)
    assert not hasattr(model.regressor, "means_")


def test_value_is_discounted_as_if_spread_evenly(parts):
    customers, earlier = parts
    model = clvml.RegressorValue(52, margin=0.5, regressor=MeanPerFrequency(7.0))
    model.fit_with_earlier(customers, earlier)
    per_week = 0.5 * 7.0 / earlier.duration
    weeks = (np.arange(520_000) + 0.5) / 10_000
    expected = (per_week * 1.1 ** (-weeks / 52)).mean() * 52
    assert model.predict(customers, annual_discount_rate=0.1).iloc[0] == pytest.approx(expected, rel=1e-8)


def test_bad_predictions_are_left_out_with_the_reason(promoted_split):
    made = {
        value: custom_contender(MeanPerFrequency(value), title=str(value)).build(1.0, 0.0, 1.0)
        for value in (-5.0, np.nan, 3.0)
    }
    models = {"negative": made[-5.0], "missing": made[np.nan], "constant": made[3.0]}
    compared = clvml.compare_models(models, promoted_split)
    assert "negative for" in compared.left_out["negative"]
    assert "missing or infinite" in compared.left_out["missing"]
    assert (compared.predictions["constant"] == 3.0).all()


def test_without_an_earlier_holdout_it_is_left_out_with_a_sentence(promoted_split):
    with pytest.raises(FitError, match="RegressorValue learns from an earlier holdout"):
        clvml.RegressorValue(26).fit(promoted_split.calibration)


def test_a_regressor_enters_by_its_object_its_class_or_not_at_all():
    by_object = custom_contender(LinearRegression(), title="linear").build(26.0, 0.1, 0.5)
    by_class = custom_contender(LinearRegression, "linear", options={"positive": True}).build(26.0, 0.1, 0.5)
    for model in (by_object, by_class):
        assert isinstance(model, clvml.RegressorValue)
        assert (model.horizon, model.annual_discount_rate, model.margin) == (26.0, 0.1, 0.5)
    assert by_class.regressor.positive
    assert not learns_from_features(clvml.HistoricValue(26))
    assert not learns_from_features(clvml.BGNBD())


def test_the_default_regressor_is_saved_and_others_are_refused_by_name(parts):
    customers, earlier = parts
    model = clvml.RegressorValue(26).fit_with_earlier(customers, earlier)
    loaded = load_model_json(dump_model(model))
    pd.testing.assert_series_equal(loaded.predict(customers), model.predict(customers))
    linear = clvml.RegressorValue(26, regressor=LinearRegression()).fit_with_earlier(customers, earlier)
    with pytest.raises(InputError, match="LinearRegression, which is not a public estimator of clvml"):
        dump_model(linear)


def test_the_naive_forecast_is_the_spend_of_the_last_period(promoted, promoted_split, parts):
    customers, earlier = parts
    model = clvml.LastPeriodValue(earlier.duration).fit_with_earlier(customers, earlier)
    dates = promoted["date"]
    last = promoted[(dates > earlier.calibration_end) & (dates <= promoted_split.calibration_end)]
    expected = last.groupby("customer_id")["amount"].sum().reindex(customers.index, fill_value=0.0)
    pd.testing.assert_series_equal(model.predict(customers), expected, check_names=False, rtol=1e-9)
    with pytest.raises(InputError, match="were not among those fitted, such as 99999"):
        model.predict(customers.rename(index={customers.index[0]: 99_999}))


def test_the_mean_of_models_is_the_mean_of_those_that_lead(parts):
    customers, earlier = parts
    good = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 26)
    both = clvml.MeanValue(26, models={"good": good, "again": good}).fit_with_earlier(customers, earlier)
    assert list(both.models_) == ["good", "again"]
    pd.testing.assert_series_equal(both.predict(customers), good.fit(customers).predict(customers))
    factors = both.predict_factors(customers)
    assert {"clv", "expected_purchases", "probability_alive"} <= set(factors)
    loaded = load_model_json(dump_model(both))
    pd.testing.assert_frame_equal(loaded.predict_factors(customers), factors)


def test_features_are_finite_at_the_edges():
    one = pd.DataFrame(
        {
            "frequency": [0.0, 1.0],
            "recency": [0.0, 0.0],
            "T": [0.0, 0.0],
            "monetary_value": [0.0, 0.0],
            "total_spend": [0.0, 0.0],
        }
    )
    assert np.isfinite(list(behavioural_features(one).values())).all()


@pytest.mark.filterwarnings("ignore::clvml.FitWarning")
@pytest.mark.parametrize(
    "name", ["learned_correction", "gradient_boosting", "mean_of_models", "stacked", "last_period"]
)
def test_every_learned_contender_competes_where_the_data_carry_it(name, promoted_split):
    model = CONTENDERS[name].build(horizon=1.0, annual_discount_rate=0.0, margin=1.0)
    compared = clvml.compare_models({name: model, "zero": clvml.HistoricValue(1.0)}, promoted_split)
    assert name in compared.models, compared.left_out
