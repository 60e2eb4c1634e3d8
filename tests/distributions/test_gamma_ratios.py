"""Ratios of gamma functions against interval arithmetic."""

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import polygamma

from clvml.distributions import _gamma_ratios as gamma_ratios

sizes = st.floats(-3, 6).map(lambda exponent: float(10.0**exponent))
steps = st.floats(-15, 7).map(lambda exponent: float(10.0**exponent))


@pytest.fixture(autouse=True)
def precision():
    ctx.prec = 300


def log_beta(a, b):
    return a.lgamma() + b.lgamma() - (a + b).lgamma()


@given(sizes, steps, steps)
def test_the_fall_of_the_beta_function(y, a, h):
    truth = log_beta(arb(y), arb(a)) - log_beta(arb(y) + h, arb(a))
    assert float(gamma_ratios.log_beta_fall(y, a, h)) == pytest.approx(float(truth), rel=1e-14)


@given(sizes, steps)
def test_differences_of_the_digamma_and_trigamma_functions(y, h):
    rise = (arb(y) + h).digamma() - arb(y).digamma()
    fall = arb(2).zeta(arb(y)) - arb(2).zeta(arb(y) + h)
    assert float(gamma_ratios.digamma_rise(y, h)) == pytest.approx(float(rise), rel=1e-14)
    assert float(gamma_ratios.trigamma_fall(y, h)) == pytest.approx(float(fall), rel=3e-14)


@given(sizes, sizes, sizes, sizes)
def test_binomial_probabilities_of_real_numbers(j, k, u, v):
    J, K, U, V = map(arb, (j, k, u, v))
    truth = (J + K + 1).lgamma() - (J + 1).lgamma() - (K + 1).lgamma()
    truth += J * (U / (U + V)).log() + K * (V / (U + V)).log()
    assert float(gamma_ratios.log_binomial(j, k, u, v)) == pytest.approx(float(truth), rel=1e-12, abs=1e-13)


@given(st.integers(0, 10**6), st.integers(0, 10**6), sizes, sizes)
def test_probabilities_of_successes_whose_chance_is_beta(j, k, a, b):
    sequence = log_beta(arb(a) + j, arb(b) + k) - log_beta(arb(a), arb(b))
    ways = (arb(j) + k + 1).lgamma() - (arb(j) + 1).lgamma() - (arb(k) + 1).lgamma()
    value = float(gamma_ratios.log_beta_sequence(j, k, a, b))
    assert value == pytest.approx(float(sequence), rel=1e-12, abs=1e-12)
    value = float(gamma_ratios.log_beta_binomial(j, k, a, b))
    assert value == pytest.approx(float(sequence + ways), rel=1e-12, abs=1e-12)


def test_nothing_happens_in_no_steps():
    y = np.array([1e-3, 1.0, 1e6])
    assert (gamma_ratios.log_beta_fall(y, 2.0, 0.0) == 0).all()
    assert (gamma_ratios.digamma_rise(y, 0.0) == 0).all()
    assert (gamma_ratios.log_binomial(0.0, 0.0, 1.0, y) == 0).all()


@pytest.mark.parametrize("h", [1e-4, 0.3, 5.0, 1e6])
def test_differences_computed_together_are_those_computed_one_by_one(h):
    y = np.array([1e-3, 0.7, 6.5, 80.0, 1e5])
    rest, rises, falls, tail = gamma_ratios.gamma_differences(y, h)
    one_by_one = [gamma_ratios.log_factorial_rest(value) for value in (y + h, y, np.array(h))]
    np.testing.assert_allclose(rest, one_by_one[0] - one_by_one[1] - one_by_one[2], rtol=1e-12, atol=1e-14)
    for rise, fall, pair in zip(rises, falls, ((y, h), (h, y)), strict=True):
        np.testing.assert_allclose(rise, gamma_ratios.digamma_rise(*pair), rtol=1e-13)
        np.testing.assert_allclose(fall, gamma_ratios.trigamma_fall(*pair), rtol=1e-13)
    np.testing.assert_allclose(tail, polygamma(1, y + h), rtol=1e-13)
