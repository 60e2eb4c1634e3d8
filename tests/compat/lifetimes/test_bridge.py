"""The bridge to lifetimes: parameters and predictions are equal on both sides."""

import warnings

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.compat.lifetimes._bridge import quiet_lifetimes
from clvml.errors import FitError, InputError

MODELS = [
    clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit="W"),
    clvml.MBGNBD.from_params(r=0.525, alpha=6.183, a=0.891, b=1.614, time_unit="W"),
    clvml.ParetoNBD.from_params(r=0.553, alpha=10.578, s=0.606, beta=11.669, time_unit="W"),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.title)
def test_a_model_goes_over_predicts_the_same_and_comes_back(model, cdnow):
    fitter = clvml.to_lifetimes(model)
    with quiet_lifetimes():
        theirs = fitter.predict(39, cdnow["frequency"], cdnow["recency"], cdnow["T"])
    np.testing.assert_allclose(theirs, model.expected_purchases(cdnow, 39), rtol=1e-10)
    back = clvml.from_lifetimes(fitter, time_unit="W")
    assert type(back) is type(model)
    assert back.params_ == model.params_


def test_opportunities_go_over_and_come_back():
    model = clvml.BGBB.from_params(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783, time_unit="Y")
    donors = model.simulate(np.full(30, 6), random_state=0)
    fitter = clvml.to_lifetimes(model)
    with quiet_lifetimes():
        theirs = fitter.conditional_expected_number_of_purchases_up_to_time(
            5, donors["frequency"], donors["recency"], donors["T"]
        )
    np.testing.assert_allclose(theirs, model.expected_purchases(donors, 5), rtol=1e-10)
    assert clvml.from_lifetimes(fitter).params_ == model.params_


def test_spend_goes_over_and_comes_back(cdnow):
    model = clvml.GammaGamma().fit(cdnow)
    fitter = clvml.to_lifetimes(model)
    theirs = fitter.conditional_expected_average_profit(cdnow["frequency"], cdnow["monetary_value"])
    np.testing.assert_allclose(theirs, model.expected_spend(cdnow), rtol=1e-10)
    assert clvml.from_lifetimes(fitter).params_ == model.params_


def test_a_fitter_saved_by_lifetimes_comes_over_when_loaded(cdnow, tmp_path):
    with quiet_lifetimes() as lifetimes:
        fitter = lifetimes.ModifiedBetaGeoFitter().fit(cdnow["frequency"], cdnow["recency"], cdnow["T"])
        fitter.save_model(tmp_path / "model.pkl", save_data=False, save_generate_data_method=False)
        loaded = lifetimes.ModifiedBetaGeoFitter()
        loaded.load_model(tmp_path / "model.pkl")
    np.testing.assert_array_equal(clvml.from_lifetimes(loaded).params_, fitter.params_)


def test_a_fit_by_lifetimes_predicts_the_same_here(cdnow):
    with quiet_lifetimes() as lifetimes:
        fitter = lifetimes.BetaGeoFitter().fit(cdnow["frequency"], cdnow["recency"], cdnow["T"])
        theirs = fitter.conditional_probability_alive(cdnow["frequency"], cdnow["recency"], cdnow["T"])
    np.testing.assert_allclose(clvml.from_lifetimes(fitter).probability_alive(cdnow), theirs, rtol=1e-10)


def test_the_contender_is_fitted_by_lifetimes_and_agrees(cdnow):
    theirs = clvml.LifetimesValue(horizon=39).fit(cdnow)
    ours = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon=39).fit(cdnow)
    np.testing.assert_allclose(theirs.predict(cdnow), ours.predict(cdnow), rtol=1e-4)
    np.testing.assert_allclose(theirs.predict(cdnow, 20, 0.1), ours.predict(cdnow, 20, 0.1), rtol=1e-4)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("horizon", [0.5, 1, 2.5, 39, 52])
def test_the_contenders_factors_are_those_of_the_same_parameters_here(cdnow, horizon, rate):
    theirs = clvml.LifetimesValue(horizon, rate, margin=0.3).fit(cdnow)
    ours = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon, rate, margin=0.3)
    ours.purchases_ = clvml.BGNBD.from_params(**theirs.purchase_params_._asdict(), time_unit="W")
    ours.spend_ = clvml.GammaGamma.from_params(**theirs.spend_params_._asdict())
    ours.time_unit_ = "W"
    some = cdnow.head(300)
    found, expected = theirs.predict_factors(some), ours.predict_factors(some)
    pd.testing.assert_frame_equal(found, expected[list(found)], rtol=1e-8)


def test_a_discount_leaves_the_expected_purchases_as_they_are(cdnow):
    model = clvml.LifetimesValue(52, 0.1).fit(cdnow)
    discounted, plain = model.predict_factors(cdnow), model.predict_factors(cdnow, annual_discount_rate=0.0)
    pd.testing.assert_series_equal(discounted["expected_purchases"], plain["expected_purchases"])
    assert (discounted["clv"] < plain["clv"])[plain["clv"] > 0].all()
    assert plain["expected_purchases"].sum() == pytest.approx(2089.40, abs=0.005)


def test_lifetimes_leaves_pandas_and_warnings_alone(cdnow):
    filters = list(warnings.filters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the option is deprecated
        before = pd.get_option("mode.chained_assignment")
        clvml.LifetimesValue(horizon=39).fit(cdnow)
        assert pd.get_option("mode.chained_assignment") == before
    assert warnings.filters == filters


def test_a_fit_that_lifetimes_starts_at_random_is_the_same_every_time(cdnow):
    some = cdnow.head(400)
    found = []
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002 - the global state that lifetimes draws from
        before = np.random.get_state()[1].tolist()  # noqa: NPY002
        with quiet_lifetimes() as lifetimes:
            fitter = lifetimes.ParetoNBDFitter().fit(some["frequency"], some["recency"], some["T"])
        assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
        found.append(fitter.params_)
    np.testing.assert_array_equal(*found)


def test_what_lifetimes_cannot_fit_is_one_sentence(cdnow):
    with pytest.raises(FitError, match="lifetimes could not fit these customers"):
        clvml.LifetimesValue(horizon=39).fit(cdnow[cdnow["frequency"] == 0])


def test_strangers_and_unfitted_models_are_refused():
    with quiet_lifetimes() as lifetimes:
        stranger, unfitted = lifetimes.BaseFitter(), lifetimes.BetaGeoFitter()
    with pytest.raises(InputError, match=r"no counterpart of BaseFitter; supported are BetaGeoFitter, .*"):
        clvml.from_lifetimes(stranger)
    with pytest.raises(InputError, match="has not been fitted: call its fit or load_model first"):
        clvml.from_lifetimes(unfitted)
    with pytest.raises(InputError, match="lifetimes has no counterpart of ShiftedBetaGeometric"):
        clvml.to_lifetimes(clvml.ShiftedBetaGeometric.from_params(alpha=0.7, beta=1.2))
