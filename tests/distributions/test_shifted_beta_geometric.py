"""The shifted beta-geometric's kernels against the paper, calculus and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaln

from clvml.distributions import shifted_beta_geometric as sbg
from clvml.distributions._history import History, alive_at
from clvml.distributions.shifted_beta_geometric import ShiftedBetaGeometricParams

params = st.builds(ShiftedBetaGeometricParams, st.floats(0.05, 5), st.floats(0.05, 5))


@given(params, st.integers(0, 30), st.integers(0, 5))
def test_the_likelihood_is_the_one_of_the_paper(params, renewed, more):
    alpha, beta = params
    value = sbg.log_likelihood(
        History(*[np.array([float(n)]) for n in (renewed, renewed, renewed + more)]), params
    )[0]
    left = betaln(alpha + 1, beta + renewed) - betaln(alpha, beta)
    stayed = betaln(alpha, beta + renewed) - betaln(alpha, beta)
    assert value == pytest.approx(left if more else stayed, rel=1e-9, abs=1e-10)


@given(params, st.integers(0, 30))
def test_leaving_and_staying_sum_to_one(params, offered):
    renewed = np.arange(offered + 1.0)
    log = sbg.log_likelihood(History(renewed, renewed, np.full(offered + 1, float(offered))), params)
    assert np.exp(log).sum() == pytest.approx(1, rel=1e-12)


@given(params, st.integers(0, 2**32 - 1))
def test_the_gradient_and_hessian_are_derivatives_of_the_likelihood(params, seed):
    rng = np.random.default_rng(seed)
    offered = rng.integers(1, 9, 40).astype(float)
    renewed = np.minimum(rng.geometric(0.3, 40) - 1.0, offered)
    renewals = sbg.count(History(renewed, renewed, offered, np.ones(40)))
    value, gradient, hessian = sbg.objective(params, renewals)
    assert value == pytest.approx(
        sbg.log_likelihood(History(renewed, renewed, offered), params).sum(), rel=1e-11
    )
    theta = np.array(params)
    for i, size in enumerate(1e-4 * theta):
        step = np.eye(2)[i] * size
        up = sbg.objective(ShiftedBetaGeometricParams(*(theta + step)), renewals)
        down = sbg.objective(ShiftedBetaGeometricParams(*(theta - step)), renewals)
        noise = 1e-9 * abs(value) / size
        np.testing.assert_allclose(gradient[i], (up[0] - down[0]) / (2 * size), rtol=1e-4, atol=noise)
        slope_noise = 1e-9 * abs(gradient).max() / size + 1e-6
        np.testing.assert_allclose(hessian[i], (up[1] - down[1]) / (2 * size), rtol=1e-4, atol=slope_noise)


def test_a_million_simulated_subscribers_renew_as_often_as_expected():
    params, n = ShiftedBetaGeometricParams(0.704, 1.182), 1_000_000
    renewed = sbg.simulate(np.full(n, 10.0), params, np.random.default_rng(0)).x
    there = renewed >= 3
    three = np.full(1, 3.0)
    for after in (1, 4, 7):
        value = sbg.survival_probability(alive_at(three, three), after, params)[0]
        share = (renewed[there] >= 3 + after).mean()
        assert share == pytest.approx(value, abs=4 * np.sqrt(value / there.sum()))
    ahead = renewed[there] - 3
    value = sbg.purchases_given_alive(alive_at(three, three), np.array([7.0]), np.ones(1), params)[0]
    assert ahead.mean() == pytest.approx(value, abs=4 * ahead.std() / np.sqrt(there.sum()))
    for number in range(8):
        chance = sbg.count_probability(np.array([number]), 7.0, alive_at(three, three), params)[0]
        assert (ahead == number).mean() == pytest.approx(chance, abs=4 * np.sqrt(chance / there.sum()))


def test_drawn_futures_are_renewals_one_after_another():
    params, n = ShiftedBetaGeometricParams(0.704, 1.182), 200_000
    T = np.full(n, 2.0)
    row, time = sbg.simulate_ahead(alive_at(T, T), 9.0, params, np.random.default_rng(0))
    made = np.bincount(row, minlength=n)
    value = sbg.purchases_given_alive(alive_at(T[:1], T[:1]), np.array([9.0]), np.ones(1), params)[0]
    assert made.mean() == pytest.approx(value, abs=4 * made.std() / np.sqrt(n))
    np.testing.assert_array_equal(time, np.concatenate([np.arange(1.0, number + 1) for number in made]))
    np.testing.assert_array_equal(row, np.repeat(np.arange(n), made))
