"""The paired bootstrap: each draw equals the metric of the resampled rows, and depends on nothing else."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clvml.errors import InputError
from clvml.evaluation import METRICS, MetricDraws, bootstrap_metrics, compare, resample_counts

VALUES = [key for key, metric in METRICS.items() if metric.of == "values" and metric.can_be_resampled]
PROBABILITIES = ["brier", "log_score", "auc"]


def money(n=300, seed=0, ties=True):
    random = np.random.default_rng(seed)
    actual = pd.Series(np.where(random.random(n) < 0.4, random.gamma(0.7, 80, n), 0.0), name="actual")
    noisy = np.maximum(actual * random.gamma(2, 0.5, n) + random.gamma(1, 20, n), 0.0)
    predictions = pd.DataFrame({"noisy": noisy, "level": 9.0, "none": 0.0, "truth": actual})
    predictions["rounded"] = noisy.round(-1)
    predictions["against"] = -noisy
    return (actual.round(-1) if ties else actual), predictions


def plainly(actual, predictions, counts, keys):
    """Slow: repeat the rows of each draw, and call the metric of these rows."""
    rows = [np.repeat(np.arange(len(actual)), drawn) for drawn in counts]
    y = actual.to_numpy()
    return np.array(
        [
            [[METRICS[key].value(y[r], predictions[m].to_numpy()[r]) for key in keys] for m in predictions]
            for r in rows
        ]
    )


@pytest.mark.parametrize("n", [1, 2, 7, 31, 32, 33, 300])
@pytest.mark.parametrize("ties", [False, True])
def test_a_draw_is_the_metric_of_the_resampled_rows(n, ties):
    actual, predictions = money(n, seed=n, ties=ties)
    counts = resample_counts(actual.index, 25, random_state=n)
    draws = bootstrap_metrics(actual, predictions, VALUES, weights=counts).draws
    np.testing.assert_allclose(draws, plainly(actual, predictions, counts, VALUES), rtol=1e-9, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 9), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=70))
def test_so_it_is_with_losses_ties_and_any_counts(rows):
    actual, predicted, counts = (np.array(column) for column in zip(*rows, strict=True))
    counts[0] += 1
    actual, predictions = pd.Series(actual, dtype=float), pd.DataFrame({"m": predicted.astype(float)})
    draws = bootstrap_metrics(actual, predictions, VALUES, weights=counts[None]).draws
    plain = plainly(actual, predictions, counts[None], VALUES)
    np.testing.assert_allclose(draws, plain, rtol=1e-9, atol=1e-9)


def test_probabilities_are_resampled_too():
    random = np.random.default_rng(0)
    probability = random.beta(0.7, 1.5, 200).round(1)
    predictions = pd.DataFrame({"p": probability, "half": 0.5})
    outcome = pd.Series((probability > random.random(200)).astype(float))
    outcome[0], predictions.loc[0, "p"] = (
        1.0,
        0.0,
    )  # an infinite log score, in the draws that have this customer
    counts = resample_counts(outcome.index, 30)
    draws = bootstrap_metrics(outcome, predictions, PROBABILITIES, weights=counts).draws
    plain = plainly(outcome, predictions, counts, PROBABILITIES)
    np.testing.assert_allclose(draws, plain, rtol=1e-9, atol=1e-12)
    assert 0 < np.isnan(draws[:, 0, 1]).mean() < 1


def test_the_scores_are_those_of_the_comparison():
    actual, predictions = money()
    scores = bootstrap_metrics(actual, predictions, VALUES, n_draws=2).scores
    table = compare(actual, predictions, metrics=VALUES).drop(columns="family")
    pd.testing.assert_frame_equal(scores, table, rtol=1e-12, atol=1e-12)


def test_neither_other_models_nor_their_order_change_the_draws_of_a_model():
    actual, predictions = money(500)
    alone = bootstrap_metrics(actual, predictions[["noisy"]], VALUES, 40, random_state=5).draws[:, 0]
    many = pd.concat([predictions, predictions.add_suffix(" again")], axis="columns").iloc[:, ::-1]
    among = bootstrap_metrics(actual, many, VALUES, 40, random_state=5)
    found = among.draws[:, among.models.index("noisy")]
    np.testing.assert_allclose(found, alone, rtol=1e-13, atol=1e-13)
    copy = among.draws[:, among.models.index("noisy again")]
    np.testing.assert_allclose(copy, found, rtol=1e-13, atol=1e-13)


def test_the_metrics_asked_for_do_not_change_each_other():
    actual, predictions = money(500)
    together = bootstrap_metrics(actual, predictions, VALUES, 20)
    for place, key in enumerate(VALUES):
        alone = bootstrap_metrics(actual, predictions, [key], 20).draws[:, :, 0]
        np.testing.assert_allclose(together.draws[:, :, place], alone, rtol=1e-13, atol=1e-13)


def test_the_order_of_rows_does_not_change_the_draws():
    actual, predictions = money(400)
    actual.index = predictions.index = pd.Index([f"id {i}" for i in range(400)])
    places = np.random.default_rng(1).permutation(400)
    one = bootstrap_metrics(actual, predictions, VALUES, 20)
    other = bootstrap_metrics(actual.iloc[places], predictions.iloc[places[::-1]], VALUES, 20)
    np.testing.assert_allclose(one.draws, other.draws, rtol=1e-9, atol=1e-9)


def test_fewer_draws_are_the_first_of_more_and_blocks_say_nothing(monkeypatch):
    actual, predictions = money(50)
    many = bootstrap_metrics(actual, predictions, VALUES, 60).draws
    few = bootstrap_metrics(actual, predictions, VALUES, 13).draws
    np.testing.assert_allclose(many[:13], few, rtol=1e-13, atol=1e-13)
    monkeypatch.setattr("clvml.evaluation._bootstrap._BLOCK", 7 * 50)
    monkeypatch.setattr("clvml.evaluation._bootstrap._CACHED", 3 * 50)
    in_blocks = bootstrap_metrics(actual, predictions, VALUES, 60).draws
    np.testing.assert_allclose(many, in_blocks, rtol=1e-13, atol=1e-13)


def test_the_number_of_threads_says_nothing():
    code = (
        "import numpy as np, pandas as pd\nfrom clvml.evaluation import bootstrap_metrics\n"
        "x = np.random.default_rng(0).gamma(1, 9, (20_000, 3))\n"
        "d = bootstrap_metrics(pd.Series(x[:, 0]), pd.DataFrame(x[:, 1:]), ['rmse', 'gini'], 30)\n"
        "print(d.draws.tobytes().hex())"
    )
    said = [
        subprocess.check_output(
            [sys.executable, "-c", code], env=os.environ | {"OMP_NUM_THREADS": n, "OPENBLAS_NUM_THREADS": n}
        )
        for n in ("1", "2")
    ]
    assert said[0] == said[1]


def test_counts_are_resamples_by_id():
    ids = pd.Index(["b", "c", "a"])
    counts = resample_counts(ids, 4000, random_state=2)
    assert (counts.sum(axis=1) == 3).all()
    assert counts.mean(axis=0) == pytest.approx([1, 1, 1], abs=0.05)
    assert counts.var(axis=0) == pytest.approx([2 / 3] * 3, abs=0.05)  # multinomial: n p (1 - p)
    assert (resample_counts(ids[[2, 0, 1]], 4000, random_state=2) == counts[:, [2, 0, 1]]).all()
    assert (resample_counts(ids, 4000, random_state=3) != counts).any()
    assert resample_counts(pd.Index(["a", 1]), 3).shape == (3, 2)  # ids that do not compare


def test_the_interval_of_a_mean_covers_it_in_nine_of_ten_samples():
    """Simulation: MAE of a constant prediction is a mean, whose true value is known."""
    covered = []
    for seed in range(300):
        actual = pd.Series(np.random.default_rng(seed).exponential(10, 150))
        draws = bootstrap_metrics(
            actual, pd.DataFrame({"zero": 0.0 * actual}), ["mae"], 300, random_state=seed
        )
        row = draws.intervals(0.9).loc[("zero", "mae")]
        covered.append(row["lower"] <= 10 <= row["upper"])
    assert np.mean(covered) == pytest.approx(0.89, abs=0.05)


def test_intervals_are_quantiles_of_the_draws_and_get_wider_with_the_level():
    draws = bootstrap_metrics(*money(), VALUES, 400)
    wide, narrow = draws.intervals(0.95), draws.intervals(0.5)
    row = wide.loc[("noisy", "rmse")]
    drawn = draws.draws[:, 0, VALUES.index("rmse")]
    assert [row["lower"], row["upper"]] == pytest.approx(np.quantile(drawn, [0.025, 0.975]))
    defined = wide["lower"].notna()
    assert (wide["lower"] <= narrow["lower"])[defined].all()
    assert row["score"] == pytest.approx(METRICS["rmse"](money()[0], money()[1]["noisy"]))


def test_paired_differences_are_sharper_than_the_intervals_of_the_two():
    actual, predictions = money(ties=False)
    near = predictions[["noisy"]].assign(near=predictions["noisy"] * 1.02 + 0.01)
    draws = bootstrap_metrics(actual, near, ["mae"], 500)
    difference = draws.differences(to="near").loc[("noisy", "mae")]
    interval = draws.intervals().loc[("noisy", "mae")]
    assert difference["upper"] - difference["lower"] < 0.2 * (interval["upper"] - interval["lower"])
    own = draws.differences(to="noisy").loc[("noisy", "mae")]
    assert own.tolist() == [0.0, 0.0, 0.0, False]


def test_the_best_model_is_different_from_bad_ones_and_not_from_its_copy():
    actual, predictions = money()
    predictions = predictions.assign(copy=predictions["truth"])
    found = bootstrap_metrics(actual, predictions, ["mae", "gini", "bias_pct"], 200).differences("best")
    different = found["different"].unstack()
    assert not different.loc[["truth", "copy"]].any(axis=None)
    assert different.loc[["against", "level"]].all(axis=None)
    assert (found["difference"].xs("mae", level="metric") >= 0).all()
    assert (found["difference"].xs("gini", level="metric") <= 0).all()


def test_biases_are_compared_by_their_size():
    actual = pd.Series(np.random.default_rng(0).gamma(2, 5, 500))
    predictions = pd.DataFrame({"low": 0.8 * actual, "high": 1.2 * actual, "far": 1.5 * actual})
    found = bootstrap_metrics(actual, predictions, ["bias_pct"], 100).differences(to="low")
    assert found["difference"].to_numpy() == pytest.approx([0, 0, 30], abs=1e-9)
    assert found["different"].tolist()[-1]


def test_the_zero_baseline_need_not_be_among_the_models():
    actual, predictions = money()
    draws = bootstrap_metrics(actual, predictions, ["mae", "spearman"], 100)
    pd.testing.assert_frame_equal(draws.differences("zero baseline"), draws.differences("none"))
    probabilities = bootstrap_metrics((actual > 0).astype(float), predictions[["none"]], ["brier"], 10)
    with pytest.raises(InputError, match=r"'zero baseline' is not among the models: none; give one of them"):
        probabilities.differences("zero baseline")


def test_the_probability_of_being_the_best_sums_to_one_and_copies_share_it():
    actual, predictions = money(80, ties=False)
    two = predictions[["noisy", "rounded"]]
    keys = ["mae", "gini", "bias_pct", "total"]
    shares = bootstrap_metrics(actual, two, keys, 300).probability_best()
    assert shares[["mae", "gini", "bias_pct"]].sum().to_numpy() == pytest.approx(1.0)
    assert shares["total"].isna().all()  # a total alone has no better direction
    drawn = bootstrap_metrics(actual, two, keys, 300).draws[:, :, 0]
    assert shares.loc["noisy", "mae"] == pytest.approx((drawn[:, 0] < drawn[:, 1]).mean())
    copied = bootstrap_metrics(actual, two.assign(copy=two["noisy"]), keys, 300).probability_best()
    assert copied.loc["copy", "mae"] == pytest.approx(shares.loc["noisy", "mae"] / 2)


def test_a_metric_undefined_for_these_data_has_no_interval_and_no_best():
    actual, predictions = money()
    draws = bootstrap_metrics(actual * 0, predictions, ["gini", "bias_pct", "mae"], 50)
    undefined = draws.intervals().loc[(slice(None), ["gini", "bias_pct"]), :]
    assert undefined.isna().all(axis=None)
    assert draws.intervals().xs("mae", level="metric").notna().all(axis=None)
    assert draws.probability_best()[["gini", "bias_pct"]].isna().all(axis=None)
    assert not draws.differences()["different"].xs("gini", level="metric").any()
    assert not draws.table()["gini_tied"].any()


def test_draws_without_a_spender_leave_an_interval_of_the_others():
    """One spender among 40: the Gini is undefined in the 36 % of draws that miss him, and so its interval."""
    actual = pd.Series(np.append(np.zeros(39), 5.0))
    predictions = pd.DataFrame({"m": np.arange(40.0)})
    draws = bootstrap_metrics(actual, predictions, ["gini"], 400)
    assert np.isnan(draws.draws).mean() == pytest.approx(np.exp(-1), abs=0.08)
    assert np.isnan(draws.intervals(0.9)["lower"].iloc[0])
    assert np.isfinite(draws.intervals(0.4)["lower"].iloc[0])


def test_the_comparison_has_intervals_and_ties_beside_its_metrics():
    actual, predictions = money()
    table = compare(actual, predictions, metrics=["mae", "total"], intervals=True, n_draws=200)
    assert table.columns.tolist() == [
        "family", "mae", "mae_lower", "mae_upper", "mae_tied", "total", "total_lower", "total_upper",
    ]  # fmt: skip
    assert (table["mae_lower"] <= table["mae"]).all()
    assert table["mae_tied"].tolist() == [False, False, False, True, False, False]
    pd.testing.assert_series_equal(table["mae"], compare(actual, predictions)["mae"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"metrics": ["kendall"]}, "kendall has no bootstrap; those that have: total, bias_pct"),
        ({"metrics": ["width"]}, "width has no bootstrap"),
        ({"n_draws": 2.5}, "n_draws is 2.5; it must be a whole number"),
        ({"n_draws": 0}, "n_draws is 0; it must be a whole number of at least 1"),
        (
            {"weights": np.ones((3, 4), dtype=int)},
            r"weights have the shape \(3, 4\); they must be \(n_draws, 300\)",
        ),
        ({"weights": np.full((1, 300), 0.5)}, "weights must be whole numbers"),
        ({"weights": np.full((1, 300), -1)}, "weights must be whole numbers"),
    ],
)
def test_bad_requests_are_named(options, sentence):
    actual, predictions = money()
    with pytest.raises(InputError, match=sentence):
        bootstrap_metrics(actual, predictions, **options)


def test_draws_say_what_they_are():
    draws = bootstrap_metrics(*money(), n_draws=5)
    assert repr(draws) == "MetricDraws(5 draws of 7 metrics of 6 models)"
    assert isinstance(draws, MetricDraws)
    with pytest.raises(InputError, match="level is 90; it must be above 0 and below 1"):
        draws.intervals(90)


def test_models_that_rank_customers_alike_share_their_ranks_and_not_their_errors():
    actual, predictions = money(300)
    name = predictions.columns[0]
    twice = predictions.assign(twice=3 * predictions[name])
    found = bootstrap_metrics(actual, twice, ["spearman", "top10_share", "mae"], 30)
    one, other = (found.draws[:, list(twice).index(model)] for model in (name, "twice"))
    np.testing.assert_array_equal(one[:, :2], other[:, :2])
    assert (one[:, 2] != other[:, 2]).all()
    alone = bootstrap_metrics(actual, twice[["twice"]], ["spearman", "top10_share", "mae"], 30).draws[:, 0]
    np.testing.assert_allclose(other, alone, rtol=1e-12)
