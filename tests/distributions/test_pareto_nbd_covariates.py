"""Derivatives of Pareto/NBD customers with parameters of their own: calculus, and the plain model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvml.distributions import pareto_nbd
from clvml.distributions._history import History
from clvml.distributions._pareto_nbd_covariates import derivatives
from clvml.distributions.pareto_nbd import ParetoNBDParams

PUBLISHED = ParetoNBDParams(0.553, 10.578, 0.606, 11.669)


def customers(seed, n=40):
    rng = np.random.default_rng(seed)
    T = rng.uniform(5, 40, n)
    x = rng.poisson(1.5, n).astype(float)
    t_x = np.where(x > 0, T * rng.uniform(0, 1, n), 0.0)
    t_x[:3] = T[:3] * (x[:3] > 0)  # bought a moment ago
    own = np.array(PUBLISHED)[:, None] * np.exp(rng.normal(0, 0.7, (4, n)))
    return History(x, t_x, T), own


@given(st.integers(0, 2**32 - 1))
def test_gradients_and_hessians_are_derivatives_of_each_likelihood(seed):
    history, own = customers(seed)
    _, slope, curve = derivatives(history, own)
    for k, step in enumerate(1e-5 * np.eye(4)):
        up = derivatives(history, own * np.exp(step)[:, None])
        down = derivatives(history, own / np.exp(step)[:, None])
        np.testing.assert_allclose(slope[k], (up[0] - down[0]) / 2e-5, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(curve[k], (up[1] - down[1]) / 2e-5, rtol=1e-6, atol=1e-7)


def test_customers_with_the_same_parameters_are_those_of_the_plain_model():
    history, own = customers(0)
    value, slope, curve = derivatives(history, np.full_like(own, np.array(PUBLISHED)[:, None]))
    total, gradient, hessian = pareto_nbd.objective(PUBLISHED, pareto_nbd.count(history))
    p = np.array(PUBLISHED)
    np.testing.assert_allclose(value, pareto_nbd.log_likelihood(history, PUBLISHED), rtol=1e-12)
    assert value.sum() == pytest.approx(total, rel=1e-12)
    np.testing.assert_allclose(slope.sum(axis=1), p * gradient, rtol=1e-11)
    np.testing.assert_allclose(
        curve.sum(axis=2), p[:, None] * hessian * p + np.diag(p * gradient), rtol=1e-9, atol=1e-9
    )


def test_each_customer_is_one_of_a_plain_model_with_their_parameters():
    history, (_, alpha, _, beta) = customers(1)
    together = PUBLISHED._replace(alpha=alpha, beta=beta)
    ends, weights = np.array([1.0, 30.0]), np.array([0.3, 0.7])
    for i in range(history.size):
        one = history.rows(slice(i, i + 1))
        alone = PUBLISHED._replace(alpha=float(alpha[i]), beta=float(beta[i]))
        for function in (pareto_nbd.probability_alive, pareto_nbd.log_likelihood):
            assert function(history, together)[i] == pytest.approx(function(one, alone)[0], rel=1e-12)
        many = pareto_nbd.purchases_given_alive(history, ends, weights, together)
        few = pareto_nbd.purchases_given_alive(one, ends, weights, alone)
        assert many[i] == pytest.approx(few[0], rel=1e-13)
