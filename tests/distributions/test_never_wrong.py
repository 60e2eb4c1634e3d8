"""Every quantity within 1e-10 of interval arithmetic on a grid of extremes, and monotone where it must be.

The values stand in tests/oracle_values.csv. `benchmarks/accuracy.py` searches the same grid at random, for as
long as one likes; the worst that it found are kept in tests/oracle_values.py.
"""

import itertools

import numpy as np
import oracle_values
import pytest
from oracles import MODELS, error_of, one

from clvml.distributions import beta_discrete_weibull as bdw
from clvml.distributions import bgbb, bgnbd, mbgnbd, pareto_nbd
from clvml.distributions import shifted_beta_geometric as sbg
from clvml.distributions._history import History, alive_at
from clvml.distributions.beta_discrete_weibull import BetaDiscreteWeibullParams
from clvml.distributions.bgbb import BGBBParams
from clvml.distributions.bgnbd import BGNBDParams
from clvml.distributions.mbgnbd import MBGNBDParams
from clvml.distributions.pareto_nbd import ParetoNBDParams
from clvml.distributions.shifted_beta_geometric import ShiftedBetaGeometricParams
from clvml.errors import InputError

PROMISED = 1e-10
VALUES = oracle_values.read()


def rows_of(name, kind):
    return [row for row in VALUES if (row.model, row.kind) == (name, kind)]


def wrong(name, kind):
    """The errors above what is promised, by quantity and case."""
    quantities = MODELS[name].quantities
    errors = {
        (quantity, row.case): error_of(quantities[quantity].ours(row.case), truth, quantities[quantity])
        for row in rows_of(name, kind)
        for quantity, truth in row.truths.items()
    }
    return {which: error for which, error in errors.items() if not error <= PROMISED}


@pytest.mark.parametrize("name", MODELS)
def test_the_hardest_inputs_are_right(name):
    assert wrong(name, "hardest") == {}


@pytest.mark.parametrize("name", MODELS)
def test_points_all_over_the_grid_are_right(name):
    assert wrong(name, "grid") == {}


@pytest.mark.parametrize("name", MODELS)
def test_the_committed_values_are_those_of_interval_arithmetic(name):
    """A sample of them; `python tests/oracle_values.py` computes all again."""
    rows = [row for row in VALUES if row.model == name]
    for i in np.random.default_rng(0).choice(len(rows), 2, replace=False):
        assert oracle_values.truths(name, rows[i].case) == pytest.approx(rows[i].truths, rel=1e-15, abs=0)


def test_every_model_has_its_hardest_inputs_and_its_grid_in_all_quantities():
    for name, model in MODELS.items():
        hardest, grid = (
            [r for r in VALUES if (r.model, r.kind) == (name, kind)] for kind in ("hardest", "grid")
        )
        assert [row.case for row in hardest] == oracle_values.HARDEST[name]
        assert len(grid) == oracle_values.POINTS
        assert all(set(row.truths) == set(model.quantities) for row in (*hardest, *grid))


PARAMS = {
    bgnbd: [BGNBDParams(*p) for p in itertools.product((1e-3, 1.0, 1e4), repeat=4)],
    mbgnbd: [MBGNBDParams(*p) for p in itertools.product((1e-3, 1.0, 1e4), repeat=4)],
    pareto_nbd: [ParetoNBDParams(*p) for p in itertools.product((1e-3, 1.0, 1e4), repeat=4)],
    bgbb: [BGBBParams(*p) for p in itertools.product((1e-3, 1.0, 1e4), repeat=4)],
    bdw: [
        BetaDiscreteWeibullParams(*p, c)
        for *p, c in itertools.product((1e-3, 1.0, 1e4), (1e-3, 1.0, 1e4), (0.05, 1.0, 1.5, 20.0))
    ],
    sbg: [ShiftedBetaGeometricParams(*p) for p in itertools.product((1e-3, 1.0, 1e4), repeat=2)],
}
AHEAD = (1.0, 2.0, 60.0, 1e3, 5e3, 1e6, 1e7)
ROUNDING = 1 + 1e-12


@pytest.mark.parametrize("kernel", PARAMS)
def test_the_further_ahead_the_fewer_stay_and_the_more_is_bought_up_to_all_ever(kernel):
    x, T = np.array([0.0, 0.0, 1.0, 7.0, 5000.0]), np.array([0.0, 1e6, 1.0, 1e3, 5000.0])
    for params in PARAMS[kernel]:
        stays = [kernel.survival_probability(alive_at(x, T), after, params) for after in (0.0, *AHEAD)]
        bought = [
            kernel.purchases_given_alive(alive_at(x, T), np.array([h]), np.ones(1), params) for h in AHEAD
        ]
        assert (stays[0] == 1).all()
        assert (np.diff(stays, axis=0) <= 0).all()
        assert (np.array(stays) >= 0).all()
        assert (bought[0] >= 0).all()
        assert all((more >= less / ROUNDING).all() for less, more in itertools.pairwise(bought))
        assert (kernel.infinite_horizon_purchases(alive_at(x, T), params) >= bought[-1] / ROUNDING).all()


@pytest.mark.parametrize("kernel", [bgnbd, mbgnbd, pareto_nbd])
def test_the_likelihood_of_all_is_that_of_each_with_finite_derivatives(kernel):
    x, T, share = map(
        np.ravel, np.meshgrid([0.0, 1, 30, 5000], [1 / 24, 39, 1e6], [0, 1e-9, 0.3, 1 - 1e-15, 1])
    )
    t_x = np.where(x > 0, T * share, 0.0)
    histories = kernel.count(History(x, t_x, T))
    for params in PARAMS[kernel]:
        value, gradient, hessian = kernel.objective(params, histories)
        each = kernel.log_likelihood(History(x, t_x, T), params)
        assert value == pytest.approx(each.sum(), rel=1e-11), params
        assert np.isfinite([*gradient, *hessian.ravel()]).all(), params


@pytest.mark.parametrize("kernel", [bgnbd, mbgnbd, pareto_nbd, bgbb])
def test_longer_silence_never_helps(kernel):
    T = np.array([30.0, 31, 60, 100, 1000, 5000, 40_000, 1e6])
    for params, (x, t_x) in itertools.product(PARAMS[kernel], ((0.0, 0.0), (1.0, 1.0), (12.0, 30.0))):
        alive = kernel.probability_alive(History(np.full(T.size, x), np.full(T.size, t_x), T), params)
        assert (np.diff(alive) <= 1e-12 * alive[:-1]).all(), params
        assert ((alive >= 0) & (alive <= 1)).all()


@pytest.mark.parametrize("kernel", PARAMS)
@pytest.mark.parametrize("horizon", [1.0, 12.0, 300.0])
def test_probabilities_of_all_numbers_sum_to_one_with_the_expected_mean(kernel, horizon):
    for params in PARAMS[kernel]:
        x, T = 3.0, 400.0
        expected = kernel.purchases_given_alive(
            alive_at(*one(x, T)), np.array([horizon]), np.ones(1), params
        )[0]
        n = np.arange(horizon + 1 if kernel in (bgbb, bdw, sbg) else 1500)
        if kernel not in (bgbb, bdw, sbg) and (params.r + x) / (params.alpha + T) * horizon > 100:
            continue  # more purchases than are counted here
        chance = kernel.count_probability(
            n, horizon, alive_at(np.full(n.size, x), np.full(n.size, T)), params
        )
        assert chance.sum() == pytest.approx(1, rel=1e-11), params
        assert chance @ n == pytest.approx(expected, rel=1e-10), params


@pytest.mark.parametrize("kernel", PARAMS)
def test_a_purchase_is_the_more_likely_the_later_and_its_time_is_where_the_probability_is_reached(kernel):
    x, T = np.array([0.0, 0.0, 1.0, 7.0, 5000.0]), np.array([0.0, 1e6, 1.0, 1e3, 5000.0])
    history = alive_at(x, T)
    for params in PARAMS[kernel][::4]:
        buys = [kernel.any_purchase_probability(history, h, params) for h in (*AHEAD, 1e7)]
        assert (buys[0] >= 0).all(), params
        assert (buys[-1] <= 1).all(), params
        assert all((more >= less / ROUNDING).all() for less, more in itertools.pairwise(buys)), params
        for needed in (0.5, 1.0):
            time = kernel.next_purchase_time(history, np.full(x.size, needed), params)
            assert (time > 0).all(), params  # also no nan
            soon = time < 1e7
            assert (buys[-1][~soon] <= needed * ROUNDING).all(), params
            at = kernel.any_purchase_probability(history, np.where(soon, time, 1.0), params)[soon]
            assert (at >= needed * (1 - 1e-9)).all(), params
            before = kernel.any_purchase_probability(
                history, np.where(soon, time - 1 if kernel in (bgbb, bdw, sbg) else time * 0.999, 1.0), params
            )[soon]
            assert (before <= needed * ROUNDING).all(), params


@pytest.mark.parametrize("kernel", PARAMS)
def test_a_purchase_is_what_is_left_of_no_purchase(kernel):
    x, T = np.array([0.0, 2.0, 30.0]), np.array([40.0, 40.0, 40.0])
    for params, horizon in itertools.product(PARAMS[kernel][::3], (1.0, 400.0)):
        none = kernel.count_probability(np.zeros(3), horizon, alive_at(x, T), params)
        buys = kernel.any_purchase_probability(alive_at(x, T), horizon, params)
        assert buys == pytest.approx(1 - none, abs=1e-12), params


def test_more_purchases_than_opportunities_are_impossible():
    for kernel, params in (
        (bgbb, BGBBParams(1, 1, 1, 1)),
        (sbg, ShiftedBetaGeometricParams(1, 1)),
        (bdw, BetaDiscreteWeibullParams(1, 1, 2)),
    ):
        assert kernel.count_probability(*one(11), 10.0, alive_at(*one(2, 6)), params)[0] == 0


def futures(kernel, params):
    """Purchases of four customers, or none where they are refused."""
    x, T = np.array([0.0, 0.0, 1.0, 30.0]), np.array([0.0, 40.0, 40.0, 40.0])
    try:
        return kernel.simulate_ahead(alive_at(x, T), 39.0, params, np.random.default_rng(0))
    except InputError:
        return None


@pytest.mark.parametrize("kernel", [bgnbd, mbgnbd, pareto_nbd])
def test_futures_of_any_parameters_are_drawn_unless_memory_cannot_hold_them(kernel):
    kind = type(PARAMS[kernel][0])
    grid = itertools.product((1e-300, 1.0, 1e300), repeat=4)
    drawn = [future for params in grid if (future := futures(kernel, kind(*params))) is not None]
    assert len(drawn) > 40
    for row, time in drawn:
        assert ((time >= 0) & (time <= 39)).all()
        assert (np.diff(row) >= 0).all()
    with pytest.raises(InputError, match="too many to simulate"):
        kernel.simulate_ahead(
            alive_at(*one(1, 40)), 39.0, kind(1e300, 1.0, 1e-300, 1e300), np.random.default_rng(0)
        )
