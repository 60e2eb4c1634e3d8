"""What BG/NBD customers will do: published values, sums, means, limits, and simulated customers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvml.distributions import bgnbd
from clvml.distributions._discounting import discounted_ends
from clvml.distributions._history import History, alive_at
from clvml.distributions._simulation import bgnbd_histories
from clvml.distributions.bgnbd import BGNBDParams

PUBLISHED = BGNBDParams(0.243, 4.414, 0.793, 2.426)
CDNOW = BGNBDParams(0.2425945, 4.4136020, 0.7929219, 2.4259063)


def one(*values):
    return [np.array([float(value)]) for value in values]


def probability(n, horizon, history, params):
    x, t_x, T = one(*history)
    n = np.asarray(n, dtype=float)
    alive = bgnbd.probability_alive(History(x, t_x, T), params)
    return alive * bgnbd.count_probability(n, horizon, alive_at(x, T), params) + (1 - alive) * (n == 0)


def expected(x, T, horizon, params):
    return bgnbd.purchases_given_alive(alive_at(*one(x, T)), np.array([float(horizon)]), np.ones(1), params)[
        0
    ]


@pytest.mark.parametrize(
    ("n", "horizon", "T", "params", "value"),
    [
        (10, 2, 0, PUBLISHED, 1.07869e-07),
        (0, 39, 0, PUBLISHED, 0.5737864),
        (0, 39, 38.86, CDNOW, 0.85567),  # lifetimes gives .92664
    ],
)
def test_the_published_probabilities_come_out(n, horizon, T, params, value):
    assert probability(n, horizon, (0, 0, T), params)[0] == pytest.approx(value, rel=6e-6)


params = st.builds(BGNBDParams, *(st.floats(0.1, 4) for _ in range(4)))


@given(params, st.integers(0, 20), st.floats(0.1, 5))
def test_probabilities_sum_to_one_and_their_mean_is_the_expectation(params, x, horizon):
    n = np.arange(3000.0)
    p = bgnbd.count_probability(n, horizon, alive_at(*one(x, 5)), params)
    assert (p >= 0).all()
    assert p.sum() == pytest.approx(1, abs=1e-9)
    assert p @ n == pytest.approx(expected(x, 5, horizon, params), rel=1e-6)


@given(params, st.integers(0, 20), st.floats(0.1, 50), st.floats(0.1, 50))
def test_staying_falls_with_time_and_never_below_nothing_bought(params, x, after, more):
    stay, longer = (
        bgnbd.survival_probability(alive_at(*one(x, 5)), wait, params)[0] for wait in (after, after + more)
    )
    none = bgnbd.count_probability(np.zeros(1), after, alive_at(*one(x, 5)), params)[0]
    assert 0 <= longer <= stay <= 1
    assert none <= stay + 1e-12


@given(params, st.integers(0, 20), st.floats(0.1, 50))
def test_the_rate_of_buying_is_that_of_who_stays(params, x, t):
    # d/dt of expected purchases is E[lambda; still there], as of a customer with one purchase more
    r, alpha, a, b = params
    step = 1e-4 * t
    slope = (expected(x, 5, t + step, params) - expected(x, 5, t - step, params)) / (2 * step)
    one_more = BGNBDParams(r + 1, alpha, a, b)
    stays = bgnbd.survival_probability(alive_at(*one(x, 5)), t, one_more)[0]
    assert slope == pytest.approx((r + x) / (alpha + 5) * stays, rel=1e-5)


@pytest.mark.parametrize("a", [1.5, 3.0])
def test_purchases_without_end_are_the_limit_and_infinite_up_to_a_of_one(a):
    params = BGNBDParams(0.5, 4.0, a, 2.0)
    endless = bgnbd.infinite_horizon_purchases(alive_at(*one(3, 10)), params)[0]
    assert expected(3, 10, 1e12, params) == pytest.approx(endless, rel=1e-3)
    assert np.isinf(bgnbd.infinite_horizon_purchases(alive_at(*one(3, 10)), params._replace(a=1.0)))[0]


@pytest.mark.parametrize("period", [0.5, 1.0, 4.0])
def test_few_ends_sum_as_all_periods_do(period):
    rate, horizon = 0.01, 900.3
    ends = np.append(period * np.arange(1, np.ceil(horizon / period)), horizon)
    until = np.array([expected(7, 20, end, CDNOW) for end in ends])
    by_hand = (np.diff(until, prepend=0) * (1 + rate) ** -ends).sum()
    few = bgnbd.purchases_given_alive(alive_at(*one(7, 20)), *discounted_ends(horizon, rate, period), CDNOW)[
        0
    ]
    assert few == pytest.approx(by_hand, rel=1e-11)


def test_short_periods_come_near_to_continuous_discounting():
    continuous = bgnbd.purchases_given_alive(alive_at(*one(7, 20)), *discounted_ends(100, 0.01, 0), CDNOW)[0]
    short = bgnbd.purchases_given_alive(alive_at(*one(7, 20)), *discounted_ends(100, 0.01, 0.01), CDNOW)[0]
    assert short == pytest.approx(continuous * 1.01**-0.005, rel=1e-7)


def test_simulated_customers_buy_as_often_as_the_probabilities_say():
    params, customers = BGNBDParams(0.8, 3.0, 1.2, 2.0), 200_000
    x = bgnbd_histories(np.full(customers, 10.0), params, np.random.default_rng(0)).x
    seen = np.bincount(x.astype(int), minlength=8)[:8] / customers
    expected = probability(np.arange(8), 10.0, (0, 0, 0), params)
    np.testing.assert_allclose(seen, expected, atol=4 * np.sqrt(0.25 / customers))


@pytest.mark.parametrize("params", [CDNOW, BGNBDParams(0.02, 1e-6, 0.1, 3.0)])
def test_of_many_purchases_to_come_as_many_are_simulated_as_the_probabilities_say(params):
    n, x, T, horizon = 200_000, 1.0, 10.0, 300.0
    row, _ = bgnbd.simulate_ahead(
        alive_at(np.full(n, x), np.full(n, T)), horizon, params, np.random.default_rng(1)
    )
    number = np.arange(40.0)
    seen = np.bincount(np.bincount(row, minlength=n), minlength=40)[:40] / n
    chance = bgnbd.count_probability(number, horizon, alive_at(*one(x, T)), params)
    np.testing.assert_allclose(seen, chance, atol=4 * np.sqrt(0.25 / n))


def test_simulated_futures_follow_the_probabilities_and_the_clock():
    n = 200_000
    x, T = np.full(n, 3.0), np.full(n, 10.0)
    row, time = bgnbd.simulate_ahead(alive_at(x, T), 8.0, CDNOW, np.random.default_rng(1))
    assert (np.diff(row) >= 0).all()
    assert ((time > 0) & (time <= 8)).all()
    assert (np.diff(time)[np.diff(row) == 0] > 0).all()
    seen = np.bincount(np.bincount(row, minlength=n), minlength=9)[:9] / n
    chance = bgnbd.count_probability(np.arange(9.0), 8.0, alive_at(*one(3, 10)), CDNOW)
    np.testing.assert_allclose(seen, chance, atol=4 * np.sqrt(0.25 / n))
    early = (time <= 2).sum() / n
    assert early == pytest.approx(expected(3, 10, 2, CDNOW), abs=5 * np.sqrt(early / n))
