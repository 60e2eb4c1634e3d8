"""Figures of treatments: names, ends and colours, also in odd tables."""

import numpy as np
import pandas as pd
import pytest
from made_up_responses import made_up

from clvml import plots
from clvml.errors import InputError
from clvml.plots._style import BLUE, MUTED
from clvml.treatments import allocate_budget, incremental_value, measure_lift


@pytest.fixture(scope="module")
def responses():
    found = made_up(400, np.random.default_rng(0), effect=3.0, treatments=2, control_share=0.3, segments=2)
    table = found.table
    table["cost"] = table["group"].map({"control": 0.0, "t1": 1.0, "t2": 2.0})
    money = table["money"].where(table["group"] != "t2", table["money"] - 3)
    return type(found)(table.assign(money=money), "control")


@pytest.fixture(scope="module")
def lift(responses):
    return measure_lift(responses)


def labels(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def test_the_lift_is_in_percent_and_blue_where_its_interval_excludes_zero(lift):
    pooled = lift[lift.index.get_level_values("segment") == "(all)"]
    ax = plots.treatment_lift(pooled)
    assert labels(ax) == ["t1", "t2"]
    colors = [line.get_color() for line in ax.lines if line.get_marker() == "o"]
    assert colors == [BLUE, MUTED]
    assert ax.texts[0].get_text() == "+29.3 %"  # three of ten, and chance
    assert len(labels(plots.treatment_lift(lift))) == 6


def test_profit_is_in_money(lift):
    ax = plots.treatment_lift(lift, outcome="profit", currency="EUR")
    assert "EUR per customer" in ax.get_xlabel()
    with pytest.raises(InputError, match="'visits' is not among the outcomes"):
        plots.treatment_lift(lift, outcome="visits")


def test_an_unbounded_interval_is_said_and_not_drawn(lift):
    table = lift.copy()
    table.iloc[-1, table.columns.get_indexer(["relative_lower", "relative_upper"])] = np.nan
    texts = [text.get_text() for text in plots.treatment_lift(table.loc[[table.index[0][0]]]).texts]
    assert not any("unbounded" in text for text in texts[:-1])
    money = table[table.index.get_level_values("outcome") == "money"].copy()
    money.iloc[-1, money.columns.get_indexer(["relative_lower", "relative_upper"])] = np.nan
    assert "interval unbounded" in plots.treatment_lift(money).texts[-1].get_text()


def test_value_per_cost_and_budget(lift, responses):
    value = incremental_value(lift, responses)
    ax = plots.treatment_value(value.loc[["(all)"]], currency="EUR")
    assert "per EUR of cost" in ax.get_title(loc="left") + ax.get_title()
    plan = allocate_budget(value)
    ax = plots.treatment_budget(plan.table, currency="EUR")
    assert all("customers" in label for label in labels(ax))
    with pytest.raises(InputError, match="empty table"):
        plots.treatment_budget(plan.table.iloc[:0])


def test_long_names_are_shortened():
    index = pd.MultiIndex.from_tuples(
        [("money", "(all)", "a very long name " * 12)], names=["outcome", "segment", "treatment"]
    )
    row = {
        "lift": 1.0,
        "lift_lower": 0.5,
        "lift_upper": 2.0,
        "relative": 0.1,
        "relative_lower": 0.05,
        "relative_upper": 0.2,
    }
    ax = plots.treatment_lift(pd.DataFrame([row], index))
    assert max(map(len, labels(ax)[0].split("\n"))) <= 34
    assert labels(ax)[0].count("\n") == 1
