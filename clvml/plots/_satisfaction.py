"""Figures of satisfaction, complaints and loyalty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.plots._delivered_value import draw_intervals, level_in, name_rows, with_ends
from clvml.plots._style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    VERMILION,
    axes_for,
    dress,
    number,
    percent,
    with_percent,
    with_thousands,
)
from clvml.plots._table_checks import check_numeric, check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDES = {"satisfied": BLUE, "dissatisfied": VERMILION}
SIDE_LABELS = {"satisfied": "satisfied (4 or 5)", "dissatisfied": "dissatisfied (under 3)"}
ANSWER_COLORS = {
    "satisfied": BLUE, "promoter": BLUE, "did not complain": BLUE,
    "dissatisfied": VERMILION, "detractor": VERMILION, "complained": VERMILION,
}  # fmt: skip


def satisfaction_shares(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The shares of satisfied and dissatisfied customers by group, with the limit of the alarm.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.survey.satisfaction_scores`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Two dots with intervals per group, and a line at the limit of the alarm.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.survey.satisfaction_scores : Makes the table.
    clvml.plots.satisfaction_over_time : By period.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots, survey
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30", time_unit="W")
    >>> made_up = survey.made_up_survey(customers)
    >>> answers = survey.read_satisfaction(made_up.satisfaction)
    >>> often = (customers["frequency"] > 0).map({True: "repeat", False: "one-time"})
    >>> scores = survey.satisfaction_scores(answers, by=often.rename("customers"))
    >>> ax = plots.satisfaction_shares(scores)
    """
    figure = "satisfaction_shares"
    check_table(table, ["answers", *with_ends("satisfied"), *with_ends("dissatisfied")], figure)
    check_numeric(table, ["satisfied", "dissatisfied"], figure)
    ax = axes_for(ax, width=8.0, height=1.9 + 0.5 * len(table))
    places = np.arange(len(table))
    for name, color in SIDES.items():
        draw_intervals(ax, table, name, places, color, label=SIDE_LABELS[name])
    _draw_alarm(ax, table, vertical=True)
    name_rows(ax, _with_answers(table, "answers"))
    ax.set_xlim(-0.02, 1.02)
    with_percent(ax.xaxis)
    dress(ax, "Satisfied and dissatisfied customers", f"share, {level_in(table.attrs)}", "group")
    return _finished(ax)


def net_promoter_score(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The net promoter score by group, with intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.survey.satisfaction_scores`, of answers with a recommendation.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        A dot with its interval per group.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.survey.satisfaction_scores : Makes the table.
    clvml.plots.satisfaction_shares : Satisfied and dissatisfied customers.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots, survey
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30", time_unit="W")
    >>> made_up = survey.made_up_survey(customers)
    >>> answers = survey.read_satisfaction(made_up.satisfaction)
    >>> often = (customers["frequency"] > 0).map({True: "repeat", False: "one-time"})
    >>> scores = survey.satisfaction_scores(answers, by=often.rename("customers"))
    >>> ax = plots.net_promoter_score(scores)
    """
    figure = "net_promoter_score"
    check_table(table, ["recommend_answers", *with_ends("nps")], figure)
    check_numeric(table, ["nps"], figure)
    ax = axes_for(ax, width=8.0, height=1.9 + 0.5 * len(table))
    places = np.arange(len(table))
    draw_intervals(ax, table, "nps", places, BLUE)
    for place, (_, row) in enumerate(table.iterrows()):
        if np.isfinite(row["nps"]):
            text = f"{row['nps']:+.0f}".replace("-", "−")
            ax.annotate(
                text, (row["nps_upper"], place), xytext=(6, 0), textcoords="offset points", va="center",
                fontsize=9, color=INK,
            )  # fmt: skip
    ax.axvline(0.0, color=MUTED, linewidth=1)
    name_rows(ax, _with_answers(table, "recommend_answers"))
    left, right = ax.get_xlim()
    ax.set_xlim(left, right + 0.06 * (right - left))  # room for the numbers
    title = "Net promoter score: promoters (9, 10) less detractors (0 to 6)"
    dress(ax, title, f"points, {level_in(table.attrs)}", "group")
    ax.grid(visible=False, axis="y")
    return ax


def satisfaction_over_time(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The shares of satisfied and dissatisfied customers by period, with the limit of the alarm.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.survey.satisfaction_over_time`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Two lines with bands, and a line at the limit of the alarm.

    Raises
    ------
    InputError
        If the table is empty, lacks a column or has fewer than two periods.

    See Also
    --------
    clvml.survey.satisfaction_over_time : Makes the table.
    clvml.plots.satisfaction_shares : By group.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots, survey
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30", time_unit="W")
    >>> made_up = survey.made_up_survey(customers)
    >>> answers = survey.read_satisfaction(made_up.satisfaction)
    >>> ax = plots.satisfaction_over_time(survey.satisfaction_over_time(answers, "M"))
    """
    figure = "satisfaction_over_time"
    check_table(table, [*with_ends("satisfied"), *with_ends("dissatisfied")], figure)
    if len(table) < 2:
        raise InputError(f"{figure} needs at least two periods; the answers have one.")
    ax = axes_for(ax, width=8.5, height=4.4)
    places = np.arange(len(table))
    for name, color in SIDES.items():
        ax.plot(places, table[name], marker="o", markersize=5, color=color, label=SIDE_LABELS[name])
        ends = (table[f"{name}_lower"].astype(float), table[f"{name}_upper"].astype(float))
        ax.fill_between(places, *ends, color=color, alpha=0.15, linewidth=0)
    _draw_alarm(ax, table, vertical=False)
    step = max(1, len(table) // 12 + (len(table) % 12 > 0 and len(table) > 12))
    names = [f"{period:%Y-%m-%d}" for period in table.index]
    ax.set_xticks(places[::step], names[::step])
    ax.tick_params(axis="x", rotation=30 if len(table) > 5 else 0)
    ax.set_ylim(-0.02, 1.02)
    with_percent(ax.yaxis)
    dress(ax, "Satisfaction over time", "period from", f"share, {level_in(table.attrs)}")
    ax.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def complaint_times(
    table: pd.DataFrame, *, within: tuple[float, float] | None = None, ax: Axes | None = None
) -> Axes:
    """The share of complaints answered and resolved by days since they were opened.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.survey.complaint_curves`.
    within : (float, float), optional
        Days within which complaints should be answered and resolved, drawn as lines.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Two curves with bands, and a line for each limit.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.survey.complaint_curves : Makes the table.
    clvml.survey.complaint_times : Medians and shares within the limits.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots, survey
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30", time_unit="W")
    >>> made_up = survey.made_up_survey(customers)
    >>> complaints = survey.read_complaints(made_up.complaints)
    >>> ax = plots.complaint_times(survey.complaint_curves(complaints), within=(2, 14))
    """
    check_table(table, ["days", "open", "lower", "upper"], "complaint_times")
    ax = axes_for(ax, width=8.5, height=4.4)
    limits = dict(zip(("answered", "resolved"), within or (np.nan, np.nan), strict=True))
    for step, color in (("answered", BLUE), ("resolved", GREEN)):
        curve = table.xs(step, level="step")
        days = np.r_[0.0, curve["days"]]
        ax.step(days, np.r_[0.0, 1 - curve["open"]], where="post", color=color, label=step, linewidth=2)
        ax.fill_between(
            curve["days"], 1 - curve["upper"], 1 - curve["lower"], step="post", color=color, alpha=0.15,
            linewidth=0,
        )  # fmt: skip
        if np.isfinite(limits[step]):
            label = f"{step} within {limits[step]:g} days"
            ax.axvline(limits[step], color=color, linewidth=1.2, linestyle="--", label=label)
    ax.set_xlim(0, _shown_days(table, within))
    ax.set_ylim(-0.02, 1.02)
    with_percent(ax.yaxis)
    dress(ax, "Complaints answered and resolved", "days since opened", f"share, {level_in(table.attrs)}")
    ax.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def loyalty_levels(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """How many repeat purchases stay at each level, beside what chance would give.

    Parameters
    ----------
    table : pandas.DataFrame
        ``Loyalty.levels`` of `clvml.survey.loyalty`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        A dot with its interval and a mark for chance at each level.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.survey.loyalty : Makes the table.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from clvml import plots, survey
    >>> rng = np.random.default_rng(0)
    >>> usual = np.repeat(rng.choice(list("ABC"), 100), 6)
    >>> sales = pd.DataFrame({"customer_id": np.repeat(range(100), 6), "amount": 10.0})
    >>> sales["date"] = np.tile(pd.date_range("2024-01-01", periods=6, freq="MS"), 100)
    >>> sales["brand"] = np.where(rng.random(600) < 0.8, usual, rng.choice(list("ABC"), 600))
    >>> sales["shop"] = rng.choice(["centre", "station"], 600)
    >>> ax = plots.loyalty_levels(survey.loyalty(sales, ["brand", "shop"]).levels)
    """
    figure = "loyalty_levels"
    check_table(table, [*with_ends("stay"), "chance", "loyalty"], figure)
    check_numeric(table, ["stay"], figure)
    ax = axes_for(ax, width=8.5, height=2.1 + 0.5 * len(table))
    places = np.arange(len(table))
    ax.hlines(places, table["chance"], table["stay"], color=MUTED, linewidth=1, linestyle=":", zorder=1)
    draw_intervals(ax, table, "stay", places, BLUE, label="stay")
    ax.plot(
        table["chance"], places, "|", color=VERMILION, markersize=16, markeredgewidth=2.5, label="by chance"
    )
    for place, (_, row) in enumerate(table.iterrows()):
        end = np.nanmax([row["stay_upper"], row["chance"]])
        text = f"loyalty {row['loyalty']:.2f}".replace("-", "−")
        ax.annotate(
            text, (end, place), xytext=(8, 0), textcoords="offset points", va="center", fontsize=9, color=INK
        )
    name_rows(ax, table.index)
    ax.set_xlim(-0.02, 1.22)
    ax.set_xticks(np.linspace(0, 1, 6))
    with_percent(ax.xaxis)
    dress(ax, "Loyal to what", f"share of repeat purchases, {level_in(table.attrs)}", "level")
    return _finished(ax)


def value_by_satisfaction(table: pd.DataFrame, *, currency: str = "", ax: Axes | None = None) -> Axes:
    """The mean value of customers by what they say, with intervals and their share of all value.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.survey.value_by_satisfaction`.
    currency : str
        Of the values.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One bar per answer, with its interval and share of value.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.survey.value_by_satisfaction : Makes the table.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots, survey
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30", time_unit="W")
    >>> made_up = survey.made_up_survey(customers)
    >>> answers = survey.read_satisfaction(made_up.satisfaction)
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M").fit(customers)
    >>> valued = customers.join(model.predict_factors(customers)["clv"])
    >>> ax = plots.value_by_satisfaction(survey.value_by_satisfaction(valued, answers), currency="$")
    """
    figure = "value_by_satisfaction"
    check_table(table, ["customers", *with_ends("mean"), "share"], figure)
    check_numeric(table, ["mean"], figure)
    ax = axes_for(ax, width=8.5, height=1.9 + 0.42 * len(table))
    questions, answers = (table.index.get_level_values(name) for name in ("question", "answer"))
    changes = np.r_[0, np.cumsum(np.asarray(questions[1:] != questions[:-1]))]
    places = np.arange(len(table)) + 0.5 * changes  # a gap between the questions
    colors = [ANSWER_COLORS.get(str(answer), MUTED) for answer in answers]
    ax.barh(places, table["mean"], color=colors, height=0.68, zorder=2)
    ax.hlines(places, table["mean_lower"], table["mean_upper"], color=INK, linewidth=1.4, zorder=3)
    for place, (_, row) in zip(places, table.iterrows(), strict=True):
        end = np.nanmax([row["mean"], row["mean_upper"], 0.0])
        many = "customer" if row["customers"] == 1 else "customers"
        text = f"{number(row['mean'])}: {row['customers']:,.0f} {many}, {percent(row['share'])} of value"
        ax.annotate(
            text, (end, place), xytext=(6, 0), textcoords="offset points", va="center", fontsize=9, color=INK
        )
    ax.set_yticks(places, [str(answer) for answer in answers])
    ax.set_ylim(places[-1] + 0.6, -0.6)
    left, right = ax.get_xlim()
    ax.set_xlim(left, right + 0.55 * (right - left))  # room for the labels
    with_thousands(ax.xaxis)
    unit = f" ({currency})" if currency else ""
    dress(ax, "Value by satisfaction", f"mean value per customer{unit}, {level_in(table.attrs)}", "answer")
    ax.grid(visible=False, axis="y")
    return ax


def _draw_alarm(ax: Axes, table: pd.DataFrame, vertical: bool) -> None:
    limit = table.attrs.get("alarm")
    if limit is None:
        return
    line = ax.axvline if vertical else ax.axhline
    line(limit, color=INK, linewidth=1.2, linestyle="--", label=f"alarm: {percent(limit)} under 3")


def _with_answers(table: pd.DataFrame, name: str) -> list[str]:
    return [f"{group} ({n:,.0f})" for group, n in table[name].items()]


def _finished(ax: Axes) -> Axes:
    ax.grid(visible=False, axis="y")
    ax.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def _shown_days(table: pd.DataFrame, within: tuple[float, float] | None) -> float:
    """The days to draw: until nine of ten are resolved, or nothing more happens."""
    curve = table.xs("resolved", level="step")
    moves = curve[curve["open"].diff().fillna(-1.0) < 0]["days"]
    reached = curve.loc[curve["open"] <= 0.1, "days"]
    last = float(reached.iloc[0]) if len(reached) else float(moves.max() if len(moves) else 1.0)
    return max(1.15 * last, 1.3 * max(within or (0.0,)), 1.0)
