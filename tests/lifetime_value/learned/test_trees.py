"""Trees as arrays predict what scikit-learn predicts, to the last bit."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from clvml.lifetime_value.learned._trees import trees_of


def rows_and_counts(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.gamma(1.0, 1.0, (n, 5))
    rows[:, 1] = np.floor(3 * rows[:, 1])  # ties with thresholds
    rows[:, 2] = 7.0  # constant
    return rows, rng.poisson(np.exp(np.minimum(rows[:, 0] - 0.5 * rows[:, 1], 2.0)))


@pytest.mark.parametrize("loss", ["poisson", "squared_error"])
@pytest.mark.parametrize("leaves", [2, 8, 15, 33, 64])
def test_predictions_are_those_of_scikit_learn(loss, leaves):
    rows, counts = rows_and_counts()
    boosting = HistGradientBoostingRegressor(
        loss=loss, max_iter=30, max_leaf_nodes=leaves, min_samples_leaf=5, early_stopping=False
    ).fit(rows, counts)
    unseen = np.concatenate([rows, 3 * rows_and_counts(20_000, seed=1)[0]])
    raw = trees_of(boosting).raw(unseen)
    own = np.exp(raw) if loss == "poisson" else raw
    np.testing.assert_allclose(own, boosting.predict(unseen), rtol=1e-12)


def test_contributions_add_up_to_the_prediction_and_average_to_nothing():
    rows, counts = rows_and_counts()
    boosting = HistGradientBoostingRegressor(loss="poisson", max_iter=25, early_stopping=False)
    trees = trees_of(boosting.fit(rows, counts))
    shares = trees.contributions(rows)
    np.testing.assert_allclose(shares.sum(axis=1) + trees.mean, trees.raw(rows), atol=1e-12)
    assert trees.mean == pytest.approx(trees.raw(rows).mean(), abs=1e-12)
    assert (shares[:, 2] == 0).all()
    assert np.abs(shares[:, :2]).mean() > 10 * np.abs(shares[:, 3:]).mean()


def test_a_row_alone_is_predicted_as_among_many_to_the_last_bit():
    """Also at a threshold itself, beyond all of them, and where a feature is missing."""
    rows, counts = rows_and_counts()
    trees = trees_of(HistGradientBoostingRegressor(max_iter=40, early_stopping=False).fit(rows, counts))
    asked = rows[:200].copy()
    inner = trees.feature >= 0
    asked[np.arange(100), trees.feature[inner][:100]] = trees.threshold[inner][:100]
    asked[100:103, 0] = [np.inf, -np.inf, np.nan]
    alone = [float(trees.raw(row[None])[0]) for row in asked]
    assert alone == trees.raw(asked).tolist()
    assert trees.raw(asked[:0]).shape == (0,)
