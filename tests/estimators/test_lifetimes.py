"""The bridge to lifetimes: parameters and predictions are equal on both sides."""

import warnings

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import FitError, InputError
from clvml.estimators.lifetimes import _lifetimes


def test_a_model_goes_over_and_comes_back(cdnow):
    model = clvml.BGNBD().fit(cdnow)
    fitter = clvml.to_lifetimes(model)
    theirs = fitter.predict(39, cdnow["frequency"], cdnow["recency"], cdnow["T"])
    np.testing.assert_allclose(theirs, model.expected_purchases(cdnow, 39), rtol=1e-10)
    assert clvml.from_lifetimes(fitter, time_unit="W").params_ == model.params_


def test_spend_goes_over_and_comes_back(cdnow):
    model = clvml.GammaGamma().fit(cdnow)
    fitter = clvml.to_lifetimes(model)
    theirs = fitter.conditional_expected_average_profit(cdnow["frequency"], cdnow["monetary_value"])
    np.testing.assert_allclose(theirs, model.expected_spend(cdnow), rtol=1e-10)
    assert clvml.from_lifetimes(fitter).params_ == model.params_


def test_a_fit_by_lifetimes_predicts_the_same_here(cdnow):
    with _lifetimes() as lifetimes:
        fitter = lifetimes.BetaGeoFitter().fit(cdnow["frequency"], cdnow["recency"], cdnow["T"])
        theirs = fitter.conditional_probability_alive(cdnow["frequency"], cdnow["recency"], cdnow["T"])
    np.testing.assert_allclose(clvml.from_lifetimes(fitter).probability_alive(cdnow), theirs, rtol=1e-10)


def test_the_contender_is_fitted_by_lifetimes_and_agrees(cdnow):
    theirs = clvml.LifetimesValue(horizon=39).fit(cdnow)
    ours = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon=39).fit(cdnow)
    np.testing.assert_allclose(theirs.predict(cdnow), ours.predict(cdnow), rtol=1e-4)
    np.testing.assert_allclose(theirs.predict(cdnow, 20, 0.1), ours.predict(cdnow, 20, 0.1), rtol=1e-4)


def test_lifetimes_leaves_pandas_and_warnings_alone(cdnow):
    filters = list(warnings.filters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the option is deprecated
        before = pd.get_option("mode.chained_assignment")
        clvml.LifetimesValue(horizon=39).fit(cdnow)
        assert pd.get_option("mode.chained_assignment") == before
    assert warnings.filters == filters


def test_what_lifetimes_cannot_fit_is_one_sentence(cdnow):
    with pytest.raises(FitError, match="lifetimes could not fit these customers"):
        clvml.LifetimesValue(horizon=39).fit(cdnow[cdnow["frequency"] == 0])


def test_strangers_and_unfitted_models_are_refused():
    with _lifetimes() as lifetimes:
        strangers = lifetimes.ParetoNBDFitter(), lifetimes.BetaGeoFitter()
    with pytest.raises(InputError, match="no counterpart of ParetoNBDFitter"):
        clvml.from_lifetimes(strangers[0])
    with pytest.raises(InputError, match="has not been fitted"):
        clvml.from_lifetimes(strangers[1])
