"""BG/NBD's kernels against the papers, calculus and the inputs on which others fail."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvml.distributions import bgnbd
from clvml.distributions._histories import count_histories
from clvml.distributions._history import History, alive_at
from clvml.distributions._simulation import bgnbd_histories
from clvml.distributions.bgnbd import BGNBDParams

PUBLISHED = BGNBDParams(0.243, 4.414, 0.793, 2.426)


def one(*values):
    return [np.array([float(value)]) for value in values]


def expected(params, x, t_x, T, horizon):
    x, t_x, T = one(x, t_x, T)
    ahead = bgnbd.purchases_given_alive(alive_at(x, T), np.array([float(horizon)]), np.ones(1), params)
    return (bgnbd.probability_alive(History(x, t_x, T), params) * ahead)[0]


@pytest.mark.parametrize(
    ("params", "history", "horizon", "value"),
    [
        # numbers.md: inputs on which other packages return nan, inf or a wrong number
        ((0.11, 2.24, 0.31, 0.50), (0, 0, 1), 30, 0.564588616),
        ((0.243, 4.414, 1.0, 2.426), (2, 30.43, 38.86), 39, 1.10213678604),
        (PUBLISHED, (500, 360, 365), 365, 151.258504769),
        (PUBLISHED, (500, 360, 365), 1e6, 4100.41491837),
        (PUBLISHED, (2, 30.43, 38.86), 39, 1.2260281748),
    ],
)
def test_expected_purchases_are_right_where_others_fail(params, history, horizon, value):
    assert expected(BGNBDParams(*params), *history, horizon) == pytest.approx(value, rel=1e-9)


def test_a_heavy_buyer_long_silent_is_expected_to_buy_nothing():
    assert 0 <= expected(PUBLISHED, 1000, 10, 100, 365) < 1e-290


def test_the_likelihood_of_a_heavy_buyer_is_the_one_of_note_027():
    value = bgnbd.log_likelihood(History(*one(200, 38, 40)), BGNBDParams(0.25, 4, 0.8, 2.5))[0]
    assert value == pytest.approx(100.7957, abs=5e-5)


def test_a_customers_value_does_not_depend_on_who_else_is_asked_for():
    rng = np.random.default_rng(1)
    x, T = rng.integers(0, 40, 5000).astype(float), rng.uniform(1, 50, 5000)
    ends, weights = np.array([1.0, 30.0]), np.array([0.3, 0.7])
    many = bgnbd.purchases_given_alive(alive_at(x, T), ends, weights, PUBLISHED)
    for rows in (*(slice(i, i + 1) for i in range(100)), slice(2, 40), slice(4999, 5000)):
        few = bgnbd.purchases_given_alive(alive_at(x[rows], T[rows]), ends, weights, PUBLISHED)
        np.testing.assert_array_equal(few, many[rows])


params = st.builds(
    BGNBDParams,
    *(st.floats(low, high) for low, high in ((0.05, 5), (0.1, 50), (0.05, 5), (0.05, 5))),
)


@given(params, st.integers(0, 2**32 - 1))
def test_the_gradient_and_hessian_are_derivatives_of_the_likelihood(params, seed):
    rng = np.random.default_rng(seed)
    T = rng.uniform(5, 40, 30)
    x = rng.poisson(1.5, 30).astype(float)
    histories = count_histories(History(x, np.where(x > 0, T * rng.uniform(0, 1, 30), 0.0), T))
    value, gradient, hessian = bgnbd.objective(params, histories)
    theta = np.array(params)
    for i, size in enumerate(1e-4 * theta):
        step = np.eye(4)[i] * size
        up = bgnbd.objective(BGNBDParams(*(theta + step)), histories)
        down = bgnbd.objective(BGNBDParams(*(theta - step)), histories)
        noise = 1e-9 * abs(value) / size
        np.testing.assert_allclose(gradient[i], (up[0] - down[0]) / (2 * size), rtol=1e-4, atol=noise)
        slope_noise = 1e-9 * abs(gradient).max() / size
        np.testing.assert_allclose(
            hessian[i], (up[1] - down[1]) / (2 * size), rtol=1e-4, atol=slope_noise + 1e-6
        )


@given(params, st.integers(0, 50), st.floats(0, 1), st.floats(0.1, 100))
def test_the_likelihood_is_the_one_of_the_paper(params, x, share, T):
    from scipy.special import betaln, gammaln

    r, alpha, a, b = params
    t_x = share * T if x else 0.0
    stays = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + T)
    leaves = betaln(a + 1, b + x - 1) - betaln(a, b) - (r + x) * np.log(alpha + t_x) if x else -np.inf
    paper = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + np.logaddexp(stays, leaves)
    assert bgnbd.log_likelihood(History(*one(x, t_x, T)), params)[0] == pytest.approx(
        paper, rel=1e-9, abs=1e-9
    )


@given(params, st.floats(0.1, 100))
def test_whoever_has_not_bought_again_cannot_have_left(params, T):
    assert bgnbd.probability_alive(History(*one(0, 0, T)), params)[0] == 1.0


@given(params, st.integers(1, 30), st.floats(0.1, 50), st.floats(0, 50), st.floats(0, 50))
def test_longer_silence_never_helps(params, x, t_x, silence, more):
    short, longer = (
        bgnbd.probability_alive(History(*one(x, t_x, t_x + wait)), params)[0]
        for wait in (silence, silence + more)
    )
    assert longer <= short


def test_simulated_customers_buy_as_often_as_expected():
    params, n = BGNBDParams(0.8, 3.0, 1.2, 2.0), 200_000
    bought = bgnbd_histories(np.full(n, 20.0), params, np.random.default_rng(0)).x
    value = expected(params, 0, 0, 0, 20)
    assert value == pytest.approx(bought.mean(), abs=4 * bought.std() / np.sqrt(n))
