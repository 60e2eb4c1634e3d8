"""What holds for every rule-based segmentation, and what each of them promises."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from clvml.customers._time_units import convert_time_unit
from clvml.errors import InputError, TimeUnitError
from clvml.scoring._model_file import dump_model, load_model_json
from clvml.segments.grouping._classes import ABCClasses, ValueTiers
from clvml.segments.grouping._matrix import ValueMatrix
from clvml.segments.grouping._rfm import RFMScores

RULES = [RFMScores(), ABCClasses(), ValueTiers(), ValueMatrix(), ValueMatrix(thresholds="median")]
MONEY = ["monetary_value", "clv", "total_spend"]
each_rule = pytest.mark.parametrize("rule", RULES, ids=str)


@pytest.fixture(scope="module")
def buyers(customers):
    spent = 20.0 + customers["frequency"] * customers["monetary_value"].round(2)
    return customers.drop(columns="kind").assign(total_spend=spent)


@each_rule
def test_neither_order_nor_currency_nor_time_unit_changes_a_segment(rule, buyers):
    expected = clone(rule).fit_predict(buyers)
    shuffled = buyers.sample(frac=1, random_state=5)
    pd.testing.assert_series_equal(clone(rule).fit_predict(shuffled).reindex(buyers.index), expected)
    pounds = buyers.assign(**buyers[MONEY] * 0.7737)
    pd.testing.assert_series_equal(clone(rule).fit_predict(pounds), expected)
    pd.testing.assert_series_equal(clone(rule).fit_predict(convert_time_unit(buyers, "D")), expected)


@each_rule
def test_value_falls_with_the_number_and_the_profile_adds_up(rule, buyers):
    model = clone(rule).fit(buyers)
    value = "clv" if "clv" in model.required_columns else "total_spend"
    means = buyers[value].groupby(model.predict(buyers)).mean()
    if isinstance(model, ValueMatrix):  # numbered by potential first, then by current value
        means = pd.Series([means.loc[:2].min(), means.loc[3:].max()])
    assert means.is_monotonic_decreasing
    assert model.profile_["customers"].sum() == len(buyers)
    assert model.profile_["share_of_value"].sum() == pytest.approx(1)
    assert tuple(model.profile_["name"]) == model.names_


@each_rule
def test_a_new_customer_alone_is_assigned_as_among_all_and_after_saving(rule, buyers):
    model = clone(rule).fit(buyers.iloc[:700])
    again = load_model_json(dump_model(model))
    together = model.predict(buyers)
    assert (together.name, together.dtype) == ("segment", "int64")
    pd.testing.assert_series_equal(again.predict(buyers), together)
    alone = [model.predict(buyers.loc[[customer]]).item() for customer in buyers.index[-20:]]
    assert alone == together.iloc[-20:].tolist()
    pd.testing.assert_frame_equal(again.profile_, model.profile_)


@each_rule
def test_equal_customers_are_never_parted(rule, buyers):
    few = pd.concat([buyers.iloc[:7]] * 9, ignore_index=True)
    few.attrs = buyers.attrs
    segments = clone(rule).fit_predict(few).to_numpy().reshape(9, 7)
    assert (segments == segments[0]).all()


@each_rule
@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_an_impossible_value_names_column_and_customer(rule, bad, buyers):
    column = rule.required_columns[-1]
    broken = buyers.copy()
    broken.loc["c0007", column] = bad
    for ask in (clone(rule).fit, clone(rule).fit(buyers).predict):
        with pytest.raises(InputError, match=rf"1 of 1000 .* {column}; the first is 'c0007'"):
            ask(broken)


@each_rule
def test_a_missing_column_an_empty_table_and_no_fit_are_refused(rule, buyers):
    column = rule.required_columns[-1]
    with pytest.raises(InputError, match=f"lacks '{column}'"):
        clone(rule).fit(buyers.drop(columns=column))
    with pytest.raises(InputError, match="empty"):
        clone(rule).fit(buyers.iloc[:0])
    with pytest.raises(NotFittedError):
        clone(rule).predict(buyers)


@each_rule
def test_one_customer_is_enough(rule, buyers):
    assert len(clone(rule).fit_predict(buyers.iloc[:1])) == 1


def test_another_unit_of_time_than_the_fitted_one_is_refused(buyers):
    with pytest.raises(TimeUnitError):
        RFMScores().fit(buyers).predict(convert_time_unit(buyers, "D"))


def test_abc_classes_end_where_the_cumulative_share_is_reached():
    spent = pd.DataFrame({"total_spend": [50.0, 20.0, 10.0, 10.0, 5.0, 3.0, 2.0, 0.0]})
    # Before the fourth, 80 % are reached, but it equals the third, who is in A.
    assert "".join(ABCClasses().fit(spent).segment_names(spent)) == "AAAABCCC"
    with pytest.raises(InputError, match="no value to divide into classes"):
        ABCClasses().fit(spent * 0)


def test_tiers_of_equal_customers_are_not_all_high():
    same = pd.DataFrame({"clv": [0.0] * 10})
    assert set(ValueTiers().fit(same).segment_names(same)) == {"middle"}
    mostly = pd.DataFrame({"clv": [0.0] * 8 + [1.0, 2.0]})
    assert ValueTiers().fit_predict(mostly).tolist() == [3] * 8 + [1, 1]


def test_the_users_thresholds_are_reached_by_equal_money():
    table = pd.DataFrame({"total_spend": [100.0, 99.0, 100.0, 0.0], "clv": [50.0, 50.0, 49.0, 0.0]})
    matrix = ValueMatrix(thresholds=(100, 50))
    assert matrix.fit(table).segment_names(table).tolist() == ["gold", "iron", "platinum", "lead"]


def test_rfm_scores_of_a_tie_are_equal_and_the_lowest_are_one():
    table = pd.DataFrame(
        {
            "frequency": [0.0] * 6 + [1, 1, 2, 9],
            "recency": [0.0] * 6 + [5, 6, 7, 8],
            "T": 10.0,
            "total_spend": 5.0,
        }
    )
    scores = RFMScores().fit(table).scores(table)
    assert scores["F"].tolist() == [1] * 6 + [4, 4, 5, 5]
    assert set(scores["M"]) == {1}


def test_who_bought_once_is_recent_promising_or_fading_whatever_was_spent():
    silence = np.repeat([1.0, 10.0, 20.0, 30.0, 40.0], 4)
    repeats = np.tile([0.0, 0.0, 3.0, 9.0], 5)
    table = pd.DataFrame(
        {
            "frequency": repeats,
            "recency": np.where(repeats > 0, 50.0 - silence, 0.0),
            "T": np.where(repeats > 0, 50.0, silence),
            "total_spend": np.tile([5.0, 900.0, 60.0, 400.0], 5),  # the second spent most, in one basket
        }
    )
    named = RFMScores().fit(table).segment_names(table).to_numpy().reshape(5, 4)
    assert named[:, 0].tolist() == named[:, 1].tolist()
    assert named[:, 1].tolist() == [
        "Recent customers",
        "Promising",
        "About to sleep",
        "Hibernating",
        "Hibernating",
    ]
    assert named[0, 3] == "Champions"


def test_no_one_time_buyer_is_recent_in_a_closed_cohort(cdnow):
    rfm = RFMScores().fit(cdnow)
    once = cdnow["frequency"] == 0
    assert (cdnow["T"] - cdnow["recency"])[once].min() > 26
    assert rfm.scores(cdnow).loc[once, "R"].max() == 4
    assert "Recent customers" not in set(rfm.segment_names(cdnow))


def test_rfm_by_fixed_cuts_counts_the_boundaries_exceeded():
    table = pd.DataFrame(
        {"frequency": [0.0, 3.0, 20.0], "recency": [0.0, 6.0, 9.5], "T": 10.0, "total_spend": [5.0, 50, 500]}
    )
    rfm = RFMScores(
        cuts={"recency": (1, 2, 4, 8), "frequency": (0.5, 2, 4, 8), "monetary": (10, 20, 50, 100)}
    )
    assert rfm.fit(table).scores(table)["RFM"].tolist() == ["111", "333", "555"]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (ABCClasses(shares=(0.9, 0.8)), "shares is"),
        (ValueTiers(shares=(0.2, 1.0)), "below 1"),
        (ValueTiers(thresholds=(5, 50)), "largest first"),
        (ValueMatrix(thresholds="mode"), "mean"),
        (ValueMatrix(thresholds=(1, -1)), "pair of money"),
        (ValueMatrix(current="clv"), "two columns"),
        (RFMScores(cuts={"money": (1, 2, 3, 4)}), "'money'"),
        (RFMScores(cuts={"monetary": (1, 2)}), "4 numbers"),
    ],
    ids=str,
)
def test_an_argument_that_breaks_its_rule_is_named(rule, message, buyers):
    with pytest.raises(InputError, match=message):
        rule.fit(buyers)


def test_value_classes_are_numbered_from_lead_to_gold():
    customers = pd.DataFrame({"total_spend": [90.0, 9.0, 90.0, 9.0], "clv": [80.0, 80.0, 8.0, 8.0]})
    classes = ValueMatrix().fit(customers).class_names(customers)
    assert classes.tolist() == ["IV gold", "II iron", "III platinum", "I lead"]
    assert classes.min() == "I lead"
