"""Pareto/NBD's kernels against the paper, Arb, calculus, limits and simulation."""

import itertools

import numpy as np
import pytest
from flint import acb, arb, ctx
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln, hyp2f1

from clvml.distributions import pareto_nbd
from clvml.distributions._history import History, alive_at
from clvml.distributions.pareto_nbd import ParetoNBDParams

CDNOW = ParetoNBDParams(0.5532770, 10.5776828, 0.6062401, 11.6687368)
HARD = ParetoNBDParams(0.5143, 2.8845, 0.2856, 14.1087)

params = st.builds(
    ParetoNBDParams,
    *(st.floats(low, high) for low, high in ((0.05, 5), (0.1, 50), (0.05, 5), (0.1, 50))),
)


def one(*values):
    return [np.array([float(value)]) for value in values]


def oracle(params, x, t_x, T):
    """Log-odds of having left, the integral over the time of leaving by Arb."""
    ctx.prec = 160
    r, alpha, s, beta = map(arb, params)
    first, last = min(params.alpha, params.beta) + arb(t_x), min(params.alpha, params.beta) + arb(T)
    length = (last / first).log()

    def integrand(u, _):
        y = first * u.exp() - min(params.alpha, params.beta)
        log = (r + x) * ((alpha + T) / (alpha + y)).log() + s * ((beta + T) / (beta + y)).log()
        return log.exp() * s * first * u.exp() / (beta + y)

    total = acb(0)
    for low, high in itertools.pairwise([0.0, *np.geomspace(1e-8, 1, 60)]):
        ends = length * float(low), length * float(high)
        total += acb.integral(integrand, *ends, rel_tol=arb("1e-25"), eval_limit=100_000)
    return float(total.real.log())


def paper(params, x, t_x, T):
    """The likelihood with two 2F1, for alpha >= beta and for alpha < beta (Fader, Hardie, note 009)."""
    r, alpha, s, beta = params
    high, low = max(alpha, beta), abs(alpha - beta)
    second = s + 1 if alpha >= beta else r + x

    def term(y):
        return hyp2f1(r + s + x, second, r + s + x + 1, low / (high + y)) / (high + y) ** (r + s + x)

    alive = (alpha + T) ** -(r + x) * (beta + T) ** -s
    constant = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    return constant + np.log(alive + s / (r + s + x) * (term(t_x) - term(T)))


def test_the_input_on_which_others_return_nan():
    history = History(*one(221, 103.42857, 103.57143))
    odds = np.exp(oracle(HARD, 221, 103.42857, 103.57143))
    assert pareto_nbd.probability_alive(history, HARD)[0] == pytest.approx(1 / (1 + odds), rel=1e-12)
    assert np.isfinite(pareto_nbd.log_likelihood(history, HARD)[0])


@pytest.mark.parametrize("seed", range(30))
def test_the_odds_of_having_left_agree_with_interval_arithmetic(seed):
    rng = np.random.default_rng(seed)
    params = ParetoNBDParams(*10 ** rng.uniform([-3] * 4, [[1.5] * 4, [4] * 4][seed % 2]))
    x, T = int(10 ** rng.uniform(0, 3.7)) - 1, 10 ** rng.uniform(-2, 6)
    t_x = T * rng.choice([rng.random(), 1 - 10 ** rng.uniform(-6, 0), 10 ** rng.uniform(-8, 0)]) if x else 0.0
    value = pareto_nbd.log_odds_of_dropout(History(*one(x, t_x, T)), params)[0]
    assert value == pytest.approx(oracle(params, x, t_x, T), rel=2e-14, abs=2e-13)


@given(params, st.integers(0, 8), st.floats(0, 1), st.floats(0.5, 40))
def test_the_likelihood_is_the_one_of_the_paper(params, x, share, T):
    t_x = share * T if x else 0.0
    value = pareto_nbd.log_likelihood(History(*one(x, t_x, T)), params)[0]
    assert value == pytest.approx(paper(params, x, t_x, T), rel=1e-6, abs=1e-6)


@given(params, st.integers(0, 2**32 - 1))
def test_the_gradient_and_hessian_are_derivatives_of_the_likelihood(params, seed):
    rng = np.random.default_rng(seed)
    T = rng.uniform(5, 40, 30)
    x = rng.poisson(1.5, 30).astype(float)
    t_x = np.where(x > 0, T * rng.uniform(0, 1, 30), 0.0)
    t_x[3] = T[3] if x[3] else 0.0  # a purchase at the very end: nobody can have left since
    histories = pareto_nbd.count(History(x, t_x, T))
    value, gradient, hessian = pareto_nbd.objective(params, histories)
    assert value == pytest.approx(pareto_nbd.log_likelihood(History(x, t_x, T), params).sum(), rel=1e-11)
    theta = np.array(params)
    for i, size in enumerate(1e-4 * theta):
        step = np.eye(4)[i] * size
        up = pareto_nbd.objective(ParetoNBDParams(*(theta + step)), histories)
        down = pareto_nbd.objective(ParetoNBDParams(*(theta - step)), histories)
        noise = 1e-9 * abs(value) / size
        np.testing.assert_allclose(gradient[i], (up[0] - down[0]) / (2 * size), rtol=1e-4, atol=noise)
        slope_noise = 1e-9 * abs(gradient).max() / size + 1e-6
        np.testing.assert_allclose(hessian[i], (up[1] - down[1]) / (2 * size), rtol=1e-4, atol=slope_noise)


@pytest.mark.parametrize("s", [0.6, 1 - 1e-9, 1.0, 1 + 1e-9, 2.5])
def test_expected_purchases_are_continuous_where_s_is_one(s):
    params = ParetoNBDParams(0.55, 10.6, s, 11.7)
    z = 39 / (11.7 + 38.86)
    # ((1+z)**(1-s) - 1) / (1-s), as the mean over v of log(1+z) * (1+z)**((1-s) v)
    nodes, weights = np.polynomial.legendre.leggauss(20)
    with_us = (weights / 2) @ (np.log1p(z) * (1 + z) ** ((1 - s) * (1 + nodes) / 2))
    value = pareto_nbd.purchases_given_alive(alive_at(*one(2, 38.86)), np.array([39.0]), np.ones(1), params)[
        0
    ]
    assert value == pytest.approx(2.55 / (10.6 + 38.86) * (11.7 + 38.86) * with_us, rel=1e-13)


@given(params, st.integers(0, 30), st.floats(0.1, 50), st.floats(0, 50), st.floats(0, 50))
def test_longer_silence_never_helps(params, x, t_x, silence, more):
    last = t_x if x else 0.0
    short, longer = (
        pareto_nbd.probability_alive(History(*one(x, last, last + wait)), params)[0]
        for wait in (silence, silence + more)
    )
    assert longer <= short * (1 + 1e-12)


def test_whoever_bought_at_the_very_end_is_alive():
    assert pareto_nbd.probability_alive(History(*one(5, 38.86, 38.86)), CDNOW)[0] == 1.0


def test_a_customers_value_does_not_depend_on_who_else_is_asked_for():
    rng = np.random.default_rng(1)
    T = rng.uniform(1, 500, 5000)
    x = rng.integers(0, 40, 5000).astype(float)
    t_x = np.where(x > 0, T * rng.random(5000), 0.0)
    for function in (pareto_nbd.probability_alive, pareto_nbd.log_likelihood):
        many = function(History(x, t_x, T), CDNOW)
        for rows in (slice(0, 1), slice(1, 2), slice(2, 40), slice(4999, 5000)):
            np.testing.assert_array_equal(function(History(x, t_x, T).rows(rows), CDNOW), many[rows])


def test_a_million_simulated_customers_are_alive_and_buy_as_often_as_expected():
    params, n, T = ParetoNBDParams(0.8, 3.0, 1.2, 9.0), 1_000_000, np.full(1_000_000, 20.0)
    rng = np.random.default_rng(0)
    rate, leaving = rng.gamma(params.r, 1 / params.alpha, n), rng.gamma(params.s, 1 / params.beta, n)
    gone = rng.exponential(size=n) / leaving
    with_us = np.minimum(gone, T)
    x = rng.poisson(rate * with_us).astype(float)
    t_x = np.where(x > 0, with_us * rng.random(n) ** (1 / np.maximum(x, 1)), 0)
    ahead = rng.poisson(rate * np.clip(gone - T, 0, 30))
    alive = pareto_nbd.probability_alive(History(x, t_x, T), params)
    expected = alive * pareto_nbd.purchases_given_alive(alive_at(x, T), np.array([30.0]), np.ones(1), params)
    for some in (x == 0, x == 1, x > 4, (x > 0) & (t_x < 5), t_x > 18):
        error = 4 * np.sqrt((alive * (1 - alive))[some].mean() / some.sum())
        assert (gone > 20)[some].mean() == pytest.approx(alive[some].mean(), abs=error)
        error = 4 * (ahead - expected)[some].std() / np.sqrt(some.sum())
        assert ahead[some].mean() == pytest.approx(expected[some].mean(), abs=error)


def test_simulated_histories_have_as_many_purchases_as_expected():
    params, n = ParetoNBDParams(0.8, 3.0, 1.2, 9.0), 400_000
    history = pareto_nbd.simulate(np.full(n, 20.0), params, np.random.default_rng(1))
    value = pareto_nbd.purchases_given_alive(
        alive_at(np.zeros(1), np.zeros(1)), np.array([20.0]), np.ones(1), params
    )[0]
    assert history.x.mean() == pytest.approx(value, abs=4 * history.x.std() / np.sqrt(n))
    assert (history.t_x <= 20).all()


def test_drawn_futures_have_the_probabilities_of_their_numbers_and_come_when_expected():
    n, horizon = 300_000, 30.0
    x, T = np.full(n, 2.0), np.full(n, 11.0)
    row, time = pareto_nbd.simulate_ahead(alive_at(x, T), horizon, CDNOW, np.random.default_rng(0))
    assert (np.diff(row) >= 0).all()
    assert ((time > 0) & (time <= horizon)).all()
    counts = np.bincount(row, minlength=n)
    for number in range(8):
        chance = pareto_nbd.count_probability(*one(number), horizon, alive_at(x[:1], T[:1]), CDNOW)[0]
        assert (counts == number).mean() == pytest.approx(chance, abs=4 * np.sqrt(chance / n))
    early = np.bincount(row[time <= 5], minlength=n)
    value = pareto_nbd.purchases_given_alive(alive_at(x[:1], T[:1]), np.array([5.0]), np.ones(1), CDNOW)[0]
    assert early.mean() == pytest.approx(value, abs=4 * early.std() / np.sqrt(n))


@pytest.mark.parametrize("s", [1e-3, 0.6, 1.0, 1e4])
def test_a_sum_over_many_ends_is_the_sum_of_the_expectations(s):
    T = 10 ** np.random.default_rng(0).uniform(-2, 6, 200)
    x, ends, weights = np.full(T.size, 2.0), np.geomspace(1 / 24, 1e7, 60), np.linspace(2, 1, 60)
    params = CDNOW._replace(s=s)
    each = [
        pareto_nbd.purchases_given_alive(alive_at(x, T), ends[i : i + 1], np.ones(1), params)
        for i in range(60)
    ]
    value = pareto_nbd.purchases_given_alive(alive_at(x, T), ends, weights, params)
    np.testing.assert_allclose(value, weights @ np.array(each), rtol=1e-12)
    some = pareto_nbd.purchases_given_alive(alive_at(x[5:9], T[5:9]), ends, weights, params)
    np.testing.assert_array_equal(some, value[5:9])
