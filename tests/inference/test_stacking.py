"""Stacking: weights known by calculus, the optimality conditions, and shares of simulations."""

import numpy as np
import pytest

from clvml.inference._stacking import (
    relative_densities,
    simulations_by_model,
    stacking_weights,
    weight_draws,
)


def test_models_that_exclude_one_another_have_the_shares_of_their_outcomes():
    logs = np.full((10, 3), -np.inf)
    logs[np.arange(10), [0] * 5 + [1] * 3 + [2] * 2] = -900.0
    np.testing.assert_allclose(stacking_weights(logs), [0.5, 0.3, 0.2], atol=1e-6)


@pytest.mark.parametrize(("rate", "weight"), [(0.35, 0.75), (0.5, 0.5), (0.1, 1.0), (0.9, 0.0)])
def test_the_mixture_of_two_coins_has_the_observed_rate(rate, weight):
    heads = np.arange(1000) < 1000 * rate
    logs = np.log(np.where(heads[:, None], [0.2, 0.8], [0.8, 0.2]))
    assert stacking_weights(logs)[0] == pytest.approx(weight, abs=1e-5)
    counted = stacking_weights(np.log([[0.2, 0.8], [0.8, 0.2]]), np.array([rate, 1 - rate]))
    assert counted[0] == pytest.approx(weight, abs=1e-5)


def test_no_model_could_raise_the_score_at_the_solution():
    logs = np.random.default_rng(0).normal([0.0, 0.1, -0.5, 0.3, -3.0], 2, (500, 5))
    weights = stacking_weights(logs)
    relative = relative_densities(logs)
    slopes = (relative / (relative @ weights)[:, None]).mean(axis=0)
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert (slopes <= 1 + 1e-4).all()
    np.testing.assert_allclose(slopes[weights > 0], 1, atol=1e-4)
    assert (weights > 0).sum() < 5


def test_outcomes_that_all_models_rule_out_teach_nothing():
    logs = np.array([[-np.inf, -np.inf], [np.log(0.2), np.log(0.8)], [np.log(0.8), np.log(0.2)]])
    np.testing.assert_allclose(stacking_weights(logs), [0.5, 0.5], atol=1e-6)
    np.testing.assert_array_equal(stacking_weights(np.zeros((0, 2))), [0.5, 0.5])


def test_repeating_the_outcomes_of_the_same_customers_does_not_narrow_the_weights():
    rng = np.random.default_rng(1)
    heads = rng.random(200) < 0.4
    logs = np.log(np.where(heads[:, None], [0.2, 0.8], [0.8, 0.2]))
    once = weight_draws(logs, np.arange(200), 60, 0)
    four = weight_draws(np.tile(logs, (4, 1)), np.tile(np.arange(200), 4), 60, 0)
    np.testing.assert_allclose(once, four, atol=1e-4)
    # The rate has standard error sqrt(.4 * .6 / 200); the weight is (0.8 - rate) / 0.6.
    assert once[:, 0].std() == pytest.approx(np.sqrt(0.24 / 200) / 0.6, rel=0.3)


@pytest.mark.parametrize("n", [1, 7, 199])
def test_simulations_are_shared_out_by_weight(n):
    weights = np.array([0.5, 0.001, 0.299, 0.2])
    for seed in range(50):
        numbers = simulations_by_model(weights, n, seed)
        assert sum(numbers) == n
        assert (np.abs(numbers - n * weights) < 1 + 1e-9).all()
    mean = np.mean([simulations_by_model(weights, n, seed) for seed in range(2000)], axis=0)
    np.testing.assert_allclose(mean, n * weights, atol=0.05)
