"""Figures of the customer-base audit: they show what the tables say, for few cohorts and for many."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from made_up_shop import shop
from matplotlib import pyplot as plt

from clvml import plots, read_transactions
from clvml.customer_base import audit, cohort_table
from clvml.errors import InputError


@pytest.fixture(scope="module")
def found():
    return audit(shop())


def figures(found):
    compared, profile = found.comparison, found.profile
    bridge = partial(plots.period_bridge, before=compared.before, after=compared.after)
    return {
        "cohort_heat_map": (plots.cohort_heat_map, found.table),
        "cohort_curves": (plots.cohort_curves, found.table),
        "revenue_by_cohort": (plots.revenue_by_cohort, found.table),
        "revenue_deciles": (plots.revenue_deciles, profile.deciles),
        "customer_distribution": (plots.customer_distribution, profile.by_orders),
        "period_bridge": (bridge, compared.customers),
        "cohort_by_age": (plots.cohort_by_age, found.cohort),
        "base_over_time": (plots.base_over_time, found.base),
    }


NAMES = (
    *("cohort_heat_map", "cohort_curves", "revenue_by_cohort", "revenue_deciles", "customer_distribution"),
    *("period_bridge", "cohort_by_age", "base_over_time"),
)


def many_cohorts(number: int) -> pd.DataFrame:
    """One customer a month, who buys again a year later."""
    starts = pd.period_range("2000-01", periods=number, freq="M").start_time
    again = starts + pd.Timedelta(days=366)
    dates = [*starts, *again[again <= starts[-1]]]
    ids = [*range(number), *range((again <= starts[-1]).sum())]
    return cohort_table(pd.DataFrame({"customer_id": ids, "date": dates, "amount": 2.5}))


def without_money():
    return audit(read_transactions(shop().drop(columns="amount"), purchases_only=True))


def written(ax):
    return " ".join(text.get_text() for text in ax.texts)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("money", [True, False])
def test_a_figure_draws_into_its_axes_is_not_clipped_and_leaves_its_table_alone(found, name, money):
    draw, table = figures(found if money else without_money())[name]
    if name == "cohort_curves" and not money:
        draw = partial(draw, measure="retention")
    before = table.copy()
    ax = plt.subplots(figsize=(8, 4.8), layout="constrained")[1]
    assert draw(table, ax=ax) is ax
    ax.figure.canvas.draw()
    box = ax.figure.get_tightbbox()
    assert min(box.x0, box.y0) >= -0.01
    assert box.x1 <= 8.01
    assert box.y1 <= 4.81
    assert before.equals(table)
    assert ax.get_title(loc="left") or ax.get_title()


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_table_is_refused_before_a_figure_is_opened(found, name):
    draw, table = figures(found)[name]
    with pytest.raises(InputError, match="empty"):
        draw(table.iloc[:0])
    assert plt.get_fignums() == []


def test_a_heat_map_has_the_retention_of_each_cohort_and_age(found):
    ax = plots.cohort_heat_map(found.table)
    complete = found.table[found.table["complete"] & (found.table.index.get_level_values("age") > 0)]
    drawn = np.asarray(ax.images[0].get_array())
    assert np.nansum(drawn) == pytest.approx(complete["retention"].sum())
    assert len(ax.texts) == len(complete)
    assert ax.get_xticklabels()[0].get_text() == "1"


@pytest.mark.parametrize("number", [60, 240])
def test_a_heat_map_of_many_cohorts_is_readable(number):
    ax = plots.cohort_heat_map(many_cohorts(number), measure="cumulative_value", currency="€")
    assert not ax.texts
    assert len(ax.get_yticks()) <= 25
    assert len(ax.get_xticks()) <= 24
    assert "€" in ax.get_title(loc="left") + ax.get_title()


@pytest.mark.parametrize(
    ("number", "bands", "said"),
    [(8, 8, "month"), (30, 10, "quarter"), (60, 5, "year"), (240, 10, "2 years")],
)
def test_bands_of_c3_are_few_and_keep_all_revenue(number, bands, said):
    table = many_cohorts(number)
    ax = plots.revenue_by_cohort(table)
    labels = [text.get_text() for text in ax.texts]
    assert len(labels) == len(set(labels)) == bands
    assert f"by {said} of the first order" in ax.get_title(loc="left") + ax.get_title()
    tops = max(patch.get_datalim(ax.transData).y1 for patch in ax.collections)
    complete = table[table["complete"]]
    assert tops == pytest.approx(complete.groupby("period")["revenue"].sum().max())


def test_c3_leaves_out_a_last_period_observed_in_part():
    table = cohort_table(shop(), observation_end="2024-06-12")
    ax = plots.revenue_by_cohort(table)
    assert ax.get_xlim()[1] == table["period"][table["complete"]].nunique() - 0.5


def test_revenue_below_zero_is_drawn_below_zero():
    sales = pd.DataFrame(
        {"customer_id": ["a", "a", "b"], "date": ["2024-01-03", "2024-02-05", "2024-02-20"]}
    ).assign(amount=[5.0, -20.0, 8.0])
    from clvml import TransactionPolicy

    table = cohort_table(
        read_transactions(sales, policy=TransactionPolicy(returns="keep")), observation_end="2024-02-29"
    )
    ax = plots.revenue_by_cohort(table)
    assert ax.get_ylim()[0] <= -20
    assert ax.get_ylim()[1] >= 8


def test_a_bridge_has_both_revenues_and_every_step(found):
    compared = found.comparison
    ax = plots.period_bridge(compared.customers, before="then", after="now")
    heights = [bar.get_height() for bar in ax.patches]
    steps = compared.customers.drop("total").query("customers > 0")
    assert heights[: len(steps)] == pytest.approx(steps["change"].tolist())
    ends = compared.customers.loc["total", ["revenue_before", "revenue_after"]]
    assert heights[len(steps) :] == pytest.approx(ends.tolist())
    last = ax.patches[len(steps) - 1]
    assert last.get_y() + last.get_height() == pytest.approx(ends["revenue_after"])
    assert ax.get_xticklabels()[0].get_text() == "then"


def test_tenths_are_labelled_by_what_makes_them(found):
    ax = plots.revenue_deciles(found.profile.deciles, currency="$")
    assert "×" in ax.get_xticklabels()[0].get_text()
    assert "($)" in ax.get_xlabel()
    assert sum(bar.get_height() for bar in ax.patches) == pytest.approx(1)


@pytest.mark.parametrize("draw", [plots.cohort_heat_map, plots.cohort_curves])
def test_an_unknown_measure_is_refused_with_those_that_exist(found, draw):
    with pytest.raises(InputError, match="it must be one of customers, orders"):
        draw(found.table, measure="spend")


def test_retention_of_one_period_is_refused():
    table = cohort_table(pd.DataFrame({"customer_id": ["a"], "date": ["2024-03-05"], "amount": [9.5]}))
    with pytest.raises(InputError, match="no complete period of retention"):
        plots.cohort_heat_map(table)
    assert plots.cohort_heat_map(table, measure="revenue").images
