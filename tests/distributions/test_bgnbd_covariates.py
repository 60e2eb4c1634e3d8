"""Derivatives of BG/NBD customers with parameters of their own: calculus, and the plain model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvml.distributions import bgnbd
from clvml.distributions._bgnbd_covariates import derivatives
from clvml.distributions._histories import count_histories
from clvml.distributions._history import History, alive_at
from clvml.distributions.bgnbd import BGNBDParams

PUBLISHED = BGNBDParams(0.243, 4.414, 0.793, 2.426)


def customers(seed, n=40):
    rng = np.random.default_rng(seed)
    T = rng.uniform(5, 40, n)
    x = rng.poisson(1.5, n).astype(float)
    own = np.array(PUBLISHED)[:, None] * np.exp(rng.normal(0, 0.7, (4, n)))
    return History(x, np.where(x > 0, T * rng.uniform(0, 1, n), 0.0), T), own


@pytest.mark.parametrize("at_first", [0, 1])
@given(st.integers(0, 2**32 - 1))
def test_gradients_and_hessians_are_derivatives_of_each_likelihood(at_first, seed):
    history, own = customers(seed)
    _, slope, curve = derivatives(history, own, at_first)
    for k, step in enumerate(1e-5 * np.eye(4)):
        up = derivatives(history, own * np.exp(step)[:, None], at_first)
        down = derivatives(history, own / np.exp(step)[:, None], at_first)
        np.testing.assert_allclose(slope[k], (up[0] - down[0]) / 2e-5, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(curve[k], (up[1] - down[1]) / 2e-5, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("at_first", [0, 1])
def test_customers_with_the_same_parameters_are_those_of_the_plain_model(at_first):
    history, own = customers(0)
    value, slope, curve = derivatives(history, np.full_like(own, np.array(PUBLISHED)[:, None]), at_first)
    histories = count_histories(history, everyone=bool(at_first))
    total, gradient, hessian = bgnbd.objective(PUBLISHED, histories, at_first)
    p = np.array(PUBLISHED)
    np.testing.assert_allclose(value, bgnbd.log_likelihood(history, PUBLISHED, at_first), rtol=1e-13)
    assert value.sum() == pytest.approx(total, rel=1e-13)
    np.testing.assert_allclose(slope.sum(axis=1), p * gradient, rtol=1e-11)
    np.testing.assert_allclose(
        curve.sum(axis=2), p[:, None] * hessian * p + np.diag(p * gradient), rtol=1e-10, atol=1e-10
    )


def test_a_heavy_buyer_stays_finite_where_the_usual_form_overflows():
    history = History(*(np.array([value]) for value in (5000.0, 10.0, 1000.0)))
    parts = derivatives(history, np.array(PUBLISHED)[:, None])
    assert all(np.isfinite(part).all() for part in parts)


@pytest.mark.parametrize("at_first", [0, 1])
def test_each_customer_is_one_of_a_plain_model_with_their_parameters(at_first):
    history, (_, alpha, a, _) = customers(1)
    together = PUBLISHED._replace(alpha=alpha, a=a)
    ends, weights, n = np.array([1.0, 30.0]), np.array([0.3, 0.7]), np.full(history.size, 2.0)

    def looked_at(history, n, params):
        return [
            bgnbd.log_likelihood(history, params, at_first),
            bgnbd.probability_alive(history, params, at_first),
            bgnbd.purchases_given_alive(history, ends, weights, params, at_first),
            bgnbd.survival_probability(history, 10.0, params, at_first),
            bgnbd.count_probability(n, 10.0, history, params, at_first),
            bgnbd.infinite_horizon_purchases(history, params, at_first),
        ]

    many = looked_at(history, n, together)
    for i in range(history.size):
        alone = PUBLISHED._replace(alpha=float(alpha[i]), a=float(a[i]))
        one = slice(i, i + 1)
        np.testing.assert_allclose(
            [value[i] for value in many], np.ravel(looked_at(history.rows(one), n[one], alone)), rtol=1e-12
        )


@given(st.floats(-7, 7), st.floats(-2, 2), st.integers(0, 300), st.floats(-1, 3), st.floats(-1, 4))
def test_purchases_at_an_own_dropout_are_those_of_the_plain_model(log_a, log_r, x, log_T, log_horizon):
    params = BGNBDParams(10**log_r, 4.414, float(np.exp(log_a)), 2.426)
    x, T, ends = np.array([float(x)]), np.array([10**log_T]), np.array([10**log_horizon])
    plain = bgnbd.purchases_given_alive(alive_at(x, T), ends, np.ones(1), params)
    own = bgnbd.purchases_given_alive(
        alive_at(x, T), ends, np.ones(1), params._replace(a=np.array([params.a]))
    )
    np.testing.assert_allclose(own, plain, rtol=1e-12)
