"""Priors on numbers without a unit."""

import numpy as np
import pytest
from scipy import stats

from clvml.errors import InputError
from clvml.inference._prior import PriorScale, is_weak, no_prior, prior_of, prior_table, vague_prior

SCALES = (PriorScale("ratio, p / q", (1.0, -1.0), 0.5, 2.0), PriorScale("size, q", (0.0, 1.0), 3.0, 1.0))


def test_the_penalty_is_minus_the_log_density_with_its_derivatives():
    prior, theta = prior_of(SCALES), np.array([0.3, -0.8])

    def density(theta):
        ratio, size = theta[0] - theta[1], theta[1]
        return stats.norm(np.log(0.5), 2).logpdf(ratio) + stats.norm(np.log(3), 1).logpdf(size)

    value, gradient, hessian = prior.penalty(theta)
    top = prior.penalty(np.array([np.log(1.5), np.log(3.0)]))
    assert top[0] == pytest.approx(0, abs=1e-15)
    assert value == pytest.approx(density(np.array([np.log(1.5), np.log(3.0)])) - density(theta))
    for i, step in enumerate(1e-5 * np.eye(2)):
        assert gradient[i] == pytest.approx((density(theta - step) - density(theta + step)) / 2e-5, rel=1e-6)
        np.testing.assert_allclose(
            hessian[i], (prior.penalty(theta + step)[1] - prior.penalty(theta - step)[1]) / 2e-5, rtol=1e-6
        )


def test_the_table_gives_95_per_cent_intervals():
    table = prior_table(SCALES)
    for scale in SCALES:
        lognormal = stats.lognorm(scale.log_sd, scale=scale.typical)
        np.testing.assert_allclose(
            table.loc[scale.what].astype(float), lognormal.ppf([0.5, 0.025, 0.975]), rtol=1e-6
        )


def test_more_parameters_have_a_prior_of_their_own():
    wider = prior_of(SCALES).extended(2, 1.5)
    theta = np.array([0.3, -0.8, 1.0, -2.0])
    assert wider.penalty(theta)[0] == pytest.approx(
        prior_of(SCALES).penalty(theta[:2])[0] + (1.0 + 4.0) / (2 * 1.5**2)
    )
    assert no_prior(3).penalty(np.ones(3))[0] == 0
    assert prior_of(SCALES).combined_with(vague_prior(2, 10.0)).penalty(theta[:2])[0] == pytest.approx(
        prior_of(SCALES).penalty(theta[:2])[0] + (0.09 + 0.64) / 200
    )


def test_a_prior_is_weak_or_none():
    assert (is_weak("weak"), is_weak(None)) == (True, False)
    with pytest.raises(InputError, match="prior is 'strong'; it must be None, 'weak' or 'auto'"):
        is_weak("strong")
