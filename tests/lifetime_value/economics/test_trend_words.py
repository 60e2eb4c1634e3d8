"""The trend of value: any model gives the row "expected", and words follow the numbers."""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import InputError
from clvml.lifetime_value.economics import describe_change, trend_words
from clvml.lifetime_value.economics._trend import value_over_time


@pytest.fixture(scope="module")
def cdnow():
    return clvml.load_cdnow()


@pytest.fixture(scope="module")
def calibration(cdnow):
    return clvml.split(cdnow, "1997-09-30", "1998-06-30").calibration


@pytest.mark.parametrize(
    "model",
    [
        clvml.RepeatRateValue(39, margin=0.4),
        clvml.AnnuityValue(39, margin=0.4),
        clvml.MigrationValue(39, margin=0.4),
        clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 39, margin=0.4),
    ],
    ids=lambda model: type(model).__name__,
)
def test_any_model_of_value_gives_the_row_expected_before_the_margin(model, cdnow, calibration):
    model.fit(calibration)
    row = value_over_time(cdnow, model=model, observation_end="1997-09-30").iloc[-1]
    assert row["when"] == "expected"
    now = clvml.summarize(cdnow, "1997-09-30", "W")
    assert row["spend"] == pytest.approx(model.predict(now, "1M", 0.0).sum() / 0.4, rel=1e-6)
    assert 0 < row["stickiness"] < 1
    assert 0 < row["retention"] < 1
    assert row["average_order_value"] == pytest.approx(row["spend"] / row["purchases"])


def test_a_constant_rate_without_dropout_gives_poisson_probabilities(cdnow, calibration):
    model = clvml.RepeatRateValue(39).fit(calibration)
    row = value_over_time(cdnow, model=model, observation_end="1997-09-30").iloc[-1]
    now = clvml.summarize(cdnow, "1997-09-30", "W")
    order_value = now["total_spend"] / (now["frequency"] + 1)
    purchases = (model.predict(now, "1M", 0.0) / order_value.where(order_value > 0)).fillna(0)
    assert row["purchases"] == pytest.approx(purchases.sum(), rel=1e-9)
    once = now["frequency"] == 0
    expected = (~once).mean() + (1 - np.exp(-purchases[once])).sum() / len(now)
    assert row["repeat_rate"] == pytest.approx(expected, rel=1e-9)


def test_a_model_without_a_time_unit_or_of_no_value_is_refused(cdnow, calibration):
    bare = calibration.copy()
    bare.attrs = {}
    for model in (clvml.AnnuityValue(39).fit(bare), clvml.KMeansSegments()):
        with pytest.raises(InputError, match="fitted model of value"):
            value_over_time(cdnow, model=model)


def table(**changes):
    rows = {
        "group": ["a"] * 5,
        "when": ["past", "past", "past", "present", "expected"],
        "customers": 100.0,
        "purchases": [40.0, 50.0, 60.0, 50.0, 60.0],
        "spend": [800.0, 1000.0, 1200.0, 880.0, 1056.0],
        "average_order_value": [20.0, 20.0, 20.0, 17.6, 17.6],
        "frequency": [0.4, 0.5, 0.6, 0.5, 0.6],
        "stickiness": [0.4, 0.4, 0.4, 0.41, 0.41],
        "repeat_rate": 0.3,
        "retention": [np.nan, 0.2, 0.2, 0.3, 0.2],
    }
    return pd.DataFrame(rows | changes)


def test_words_follow_the_numbers():
    found = trend_words(table()).loc["a"]
    assert found["past"].tolist() == pytest.approx([20.0, 0.5, 0.4, 0.2])
    assert found["is"].tolist() == ["fallen", "steady", "steady", "risen"]
    assert found["will"].tolist() == [
        "expected to stay", "expected to rise", "expected to stay", "expected to fall",
    ]  # fmt: skip
    assert found.loc["average_order_value", "change_pct"] == pytest.approx(-12.0)
    said = describe_change(found.loc["average_order_value"], "average_order_value")
    assert said == "order value fell 12 % and is expected to stay"


def test_groups_are_low_or_high_against_all_customers():
    both = pd.concat([table(), table(group=["b"] * 5, spend=[80.0, 100.0, 120.0, 88.0, 105.6])])
    found = trend_words(both)
    assert found.loc[("a", "average_order_value"), "was"] == "high"
    assert found.loc[("b", "average_order_value"), "was"] == "low"
    assert found.loc[("b", "frequency"), "was"] == "average"


def test_few_purchases_have_no_word_and_without_a_model_nothing_is_expected():
    few = table(purchases=[4.0, 5.0, 6.0, 5.0, 6.0]).iloc[:4]
    found = trend_words(few)
    assert found["is"].unique().tolist() == ["too few purchases to say", "too few purchases to say"][:1]
    assert found["will"].unique().tolist() == [""]


def test_tables_and_arguments_that_do_not_fit_are_named():
    with pytest.raises(InputError, match="lacks 'retention'"):
        trend_words(table().drop(columns="retention"))
    with pytest.raises(InputError, match="tolerance"):
        trend_words(table(), tolerance=1.0)
