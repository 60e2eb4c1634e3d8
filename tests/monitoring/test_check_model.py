"""A check names what changed, finds nothing where nothing did, and refuses what it cannot do."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from drifting_purchases import CHECKED, TRAINED, Shift, simulated_purchases, trained_model

import clvml
from clvml.errors import InputError
from clvml.monitoring import ModelCheck, Statement, check_model
from clvml.monitoring._challengers import contests
from clvml.monitoring._inputs import cohorts_to_compare, input_statements, input_table
from clvml.monitoring._outcomes import card_ends
from clvml.monitoring._period import open_period
from clvml.monitoring._statements import judged
from clvml.scoring import ModelCard

N = 2000


def checked(purchases: pd.DataFrame, **card) -> ModelCheck:
    return check_model(*trained_model(purchases, **card), purchases)


@pytest.fixture(scope="module")
def unchanged() -> pd.DataFrame:
    return simulated_purchases(N, 1)


@pytest.fixture(scope="module")
def in_order(unchanged) -> ModelCheck:
    return checked(unchanged)


def named(check: ModelCheck) -> set[str]:
    return {statement.name for statement in check.alarms}


def test_purchases_of_the_model_itself_raise_no_alarm(in_order):
    assert named(in_order) == set()
    assert in_order.status == "in order"
    assert in_order.sentences == []


def test_all_questions_were_asked(in_order):
    assert {each.question for each in in_order.statements} == {
        "outcomes", "customers", "inputs", "parameters",
    }  # fmt: skip
    assert in_order.left_out == {}


TRAITS = {
    "rate": (Shift(rate=0.6), "purchase rate", 0.6),
    "dropout": (Shift(dropout=2.2), "dropout probability", 2.2),
    "spend": (Shift(spend=1.3), "mean spend", 1.3),
}


@pytest.fixture(scope="module")
def shifted() -> dict[str, ModelCheck]:
    return {trait: checked(simulated_purchases(N, 2, shift)) for trait, (shift, _, _) in TRAITS.items()}


@pytest.mark.parametrize("trait", TRAITS)
def test_a_shifted_trait_is_found_and_named_and_no_other(shifted, trait):
    _, name, multiple = TRAITS[trait]
    check = shifted[trait]
    found = {each for each in named(check) if each.endswith(("known customers since", "new customers"))}
    assert f"{name}, new customers" in found
    assert all(name in each or each.startswith(("mean ", "distribution")) for each in found)
    assert check.status == "look at it"
    new = check.parameters.query("by == 'new customers' and trait == @name").iloc[0]
    assert new["lower"] - 0.1 < multiple - 1 < new["upper"] + 0.1 or trait == "dropout"  # capped at 1
    assert all("Next: " in sentence for sentence in check.sentences)


def test_a_shift_of_spend_moves_order_value_and_not_purchases(shifted):
    assert "average order value" in named(shifted["spend"])
    assert "purchases" not in named(shifted["spend"])


def test_the_multiple_of_known_customers_is_that_of_the_simulation(shifted):
    known = (
        shifted["rate"].parameters.query("by == 'known customers since' and trait == 'purchase rate'").iloc[0]
    )
    assert known["lower"] < -0.4 < known["upper"]


def test_alarms_are_raised_at_most_at_the_stated_rate():
    """Of 8 checks at a level of 20 %, 5 or more with an alarm have a probability of 1 %."""
    alarms = 0
    for seed in range(8):
        purchases = simulated_purchases(400, 50 + seed)
        model, card = trained_model(purchases)
        alarms += bool(check_model(model, card, purchases, level=0.2).alarms)
    assert alarms < 5


def test_shuffled_rows_change_nothing(unchanged, in_order):
    shuffled = unchanged.sample(frac=1, random_state=0).reset_index(drop=True)
    pd.testing.assert_frame_equal(checked(shuffled).table, in_order.table, rtol=1e-5)


def test_another_unit_of_money_changes_no_conclusion(unchanged, in_order):
    pence = checked(unchanged.assign(amount=unchanged["amount"] * 100))
    for mine, theirs in zip(pence.statements, in_order.statements, strict=True):
        assert mine.status == theirs.status, mine.name
        assert mine.effect == pytest.approx(theirs.effect, abs=2e-3), mine.name


def test_the_totals_of_the_card_widen_the_interval_by_the_models_error(unchanged, in_order):
    row = {"horizon": 39.0, "value": 100.0, "lower": 50.0, "upper": 200.0}
    totals = {"spend": {**row, "coverage": 0.9, "by_horizon": [row]}}
    spend = checked(unchanged, totals=totals).statements[0]
    assert spend.name == in_order.statements[0].name == "spend"
    assert spend.expected == pytest.approx(in_order.statements[0].expected)
    assert (spend.lower, spend.upper) == pytest.approx((spend.expected / 2, 2 * spend.expected), rel=0.02)
    assert "the model's error" in spend.sentence


def test_intervals_of_the_card_are_interpolated_and_grow_beyond_their_horizons():
    rows = [{"horizon": h, "value": 1.0, "lower": 1 / w, "upper": w} for h, w in ((10.0, 1.5), (20.0, 2.0))]
    total = {"by_horizon": rows}
    assert card_ends(total, 10.0)[1] == pytest.approx(np.log(1.5))
    assert np.log(1.5) < card_ends(total, 15.0)[1] < np.log(2.0)
    assert card_ends(total, 40.0)[1] > np.log(2.0)
    assert card_ends(total, 5.0)[1] > np.log(1.5)
    assert card_ends({}, 5.0) is None


def test_a_larger_level_never_has_fewer_alarms(shifted):
    few, many = (
        {each.name for each in judged(shifted["spend"].statements, level) if each.is_alarm}
        for level in (1e-6, 0.3)
    )
    assert few < many


def test_if_all_statements_are_about_nothing_any_alarm_has_the_stated_probability():
    """Independent uniform p-values of three questions: 20 % of 2,000 checks, less what Holm gives away."""
    rng = np.random.default_rng(0)
    asked = ["outcomes"] * 4 + ["customers"] * 12 + ["parameters"] * 3
    blank = Statement("", "", 1.0, 0.9, 1.1, 2.0, 1.0, 0.0, 1.0, "")
    any_alarm = [
        any(
            each.is_alarm
            for each in judged(
                [dataclasses.replace(blank, question=q, p_value=rng.random()) for q in asked], level=0.2
            )
        )
        for _ in range(2_000)
    ]
    assert 0.16 < np.mean(any_alarm) < 0.21


def test_new_customers_of_another_channel_are_found(unchanged):
    model, card = trained_model(unchanged)
    first = unchanged.groupby("customer_id")["date"].min()
    rng = np.random.default_rng(0)
    is_new = first > pd.Timestamp(TRAINED)
    share = np.where(is_new, 0.8, 0.3)
    channel = pd.DataFrame({"channel": np.where(rng.random(len(first)) < share, "ads", "shop")}, first.index)
    same = pd.Series(np.where(rng.random(len(first)) < 0.3, "ads", "shop"), first.index)
    period = open_period(
        model, card, clvml.read_transactions(unchanged), attributes=channel.assign(same=same)
    )
    table = input_table(*cohorts_to_compare(period)[:2])
    found = {each.name: each for each in judged(list(input_statements(table)), 0.05)}
    assert found["distribution of channel of new customers"].is_alarm
    assert not found["distribution of same of new customers"].is_alarm
    assert table.loc["channel", "psi_lower"] > 0.25 > table.loc["same", "psi_upper"]


def test_a_million_customers_do_not_make_a_small_deviation_an_alarm():
    tiny = Statement("outcomes", "spend", 1e6, 0.999e6, 1.001e6, 1.01e6, 0.01, 0.05, 1e-30, "")
    assert judged([tiny], 0.05)[0].status == "outside its interval"
    assert judged([dataclasses.replace(tiny, effect=0.06)], 0.05)[0].status == "look at it"


def test_the_document_is_plain_json_and_has_no_customer(in_order):
    text = json.dumps(in_order.as_dict(), allow_nan=False)
    assert json.loads(text)["checked_until"] == CHECKED
    assert "customer_id" not in text


def test_a_better_refit_is_a_finding(shifted):
    refit = shifted["rate"].contests[0]
    assert refit.better
    assert refit.lower > 0
    assert any(refit.sentence in sentence for sentence in shifted["rate"].sentences)


def test_a_formula_is_checked_by_its_totals_and_deciles():
    parts = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")
    model = clvml.RepeatRateValue(horizon=39).fit(parts.calibration)
    check = check_model(model, ModelCard(observed_until="1997-09-30", time_unit="W"), clvml.load_cdnow())
    assert {"outcomes", "customers"} == {each.question for each in check.statements}
    assert "parameters" in check.left_out


def refused(model, card, purchases, **options) -> str:
    with pytest.raises(InputError) as caught:
        check_model(model, card, purchases, **options)
    return str(caught.value)


def test_what_cannot_be_checked_is_refused_in_a_sentence(unchanged):
    model, card = trained_model(unchanged)
    old = unchanged[unchanged["date"] <= TRAINED]
    assert "no purchases since the model" in refused(model, card, old)
    assert "no purchases since the model" in refused(model, card, unchanged, until=TRAINED)
    assert "have passed" in refused(model, card, unchanged, until="2024-01-03")
    assert "does not say until when" in refused(model, ModelCard(), unchanged)
    assert "not those that the model was trained on" in refused(model, card, simulated_purchases(N, 77))
    assert "another currency" in refused(model, card, unchanged.assign(amount=unchanged["amount"] * 1.1))
    assert "no complete month" in refused(model, card, unchanged[unchanged["date"] > TRAINED])
    assert "level" in refused(model, card, unchanged, level=1.5)
    no_source = dataclasses.replace(card, fingerprint=None)
    assert "give its old purchases" in refused(model, no_source, unchanged[unchanged["date"] > TRAINED])
    few = unchanged[unchanged["customer_id"] < 40]
    assert "fewer than 50" in refused(model, no_source, few)
    netted = dataclasses.replace(card, policy={"returns": "net"})
    assert "returns" in refused(model, netted, unchanged)
    groups = clvml.KMeansSegments(n_segments=2)
    assert "predicts no values" in refused(groups, card, unchanged)


def test_corrected_histories_and_a_past_warranty_are_notes(unchanged):
    known = {"n_customers": 10, "warranty": {"until": "2024-03-31"}, "seen": {"T": {"mean": 1.0}}}
    model, card = trained_model(unchanged, **known)
    notes = " ".join(open_period(model, card, clvml.read_transactions(unchanged)).notes)
    assert "customers until" in notes
    assert "mean T until" in notes
    assert "validated for predictions until 2024-03-31" in notes


def test_a_registered_challenger_is_judged_as_it_is_if_its_data_end_in_time_and_refitted_otherwise(unchanged):
    model, card = trained_model(unchanged)
    period = open_period(model, card, clvml.read_transactions(unchanged))
    other = clvml.RepeatRateValue(horizon=39).fit(period.split.calibration)
    for until, how in ((TRAINED, "as served"), (CHECKED, "fitted to the calibration period")):
        judged_as = contests(period, other, ModelCard(observed_until=until))[-1]
        assert judged_as.challenger.startswith("the registered challenger")
        assert how in judged_as.challenger
        assert not judged_as.better


def test_a_refit_that_has_seen_the_second_half_is_not_what_is_judged(unchanged):
    model, card = trained_model(unchanged)
    refit = contests(open_period(model, card, clvml.read_transactions(unchanged)))[0]
    assert refit.sentence.startswith("a refit on")
    assert f"2024-05-16 to {CHECKED}" in refit.sentence
    short = open_period(model, card, clvml.read_transactions(unchanged), until="2024-01-10")
    assert "not judged" in contests(short)[0].sentence
