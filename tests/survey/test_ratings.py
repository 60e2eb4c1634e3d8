"""Ratings are read, counted and checked; what is wrong with a table is said with the way out."""

import numpy as np
import pandas as pd
import pytest
from survey_tables import KINDS, rated

from clvml.errors import InputError
from clvml.survey import read_ratings
from clvml.survey._ratings import count_known_customers

PLAIN = {"ours": {"quality": 5, "price": 2}, "rival": {"quality": 3, "price": 4}}


def test_high_performance_is_good_for_costs_too():
    ratings = read_ratings(rated(PLAIN), kinds=KINDS)
    assert ratings.performance.mean().to_dict() == {
        ("ours", "quality"): 5,
        ("ours", "price"): 4,
        ("rival", "quality"): 3,
        ("rival", "price"): 2,
    }
    assert ratings.costs == ["price"]
    assert ratings.notes == ("nobody rated 'staff', 'waiting': left out",)


def test_costs_scored_by_how_favourable_they_are_mean_the_same_once_reversed():
    favourable = {name: scores | {"price": 6 - scores["price"]} for name, scores in PLAIN.items()}
    turned = read_ratings(rated(favourable), kinds=KINDS, reverse_costs=True)
    pd.testing.assert_frame_equal(turned.wide, read_ratings(rated(PLAIN), kinds=KINDS).wide)


@pytest.mark.parametrize("kind", ["Psychic cost", "psychic", " PSYCHIC COSTS ", "psychic_cost"])
def test_kinds_are_named_as_people_name_them(kind):
    assert read_ratings(rated(PLAIN), kinds={"price": kind}).kinds["price"] == "psychic"


def test_rows_set_aside_are_counted_by_reason():
    table = rated(PLAIN).astype({"score": object})
    table.loc[0, "score"], table.loc[1, "score"], table.loc[2, "brand"] = None, "99", None
    table.loc[3, "score"] = "don't know"
    table = pd.concat([table, table.iloc[[5]]], ignore_index=True)
    ratings = read_ratings(table, no_answer=[99])
    assert ratings.report.to_dict() == {
        "read": 9,
        "used": 4,
        "without respondent, brand or attribute": 1,
        "without a score": 2,
        "score unreadable": 1,
        "duplicates": 1,
    }
    assert "1 score unreadable" in ratings.notes[0]
    assert 'such as "don\'t know"' in ratings.notes[0]


def test_customers_may_be_the_respondents_and_unknown_ids_are_counted():
    ratings = read_ratings(rated(PLAIN).rename(columns={"respondent": "customer_id"}))
    assert len(ratings.respondents) == 2
    assert count_known_customers(ratings, pd.Index([2, 3])) == (2, 1)
    assert count_known_customers(ratings, pd.Index(["2", "3"])) == (2, 1)
    assert count_known_customers(read_ratings(rated(PLAIN)), pd.Index([2, 3])) == (0, 0)


def test_points_and_ratings_of_importance_count_alike():
    table = rated(PLAIN).assign(importance=[75, 25] * 4)
    table.loc[table["respondent"] == 2, "importance"] /= 25  # 3 and 1: the same opinion
    ratings = read_ratings(table, kinds=KINDS)
    assert ratings.importance.to_numpy().tolist() == [[1.5, 0.5], [1.5, 0.5]]
    assert any("sums to 52 per respondent on average (4 to 100)" in note for note in ratings.notes)
    assert not any("importance" in note for note in read_ratings(rated(PLAIN).assign(importance=50)).notes)


def test_an_attribute_whose_importance_nobody_stated_is_named():
    table = rated(PLAIN).assign(importance=[2, None] * 4)
    assert "nobody stated the importance of 'price': it counts as 0" in read_ratings(table, kinds=KINDS).notes


def test_a_named_index_is_a_column():
    table = rated(PLAIN)
    pd.testing.assert_frame_equal(
        read_ratings(table.set_index(["respondent", "brand"])).wide, read_ratings(table).wide
    )
    with pytest.raises(InputError, match="there is no table"):
        read_ratings(None)


def test_a_wide_table_is_refused_with_the_line_that_reshapes_it():
    wide = rated(PLAIN).pivot_table(index=["respondent", "brand"], columns="attribute", values="score")
    wide = wide.reset_index()
    line = r'table\.melt\(id_vars=\[\'respondent\', \'brand\'\], var_name="attribute", value_name="score"\)'
    with pytest.raises(InputError, match=line):
        read_ratings(wide)
    long = wide.melt(id_vars=["respondent", "brand"], var_name="attribute", value_name="score")
    assert len(read_ratings(long).table) == 8


def spoilt(**cells):
    table = rated(PLAIN).assign(importance=1.0, kind="product", date="2024-01-01")
    for name, value in cells.items():
        table[name] = table[name].astype(object)
        table.loc[2, name] = value
    return table


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (spoilt(score=7), {}, "1 of 8 scores .* off the scale from 1 to 5; the first is in row 3: 7"),
        (spoilt(), {"scale": (2, 4)}, "2 of 8 scores|4 of 8 scores"),
        (spoilt(), {"scale": (5, 1)}, "scale is .* lower and upper end"),
        (spoilt(importance=-1), {}, "importance .* must be 0 or more; row 3 has -1"),
        (spoilt().assign(importance=0), {}, "no positive number"),
        (spoilt(kind="service"), {}, "attribute 'quality' .* more than one kind: 'product', 'service'"),
        (spoilt(), {"kinds": {"price": "mony"}}, "kind of attribute 'price' is 'mony'.*Did you mean 'money'"),
        (spoilt(), {"kinds": {"taste": "product"}}, "attributes that nobody rated: 'taste'"),
        (spoilt(), {"overall": "qualty"}, "nobody rated the overall attribute 'qualty'.*mean 'quality'"),
        (rated(PLAIN).drop(columns="respondent"), {}, "no column 'respondent' or 'customer_id'"),
        (spoilt().assign(score=np.nan), {}, "no row with a respondent, a brand, an attribute and a score"),
        (rated({"ours": {"overall": 4}}), {"overall": "overall"}, "the overall score 'overall' only"),
    ],
)
def test_what_breaks_a_rule_is_named(table, options, message):
    with pytest.raises(InputError, match=message):
        read_ratings(table, **options)


def test_contradicting_answers_are_refused_unless_the_survey_was_repeated():
    table = pd.concat([rated(PLAIN), rated(PLAIN).assign(score=4)], ignore_index=True)
    with pytest.raises(InputError, match=r"6 scores .* contradict.*first is in row 9 \('ours', 'quality'\)"):
        read_ratings(table)
    dates = ["2024-01-01"] * 8 + ["2024-04-01"] * 8
    assert read_ratings(table.assign(date=dates)).wide["ours", "quality"].tolist() == [4.5, 4.5]


def test_decimal_commas_of_a_file_are_read(tmp_path):
    rated(PLAIN).assign(score="4,5").to_csv(tmp_path / "r.csv", sep=";", index=False)
    assert read_ratings(tmp_path / "r.csv").table["score"].unique().tolist() == [4.5]


def test_a_brand_without_ratings_and_a_survey_of_one_brand_are_named():
    ratings = read_ratings(rated(PLAIN))
    with pytest.raises(InputError, match="brand 'us' has no ratings; rated brands: 'ours', 'rival'"):
        ratings.check_brand("us")
    with pytest.raises(InputError, match="competitor and brand are both 'ours'"):
        ratings.competitor_of("ours", "ours")
    with pytest.raises(InputError, match="only 'ours' was rated"):
        read_ratings(rated({"ours": {"quality": 4}})).competitor_of("ours")
