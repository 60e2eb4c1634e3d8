"""Gamma-Gamma's kernels against the note and calculus."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaln

from clvml.distributions import gamma_gamma
from clvml.distributions.gamma_gamma import GammaGammaParams

params = st.builds(GammaGammaParams, st.floats(0.2, 20), st.floats(0.2, 20), st.floats(0.1, 100))


@given(params, st.integers(1, 100), st.floats(0.01, 1e4))
def test_the_density_is_the_one_of_the_note(params, x, m):
    p, q, v = params
    note = (
        q * np.log(v) + (p * x - 1) * np.log(m) + p * x * np.log(x) - (p * x + q) * np.log(v + m * x)
    ) - betaln(p * x, q)
    value = gamma_gamma.log_likelihood(np.array([float(x)]), np.array([m]), params)[0]
    assert value == pytest.approx(note, rel=1e-8, abs=1e-8)


@given(params, st.integers(0, 2**32 - 1))
def test_the_gradient_and_hessian_are_derivatives(params, seed):
    rng = np.random.default_rng(seed)
    x, m = 1.0 + rng.poisson(2, 20), rng.gamma(3, 10, 20)
    spenders = gamma_gamma.count_spenders(x, m, np.ones(20))
    value, gradient, hessian = gamma_gamma.objective(params, spenders)
    theta = np.array(params)
    for i, size in enumerate(1e-4 * theta):
        step = np.eye(3)[i] * size
        up = gamma_gamma.objective(GammaGammaParams(*(theta + step)), spenders)
        down = gamma_gamma.objective(GammaGammaParams(*(theta - step)), spenders)
        noise = 1e-9 * (abs(value) + 100) / size
        np.testing.assert_allclose(gradient[i], (up[0] - down[0]) / (2 * size), rtol=1e-4, atol=noise)
        np.testing.assert_allclose(
            hessian[i],
            (up[1] - down[1]) / (2 * size),
            rtol=1e-4,
            atol=1e-6 + 1e-9 * abs(gradient).max() / size,
        )


@given(params, st.integers(1, 100), st.floats(0.01, 1e4))
def test_expected_spend_lies_between_the_customer_and_the_population(params, x, m):
    p, q, v = params
    population = p * v / (q - 1) if q > 1 else np.inf
    if p * x + q > 1:
        value = gamma_gamma.expected_spend(np.array([float(x)]), np.array([m]), params)[0]
        assert min(m, population) * (1 - 1e-12) <= value
        assert q <= 1 or value <= max(m, population) * (1 + 1e-12)
