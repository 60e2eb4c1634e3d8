"""MBG/NBD's kernels against its definition, calculus, BG/NBD, quadrature and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betaln, gammaln

from clvml.distributions import bgnbd, mbgnbd
from clvml.distributions._history import History, alive_at
from clvml.distributions.mbgnbd import MBGNBDParams

CDNOW = MBGNBDParams(0.5248432, 6.1830859, 0.8913593, 1.6140019)

params = st.builds(
    MBGNBDParams,
    *(st.floats(low, high) for low, high in ((0.05, 5), (0.1, 50), (0.05, 5), (0.05, 5))),
)


def one(*values):
    return [np.array([float(value)]) for value in values]


def new_customer(horizon, params):
    alive = mbgnbd.probability_alive(History(*one(0, 0, 0)), params)
    ahead = mbgnbd.purchases_given_alive(alive_at(*one(0, 0)), np.array([horizon]), np.ones(1), params)
    return (alive * ahead)[0]


@given(params, st.integers(0, 50), st.floats(0, 1), st.floats(0.1, 100))
def test_the_likelihood_is_the_one_of_the_definition(params, x, share, T):
    r, alpha, a, b = params
    t_x = share * T if x else 0.0
    stays = betaln(a, b + x + 1) - betaln(a, b) - (r + x) * np.log(alpha + T)
    leaves = betaln(a + 1, b + x) - betaln(a, b) - (r + x) * np.log(alpha + t_x)
    definition = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + np.logaddexp(stays, leaves)
    assert mbgnbd.log_likelihood(History(*one(x, t_x, T)), params)[0] == pytest.approx(
        definition, rel=1e-9, abs=1e-9
    )
    alive = mbgnbd.probability_alive(History(*one(x, t_x, T)), params)[0]
    assert alive == pytest.approx(np.exp(stays - np.logaddexp(stays, leaves)), rel=1e-9)


@given(params, st.integers(0, 2**32 - 1))
def test_the_gradient_and_hessian_are_derivatives_of_the_likelihood(params, seed):
    rng = np.random.default_rng(seed)
    T = rng.uniform(5, 40, 30)
    x = rng.poisson(1.5, 30).astype(float)
    t_x = np.where(x > 0, T * rng.uniform(0, 1, 30), 0.0)
    histories = mbgnbd.count(History(x, t_x, T))
    value, gradient, hessian = mbgnbd.objective(params, histories)
    assert value == pytest.approx(mbgnbd.log_likelihood(History(x, t_x, T), params).sum(), rel=1e-11)
    theta = np.array(params)
    for i, size in enumerate(1e-4 * theta):
        step = np.eye(4)[i] * size
        up = mbgnbd.objective(MBGNBDParams(*(theta + step)), histories)
        down = mbgnbd.objective(MBGNBDParams(*(theta - step)), histories)
        noise = 1e-9 * abs(value) / size
        np.testing.assert_allclose(gradient[i], (up[0] - down[0]) / (2 * size), rtol=1e-4, atol=noise)
        slope_noise = 1e-9 * abs(gradient).max() / size + 1e-6
        np.testing.assert_allclose(hessian[i], (up[1] - down[1]) / (2 * size), rtol=1e-4, atol=slope_noise)


@given(params, st.integers(0, 30), st.floats(0.1, 50), st.floats(0, 50), st.floats(0, 50))
def test_longer_silence_never_helps(params, x, t_x, silence, more):
    last = t_x if x else 0.0
    short, longer = (
        mbgnbd.probability_alive(History(*one(x, last, last + wait)), params)[0]
        for wait in (silence, silence + more)
    )
    assert longer <= short


@pytest.mark.parametrize("horizon", [0.5, 39.0, 5000.0])
def test_a_new_customer_is_an_average_over_the_dropout_probability(horizon):
    r, alpha, a, b = CDNOW
    z = horizon / alpha

    def bought(p):
        return (1 - p) * -np.expm1(-r * np.log1p(p * z)) / p if p > 0 else r * z

    nearly = quad(bought, 0, 1, weight="alg", wvar=(a - 1, b - 1), epsrel=1e-11)[0] / np.exp(betaln(a, b))
    value = new_customer(horizon, CDNOW)
    assert value == pytest.approx(nearly, rel=1e-8)


def test_where_nobody_leaves_it_is_bgnbd():
    nobody = (0.5, 6.0, 1e-9, 2.0)
    history = History(*one(3, 20, 30))
    for ours, theirs in (
        (mbgnbd.log_likelihood, bgnbd.log_likelihood),
        (mbgnbd.probability_alive, bgnbd.probability_alive),
    ):
        np.testing.assert_allclose(
            ours(history, MBGNBDParams(*nobody)), theirs(history, bgnbd.BGNBDParams(*nobody)), rtol=1e-6
        )


def test_simulated_customers_buy_as_often_as_expected():
    params, n, T = MBGNBDParams(0.8, 3.0, 1.2, 2.0), 400_000, np.full(400_000, 20.0)
    in_all = mbgnbd.simulate(T, params, np.random.default_rng(0)).x
    value = new_customer(20.0, params)
    assert value == pytest.approx(in_all.mean(), abs=4 * in_all.std() / np.sqrt(n))
    none = (in_all == 0).mean()
    probability = np.exp(mbgnbd.log_likelihood(History(*one(0, 0, 20)), params)[0])
    assert probability == pytest.approx(none, abs=4 * np.sqrt(none / n))


def test_simulated_customers_who_never_came_back_are_alive_as_often_as_said():
    r, alpha, a, b = params = MBGNBDParams(0.8, 3.0, 1.2, 2.0)
    n, rng = 400_000, np.random.default_rng(0)
    left = rng.random(n) < rng.beta(a, b, n)
    first = rng.exponential(1 / rng.gamma(r, 1 / alpha, n))
    silent = left | (first > 20)
    alive = 1 - left[silent].mean()
    value = mbgnbd.probability_alive(History(*one(0, 0, 20)), params)[0]
    assert value == pytest.approx(alive, abs=4 * np.sqrt(alive / silent.sum()))
