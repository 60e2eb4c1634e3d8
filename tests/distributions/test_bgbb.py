"""BG/BB's kernels against the paper, calculus, simulation and exhaustive counting."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaln, gammaln

from clvml.distributions import bgbb
from clvml.distributions.bgbb import BGBBParams

DONATIONS = BGBBParams(1.2035224, 0.7497164, 0.6567181, 2.7834417)

params = st.builds(BGBBParams, *[st.floats(0.05, 5)] * 4)


def every_history(n):
    """``x, t_x`` of all histories with ``n`` opportunities, and how many ways lead to each."""
    seen = {}
    for way in itertools.product((0, 1), repeat=n):
        key = (sum(way), max((i + 1 for i, bought in enumerate(way) if bought), default=0))
        seen[key] = seen.get(key, 0) + 1
    x, t_x = np.array(list(seen), dtype=float).T
    return x, t_x, np.full(x.size, float(n)), np.array(list(seen.values()), dtype=float)


@given(params, st.integers(0, 8))
def test_the_likelihood_is_the_one_of_the_paper(params, n):
    alpha, beta, gamma, delta = params
    x, t_x, T, _ = every_history(n)
    value = bgbb.log_likelihood(x, t_x, T, params)
    for one, a, b in zip(value, x, t_x, strict=True):
        ends = [betaln(alpha + a, beta + n - a) + betaln(gamma, delta + n)]
        ends += [betaln(alpha + a, beta + m - a) + betaln(gamma + 1, delta + m) for m in range(int(b), n)]
        paper = np.logaddexp.reduce(ends) - betaln(alpha, beta) - betaln(gamma, delta)
        assert one == pytest.approx(paper, rel=1e-9, abs=1e-10)


@given(params, st.integers(0, 8))
def test_the_probabilities_of_all_histories_sum_to_one(params, n):
    x, t_x, T, ways = every_history(n)
    assert ways @ np.exp(bgbb.log_likelihood(x, t_x, T, params)) == pytest.approx(1, rel=1e-12)


@given(params)
def test_the_gradient_and_hessian_are_derivatives_of_the_likelihood(params):
    x, t_x, T, weight = every_history(6)
    seen = bgbb.count(x, t_x, T, weight)
    value, gradient, hessian = bgbb.objective(params, seen)
    theta = np.array(params)
    for i, size in enumerate(1e-4 * theta):
        step = np.eye(4)[i] * size
        up = bgbb.objective(BGBBParams(*(theta + step)), seen)
        down = bgbb.objective(BGBBParams(*(theta - step)), seen)
        noise = 1e-9 * abs(value) / size
        np.testing.assert_allclose(gradient[i], (up[0] - down[0]) / (2 * size), rtol=1e-4, atol=noise)
        slope_noise = 1e-9 * abs(gradient).max() / size + 1e-6
        np.testing.assert_allclose(hessian[i], (up[1] - down[1]) / (2 * size), rtol=1e-4, atol=slope_noise)


@given(params.filter(lambda p: abs(p.gamma - 1) > 1e-3), st.integers(1, 60))
def test_a_new_customers_expectation_is_the_closed_form_of_the_paper(params, n):
    alpha, beta, gamma, delta = params
    share = gammaln(gamma + delta) + gammaln(1 + delta + n) - gammaln(gamma + delta + n) - gammaln(1 + delta)
    closed = alpha / (alpha + beta) * delta / (gamma - 1) * -np.expm1(share)
    zero = np.zeros(1)
    value = bgbb.expected_purchases(zero, zero, zero, np.array(n), params)[0]
    assert value == pytest.approx(closed, rel=1e-8)


def test_it_stays_finite_for_thousands_of_opportunities():
    x, t_x, T = np.array([0.0, 2000.0, 2000.0]), np.array([0.0, 2000.0, 4999.0]), np.full(3, 5000.0)
    alive = bgbb.probability_alive(x, t_x, T, DONATIONS)
    assert np.isfinite(bgbb.log_likelihood(x, t_x, T, DONATIONS)).all()
    assert 0 <= alive[1] < 1e-100 < 0.99 < alive[2] <= 1


def test_a_customers_value_does_not_depend_on_who_else_is_asked_for():
    rng = np.random.default_rng(1)
    T = rng.integers(1, 40, 5000).astype(float)
    x, t_x = bgbb.simulate(T, DONATIONS, rng)
    for function in (bgbb.probability_alive, bgbb.log_likelihood):
        many = function(x, t_x, T, DONATIONS)
        for rows in (slice(0, 1), slice(1, 2), slice(2, 40), slice(4999, 5000)):
            np.testing.assert_array_equal(function(x[rows], t_x[rows], T[rows], DONATIONS), many[rows])


def test_simulated_customers_are_alive_and_buy_as_often_as_expected():
    n, rng = 400_000, np.random.default_rng(0)
    alpha, beta, gamma, delta = DONATIONS
    buys, leaves = rng.beta(alpha, beta, n), rng.beta(gamma, delta, n)
    stayed = np.minimum(rng.geometric(leaves) - 1, 10)
    before, after = rng.binomial(np.minimum(stayed, 6), buys), rng.binomial(np.maximum(stayed - 6, 0), buys)
    silent = before == 0
    zero, six = np.zeros(1), np.full(1, 6.0)
    alive = (stayed >= 6)[silent].mean()
    value = bgbb.probability_alive(zero, zero, six, DONATIONS)[0]
    assert value == pytest.approx(alive, abs=4 * np.sqrt(alive / silent.sum()))
    alive = (stayed >= 7)[silent].mean()
    value *= bgbb.probability_of_staying(zero, six, 1, DONATIONS)[0]
    assert value == pytest.approx(alive, abs=4 * np.sqrt(alive / silent.sum()))
    bought = after[silent]
    value = bgbb.expected_purchases(zero, zero, six, np.array(4), DONATIONS)[0]
    assert value == pytest.approx(bought.mean(), abs=4 * bought.std() / np.sqrt(silent.sum()))
    x, _ = bgbb.simulate(np.full(n, 6.0), DONATIONS, rng)
    assert x.mean() == pytest.approx(before.mean(), abs=6 * before.std() / np.sqrt(n))
