"""The BG/CNBD-k kernel: BTYDplus's numbers, BG/NBD for k = 1, calculus, interval arithmetic, simulation."""

import numpy as np
import pytest
from flint import arb, ctx
from scipy.special import gammaln

from clvml.distributions import bgnbd, mbgnbd
from clvml.distributions._bgcnbd_likelihood import log_spacing
from clvml.distributions._discounting import discounted_ends
from clvml.distributions._erlang_sums import average_purchases, average_survival
from clvml.distributions._history import History, new_customers
from clvml.distributions.bgcnbd import BGCNBDParams, ErlangKernel

PARAMS = BGCNBDParams(0.6, 5.0, 0.9, 1.7)
PUBLISHED = BGCNBDParams(0.5, 2.0, 0.3, 0.6)  # with k = 3, in src/slice-sampling.cpp of BTYDplus 1.2.0


def simulated(k, at_first, n=300, seed=1):
    rng = np.random.default_rng(seed)
    return ErlangKernel(k, at_first).simulate(rng.uniform(5, 60, n), PARAMS, rng)


@pytest.mark.parametrize(("at_first", "published"), [(0, 0.05669), (1, 0.04548)])
def test_btydplus_gives_the_same_probability_of_two_purchases_of_a_new_customer(at_first, published):
    kernel, new = ErlangKernel(3, at_first), new_customers(1)
    alive = kernel.probability_alive(new, PUBLISHED)
    two = alive * kernel.count_probability(np.array([2.0]), 10.0, new, PUBLISHED)
    assert two[0] == pytest.approx(published, abs=5e-6)


def test_btydplus_gives_the_same_log_likelihood_from_the_times_between_purchases():
    x, t_x, T, litt, k = np.array([3.0, 4.0]), np.full(2, 12.0), np.full(2, 14.0), 3.0, 3
    summary = ErlangKernel(k).log_likelihood(History(x, t_x, T), PUBLISHED)
    of_times = summary - log_spacing(x, t_x, k) + (k - 1) * litt - x * gammaln(k)
    assert of_times == pytest.approx([-10.42500, -12.22396], abs=5e-6)


@pytest.mark.parametrize(("at_first", "module"), [(0, bgnbd), (1, mbgnbd)])
def test_one_event_per_purchase_is_bg_nbd(at_first, module):
    kernel, history = ErlangKernel(1, at_first), simulated(1, at_first)
    two, share = np.full(history.size, 2.0), np.full(history.size, 0.3)
    ends = discounted_ends(52.0, 0.002)
    for ours, theirs in zip(
        kernel.objective(PARAMS, kernel.count(history)),
        module.objective(PARAMS, module.count(history)),
        strict=True,
    ):
        assert ours == pytest.approx(theirs, rel=1e-13)
    for name, arguments in {
        "log_likelihood": (history, PARAMS),
        "probability_alive": (history, PARAMS),
        "survival_probability": (history, 26.0, PARAMS),
        "purchases_given_alive": (history, *ends, PARAMS),
        "infinite_horizon_purchases": (history, PARAMS._replace(a=1.5)),
        "count_probability": (two, 26.0, history, PARAMS),
        "any_purchase_probability": (history, 26.0, PARAMS),
        "next_purchase_time": (history, share, PARAMS),
    }.items():
        assert getattr(kernel, name)(*arguments) == pytest.approx(
            getattr(module, name)(*arguments), rel=1e-12
        )


@pytest.mark.parametrize("at_first", [0, 1])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_gradient_and_hessian_are_the_derivatives_of_the_likelihood(k, at_first):
    kernel, history = ErlangKernel(k, at_first), simulated(k, at_first)
    counts, step = kernel.count(history), 1e-6
    value, gradient, hessian = kernel.objective(PARAMS, counts)
    assert kernel.total(PARAMS, counts) == pytest.approx(value, rel=1e-12)
    assert kernel.log_likelihood(history, PARAMS).sum() == pytest.approx(value, rel=1e-12)
    for i, name in enumerate(PARAMS._fields):
        up, down = (
            kernel.objective(PARAMS._replace(**{name: PARAMS[i] * factor}), counts)
            for factor in (1 + step, 1 - step)
        )
        width = 2 * step * PARAMS[i]
        assert (up[0] - down[0]) / width == pytest.approx(gradient[i], rel=1e-5, abs=1e-5)
        assert (up[1] - down[1]) / width == pytest.approx(hessian[i], rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("k", [2, 4])
def test_derivatives_by_customer_add_up_to_those_of_the_total(k):
    kernel, history = ErlangKernel(k, 1), simulated(k, 1)
    own = [np.full(history.size, value) for value in PARAMS]
    value, gradient, _ = kernel.objective(PARAMS, kernel.count(history))
    each, slopes, curves = kernel.derivatives(history, own)
    assert each.sum() == pytest.approx(value, rel=1e-12)
    assert slopes.sum(axis=1) == pytest.approx(gradient * np.array(PARAMS), rel=1e-9)
    up, down = (kernel.derivatives(history, [own[0] * f, *own[1:]])[1] for f in (np.exp(1e-5), np.exp(-1e-5)))
    assert (up - down) / 2e-5 == pytest.approx(curves[0], rel=1e-6, abs=1e-7)


def by_arb(n, z, k, r, a, b):
    """Expected purchases and survival, event by event, in interval arithmetic."""
    ctx.prec = 200
    R, B, m, share = arb(r) + n, arb(b) + n // k, n % k, arb(z) / (1 + arb(z))
    chance, stays, made = (1 + arb(z)) ** (-R), arb(1), arb(0)
    purchases, alive, mass, i, x = arb(0), arb(0), arb(0), 0, 0
    while float(1 - mass) > 1e-45 and i < 60_000:
        while x < (i + m) // k:
            made, stays, x = made + stays, stays * (B + x) / (arb(a) + B + x), x + 1
        purchases, alive, mass = purchases + chance * made, alive + chance * stays, mass + chance
        chance, i = chance * share * (R + i) / (i + 1), i + 1
    return float(purchases), float(alive)


EXTREMES = [
    (0, 1e-4, 2, 0.5, 0.8, 2.0),
    (0, 3.0, 12, 1e-3, 1e-3, 1e-3),
    (11, 1e-6, 12, 1e-3, 1.0, 1e4),
    (7, 0.4, 3, 0.6, 1e4, 1e-3),
    (1, 400.0, 2, 1e-3, 1.0, 1.0),
    (0, 300.0, 5, 0.3, 1e-3, 1e4),
    (60, 40.0, 3, 1.0, 0.9, 2.0),
    (500, 3.0, 2, 1e4, 1.0 + 1e-12, 1e-3),
    (2000, 3.0, 4, 1.0, 5.0, 1e-3),
    (40, 90.0, 12, 1e-3, 1e4, 1.0),
]


@pytest.mark.parametrize("case", EXTREMES)
def test_expected_purchases_and_survival_are_those_of_interval_arithmetic(case):
    n, z, k, r, a, b = case
    purchases, alive = by_arb(*case)
    at = np.array([float(n)]), np.array([[z]])
    assert average_purchases(*at, k, r, a, b)[0, 0] == pytest.approx(purchases, rel=1e-10, abs=0)
    assert average_survival(*at, k, r, a, b)[0, 0] == pytest.approx(alive, rel=1e-10, abs=0)


@pytest.mark.parametrize("k", [1, 2, 3, 7, 12])
def test_nothing_is_ever_not_a_number_and_probabilities_are_probabilities(k):
    sizes, customers = (1e-3, 1.0, 1e4), [(0, 0, 0), (0, 0, 1e6), (1, 0, 1), (3, 1e-9, 1e6), (5000, 1e6, 1e6)]
    history = History(*(np.array(column, dtype=float) for column in zip(*customers, strict=True)))
    for at_first in (0, 1):
        kernel = ErlangKernel(k, at_first)
        for r in sizes[::2]:
            for a in sizes:
                params = BGCNBDParams(r, sizes[(k + at_first) % 3], a, sizes[(k + 1) % 3])
                alive = kernel.probability_alive(history, params)
                assert ((alive >= 0) & (alive <= 1)).all()
                assert np.isfinite(kernel.log_likelihood(history, params)).all()
                for horizon in (1 / 24, 1e4):
                    expected = kernel.purchases_given_alive(history, np.array([horizon]), np.ones(1), params)
                    assert np.isfinite(expected).all()
                    assert (expected >= 0).all()
                    for value in (
                        kernel.survival_probability(history, horizon, params),
                        kernel.any_purchase_probability(history, horizon, params),
                        kernel.count_probability(np.full(5, 2.0), horizon, history, params),
                    ):
                        assert ((value >= 0) & (value <= 1 + 1e-12)).all()


def test_the_numbers_of_purchases_have_probabilities_that_sum_to_one_and_the_expectation_as_mean():
    kernel, history = ErlangKernel(3, 1), simulated(3, 1, n=20)
    n = np.arange(200.0)
    each = np.array([kernel.count_probability(np.full(20, number), 30.0, history, PARAMS) for number in n])
    assert each.sum(axis=0) == pytest.approx(1, abs=1e-9)
    expected = kernel.purchases_given_alive(history, np.array([30.0]), np.ones(1), PARAMS)
    assert n @ each == pytest.approx(expected, rel=1e-8)
    assert 1 - each[0] == pytest.approx(kernel.any_purchase_probability(history, 30.0, PARAMS), rel=1e-10)


def followed(k, at_first, T, ahead, size, rng):
    """Customers bought one by one, from the definition of the model, until ``T + ahead``."""
    rate, dropout = rng.gamma(PARAMS.r, 1 / PARAMS.alpha, size), rng.beta(PARAMS.a, PARAMS.b, size)
    clock, x, t_x, later = (np.zeros(size) for _ in range(4))
    alive = rng.random(size) >= dropout if at_first else np.ones(size, dtype=bool)
    here, at_end = np.flatnonzero(alive), alive.copy()
    while here.size:
        clock[here] += rng.standard_gamma(k, here.size) / rate[here]
        here = here[clock[here] <= T + ahead]
        past = clock[here] <= T
        x[here[past]] += 1
        t_x[here[past]] = clock[here[past]]
        later[here[~past]] += 1
        left = rng.random(here.size) < dropout[here]
        at_end[here[left]] = False
        alive[here[left & past]] = False
        here = here[~left]
    return History(x, t_x, np.full(size, T)), alive, later, at_end


@pytest.mark.parametrize("at_first", [0, 1])
def test_customers_followed_past_the_end_do_as_predicted(at_first):
    rng, kernel, T, ahead = np.random.default_rng(3), ErlangKernel(3, at_first), 30.0, 20.0
    history, alive, later, at_end = followed(3, at_first, T, ahead, 200_000, rng)
    probability = kernel.probability_alive(history, PARAMS)
    expected = probability * kernel.purchases_given_alive(history, np.array([ahead]), np.ones(1), PARAMS)
    survives = probability * kernel.survival_probability(history, ahead, PARAMS)
    buys = probability * kernel.any_purchase_probability(history, ahead, PARAMS)
    groups = [
        history.x == 0,
        (history.x == 1) & (history.t_x < 15),
        (history.x == 2) & (history.t_x > 20),
        history.x > 3,
    ]
    for group in groups:
        for predicted, seen in [
            (probability, alive),
            (expected, later),
            (survives, at_end),
            (buys, later > 0),
        ]:
            error = 4 * seen[group].std() / np.sqrt(group.sum()) + 1e-9
            assert predicted[group].mean() == pytest.approx(seen[group].mean(), abs=error)


def test_simulated_histories_and_futures_follow_the_model():
    rng, kernel, T = np.random.default_rng(4), ErlangKernel(2, 1), 30.0
    history, _, _, _ = followed(2, 1, T, 0.0, 100_000, rng)
    other = kernel.simulate(np.full(100_000, T), PARAMS, rng)
    for ours, theirs in ((other.x, history.x), (other.t_x, history.t_x)):
        assert ours.mean() == pytest.approx(theirs.mean(), abs=6 * theirs.std() / np.sqrt(1e5))
    row, time = kernel.simulate_ahead(history, 20.0, PARAMS, rng)
    assert (np.diff(row) >= 0).all()
    assert (np.diff(time)[np.diff(row) == 0] >= 0).all()
    assert ((time > 0) & (time <= 20)).all()
    number = np.bincount(row, minlength=history.size)
    expected = kernel.purchases_given_alive(history, np.array([20.0]), np.ones(1), PARAMS)
    for group in (history.x == 0, (history.x > 1) & (history.t_x > 25)):
        error = 4 * number[group].std() / np.sqrt(group.sum())
        assert number[group].mean() == pytest.approx(expected[group].mean(), abs=error)
    early = kernel.purchases_given_alive(history, np.array([5.0]), np.ones(1), PARAMS)
    assert (time <= 5).sum() == pytest.approx(early.sum(), rel=0.03)


def test_a_scenario_of_one_changes_nothing_and_faster_time_is_a_longer_horizon():
    kernel, history = ErlangKernel(3, 1), simulated(3, 1, n=50)

    def expected(multiples, horizon):
        then, params = kernel.rescaled(history, PARAMS, *multiples)
        return kernel.purchases_given_alive(then, np.array([horizon]), np.ones(1), params)

    plain = kernel.purchases_given_alive(history, np.array([40.0]), np.ones(1), PARAMS)
    assert expected((1.0, 1.0), 40.0) == pytest.approx(plain, rel=1e-12)
    assert expected((2.0, 1.0), 20.0) == pytest.approx(plain, rel=1e-12)
    assert (expected((1.0, 1.5), 40.0) < plain).all()


def test_customers_who_have_just_bought_have_no_events_since():
    kernel, T = ErlangKernel(3, 1), np.array([10.0, 40.0])
    just = History(np.array([1.0, 5.0]), T, T)
    ends = np.array([20.0]), np.ones(1)
    after = kernel.purchases_given_alive(just, *ends, PARAMS)
    due = kernel.purchases_given_alive(History(just.x, T - 3, T), *ends, PARAMS)
    assert (after < due).all()
    assert kernel.purchases_given_alive(just.rows(slice(0, 0)), *ends, PARAMS).size == 0
