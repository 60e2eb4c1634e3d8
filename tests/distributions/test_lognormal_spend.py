"""The lognormal model of spend against quadrature, calculus, simulation and its limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import lognorm, norm

from clvml.distributions import lognormal_spend
from clvml.distributions._lognormal_averages import log_average
from clvml.distributions.gamma_gamma import Spend
from clvml.distributions.lognormal_spend import LognormalSpendParams

params = st.builds(LognormalSpendParams, st.floats(0.1, 1e4), st.floats(0.05, 3), st.floats(0.03, 4))


@given(st.floats(0.001, 50))
def test_the_logarithm_of_one_amount_has_the_moments_of_its_normal_distribution(sigma):
    one = log_average(np.ones(1), sigma)
    found = np.concatenate(one)
    square = sigma**2
    exact = [-square / 2, -square, -2 * square, square, 2 * square, 4 * square]
    np.testing.assert_allclose(found, exact, rtol=1e-9)


@pytest.mark.parametrize("sigma", [0.1, 0.8, 1.7, 3.0])
def test_the_moments_of_an_average_of_two_are_those_of_the_double_integral(sigma):
    """By polar symmetry of the two normal logarithms: their mean, and half their difference."""

    def of_half_difference(power):
        def integrand(h):
            return np.log(np.cosh(h)) ** power * norm.pdf(h, scale=sigma / np.sqrt(2))

        return quad(integrand, -40, 40, points=[-sigma, 0, sigma], epsabs=1e-12, limit=400)[0]

    # ln((e**a + e**b) / 2) = (a + b) / 2 + ln(cosh((a - b) / 2)), whose parts are independent
    first, second = of_half_difference(1), of_half_difference(2)
    average = log_average(np.array([2.0]), sigma)
    assert average.mean[0] == pytest.approx(first - sigma**2 / 2, abs=1e-9)
    assert average.variance[0] == pytest.approx(sigma**2 / 2 + second - first**2, rel=1e-8)


@pytest.mark.parametrize(("sigma", "x"), [(0.3, 5), (1.0, 20), (1.5, 3)])
def test_the_moments_of_an_average_are_those_of_simulated_averages(sigma, x):
    rng, n = np.random.default_rng(3), 400_000
    logs = np.log(np.exp(sigma * rng.standard_normal((n, x)) - sigma**2 / 2).mean(axis=1))
    average = log_average(np.array([float(x)]), sigma)
    assert average.mean[0] == pytest.approx(logs.mean(), abs=4 * logs.std() / np.sqrt(n))
    assert average.variance[0] == pytest.approx(logs.var(), rel=0.015)


def test_an_average_of_a_million_amounts_has_the_variance_of_the_central_limit_theorem():
    average = log_average(np.array([1e6]), 0.7)
    assert average.variance[0] == pytest.approx(np.expm1(0.49) / 1e6, rel=1e-5)
    assert average.mean[0] == pytest.approx(-np.expm1(0.49) / 2e6, rel=1e-5)


def test_moments_change_smoothly_where_the_method_changes():
    x = np.array([1.0, 3.0, 100.0])
    for at in (0.02, 6.0):
        below, above = (np.stack(log_average(x, at * factor)[::3]) for factor in (1 - 1e-9, 1 + 1e-9))
        np.testing.assert_allclose(below, above, rtol=1e-6)


@given(params, st.floats(0.01, 1e5))
def test_of_one_purchase_the_density_is_the_lognormal_one(params, m):
    level, tau, sigma = params
    value = lognormal_spend.log_likelihood(np.ones(1), np.array([m]), params)[0]
    sd = np.hypot(tau, sigma)
    exact = lognorm.logpdf(m, sd, scale=level * np.exp(-(sigma**2) / 2))
    assert value == pytest.approx(exact, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("x", [1.0, 4.0, 30.0])
def test_the_density_integrates_to_the_distribution_function(x):
    params = LognormalSpendParams(30.0, 0.6, 0.9)

    def density(log_m):
        return np.exp(lognormal_spend.log_likelihood(np.array([x]), np.exp([log_m]), params)[0] + log_m)

    for m in (8.0, 30.0, 200.0):
        below = quad(density, -20, np.log(m), epsabs=1e-12)[0]
        assert lognormal_spend.average_below(x, m, params) == pytest.approx(below, abs=1e-9)


@given(params, st.integers(0, 2**32 - 1))
def test_the_gradient_and_hessian_are_derivatives(params, seed):
    rng = np.random.default_rng(seed)
    x, m = 1.0 + rng.poisson(2, 20), params.level * rng.gamma(3, 0.4, 20)
    counts = lognormal_spend.count(Spend(x, m, rng.uniform(0.5, 2, 20)))
    value, gradient, hessian = lognormal_spend.objective(params, counts)
    theta = np.array(params)
    for i, size in enumerate(1e-5 * theta):
        step = np.eye(3)[i] * size
        up = lognormal_spend.objective(LognormalSpendParams(*(theta + step)), counts)
        down = lognormal_spend.objective(LognormalSpendParams(*(theta - step)), counts)
        np.testing.assert_allclose(
            gradient[i], (up[0] - down[0]) / (2 * size), rtol=1e-4, atol=1e-9 * (abs(value) + 100) / size
        )
        scale = 1e-8 * (abs(gradient).max() + abs(value) / theta.min()) / size
        np.testing.assert_allclose(hessian[i], (up[1] - down[1]) / (2 * size), rtol=1e-3, atol=scale)


def test_derivatives_by_customer_sum_to_those_of_all():
    rng = np.random.default_rng(8)
    spend = Spend(1.0 + rng.poisson(3, 50), rng.gamma(2, 20, 50), rng.uniform(0.5, 3, 50))
    params = LognormalSpendParams(25.0, 0.7, 0.4)
    value, gradient, hessian = lognormal_spend.objective(params, lognormal_spend.count(spend))
    each, slope, curve = lognormal_spend.derivatives(spend, [np.full(50, p) for p in params])
    p, w = np.array(params), spend.weights
    assert w @ each == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(slope @ w, p * gradient, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        curve @ w, np.outer(p, p) * hessian + np.diag(p * gradient), rtol=1e-9, atol=1e-9
    )
    # and are those of the likelihood, which includes the constant
    full = lognormal_spend.log_likelihood(spend.x, spend.m, params)
    np.testing.assert_allclose(each - np.log(spend.m), full, rtol=1e-12)


def test_the_posterior_of_a_customer_is_that_of_bayes_theorem():
    level, tau, sigma = params = LognormalSpendParams(30.0, 0.7, 0.5)
    m = np.array([80.0])

    def joint(theta):
        amount = norm.pdf(np.log(m[0]), theta - sigma**2 / 2, sigma)
        return amount * norm.pdf(theta, np.log(level), tau)

    weight = quad(joint, -5, 12, epsabs=1e-14)[0]
    mean = quad(lambda theta: np.exp(theta) * joint(theta), -5, 12, epsabs=1e-12)[0] / weight
    assert lognormal_spend.expected_spend(np.ones(1), m, params)[0] == pytest.approx(mean, rel=1e-9)


def test_where_customers_do_not_differ_all_are_expected_to_spend_the_level():
    x, m = np.array([0.0, 1.0, 500.0]), np.array([0.0, 1000.0, 3.0])
    spend = lognormal_spend.expected_spend(x, m, LognormalSpendParams(30.0, 1e-9, 0.5))
    np.testing.assert_allclose(spend, 30.0, rtol=1e-6)


def test_where_a_customer_always_spends_the_same_that_is_expected():
    x, m = np.array([1.0, 500.0]), np.array([1000.0, 3.0])
    np.testing.assert_allclose(
        lognormal_spend.expected_spend(x, m, LognormalSpendParams(30.0, 0.6, 1e-9)), m, rtol=1e-6
    )


def test_one_extreme_amount_moves_expectations_less_than_in_proportion():
    params = LognormalSpendParams(30.0, 0.6, 0.6)
    usual, extreme = lognormal_spend.expected_spend(np.ones(2), np.array([30.0, 30_000.0]), params)
    assert extreme / usual < 1000**0.51  # by the weight of one purchase in logarithms, a half


@pytest.mark.parametrize("x", [0.0, 1.0, 17.0, 1e6])
@pytest.mark.parametrize("m", [0.0, 1e-12, 1.0, 1e15])
@pytest.mark.parametrize("tau", [1e-6, 0.5, 5.0])
@pytest.mark.parametrize("sigma", [1e-6, 0.5, 5.0, 1e3])
def test_nothing_is_missing_for_any_customer(x, m, tau, sigma):
    params = LognormalSpendParams(1.0, tau, sigma)
    one = np.array([x]), np.array([m * (x > 0)])
    assert not np.isnan(lognormal_spend.expected_spend(*one, params)).any()
    if x > 0 and m > 0:
        assert np.isfinite(lognormal_spend.log_likelihood(*one, params)).all()
        value, gradient, hessian = lognormal_spend.objective(
            params, lognormal_spend.count(Spend(*one, np.ones(1)))
        )
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
        assert np.isfinite(hessian).all()
    draws = [params, LognormalSpendParams(2.0, 0.4, 0.3)]
    lower, upper = (lognormal_spend.mean_spend_quantile(level, *one, draws) for level in (0.05, 0.95))
    assert np.isfinite([lower, upper]).all()
    assert lower <= upper
    assert 0 <= lognormal_spend.average_below(max(x, 1.0), m, params) <= 1


def test_quantiles_of_mean_spend_average_over_draws():
    x, m = np.array([0.0, 1.0, 12.0]), np.array([0.0, 90.0, 20.0])
    draws = [LognormalSpendParams(30.0, 0.6, 0.5), LognormalSpendParams(35.0, 0.4, 0.7)]
    for level in (0.05, 0.5, 0.95):
        quantile = np.log(lognormal_spend.mean_spend_quantile(level, x, m, draws))
        parts = [lognormal_spend.posterior(x, m, draw) for draw in draws]
        below = [norm.cdf(quantile, center, np.sqrt(variance)) for center, variance in parts]
        np.testing.assert_allclose(np.mean(below, axis=0), level, rtol=1e-6)


def test_simulated_amounts_follow_the_posterior_mean():
    params, n = LognormalSpendParams(30.0, 0.6, 0.5), 400_000
    spend = Spend(np.full(n, 2.0), np.full(n, 50.0), np.ones(n))
    rng = np.random.default_rng(2)
    amounts = lognormal_spend.simulate_amounts(spend, params, np.ones(n, dtype=np.int64), rng)
    expected = lognormal_spend.expected_spend(spend.x[:1], spend.m[:1], params)[0]
    assert amounts.mean() == pytest.approx(expected, abs=4 * amounts.std() / np.sqrt(n))
