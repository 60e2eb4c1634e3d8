"""Pareto/NBD and BG/NBD with covariates that change over time."""

import itertools

import numpy as np
import pytest
from scipy.integrate import quad

from clvml.distributions import _bgnbd_dynamic as bgnbd_dynamic
from clvml.distributions import _pareto_nbd_dynamic as pareto_nbd_dynamic
from clvml.distributions import bgnbd, pareto_nbd
from clvml.distributions._covariate_paths import PathHistory, continued, merged
from clvml.distributions._history import History
from clvml.distributions.bgnbd import BGNBDParams
from clvml.distributions.pareto_nbd import ParetoNBDParams

SIDES = (slice(0, 2), slice(1, 3))  # the second covariate is of both sides
GAMMA, DELTA = np.array([0.3, -0.2]), np.array([0.4, 0.1])
EDGES = np.arange(0.0, 130.0)
CASES = {
    pareto_nbd_dynamic: (ParetoNBDParams(0.6, 10.0, 0.7, 12.0), pareto_nbd),
    bgnbd_dynamic: (BGNBDParams(0.6, 10.0, 0.8, 3.0), bgnbd),
}

# CLVTools 0.12.1, tests/testthat/fitted_dyncov.rds: customers of 364 days whose weekly covariates are
# high season (1 in weeks 21 to 23 and 39 to 48), gender and channel; at the parameters of the file.
# Repeat purchases, day of the last, gender, channel, sums of the three at purchases, A, B, log-likelihood.
CLVTOOLS = [
    (19, 358, 0, 1, (6, 0, 19), 80.4115083369021, 58.97990166103246, -40.5138146439981),
    (10, 357, 1, 0, (2, 10, 0), 58.97990166103248, 58.97990166103246, -28.667577413962587),
    (12, 339, 1, 0, (2, 12, 0), 58.97990166103247, 58.97990166103246, -31.9020213163642),
    (2, 178, 1, 1, (0, 2, 2), 88.8684604925417, 65.18287206673467, -10.136105909782088),
    (3, 56, 0, 0, (0, 0, 0), 53.36722193498341, 53.36722193498341, -9.95192507997987),
    (1, 335, 1, 1, (1, 1, 1), 88.86846049254167, 65.18287206673467, -7.175704235514767),
    (0, 0, 0, 1, (0, 0, 0), 80.4115083369021, 58.979901661032464, -1.4695180803434325),
]


def histories(n=200, constant=False, seed=0):
    rng = np.random.default_rng(seed)
    T, x, first = rng.uniform(1, 100, n), rng.poisson(3, n).astype(float), rng.uniform(0, 20, n)
    last = np.where(x > 0, rng.uniform(0, 1, n) * T, 0.0)
    values = rng.normal(size=(n, EDGES.size, 3))
    values[:, :, 2] = values[:, :1, 2]  # time-invariant
    if constant:
        values[:] = values[:, :1]
    purchases = x[:, None] * values[:, 0]
    return PathHistory(x, first, first + last, first + T, EDGES, values, purchases, rng.uniform(0, 2, n))


def static(kernel, history):
    """The same customers with parameters of their own, for covariates that do not change."""
    z = history.values[:, 0]
    params = CASES[kernel][0]
    alpha = params.alpha * np.exp(-z[:, SIDES[0]] @ GAMMA)
    change = np.exp(z[:, SIDES[1]] @ DELTA)
    own = params._replace(alpha=alpha)
    own = (
        own._replace(beta=own.beta / change)
        if kernel is pareto_nbd_dynamic
        else own._replace(a=own.a * change)
    )
    return History(history.x, history.last - history.first, history.end - history.first), own


@pytest.mark.parametrize("kernel", CASES)
def test_covariates_that_do_not_change_are_static_ones(kernel):
    history, (params, plain) = histories(constant=True), CASES[kernel]
    known, own = static(kernel, history)
    point = (params, GAMMA, DELTA, SIDES)
    np.testing.assert_allclose(
        kernel.log_likelihood(history, *point), plain.log_likelihood(known, own), rtol=1e-11, atol=1e-11
    )
    np.testing.assert_allclose(
        kernel.probability_alive(history, *point), plain.probability_alive(known, own), rtol=1e-10
    )
    np.testing.assert_allclose(
        kernel.purchases_given_alive(history, history.end + 30, *point),
        plain.purchases_given_alive(known, np.array([30.0]), np.ones(1), own),
        rtol=1e-10,
    )


@pytest.mark.parametrize("kernel", CASES)
def test_the_gradient_is_the_derivative_of_the_log_likelihood(kernel):
    history = histories()
    if kernel is bgnbd_dynamic:  # dropout: only what does not change
        sides, delta = (slice(0, 2), slice(2, 3)), DELTA[:1]
    else:
        sides, delta = SIDES, DELTA
    kind = type(CASES[kernel][0])
    theta = np.concatenate([np.log(CASES[kernel][0]), GAMMA, delta])

    def at(theta):
        return kernel.log_likelihood_with_slopes(
            history, kind(*np.exp(theta[:4])), theta[4:6], theta[6:], sides
        )

    value, slope = at(theta)
    each = kernel.log_likelihood(history, kind(*np.exp(theta[:4])), theta[4:6], theta[6:], sides)
    assert value == pytest.approx(history.weights @ each, rel=1e-13)
    for k in range(theta.size):
        step = 1e-5 * (np.arange(theta.size) == k)
        assert (at(theta + step)[0] - at(theta - step)[0]) / 2e-5 == pytest.approx(
            slope[k], rel=1e-6, abs=1e-5
        )


def clocks(history, i):
    """The two operational clocks of a customer, and the dropout multiple, written out plainly."""
    stops = np.append(EDGES[1:], np.inf)
    speed = np.exp(history.values[i, :, SIDES[0]] @ GAMMA)
    hazard = np.exp(history.values[i, :, SIDES[1]] @ DELTA)

    def run(multiple, t):
        return multiple @ (np.clip(t, EDGES, stops) - np.clip(history.first[i], EDGES, stops))

    def now(t):
        k = np.searchsorted(EDGES, t, side="right") - 1
        return speed[k], hazard[k]

    return (lambda t: run(speed, t)), (lambda t: run(hazard, t)), now


def integrated(function, start, stop):
    points = [start, *EDGES[(start < EDGES) & (stop > EDGES)], stop]
    return sum(quad(function, low, high, epsabs=0)[0] for low, high in itertools.pairwise(points))


@pytest.mark.parametrize("i", range(6))
def test_p_alive_of_pareto_nbd_is_that_of_quadrature(i):
    history, params = histories(8), CASES[pareto_nbd_dynamic][0]
    r, alpha, s, beta = params
    A, B, now = clocks(history, i)
    T, x = history.end[i], history.x[i]

    def dropped(t):
        return (
            s
            * ((alpha + A(T)) / (alpha + A(t))) ** (r + x)
            * ((beta + B(T)) / (beta + B(t))) ** s
            * (now(t)[1] / (beta + B(t)))
        )

    expected = 1 / (1 + integrated(dropped, history.last[i], T))
    found = pareto_nbd_dynamic.probability_alive(history, params, GAMMA, DELTA, SIDES)[i]
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("i", range(4))
def test_expected_purchases_of_pareto_nbd_are_those_of_quadrature(i):
    history, params = histories(8), CASES[pareto_nbd_dynamic][0]
    A, B, now = clocks(history, i)
    T = history.end[i]
    rate = (params.r + history.x[i]) / (params.alpha + A(T))
    expected = rate * integrated(
        lambda t: now(t)[0] * ((params.beta + B(T)) / (params.beta + B(t))) ** params.s, T, T + 17.3
    )
    found = pareto_nbd_dynamic.purchases_given_alive(history, history.end + 17.3, params, GAMMA, DELTA, SIDES)
    assert found[i] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("s", [1.0, 1.0 + 1e-12, 1.0 - 1e-9])
def test_expected_purchases_go_smoothly_through_s_of_1(s):
    history, params = histories(20), CASES[pareto_nbd_dynamic][0]

    def at(s):
        point = (params._replace(s=s), GAMMA, DELTA, SIDES)
        return pareto_nbd_dynamic.purchases_given_alive(history, history.end + 20, *point)

    np.testing.assert_allclose(at(s), (at(1 - 1e-4) + at(1 + 1e-4)) / 2, rtol=1e-7)


@pytest.mark.parametrize("customer", CLVTOOLS)
def test_log_likelihoods_are_those_of_clvtools(customer):
    x, last, gender, channel, sums, A, B, published = customer
    weeks = np.arange(52)
    season = (((weeks >= 21) & (weeks < 24)) | ((weeks >= 39) & (weeks < 49))).astype(float)
    path = np.stack([season, np.full(52, gender), np.full(52, channel)], axis=1)
    values = np.concatenate([path, path], axis=1)[None]
    one = PathHistory(
        np.array([float(x)]),
        np.zeros(1),
        np.array([last / 7]),
        np.array([52.0]),
        weeks.astype(float),
        values,
        np.array([[*sums, *sums]], dtype=float),
        np.ones(1),
    )
    sides = (slice(0, 3), slice(3, 6))
    params = ParetoNBDParams(0.7579, 4.7419, 0.5432, 22.1892)
    gamma, delta = np.array([0.1, 0.1, 0.40996057]), np.full(3, 0.1)
    seen = one.before + one.after
    assert (one.speed(gamma, sides[0]) * seen).sum() == pytest.approx(A, rel=1e-8)
    assert (one.speed(delta, sides[1]) * seen).sum() == pytest.approx(B, rel=1e-8)
    found = pareto_nbd_dynamic.log_likelihood(one, params, gamma, delta, sides)
    assert found[0] == pytest.approx(published, abs=2e-6)  # parameters have eight digits


@pytest.mark.parametrize("kernel", CASES)
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("x", [0.0, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("scale", [1e-5, 1e5])
def test_extremes_give_numbers(kernel, size, x, scale):
    values = np.random.default_rng(1).normal(scale=3.0, size=(4, EDGES.size, 3))
    values[:, :, 1:] = values[:, :1, 1:]
    last = np.array([0.1, 0.5, 90.0, 99.999]) * (x > 0)
    history = PathHistory(
        np.full(4, x), np.zeros(4), last, np.full(4, 100.0), EDGES, values, values[:, 0], np.ones(4)
    )
    params = type(CASES[kernel][0])(size, scale, size, 1 / scale if kernel is pareto_nbd_dynamic else size)
    point = (params, GAMMA, DELTA, SIDES)
    alive = kernel.probability_alive(history, *point)
    assert ((alive >= 0) & (alive <= 1)).all()
    assert np.isfinite(kernel.log_likelihood(history, *point)).all()
    ahead = kernel.purchases_given_alive(history, history.end + 20, *point)
    assert (np.isfinite(ahead) & (ahead >= 0)).all()
    assert np.isfinite(kernel.log_likelihood_with_slopes(history, *point)[1]).all()


def test_cells_that_differ_from_those_before_for_nobody_are_merged():
    history = histories(5)
    twice = np.repeat(history.values, 2, axis=1)
    edges, values = merged(np.arange(twice.shape[1]) / 2, twice)
    np.testing.assert_array_equal(edges, EDGES)
    np.testing.assert_array_equal(values, history.values)


def test_paths_go_on_as_they_were_a_year_ago():
    edges, year = np.arange(0.0, 60.0), 52.0
    values = np.concatenate([np.sin(edges), [0.0]])[None, :, None]
    longer, going_on = continued(np.append(edges, 60.0), values, 200.0, year)
    for time in np.arange(60.5, 199.0):
        k = np.searchsorted(longer, time, side="right") - 1
        lagged = time
        while lagged >= 60:
            lagged -= year
        assert going_on[0, k, 0] == np.sin(np.floor(lagged))
    assert (np.diff(longer) > 0).all()
    held, last = continued(np.append(edges, 60.0), values, 200.0, None)
    assert held[-1] == 59
    assert last[0, -1, 0] == np.sin(59.0)
