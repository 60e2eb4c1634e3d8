"""Staying at opportunities, against counting them one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvml.distributions._discounting import discounted_ends
from clvml.distributions._survival import discounted_survival, infinite_horizon_survival, survival_probability

positive = st.floats(0.01, 50)


@given(positive | st.just(1.0), positive, st.integers(0, 500), st.integers(1, 400))
def test_the_expected_stay_is_the_sum_of_the_probabilities(gamma, delta, n, horizon):
    before = np.array([float(n)])
    each = [survival_probability(gamma, delta, before, k)[0] for k in range(1, horizon + 1)]
    value = discounted_survival(gamma, delta, before, np.array([float(horizon)]), np.ones(1))[0]
    assert value == pytest.approx(sum(each), rel=1e-12)


@given(positive, positive, st.integers(0, 50), st.integers(1, 200))
def test_the_probability_of_staying_is_a_product_of_shares(gamma, delta, n, k):
    stayed = delta + n + np.arange(k)
    value = survival_probability(gamma, delta, np.array([float(n)]), k)[0]
    assert value == pytest.approx((stayed / (gamma + stayed)).prod(), rel=1e-12)


@pytest.mark.parametrize(("gamma", "delta"), [(0.66, 2.78), (1.0, 0.3), (30.0, 400.0), (1e-3, 1.0)])
@pytest.mark.parametrize("rate", [0.1, 0.0018])
def test_an_endless_discounted_survival_is_the_sum_of_all_its_terms(gamma, delta, rate):
    k = np.arange(1, int(60 / np.log1p(rate)))
    each = survival_probability(gamma, delta, np.full(k.size, 4.0), k) @ np.exp(-np.log1p(rate) * k)
    value = discounted_survival(gamma, delta, np.array([4.0]), *discounted_ends(np.inf, rate))[0]
    assert value == pytest.approx(each, rel=1e-11)


def test_an_infinite_horizon_survival_is_finite_where_gamma_is_above_one():
    n = np.array([0.0, 10.0])
    long = discounted_survival(2.5, 1.2, n, np.array([1e9]), np.ones(1))
    np.testing.assert_allclose(infinite_horizon_survival(2.5, 1.2, n), long, rtol=1e-9)
    assert np.isinf(infinite_horizon_survival(1.0, 1.2, n)).all()


def test_a_customers_value_does_not_depend_on_who_else_is_asked_for():
    n = np.arange(3000.0) % 700
    ends, weights = np.geomspace(1, 1e4, 90), np.linspace(1, 2, 90)
    many = discounted_survival(0.7, 1.2, n, ends, weights)
    for rows in (slice(0, 1), slice(699, 702), slice(2, 600)):
        np.testing.assert_array_equal(discounted_survival(0.7, 1.2, n[rows], ends, weights), many[rows])
