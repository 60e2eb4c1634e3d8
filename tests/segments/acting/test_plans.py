"""A plan joins what changed, the stage and the treatment of a segment."""

import pandas as pd
import pytest

from clvml.errors import InputError
from clvml.segments.acting import segment_plans

CARDS = pd.DataFrame(
    {
        "stage": ["decline", "stability"],
        "treatment": ["retain", "develop"],
        "what_to_do": ["Call them.", "Show them more."],
    },
    index=pd.Index([1, 2], name="segment"),
)
TREND = pd.DataFrame(
    {
        "is": ["fallen", "steady", "steady", "risen"],
        "will": ["expected to stay", "expected to rise", "expected to stay", "expected to rise"],
        "change_pct": [-12.0, 1.0, 0.0, 9.0],
    },
    index=pd.MultiIndex.from_product([[1, 2], ["average_order_value", "retention"]]),
)


def test_a_plan_says_what_fell_where_the_customers_are_and_what_to_do():
    plans = segment_plans(CARDS, TREND)
    assert plans[1].startswith(
        "Order value of this segment fell 12 % and is expected to stay: offer upgrades"
    )
    assert "Most are in decline: warn early" in plans[1]
    assert plans[1].endswith("Retain: Call them.")
    assert plans[2].startswith(
        "Loyalty (retention) of this segment rose 9 % and is expected to rise: keep it"
    )


def test_a_segment_without_a_trend_or_a_column_is_named():
    with pytest.raises(InputError, match="segment 2 has no trend"):
        segment_plans(CARDS, TREND.loc[[1]])
    with pytest.raises(InputError, match="'treatment'"):
        segment_plans(CARDS.drop(columns="treatment"), TREND)


def test_a_segment_with_hardly_any_purchases_has_a_plan_without_a_trend():
    few = TREND.assign(**{"is": "too few purchases to say"})
    assert segment_plans(CARDS, few)[1].startswith(
        "Too few recent purchases for a trend. Most are in decline"
    )
