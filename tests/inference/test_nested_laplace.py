"""Draws nested in the least identified direction, against densities whose quantiles are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import cumulative_trapezoid

import clvml
from clvml.inference._laplace import draw_normal
from clvml.inference._nested_laplace import nested_laplace, within_reach

LEVELS = [0.025, 0.1, 0.5, 0.9, 0.975]


def derivatives(value, size):
    """An objective from a function of log-parameters, by central differences."""

    def objective(theta):
        step, unit = 1e-4, np.eye(size)
        at = lambda *ways: value(theta + step * sum(ways))  # noqa: E731
        gradient = np.array([(at(e) - at(-e)) / (2 * step) for e in unit])
        hessian = np.array([[at(e, f) - at(e, -f) - at(-e, f) + at(-e, -f) for f in unit] for e in unit]) / (
            4 * step**2
        )
        return value(theta), gradient, hessian

    return objective


def drawn(value, center, n=20_000):
    center = np.asarray(center, dtype=float)
    objective = derivatives(value, center.size)
    top, _, hessian = objective(center)
    posterior = nested_laplace(objective, center, top, -hessian)
    return posterior.draw(center, n, np.random.default_rng(0))


@given(st.lists(st.floats(0.2, 3.0), min_size=2, max_size=5), st.integers(0, 2**32 - 1))
def test_a_normal_density_is_drawn_as_it_is(sds, seed):
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(len(sds), len(sds))))[0]
    covariance = (rotation * np.array(sds) ** 2) @ rotation.T
    center, information = rng.normal(size=len(sds)), np.linalg.inv(covariance)

    def objective(theta):
        off = theta - center
        return -float(off @ information @ off) / 2, -information @ off, -information

    posterior = nested_laplace(objective, center, 0.0, information)
    draws = posterior.draw(center, 20_000, np.random.default_rng(1))
    np.testing.assert_allclose((draws.mean(axis=0) - center) / np.sqrt(np.diag(covariance)), 0, atol=0.05)
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    np.testing.assert_allclose(np.cov(draws.T) / scale, covariance / scale, atol=0.06)


@pytest.mark.parametrize("shape", [0.7, 1.0, 4.0])
def test_a_skewed_logarithm_has_its_own_tails_where_laplace_has_a_normals(shape):
    """The logarithm of a Gamma variable, beside one of many more observations."""

    def value(theta):
        return shape * theta[0] - np.exp(theta[0]) + 100 * theta[1] - np.exp(theta[1])

    center = np.log([shape, 100.0])
    draws = drawn(value, center)
    truth = [np.log(stats.gamma(a).ppf(LEVELS)) for a in (shape, 100.0)]
    sds = 1 / np.sqrt([shape, 100.0])
    found = np.quantile(draws, LEVELS, axis=0).T
    assert (abs(found[0] - truth[0]) / sds[0]).max() < 0.2
    assert (abs(found[1] - truth[1]) / sds[1]).max() < 0.15
    laplace = draw_normal(center, np.diag(sds**2), 20_000, np.random.default_rng(0))
    assert (abs(np.quantile(laplace[:, 0], LEVELS) - truth[0]) / sds[0]).max() > 0.25


def test_a_curved_ridge_is_followed():
    """A banana: a normal at its top knows nothing of its arms."""

    def value(theta):
        return -(theta[0] ** 2) / 2 - (theta[1] - theta[0] ** 2) ** 2

    draws = drawn(value, [0.0, 0.0])
    np.testing.assert_allclose(draws.mean(axis=0), [0, 1], atol=0.03)
    np.testing.assert_allclose(draws.std(axis=0), [1, np.sqrt(2.5)], rtol=0.03)


def test_what_the_data_bound_on_one_side_only_ends_within_reach():
    """Nothing far above zero is less likely than anything else there, but for three e-folds of a prior."""

    def plateau(theta):
        return -np.log1p(np.exp(-4 * theta[0])) - 50 * theta[1] ** 2

    def value(theta):
        return plateau(theta) - (theta @ theta) / 18

    grid = np.linspace(-3, 15, 20_001)
    center = np.array([grid[np.argmax([value(np.array([u, 0.0])) for u in grid])], 0.0])
    objective = within_reach(derivatives(plateau, 2), np.zeros(2))
    top, _, hessian = objective(center)
    posterior = nested_laplace(objective, center, top, -hessian)
    assert not posterior.is_bounded_by_data()
    draws = posterior.draw(center, 20_000, np.random.default_rng(0))
    below = cumulative_trapezoid(np.exp([value(np.array([u, 0.0])) for u in grid]), grid, initial=0)
    truth = np.interp(np.array(LEVELS) * below[-1], below, grid)
    np.testing.assert_allclose(np.quantile(draws[:, 0], LEVELS), truth, atol=0.25)
    assert draws[:, 0].max() < 15


def test_it_stays_within_few_evaluations():
    calls = []

    def objective(theta):
        calls.append(theta)
        return -(theta[0] ** 2) / 2 - 2 * theta[1] ** 2, -theta * [1, 4], -np.diag([1.0, 4.0])

    posterior = nested_laplace(objective, np.zeros(2), 0.0, np.diag([1.0, 4.0]))
    assert len(calls) == 2  # a normal shows at the first point on each side that it is one
    assert posterior.is_bounded_by_data()


@pytest.mark.parametrize("sds", [[0.05, 0.09], [2.0], [0.3] * 13])
def test_laplace_serves_where_all_is_identified_and_of_one_or_very_many_parameters(sds):
    information = np.diag(1 / np.array(sds) ** 2)

    def objective(theta):
        return -float(theta @ information @ theta) / 2, -information @ theta, -information

    assert nested_laplace(objective, np.zeros(len(sds)), 0.0, information) is None


def test_a_density_that_is_not_finite_beside_the_estimate_is_left_to_laplace():
    def objective(theta):
        return (0.0 if not theta.any() else np.nan), np.zeros(2), np.full((2, 2), np.nan)

    assert nested_laplace(objective, np.zeros(2), 0.0, np.eye(2)) is None


def test_directions_in_which_laplace_is_flat_stay_at_the_estimate():
    draws = draw_normal(np.zeros(2), np.diag([0.04, 100.0]), 4000, np.random.default_rng(0))
    assert draws[:, 0].std() == pytest.approx(0.2, rel=0.05)
    assert (draws[:, 1] == 0).all()


@pytest.mark.filterwarnings("ignore::clvml.errors.FitWarning")
@pytest.mark.parametrize(("n", "number", "prior"), [(50, 10, "weak"), (100, 2, "weak"), (200, 13, None)])
def test_an_extrapolation_that_goes_astray_does_not_end_a_fit(n, number, prior):
    """Samples of CDNOW whose derivatives at the extrapolated point were rounding errors."""
    parts = clvml.split(clvml.load_cdnow("master"), "1997-09-30", "1998-06-30")
    who = np.random.default_rng((n, number)).choice(len(parts.calibration), n, replace=False)
    model = clvml.MBGNBD(prior=prior).fit(parts.calibration.iloc[who])
    draws = model.sample_parameters(200, 0)
    assert np.isfinite(draws.to_numpy()).all()
    assert (draws.quantile(0.05) < np.array(model.params_)).all()
    assert (draws.quantile(0.95) > np.array(model.params_)).all()
