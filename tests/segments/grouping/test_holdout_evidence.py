"""The number of segments by what segments are for: the value that is realised afterwards."""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import InputError
from clvml.evaluation._ranking import gini
from clvml.segments.grouping import KMeansSegments
from clvml.segments.grouping._holdout_evidence import holdout_evidence, ordered_by_value


@pytest.fixture(scope="module")
def outcomes():
    """Customers in four segments whose spend afterwards falls from the first to the last."""
    rng = np.random.default_rng(3)
    segments = rng.integers(0, 4, 900)
    return segments, rng.gamma(0.5, 2, 900) * np.array([60.0, 20.0, 10.0, 1.0])[segments]


def test_the_gini_is_the_one_of_the_evaluation(outcomes):
    segments, spent = outcomes
    found = holdout_evidence([[segments], [segments // 2], [segments[::-1]]], spent)["holdout_gini"]
    for order, value in zip((segments, segments // 2, segments[::-1]), found, strict=True):
        assert value == pytest.approx(gini(pd.Series(spent), pd.Series(-order.astype(float))), rel=1e-12)


def test_the_standard_errors_are_those_of_a_bootstrap(outcomes):
    segments, spent = outcomes
    orders = [segments, segments // 2, np.minimum(segments, 2)]
    found = holdout_evidence([[order] for order in orders], spent)
    assert found["holdout_gini"].idxmax() == 0
    rng, draws = np.random.default_rng(1), []
    oracle = pd.Series(spent)
    for _ in range(800):
        drawn = rng.integers(0, len(spent), len(spent))
        draws.append([gini(pd.Series(spent[drawn]), pd.Series(-o[drawn].astype(float))) for o in orders])
    ginis = np.array(draws)
    assert oracle.sum() > 0
    for place in (1, 2):
        expected = (ginis[:, place] - ginis[:, 0]).std()
        assert found["holdout_se"][place] == pytest.approx(expected, rel=0.15)


def test_the_explained_variance_is_that_of_the_other_customers_means(outcomes):
    segments, spent = outcomes[0][:60], outcomes[1][:60]
    ranks = pd.Series(spent).rank()
    left_out = [
        [ranks.drop(i)[np.delete(segments, i) == segments[i]].mean(), ranks.drop(i).mean()] for i in range(60)
    ]
    within, without = ((ranks.to_numpy()[:, None] - np.array(left_out)) ** 2).sum(axis=0)
    found = holdout_evidence([[segments]], spent)["holdout_explained"][0]
    assert found == pytest.approx(1 - within / without, rel=1e-12)


def test_segments_at_random_explain_nothing_however_many_they_are():
    rng = np.random.default_rng(0)
    spent = rng.gamma(1, 10, 500)
    many = [[rng.integers(0, k, 500)] for k in (2, 8, 40)]
    found = holdout_evidence(many, spent)
    assert (found["holdout_explained"] < 0.02).all()  # in-sample it would be 8 % with 40


def test_refits_are_averaged(outcomes):
    segments, spent = outcomes
    both = holdout_evidence([[segments, segments // 2]], spent)
    each = holdout_evidence([[segments], [segments // 2]], spent)
    assert both["holdout_gini"][0] == pytest.approx(each["holdout_gini"].mean())


def test_labels_are_ordered_by_the_mean_value_of_their_customers():
    labels, value = np.array([0, 0, 1, 2, 2]), np.array([5.0, 7.0, 1.0, 9.0, 9.0])
    assert ordered_by_value(labels, value).tolist() == [1, 1, 2, 0, 0]


@pytest.fixture(scope="module")
def cdnow():
    """CDNOW at the end of calibration, with its value, and the spend in the holdout."""
    parts = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")
    model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), parts.duration, 0.0).fit(parts.calibration)
    customers = parts.calibration.join(model.predict_factors(parts.calibration))
    customers.attrs = parts.calibration.attrs
    return customers, parts.holdout["spend"]


def test_where_two_segments_are_the_best_geometry_more_are_chosen_if_they_are_worth_it():
    """Two clouds by all but recency, by which spend afterwards differs within each."""
    rng = np.random.default_rng(5)
    often, age = rng.integers(0, 2, 1200), rng.uniform(0, 10, 1200)
    customers = pd.DataFrame(
        {
            "frequency": 1.0 + 30 * often,
            "recency": 20 + age,
            "monetary_value": 10.0 + 20 * often,
            "probability_alive": 0.5 + 0.4 * often,
            "clv": 20 + 50 * often + age,
        }
    )
    spent = pd.Series(rng.gamma(2, 1 + 25 * often * (age > 5)), customers.index)
    geometry = KMeansSegments(tolerance=0).fit(customers)
    by_value = KMeansSegments(tolerance=0).fit(customers, outcome=spent)
    assert len(geometry.names_) == 2
    assert len(by_value.names_) > 2


def test_the_number_is_the_smallest_within_five_percent_or_a_standard_error_of_the_best(cdnow):
    customers, spent = cdnow
    selection = KMeansSegments().fit(customers, outcome=spent).selection_
    chosen = selection.index[selection["chosen"]].item()
    useful = selection[(selection["smallest_share"] >= 0.01) & (selection["stability"] >= 0.8)]
    best = useful["holdout_gini"].max()
    allowed = np.maximum(0.05 * best, selection["holdout_se"])
    near = useful.index[useful["holdout_gini"] >= best - allowed[useful.index]]
    assert chosen == near.min() == 4
    assert selection.loc[2, "holdout_gini"] < 0.9 * best
    assert "the fewest whose Gini of the value in the holdout" in selection.attrs["why"]


def test_the_choice_depends_neither_on_the_order_of_rows_nor_on_random_state_nor_on_the_currency(cdnow):
    customers, spent = cdnow
    model = KMeansSegments().fit(customers, outcome=spent)
    shuffled = customers.sample(frac=1, random_state=2)
    again = KMeansSegments().fit(shuffled, outcome=spent)
    pd.testing.assert_frame_equal(again.selection_, model.selection_, rtol=1e-9)
    pd.testing.assert_series_equal(again.predict(customers), model.predict(customers))
    for random_state in (1, 2, 3):
        other = KMeansSegments(random_state=random_state).fit(customers, outcome=100 * spent)
        assert len(other.names_) == len(model.names_)
        np.testing.assert_allclose(other.selection_["holdout_gini"], model.selection_["holdout_gini"])


def test_without_information_in_the_holdout_geometry_decides(cdnow):
    customers, spent = cdnow
    geometry = KMeansSegments().fit(customers).selection_
    nothing = KMeansSegments().fit(customers, outcome=spent * 0).selection_
    pd.testing.assert_frame_equal(nothing, geometry)
    worse_than_chance = KMeansSegments().fit(customers, outcome=1 / (1 + customers["clv"])).selection_
    assert worse_than_chance["chosen"].tolist() == geometry["chosen"].tolist()
    assert "silhouette" in worse_than_chance.attrs["why"]


def test_the_segments_of_a_given_number_do_not_depend_on_the_outcome(cdnow):
    customers, spent = cdnow
    given = KMeansSegments(5).fit(customers, outcome=spent)
    pd.testing.assert_series_equal(given.predict(customers), KMeansSegments(5).fit_predict(customers))


@pytest.mark.parametrize("outcome", ["short", "missing", "twice"])
def test_an_outcome_that_does_not_cover_the_customers_is_refused(cdnow, outcome):
    customers, spent = cdnow
    bad = {
        "short": spent.iloc[1:],
        "missing": spent.where(spent.index != spent.index[3]),
        "twice": pd.concat([spent, spent.iloc[:1]]),
    }[outcome]
    with pytest.raises(InputError, match="one finite number for each of the 2,357 customers"):
        KMeansSegments().fit(customers, outcome=bad)


def test_an_array_of_outcomes_goes_by_position(cdnow):
    customers, spent = cdnow
    columns = ["frequency", "recency", "T", "clv"]
    by_position = KMeansSegments().fit(customers[columns].to_numpy(), outcome=spent.to_numpy())
    assert by_position.selection_["holdout_gini"].notna().all()
