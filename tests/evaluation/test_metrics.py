"""Every metric: its laws, its oracle in scikit-learn or SciPy, and its words where it is undefined."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau, spearmanr
from sklearn.metrics import (
    brier_score_loss,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    mean_tweedie_deviance,
    roc_auc_score,
    root_mean_squared_log_error,
)

from clvml.errors import InputError
from clvml.evaluation import (
    METRICS,
    bias_by_group,
    calibration_by_decile,
    calibration_by_frequency,
    calibration_error,
    compare,
    reliability_table,
    score,
)

VALUES = [key for key, metric in METRICS.items() if metric.of == "values"]
PROBABILITIES = [key for key, metric in METRICS.items() if metric.of == "probabilities"]
INTERVALS = [key for key, metric in METRICS.items() if metric.of == "intervals"]
RANKING = ["spearman", "kendall", "gini"]
RELATIVE = [
    "bias_pct",
    "calib_pct",
    *(f"top{s}_share" for s in (1, 5, 10, 20)),
    *(f"lift{s}" for s in (1, 5, 10, 20)),
]


def sample(n=400, seed=0, ties=False):
    """Money with zeros, and positive predictions related to it."""
    random = np.random.default_rng(seed)
    actual = np.where(random.random(n) < 0.4, random.gamma(0.7, 80, n), 0.0)
    predicted = np.maximum(actual * random.gamma(2, 0.5, n) + random.gamma(1, 20, n), 0.5)
    if ties:
        actual, predicted = actual.round(-1), predicted.round(-1) + 5
    ids = [f"c{i}" for i in range(n)]
    return pd.Series(actual, ids), pd.Series(predicted, ids)


def chances(n=400, seed=0):
    random = np.random.default_rng(seed)
    probability = pd.Series(random.beta(0.7, 1.5, n).round(2).clip(0.01, 0.99))
    return (probability > random.random(n)).astype(float), probability


def bounds(n=400, seed=0, coverage=0.8):
    actual, _ = sample(n, seed)
    half = np.random.default_rng(seed).gamma(2, 20, n)
    centre = actual + np.random.default_rng(seed + 1).normal(0, 40, n)
    table = pd.DataFrame({"lower": centre - half, "upper": centre + half})
    table.attrs["coverage"] = coverage
    return actual, table


def data_of(key, **options):
    return {"values": sample, "probabilities": chances, "intervals": bounds}[METRICS[key].of](**options)


@pytest.mark.parametrize("key", METRICS)
def test_a_metric_states_what_it_is(key):
    metric = METRICS[key]
    assert metric.key == key
    assert len(key) <= 12
    assert metric.better in ("lower", "higher", "zero", "target")
    assert metric.unit in ("money", "share", "percent", "")
    assert metric.label
    assert metric.formula
    assert "\n" not in metric.formula


ORACLES = {
    "mae": mean_absolute_error,
    "rmse": lambda y, f: np.sqrt(mean_squared_error(y, f)),
    "rmsle": root_mean_squared_log_error,
    "tweedie": lambda y, f: mean_tweedie_deviance(y, f, power=1.5),
    "spearman": lambda y, f: spearmanr(y, f).statistic,
    "kendall": lambda y, f: kendalltau(y, f).statistic,
    "brier": brier_score_loss,
    "log_score": log_loss,
    "auc": roc_auc_score,
}


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("key", ORACLES)
def test_scikit_learn_and_scipy_say_the_same(key, ties):
    actual, predicted = sample(ties=ties) if METRICS[key].of == "values" else chances()
    assert METRICS[key](actual, predicted) == pytest.approx(ORACLES[key](actual, predicted), rel=1e-12)


def test_the_gini_is_the_weighted_auc_of_money():
    """For outcomes of 0 and 1 the normalised Gini is 2 AUC - 1."""
    outcome, probability = chances()
    assert METRICS["gini"](outcome, probability) == pytest.approx(2 * roc_auc_score(outcome, probability) - 1)


PERFECT = {
    "bias_pct": 0, "mae": 0, "rmse": 0, "rmsle": 0, "tweedie": 0, "spearman": 1, "kendall": 1, "gini": 1,
    "calib_pct": 0, "brier": 0, "log_score": 0, "auc": 1, "reliability": 0,
}  # fmt: skip


@pytest.mark.parametrize("key", PERFECT)
def test_a_perfect_prediction_is_perfect(key):
    actual, _ = data_of(key)
    assert METRICS[key](actual, actual) == pytest.approx(PERFECT[key], abs=1e-12)


@pytest.mark.parametrize("key", [key for key in VALUES if METRICS[key].better != "target"])
def test_no_prediction_is_better_than_the_truth(key):
    actual, predicted = sample()
    metric = METRICS[key]
    best, other = (metric.badness(metric(actual, f)) for f in (actual, predicted))
    assert best < other


@pytest.mark.parametrize("key", METRICS)
def test_the_order_of_rows_says_nothing(key):
    actual, predicted = data_of(key)
    places = np.random.default_rng(3).permutation(len(actual))
    shuffled = predicted.iloc[places]
    shuffled.attrs = predicted.attrs
    expected = METRICS[key](actual, predicted)
    assert METRICS[key](actual, shuffled) == pytest.approx(expected, rel=1e-12)
    assert METRICS[key](actual.iloc[places[::-1]], shuffled) == pytest.approx(expected, rel=1e-12)


POWERS = {"money": 1.0, "tweedie": 0.5}


@pytest.mark.parametrize("key", [key for key in VALUES + INTERVALS if key != "rmsle"])
def test_metrics_in_money_scale_with_the_currency_and_others_do_not(key):
    actual, predicted = data_of(key)
    scaled = predicted * 1000
    scaled.attrs = predicted.attrs
    power = POWERS.get(key, POWERS.get(METRICS[key].unit, 0.0))
    expected = METRICS[key](actual, predicted) * 1000**power
    assert METRICS[key](actual * 1000, scaled) == pytest.approx(expected, rel=1e-10)


def test_rmsle_depends_on_the_currency_and_says_so():
    actual, predicted = sample()
    assert METRICS["rmsle"](actual * 1000, predicted * 1000) > 1.2 * METRICS["rmsle"](actual, predicted)
    assert "depends on the currency" in METRICS["rmsle"].formula


@pytest.mark.parametrize(
    ("key", "chance"), [*((key, 0.0) for key in RANKING), ("lift10", 1.0), ("top10_share", 0.1)]
)
def test_a_constant_prediction_ranks_as_chance_does(key, chance):
    actual, _ = sample()
    constant = pd.Series(7.0, actual.index)
    assert METRICS[key](actual, constant) == pytest.approx(chance, abs=1e-12)
    assert METRICS[key].why_undefined(actual, constant) == ""


def test_lift_is_the_mean_of_the_top_over_the_mean_of_all():
    actual = pd.Series([50.0, 30.0, *np.zeros(8)])
    assert METRICS["lift20"](actual, -pd.Series(range(10))) == pytest.approx(40 / 8)
    assert METRICS["top20_share"](actual, -pd.Series(range(10))) == 1.0
    assert METRICS["lift5"](actual, -pd.Series(range(10))) == pytest.approx(50 / 8)


@pytest.mark.parametrize("key", [*RANKING, *RELATIVE])
def test_where_nobody_spent_shares_and_orders_are_undefined_and_say_why(key):
    actual, predicted = sample()
    nothing = actual * 0
    assert np.isnan(METRICS[key](nothing, predicted))
    reason = METRICS[key].why_undefined(nothing, predicted)
    assert "same actual value" in reason if key in RANKING else "sum to 0" in reason


@pytest.mark.parametrize("key", ["total", "mae", "rmse", "rmsle", "tweedie"])
def test_where_nobody_spent_errors_are_still_defined(key):
    actual, predicted = sample()
    assert METRICS[key](actual * 0, predicted) > 0
    assert METRICS[key](actual * 0, actual * 0) == 0


@pytest.mark.parametrize("key", VALUES)
def test_one_customer_has_no_order_and_says_so(key):
    actual, predicted = pd.Series([8.0], ["a"]), pd.Series([2.0], ["a"])
    by_hand = {"total": 2, "bias_pct": -75, "mae": 6, "rmse": 6, "rmsle": np.log(3), "calib_pct": 75,
               "tweedie": 4 * (np.sqrt(8) - np.sqrt(2)) ** 2 / np.sqrt(2)}  # fmt: skip
    value = METRICS[key](actual, predicted)
    if key in RANKING:
        assert np.isnan(value)
        assert METRICS[key].why_undefined(actual, predicted).startswith("there is only one customer")
    else:
        assert value == pytest.approx(by_hand.get(key, 1.0))


def test_losses_leave_defined_what_does_not_need_positive_money():
    actual, predicted = pd.Series([-9.0, 5.0, 2.0, -4.0]), pd.Series([1.0, 2.0, 3.0, 0.5])
    undefined = {key for key in VALUES if np.isnan(METRICS[key](actual, predicted))}
    assert undefined == {"rmsle", "tweedie", *RELATIVE}
    assert "sum to -6" in METRICS["bias_pct"].why_undefined(actual, predicted)
    assert METRICS["rmsle"].why_undefined(actual, predicted).startswith("2 of 4 customers")
    assert METRICS["tweedie"].why_undefined(actual, predicted).startswith("2 of 4 customers have a negative")


def test_a_prediction_of_zero_has_no_deviance_for_non_spenders_and_an_infinite_one_for_spenders():
    actual = pd.Series([0.0, 0.0, 9.0])
    assert METRICS["tweedie"](actual, pd.Series([0.0, 4.0, 9.0])) == pytest.approx(8 / 3)
    zero = pd.Series([0.0, 4.0, 0.0])
    assert np.isnan(METRICS["tweedie"](actual, zero))
    assert METRICS["tweedie"].why_undefined(actual, zero) == (
        "the prediction is zero for 1 of 3 customers although they spent, so their deviance is infinite"
    )


def test_nothing_warns_where_a_metric_is_undefined():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for actual, predicted in ((sample()[0] * 0, sample()[0] * 0), (-sample()[0], -sample()[1])):
            assert {key: METRICS[key](actual, predicted) for key in VALUES}


def test_probabilities_that_cannot_be_evaluated_say_why():
    outcome = pd.Series([1.0, 1.0])
    assert METRICS["auc"].why_undefined(outcome, outcome).startswith("all 2 outcomes are 1")
    assert np.isnan(METRICS["log_score"](outcome, pd.Series([0.0, 1.0])))
    assert "1 of 2 customers had a predicted probability of 0" in METRICS["log_score"].why_undefined(
        outcome, pd.Series([0.0, 1.0])
    )
    with pytest.raises(InputError, match=r"1 of 2 probabilities are outside \[0, 1\]; the first is 1\.5"):
        METRICS["brier"](outcome, pd.Series([0.3, 1.5]))
    with pytest.raises(InputError, match="outcomes of 0 or 1"):
        METRICS["brier"](pd.Series([0.0, 3.0]), pd.Series([0.3, 0.5]))


def test_calibrated_probabilities_have_a_small_calibration_error_and_distorted_ones_a_large_one():
    outcome, probability = chances(20_000)
    assert METRICS["reliability"](outcome, probability) < 0.02
    distorted = probability**3
    table = reliability_table(outcome, distorted)
    expected = (table["customers"] * (table["predicted"] - table["actual"]).abs()).sum() / 20_000
    assert METRICS["reliability"](outcome, distorted) == pytest.approx(expected)
    assert expected > 0.1


def test_the_intervals_of_a_reliability_table_cover_the_true_probability_in_nine_of_ten():
    covered = []
    for seed in range(60):
        table = reliability_table(*chances(1000, seed))
        covered += ((table["lower"] <= table["predicted"]) & (table["predicted"] <= table["upper"])).tolist()
    assert np.mean(covered) == pytest.approx(0.9, abs=0.04)


def test_the_interval_score_by_hand():
    """Gneiting and Raftery (2007), eq. 43: width, and 2 / alpha times what lies outside."""
    intervals = pd.DataFrame({"lower": [0.0, 10.0, 10.0], "upper": [5.0, 20.0, 12.0]})
    intervals.attrs["coverage"] = 0.8
    actual = pd.Series([5.0, 7.0, 13.0])
    scores = score(actual, intervals, INTERVALS)
    assert scores["coverage"] == pytest.approx(1 / 3)
    assert scores["cover_error"] == pytest.approx(1 / 3 - 0.8)
    assert scores["width"] == pytest.approx(17 / 3)
    assert scores["winkler"] == pytest.approx((5 + 10 + 2 + 10 * (3 + 1)) / 3)


def test_the_interval_score_is_best_at_the_true_quantiles():
    actual = pd.Series(np.random.default_rng(0).normal(size=20_000))

    def scored(z):
        table = pd.DataFrame({"lower": -z, "upper": z}, index=actual.index)
        table.attrs["coverage"] = 0.9
        return METRICS["winkler"](actual, table)

    assert scored(1.645) < min(scored(1.3), scored(2.0))


def test_intervals_without_nominal_coverage_or_with_crossed_ends():
    actual, table = bounds()
    table.attrs = {}
    assert "nominal coverage of the intervals is nan" in METRICS["winkler"].why_undefined(actual, table)
    assert np.isnan(METRICS["cover_error"](actual, table))
    assert 0 < METRICS["coverage"](actual, table) < 1
    with pytest.raises(InputError, match="lower exceeds upper in 400 of 400 intervals; the first is 'c0'"):
        METRICS["width"](actual, pd.DataFrame({"lower": 2.0, "upper": 1.0}, index=actual.index))
    with pytest.raises(InputError, match="columns 'lower' and 'upper'"):
        METRICS["width"](actual, actual)


def test_bias_and_calibration_error_by_group_are_those_of_the_group_sums():
    actual, predicted = sample(1003)
    table = calibration_by_decile(actual, predicted)
    sums = table[["predicted", "actual"]].mul(table["customers"], axis="index")
    expected = 100 * (sums["predicted"] / sums["actual"] - 1)
    assert bias_by_group(table).to_numpy() == pytest.approx(expected.to_numpy(), nan_ok=True)
    error = 100 * (sums["predicted"] - sums["actual"]).abs().sum() / actual.sum()
    assert calibration_error(table) == pytest.approx(error)
    assert METRICS["calib_pct"](actual, predicted) == pytest.approx(error)
    assert abs(METRICS["bias_pct"](actual, predicted)) <= error + 1e-9


def test_the_calibration_error_by_frequency_sees_errors_that_cancel_in_the_total():
    customers = pd.DataFrame({"frequency": [0.0, 0.0, 5.0]})
    holdout = pd.DataFrame({"purchases": [0.0, 0.0, 4.0]})
    table = calibration_by_frequency(customers, holdout, pd.Series([1.0, 1.0, 2.0]))
    assert calibration_error(table) == pytest.approx(100 * (2 + 2) / 4)
    assert np.isnan(calibration_error(table.assign(actual=0.0)))


def test_any_metrics_can_be_asked_for_and_bad_requests_are_named():
    actual, predicted = sample()
    table = compare(actual, predicted.to_frame("m"), metrics=["kendall", "lift1", "calib_pct"])
    assert table.columns.tolist() == ["family", "kendall", "lift1", "calib_pct"]
    with pytest.raises(InputError, match="'mape' is not a metric; those are: total, bias_pct"):
        score(actual, predicted, ["mape"])
    with pytest.raises(InputError, match="brier is a metric of probabilities, not of values"):
        score(actual, predicted, ["mae", "brier"])
    with pytest.raises(InputError, match="no metric is given"):
        score(actual, predicted, [])
