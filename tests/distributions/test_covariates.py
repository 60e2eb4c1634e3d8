"""The likelihood with covariates: calculus, the plain model at zero, and a change of clock."""

from dataclasses import replace

import numpy as np
import pytest

from clvml.distributions import bgnbd
from clvml.distributions._bgnbd_covariates import derivatives, of_survival
from clvml.distributions._covariates import Influence, design, objective, of_purchases
from clvml.distributions._gamma_ratios import digamma_rise, log_beta_fall, log_gamma_sequence, trigamma_fall
from clvml.distributions._histories import count_histories
from clvml.distributions._history import History
from clvml.distributions.bgnbd import BGNBDParams

PARAMS = BGNBDParams(0.5, 4.0, 0.8, 2.4)
INFLUENCES = {
    "purchases": Influence("alpha", -1.0, "the purchase rate"),
    "dropout": Influence("a", 1.0, "the odds of dropout"),
}


def designed(history, **covariates):
    return design(history.with_covariates(covariates), PARAMS._fields, INFLUENCES)


@pytest.fixture(scope="module")
def history():
    rng = np.random.default_rng(0)
    T = rng.uniform(5, 40, 300)
    return bgnbd.simulate(T, PARAMS, rng)


@pytest.fixture(scope="module")
def customers(history):
    rng = np.random.default_rng(1)
    z, weight = rng.normal(size=(300, 2)), rng.integers(1, 4, 300).astype(float)
    return designed(replace(history, weight=weight), purchases=z, dropout=z[:, :1])


def test_the_gradient_and_hessian_are_derivatives_of_the_likelihood(customers):
    theta = np.r_[np.log(PARAMS), 0.2, -0.4, 0.3]
    _, gradient, hessian = objective(theta, customers, derivatives)
    for i, step in enumerate(1e-5 * np.eye(theta.size)):
        up = objective(theta + step, customers, derivatives)
        down = objective(theta - step, customers, derivatives)
        assert gradient[i] == pytest.approx((up[0] - down[0]) / 2e-5, rel=1e-6, abs=1e-4)
        np.testing.assert_allclose(hessian[i], (up[1] - down[1]) / 2e-5, rtol=1e-6, atol=1e-4)


def test_without_influence_it_is_the_plain_likelihood(customers, history):
    value, gradient, _ = objective(np.r_[np.log(PARAMS), 0, 0, 0], customers, derivatives)
    plain, slope, _ = bgnbd.objective(PARAMS, count_histories(replace(history, weight=customers.weight)))
    assert value == pytest.approx(plain, rel=1e-13)
    np.testing.assert_allclose(gradient[:4], np.array(PARAMS) * slope, rtol=1e-9, atol=1e-9)


def test_who_buys_twice_as_often_is_an_ordinary_customer_on_a_clock_twice_as_fast(history):
    x = history.x
    twice = np.full((x.size, 1), np.log(2))
    theta = np.r_[np.log(PARAMS), 1.0]
    moved, _, _ = objective(theta, designed(history, purchases=twice), derivatives)
    clock = designed(History(x, 2 * history.t_x, 2 * history.T))
    faster, _, _ = objective(theta[:4], clock, derivatives)
    assert moved == pytest.approx(faster + x.sum() * np.log(2), rel=1e-13)


def test_the_odds_of_dropout_are_multiplied(history):
    customers = designed(history, dropout=np.ones((history.size, 1)))
    value, _, _ = objective(np.r_[np.log(PARAMS), np.log(3)], customers, derivatives)
    thrice = PARAMS._replace(a=3 * PARAMS.a)
    assert value == pytest.approx(bgnbd.log_likelihood(history, thrice).sum(), rel=1e-13)


def test_customers_beyond_one_block_all_count(history):
    many = history.rows(np.tile(np.arange(300), 150))  # 45,000 rows
    customers = designed(many, purchases=np.ones((many.size, 1)))
    value, _, _ = objective(np.r_[np.log(PARAMS), 0.3], customers, derivatives)
    few = designed(replace(history, weight=np.full(300, 150.0)), purchases=np.ones((300, 1)))
    assert value == pytest.approx(objective(np.r_[np.log(PARAMS), 0.3], few, derivatives)[0], rel=1e-12)


@pytest.mark.parametrize("x", [999.0, 1000.0, 1001.0, 1017.0, 5000.0, 123_456.0, 1e6, 2e9])
def test_a_count_of_any_size_has_the_likelihood_and_derivatives_of_the_closed_form(x):
    """Beyond a thousand the sums over purchase numbers are quadratures; gamma functions are closed forms."""
    counts, r, alpha = np.array([3.0, x]), np.array([0.24, 0.24]), np.array([4.4, 4.4])
    value, slope, curve = of_purchases(counts, np.array([39.0, 39.0]), r, alpha)
    np.testing.assert_allclose(value, log_gamma_sequence(counts, 39.0, r, alpha), rtol=1e-11)
    rise = r * (digamma_rise(r, counts) - np.log1p(39 / 4.4))
    np.testing.assert_allclose(slope[0], rise, rtol=1e-11)
    np.testing.assert_allclose(curve[0, 0], rise - r**2 * trigamma_fall(r, counts), rtol=1e-10)


@pytest.mark.parametrize("x", [1001.0, 77_777.0, 2e9])
def test_survival_of_any_number_of_chances_is_the_one_of_the_beta_function(x):
    a, b, chances = np.array([0.8, 0.8]), np.array([2.4, 2.4]), np.array([x, 7.0])
    value, slope, _ = of_survival(chances, a, b)
    np.testing.assert_allclose(value, -log_beta_fall(b, a, chances), rtol=1e-11)
    np.testing.assert_allclose(slope[2], -a * digamma_rise(a + b, chances), rtol=1e-11)
