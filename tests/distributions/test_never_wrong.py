"""Every quantity within 1e-10 of interval arithmetic on a grid of extremes, and monotone where it must be.

`benchmarks/accuracy.py` searches the same grid at random, for as long as one likes; the worst that it found
are kept here.
"""

import itertools

import numpy as np
import pytest
from oracles import MODELS, Case, error, one

from clvml.distributions import bgbb, bgnbd, mbgnbd, pareto_nbd
from clvml.distributions import shifted_beta_geometric as sbg
from clvml.distributions._history import History, alive_at
from clvml.distributions.bgbb import BGBBParams
from clvml.distributions.bgnbd import BGNBDParams
from clvml.distributions.gamma_gamma import GammaGammaParams
from clvml.distributions.mbgnbd import MBGNBDParams
from clvml.distributions.pareto_nbd import ParetoNBDParams
from clvml.distributions.shifted_beta_geometric import ShiftedBetaGeometricParams
from clvml.errors import InputError

PROMISED = 1e-10
POINTS = {"BG/NBD": 5, "MBG/NBD": 5, "Pareto/NBD": 20}  # whose oracles take long

HARDEST = {
    "BG/NBD": [
        # On which others return nan, inf or a wrong number: numbers.md
        Case(BGNBDParams(0.11, 2.24, 0.31, 0.5), 0, 0, 1, 30, 1),
        Case(BGNBDParams(0.243, 4.414, 0.793, 2.426), 500, 360, 365, 1e6, 5000),
        # 10,000 of log-likelihood cancel
        Case(BGNBDParams(1e4, 1e4, 1.0, 0.0055), 1, 0, 621_935.45, 447.1, 5),
        # Far tails: scipy's incomplete beta function is wrong in the third digit, or zero from 1e-284
        Case(BGNBDParams(36.686402271473476, 1e3, 1 + 3e-8, 0.008), 0, 0, 47_078.05, 285_355.26, 5000),
        Case(BGNBDParams(27.468082563035843, 1.0, 1.0, 1.0), 0, 0, 0, 0.339916205195545, 546),
        # One less the share of the time ahead keeps 9 digits
        Case(BGNBDParams(1e-3, 1e-3, 1.0, 1e4), 0, 0, 0, 1e6, 5000),
        Case(BGNBDParams(1.6, 0.12, 1e-3, 1e-3), 1, 0.00127, 0.1577, 0.7558, 3),
        # Gauss-Jacobi nodes that serve z = 2.25 are 2 % off
        Case(BGNBDParams(1070.0, 1370.0, 1.0, 0.0829), 0, 0, 2390, 8460, 40),
        # Hardly anybody stays
        Case(BGNBDParams(1e4, 1e-3, 1e4, 1e-3), 0, 0, 0, 1e6, 1),
        Case(BGNBDParams(0.03, 0.001, 1 - 1e-12, 1e-3), 5000, 1e6 - 1e-9, 1e6, 1 / 24, 1),
        Case(BGNBDParams(1e-3, 1e4, 1 + 2.3e-16, 1e-3), 0, 0, 1e6, 1e6, 0),
    ],
    "MBG/NBD": [
        Case(MBGNBDParams(0.525, 6.183, 0.891, 1.614), 0, 0, 38.86, 39, 2),
        Case(MBGNBDParams(0.00124, 3.2585, 1e4, 1e4), 5000, 5568.13, 19_866.1, 205.0, 0),
        Case(MBGNBDParams(1e4, 1e4, 1e-3, 1e-3), 0, 0, 1e6, 1e6, 5000),
        Case(MBGNBDParams(237.0, 0.001, 1 + 4.7e-10, 757.0), 5000, 0, 0.1226, 1.64, 5000),
    ],
    "Pareto/NBD": [
        # On which others return nan: numbers.md
        Case(ParetoNBDParams(0.5143, 2.8845, 0.2856, 14.1087), 221, 103.42857, 103.57143, 39, 50),
        # Everybody has left: the likelihood as a difference from being alive keeps 11 digits
        Case(ParetoNBDParams(1.38, 0.334, 2856.0, 0.0303), 0, 0, 415_146.76, 125_601.7, 0),
        Case(ParetoNBDParams(1e4, 1e4, 1e4, 1e-3), 0, 0, 1e6, 1e6, 5000),
        # Numbers of purchases for which two panels of 24 nodes keep 11 digits
        Case(ParetoNBDParams(60.861, 66.919, 6301.17, 0.00244), 1, 3.64e-9, 12.73, 26.85, 28),
        Case(ParetoNBDParams(0.01157, 1.138, 79.547, 0.78768), 2, 4.0306, 4.0306, 147.6, 17),
        Case(ParetoNBDParams(0.566, 732.4, 1 - 7e-7, 230.8), 789, 0.01226, 0.15093, 1393.4, 5000),
        Case(ParetoNBDParams(1e-3, 1e-3, 1.0, 1e4), 5000, 1e6, 1e6, 1e6, 4000),
        Case(ParetoNBDParams(1e4, 1e-3, 1 + 2.3e-16, 1e-3), 5000, 0, 1 / 24, 1 / 24, 5000),
        Case(ParetoNBDParams(1e4, 1e4, 1 - 1e-12, 1e4), 0, 0, 0, 1e6, 0),
    ],
    "BG/BB": [
        Case(BGBBParams(1.2035224, 0.7497164, 0.6567181, 2.7834417), 0, 0, 6, 10, 4),
        # As many chances to have left as opportunities
        Case(BGBBParams(0.001, 1e4, 1.0, 1e4), 0, 0, 10**6, 10**6, 0),
        Case(BGBBParams(1.55, 0.00191, 72.239, 8908.0), 1466, 72_867, 107_021, 2, 0),
        Case(BGBBParams(0.1097, 1794.6, 4134.7, 3131.7), 12, 12, 783, 523, 2),
        # Most purchases are made by whoever nearly always buys
        Case(BGBBParams(192.9, 0.031, 0.0222, 0.00158), 0, 0, 873, 8804, 5000),
        Case(BGBBParams(1e4, 1e-3, 1e-3, 1e4), 5000, 5000, 5000, 10**6, 5000),
        Case(BGBBParams(0.1165, 381.6, 1.0, 0.01237), 180, 180, 180, 7098, 5000),
        Case(BGBBParams(1e-3, 0.233, 1 + 2.3e-16, 40.27), 2, 2, 2, 10**6, 4944),
        Case(BGBBParams(1e4, 1e4, 1 - 1e-12, 1e-3), 0, 0, 0, 10**6, 5000),
    ],
    "shifted beta-geometric": [
        Case(ShiftedBetaGeometricParams(971.15, 564.63), 490_224, 0, 490_224, 389_756, 389_756),
        Case(ShiftedBetaGeometricParams(1e-3, 0.0026), 121, 0, 121, 10**6, 10**6),
        Case(ShiftedBetaGeometricParams(1.0, 1e4), 7, 0, 10**6, 10**6, 5),
        Case(ShiftedBetaGeometricParams(1 + 2.3e-16, 1e-3), 0, 0, 0, 10**6, 1),
    ],
    "Gamma-Gamma": [
        # p*x a million times q, and the other way round
        Case(GammaGammaParams(1e4, 1e-3, 1e-3), 5000, 0, 0, 0, m=1e6),
        Case(GammaGammaParams(1e-3, 1e4, 1e4), 1, 0, 0, 0, m=1e-3),
        Case(GammaGammaParams(8.218, 2012.66, 0.2214), 5000, 0, 0, 0, m=1.3e-3),
        Case(GammaGammaParams(0.5, 1 - 1e-12, 1.0), 1, 0, 0, 0, m=1.0),
    ],
}


@pytest.mark.parametrize(
    ("name", "quantity"),
    [(name, quantity) for name, model in MODELS.items() for quantity in model.quantities],
)
def test_the_hardest_inputs_are_right(name, quantity):
    errors = {case: error(MODELS[name].quantities[quantity], case) for case in HARDEST[name]}
    assert {case: wrong for case, wrong in errors.items() if wrong > PROMISED} == {}


@pytest.mark.parametrize(("name", "points"), [(name, POINTS.get(name, 60)) for name in MODELS])
def test_points_all_over_the_grid_are_right(name, points):
    rng = np.random.default_rng(20)
    for case in (MODELS[name].draw(rng) for _ in range(points)):
        for quantity in MODELS[name].quantities.values():
            assert error(quantity, case) <= PROMISED, case


PARAMS = {
    bgnbd: [BGNBDParams(*p) for p in itertools.product((1e-3, 1.0, 1e4), repeat=4)],
    mbgnbd: [MBGNBDParams(*p) for p in itertools.product((1e-3, 1.0, 1e4), repeat=4)],
    pareto_nbd: [ParetoNBDParams(*p) for p in itertools.product((1e-3, 1.0, 1e4), repeat=4)],
    bgbb: [BGBBParams(*p) for p in itertools.product((1e-3, 1.0, 1e4), repeat=4)],
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
        n = np.arange(horizon + 1 if kernel in (bgbb, sbg) else 1500)
        if kernel not in (bgbb, sbg) and (params.r + x) / (params.alpha + T) * horizon > 100:
            continue  # more purchases than are counted here
        chance = kernel.count_probability(
            n, horizon, alive_at(np.full(n.size, x), np.full(n.size, T)), params
        )
        assert chance.sum() == pytest.approx(1, rel=1e-11), params
        assert chance @ n == pytest.approx(expected, rel=1e-10), params


def test_more_purchases_than_opportunities_are_impossible():
    for kernel, params in ((bgbb, BGBBParams(1, 1, 1, 1)), (sbg, ShiftedBetaGeometricParams(1, 1))):
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
