"""Boosting fitted to bins is boosting fitted to the values, as scikit-learn bins them."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from clvml.lifetime_value.learned._bins import MOST_BINS, Bins
from clvml.lifetime_value.learned._trees import trees_of


@pytest.fixture(scope="module")
def weighted():
    """Rows with a continuous, a tied, a constant and a two-valued feature, with outcomes and weights."""
    rng = np.random.default_rng(5)
    n = 4_000
    rows = np.column_stack([rng.gamma(2, 3, n), rng.poisson(3, n), np.ones(n), rng.integers(0, 2, n)])
    rows[: n // 4, 0] = np.round(rows[: n // 4, 0])  # ties within a feature of many values
    weights = rng.gamma(1, 2, n) + 0.01
    return rows, rng.poisson(1 + rows[:, 0] / 4 + rows[:, 3]).astype(float), weights


def boosting():
    return HistGradientBoostingRegressor(loss="poisson", max_iter=30, max_leaf_nodes=8, early_stopping=False)


def test_the_trees_are_those_of_scikit_learn(weighted):
    rows, actual, weights = weighted
    bins = Bins.of(rows, weights)
    ours = trees_of(boosting().fit(bins.numbers(rows), actual, weights), bins)
    theirs = trees_of(boosting().fit(rows, actual, weights))
    np.testing.assert_array_equal(ours.feature, theirs.feature)
    np.testing.assert_allclose(ours.threshold, theirs.threshold, rtol=1e-12)
    new = rows * np.random.default_rng(0).uniform(0.8, 1.2, rows.shape)
    np.testing.assert_array_equal(ours.raw(new), theirs.raw(new))


def test_bins_have_equal_weight_and_values_are_in_theirs(weighted):
    rows, _, weights = weighted
    bins = Bins.of(rows, weights)
    numbers = bins.numbers(rows)[:, 0].astype(int)
    assert 1 + len(bins.cuts[0]) <= MOST_BINS
    shares = np.bincount(numbers, weights) / weights.sum()
    assert np.median(shares) == pytest.approx(1 / MOST_BINS, rel=0.1)
    ends = np.append(bins.cuts[0], np.inf)
    assert (rows[:, 0] <= ends[numbers]).all()
    assert (rows[numbers > 0, 0] > bins.cuts[0][numbers[numbers > 0] - 1]).all()
