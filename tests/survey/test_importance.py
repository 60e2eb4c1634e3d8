"""Importance: stated as shares, derived without the traps of collinear attributes."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from survey_tables import KINDS, rated

from clvml.errors import InputError
from clvml.survey import attribute_importance, read_ratings
from clvml.survey.perceived_value._relative_weights import relative_weights


def r_squared(covariance, predictors):
    if not len(predictors):
        return 0.0
    among = covariance[np.ix_(predictors, predictors)]
    outcome = covariance[predictors, -1]
    return float(outcome @ np.linalg.pinv(among) @ outcome / covariance[-1, -1])


def shapley(covariance):
    """Averages of what a predictor adds to R squared over all orders: the definition, in p! steps."""
    p = len(covariance) - 1
    added = np.zeros(p)
    for order in itertools.permutations(range(p)):
        for place, one in enumerate(order):
            before = list(order[:place])
            added[one] += r_squared(covariance, [*before, one]) - r_squared(covariance, before)
    return added / np.prod(range(1, p + 1))


def correlated(seed, p=4, shared=0.8):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((400, p)) + shared * rng.standard_normal((400, 1))
    y = x @ rng.uniform(0, 1, p) + rng.standard_normal(400)
    return np.cov(np.column_stack([x, y]), rowvar=False)


@given(st.integers(0, 200))
def test_relative_weights_sum_to_r_squared_and_are_close_to_shapley_values(seed):
    covariance = correlated(seed)
    found = relative_weights(covariance[None])
    assert found.r_squared[0] == pytest.approx(r_squared(covariance, [0, 1, 2, 3]))
    assert found.weights[0] == pytest.approx(shapley(covariance), abs=0.03)
    assert (found.weights >= 0).all()


@given(st.integers(0, 200), st.floats(0.01, 100))
def test_the_unit_of_a_score_does_not_matter(seed, unit):
    covariance = correlated(seed)
    scaled = covariance * np.outer([unit, 1, 1, 1, 1], [unit, 1, 1, 1, 1])
    assert relative_weights(scaled[None]).weights == pytest.approx(relative_weights(covariance[None]).weights)


def test_coefficients_and_variance_inflation_are_those_of_least_squares():
    covariance = correlated(3)
    found = relative_weights(covariance[None])
    sd = np.sqrt(np.diag(covariance))
    slopes = np.linalg.solve(covariance[:-1, :-1], covariance[:-1, -1])
    assert found.coefficients[0] == pytest.approx(slopes * sd[:-1] / sd[-1])
    others = [1, 2, 3]
    explained = covariance[0, others] @ np.linalg.solve(
        covariance[np.ix_(others, others)], covariance[others, 0]
    )
    assert found.inflation[0, 0] == pytest.approx(1 / (1 - explained / covariance[0, 0]))


def test_two_copies_of_an_attribute_share_its_weight_equally():
    x = np.random.default_rng(0).standard_normal((500, 2))
    y = x[:, 0] + 0.5 * x[:, 1] + 0.1 * np.random.default_rng(1).standard_normal(500)
    data = np.column_stack([x[:, 0], x[:, 0], x[:, 1], y])
    found = relative_weights(np.cov(data, rowvar=False)[None])
    alone = relative_weights(np.cov(data[:, 1:], rowvar=False)[None])
    assert found.weights[0, 0] == pytest.approx(found.weights[0, 1])
    assert found.weights[0, :2].sum() == pytest.approx(alone.weights[0, 0], abs=0.02)
    assert np.isinf(found.inflation[0, :2]).all()
    assert np.isfinite(found.inflation[0, 2])


def test_the_made_up_importance_is_recovered_stated_and_derived(made_up, ratings):
    """Ten intervals of 95 % each: at least eight cover. Rounding to the scale attenuates little."""
    found = attribute_importance(ratings)
    table, truth = found.table, made_up.truth
    stated = truth["stated_importance"][table.index]
    covered = table["stated_lower"].le(stated) & stated.le(table["stated_upper"])
    assert covered.sum() >= 8
    weights = truth["overall_weights"][table.index]
    assert table["derived"].corr(weights, method="spearman") > 0.9
    # What customers state is not what drives them: price is first in words, selection in deeds.
    assert table["stated"].idxmax() == "price"
    assert table["derived"].idxmax() == "selection"
    assert found.rank_correlation < 0.7
    assert 0.5 < found.r_squared < 0.9


def test_differences_between_brands_do_not_enter():
    """A brand that everybody likes for other reasons gives its attributes no importance."""
    rng = np.random.default_rng(2)
    scores = 5 + rng.standard_normal((300, 2, 3))
    scores[:, 0, 1:] += 2  # the first brand has more of b, and of the overall score
    scores[:, :, 2] += 2 * (scores[:, :, 0] - 5)
    index = pd.MultiIndex.from_product(
        [range(300), ["x", "y"], ["a", "b", "all"]], names=["respondent", "brand", "attribute"]
    )
    table = pd.DataFrame({"score": scores.ravel()}, index=index).reset_index()
    found = attribute_importance(read_ratings(table, scale=(-10, 20), overall="all"))
    assert found.table.loc["b", "derived"] < 0.02
    assert found.rows == 600


def test_what_the_survey_does_not_tell_is_missing_and_said():
    table = rated({"ours": {"quality": 4, "price": 2}}).assign(importance=[3, 1] * 2)
    found = attribute_importance(read_ratings(table, kinds=KINDS))
    assert found.table["stated"].tolist() == [0.75, 0.25]
    assert found.table["derived"].isna().all()
    assert found.notes == ("no attribute is named as the overall score: no importance is derived",)
    with pytest.raises(InputError, match="importance needs a column 'importance'"):
        attribute_importance(read_ratings(table.drop(columns="importance")))
    few = rated({"ours": {"quality": 4, "price": 2, "all": 3}}).assign(importance=[3, 1, np.nan] * 2)
    notes = attribute_importance(read_ratings(few, overall="all")).notes
    assert "2 respondents x brands have scores of all 2 attributes" in notes[0]


def test_an_overall_score_that_never_varies_derives_nothing():
    table = rated({"ours": {"quality": 4, "all": 3}}, 30).assign(importance=1.0)
    table.loc[table["attribute"] == "quality", "score"] = [1, 2, 3, 4, 5] * 6
    found = attribute_importance(read_ratings(table, overall="all"))
    assert "the overall score is the same in all answers" in found.notes[0]
