"""Ranking metrics do not reward chance: ties share, order of rows is nothing, and nor is rounding."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clvml.errors import InputError
from clvml.evaluation._comparison import score
from clvml.evaluation._ranking import gini, lift_curve, spearman, top_share

revenue = st.lists(st.integers(0, 9), min_size=2, max_size=30).filter(any)


def pair(draw_from):
    seed, actual = draw_from
    random = np.random.default_rng(seed)
    return pd.Series(actual, dtype=float), pd.Series(random.integers(0, 4, len(actual)), dtype=float)


pairs = st.tuples(st.integers(0, 1000), revenue).map(pair)


@settings(max_examples=15, deadline=None)
@given(pairs)
def test_ties_count_as_the_average_over_all_orders_of_the_tied(given_pair):
    actual, predicted = given_pair
    random = np.random.default_rng(1)
    shares = []
    for _ in range(2000):
        order = np.lexsort([random.random(len(actual)), -predicted])
        shares.append(actual.to_numpy()[order][: -(-len(actual) // 10)].sum() / actual.sum())
    standard_error = np.std(shares) / np.sqrt(len(shares))
    assert abs(top_share(actual, predicted) - np.mean(shares)) < 5 * standard_error + 1e-9


@given(pairs, st.integers(0, 1000))
def test_the_order_of_rows_and_the_scale_of_predictions_do_not_matter(given_pair, seed):
    actual, predicted = given_pair
    shuffled = (predicted * 3 + 1).sample(frac=1, random_state=seed)
    for metric in (gini, spearman, top_share):
        assert metric(actual, shuffled) == pytest.approx(metric(actual, predicted), abs=1e-12, nan_ok=True)


@given(pairs.filter(lambda given_pair: given_pair[0].nunique() > 1))
def test_the_truth_is_the_best_prediction_and_its_opposite_the_worst(given_pair):
    actual, predicted = given_pair
    for metric in (gini, spearman, top_share):
        worst, best = metric(actual, -actual), metric(actual, actual)
        assert worst - 1e-12 <= metric(actual, predicted) <= best + 1e-12


def test_predicting_the_same_for_everyone_ranks_nobody():
    actual = pd.Series([0.0, 5.0, 1.0, 9.0] * 5)
    same = pd.Series(3.0, index=actual.index)
    assert spearman(actual, same) == 0
    assert gini(actual, same) == pytest.approx(0, abs=1e-12)
    assert top_share(actual, same) == pytest.approx(0.1)


def test_a_difference_by_rounding_alone_is_a_tie():
    actual = pd.Series([10.0, 0.0])
    assert top_share(actual, pd.Series([0.1 + 0.2, 0.3])) == 0.5
    assert spearman(actual, pd.Series([0.1 + 0.2, 0.3])) == 0


def test_the_gini_of_a_known_order_is_the_area_by_hand():
    # Best predicted first: .3, .4, 1 of revenue; the oracle: .6, .9, 1. Areas above the diagonal.
    actual, predicted = pd.Series([6.0, 3.0, 1.0]), pd.Series([1.0, 3.0, 2.0])
    of_the_model = (0.3 + 0.4 + 0.5) / 3 - 0.5
    of_the_oracle = (0.6 + 0.9 + 0.5) / 3 - 0.5
    assert gini(actual, predicted) == pytest.approx(of_the_model / of_the_oracle)


def test_the_lift_curve_passes_through_the_top_share_and_below_the_oracle():
    random = np.random.default_rng(2)
    actual = pd.Series(random.exponential(10, 200))
    predictions = pd.DataFrame({"good": actual + random.normal(0, 5, 200), "same": 1.0})
    curve = lift_curve(actual, predictions)
    assert curve.loc[0.1, "good"] == pytest.approx(top_share(actual, predictions["good"]))
    assert curve["same"].to_numpy() == pytest.approx(curve.index.to_numpy())
    assert (curve["good"] <= curve["oracle"] + 1e-12).all()
    assert curve.iloc[[0, -1]].to_numpy().tolist() == [[0.0] * 3, [1.0] * 3]


def test_bad_arguments_are_named():
    actual = pd.Series([1.0, 2.0])
    with pytest.raises(InputError, match=r"share is 10; it must be above 0 and at most 1"):
        top_share(actual, actual, share=10)
    with pytest.raises(InputError, match="'oracle'"):
        lift_curve(actual, pd.DataFrame({"oracle": actual}))


def test_a_prediction_that_orders_nobody_has_a_gini_of_exactly_zero():
    actual = pd.Series(np.random.default_rng(0).gamma(0.3, 100, 2357))
    assert gini(actual, pd.Series(np.zeros(2357))) == 0.0


LOSSES = pd.Series([-9.0, 5.0, 2.0, -4.0], list("abcd"))


def test_where_losses_exceed_gains_only_what_divides_by_the_total_is_undefined():
    scores = score(LOSSES, pd.Series([1.0, 2.0, -3.0, 0.0], list("abcd")))
    assert np.isnan([scores["bias_pct"], scores["top10_share"]]).all()
    assert scores["total"] == 0.0
    assert scores["mae"] == pytest.approx((10 + 3 + 5 + 4) / 4)
    assert np.isfinite([scores["rmse"], scores["spearman"], scores["gini"]]).all()


def test_gini_orders_losses_too():
    assert gini(LOSSES, LOSSES) == 1.0
    assert gini(LOSSES, -LOSSES) == pytest.approx(-1.0)
    assert gini(LOSSES, LOSSES * 0) == 0.0


def test_gini_does_not_change_when_everybody_brings_the_same_more():
    """Its numerator is linear in money: adding the same to everybody changes neither area."""
    predicted = pd.Series([3.0, 1.0, 2.0, 0.0], list("abcd"))
    assert gini(LOSSES, predicted) == pytest.approx(gini(LOSSES + 100.0, predicted))
