"""A comparison tells its models how they were judged, on which data, and what to expect next."""

import pandas as pd
import pytest

import clvml
from clvml.scoring import ModelCard
from clvml.tracking._comparison_cards import comparison_card, totals_of, window_card
from clvml.tracking._comparison_records import ComparisonRecords

MODELS = {
    "bgnbd": clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon=26),
    "repeat_rate": clvml.RepeatRateValue(horizon=26),
}


@pytest.fixture(scope="module")
def found():
    return clvml.backtest(clvml.load_cdnow(), MODELS, origins=2, horizon=26, n_draws=50, progress=False)


@pytest.fixture(scope="module")
def card(found) -> ModelCard:
    return comparison_card(found.latest, "bgnbd", "BG/NBD x Gamma-Gamma", found)


def test_scores_are_those_of_the_comparison_with_their_intervals(found, card):
    table, draws = found.latest.table.loc["bgnbd"], found.latest.draws
    ends = draws.intervals(found.latest.verdict.level).loc["bgnbd"]
    for metric in ("mae", "rmse", "spearman", "gini"):
        score = card.scores[metric]
        assert score["value"] == table[metric]
        assert [score["lower"], score["upper"]] == ends.loc[metric, ["lower", "upper"]].tolist()
        assert score["lower"] < score["value"] < score["upper"]


def test_scores_by_origin_are_of_every_origin_the_latest_last(found, card):
    origins = [f"{origin:%Y-%m-%d}" for origin in found.at()]
    assert [row["origin"] for row in card.scores["mae"]["by_origin"]] == origins
    assert card.scores["mae"]["by_origin"][-1]["value"] == card.scores["mae"]["value"]


def test_a_contender_knows_the_window_that_it_was_fitted_to(found, card):
    split = found.latest.split
    assert (card.observed_from, card.observed_until) == ("1997-01-01", f"{split.calibration_end:%Y-%m-%d}")
    assert card.n_customers == len(split.calibration)
    assert card.policy == {**card.policy, "returns": "drop", "collapse": "D"}
    assert card.warranty["until"] == "1998-06-30"
    assert card.verdict.startswith("In the verdict: ")


def test_a_served_model_is_warranted_for_the_length_of_the_holdout(found, cdnow):
    split = found.latest.split
    card = window_card(cdnow, split.observation_end, split)
    assert pd.Timestamp(card.warranty["until"]) - split.observation_end == pd.Timedelta(weeks=26)
    assert card.warranty["longest_T"] == cdnow["T"].max()


def test_totals_are_for_four_horizons_up_to_the_holdouts_and_plain_numbers(found, cdnow, value_model):
    totals = totals_of(found, "bgnbd", value_model, cdnow)
    assert set(totals) == {"spend", "purchases", "active_customers"}
    for row in totals.values():
        assert (row["horizon"], row["coverage"]) == (26.0, 0.9)
        assert [each["horizon"] for each in row["by_horizon"]] == [6.5, 13.0, 19.5, 26.0]
        assert row["by_horizon"][-1]["value"] == row["value"]
        assert all(type(number) is float for each in row["by_horizon"] for number in each.values())


def test_the_records_of_a_comparison_carry_the_cards(found):
    record = ComparisonRecords(found, {"bgnbd": "BG/NBD"}).contender("bgnbd")
    assert record.card.title == "BG/NBD"
    assert record.card.scores["mae"]["value"] == record.metrics["mae"]
