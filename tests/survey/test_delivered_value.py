"""Delivered value is the sum that one makes by hand, its intervals cover, and a step does what it says."""

import numpy as np
import pandas as pd
import pytest
from survey_tables import KINDS, rated, simulated

from clvml.errors import InputError
from clvml.survey import delivered_value, delivered_value_over_time, read_ratings, step_effects
from clvml.survey._resamples import Resamples

ALL = {
    "product": "product", "service": "service", "staff": "personnel", "name": "image",
    "price": "money", "waiting": "time", "effort": "energy", "worry": "psychic",
}  # fmt: skip
OURS = dict(zip(ALL, (5, 4, 4, 3, 3, 2, 2, 1), strict=True))
RIVAL = dict(zip(ALL, (4, 4, 3, 3, 2, 2, 1, 1), strict=True))


def survey(respondents=3, **columns):
    return rated({"ours": OURS, "rival": RIVAL}, respondents, **columns)


def test_sums_over_the_four_benefits_and_costs_are_those_by_hand():
    found = delivered_value(read_ratings(survey(), kinds=ALL), aggregate="sum")
    columns = ["benefit", "cost", "difference", "ratio"]
    assert found.brands.loc["ours", columns].tolist() == pytest.approx([16, 8, 8, 2])
    assert found.brands.loc["rival", columns].tolist() == pytest.approx([14, 6, 8, 14 / 6])
    assert found.gaps.loc["rival", ["difference", "ratio"]].tolist() == pytest.approx([0, 2 - 14 / 6])


def test_means_are_a_quarter_of_these_sums_and_the_parts_sum_to_the_totals():
    found = delivered_value(read_ratings(survey(), kinds=ALL))
    assert found.brands.loc["ours", ["benefit", "cost", "ratio"]].tolist() == pytest.approx([4, 2, 2])
    parts = found.parts.loc["ours"]
    assert parts["contribution"][:4].sum() == pytest.approx(4)
    assert parts["contribution"][4:].sum() == pytest.approx(2)
    assert parts["score"].to_dict() == {kind: OURS[name] for name, kind in ALL.items()}


def test_importance_weighs_benefits_and_costs_each_to_one():
    points = {"quality": 30, "staff": 10, "price": 45, "waiting": 15}
    table = rated({"ours": {"quality": 5, "staff": 1, "price": 4, "waiting": 2}})
    table["importance"] = table["attribute"].map(points)
    ratings = read_ratings(table, kinds=KINDS)
    found = delivered_value(ratings)
    weights = {"quality": 0.75, "staff": 0.25, "price": 0.75, "waiting": 0.25}
    assert found.weights.to_dict() == pytest.approx(weights)
    assert found.brands.loc["ours", ["benefit", "cost", "difference"]].tolist() == pytest.approx(
        [4, 3.5, 0.5]
    )
    plain = delivered_value(ratings, weighted=False).brands
    assert plain.loc["ours", ["benefit", "cost"]].tolist() == [3.0, 3.0]


def test_missing_answers_leave_the_mean_of_those_who_answered():
    table = survey()
    table = table[~((table["respondent"] == 1) & (table["attribute"] == "price"))]
    table.loc[(table["respondent"] == 2) & (table["attribute"] == "price"), "score"] = 5
    found = delivered_value(read_ratings(table, kinds=ALL), aggregate="sum").parts
    assert found.loc[("ours", "money"), "score"] == pytest.approx((5 + 3) / 2)


@pytest.mark.parametrize(
    ("scale", "price", "note"),
    [
        ((0, 5), 0, r"total customer cost is zero \(ours\): the ratio is undefined"),
        ((-3, 5), 2, "numbers below zero: a ratio .* has no meaning"),
    ],
)
def test_a_ratio_without_a_meaning_is_said_and_never_infinite(scale, price, note):
    table = rated({"ours": {"quality": 4, "price": price}})
    found = delivered_value(read_ratings(table, kinds=KINDS, scale=scale))
    assert found.brands.loc["ours", "difference"] == 4 - price
    assert found.brands[["ratio", "ratio_lower", "ratio_upper"]].isna().all(axis=None)
    assert pd.Series(found.notes).str.contains(note).any()


def test_a_survey_without_costs_counts_none_and_says_so():
    found = delivered_value(read_ratings(rated({"ours": {"quality": 4}}), kinds=KINDS))
    assert found.brands.loc["ours", ["cost", "difference"]].tolist() == [0, 4]
    assert "no attribute is a cost: total customer cost counts as 0" in found.notes
    found = delivered_value(read_ratings(rated({"ours": {"price": 4}}), kinds=KINDS))
    assert found.brands.loc["ours", ["benefit", "difference", "ratio"]].tolist() == [0, -4, 0]


def test_an_attribute_not_rated_for_every_brand_is_left_out_of_all_and_named():
    table = survey()
    table = table[~((table["brand"] == "rival") & (table["attribute"] == "name"))]
    found = delivered_value(read_ratings(table, kinds=ALL), aggregate="sum")
    assert found.brands.loc["ours", "benefit"] == pytest.approx(13)
    assert found.notes[0] == "not rated for every brand, and left out of the totals: name"


def test_one_respondent_has_values_and_no_intervals():
    found = delivered_value(read_ratings(survey(1), kinds=ALL)).brands
    assert found["difference"].tolist() == [2, 2]
    assert found.filter(regex="lower|upper").isna().all(axis=None)


def test_one_brand_has_a_value_and_no_gap():
    ratings = read_ratings(rated({"ours": OURS}), kinds=ALL)
    assert delivered_value(ratings).gaps.empty
    assert step_effects(ratings)["share_of_gap"].isna().all()


@pytest.mark.parametrize(
    ("kinds", "options", "message"),
    [
        ({"price": "money"}, {}, r"attribute 'product' has no kind \(7 of 8 have none\)"),
        (ALL, {"brand": "us"}, "brand 'us' has no ratings"),
        (ALL, {"aggregate": "median"}, "aggregate is 'median'"),
        (ALL, {"level": 1.0}, "level is 1.0"),
    ],
)
def test_what_makes_no_value_is_refused(kinds, options, message):
    with pytest.raises(InputError, match=message):
        delivered_value(read_ratings(survey(), kinds=kinds), **options)


def test_the_order_of_rows_and_the_names_of_respondents_do_not_matter(made_up):
    table = made_up.ratings.head(3300)
    one = delivered_value(read_ratings(table, overall="overall satisfaction"), "our shop", n_draws=50).brands
    shuffled = table.sample(frac=1, random_state=1)
    other = read_ratings(shuffled, overall="overall satisfaction")
    pd.testing.assert_frame_equal(one, delivered_value(other, "our shop", n_draws=50).brands)


@pytest.mark.parametrize(("n", "paired"), [(12, True), (40, True), (40, False)])
def test_intervals_of_a_brand_and_of_the_gap_cover_the_truth(n, paired):
    """Of 1,000 surveys with lenient respondents; a coverage of .95 has a standard error of .007."""
    rng, covered = np.random.default_rng(5), np.zeros(3)
    for _ in range(1000):
        lenient = 0.7 * rng.standard_normal((n, 1, 1))
        scores = np.array([6.0, 5.0])[:, None] + lenient + 0.8 * rng.standard_normal((n, 2, 2))
        if not paired:
            scores[::2, 0] = scores[1::2, 1] = np.nan
        resamples = Resamples(n, 300, rng.integers(10**9), n if paired else n // 2)
        benefit, cost = np.moveaxis(resamples.means(scores), 2, 0)
        truths = (
            (benefit[:, 0], 6.0),
            (benefit[:, 0] / cost[:, 0], 1.0),
            (benefit[:, 0] - benefit[:, 1], 1.0),
        )
        for place, (draws, truth) in enumerate(truths):
            lower, upper = resamples.interval(draws)
            covered[place] += lower <= truth <= upper
    assert ((covered / 1000 > 0.93) & (covered / 1000 < 0.97)).all(), covered / 1000


def test_pairs_make_the_gap_between_brands_narrower_than_the_brands_themselves():
    rng = np.random.default_rng(1)
    table = simulated(100, rng, (6.0, 5.0), attributes=2, halo=2.0)
    kinds = {"a0": "product", "a1": "service"}
    found = delivered_value(read_ratings(table, kinds=kinds, scale=(0, 10)), "ours")
    width = found.brands.loc["ours", "benefit_upper"] - found.brands.loc["ours", "benefit_lower"]
    gap = found.gaps.loc["rival"]
    assert gap["difference_upper"] - gap["difference_lower"] < width / 2


def test_a_step_does_to_the_value_what_computing_it_again_does():
    table = survey().assign(importance=lambda t: t["attribute"].map(dict(zip(ALL, range(1, 9), strict=True))))
    ratings = read_ratings(table, kinds=ALL)
    effects = step_effects(ratings, "ours").loc["ours"]
    before = delivered_value(ratings).brands.loc["ours"]
    for name, kind in ALL.items():
        moved = table.copy()
        chosen = (moved["brand"] == "ours") & (moved["attribute"] == name)
        sign = -1 if kind in ("money", "time", "energy", "psychic") else 1
        moved.loc[chosen, "score"] = (moved.loc[chosen, "score"] + sign).clip(1, 5)
        after = delivered_value(read_ratings(moved, kinds=ALL)).brands.loc["ours"]
        assert effects.loc[name, "effect"] == pytest.approx(after["difference"] - before["difference"])
        assert effects.loc[name, "ratio_effect"] == pytest.approx(after["ratio"] - before["ratio"])
        assert effects.loc[name, "move"] == ("lower" if sign < 0 else "raise")
    assert effects.loc["product", "change"] == 0  # all say 5 of 5
    assert effects.loc["worry", "change"] == 0  # all say 1 of 5


def test_the_move_that_closes_the_gap_to_the_best_competitor_is_named():
    scores = {
        "ours": {"quality": 2, "price": 3},
        "rival": {"quality": 3, "price": 3},
        "last": {"quality": 1, "price": 4},
    }
    effects = step_effects(read_ratings(rated(scores, 5), kinds=KINDS), step=0.5)
    assert effects.loc["ours", "gap"].tolist() == [1, 1]
    assert effects.loc["ours", "share_of_gap"].tolist() == [0.5, 0.5]
    assert not effects.loc["ours", "closes_gap"].any()
    assert step_effects(read_ratings(rated(scores, 5), kinds=KINDS), "ours")["closes_gap"].all()
    assert effects.loc["rival", "closes_gap"].isna().all()
    with pytest.raises(InputError, match="step is 0; it must be above 0"):
        step_effects(read_ratings(rated(scores), kinds=KINDS), step=0)


def test_the_made_up_gaps_are_found(made_up, ratings):
    """Scores are rounded to the scale, which shrinks differences by a few hundredths."""
    found = delivered_value(ratings, "our shop")
    truth, weights = made_up.truth["performance"], made_up.truth["stated_importance"]
    is_cost = ratings.kinds[truth.index].isin(["money", "time", "energy", "psychic"])
    benefit = truth[~is_cost].mul(weights[~is_cost] / weights[~is_cost].sum(), axis=0).sum()
    cost = (6 - truth[is_cost]).mul(weights[is_cost] / weights[is_cost].sum(), axis=0).sum()
    assert found.brands["difference"].idxmax() == (benefit - cost).idxmax()
    expected = (benefit - cost)["our shop"] - (benefit - cost).drop("our shop")
    assert found.gaps["difference"].to_dict() == pytest.approx(expected.to_dict(), abs=0.06)


def test_each_period_is_valued_by_itself(ratings):
    table = delivered_value_over_time(ratings, n_draws=50)
    assert table.loc["our shop"].index.tolist() == [pd.Timestamp("1997-04-01"), pd.Timestamp("1997-07-01")]
    dates = ratings.table["date"]
    second = delivered_value(ratings.where(dates >= "1997-07-01"), n_draws=50).brands
    assert table.xs("1997-07-01", level="period")["difference"].to_dict() == pytest.approx(
        second["difference"].to_dict()
    )
