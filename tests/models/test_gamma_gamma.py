"""GammaGamma on CDNOW as published, its symmetries, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import invgamma

import clvml
from clvml.distributions.gamma_gamma import GammaGammaParams, mean_spend_quantile
from clvml.errors import FitError, FitWarning


@pytest.fixture(scope="module")
def fitted(cdnow):
    return clvml.GammaGamma().fit(cdnow)


def test_cdnow_gives_the_published_fit(fitted):
    np.testing.assert_allclose(fitted.params_, (6.2495725, 3.7442248, 15.4435208), rtol=1e-6)
    assert fitted.log_likelihood_ == pytest.approx(-4055.917695, abs=1e-6)
    np.testing.assert_allclose(fitted.standard_errors_, (1.1900, 0.2901, 4.1594), rtol=5e-4)
    assert (fitted.n_customers_, fitted.n_set_aside_) == (946, 1411)


def test_one_time_buyers_are_expected_to_spend_the_population_mean(fitted, cdnow):
    p, q, v = fitted.params_
    spend = fitted.expected_spend(cdnow)
    np.testing.assert_allclose(spend[cdnow["frequency"] == 0], p * v / (q - 1))


def test_the_currency_does_not_matter(fitted, cdnow):
    cents = clvml.GammaGamma().fit(cdnow.assign(monetary_value=100 * cdnow["monetary_value"]))
    np.testing.assert_allclose(cents.params_, np.array(fitted.params_) * [1, 1, 100], rtol=1e-7)


def test_customers_sum_to_the_log_likelihood(fitted, cdnow):
    assert fitted.log_likelihood(cdnow).sum() == pytest.approx(fitted.log_likelihood_, rel=1e-12)


def test_simulated_spend_gives_back_its_parameters():
    rng = np.random.default_rng(5)
    x = 1.0 + rng.poisson(3, 50_000)
    m = rng.gamma(6.0 * x) / rng.gamma(4.0, 1 / 15.0, x.size) / x
    model = clvml.GammaGamma().fit(pd.DataFrame({"frequency": x, "monetary_value": m}))
    errors = (np.array(model.params_) - (6, 4, 15)) / model.standard_errors_
    assert abs(errors).max() < 4


def test_equal_amounts_are_refused_in_words(cdnow):
    with pytest.raises(FitError, match=r"all 946 customers have the same average spend \(9.99\)"):
        clvml.GammaGamma().fit(cdnow.assign(monetary_value=9.99))


def test_nobody_with_repeat_spend_is_refused(cdnow):
    with pytest.raises(FitError, match="0 of 2357 customers have repeat spend"):
        clvml.GammaGamma().fit(cdnow.assign(monetary_value=0.0))


def test_spend_without_a_finite_mean_is_refused(cdnow):
    model = clvml.GammaGamma.from_params(p=0.1, q=0.8, v=10)
    with pytest.raises(FitError, match=r"has no finite mean"):
        model.expected_spend(cdnow)


def test_customers_who_hardly_differ_are_reported():
    rng = np.random.default_rng(0)
    x = 1.0 + rng.poisson(3, 500)
    alike = pd.DataFrame({"frequency": x, "monetary_value": rng.gamma(4 * x**2) / (2 * x**2)})
    with pytest.warns(FitWarning, match="no interior maximum"):
        model = clvml.GammaGamma().fit(alike)
    np.testing.assert_allclose(model.expected_spend(alike), 2, rtol=0.1)


def test_the_range_of_mean_spend_is_that_of_an_inverse_gamma_given_the_parameters(cdnow):
    p, q, v = 6.25, 3.74, 15.44
    ranges = clvml.GammaGamma.from_params(p=p, q=q, v=v).predict_interval(cdnow, 0.8)
    rate = p * (v + cdnow["frequency"] * cdnow["monetary_value"])
    for end, level in {"lower": 0.1, "upper": 0.9}.items():
        expected = invgamma.ppf(level, p * cdnow["frequency"] + q, scale=rate)
        np.testing.assert_allclose(ranges[end], expected, rtol=1e-9)


def test_ranges_of_mean_spend_average_over_what_few_customers_leave_open(fitted, cdnow):
    buyers = cdnow[cdnow["frequency"] > 0].iloc[:40]
    ranges = fitted.predict_interval(buyers, 0.9)
    x, total = buyers["frequency"], buyers["frequency"] * buyers["monetary_value"]
    draws = fitted.sample_parameters(32, random_state=0)
    for end, level in {"lower": 0.05, "upper": 0.95}.items():
        below = [invgamma.cdf(ranges[end], p * x + q, scale=p * (v + total)) for p, q, v in draws.to_numpy()]
        np.testing.assert_allclose(np.mean(below, axis=0), level, rtol=1e-6)


def test_ranges_of_mean_spend_beyond_all_numbers_are_infinite_not_missing():
    """At a tiny q the level of one-time buyers may be anything."""
    x, m = np.array([0.0, 1.0, 5000.0]), np.array([0.0, 10.0, 1e6])
    wild, tame = GammaGammaParams(6.0, 0.001, 15.0), GammaGammaParams(6.0, 3.0, 14.0)
    known, either, mostly = (
        mean_spend_quantile(0.95, x, m, likely) for likely in ([wild], [wild, tame], [wild] + 19 * [tame])
    )
    assert np.isinf([known[0], either[0]]).all()
    assert tame.v < mostly[0] < np.inf
    assert np.isfinite(np.stack([known, either, mostly])[:, 1:]).all()
