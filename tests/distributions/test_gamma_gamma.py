"""Gamma-Gamma's kernels against the note and calculus."""

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaln

from clvml.distributions import gamma_gamma
from clvml.distributions.gamma_gamma import GammaGammaParams, Spend

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
    spenders = gamma_gamma.count(Spend(x, m, np.ones(20)))
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


def exact_derivatives(x, m, params):
    """Gradient and Hessian of one customer's likelihood, and the size of what is added up in each."""
    ctx.prec = 240
    p, q, v = map(arb, params)
    x, y, own = arb(x), arb(x) * m, p * x
    both, trigamma = own + q, arb(2).zeta
    terms = {
        (0,): [x * (both.digamma() - own.digamma()), -x * (1 + v / y).log()],
        (1,): [both.digamma() - q.digamma(), -(1 + y / v).log()],
        (2,): [q * y / (v * (v + y)), -own / (v + y)],
        (0, 0): [x * x * (trigamma(both) - trigamma(own))],
        (0, 1): [x * trigamma(both)],
        (0, 2): [-x / (v + y)],
        (1, 1): [trigamma(both) - trigamma(q)],
        (1, 2): [y / (v * (v + y))],
        (2, 2): [own / (v + y) ** 2, -q * y * (2 * v + y) / (v * (v + y)) ** 2],
    }
    return {at: (float(sum(parts)), max(abs(float(part)) for part in parts)) for at, parts in terms.items()}


@pytest.mark.parametrize("seed", range(40))
def test_derivatives_hold_where_one_shape_is_a_million_times_the_other(seed):
    rng = np.random.default_rng(seed)
    p, q, v = 10 ** rng.uniform(-3, 4, 3)
    x, m = float(rng.choice([1, 3, 5000])), 10 ** rng.uniform(-3, 6)
    spenders = gamma_gamma.count(Spend(np.array([x]), np.array([m]), np.ones(1)))
    value, gradient, hessian = gamma_gamma.objective(GammaGammaParams(p, q, v), spenders)
    for at, (exact, size) in exact_derivatives(x, m, (p, q, v)).items():
        ours = gradient[at] if len(at) == 1 else hessian[at]
        # The logarithm of money itself is rounded: for the two gradients some 1e-14.
        assert ours == pytest.approx(exact, rel=1e-12, abs=1e-12 * size + 1e-14 * (len(at) == 1)), at
    likelihood = gamma_gamma.log_likelihood(np.array([x]), np.array([m]), GammaGammaParams(p, q, v))[0]
    assert value - np.log(m) == pytest.approx(likelihood, rel=1e-10, abs=1e-10)


@given(params, st.integers(2, 100), st.floats(0.01, 1e4))
def test_the_posterior_has_the_expected_spend_as_its_mean(params, x, m):
    shape, rate = gamma_gamma.posterior(np.array([float(x)]), np.array([m]), params)
    if shape[0] > 1.01:  # the mean of p / nu, nu ~ Gamma(shape, rate)
        mean = params.p * rate / (shape - 1)
        spend = gamma_gamma.expected_spend(np.array([float(x)]), np.array([m]), params)
        assert mean[0] == pytest.approx(spend[0], rel=1e-10)


def test_a_million_simulated_customers_spend_what_is_expected():
    p, q, v, n = 6.25, 3.74, 15.44, 1_000_000
    rng = np.random.default_rng(0)
    nu, x = rng.gamma(q, 1 / v, n), rng.integers(1, 5, n).astype(float)
    m, later = rng.gamma(p * x) / (nu * x), rng.gamma(p, size=n) / nu
    expected = gamma_gamma.expected_spend(x, m, GammaGammaParams(p, q, v))
    for some in (x == 1, x == 4, m < 20, m > 80):
        error = 4 * (later - expected)[some].std() / np.sqrt(some.sum())
        assert later[some].mean() == pytest.approx(expected[some].mean(), abs=error)
