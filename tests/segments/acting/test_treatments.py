import itertools

import numpy as np
import pandas as pd
import pytest

from clvml.errors import InputError
from clvml.segments.acting._cards import segment_cards
from clvml.segments.acting._treatments import budgets, check_treatments, read_treatments, treat
from clvml.segments.acting._value_at_risk import value_at_risk
from clvml.segments.grouping._lifecycle import STAGES

PAIRS = list(itertools.product(["gold", "platinum", "iron", "lead"], STAGES))
INDEX = pd.Index([f"c{i}" for i in range(len(PAIRS))], name="customer_id")
SEGMENTS = pd.Series([segment for segment, _ in PAIRS], INDEX)
ALL_STAGES = pd.Series([stage for _, stage in PAIRS], INDEX)
CUSTOMERS = pd.DataFrame(
    {"clv": np.linspace(0, 95, 20), "probability_alive": np.linspace(0, 0.95, 20)}, INDEX
)


def test_everybody_has_a_treatment_and_no_budget_exceeds_the_value_at_risk():
    found = treat(SEGMENTS, ALL_STAGES, CUSTOMERS)
    assert found.notna().all(axis=None)
    assert found.index.equals(INDEX)
    assert (found["budget"] <= found["value_at_risk"]).all()
    assert (found["budget"] >= 0).all()
    assert set(found["treatment"]) == {"retain", "develop", "cross-sell", "upsell", "win back", "spend less"}


def test_the_first_row_that_fits_counts_and_the_budget_is_its_share(tmp_path):
    own = (
        "segment,stage,treatment,what_to_do,budget_base,share\n"
        "gold,lapsed,call,Call,at_risk,0.5\n*,*,wait,,clv,0\n"
    )
    (tmp_path / "own.csv").write_text(own)
    found = treat(SEGMENTS, ALL_STAGES, CUSTOMERS, read_treatments(tmp_path / "own.csv"))
    lapsed = found[(SEGMENTS == "gold") & (ALL_STAGES == "lapsed")].iloc[0]
    # CLV 20 at P(alive) .2: 100 if active, of which 80 are at risk.
    assert lapsed["treatment"] == "call"
    assert (lapsed["value_at_risk"], lapsed["budget"]) == pytest.approx((80.0, 40.0))
    assert (found["treatment"] == "wait").sum() == 19


def test_budgets_add_up_and_stay_below_the_value_at_risk():
    treated = treat(SEGMENTS, ALL_STAGES, CUSTOMERS)
    table = budgets(treated)
    parts = table.drop("(all)")
    assert parts["customers"].sum() == table.loc["(all)", "customers"] == len(treated)
    assert parts["budget"].sum() == pytest.approx(treated["budget"].sum())
    assert (parts["share_of_value_at_risk"].dropna() <= 1).all()
    assert parts.loc["spend less", "budget"] == 0
    assert parts["budget"].is_monotonic_decreasing


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"share": 1.5}, "row 1 .* share from 0 to 1"),
        ({"share": "much"}, "row 1 .* share"),
        ({"budget_base": "all"}, "budget_base among clv, at_risk"),
        ({"treatment": None}, "a treatment"),
    ],
)
def test_a_row_that_breaks_a_rule_is_named(change, message):
    table = read_treatments().astype(object)
    for name, value in change.items():
        table.loc[0, name] = value
    with pytest.raises(InputError, match=message):
        check_treatments(table)


def test_a_missing_file_column_or_row_is_named(tmp_path):
    with pytest.raises(InputError, match="no file"):
        read_treatments(tmp_path / "none.csv")
    with pytest.raises(InputError, match="lacks 'budget_base'"):
        check_treatments(read_treatments().drop(columns="budget_base"))
    with pytest.raises(InputError, match="matches segment 'iron'"):
        treat(SEGMENTS, ALL_STAGES, CUSTOMERS, read_treatments().query("segment in ['gold', 'platinum']"))
    with pytest.raises(InputError, match="'c3' has no segment"):
        treat(SEGMENTS.drop("c3"), ALL_STAGES, CUSTOMERS)


def test_a_table_of_the_first_release_is_read_in_the_words_of_today(tmp_path):
    old = read_treatments().rename(columns={"budget_base": "stake"})
    old["stage"] = old["stage"].replace("lapsed", "former")
    old.to_csv(tmp_path / "old.csv", index=False)
    pd.testing.assert_frame_equal(read_treatments(tmp_path / "old.csv"), read_treatments())
    pd.testing.assert_frame_equal(
        treat(SEGMENTS, ALL_STAGES, CUSTOMERS, old), treat(SEGMENTS, ALL_STAGES, CUSTOMERS)
    )


def test_a_card_gives_size_value_with_its_interval_and_treatment():
    members = CUSTOMERS.join(treat(SEGMENTS, ALL_STAGES, CUSTOMERS)).assign(
        segment=SEGMENTS.map({"gold": 1, "platinum": 2, "iron": 3, "lead": 4}),
        segment_name=SEGMENTS,
        stage=ALL_STAGES,
        frequency=2.0,
        recency=30.0,
        T=38.0,
    )
    intervals = pd.DataFrame({"lower": [10.0, 5.0], "upper": [30.0, 9.0]}, index=[2, 1])
    cards = segment_cards(members, intervals, coverage=0.8)
    assert cards["time_since_last_purchase"].tolist() == [8.0] * 4
    assert "recency" not in cards
    assert cards["name"].tolist() == ["gold", "platinum", "iron", "lead"]
    assert cards["customers"].sum() == len(members)
    assert cards["share_of_value"].sum() == pytest.approx(1)
    assert cards["budget"].sum() == pytest.approx(members["budget"].sum())
    assert cards["value_at_risk"].sum() == pytest.approx(members["value_at_risk"].sum())
    assert cards.loc[[1, 2], ["total_lower", "total_upper", "coverage"]].to_numpy().tolist() == [
        [5.0, 9.0, 0.8],
        [10.0, 30.0, 0.8],
    ]
    assert cards.loc[[3, 4], ["total_lower", "total_upper"]].isna().all(axis=None)
    assert segment_cards(members)["total_lower"].isna().all()
    assert cards.loc[1, ["treatment", "treatment_share"]].tolist() == ["retain", 0.8]
    with pytest.raises(InputError, match="lack 'budget'"):
        segment_cards(members.drop(columns="budget"))
    with pytest.raises(InputError, match="the intervals lack 'upper'"):
        segment_cards(members, intervals[["lower"]])
    with pytest.raises(InputError, match="lower end above the upper"):
        segment_cards(members, intervals.rename(columns={"lower": "upper", "upper": "lower"}))


def test_the_value_at_risk_is_by_customer_and_not_by_position():
    clv, alive = pd.Series({"a": 60.0, "b": 80.0}), pd.Series({"b": 0.8, "a": 0.6})
    found = value_at_risk(clv, alive)
    assert found["at_risk"].to_dict() == pytest.approx({"a": 40.0, "b": 20.0})
