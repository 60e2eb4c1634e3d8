"""What a segment's customers have in common: known shares, exact tests, and few false findings among many."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import hypergeom

from clvml.customers import read_transactions
from clvml.errors import InputError
from clvml.segments.judging import categories_bought, describe_needs, segment_needs


def one(needs, segment, level):
    return needs[(needs["segment"] == segment) & (needs["level"] == level)].iloc[0]


def test_share_and_lift_by_hand_and_the_p_value_of_the_hypergeometric_distribution():
    segments = pd.Series([1] * 10 + [2] * 20)
    tea = pd.DataFrame({"drink": ["tea"] * 8 + ["coffee"] * 2 + ["tea"] * 4 + ["coffee"] * 16})
    row = one(segment_needs(segments, tea, correction="none"), 1, "tea")
    assert (row["customers"], row["share"], row["share_of_others"], row["lift"]) == (8, 0.8, 0.2, 4.0)
    chances = hypergeom(30, 12, 10).pmf(np.arange(11))
    assert row["p_value"] == pytest.approx(chances[chances <= chances[8] * (1 + 1e-7)].sum(), rel=1e-9)


def test_a_known_need_is_found_and_chance_is_not():
    rng = np.random.default_rng(4)
    segments = pd.Series(rng.integers(1, 4, 900))
    chance = {f"noise{i}": rng.choice(["a", "b", "c"], 900) for i in range(20)}
    need = np.where((segments == 2) & (rng.random(900) < 0.6), "organic", "any")
    found = segment_needs(segments, pd.DataFrame(chance | {"food": need}))
    assert found[found["distinct"]]["attribute"].unique().tolist() == ["food"]
    assert "food organic" in describe_needs(found)[2]
    assert "nothing that other customers have less often" not in describe_needs(found)[2]


def test_corrections_keep_their_rate_of_false_findings():
    rng = np.random.default_rng(9)
    any_false = {"none": 0, "holm": 0}
    for _ in range(60):
        segments = pd.Series(rng.integers(1, 3, 200))
        chance = pd.DataFrame({f"n{i}": rng.random(200) < 0.5 for i in range(20)})
        for correction in any_false:
            any_false[correction] += segment_needs(segments, chance, correction=correction)["distinct"].any()
    assert any_false["none"] > 20
    assert any_false["holm"] <= 8  # 5 % of 60 is 3


def test_benjamini_hochberg_is_between_none_and_holm_and_follows_the_paper():
    rng = np.random.default_rng(3)
    segments = pd.Series(np.repeat([1, 2], 100))
    shares = np.linspace(0.3, 0.7, 9)
    table = pd.DataFrame(
        {f"a{i}": np.r_[rng.random(100) < p, rng.random(100) < 0.5] for i, p in enumerate(shares)}
    )
    p = {
        c: segment_needs(segments, table, correction=c).set_index(["segment", "attribute"])["p_corrected"]
        for c in ("none", "benjamini_hochberg", "holm")
    }
    assert (p["none"] <= p["benjamini_hochberg"]).all()
    assert (p["benjamini_hochberg"] <= p["holm"] + 1e-15).all()
    assert p["holm"].min() == pytest.approx(min(1, 18 * p["none"].min()))


def test_numbers_are_compared_by_thirds_and_missing_values_are_no_value():
    segments = pd.Series([1] * 30 + [2] * 60)
    age = pd.DataFrame({"age": [*range(60, 90), *range(20, 60), *[np.nan] * 20]}, dtype=float)
    found = segment_needs(segments, age)
    assert found["level"].str.startswith("high").sum() == 2
    oldest = found[(found["segment"] == 1) & found["level"].str.startswith("high")].iloc[0]
    assert oldest["lift"] == np.inf
    assert oldest["share"] == pytest.approx(24 / 30, abs=0.05)


def test_attributes_that_made_the_segments_are_marked_and_not_told_as_needs():
    segments = pd.Series([1] * 20 + [2] * 20)
    found = segment_needs(segments, pd.DataFrame({"city": ["Oslo"] * 20 + ["Rome"] * 20}), used=["city"])
    assert found["used"].all()
    assert found["distinct"].any()
    assert "Oslo" not in describe_needs(found)[1]


def test_categories_bought_come_from_the_purchases():
    table = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "c"],
            "date": ["2024-01-01", "2024-02-01", "2024-01-05", "2024-03-01"],
            "amount": [5.0, 6.0, 7.0, 8.0],
            "kind": ["tea", "coffee", "tea", None],
        }
    )
    source = read_transactions(table, category="kind")
    bought = categories_bought(source, pd.Index(["b", "a", "c"]))
    assert bought["tea"].tolist() == [True, True, False]
    assert bought["coffee"].tolist() == [False, True, False]
    with pytest.raises(InputError, match="no category"):
        categories_bought(read_transactions(table), pd.Index(["a"]))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"segments": pd.Series([1] * 4)}, "one segment only"),
        ({"correction": "bonferoni"}, "correction is 'bonferoni'"),
        ({"level": 1.5}, "between 0 and 1"),
        ({"attributes": pd.DataFrame({"x": list("ab")})}, "the same customers; 2"),
        ({"attributes": pd.DataFrame({"x": list("abcd")}, index=[0, 1, 1, 2])}, "1 is duplicated"),
    ],
)
def test_what_cannot_be_compared_is_named(change, sentence):
    good = {"segments": pd.Series([1, 1, 2, 2]), "attributes": pd.DataFrame({"x": list("abab")})}
    with pytest.raises(InputError, match=sentence):
        segment_needs(**(good | change))
