"""Points of difference and of parity: tests that hold their level, with a correction for many."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from survey_tables import KINDS, rated, simulated

from clvml.errors import InputError
from clvml.survey import brand_performance, compare_brands, performance_over_time, read_ratings
from clvml.survey.perceived_value._differences import adjusted, mean_differences, with_verdicts


def columns(values):
    return pd.DataFrame(values, columns=[f"a{i}" for i in range(values.shape[1])])


def test_pairs_give_the_paired_t_test():
    rng = np.random.default_rng(0)
    a = columns(rng.standard_normal((30, 3)) + 0.4)
    b = columns(0.5 * a.to_numpy() + rng.standard_normal((30, 3)))
    found = mean_differences(a, b, 0.5, 0.95)
    test = stats.ttest_rel(a, b)
    assert found["p_value"].to_numpy() == pytest.approx(test.pvalue)
    interval = test.confidence_interval(0.95)
    assert found["lower"].to_numpy() == pytest.approx(interval.low)
    assert found["upper"].to_numpy() == pytest.approx(interval.high)
    larger = stats.ttest_1samp(a - b, -0.5, alternative="greater").pvalue
    smaller = stats.ttest_1samp(a - b, 0.5, alternative="less").pvalue
    assert found["p_parity"].to_numpy() == pytest.approx(np.maximum(larger, smaller))


def test_separate_groups_give_the_standard_error_of_welch():
    rng = np.random.default_rng(1)
    a, b = columns(rng.standard_normal((40, 2))), columns(2 * rng.standard_normal((60, 2)))
    b.index += 1000
    found = mean_differences(a, b, 0.5, 0.95)
    error = np.sqrt(a.var(ddof=0) / 40 + b.var(ddof=0) / 60) * np.sqrt(100 / 99)
    half = (found["upper"] - found["lower"]) / 2
    assert half.to_numpy() == pytest.approx(error.to_numpy() * stats.t.ppf(0.975, 39))
    assert found["pairs"].tolist() == [0, 0]


def test_too_few_answers_are_no_test():
    found = mean_differences(columns(np.array([[3.0]])), columns(np.array([[4.0]])), 0.5, 0.95)
    assert found["difference"].tolist() == [-1.0]
    assert found[["lower", "upper", "p_value", "p_parity"]].isna().all(axis=None)
    assert with_verdicts(found, "holm", 0.95)["verdict"].tolist() == ["undecided"]


def test_answers_without_any_variation_are_decided():
    found = compare_brands(read_ratings(rated({"a": {"x": 4, "y": 3}, "b": {"x": 2, "y": 3}}, 5)), "a")
    assert found["verdict"].to_dict() == {"x": "ahead", "y": "parity"}


@pytest.mark.parametrize("paired", [True, False])
def test_verdicts_err_in_at_most_one_of_twenty_surveys(paired):
    """800 surveys without any difference, and 800 at the margin: no family of eight errs more than that."""
    rng = np.random.default_rng(3)
    false_difference = false_parity = 0
    for margin in (0.0, 0.25):
        for _ in range(800):
            scores = 0.7 * rng.standard_normal((40, 1, 1)) + 0.8 * rng.standard_normal((40, 2, 8))
            ours, theirs = columns(scores[:, 0] + margin), columns(scores[:, 1])
            if not paired:
                ours, theirs = ours[::2], theirs[1::2]
            found = with_verdicts(mean_differences(ours, theirs, 0.25, 0.95), "holm", 0.95)
            false_parity += bool(margin) and (found["verdict"] == "parity").any()
            false_difference += not margin and found["verdict"].isin(["ahead", "behind"]).any()
    assert false_difference / 800 < 0.07
    assert false_parity / 800 < 0.07


def test_what_is_not_significant_is_not_parity_in_a_small_survey():
    rng = np.random.default_rng(4)
    small = read_ratings(simulated(12, rng, (5.0, 5.0)), scale=(0, 10))
    large = read_ratings(simulated(1500, rng, (5.0, 5.0)), scale=(0, 10))
    assert (compare_brands(small, "ours", margin=0.25)["verdict"] == "undecided").mean() > 0.7
    assert (compare_brands(large, "ours", margin=0.25)["verdict"] == "parity").all()


def test_the_corrections_are_those_of_their_papers():
    p = pd.Series([0.001, np.nan, 0.02, 0.03])
    assert adjusted(p).tolist() == pytest.approx([0.003, np.nan, 0.04, 0.04], nan_ok=True)
    assert adjusted(p, "benjamini_hochberg").tolist() == pytest.approx(
        [0.003, np.nan, 0.03, 0.03], nan_ok=True
    )
    assert adjusted(p, "none").tolist() == pytest.approx(p.tolist(), nan_ok=True)
    with pytest.raises(InputError, match="correction is 'bonferroni'"):
        adjusted(p, "bonferroni")


def test_the_made_up_differences_and_parities_are_found(made_up, ratings):
    found = compare_brands(ratings, "our shop", "rival A")
    truth = made_up.truth["performance"]
    expected = truth["our shop"] - truth["rival A"]
    expected["staff"] += 0.0  # the fall is symmetric about the mean of the two waves
    verdicts = np.select([expected > 0.25, expected < -0.25], ["ahead", "behind"], "parity")
    assert found["verdict"].to_dict() == dict(zip(expected.index, verdicts, strict=True))
    assert found.attrs["margin"] == 0.25


def test_segments_are_compared_each_by_itself_and_are_one_family():
    table = pd.concat(
        [
            rated({"a": {"x": 5}, "b": {"x": 3}}, 4, segment="north"),
            rated({"a": {"x": 2}, "b": {"x": 4}}, 4, segment="south").assign(
                respondent=lambda t: t["respondent"] + 9
            ),
        ]
    )
    ratings = read_ratings(table)
    found = compare_brands(ratings, "a", "b", by="segment")
    assert found["verdict"].to_dict() == {("north", "x"): "ahead", ("south", "x"): "behind"}
    given = compare_brands(ratings, "a", by=pd.Series({1: "one", 2: "one"}))
    assert given["n_ours"].to_dict() == {("one", "x"): 2}
    for by, message in (
        ("region", "by is 'region'"),
        (pd.Series({77: "one"}), "no respondent has a segment"),
    ):
        with pytest.raises(InputError, match=message):
            compare_brands(ratings, by=by)
    with pytest.raises(InputError, match="no column 'segment'"):
        compare_brands(read_ratings(table.drop(columns="segment")), by="segment")
    with pytest.raises(InputError, match="1 respondents are in more than one segment"):
        compare_brands(read_ratings(table.assign(segment=["one", *["two"] * 15])), by="segment")


@pytest.mark.parametrize("margin", [0, -1, 9])
def test_a_margin_off_the_scale_is_refused(margin):
    ratings = read_ratings(rated({"a": {"x": 4}, "b": {"x": 2}}))
    with pytest.raises(InputError, match="margin is"):
        compare_brands(ratings, margin=margin)


def test_performance_is_the_mean_score_of_each_brand_with_its_number_of_answers():
    table = rated({"a": {"price": 4, "all": 3}, "b": {"price": 2}}, 3)
    found = brand_performance(read_ratings(table, kinds=KINDS, overall="all"))
    assert found["performance"].dropna().to_dict() == {("price", "a"): 2, ("price", "b"): 4, ("all", "a"): 3}
    assert found["respondents"].to_dict()["all", "b"] == 0


def test_the_fall_between_two_waves_is_found_and_nothing_else(made_up, ratings):
    found = performance_over_time(ratings, "our shop")
    last = found.xs(pd.Timestamp("1997-07-01"), level="period")
    name, size = made_up.truth["fallen"]
    assert last.index[last["verdict"] == "fallen"].tolist() == [name]
    assert not (last["verdict"] == "risen").any()
    assert last.loc[name, "lower"] < size < last.loc[name, "upper"]
    assert found.xs(pd.Timestamp("1997-04-01"), level="period")["verdict"].isna().all()


def test_respondents_of_both_waves_are_pairs_and_undated_surveys_are_refused():
    waves = [rated({"a": {"x": s}}, 6, date=d) for s, d in ((2, "2024-01-05"), (4, "2024-05-05"))]
    table = pd.concat(waves)
    table["score"] += table["respondent"] % 2
    found = performance_over_time(read_ratings(table))
    assert found.loc[("x", "2024-04-01"), ["change", "lower", "upper"]].tolist() == [2, 2, 2]
    assert found["verdict"].iloc[1] == "risen"
    with pytest.raises(InputError, match="have no dates"):
        performance_over_time(read_ratings(waves[0].drop(columns="date")))
