"""Prediction intervals of many customers are the exact ones, whichever way their probabilities come."""

import numpy as np
import pytest

import clvml
from clvml.distributions import bgnbd, mbgnbd, pareto_nbd
from clvml.distributions._history import History, alive_at
from clvml.models._count_quantiles import count_quantiles

LEVELS = (0.05, 0.5, 0.95)
MODELS = {
    "bgnbd": (bgnbd, bgnbd.BGNBDParams(0.243, 4.41, 0.79, 2.43)),
    "mbgnbd": (mbgnbd, bgnbd.BGNBDParams(0.5, 6.0, 0.9, 1.6)),
    "pareto": (pareto_nbd, pareto_nbd.ParetoNBDParams(0.55, 10.6, 0.6, 11.7)),
}


def draws_around(params, n=3):
    rng = np.random.default_rng(0)
    return [type(params)(*(np.array(params) * np.exp(rng.normal(0, 0.2, 4))).tolist()) for _ in range(n)]


@pytest.mark.parametrize("in_days", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_interpolated_probabilities_give_the_same_quantiles(name, in_days):
    kernel, params = MODELS[name]
    rng = np.random.default_rng(1)
    T = rng.integers(0, 104, 5000) * 1.0 if in_days else rng.uniform(0, 104, 5000)
    history = kernel.simulate(T, params, rng)
    draws = draws_around(params)
    scale = min(draw.alpha for draw in draws)
    fast = count_quantiles(kernel, LEVELS, 26.0, history, draws, scale)
    one_by_one = [part for start in range(0, 300, 20) for part in [history.rows(slice(start, start + 20))]]
    slow = [count_quantiles(_Plain(kernel), LEVELS, 26.0, part, draws) for part in one_by_one]
    for level, found in enumerate(fast):
        expected = np.concatenate([each[level] for each in slow])
        assert found[:300].tolist() == expected.tolist()
    assert fast[2].max() > 5


class _Plain:
    """The kernel without its ways for many customers and numbers."""

    def __init__(self, kernel):
        self.probability_alive, self.count_probability = kernel.probability_alive, kernel.count_probability


def test_a_series_that_has_not_converged_is_not_used():
    kernel, params = MODELS["bgnbd"]
    rng = np.random.default_rng(2)
    history = kernel.simulate(rng.uniform(0, 10, 3000), params._replace(alpha=0.05), rng)
    steep = [params._replace(alpha=0.05)]
    wrong_scale = 20.0  # the singularity at -alpha is beside the first panel
    found = count_quantiles(kernel, LEVELS, 5.0, history, steep, wrong_scale)
    expected = count_quantiles(kernel, LEVELS, 5.0, history, steep)
    for one, other in zip(found, expected, strict=True):
        assert one.tolist() == other.tolist()


@pytest.mark.parametrize("kernel", [bgnbd, mbgnbd])
@pytest.mark.parametrize("params", [(0.2, 4.0, 0.8, 2.4), (5.0, 0.1, 0.01, 50.0), (1e6, 1e7, 1e-6, 1.0)])
def test_probabilities_by_recurrence_are_those_one_by_one(kernel, params):
    rng = np.random.default_rng(3)
    customers, params = (
        alive_at(rng.integers(0, 200, 50) * 1.0, rng.uniform(0, 100, 50)),
        bgnbd.BGNBDParams(*params),
    )
    found = kernel.count_probabilities(3, 40, 52.0, customers, params)
    for i in range(40):
        expected = kernel.count_probability(np.full(50, 3.0 + i), 52.0, customers, params)
        assert found[:, i] == pytest.approx(expected, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize(
    "params",
    [(0.55, 10.6, 0.6, 11.7), (0.05, 0.01, 2.0, 300.0), (5.0, 90.0, 0.01, 0.1), (20.0, 9.0, 3.0, 7.0)],
)
@pytest.mark.parametrize(("first", "horizon"), [(0, 52.0), (30, 52.0), (0, 0.5), (200, 500.0)])
def test_probabilities_from_common_nodes_are_those_one_by_one(params, first, horizon):
    rng = np.random.default_rng(7)
    customers = alive_at(rng.integers(0, 300, 60) * 1.0, rng.uniform(0, 100, 60))
    own = pareto_nbd.ParetoNBDParams(*params)
    found = pareto_nbd.count_probabilities(first, 20, horizon, customers, own)
    for i in range(20):
        numbers = np.full(60, float(first + i))
        expected = pareto_nbd.count_probability(numbers, horizon, customers, own)
        assert found[:, i] == pytest.approx(expected, rel=0, abs=1e-12)


def test_p_alive_of_many_customers_is_that_of_each():
    rng = np.random.default_rng(4)
    _, params = MODELS["pareto"]
    history = pareto_nbd.simulate(rng.uniform(0, 104, 6000), params, rng)
    history = History(np.where(np.arange(6000) < 40, 300.0, history.x), history.t_x, history.T)
    for draw, alive in zip(
        draws_around(params), pareto_nbd.alive_by_draw(history, draws_around(params)), strict=True
    ):
        assert alive == pytest.approx(pareto_nbd.probability_alive(history, draw), abs=1e-12)


def test_intervals_of_a_fit_to_few_customers_average_over_its_parameters():
    rng = np.random.default_rng(5)
    truth = clvml.BGNBD.from_params(r=0.243, alpha=4.41, a=0.79, b=2.43)
    customers = truth.simulate(rng.uniform(20, 104, 4000), 6)
    fit = clvml.BGNBD().fit(customers.iloc[:1000])
    whole = fit.predict_interval(customers, 26)
    assert whole.iloc[3000:3010].equals(fit.predict_interval(customers.iloc[3000:3010], 26))
