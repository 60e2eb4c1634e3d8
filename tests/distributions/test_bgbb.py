"""BG/BB's kernels against the paper, calculus, simulation and exhaustive counting."""

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaln, gammaln

from clvml.distributions import bgbb
from clvml.distributions._history import History, alive_at
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
    value = bgbb.log_likelihood(History(x, t_x, T), params)
    for one, a, b in zip(value, x, t_x, strict=True):
        ends = [betaln(alpha + a, beta + n - a) + betaln(gamma, delta + n)]
        ends += [betaln(alpha + a, beta + m - a) + betaln(gamma + 1, delta + m) for m in range(int(b), n)]
        paper = np.logaddexp.reduce(ends) - betaln(alpha, beta) - betaln(gamma, delta)
        assert one == pytest.approx(paper, rel=1e-9, abs=1e-10)


@given(params, st.integers(0, 8))
def test_the_probabilities_of_all_histories_sum_to_one(params, n):
    x, t_x, T, ways = every_history(n)
    assert ways @ np.exp(bgbb.log_likelihood(History(x, t_x, T), params)) == pytest.approx(1, rel=1e-12)


@given(params)
def test_the_gradient_and_hessian_are_derivatives_of_the_likelihood(params):
    x, t_x, T, weight = every_history(6)
    seen = bgbb.count(History(x, t_x, T, weight))
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
    value = bgbb.purchases_given_alive(alive_at(zero, zero), np.array([n]), np.ones(1), params)[0]
    assert value == pytest.approx(closed, rel=1e-8)


def test_it_stays_finite_for_thousands_of_opportunities():
    x, t_x, T = np.array([0.0, 2000.0, 2000.0]), np.array([0.0, 2000.0, 4999.0]), np.full(3, 5000.0)
    alive = bgbb.probability_alive(History(x, t_x, T), DONATIONS)
    assert np.isfinite(bgbb.log_likelihood(History(x, t_x, T), DONATIONS)).all()
    assert 0 <= alive[1] < 1e-100 < 0.99 < alive[2] <= 1


def test_a_customers_value_does_not_depend_on_who_else_is_asked_for():
    rng = np.random.default_rng(1)
    T = rng.integers(1, 40, 5000).astype(float)
    history = bgbb.simulate(T, DONATIONS, rng)
    for function in (bgbb.probability_alive, bgbb.log_likelihood):
        many = function(history, DONATIONS)
        for rows in (slice(0, 1), slice(1, 2), slice(2, 40), slice(4999, 5000)):
            np.testing.assert_array_equal(function(history.rows(rows), DONATIONS), many[rows])


def test_a_million_simulated_customers_are_alive_and_buy_as_often_as_expected():
    n, rng = 1_000_000, np.random.default_rng(0)
    alpha, beta, gamma, delta = DONATIONS
    buys, leaves = rng.beta(alpha, beta, n), rng.beta(gamma, delta, n)
    stayed = rng.geometric(np.maximum(leaves, 1e-300)) - 1
    x, t_x = np.zeros(n), np.zeros(n)
    for opportunity in range(1, 7):
        bought = (opportunity <= stayed) & (rng.random(n) < buys)
        x += bought
        t_x[bought] = opportunity
    after = rng.binomial(np.clip(stayed - 6, 0, 4), buys)
    T = np.full(n, 6.0)
    alive = bgbb.probability_alive(History(x, t_x, T), DONATIONS)
    longer = alive * bgbb.survival_probability(alive_at(x, T), 1, DONATIONS)
    expected = alive * bgbb.purchases_given_alive(alive_at(x, T), np.array([4.0]), np.ones(1), DONATIONS)
    for some in (x == 0, x == 1, x == 6, (x == 2) & (t_x == 3)):
        for chance, at in ((alive, 6), (longer, 7)):
            error = 4 * np.sqrt((chance * (1 - chance))[some].mean() / some.sum())
            assert (stayed >= at)[some].mean() == pytest.approx(chance[some].mean(), abs=error)
        error = 4 * after[some].std() / np.sqrt(some.sum())
        assert after[some].mean() == pytest.approx(expected[some].mean(), abs=error)


def test_simulated_histories_have_as_many_purchases_as_expected():
    n, zero = 400_000, np.zeros(1)
    x = bgbb.simulate(np.full(n, 6.0), DONATIONS, np.random.default_rng(1)).x
    value = bgbb.purchases_given_alive(alive_at(zero, zero), np.array([6.0]), np.ones(1), DONATIONS)[0]
    assert x.mean() == pytest.approx(value, abs=4 * x.std() / np.sqrt(n))


@pytest.mark.parametrize("params", [DONATIONS, BGBBParams(0.6, 30.0, 1.3, 40.0)])
def test_drawn_futures_have_the_probabilities_of_their_numbers_and_come_when_expected(params):
    n, horizon = 300_000, 24.0
    x, T = np.full(n, 2.0), np.full(n, 6.0)
    row, time = bgbb.simulate_ahead(alive_at(x, T), horizon, params, np.random.default_rng(0))
    assert ((np.diff(row) > 0) | (np.diff(row) == 0) & (np.diff(time) > 0)).all()
    assert ((time >= 1) & (time <= horizon) & (time % 1 == 0)).all()
    counts = np.bincount(row, minlength=n)
    for number in range(9):
        chance = bgbb.count_probability(np.array([number]), horizon, alive_at(x[:1], T[:1]), params)[0]
        assert (counts == number).mean() == pytest.approx(chance, abs=4 * np.sqrt(chance / n))
    early = np.bincount(row[time <= 5], minlength=n)
    value = bgbb.purchases_given_alive(alive_at(x[:1], T[:1]), np.array([5.0]), np.ones(1), params)[0]
    assert early.mean() == pytest.approx(value, abs=4 * early.std() / np.sqrt(n))


def test_no_customers_buy_nothing():
    none = np.zeros(0)
    row, time = bgbb.simulate_ahead(alive_at(none, none), 5.0, DONATIONS, np.random.default_rng(0))
    assert row.size == time.size == 0


def test_the_derivatives_hold_for_a_thousand_silent_opportunities():
    # Beyond 1,024 silent opportunities terms are summed by few points: the derivatives must follow.
    x, t_x, T = np.array([3.0, 0.0, 40.0]), np.array([10.0, 0.0, 300.0]), np.array([5000.0, 1500.0, 30_000.0])
    seen = bgbb.count(History(x, t_x, T))
    params = BGBBParams(0.8, 7.0, 0.3, 900.0)
    value, gradient, hessian = bgbb.objective(params, seen)
    assert value == pytest.approx(bgbb.log_likelihood(History(x, t_x, T), params).sum(), rel=1e-12)
    for i, size in enumerate(1e-4 * np.array(params)):
        step = np.eye(4)[i] * size
        up, down = (bgbb.objective(BGBBParams(*(np.array(params) + way)), seen) for way in (step, -step))
        np.testing.assert_allclose(gradient[i], (up[0] - down[0]) / (2 * size), rtol=1e-6)
        np.testing.assert_allclose(hessian[i], (up[1] - down[1]) / (2 * size), rtol=1e-5)


def test_a_million_opportunities_do_not_fill_the_memory():
    n = 20_000
    T = np.full(n, 1e6) - np.arange(n)
    x = t_x = np.arange(n, dtype=float) % 50
    tracemalloc.start()
    alive = bgbb.probability_alive(History(x[:500], t_x[:500], T[:500]), DONATIONS)
    bgbb.purchases_given_alive(alive_at(x, T), np.geomspace(1, 1e7, 300), np.ones(300), DONATIONS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.isfinite(alive).all()
    assert peak < 200e6
