"""The likelihood of many customers agrees with that of each, which is integrated by itself."""

import numpy as np
import pytest

from clvml.distributions import _pareto_nbd_covariates as by_customer
from clvml.distributions import pareto_nbd
from clvml.distributions._history import History
from clvml.distributions.pareto_nbd import ParetoNBDParams

CDNOW = ParetoNBDParams(0.553, 10.578, 0.606, 11.669)
PARAMS = [
    CDNOW,
    ParetoNBDParams(0.05, 1e-3, 0.6, 12.0),  # the range of times is wide beside alpha
    ParetoNBDParams(0.05, 10.0, 0.06, 1e-4),
    ParetoNBDParams(1e6, 1e7, 0.6, 12.0),  # rates hardly differ
    ParetoNBDParams(2.0, 3.0, 1e-6, 12.0),  # hardly anybody drops out
    ParetoNBDParams(2.0, 3.0, 1e5, 1e6),
    ParetoNBDParams(30.0, 60.0, 20.0, 300.0),
    ParetoNBDParams(0.01, 0.01, 0.01, 0.01),
]


def histories(seed, in_days=False, n=6000):
    """Customers with few purchases, often equal in number; some with too many to tabulate."""
    rng = np.random.default_rng(seed)
    x = np.where(rng.random(n) < 0.98, rng.poisson(rng.gamma(0.6, 6.0, n)), 200 + 25 * rng.integers(0, 20, n))
    T = rng.uniform(0, 104, n)
    T = np.ceil(7 * T) / 7 if in_days else T
    t_x = np.where(x > 0, T * rng.random(n) ** rng.choice([0.01, 0.3, 1.0, 4.0], n), 0.0)
    t_x = np.minimum(np.ceil(7 * t_x) / 7, T) if in_days else t_x
    t_x[:50] = np.where(x[:50] > 0, T[:50], 0.0)
    return History(x.astype(float), t_x, T, rng.integers(1, 4, n).astype(float))


def sums_over_customers(history, params):
    """Total, gradient and Hessian in the log-parameters, each customer by quadrature."""
    each = ParetoNBDParams(*(np.full(history.size, value) for value in params))
    return [part @ history.weights for part in by_customer.derivatives(history, each)]


@pytest.mark.parametrize("in_days", [False, True])
@pytest.mark.parametrize("params", PARAMS, ids=lambda params: "-".join(f"{value:g}" for value in params))
def test_the_sums_over_many_customers_are_the_sums_of_their_terms(params, in_days):
    history = histories(1, in_days)
    customers = pareto_nbd.count(history)
    assert customers.paired is not None
    value, gradient, hessian = pareto_nbd.objective(params, customers)
    p = np.array(params)
    expected = sums_over_customers(history, params)
    size = history.weights @ abs(pareto_nbd.log_likelihood(history, params))
    assert value == pytest.approx(expected[0], abs=1e-13 * size)
    scale = np.sqrt(abs(np.diag(expected[2])))
    found = p * hessian * p[:, None] + np.diag(p * gradient)
    # What both lose by cancellation where rates hardly differ is 1e-11 of the terms.
    assert p * gradient == pytest.approx(expected[1], rel=1e-9, abs=1e-9 * scale.max() + 1e-12 * size)
    assert found == pytest.approx(expected[2], rel=1e-9, abs=2e-11 * size)


def test_histories_with_more_purchases_than_a_table_reaches_are_integrated():
    history = histories(2)
    many = history.rows(np.resize(np.flatnonzero(history.x >= 200), 5000))
    value, gradient, _ = pareto_nbd.objective(CDNOW, pareto_nbd.count(many))
    expected = sums_over_customers(many, CDNOW)
    assert value == pytest.approx(expected[0], rel=1e-13)
    assert np.array(CDNOW) * gradient == pytest.approx(expected[1], rel=1e-10)


def test_the_order_and_the_repetition_of_rows_do_not_matter():
    history = histories(3, in_days=True)
    twice = history.rows(np.random.default_rng(0).permutation(np.repeat(np.arange(history.size), 2)))
    one, two = (pareto_nbd.objective(CDNOW, pareto_nbd.count(each)) for each in (history, twice))
    for part, double in zip(one, two, strict=True):
        assert 2 * part == pytest.approx(double, rel=1e-12, abs=1e-9)


def test_the_fit_is_at_the_maximum_of_the_sum_over_customers():
    rng = np.random.default_rng(4)
    history = pareto_nbd.simulate(rng.uniform(20, 104, 8000), CDNOW, rng)
    counted = pareto_nbd.count(history)
    theta = np.log(CDNOW)
    for _ in range(8):
        p = np.exp(theta)
        _, gradient, hessian = pareto_nbd.objective(ParetoNBDParams(*p), counted)
        theta = theta - np.linalg.solve(p * hessian * p[:, None] + np.diag(p * gradient), p * gradient)
    _, gradient, _ = sums_over_customers(history, ParetoNBDParams(*np.exp(theta)))
    assert abs(gradient).max() < 1e-8
