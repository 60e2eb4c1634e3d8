import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.customers._time_units import convert_time_unit
from clvml.errors import InputError, TimeUnitError
from clvml.scoring._model_file import dump_model, load_model_json
from clvml.segments.acting._value_at_risk import early_warning, value_at_risk
from clvml.segments.grouping._lifecycle import LifecycleStages
from clvml.segments.grouping._relationship_course import (
    HALVES,
    relationship_evidence,
    relationship_shapes,
    shape_profile,
)


def purchases(**weeks):
    """Purchases of 10.0 in the given weeks after 2020-01-06, a customer a keyword."""
    start = pd.Timestamp("2020-01-06")
    rows = [
        {"customer_id": name, "date": start + pd.Timedelta(weeks=week), "amount": 10.0}
        for name, when in weeks.items()
        for week in when
    ]
    return clvml.read_transactions(pd.DataFrame(rows))


@pytest.fixture(scope="module")
def relations():
    courses = {
        "steady": [0, 2, 5, 8, 11, 14, 17, 20],
        "rising": [0, 5, 12, 14, 16, 18, 20],
        "falling": [0, 1, 2, 3, 4, 18],
        "early": [0],
        "midway": [0, 1, 2],
        "left": [0, 1, 2, 3, 4, 5],
        "long": [0, 1, 2, 3, 4, 5, 6, 7, 9, 10],
        "new": [20],
    }
    bought = purchases(**courses)
    customers = clvml.summarize(bought, "2020-05-31", time_unit="W")
    alive = {"early": 1.0, "midway": 0.1, "left": 0.05, "long": 0.15}
    customers["probability_alive"] = pd.Series(alive).reindex(customers.index).fillna(0.95)
    table = customers.join(relationship_evidence(bought, customers))
    table.attrs = customers.attrs
    return table


def stages_of_all_ended(relations):
    """Stages where who bought once and is silent counts as lapsed, so that all four shapes occur."""
    return LifecycleStages(lapsed_when_silent=True).fit_predict(relations)


def test_each_course_has_its_stage_and_reason(relations):
    evidence = LifecycleStages().fit(relations).evidence(relations)
    assert evidence["stage"].to_dict() == {
        "steady": "stability",
        "rising": "build-up",
        "falling": "decline",
        "early": "decline",
        "midway": "lapsed",
        "left": "lapsed",
        "long": "lapsed",
        "new": "exploration",
    }
    assert evidence.loc["rising", "reason"] == "purchases are rising"
    assert evidence.loc["early", "reason"] == "bought once, long silent"


def test_halves_hold_all_repeat_purchases_and_their_money(relations):
    assert (relations["earlier_purchases"] + relations["later_purchases"]).equals(relations["frequency"])
    spent = relations["earlier_spend"] + relations["later_spend"]
    np.testing.assert_allclose(spent, relations["frequency"] * relations["monetary_value"])
    assert relations.loc["left", "established_after"] == pytest.approx(4)
    assert np.isnan(relations.loc["midway", "established_after"])


def test_a_half_with_more_refunds_than_purchases_has_no_spend():
    rows = pd.DataFrame(
        {
            "customer_id": "a",
            "date": pd.to_datetime(["2020-01-06", "2020-02-03", "2020-03-02", "2020-03-09"]),
            "amount": [50.0, 20.0, 10.0, -25.0],
        }
    )
    bought = clvml.read_transactions(rows, policy=clvml.TransactionPolicy(returns="net"))
    evidence = relationship_evidence(bought, clvml.summarize(bought, "2020-03-15", time_unit="W"))
    assert (evidence[["earlier_spend", "later_spend"]] >= 0).all(axis=None)


def test_the_four_shapes_of_an_ended_relationship(relations):
    shapes = relationship_shapes(stages_of_all_ended(relations), relations)
    assert shapes.dropna().to_dict() == {
        "early": "broken off early",
        "midway": "broken off midway",
        "left": "left early",
        "long": "long-lasting",
    }


def test_ended_relationships_are_counted_by_their_shape(relations):
    shapes = relationship_shapes(stages_of_all_ended(relations), relations)
    table = shape_profile(shapes, relations)
    assert table["customers"].tolist() == [1, 1, 1, 1]
    assert table.loc["long-lasting", ["lasted", "spent"]].tolist() == pytest.approx([10.0, 100.0])
    nobody = shape_profile(shapes.where(shapes == "left early"), relations)
    assert nobody["customers"].tolist() == [0, 0, 1, 0]
    assert nobody["share_of_customers"].sum() == 1


def test_order_currency_and_unit_of_time_change_no_stage(relations):
    stages = LifecycleStages().fit_predict(relations)
    assert LifecycleStages().fit_predict(relations[::-1]).reindex(stages.index).equals(stages)
    dearer = relations.assign(**relations[["earlier_spend", "later_spend"]] * 131.7)
    assert LifecycleStages().fit_predict(dearer).equals(stages)
    days = convert_time_unit(relations, "D")
    assert LifecycleStages().fit_predict(days).equals(stages)
    with pytest.raises(TimeUnitError):
        LifecycleStages().fit(relations).predict(days)


def test_who_bought_once_and_is_silent_is_in_decline_or_lapsed_as_the_user_asks(relations):
    """BG/NBD has P(alive) 1 for them: nobody is called lapsed whom the model takes as alive, unasked."""
    for asked, stage in ((False, "decline"), (True, "lapsed")):
        evidence = LifecycleStages(lapsed_when_silent=asked).fit(relations).evidence(relations)
        assert evidence.loc["early", ["stage", "reason"]].tolist() == [stage, "bought once, long silent"]
        others = evidence["stage"].drop("early")
        assert others.equals(LifecycleStages().fit_predict(relations).drop("early"))


ALL_EARLIER = {
    "earlier_purchases": 3.0, "later_purchases": 0.0, "earlier_spend": 60.0, "later_spend": 0.0,
}  # fmt: skip


def at_boundaries(**changes):
    """A steady customer, established and alive, with some of the evidence changed."""
    steady = {
        "frequency": 4.0, "recency": 30.0, "T": 31.0, "probability_alive": 0.9,
        "earlier_purchases": 2.0, "later_purchases": 2.0, "earlier_spend": 20.0, "later_spend": 20.0,
    }  # fmt: skip
    table = pd.DataFrame([steady, steady | changes], index=["steady", "changed"])
    model = LifecycleStages().fit(pd.DataFrame([steady] * 9))  # the typical gap is 7.5
    return tuple(model.evidence(table).loc["changed", ["stage", "reason"]])


@pytest.mark.parametrize(
    ("changes", "stage", "reason"),
    [
        # A trend counts from `established` repeat purchases on: with fewer, halves differ by chance.
        ({"earlier_purchases": 4.0, "later_purchases": 0.0}, "decline", "purchases are falling"),
        ({"frequency": 3.0} | ALL_EARLIER, "build-up", "not yet established"),
        ({"earlier_purchases": 0.0, "later_purchases": 4.0}, "build-up", "purchases are rising"),
        ({"earlier_spend": 60.0, "later_spend": 0.0}, "decline", "spend is falling"),
        ({"earlier_spend": 0.0, "later_spend": 60.0}, "build-up", "spend is rising"),
        # Twice as much is a trend, less than that is none.
        ({"earlier_purchases": 2.0, "later_purchases": 1.0}, "decline", "purchases are falling"),
        ({"earlier_purchases": 2.0, "later_purchases": 1.01}, "stability", "established and steady"),
        ({"earlier_purchases": 1.0, "later_purchases": 2.0}, "build-up", "purchases are rising"),
        ({"earlier_purchases": 1.01, "later_purchases": 2.0}, "stability", "established and steady"),
        # P(alive) at its two thresholds.
        ({"probability_alive": 0.2}, "decline", "P(alive) is low"),
        ({"probability_alive": 0.1999}, "lapsed", "P(alive) is very low"),
        ({"probability_alive": 0.5}, "stability", "established and steady"),
        ({"probability_alive": 0.4999}, "decline", "P(alive) is low"),
        # Numbers of repeat purchases at theirs.
        ({"frequency": 1.0}, "exploration", "few purchases"),
        ({"frequency": 2.0}, "build-up", "not yet established"),
        ({"frequency": 3.0}, "build-up", "not yet established"),
        # Three typical gaps of 7.5 since the only purchase are not more than three.
        ({"frequency": 0.0, "recency": 0.0, "T": 22.5}, "exploration", "few purchases"),
        ({"frequency": 0.0, "recency": 0.0, "T": 22.6}, "decline", "bought once, long silent"),
    ],
)  # fmt: skip
def test_each_condition_starts_at_its_threshold(changes, stage, reason):
    assert at_boundaries(**changes) == (stage, reason)


def test_without_halves_the_trend_is_unknown_and_decides_nothing(relations):
    plain = relations.drop(columns=list(HALVES))
    evidence = LifecycleStages().fit(plain).evidence(plain)
    assert evidence["purchase_trend"].isna().all()
    assert evidence.loc["falling", "stage"] == "stability"


def test_a_saved_model_says_the_same(relations):
    model = LifecycleStages().fit(relations)
    again = load_model_json(dump_model(model))
    pd.testing.assert_frame_equal(again.evidence(relations), model.evidence(relations))


def test_the_warning_lists_valuable_customers_in_decline_or_in_doubt_by_value_at_risk():
    customers = pd.DataFrame(
        {"clv": [90.0, 40.0, 60.0, 1.0, 50.0], "probability_alive": [0.99, 0.4, 0.6, 0.3, 0.1]},
        index=list("abcde"),
    )
    stages = pd.Series(["stability", "decline", "build-up", "decline", "lapsed"], index=customers.index)
    warned = early_warning(customers, stages, top_share=0.8)
    assert warned.index.tolist() == ["b", "c"]
    assert warned["at_risk"].round(6).tolist() == [60.0, 40.0]
    falling = early_warning(customers, stages.replace("stability", "decline"), top_share=0.8)
    assert falling.index.tolist() == ["b", "c", "a"]  # in decline, though P(alive) is .99
    assert early_warning(customers, stages, top_share=0.8, alive_below=0.5).index.tolist() == ["b"]
    assert early_warning(customers, stages, top_share=0.2).empty  # the best fifth is e, who has lapsed


def test_value_at_risk_and_expected_value_sum_to_the_value_if_active():
    clv, alive = pd.Series([10.0, 5.0, 0.0]), pd.Series([0.5, 1.0, 0.0])
    found = value_at_risk(clv, alive)
    np.testing.assert_allclose(found["at_risk"] + clv, found["value_if_active"])


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("probability_alive", 1.2, "above 1; the first is 'long'"),
        ("probability_alive", np.nan, "missing or infinite probability_alive"),
        ("frequency", -1.0, "negative frequency"),
        ("T", np.inf, "missing or infinite T"),
    ],
)
def test_impossible_customers_are_named(relations, column, value, message):
    broken = relations.copy()
    broken.loc["long", column] = value
    with pytest.raises(InputError, match=message):
        LifecycleStages().fit(broken)


@pytest.mark.parametrize("arguments", [{"lapsed_below": 0.9}, {"few": 9}, {"trend": 0}, {"silent_after": 0}])
def test_arguments_that_break_their_rule_are_refused(relations, arguments):
    with pytest.raises(InputError, match="must"):
        LifecycleStages(**arguments).fit(relations)


def test_a_summary_without_first_purchases_is_refused(relations):
    with pytest.raises(InputError, match="first_purchase"):
        relationship_evidence(purchases(a=[0]), relations.drop(columns="first_purchase"))
