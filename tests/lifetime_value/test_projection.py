"""LifetimeValue on CDNOW as published, and its identities."""

import itertools

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import clvml
from clvml.errors import InputError


@pytest.fixture(scope="module")
def fitted(cdnow):
    return clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon=52).fit(cdnow)


@pytest.mark.parametrize(("weekly", "total"), [(0, 75_707.93), (0.001, 73_894.72), (0.01, 60_067.24)])
def test_cdnow_is_worth_what_the_reference_says(fitted, cdnow, weekly, total):
    value = fitted.predict(cdnow, annual_discount_rate=(1 + weekly) ** 52 - 1)
    assert value.sum() == pytest.approx(total, abs=0.006)


def test_without_discount_value_is_purchases_times_spend(fitted, cdnow):
    factors = fitted.predict_factors(cdnow)
    np.testing.assert_allclose(factors["clv"], factors["expected_purchases"] * factors["expected_spend"])
    names = ["clv", "expected_purchases", "expected_spend", "probability_alive", "discounted_purchases"]
    assert list(factors) == names


def test_value_is_margin_times_discounted_purchases_times_spend(fitted, cdnow):
    profit = clvml.LifetimeValue(fitted.purchases_, fitted.spend_, 52, 0.1, margin=0.3, period="1M").fit(
        cdnow
    )
    factors = profit.predict_factors(cdnow)
    parts = 0.3 * factors["discounted_purchases"] * factors["expected_spend"]
    np.testing.assert_allclose(factors["clv"], parts)
    assert (factors["discounted_purchases"] < factors["expected_purchases"]).all()
    np.testing.assert_allclose(profit.predict(cdnow), factors["clv"])


def test_margin_scales_value(cdnow, fitted):
    profit = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon=52, margin=0.3).fit(cdnow)
    np.testing.assert_allclose(profit.predict(cdnow), 0.3 * fitted.predict(cdnow))


def test_a_year_is_52_weeks_whatever_it_is_called(cdnow, fitted):
    np.testing.assert_array_equal(fitted.predict(cdnow, horizon="1Y"), fitted.predict(cdnow, horizon=52))
    np.testing.assert_array_equal(fitted.predict(cdnow, horizon="12M"), fitted.predict(cdnow, horizon=52))


def test_value_never_falls_with_the_horizon_nor_rises_with_the_rate(cdnow, fitted):
    by_horizon = [fitted.predict(cdnow, h, 0.1) for h in (1, 10, 100, 1000)]
    assert all((later >= sooner).all() for sooner, later in itertools.pairwise(by_horizon))
    by_rate = [fitted.predict(cdnow, 52, rate) for rate in (0, 0.05, 0.5)]
    assert all((dearer <= cheap).all() for cheap, dearer in itertools.pairwise(by_rate))


def test_fitting_leaves_the_given_models_alone(cdnow):
    purchases = clvml.BGNBD()
    model = clvml.LifetimeValue(purchases, clvml.GammaGamma(), horizon=52)
    model.fit(cdnow)
    assert not hasattr(purchases, "params_")
    assert not hasattr(clone(model), "purchases_")


@pytest.mark.parametrize("horizon", [0, -1, float("nan"), float("inf"), "soon", None])
def test_a_horizon_must_be_positive(cdnow, horizon):
    model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon=horizon).fit(cdnow)
    with pytest.raises(InputError, match="horizon"):
        model.predict(cdnow)


@pytest.mark.parametrize("rate", [-1.0, -0.1, float("nan")])
def test_a_discount_rate_must_not_be_negative(cdnow, fitted, rate):
    with pytest.raises(InputError, match="rate"):
        fitted.predict(cdnow, annual_discount_rate=rate)


def test_an_unfitted_model_says_so(cdnow):
    with pytest.raises(NotFittedError):
        clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon=52).predict(cdnow)
