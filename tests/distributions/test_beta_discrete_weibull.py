"""The beta-discrete-Weibull's kernels against the paper, calculus, interval arithmetic and simulation."""

import itertools

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st

from clvml.distributions import beta_discrete_weibull as bdw
from clvml.distributions import shifted_beta_geometric as sbg
from clvml.distributions._discounting import discounted_ends
from clvml.distributions._history import History, alive_at
from clvml.distributions.beta_discrete_weibull import BetaDiscreteWeibullParams
from clvml.distributions.shifted_beta_geometric import ShiftedBetaGeometricParams

params = st.builds(BetaDiscreteWeibullParams, st.floats(0.05, 5), st.floats(0.05, 5), st.floats(0.2, 4))
GRID = [
    BetaDiscreteWeibullParams(*p)
    for p in itertools.product((1e-3, 1.0, 1e4), (1e-3, 1.0, 1e4), (0.05, 0.5, 1.0, 1.6, 20.0))
]


def survival(params, t):
    """B(alpha, beta + t**c) / B(alpha, beta), equation by equation of the paper, by interval arithmetic."""
    alpha, beta, c = map(arb, params)
    u = arb(t) ** c if t else arb(0)
    logs = (beta + u).lgamma() - (alpha + beta + u).lgamma() - beta.lgamma() + (alpha + beta).lgamma()
    return logs.exp()


@pytest.mark.parametrize("params", GRID)
def test_probabilities_are_those_of_interval_arithmetic_on_the_grid_of_extremes(params):
    ctx.prec = 600
    for made, more in ((0, 1), (0, 0), (1, 3), (30, 1), (5000, 1), (999_999, 1), (1_000_000, 0)):
        history = alive_at(np.array([float(made)]), np.array([float(made)]))
        offered = History(history.x, history.x, history.x + more)
        value = bdw.log_likelihood(offered, params)[0]
        left = survival(params, made) - (survival(params, made + 1) if more else 0)
        if left > arb("1e-280"):
            assert value == pytest.approx(float(left.log()), rel=1e-10, abs=1e-10), (made, more)
        assert np.isfinite(value)
        for ahead in (1, 60, 10_000_000):
            truth = survival(params, made + ahead) / survival(params, made)
            ours = bdw.survival_probability(history, float(ahead), params)[0]
            assert ours == pytest.approx(float(truth), rel=1e-10, abs=1e-290), (made, ahead)


@pytest.mark.parametrize("params", GRID)
def test_expected_renewals_are_the_sum_of_the_survival_function(params):
    T = np.array([0.0, 1.0, 40.0, 1e6])
    history, ends = alive_at(T, T), np.arange(1.0, 5001.0)
    alive = bdw.survival_probability(history, ends[:, None], params)
    for horizon in (1, 64, 65, 80, 1000, 5000):
        value = bdw.purchases_given_alive(history, np.array([float(horizon)]), np.ones(1), params)
        np.testing.assert_allclose(value, alive[:horizon].sum(axis=0), rtol=1e-11, atol=1e-290)
    value = bdw.purchases_given_alive(history, *discounted_ends(5000.0, 0.01), params)
    np.testing.assert_allclose(value, 1.01**-ends @ alive, rtol=1e-10, atol=1e-290)


@pytest.mark.parametrize("c", [0.6, 1.6, 3.0])
@pytest.mark.parametrize("T", [0.0, 5.0])
def test_an_infinite_horizon_is_the_limit_of_long_ones(c, T):
    params, history = BetaDiscreteWeibullParams(3.0, 2.0, c), alive_at(*np.array([[T], [T]]))
    k = 1e10
    long = bdw.purchases_given_alive(history, np.array([k]), np.ones(1), params)[0]
    rest = bdw.survival_probability(history, k, params)[0] * k / (3 * c - 1)  # S is a power of k there
    assert bdw.infinite_horizon_purchases(history, params)[0] == pytest.approx(long + rest, rel=1e-8)
    assert np.isinf(bdw.infinite_horizon_purchases(history, BetaDiscreteWeibullParams(1 / c, 2.0, c))[0])


@given(params, st.integers(0, 2**32 - 1))
def test_the_gradient_and_hessian_are_derivatives_of_the_likelihood(params, seed):
    rng = np.random.default_rng(seed)
    offered = rng.integers(1, 9, 40).astype(float)
    renewed = np.minimum(rng.geometric(0.3, 40) - 1.0, offered)
    history = History(renewed, renewed, offered)
    renewals = bdw.count(history)
    value, gradient, hessian = bdw.objective(params, renewals)
    assert value == pytest.approx(bdw.log_likelihood(history, params).sum(), rel=1e-11)
    assert value == pytest.approx(bdw.total(params, renewals), rel=1e-12)
    theta = np.array(params)
    for i, size in enumerate(1e-4 * theta):
        step = np.eye(3)[i] * size
        up = bdw.objective(BetaDiscreteWeibullParams(*(theta + step)), renewals)
        down = bdw.objective(BetaDiscreteWeibullParams(*(theta - step)), renewals)
        noise = 1e-9 * abs(value) / size
        np.testing.assert_allclose(gradient[i], (up[0] - down[0]) / (2 * size), rtol=1e-4, atol=noise)
        slope_noise = 1e-9 * abs(gradient).max() / size + 1e-5 * abs(hessian).max()
        np.testing.assert_allclose(hessian[i], (up[1] - down[1]) / (2 * size), rtol=1e-4, atol=slope_noise)


@pytest.mark.parametrize("params", GRID)
def test_derivatives_are_finite_on_the_grid_of_extremes(params):
    offered = np.array([0.0, 1, 1, 30, 30, 5000, 5000, 1e6, 1e6])
    renewed = np.array([0.0, 0, 1, 5, 30, 4999, 5000, 999_999, 1e6])
    history = History(renewed, renewed, offered)
    value, gradient, hessian = bdw.derivatives(history, [np.full(9, param) for param in params])
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()
    assert np.isfinite(hessian).all()


@settings(max_examples=25)
@given(st.floats(0.05, 5), st.floats(0.05, 5), st.integers(0, 2**32 - 1))
def test_with_c_of_one_it_is_the_shifted_beta_geometric(alpha, beta, seed):
    rng = np.random.default_rng(seed)
    offered = rng.integers(1, 90, 20).astype(float)
    renewed = np.minimum(rng.geometric(0.1, 20) - 1.0, offered)
    history, now = History(renewed, renewed, offered), alive_at(offered, offered)
    ours, theirs = BetaDiscreteWeibullParams(alpha, beta, 1.0), ShiftedBetaGeometricParams(alpha, beta)
    np.testing.assert_allclose(bdw.log_likelihood(history, ours), sbg.log_likelihood(history, theirs), 1e-11)
    for ends, weights in (discounted_ends(np.inf, 0.02), discounted_ends(300.0, 0.1, 1 / 12)):
        np.testing.assert_allclose(
            bdw.purchases_given_alive(now, ends, weights, ours),
            sbg.purchases_given_alive(now, ends, weights, theirs),
            1e-11,
        )
    np.testing.assert_allclose(
        bdw.infinite_horizon_purchases(now, BetaDiscreteWeibullParams(1 + alpha, beta, 1.0)),
        sbg.infinite_horizon_purchases(now, ShiftedBetaGeometricParams(1 + alpha, beta)),
        1e-10,
    )


@pytest.mark.parametrize("c", [0.2, 1.6, 5.0])
def test_simulated_subscribers_renew_as_often_as_expected(c):
    params, n = BetaDiscreteWeibullParams(0.7, 3.0, c), 400_000
    renewed = bdw.simulate(np.full(n, 10.0), params, np.random.default_rng(0)).x
    there, three = renewed >= 3, np.full(1, 3.0)
    for after in (1, 4, 7):
        value = bdw.survival_probability(alive_at(three, three), after, params)[0]
        share = (renewed[there] >= 3 + after).mean()
        assert share == pytest.approx(value, abs=4 * np.sqrt(value / there.sum()))
    T = np.full(n, 3.0)
    row, time = bdw.simulate_ahead(alive_at(T, T), 7.0, params, np.random.default_rng(1))
    made = np.bincount(row, minlength=n)
    np.testing.assert_array_equal(time, np.concatenate([np.arange(1.0, number + 1) for number in made]))
    for number in range(8):
        chance = bdw.count_probability(np.array([number]), 7.0, alive_at(three, three), params)[0]
        assert (made == number).mean() == pytest.approx(chance, abs=4 * np.sqrt(chance / n))
