"""The distribution of purchases: published values, sums, the mean, and simulated customers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvml.distributions.bgnbd import BGNBDParams, expected_purchases
from clvml.distributions.bgnbd_counts import purchase_probability
from clvml.distributions.simulation import bgnbd_histories

PUBLISHED = BGNBDParams(0.243, 4.414, 0.793, 2.426)
CDNOW = BGNBDParams(0.2425945, 4.4136020, 0.7929219, 2.4259063)


def probability(n, horizon, history, params):
    x, t_x, T = (np.array([float(value)]) for value in history)
    return purchase_probability(np.asarray(n, dtype=float), horizon, x, t_x, T, params)


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


@given(params, st.integers(0, 20), st.floats(0.1, 1), st.floats(0.1, 5))
def test_probabilities_sum_to_one_and_their_mean_is_the_expectation(params, x, share, horizon):
    history = (x, share * 5 if x else 0, 5)
    n = np.arange(3000)
    p = probability(n, horizon, history, params)
    assert (p >= 0).all()
    arrays = [np.array([float(value)]) for value in history]
    assert p.sum() == pytest.approx(1, abs=1e-9)
    assert p @ n == pytest.approx(expected_purchases(*arrays, np.array(horizon), params)[0], rel=1e-6)


def test_simulated_customers_buy_as_often_as_the_probabilities_say():
    params, customers = BGNBDParams(0.8, 3.0, 1.2, 2.0), 200_000
    x, _ = bgnbd_histories(np.full(customers, 10.0), params, np.random.default_rng(0))
    seen = np.bincount(x.astype(int), minlength=8)[:8] / customers
    expected = probability(np.arange(8), 10.0, (0, 0, 0), params)
    np.testing.assert_allclose(seen, expected, atol=4 * np.sqrt(0.25 / customers))
