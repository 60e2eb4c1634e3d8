"""Models of histories on a grid of extremes: finite, in range, never falling with the horizon."""

import itertools

import numpy as np
import pytest

from clvml.distributions import mbgnbd, pareto_nbd
from clvml.distributions.mbgnbd import MBGNBDParams
from clvml.distributions.pareto_nbd import ParetoNBDParams

NUMBERS = (0, 1, 2, 30, 500, 5000)
TIMES = (1 / 24, 1, 39, 1000, 1e6)
SHARES = (0, 1e-9, 0.3, 0.999999, 1 - 1e-15, 1)
HISTORIES = np.array([(x, T * f if x else 0, T) for x in NUMBERS for T in TIMES for f in SHARES], dtype=float)


@pytest.mark.parametrize(("kernel", "kind"), [(mbgnbd, MBGNBDParams), (pareto_nbd, ParetoNBDParams)])
def test_likelihood_probability_and_derivatives_are_finite(kernel, kind):
    x, t_x, T = HISTORIES.T.copy()
    for params in itertools.product((1e-3, 0.3, 1e4), repeat=4):
        alive = kernel.probability_alive(x, t_x, T, kind(*params))
        assert ((alive >= 0) & (alive <= 1)).all(), params
        assert np.isfinite(kernel.log_likelihood(x, t_x, T, kind(*params))).all(), params
        value, gradient, hessian = kernel.objective(kind(*params), kernel.count(x, t_x, T))
        assert np.isfinite([value, *gradient, *hessian.ravel()]).all(), params


@pytest.mark.parametrize(("kernel", "kind"), [(mbgnbd, MBGNBDParams), (pareto_nbd, ParetoNBDParams)])
@pytest.mark.parametrize("params", [(1e-3, 1e4, 1e-3, 1e-3), (0.3, 1e-3, 1.0, 1e4), (1e4, 1.0, 0.3, 0.3)])
def test_expectations_are_finite_and_rise_with_the_horizon(kernel, kind, params):
    x, t_x, T = HISTORIES.T.copy()
    before = np.zeros(x.size)
    for horizon in (1 / 24, 39.0, 1e6):
        ahead = kernel.purchases_given_alive(x, T, np.array([horizon]), np.ones(1), kind(*params))
        now = kernel.probability_alive(x, t_x, T, kind(*params)) * ahead
        assert np.isfinite(now).all()
        assert (now >= before * (1 - 1e-12)).all()
        before = now
