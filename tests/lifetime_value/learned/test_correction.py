"""Structure plus learning: better ranks, the structure's total, nothing of the future, a readable file."""

import dataclasses
import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import clvml
from clvml.errors import InputError, TimeUnitError
from clvml.evaluation import score
from clvml.lifetime_value import SupportsEarlierSplit, ValueModel
from clvml.lifetime_value.learned._blend import Blend
from clvml.lifetime_value.learned._features import behavioural_features, feature_table
from clvml.lifetime_value.learned._learners import learn
from clvml.lifetime_value.learned._lessons import Origin, pooled
from clvml.lifetime_value.learned._origins import earlier_origins
from clvml.lifetime_value.learned._outcome_table import outcome_table
from clvml.lifetime_value.learned._total_trend import total_factor
from clvml.scoring import score as score_customers
from clvml.scoring import signature
from clvml.scoring._model_file import dump_model, load_model_json

STRUCTURE = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 1.0)


@pytest.fixture(scope="module")
def learned(promoted_split):
    model = clvml.LearnedCorrection(promoted_split.duration, structure=STRUCTURE)
    return model.fit_with_earlier(promoted_split.calibration, promoted_split.earlier())


def test_it_is_a_value_model_that_learns_from_an_earlier_split(learned):
    assert isinstance(learned, ValueModel)
    assert isinstance(learned, SupportsEarlierSplit)
    assert learned.fallback_ == ""
    assert learned.gain_ > 0


def test_it_ranks_better_than_its_structure_and_keeps_the_total(learned, promoted_split):
    customers, actual = promoted_split.calibration, promoted_split.holdout["spend"]
    structure = learned.structure_.predict(customers)
    corrected = learned.predict(customers)
    assert score(actual, corrected)["gini"] > score(actual, structure)["gini"] + 0.01
    assert corrected.sum() == pytest.approx(learned.total_factor_ * structure.sum(), rel=1e-12)
    assert learned.predict(customers, horizon=4.0).lt(corrected).all()


def test_it_finds_the_feature_that_matters_and_says_whom_it_moved(learned, promoted_split):
    customers = promoted_split.calibration
    assert next(iter(learned.importance_)) in ("first_order", "total_spend", "average_order")
    explained = learned.explain(customers)
    correction = learned.scale_ * np.exp(explained.sum(axis=1))
    np.testing.assert_allclose(learned.correction(customers), correction, rtol=1e-10)
    pd.testing.assert_frame_equal(learned.explain(customers.head(1)), explained.head(1), rtol=1e-9)
    keen = feature_table(behavioural_features(customers), customers)["first_order"] == 80.0
    assert learned.correction(customers)[keen].mean() > 1.1 * learned.correction(customers)[~keen].mean()


def test_factors_multiply_to_the_value(learned, promoted_split):
    factors = learned.predict_factors(promoted_split.calibration, "12M", 0.1)
    product = factors["discounted_purchases"] * factors["expected_spend"] * factors["correction"]
    np.testing.assert_allclose(factors["clv"], product, rtol=1e-12)
    pd.testing.assert_series_equal(
        factors["probability_alive"], learned.probability_alive(promoted_split.calibration), check_names=False
    )


def test_a_margin_scales_values_and_leaves_the_correction(learned, promoted_split):
    customers = promoted_split.calibration
    model = clvml.LearnedCorrection(promoted_split.duration, margin=0.2, structure=STRUCTURE)
    model.fit_with_earlier(customers, promoted_split.earlier())
    np.testing.assert_allclose(model.predict(customers), 0.2 * learned.predict(customers), rtol=1e-9)


def test_the_order_of_customers_does_not_matter(promoted_split, learned):
    earlier, rng = promoted_split.earlier(), np.random.default_rng(0)
    order = rng.permutation(len(earlier.calibration))
    shuffled = dataclasses.replace(
        earlier, calibration=earlier.calibration.iloc[order], holdout=earlier.holdout.iloc[order]
    )
    again = clvml.LearnedCorrection(promoted_split.duration, structure=STRUCTURE)
    again.fit_with_earlier(promoted_split.calibration, shuffled)
    np.testing.assert_allclose(
        again.predict(promoted_split.calibration), learned.predict(promoted_split.calibration), rtol=1e-6
    )


def test_nothing_of_the_holdout_is_seen(promoted, promoted_split, learned):
    late = promoted["date"] > "2020-12-15"
    other = clvml.split(
        promoted.assign(amount=promoted["amount"].where(~late, 9.0)), "2020-12-15", "2021-06-15"
    )
    compared = clvml.compare_models({"learned": learned}, other)
    pd.testing.assert_series_equal(
        compared.predictions["learned"],
        learned.predict(promoted_split.calibration),
        check_names=False,
        rtol=1e-12,
    )


def test_an_earlier_split_that_ends_later_is_refused(promoted, promoted_split):
    model = clvml.LearnedCorrection(26)
    customers = promoted_split.calibration
    with pytest.raises(InputError, match=r"would see what it predicts: pass split.earlier\(\)"):
        model.fit_with_earlier(customers, promoted_split)
    by_day = clvml.summarize(promoted, "2020-12-15", time_unit="D")
    with pytest.raises(TimeUnitError):
        model.fit_with_earlier(by_day, promoted_split.earlier())


def test_few_customers_and_no_earlier_split_give_the_structure_and_a_sentence(promoted_split, caplog):
    customers, earlier = promoted_split.calibration, promoted_split.earlier()
    few = clvml.LearnedCorrection(26, structure=STRUCTURE, min_customers=10_000)
    few.fit_with_earlier(customers, earlier)
    alone = clvml.LearnedCorrection(26, structure=STRUCTURE).fit(customers)
    structure = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 26).fit(customers)
    for model in (few, alone):
        pd.testing.assert_series_equal(model.predict(customers), structure.predict(customers))
        pd.testing.assert_frame_equal(
            model.predict_interval(customers.head(50)), structure.predict_interval(customers.head(50))
        )
        assert (model.explain(customers) == 0).all(axis=None)
    assert "are fewer than min_customers=10,000" in few.fallback_
    assert "no earlier holdout" in alone.fallback_
    assert "predictions are those of the structure" in caplog.text
    models = {"few": clone(few), "structure": STRUCTURE}
    assert "min_customers" in clvml.compare_models(models, promoted_split).left_out["few"]


def lessons_of(rows, actual, expected, origins=1):
    """The same customers at each of some origins."""
    customers = np.tile(np.arange(len(rows) // origins), origins)
    table = pd.DataFrame(rows, customers)
    parts = np.array_split(np.arange(len(rows)), origins)
    return pooled([Origin(table.iloc[part], actual[part], expected[part]) for part in parts], 0)


def test_noise_is_not_learnt():
    rng = np.random.default_rng(0)
    expected = rng.gamma(1.0, 1.0, 4000)
    rows = np.column_stack([expected, rng.normal(size=(4000, 6))])
    found = learn(lessons_of(rows, rng.poisson(expected).astype(float), expected), 0)
    assert not found.helps or found.gain < 0.003


def test_what_the_structure_misses_is_learnt_and_a_customer_is_in_one_fold_only():
    rng = np.random.default_rng(0)
    expected, keen = rng.gamma(1.0, 1.0, 4000), rng.random(4000) < 0.5
    rows = np.column_stack([expected, keen, rng.normal(size=(4000, 3))])
    actual = rng.poisson(expected * np.where(keen, 1.5, 0.5)).astype(float)
    lessons = lessons_of(rows, actual, expected, origins=2)
    assert np.ptp(lessons.shares(lessons.actual)) > 0
    found = learn(lessons, 0)
    assert found.helps
    assert found.gain > 0.05
    larger = lessons.rows[:, 1] == 1
    assert found.out_of_fold[larger].mean() > 1.2 * found.out_of_fold[~larger].mean()
    repeated = lessons_of(
        np.vstack([rows[:500]] * 2), np.tile(actual[:500], 2), np.tile(expected[:500], 2), 2
    )
    folds = pd.Series(repeated.fold).groupby(repeated.rows[:, 2]).nunique()  # rows of one customer are equal
    assert (folds == 1).all()


def test_further_origins_see_nothing_after_the_earlier_one(promoted_split):
    latest = promoted_split.earlier()
    found = earlier_origins(latest)
    assert found[0] is latest
    assert len(found) > 1
    assert all(each.observation_end < latest.observation_end for each in found[1:])
    assert all(each.duration == pytest.approx(latest.duration, abs=1 / 7) for each in found)
    assert earlier_origins(dataclasses.replace(latest, _transactions=None))[1:] == []


def test_the_mean_of_three_keeps_the_total_of_each_and_the_largest_keep_the_structure():
    rng = np.random.default_rng(2)
    structure, spend = rng.gamma(2.0, 1.0, 1000), rng.gamma(1.0, 7.0, 1000)
    ratio = rng.gamma(5.0, 0.4, 1000)
    free = Blend.of(structure, ratio, spend, largest=1.0)
    parts = structure, structure * ratio, spend
    expected = sum(each * structure.sum() / each.sum() for each in parts) / 3
    np.testing.assert_allclose(free.correction(structure, ratio, spend) * structure, expected, rtol=1e-9)
    limited = Blend.of(structure, ratio, spend, largest=0.0)
    largest = np.maximum(structure, expected) >= limited.upper
    assert 10 <= largest.sum() <= 30
    np.testing.assert_allclose(limited.correction(structure, ratio, spend)[largest], 1.0)
    smallest = np.maximum(structure, expected) <= limited.lower
    np.testing.assert_allclose(
        limited.correction(structure, ratio, spend)[smallest], expected[smallest] / structure[smallest]
    )


@pytest.mark.parametrize("structure", [0.0, 5e-324, 1e-300, 1e-9, 1.0, 1e9, 1e300])
def test_a_correction_is_a_number_whatever_the_structure_predicts(structure):
    blend = Blend(2 / 3, 1.0, 3.0, 0.5, 4.0, 0.5)
    found = blend.correction(np.array([structure]), np.array([1e-6]), np.array([2.0]))
    assert np.isfinite(found).all()
    assert (found > 0).all()


def test_a_total_is_changed_only_where_it_was_missed_alike_at_several_origins():
    expected = np.full(4, 100.0)
    assert total_factor(np.array([80.0, 81.0, 79.0, 80.0]), expected) == pytest.approx(0.8, abs=0.01)
    assert total_factor(np.array([80.0, 120.0, 95.0, 108.0]), expected) == 1.0
    assert total_factor(np.array([80.0, 80.0]), expected[:2]) == 1.0
    assert total_factor(np.array([500.0, 510.0, 490.0]), expected[:3]) == pytest.approx(1.5)


def test_intervals_cover_the_holdout(learned, promoted_split):
    actual = promoted_split.holdout["spend"]
    for coverage in (0.5, 0.9):
        found = learned.predict_interval(promoted_split.calibration, coverage)
        inside = ((found["clv_lower"] <= actual) & (actual <= found["clv_upper"])).mean()
        assert inside > coverage - 0.04  # more, as spending nothing is inside any interval from zero
        above = (actual > found["clv_upper"]).mean()
        assert abs(above - (1 - coverage) / 2) < 0.05
    assert (found["purchases_lower"] <= found["purchases_upper"]).all()
    with pytest.raises(InputError, match=r"at most 0.99"):
        learned.predict_interval(promoted_split.calibration, 0.999)


def test_quantiles_of_outcomes_cover_the_next_customer():
    rng = np.random.default_rng(1)
    predicted = rng.gamma(1.0, 2.0, 20_000)
    actual = predicted * rng.lognormal(0.0, 1 / (1 + predicted))
    table = outcome_table(actual[:10_000], predicted[:10_000])
    for coverage in (0.5, 0.9, 0.98):
        lower, upper = table.interval(predicted[10_000:], coverage)
        ratio = actual[10_000:] / predicted[10_000:]
        assert np.mean((lower <= ratio) & (ratio <= upper)) == pytest.approx(coverage, abs=0.02)
        large = predicted[10_000:] > 5
        assert np.mean(((lower <= ratio) & (ratio <= upper))[large]) == pytest.approx(coverage, abs=0.06)


def test_totals_of_groups_follow_the_correction(learned, promoted_split):
    customers = promoted_split.calibration
    keen = (feature_table(behavioural_features(customers), customers)["first_order"] == 80.0).map(
        {True: "keen", False: "other"}
    )
    found = learned.predict_total_interval(customers, keen)
    before = learned.structure_.predict_total_interval(customers, keen)
    corrected = learned.predict(customers).groupby(keen).sum()
    structural = learned.structure_.predict(customers).groupby(keen).sum()
    for name in ("keen", "other"):
        factor = corrected[name] / structural[name]
        assert found.loc[name, "clv_upper"] == pytest.approx(factor * before.loc[name, "clv_upper"])
    assert found.loc["total", "clv"] == pytest.approx(learned.total_factor_ * before.loc["total", "clv"])


def test_a_model_file_gives_the_same_model_and_scores_from_the_columns_alone(learned, promoted_split):
    text = dump_model(learned)
    assert '"class": "BoostedTrees"' in text
    loaded = load_model_json(text)
    customers = promoted_split.calibration
    pd.testing.assert_frame_equal(loaded.predict_factors(customers), learned.predict_factors(customers))
    pd.testing.assert_frame_equal(loaded.predict_interval(customers), learned.predict_interval(customers))
    columns = customers[list(learned.required_columns)]
    one = score_customers(loaded, columns.head(1), {"horizon": "12M", "annual_discount_rate": 0.1})
    everybody = learned.predict_factors(customers, "12M", 0.1)
    assert one["clv"].iloc[0] == pytest.approx(everybody["clv"].iloc[0], rel=1e-12)
    assert {"frequency", "recency", "T", "monetary_value", "total_spend"} <= {
        column.name for column in signature(loaded).inputs
    }


def test_it_is_fitted_from_transactions(promoted):
    model = clvml.LearnedCorrection(26, structure=STRUCTURE).fit_transactions(promoted)
    assert model.learnt_horizon_ == 26
    customers = clvml.summarize(promoted)
    total = model.total_factor_ * model.structure_.predict(customers).sum()
    assert model.predict(customers).sum() == pytest.approx(total)


@pytest.mark.filterwarnings("ignore::clvml.FitWarning")
def test_by_default_the_structure_is_the_one_that_predicts_the_earlier_holdout_best(promoted_split, caplog):
    caplog.set_level(logging.DEBUG, logger="clvml")
    model = clvml.LearnedCorrection(26).fit_with_earlier(promoted_split.calibration, promoted_split.earlier())
    assert type(model.purchases_).__name__ in ("BGNBD", "MBGNBD", "ParetoNBD")
