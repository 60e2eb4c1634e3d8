"""Whether satisfaction predicts the holdout: where it was made to, and not where it follows the past."""

import numpy as np
import pandas as pd
import pytest

from clvml.errors import InputError
from clvml.survey import made_up_survey, read_satisfaction, satisfaction_beyond_behaviour
from clvml.survey.satisfaction._beyond_behaviour import poisson_regression


@pytest.fixture(scope="module")
def linked(made_up, cdnow_split):
    return satisfaction_beyond_behaviour(cdnow_split, read_satisfaction(made_up.satisfaction), n_draws=300)


@pytest.fixture(scope="module")
def unlinked(cdnow, cdnow_split):
    answers = read_satisfaction(made_up_survey(cdnow).satisfaction)
    return satisfaction_beyond_behaviour(cdnow_split, answers, n_draws=300)


def test_satisfaction_that_was_linked_to_later_purchases_predicts_them(linked):
    assert linked.tells
    assert linked.holdout_effect["lower"] > 0.2
    assert linked.scores.loc["gini", "lower"] > 0  # customers are ranked better
    ratios = linked.by_class["ratio"]
    assert ratios[5] > 1.2 > 0.8 > ratios[3]


def test_satisfaction_that_follows_the_past_is_significant_in_the_calibration_and_predicts_nothing(unlinked):
    assert unlinked.test.p_value < 0.001
    assert not unlinked.tells
    assert unlinked.holdout_effect["lower"] < 0 < unlinked.holdout_effect["upper"]


def test_the_likelihood_ratio_test_is_of_satisfaction_and_not_of_answering(linked):
    assert linked.test.degrees_of_freedom == 2  # of purchases and of dropout
    names = set(linked.coefficients.index.get_level_values("covariate"))
    assert names == {"answered", "satisfaction"}
    assert (linked.customers, linked.answered) == (2357, 1406)


def test_answers_given_in_the_holdout_do_not_count(cdnow_split, made_up):
    table = made_up.satisfaction.assign(date=lambda t: t["date"] + pd.Timedelta(days=60))
    found = satisfaction_beyond_behaviour(cdnow_split, read_satisfaction(table), n_draws=20)
    assert found.after_calibration > 100
    assert found.answered + found.after_calibration == 1406
    late = read_satisfaction(table.assign(date="1998-01-01"))
    with pytest.raises(InputError, match="customers answered until the end of calibration; at least 30"):
        satisfaction_beyond_behaviour(cdnow_split, late)


def test_equal_scores_cannot_predict(cdnow_split, made_up):
    with pytest.raises(InputError, match="the same score"):
        satisfaction_beyond_behaviour(
            cdnow_split, read_satisfaction(made_up.satisfaction.assign(satisfaction=4))
        )


def test_the_robust_errors_cover_where_counts_are_overdispersed():
    rng, covered = np.random.default_rng(1), 0
    for _ in range(300):
        x = rng.standard_normal(300)
        counts = rng.poisson(np.exp(0.2 * x) * rng.gamma(0.5, 2.0, 300)).astype(float)
        beta, covariance = poisson_regression(counts, np.column_stack([np.ones(300), x]), np.zeros(300))
        covered += abs(beta[1] - 0.2) < 1.96 * np.sqrt(covariance[1, 1])
    assert 0.9 <= covered / 300 <= 0.98
