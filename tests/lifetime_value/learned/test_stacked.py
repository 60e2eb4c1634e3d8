"""Stacked models of value: weights by log score, predictions of the mixture."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

import clvml
from clvml.errors import InputError
from clvml.lifetime_value import SupportsEarlierSplit, SupportsValueIntervals, ValueModel
from clvml.scoring import score as score_customers
from clvml.scoring._model_file import dump_model, load_model_json

GOOD = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 1.0)
OTHER = clvml.LifetimeValue(clvml.MBGNBD(), clvml.GammaGamma(), 1.0)


class FarOff(clvml.GammaGamma):
    """Gamma-Gamma with parameters that are far off."""

    def fit(self, customers, *, weights=None):
        super().fit(customers, weights=weights)
        self.params_ = self.params_._replace(v=20 * self.params_.v)
        return self


@pytest.fixture(scope="module")
def parts(promoted_split):
    return promoted_split.calibration, promoted_split.earlier()


@pytest.fixture(scope="module")
def stacked(parts):
    model = clvml.StackedValue(26, margin=0.5, models={"one": GOOD, "two": OTHER})
    fitted = model.fit_with_earlier(*parts)
    fitted.weights_ = {"one": 0.25, "two": 0.75}  # whatever the log, a mixture of both
    fitted.models_ = {
        name: each.set_params(margin=1.0).fit(parts[0]) for name, each in {"one": GOOD, "two": OTHER}.items()
    }
    return fitted


@pytest.mark.filterwarnings("ignore::clvml.FitWarning")
def test_weights_are_on_the_simplex_with_intervals_and_the_mixture_scores_best(parts):
    model = clvml.StackedValue(26).fit_with_earlier(*parts)
    table = model.weight_table()
    assert isinstance(model, ValueModel)
    assert isinstance(model, SupportsEarlierSplit)
    assert isinstance(model, SupportsValueIntervals)
    assert model.fallback_ == ""
    assert model.n_origins_ == len(model.weights_by_origin_) >= 2
    assert table["weight"].sum() == pytest.approx(1, abs=1e-12)
    assert (table["lower"] <= table["upper"]).all()
    assert model.log_score_["mixture"] >= table["log_score"].max() - 1e-9
    assert set(model.models_) == set(table.index[table["weight"] > 0])
    assert model.scored_ == ("purchases", "spend")


def test_a_model_of_spend_that_is_far_off_has_no_weight(parts):
    off = clvml.LifetimeValue(clvml.BGNBD(), FarOff(), 1.0)
    model = clvml.StackedValue(26, models={"off": off, "good": GOOD}).fit_with_earlier(*parts)
    assert model.weights_ == {"off": 0.0, "good": 1.0}
    pd.testing.assert_series_equal(model.predict(parts[0]), GOOD.fit(parts[0]).predict(parts[0], 26))
    alone = model.models_["good"].predict_interval(parts[0].head(9), horizon=26)
    pd.testing.assert_frame_equal(model.predict_interval(parts[0].head(9)), alone)


def test_without_a_density_of_spend_purchases_alone_are_scored(parts):
    priced = clvml.LifetimeValue(clvml.BGNBD(), clvml.ConstantSpend(), 1.0)
    model = clvml.StackedValue(26, models={"priced": priced, "good": GOOD}).fit_with_earlier(*parts)
    assert model.scored_ == ("purchases",)


def test_predictions_are_those_of_the_mixture(stacked, parts):
    some = parts[0].head(200)
    one, two = stacked.models_["one"], stacked.models_["two"]

    def mixed(each):
        return 0.25 * each(one) + 0.75 * each(two)

    pairs = [
        (stacked.predict(some), 0.5 * mixed(lambda m: m.predict(some, 26))),
        (stacked.probability_alive(some), mixed(lambda m: m.purchases_.probability_alive(some))),
        (stacked.expected_purchases(some, 9), mixed(lambda m: m.purchases_.expected_purchases(some, 9))),
        (stacked.probability_buys(some, 9), mixed(lambda m: m.purchases_.probability_buys(some, 9))),
    ]
    for found, expected in pairs:
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    factors = stacked.predict_factors(some)
    np.testing.assert_allclose(factors["expected_purchases"], stacked.expected_purchases(some, 26))
    total = sum(stacked.purchase_probability(n, 9, some) for n in range(60))
    np.testing.assert_allclose(total, 1, atol=1e-6)
    time = stacked.next_purchase_time(some, 0.3)
    reached = np.flatnonzero(np.isfinite(time))[:5]
    for place in reached:
        row = some.iloc[[place]]
        assert stacked.probability_buys(row, time.iloc[place]).item() == pytest.approx(0.3, abs=1e-6)


def test_intervals_are_quantiles_of_the_mixture_and_not_means_of_intervals(parts):
    customers = parts[0].head(4)
    few, many = (
        clvml.BGNBD.from_params(r=50, alpha=5000, a=1, b=1e4),
        clvml.BGNBD.from_params(r=5e3, alpha=5e3, a=1, b=1e4),
    )
    spend = clvml.GammaGamma().fit(parts[0])
    model = clvml.StackedValue(10.0)
    model.models_, model.weights_, model.time_unit_ = {}, {"few": 0.5, "many": 0.5}, "W"
    for name, purchases in (("few", few), ("many", many)):
        value = clvml.LifetimeValue(purchases, spend, 10.0).fit(parts[0])
        value.purchases_, value.spend_ = purchases, spend
        model.models_[name] = value
    found = model.predict_interval(customers, 0.8, n_simulations=999)
    probability = np.array([model.purchase_probability(n, 10.0, customers) for n in range(60)]).cumsum(axis=0)
    for end, level in (("lower", 0.1), ("upper", 0.9)):
        exact = (probability < level).sum(axis=0)
        assert np.abs(found[f"purchases_{end}"] - exact).max() <= 1
    is_alive = model.probability_alive(customers) > 0.9
    assert is_alive.any()
    assert (found["purchases_upper"] - found["purchases_lower"] >= 9)[is_alive].all()
    total = model.predict_total_interval(customers, coverage=0.8, n_simulations=999).loc["total"]
    assert total["purchases_upper"] > 25
    assert total["purchases_lower"] < 5


def test_the_same_predictions_after_saving_and_for_single_rows(stacked, parts):
    loaded = load_model_json(dump_model(stacked))
    some = parts[0].head(5)
    pd.testing.assert_frame_equal(loaded.predict_factors(some), stacked.predict_factors(some))
    pd.testing.assert_frame_equal(loaded.weight_table(), stacked.weight_table())
    pd.testing.assert_frame_equal(loaded.predict_interval(some), stacked.predict_interval(some))
    served = score_customers(loaded, some.head(1))
    np.testing.assert_allclose(served["clv"], stacked.predict(some.head(1)))
    loaded.weights_ = {"one": 0.5, "two": 0.6}
    with pytest.raises(InputError, match="sum 1"):
        loaded._check_learnt()


def test_without_an_earlier_holdout_it_is_one_model_and_says_so(parts, caplog):
    model = clvml.StackedValue(26, models={"one": GOOD, "two": OTHER})
    alone = model.fit(parts[0])
    assert "no earlier holdout" in alone.fallback_
    assert "predictions are those of one" in caplog.text
    assert alone.weights_ == {"one": 1.0}
    pd.testing.assert_series_equal(alone.predict(parts[0]), GOOD.fit(parts[0]).predict(parts[0], 26))
    few = clvml.StackedValue(26, models={"one": GOOD, "two": OTHER}, min_customers=10**6)
    assert "fewer than min_customers=1,000,000" in few.fit_with_earlier(*parts).fallback_
    pd.testing.assert_frame_equal(
        load_model_json(dump_model(alone)).predict_factors(parts[0]), alone.predict_factors(parts[0])
    )


@pytest.mark.parametrize("row", [0, 1, 2])
def test_the_density_of_future_spend_is_one_with_the_expected_mean(row):
    model = clvml.GammaGamma.from_params(p=6.25, q=3.74, v=15.44)
    past = pd.DataFrame({"frequency": [0, 2, 30], "monetary_value": [0.0, 35.0, 80.0]}).iloc[[row]]

    def density(total, n=3.0):
        return np.exp(model.future_spend_log_density(past, np.array([n]), np.array([total])))[0]

    ends = {"epsabs": 1e-10, "limit": 300}
    parts = [(0, 100), (100, 1000), (1000, np.inf)]
    assert sum(quad(density, *each, **ends)[0] for each in parts) == pytest.approx(1, abs=1e-7)
    mean = sum(quad(lambda s: s * density(s), *each, **ends)[0] for each in parts)
    assert mean == pytest.approx(3 * model.expected_spend(past).item(), rel=1e-5)
