"""The first purchase of customers alive: against the integral of the story, by adaptive quadrature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from clvml.distributions import _pareto_nbd_first as first_purchase
from clvml.distributions import pareto_nbd
from clvml.distributions._history import History
from clvml.distributions._pareto_nbd_first import FirstPurchase

EVERYDAY = pareto_nbd.ParetoNBDParams(0.55, 10.6, 0.61, 11.7)
OTHERS = {
    "dropout before purchases": pareto_nbd.ParetoNBDParams(0.55, 50.6, 3.61, 1.7),
    "hardly any dropout": pareto_nbd.ParetoNBDParams(11.2, 116.5, 7e-5, 3.65e5),
    "the same rate parameters": pareto_nbd.ParetoNBDParams(2.5, 0.6, 5.61, 0.6),
}
PARAMS = {"everyday": EVERYDAY} | OTHERS
HISTORY = History(
    np.array([0.0, 2.0, 25.0, 400.0]), np.array([0.0, 8.0, 50.0, 99.0]), np.array([3, 40, 60, 100.0])
)


def by_quadrature(x: float, T: float, params: pareto_nbd.ParetoNBDParams, time: float) -> float:
    """Purchases and dropout race: the first purchase is at y, and the customer is still alive then."""
    R, seen, s, lived = params.r + x, params.alpha + T, params.s, params.beta + T

    def density(y: float) -> float:
        return float(R / (seen + y) * np.exp(-R * np.log1p(y / seen) - s * np.log1p(y / lived)))

    return float(quad(density, 0, time, epsabs=0, epsrel=1e-12, limit=500)[0])


@pytest.mark.parametrize("name", PARAMS)
@pytest.mark.parametrize("time", [0.01, 3.0, 30.0])
def test_the_probability_of_a_purchase_is_the_integral_of_its_density(name: str, time: float) -> None:
    found = pareto_nbd.any_purchase_probability(HISTORY, time, PARAMS[name])
    wanted = [by_quadrature(x, T, PARAMS[name], time) for x, T in zip(HISTORY.x, HISTORY.T, strict=True)]
    assert found == pytest.approx(wanted, rel=1e-11)


@pytest.mark.parametrize("name", PARAMS)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_by_the_time_found_the_probability_is_reached(name: str, share: float) -> None:
    ever = pareto_nbd.any_purchase_probability(HISTORY, 1e7, PARAMS[name])
    time = pareto_nbd.next_purchase_time(HISTORY, share * ever, PARAMS[name])
    reached = [
        by_quadrature(x, T, PARAMS[name], t) for x, T, t in zip(HISTORY.x, HISTORY.T, time, strict=True)
    ]
    assert reached == pytest.approx(share * ever, rel=1e-10)


def test_a_probability_that_is_never_reached_takes_forever() -> None:
    ever = pareto_nbd.any_purchase_probability(HISTORY, 1e7, EVERYDAY)
    time = pareto_nbd.next_purchase_time(HISTORY, np.minimum(ever * 1.001, 1.0), EVERYDAY)
    assert np.isinf(time).all()


@pytest.mark.parametrize("name", PARAMS)
def test_usual_customers_need_no_search_for_the_relevant_part(name: str) -> None:
    x, T = np.arange(20.0), np.linspace(1, 100, 20)
    r, alpha, s, beta = PARAMS[name]
    customers = FirstPurchase(*np.broadcast_arrays(r + x, alpha + T, s, beta + T))
    ever = pareto_nbd.any_purchase_probability(History(x, T, T), 1e7, PARAMS[name])
    assert np.isfinite(first_purchase.time_until(customers, 0.5 * ever)).all()
