"""What holds for every figure, checked over all of them: a new figure joins the list below."""

import inspect
import itertools
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

import clvml.plots
from clvml.errors import InputError
from clvml.lifetime_value.formulas import retention


def tracking():
    weeks = np.arange(1.0, 79.0)
    table = pd.DataFrame({"period": weeks, "actual": 60 * weeks, "BG/NBD": 57 * weeks, "other": 66 * weeks})
    table.attrs = {"calibration_end": 39.0, "time_unit": "W"}
    return table


def by_frequency():
    labels = pd.Index([*"0123456", "7+"], name="frequency")
    actual = [0.2367, 0.6970, 1.3925, 1.56, 2.5323, 2.9474, 3.8621, 6.3594]
    predicted = [0.2251, 0.5231, 1.0441, 1.5203, 2.1639, 2.6538, 3.5040, 6.1572]
    sizes = [1411, 439, 214, 100, 62, 38, 29, 64]
    return pd.DataFrame({"customers": sizes, "predicted": predicted, "actual": actual}, index=labels)


def by_decile():
    deciles = pd.RangeIndex(1, 11, name="decile")
    return pd.DataFrame(
        {"customers": 236, "predicted": 300.0 / deciles**2, "actual": 250.0 / deciles}, deciles
    )


def matrix():
    table = pd.DataFrame(np.linspace(0, 1, 12).reshape(4, 3), index=[0.0, 1, 2, 3], columns=[0, 1, 2])
    table.attrs = {"quantity": "probability_alive", "T": 38.9, "time_unit": "W"}
    return table


def lift():
    share = np.linspace(0, 1, 101)
    return pd.DataFrame({"good": share**0.4, "bad": share, "oracle": np.minimum(1, 4 * share)}, index=share)


def compared():
    """The table of numbers.md, as printed."""
    rows = {
        "BG/NBD x Gamma-Gamma": ("probabilistic", -15.6, 30.41, 72.30, 0.426, 0.502),
        "repeat rate x average order value": ("formula", 61.2, 43.31, 200.01, 0.480, 0.489),
        "historic": ("baseline", 143.9, 61.65, 172.07, 0.393, 0.481),
        "nothing": ("baseline", -100.0, 30.11, 91.74, 0.0, 0.10),
    }
    columns = ["family", "bias_pct", "mae", "rmse", "spearman", "top10_share"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("model")


def profile():
    return pd.DataFrame(
        {
            "name": ["frequent", "occasional", "once"],
            "customers": [112, 834, 1411],
            "share_of_customers": [0.0475, 0.3538, 0.5987],
            "share_of_value": [0.41, 0.44, 0.15],
            "recency": [34.2, 18.1, 0.0],
            "frequency": [9.0, 2.0, 0.0],
            "clv": [1412.3, 48.2, 7.7],
        },
        index=pd.RangeIndex(1, 4, name="segment"),
    )


def clv():
    return pd.Series(np.geomspace(1, 1000, 400), name="clv")


def predicted_against_actual(values, ax=None):
    return clvml.plots.predicted_against_actual(values.to_frame("BG/NBD"), values * 0.9, ax=ax)


def factors():
    today = {"margin": 100.0, "retention_rate": 0.8, "discount_rate": 0.1}
    return clvml.tornado(retention, today)


def two_factors():
    today = {"margin": 100.0, "retention_rate": 0.8, "discount_rate": 0.1}
    return clvml.two_way(retention, today, {"retention_rate": [0.7, 0.9]}, {"discount_rate": [0.0, 0.1, 0.2]})


def trend():
    months = pd.to_datetime(["2024-01-01", "2024-02-01", "2024-03-01"])
    when = ["past", "present", "expected"]
    orders = {"all": [10.0, 12.0, 11.0], "new": [8.0, np.nan, 9.0]}
    tables = [
        pd.DataFrame({"group": group, "period": months, "when": when, "average_order_value": values})
        for group, values in orders.items()
    ]
    return pd.concat(tables, ignore_index=True)


def spread():
    values = pd.Index(np.linspace(0.005, 1.995, 200), name="value")
    density = np.exp(-values.to_numpy())
    table = pd.DataFrame({"density": density, "lower": 0.9 * density, "upper": 1.1 * density}, values)
    table.attrs = {"trait": "purchase rate", "per": "purchases per {unit}", "title": "BG/NBD", "mean": 1.0}
    table.attrs |= {"median": 0.69, "coverage": 0.9, "time_unit": "W"}
    return table


def along():
    time = np.array([0.0, 1, 2, 3, 3, 4, 5, 7])
    alive = [1.0, 0.9, 0.8, 0.7, 1.0, 0.95, 0.9, 0.8]
    table = pd.DataFrame({"time": time, "probability_alive": alive, "purchase": np.isin(range(8), (0, 4))})
    table.attrs = {"today": 5.0, "time_unit": "W", "title": "BG/NBD"}
    return table


def counted():
    return by_frequency()[["actual", "predicted"]] * 100


def spent():
    money = pd.Index(np.arange(2.5, 100, 5), name="monetary_value")
    bins = np.arange(20.0)
    table = pd.DataFrame({"actual": bins * (20 - bins), "expected": bins * (19 - bins) + 1}, money)
    table.attrs = {"width": 5.0, "beyond": {"actual": 12.0, "expected": 14.2}, "title": "Gamma-Gamma"}
    return table


def intervals():
    columns = {"clv": [11_000.0, 8_000.0, 60_000.0], "clv_lower": [9_321.0, 6_174.0, 53_560.0]}
    columns["clv_upper"] = [13_195.0, 9_760.0, 67_299.0]
    return pd.DataFrame(columns, index=pd.Index(["once", "again", "total"], name="group"))


def backtested():
    dates = pd.to_datetime(["1997-06-30", "1997-09-30", "1997-12-30"])
    index = pd.MultiIndex.from_product([dates, [26.0], ["BG/NBD", "historic"]], names=LEVELS)
    columns = {"bias_pct": [-27.0, 143.0, -15.0, 218.0, 0.5, 366.0], "spearman": [0.4, 0.3] * 3}
    return pd.DataFrame(columns, index)


def differences():
    models = ["BG/NBD x Gamma-Gamma", "repeat rate x average order value", "total spend", "zero baseline"]
    index = pd.MultiIndex.from_product([models, ["rmse", "gini"]], names=["model", "metric"])
    columns = {"difference": [0.0, -0.01, 3.2, 0.0, 120.4, -0.05, 2.0, -0.7]}
    columns["lower"] = [0.0, -0.03, -1.1, 0.0, 60.0, -0.09, -2.0, -0.8]
    columns["upper"] = [0.0, 0.01, 7.5, 0.0, 190.0, -0.01, 6.0, -0.6]
    table = pd.DataFrame(columns, index)
    table["different"] = (table["lower"] > 0) | (table["upper"] < 0)
    table.attrs = {"to": "best", "level": 0.9}
    return table


def reliable():
    predicted = np.linspace(0.95, 0.05, 10)
    table = pd.DataFrame({"customers": 100, "predicted": predicted, "actual": predicted**1.2})
    return table.assign(lower=table["actual"] * 0.8, upper=np.minimum(1, table["actual"] * 1.2 + 0.02))


ATTRIBUTES = pd.Index(
    ["quality of the product", "price", "an attribute with a name that goes on"], name="attribute"
)


def ended(name, values, half=0.1):
    values = np.asarray(values)
    return {name: values, f"{name}_lower": values - half, f"{name}_upper": values + half}


def brand_values():
    sides = ended("benefit", [3.6, 3.2, 3.0]) | ended("cost", [2.5, 2.9, 0.0])
    brands = pd.Index(
        ["ours", "rival", "a brand whose name is long enough for two lines of text"], name="brand"
    )
    return pd.DataFrame(sides, brands).assign(difference=[1.1, 0.3, 3.0], ratio=[1.44, 1.1, np.nan])


def values_by_period():
    dates = pd.to_datetime(["2024-01-01", "2024-04-01"])
    index = pd.MultiIndex.from_product([["ours", "rival"], dates], names=["brand", "period"])
    return pd.DataFrame(ended("difference", [1.0, 1.1, 0.4, 0.6]), index)


def steps():
    table = pd.DataFrame(ended("effect", [0.5, 0.3, 0.1]), ATTRIBUTES)
    table = table.assign(move=["lower", "raise", "raise"], gap=0.4)
    return pd.concat({"ours": table}, names=["brand"])


def importances():
    return pd.DataFrame(ended("stated", [0.3, 0.5, 0.2]) | ended("derived", [0.6, 0.1, 0.3]), ATTRIBUTES)


def quadrants():
    table = pd.DataFrame(ended("importance", [0.6, 0.3, 0.1]) | ended("performance", [3, 4, 2.5]), ATTRIBUTES)
    names = ["concentrate here", "keep up the good work", "low priority"]
    return table.assign(quadrant=names, quadrant_share=[1.0, 0.7, 0.95])


def against():
    columns = {"difference": [0.5, -0.4, 0.0], "lower": [0.3, -0.6, -0.1], "upper": [0.7, -0.2, 0.1]}
    table = pd.DataFrame(columns, ATTRIBUTES).assign(verdict=["ahead", "behind", "parity"])
    table.attrs = {"brand": "ours", "competitor": "rival", "margin": 0.25, "level": 0.95}
    return table


def orders():
    return pd.DataFrame({"customers": [1.0, 2, 3], "company": [3.0, 1, 2], "gap": [-2.0, 1, 1]}, ATTRIBUTES)


def paid_back():
    ages = pd.MultiIndex.from_product([["web", "friends and family recommendation"], range(4)])
    table = pd.DataFrame({"balance": [-10.0, -4, 2, 5, -20, -18, -15, -13]}, ages.set_names(["group", "age"]))
    return table.assign(
        customers=[9] * 4 + [1200] * 4, kind=["observed"] * 3 + ["expected"] + ["observed"] * 4
    )


def early():
    index = pd.MultiIndex.from_product([["2024-01", "all customers"], [30, 365]], names=["group", "days"])
    return pd.DataFrame({"customers": [3, 0, 12, 9], "value": [5.0, np.nan, 6.0, 19.0]}, index)


def parts():
    columns = {"historic": [80.0, 20.0], "predicted": [30.0, 5.0], "discount": [-3.0, -1.0]}
    return pd.DataFrame(columns).assign(marketing_cost=-90.0)


def equity():
    names = ["customers of today", "year 1", "total"]
    amounts = np.array([100.0, -150.0, -50.0])
    return pd.DataFrame({"equity": amounts, "lower": amounts - 20, "upper": amounts + 40}, names)


def by_tenure():
    months = pd.date_range("2023-01-01", periods=26, freq="MS", name="period")
    table = pd.DataFrame({"new": 40_000.0, "existing": np.arange(26) * 1000.0}, months)
    return table.assign(complete=[True] * 25 + [False])


def satisfied():
    groups = pd.Index(["all", "1 Top-value active repeat buyers of classical music", "none"], name="group")
    table = pd.DataFrame(
        ended("satisfied", [0.6, 0.9, np.nan]) | ended("dissatisfied", [0.1, 0.02, np.nan]), groups
    )
    scores = pd.DataFrame(ended("nps", [-15.0, 100.0, np.nan], 20), groups)
    table = table.join(scores).assign(answers=[1406, 3, 0], recommend_answers=[1406, 3, 0])
    table.attrs = {"alarm": 0.2, "level": 0.95}
    return table


def satisfied_by_month():
    months = pd.date_range("2023-01-01", periods=26, freq="MS", name="period")
    table = pd.DataFrame(ended("satisfied", np.linspace(0.4, 0.8, 26)), months)
    return table.join(pd.DataFrame(ended("dissatisfied", np.linspace(0.3, 0.1, 26)), months))


def complaint_curves():
    curve = pd.DataFrame({"days": [0.0, 2.0, 30.0], "open": [0.9, 0.4, 0.4]})
    curve = curve.assign(lower=curve["open"] - 0.1, upper=curve["open"] + 0.1)
    return pd.concat({"answered": curve, "resolved": curve}, names=["step", "row"])


def loyal():
    levels = pd.Index(["brand", "salesperson", "a column whose name is long enough for two lines"])
    table = pd.DataFrame(ended("stay", [0.9, 0.5, 0.3], 0.05), levels.rename("level"))
    return table.assign(chance=[0.88, 0.1, 0.95], loyalty=[0.17, 0.44, -13.0])


def worth_by_answer():
    answers = [("satisfaction", "satisfied"), ("satisfaction", "no answer"), ("complaints", "complained")]
    index = pd.MultiIndex.from_tuples(answers, names=["question", "answer"])
    table = pd.DataFrame(ended("mean", [12_345.6, 800.0, -40.0], 300), index)
    table.loc[index[1], ["mean_lower", "mean_upper"]] = np.nan  # of one customer
    return table.assign(customers=[12_000, 1, 7], share=[0.9, 0.004, -0.01])


LEVELS = ["origin", "horizon", "model"]


def deviating():
    rows = [("spend", 100.0, 90.0, 110.0, 105.0, "in order"), ("orders", 10.0, 8.0, 12.0, 15.0, "look at it")]
    return pd.DataFrame(rows, columns=["name", "expected", "lower", "upper", "observed", "status"])


def treated():
    """Two treatments with an interval each, one of them unbounded in percent."""
    index = pd.MultiIndex.from_product(
        [["money"], ["gold", "lead"], ["letter", "call"]], names=["outcome", "segment", "treatment"]
    )
    table = pd.DataFrame({"lift": [2.0, -1.0, 0.5, 3.0]}, index)
    table = table.assign(lift_lower=table["lift"] - 1.5, lift_upper=table["lift"] + 1.5)
    relative = table.div(10).rename(columns=lambda name: name.replace("lift", "relative"))
    relative.iloc[3, 1:] = np.nan
    return table.join(relative)


def per_cost():
    table = treated().droplevel("outcome")
    columns = ["value_per_cost", "value_per_cost_lower", "value_per_cost_upper"]
    return table[["lift", "lift_lower", "lift_upper"]].set_axis(columns, axis=1)


def spent_by_response():
    table = per_cost().set_axis(["profit", "lower", "upper"], axis=1) * 1000
    return table.assign(spend=500.0, customers=[1200, 30, 1, 99_999])


FIGURES = {
    "treatment_lift": (clvml.plots.treatment_lift, treated),
    "treatment_value": (clvml.plots.treatment_value, per_cost),
    "treatment_budget": (clvml.plots.treatment_budget, spent_by_response),
    "satisfaction_shares": (clvml.plots.satisfaction_shares, satisfied),
    "net_promoter_score": (clvml.plots.net_promoter_score, satisfied),
    "satisfaction_over_time": (clvml.plots.satisfaction_over_time, satisfied_by_month),
    "complaint_times": (clvml.plots.complaint_times, complaint_curves),
    "loyalty_levels": (clvml.plots.loyalty_levels, loyal),
    "value_by_satisfaction": (clvml.plots.value_by_satisfaction, worth_by_answer),
    "delivered_value": (clvml.plots.delivered_value, brand_values),
    "delivered_value_over_time": (clvml.plots.delivered_value_over_time, values_by_period),
    "step_effects": (clvml.plots.step_effects, steps),
    "attribute_importance": (clvml.plots.attribute_importance, importances),
    "importance_performance": (clvml.plots.importance_performance, quadrants),
    "brand_comparison": (clvml.plots.brand_comparison, against),
    "rank_gaps": (clvml.plots.rank_gaps, orders),
    "bias_by_origin": (clvml.plots.bias_by_origin, backtested),
    "score_by_origin": (clvml.plots.score_by_origin, backtested),
    "metric_differences": (clvml.plots.metric_differences, differences),
    "reliability": (clvml.plots.reliability, reliable),
    "heterogeneity": (clvml.plots.heterogeneity, spread),
    "probability_alive_over_time": (clvml.plots.probability_alive_over_time, along),
    "fit_by_frequency": (clvml.plots.fit_by_frequency, counted),
    "fit_by_spend": (clvml.plots.fit_by_spend, spent),
    "prediction_intervals": (clvml.plots.prediction_intervals, intervals),
    "deviations": (clvml.plots.deviations, deviating),
    "cumulative_purchases": (clvml.plots.cumulative_purchases, tracking),
    "purchases_per_period": (clvml.plots.purchases_per_period, tracking),
    "calibration_by_frequency": (clvml.plots.calibration_by_frequency, by_frequency),
    "calibration_by_decile": (clvml.plots.calibration_by_decile, by_decile),
    "frequency_recency_matrix": (clvml.plots.frequency_recency_matrix, matrix),
    "lift_curve": (clvml.plots.lift_curve, lift),
    "bias_by_model": (clvml.plots.bias_by_model, compared),
    "comparison": (clvml.plots.comparison, compared),
    "segment_profile": (clvml.plots.segment_profile, profile),
    "segment_value": (clvml.plots.segment_value, profile),
    "payback": (clvml.plots.payback, paid_back),
    "early_value": (clvml.plots.early_value, early),
    "value_parts": (clvml.plots.value_parts, parts),
    "equity_projection": (clvml.plots.equity_projection, equity),
    "revenue_by_tenure": (clvml.plots.revenue_by_tenure, by_tenure),
    "tornado": (clvml.plots.tornado, factors),
    "two_way": (clvml.plots.two_way, two_factors),
    "value_over_time": (clvml.plots.value_over_time, trend),
    "value_distribution": (clvml.plots.value_distribution, clv),
    "predicted_against_actual": (predicted_against_actual, clv),
}
every_figure = pytest.mark.parametrize(("draw", "table"), FIGURES.values(), ids=FIGURES)


def words(ax):
    """Everything that is written in the Axes, legend included."""
    legend = ax.get_legend()
    labels = [
        *ax.texts,
        *ax.get_xticklabels(),
        *ax.get_yticklabels(),
        *(legend.get_texts() if legend else []),
    ]
    return [text.get_text() for text in labels]


def line(ax, label):
    return next(drawn for drawn in ax.lines if drawn.get_label() == label)


@pytest.mark.parametrize("name", clvml.plots.__all__)
def test_all_figures_take_their_arguments_in_the_same_order(name):
    """What is drawn, then other data to show with it; options and, last, ``ax`` are keywords."""
    parameters = list(inspect.signature(getattr(clvml.plots, name)).parameters.values())
    data = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert data[0] not in ("ax", "actual")
    assert data[1:] in ([], ["actual"], ["moves"])
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters[len(data) :])
    assert parameters[-1].name == "ax"


def test_every_public_figure_is_in_this_list():
    elsewhere = {
        "lifecycle_curve",
        "segment_transitions",
        "relationship_shapes",
        "segment_card",
        "segment_choice",
    }
    elsewhere |= {"segment_lines", "segment_scatter", "segment_worth", "value_matrix"}
    elsewhere |= {"cohort_heat_map", "cohort_curves", "revenue_by_cohort", "revenue_deciles"}
    elsewhere |= {"customer_distribution", "period_bridge", "cohort_by_age", "base_over_time"}
    assert set(FIGURES) | elsewhere == set(clvml.plots.__all__)  # in tests of their own


@every_figure
def test_a_figure_draws_where_it_is_told_and_opens_nothing(draw, table):
    figure, (left, right) = plt.subplots(1, 2, layout="constrained")
    assert draw(table(), ax=right) is right
    assert plt.get_fignums() == [figure.number]
    assert not left.has_data()
    assert right.has_data()


@every_figure
def test_a_figure_of_its_own_has_title_and_axis_labels_and_leaves_table_and_settings_alone(draw, table):
    given, settings = table(), dict(mpl.rcParams)
    ax = draw(given)
    ax.figure.canvas.draw()
    assert len(plt.get_fignums()) == 1
    assert all([ax.get_title(), ax.get_xlabel(), ax.get_ylabel()])
    assert dict(mpl.rcParams) == settings
    same = pd.testing.assert_series_equal if isinstance(given, pd.Series) else pd.testing.assert_frame_equal
    same(given, table())


@every_figure
def test_nothing_written_is_clipped_by_the_border_of_the_figure(draw, table):
    ax = draw(table())
    ax.figure.canvas.draw()
    written = ax.figure.get_tightbbox()
    width, height = ax.figure.get_size_inches()
    assert written.x0 >= -0.01
    assert written.y0 >= -0.01
    assert written.x1 <= width + 0.01
    assert written.y1 <= height + 0.01


@every_figure
def test_an_empty_table_is_refused_before_a_figure_is_opened(draw, table):
    with pytest.raises(InputError, match=r"empty|no customers"):
        draw(table().iloc[:0])
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("delivered_value", "cost_lower"),
        ("delivered_value_over_time", "difference"),
        ("step_effects", "gap"),
        ("attribute_importance", "derived_upper"),
        ("importance_performance", "quadrant"),
        ("brand_comparison", "verdict"),
        ("rank_gaps", "company"),
        ("cumulative_purchases", "actual"),
        ("purchases_per_period", "actual"),
        ("calibration_by_frequency", "customers"),
        ("calibration_by_decile", "predicted"),
        ("bias_by_model", "bias_pct"),
        ("bias_by_origin", "bias_pct"),
        ("score_by_origin", "spearman"),
        ("comparison", "family"),
        ("segment_profile", "customers"),
        ("segment_value", "share_of_value"),
        ("heterogeneity", "upper"),
        ("probability_alive_over_time", "purchase"),
        ("fit_by_frequency", "actual"),
        ("fit_by_spend", "expected"),
        ("prediction_intervals", "clv_lower"),
        ("deviations", "status"),
        ("metric_differences", "different"),
        ("reliability", "actual"),
        ("payback", "balance"),
        ("early_value", "value"),
        ("value_parts", "discount"),
        ("equity_projection", "upper"),
        ("revenue_by_tenure", "existing"),
    ],
)
def test_a_missing_column_is_named(name, column):
    draw, table = FIGURES[name]
    with pytest.raises(InputError, match=f"{name} needs the column '{column}'"):
        draw(table().drop(columns=column))
    assert plt.get_fignums() == []


def test_importing_the_plots_does_not_load_matplotlib():
    code = "import sys, clvml.plots._values, clvml.plots._style; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_cumulative_lines_are_the_table_and_end_with_name_and_deviation():
    table = tracking()
    ax = clvml.plots.cumulative_purchases(table)
    assert np.array_equal(line(ax, "BG/NBD").get_xydata(), table[["period", "BG/NBD"]])
    assert np.array_equal(line(ax, "actual").get_xydata(), table[["period", "actual"]])
    assert {"actual", "BG/NBD −5.0 %", "other +10.0 %", "calibration", "holdout"} <= set(words(ax))
    assert any(list(drawn.get_xdata()) == [39.0, 39.0] for drawn in ax.lines)
    assert ax.get_xlabel().startswith("weeks")


def test_a_table_without_attributes_names_no_unit_and_draws_no_border():
    table = tracking().set_index("period")
    table.attrs = {}
    ax = clvml.plots.cumulative_purchases(table)
    assert len(ax.lines) == 3
    assert ax.get_xlabel().startswith("time units")


def test_labels_of_models_that_agree_do_not_overlap():
    table = tracking().assign(**{f"model {i}": 57.0 * np.arange(1, 79) for i in range(8)})
    ax = clvml.plots.cumulative_purchases(table)
    ax.figure.canvas.draw()
    ends = sorted(
        (text.get_window_extent() for text in ax.texts if text.get_text() not in ("calibration", "holdout")),
        key=lambda box: box.y0,
    )
    assert len(ends) == 11
    assert all(above.y0 >= below.y1 - 1 for below, above in itertools.pairwise(ends))


def test_purchases_per_period_are_rates_even_where_periods_differ_in_length():
    table = pd.DataFrame({"period": [0.0, 1, 3], "actual": [0, 10, 30], "m": [0, 8, 40]})
    ax = clvml.plots.purchases_per_period(table)
    assert line(ax, "actual").get_xydata().tolist() == [[1, 10], [3, 10]]
    assert line(ax, "m").get_ydata().tolist() == [8, 16]
    with pytest.raises(InputError, match="at least 2 periods"):
        clvml.plots.purchases_per_period(table.iloc[:1])
    with pytest.raises(InputError, match="increase"):
        clvml.plots.purchases_per_period(table.iloc[::-1])


def test_calibration_by_frequency_prints_how_many_customers_stand_behind_each_mean():
    ax = clvml.plots.calibration_by_frequency(by_frequency())
    assert "0\nn=1,411" in words(ax)
    assert "7+\nn=64" in words(ax)
    assert line(ax, "predicted").get_ydata().tolist() == by_frequency()["predicted"].tolist()


def test_the_matrix_shows_each_cell_at_its_frequency_and_recency():
    table = matrix()
    table.iloc[0, 2] = np.nan
    ax = clvml.plots.frequency_recency_matrix(table)
    mesh = ax.collections[0]
    assert np.array_equal(mesh.get_array().filled(-1), table.fillna(-1))
    assert mesh.get_coordinates()[0, :, 0].tolist() == [-0.5, 0.5, 1.5, 2.5]
    assert mesh.get_clim() == (0, 1)
    assert "38.9 weeks" in ax.get_title()
    assert ax.figure.axes[1].get_ylabel() == "P(alive)"


def test_deciles_of_several_models_stand_side_by_side():
    ax = clvml.plots.calibration_by_decile({"a": by_decile(), "b": by_decile() * 2})
    a, b = line(ax, "a"), line(ax, "b")
    assert np.array_equal(b.get_ydata(), 2 * by_decile()["predicted"])
    assert (a.get_xdata() < b.get_xdata()).all()
    assert (np.round(b.get_xdata()) == np.arange(1, 11)).all()
    with pytest.raises(InputError, match="no model"):
        clvml.plots.calibration_by_decile({})


def test_groups_of_the_prediction_average_to_the_whole_and_keep_zeros_together():
    from clvml.plots._values import _grouped_means

    rng = np.random.default_rng(0)
    predicted = pd.Series(np.where(rng.random(1000) < 0.6, 0.0, rng.lognormal(3, 1.5, 1000)))
    actual = pd.Series(rng.exponential(20, 1000))
    groups = _grouped_means(actual, predicted)
    assert groups["customers"].min() >= 10
    assert (groups["predicted"] == 0).sum() == 1
    assert groups["customers"].iloc[0] == (predicted == 0).sum()
    for column, values in (("predicted", predicted), ("actual", actual)):
        assert np.average(groups[column], weights=groups["customers"]) == pytest.approx(values.mean())


def test_predictions_match_customers_by_id_not_by_place():
    actual = clv()
    ordered = clvml.plots.predicted_against_actual(actual.rename("m"), actual)
    shuffled = clvml.plots.predicted_against_actual(actual.rename("m").sample(frac=1, random_state=0), actual)
    assert np.array_equal(line(ordered, "m").get_xydata(), line(shuffled, "m").get_xydata())
    assert line(ordered, "m").get_xdata() == pytest.approx(line(ordered, "m").get_ydata())


def test_other_customers_and_missing_predictions_are_refused():
    actual = clv()
    with pytest.raises(InputError, match="1 customers in actual are not"):
        clvml.plots.predicted_against_actual(actual.iloc[1:].to_frame("m"), actual)
    with pytest.raises(InputError, match=r"'m'.*first is customer 3"):
        clvml.plots.predicted_against_actual(actual.where(actual.index != 3).to_frame("m"), actual)


def test_a_model_that_predicts_nothing_for_everyone_is_drawn():
    actual = clv()
    table = pd.DataFrame({"nothing": 0.0, "all": actual})
    ax = clvml.plots.predicted_against_actual(table, actual)
    assert line(ax, "nothing").get_xydata().tolist() == [[0.0, pytest.approx(actual.mean())]]
    ax = clvml.plots.value_distribution(table["nothing"])
    assert "no customer has a positive predicted value" in words(ax)


def test_the_lift_legend_ranks_models_by_what_their_top_tenth_brings():
    labels = [text.get_text() for text in clvml.plots.lift_curve(lift()).get_legend().get_texts()]
    assert labels == ["oracle (40 %)", "good (40 %)", "bad (10 %)", "at random (10 %)"]


def test_the_distribution_tells_the_share_of_the_top_customers_and_counts_everyone():
    values = pd.Series([0.0] * 5 + [1.0] * 4 + [6.0])
    ax = clvml.plots.value_distribution(values)
    assert ax.get_title() == "The top 10 % of customers account for 60 % of the predicted value"
    assert "5 customers (50 %)" in ax.get_xlabel()
    assert sum(bar.get_height() for bar in ax.patches) == 5
    with pytest.raises(InputError, match="top is 10"):
        clvml.plots.value_distribution(values, top=10)


def test_equal_values_for_everyone_make_one_bar():
    ax = clvml.plots.value_distribution(pd.Series([5.0] * 7))
    assert [bar.get_height() for bar in ax.patches] == [7]


def test_bias_bars_run_from_the_smallest_in_the_colour_of_the_family():
    from matplotlib.colors import to_rgba

    from clvml.plots._style import FAMILIES

    ax = clvml.plots.bias_by_model(compared())
    assert [bar.get_width() for bar in ax.patches] == [-15.6, 61.2, -100.0, 143.9]
    assert ax.patches[1].get_facecolor() == to_rgba(FAMILIES["formula"])
    assert {"−15.6 %", "+144 %", "formula", "probabilistic", "baseline"} <= set(words(ax))
    assert ax.yaxis_inverted()


def test_the_comparison_puts_the_best_of_each_metric_right_and_in_bold():
    ax = clvml.plots.comparison(compared())
    bold = {text.get_text() for text in ax.texts if text.get_fontweight() == "bold"}
    assert bold == {"−15.6 %", "30.1", "72.3", "0.480", "50.2 %"}
    mae = ax.collections[1].get_offsets()[:, 0]
    assert np.argsort(mae).tolist() == np.argsort(-compared()["mae"]).tolist()


def test_ties_look_like_ties_in_the_comparison():
    table = compared().assign(status=["leader", "within noise", "excluded", "not eligible"])
    ties = pd.DataFrame({"rmse": [True, False, False, True], "mae": False}, index=table.index[::-1])
    ax = clvml.plots.comparison(table, ties=ties)
    bold = {text.get_text() for text in ax.texts if text.get_fontweight() == "bold"}
    assert {"91.7", "72.3"} <= bold  # the rmse of the two that are tied with the best
    assert not {"200.0", "172.1", "30.1"} & bold
    names = {label.get_text(): label.get_fontweight() for label in ax.get_yticklabels()}
    assert [name for name, weight in names.items() if weight == "bold"] == list(table.index[:2])
    assert "not distinguishable from the best" in ax.get_xlabel()


def test_a_metric_that_is_undefined_for_a_model_is_a_dash():
    table = compared()
    table.loc["nothing", "spearman"] = np.nan
    assert "–" in words(clvml.plots.comparison(table))


def test_a_comparison_without_metrics_names_them():
    with pytest.raises(InputError, match="'bias_pct', 'mae'"):
        clvml.plots.comparison(compared()[["family"]])


def test_segment_cells_print_the_medians_and_colour_what_differs():
    table = profile().assign(T=39.0)
    ax = clvml.plots.segment_profile(table)
    assert {"1,412", "48", "9", "34.2"} <= set(words(ax))
    assert {"1 frequent\n112 customers", "CLV\n(money)"} <= set(words(ax))
    shown = ax.images[0].get_array()
    assert np.argmax(shown[:, 0]) == 0
    assert (shown[:, -1] == 0).all()


def test_segment_bars_are_the_shares():
    ax = clvml.plots.segment_value(profile())
    customers, value = (list(bars.datavalues) for bars in ax.containers)
    assert customers == profile()["share_of_customers"].tolist()
    assert value == profile()["share_of_value"].tolist()
    assert {"41 %", "60 %"} <= set(words(ax))


def test_text_where_numbers_belong_is_refused_by_the_name_of_its_column():
    with pytest.raises(InputError, match="'BG/NBD'"):
        clvml.plots.cumulative_purchases(tracking().astype({"BG/NBD": str}))


def test_a_tornado_has_the_widest_swing_on_top_and_every_bar_starts_at_today():
    table = factors()
    ax = clvml.plots.tornado(table)
    tops = dict(zip([label.get_text() for label in ax.get_yticklabels()], ax.get_yticks(), strict=True))
    assert max(tops, key=tops.get) == "retention rate"
    assert {bar.get_x() for bars in ax.containers for bar in bars} == {table.attrs["today"]}


def test_a_two_way_map_writes_the_money_into_its_cells():
    assert "367" in words(
        clvml.plots.two_way(
            clvml.two_way(
                retention,
                {"margin": 100.0, "retention_rate": 0.8, "discount_rate": 0.1},
                {"retention_rate": [0.8]},
                {"discount_rate": [0.1]},
            )
        )
    )


def test_heterogeneity_marks_mean_and_median_names_the_unit_and_draws_the_band_there_is():
    ax = clvml.plots.heterogeneity(spread())
    assert {"mean 1.00", "median 0.69", "90 % interval (parameter uncertainty)"} <= set(words(ax))
    assert ax.get_xlabel() == "purchase rate per customer (purchases per week)"
    given = spread().assign(lower=np.nan, upper=np.nan)
    assert len(clvml.plots.heterogeneity(given).collections) == len(ax.collections) - 1


def test_a_density_without_bound_runs_out_of_the_figure_and_leaves_the_rest_readable():
    steep = spread()
    steep.iloc[0, :3] *= 1000
    steep.attrs["mean"] = np.inf
    ax = clvml.plots.heterogeneity(steep)
    assert ax.get_ylim()[1] < 2
    assert "mean ∞" not in words(ax)


def test_purchases_are_dots_where_p_alive_has_risen_and_what_comes_is_dashed():
    ax = clvml.plots.probability_alive_over_time(along())
    dots = next(drawn for drawn in ax.lines if drawn.get_marker() == "o")
    assert dots.get_xydata().tolist() == [[0, 1.0], [3, 1.0]]
    dashed = [list(drawn.get_xdata()) for drawn in ax.lines if drawn.get_linestyle() == "--"]
    assert dashed == [[5.0, 7.0], [5.0, 5.0]]
    assert "today 90 %" in words(ax)
    assert ax.get_xlabel().startswith("weeks since the first purchase")


def test_a_history_by_date_is_drawn_by_date():
    table = along()
    table["date"] = pd.Timestamp("1997-01-01") + pd.to_timedelta(7 * table["time"], unit="D")
    ax = clvml.plots.probability_alive_over_time(table)
    assert ax.get_xlabel().startswith("date")
    assert mpl.dates.num2date(ax.lines[0].get_xdata(orig=False)[-1]).date().isoformat() == "1997-02-05"


def test_bars_are_what_was_and_each_model_has_its_dots():
    table = counted().assign(other=counted()["predicted"] * 1.1)
    ax = clvml.plots.fit_by_frequency(table)
    assert ax.containers[0].datavalues.tolist() == table["actual"].tolist()
    assert line(ax, "other").get_ydata().tolist() == table["other"].tolist()


def test_who_spends_beyond_the_bars_is_counted_below_them():
    ax = clvml.plots.fit_by_spend(spent())
    assert "12 customers, 14 expected" in ax.get_xlabel()
    assert ax.get_ylabel() == "customers per bin of 5"
    assert line(ax, "Gamma-Gamma").get_ydata().tolist() == spent()["expected"].tolist()


def test_prediction_intervals_count_the_outcomes_covered_and_colour_the_others():
    came = pd.Series({"total": 70_976.0, "once": 11_700.0, "again": 6_174.0})
    ax = clvml.plots.prediction_intervals(intervals(), came)
    assert ax.get_title().endswith("Prediction intervals and outcomes: 2 of 3 covered")
    assert line(ax, "actual").get_xydata().tolist() == [[11_700.0, 0.0], [6_174.0, 1.0]]
    assert line(ax, "actual, outside the interval").get_xydata().tolist() == [[70_976.0, 2.0]]
    assert {"9,321 to 13,195", "53,560 to 67,299"} <= set(words(ax))
    assert next((bar.get_x(), bar.get_width()) for bar in ax.patches) == (9_321.0, 3_874.0)


def test_prediction_intervals_say_what_they_include():
    table = intervals()
    table.attrs = {"coverage": 0.9, "includes": "parameters and chance"}
    ax = clvml.plots.prediction_intervals(table)
    assert ax.get_title() == "90 % prediction intervals"
    assert "prediction interval:\nparameters and chance" in words(ax)


def test_the_bias_of_each_model_is_a_line_over_origins_with_zero_marked():
    ax = clvml.plots.bias_by_origin(backtested())
    drawn = [list(each.get_ydata()) for each in ax.lines]
    assert drawn == [[-27.0, -15.0, 0.5], [143.0, 218.0, 366.0], [0, 0]]
    assert [text for text in words(ax) if text.startswith("1997")] == [
        "1997-06-30",
        "1997-09-30",
        "1997-12-30",
    ]
    assert {"BG/NBD", "historic"} <= set(words(ax))


def test_a_figure_by_origin_draws_one_horizon_of_a_backtest():
    two = pd.concat([backtested(), backtested().rename(index={26.0: 13.0}, level="horizon")])
    with pytest.raises(InputError, match=r"draws one horizon, but the table has 26, 13"):
        clvml.plots.bias_by_origin(two)
    ax = clvml.plots.score_by_origin(two.xs(13.0, level="horizon"))
    assert ax.get_ylabel() == "Spearman (higher is better)"
    with pytest.raises(InputError, match="needs the index level 'origin'"):
        clvml.plots.score_by_origin(compared())


def test_ranges_without_what_is_expected_or_came_are_bars_alone():
    counts = pd.DataFrame({"purchases_lower": [0, 1], "purchases_upper": [25, 39]})
    ax = clvml.plots.prediction_intervals(counts, quantity="purchases")
    assert not ax.lines
    assert "0 to 25" in words(ax)
    with pytest.raises(InputError, match="lacks 'total'"):
        clvml.plots.prediction_intervals(intervals(), pd.Series({"once": 1.0, "again": 2.0}))
