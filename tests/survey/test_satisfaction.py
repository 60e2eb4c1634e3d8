"""Answers about satisfaction: read, counted, scored by group and over time."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from clvml.errors import InputError
from clvml.survey import (
    nonresponse,
    read_satisfaction,
    satisfaction_over_time,
    satisfaction_scores,
    value_by_satisfaction,
    weighted_scores,
)


def table(**columns):
    base = {"customer_id": [1, 2, 3, 4], "satisfaction": [5, 4, 3, 2], "recommend": [10, 9, 8, 6]}
    return pd.DataFrame(base | columns)


def scored(frame, **options):
    return satisfaction_scores(read_satisfaction(frame), **options).loc["all"]


def test_scores_are_counted_by_hand():
    row = scored(table())
    assert row[["answers", "mean", "satisfied", "dissatisfied"]].tolist() == [4, 3.5, 0.5, 0.25]
    assert row[["promoters", "passives", "detractors", "nps"]].tolist() == [0.5, 0.25, 0.25, 25.0]


def test_of_several_answers_the_latest_or_the_mean_counts():
    answers = read_satisfaction(
        pd.DataFrame(
            {
                "customer_id": [7, 7, 8],
                "date": ["2024-03-01", "2024-01-01", "2024-01-01"],
                "satisfaction": [2, 5, 4],
            }
        )
    )
    assert answers.per_person()["satisfaction"].to_dict() == {7: 2, 8: 4}
    assert answers.per_person("mean")["satisfaction"].to_dict() == {7: 3.5, 8: 4}
    assert "1 of 2 persons answered several times" in answers.notes
    with pytest.raises(InputError, match="count is 'first'"):
        answers.per_person("first")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"satisfaction": [5, 4, 3, 6]}, "'satisfaction' .* off the scale from 1 to 5.* row 4: 6"),
        ({"satisfaction": [0, 4, 3, 2]}, "row 1: 0"),
        ({"recommend": [10, 9, 8, 11]}, "'recommend' .* off the scale from 0 to 10"),
        ({"satisfaction": ["a", "b", "c", "d"]}, "no number in column 'satisfaction'"),
        ({"satisfaction": [None] * 4, "recommend": [None] * 4}, "no answer of .* can be used"),
    ],
)
def test_what_is_off_the_scale_or_empty_is_refused(columns, message):
    with pytest.raises(InputError, match=message):
        read_satisfaction(table(**columns))


def test_a_table_without_persons_is_refused():
    with pytest.raises(InputError, match="no column 'customer_id' or 'respondent'"):
        read_satisfaction(table().drop(columns="customer_id"))


def test_codes_decimal_commas_and_duplicates_are_read(tmp_path):
    path = tmp_path / "answers.csv"
    path.write_text("customer_id;satisfaction;recommend\n1;4,5;9\n1;4,5;9\n2;99;8\n3;2,0;\n")
    answers = read_satisfaction(path, no_answer=[99])
    assert answers.per_person()["satisfaction"].tolist()[::2] == [4.5, 2.0]
    assert answers.report["duplicates"] == 1
    row = satisfaction_scores(answers).loc["all"]
    assert (row["answers"], row["recommend_answers"]) == (2, 2)


def test_answers_after_the_end_of_observation_are_counted_and_left_out():
    dates = ["2024-01-01", "2024-06-30 18:00", "2024-07-01", None]
    answers = read_satisfaction(table(date=dates), observation_end="2024-06-30")
    assert answers.report["after the end of observation"] == 1
    assert set(answers.table["person"]) == {1, 2, 4}
    assert any("1 answers have no date" in note for note in answers.notes)
    assert set(answers.until("2024-01-01").table["person"]) == {1}


def test_one_respondent_leaves_all_intervals_wide():
    row = scored(table().head(1))
    assert (row["mean_lower"], row["mean_upper"]) == (1.0, 5.0)
    assert row["satisfied_lower"] < 0.3 < 1 == row["satisfied_upper"]
    assert row["nps_lower"] < 0 < row["nps_upper"] == 100
    assert row["alarm"] == "not too many"


@pytest.mark.parametrize(
    ("unhappy", "n", "word"),
    [
        (40, 100, "too many: find out why"),
        (3, 10, "perhaps too many"),
        (2, 2, "perhaps too many"),
        (5, 100, "not too many"),
    ],
)
def test_the_alarm_needs_the_whole_exact_interval_above_the_limit(unhappy, n, word):
    frame = pd.DataFrame({"customer_id": range(n), "satisfaction": [2] * unhappy + [4] * (n - unhappy)})
    assert scored(frame)["alarm"] == word
    if unhappy < n:
        assert scored(frame, alarm=0.6)["alarm"] == "not too many"


def test_groups_are_found_also_where_ids_differ_in_type():
    by = pd.Series(["gold", "gold", "lead"], index=["1", "2", "3"])
    scores = satisfaction_scores(read_satisfaction(table()), by)
    assert scores["answers"].to_dict() == {"all": 4, "gold": 2, "lead": 1}
    with pytest.raises(InputError, match="knows none of the persons"):
        satisfaction_scores(read_satisfaction(table()), by.set_axis(["x", "y", "z"]))


def test_changes_over_time_are_those_from_the_period_before():
    frame = pd.DataFrame(
        {
            "customer_id": range(200),
            "date": ["2024-02-01"] * 100 + ["2024-05-01"] * 100,
            "satisfaction": [4] * 80 + [2] * 20 + [4] * 50 + [2] * 50,
        }
    )
    scores = satisfaction_over_time(read_satisfaction(frame))
    assert [f"{day:%Y-%m-%d}" for day in scores.index] == ["2024-01-01", "2024-04-01"]
    last = scores.iloc[-1]
    assert last["satisfied_change"] == pytest.approx(-0.3)
    assert -0.45 < last["satisfied_change_lower"] < last["satisfied_change_upper"] < -0.15
    assert last["alarm"] == "too many: find out why"
    with pytest.raises(InputError, match="no dates"):
        satisfaction_over_time(read_satisfaction(frame.drop(columns="date")))


def customers(n=4, **columns):
    index = pd.RangeIndex(1, n + 1, name="customer_id")
    return pd.DataFrame({"clv": np.arange(10.0, 10 * (n + 1), 10)}, index).assign(**columns)


def test_value_by_satisfaction_adds_up_to_all_value():
    answers = read_satisfaction(table().head(3))
    found = value_by_satisfaction(customers(value_at_risk=1.0), answers)
    for question in ("satisfaction", "recommendation"):
        assert found.loc[question, "total"].sum() == 100
        assert found.loc[question, "share"].sum() == pytest.approx(1)
    assert found.loc[("satisfaction", "no answer"), "total"] == 40
    assert found.loc[("satisfaction", "satisfied"), ["customers", "mean", "at_risk"]].tolist() == [2, 15, 2]


def test_ids_of_no_customer_are_counted_and_all_unknown_is_an_error():
    answers = read_satisfaction(table(customer_id=[1, 2, 98, 99]))
    assert answers.unknown(customers().index) == 2
    with pytest.raises(InputError, match="none of the 4 customer ids"):
        value_by_satisfaction(customers().set_axis(list("abcd")), answers)
    with pytest.raises(InputError, match="need a column 'clv'"):
        value_by_satisfaction(customers().drop(columns="clv"), answers)


def biased_survey(seed, n=4000):
    """Valuable customers are more satisfied, and answer more often."""
    rng = np.random.default_rng(seed)
    rank = np.arange(n) / n
    scores = 1 + rng.binomial(4, 0.3 + 0.5 * rank)
    answered = rng.random(n) < 0.1 + 0.5 * rank
    index = pd.RangeIndex(n, name="customer_id")
    frame = pd.DataFrame({"customer_id": index[answered], "satisfaction": scores[answered]})
    return pd.DataFrame({"clv": rank}, index), read_satisfaction(frame)


def test_weights_undo_that_the_valuable_answer_more_often():
    true, covered, raw = 1 + 4 * 0.55, 0, []
    for seed in range(25):
        base, answers = biased_survey(seed)
        row = weighted_scores(base, answers).loc["mean"]
        raw.append(row["answered"])
        covered += row["lower"] - 0.02 <= true <= row["upper"] + 0.02  # classes leave a little of the bias
    assert covered >= 22
    assert np.mean(raw) > true + 0.1


def test_who_answers_is_compared_with_who_does_not_by_welchs_test():
    base, answers = biased_survey(1)
    row = nonresponse(base, answers).loc["clv"]
    did = base.index.isin(answers.table["person"])
    test = stats.ttest_ind(base["clv"][did], base["clv"][~did], equal_var=False)
    assert row["p_value"] == pytest.approx(test.pvalue)
    assert 0 < row["lower"] < row["difference"] < row["upper"]


def test_if_everybody_answers_there_is_nothing_to_weight():
    answers = read_satisfaction(table())
    assert np.isnan(nonresponse(customers(), answers).loc["clv", "p_value"])
    row = weighted_scores(customers(), answers).loc["mean"]
    assert row["weighted"] == pytest.approx(row["answered"])
