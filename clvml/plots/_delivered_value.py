"""Figures of delivered value: benefits and costs of brands, over time, and what one step does."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.plots._style import BLUE, INK, MUTED, VERMILION, axes_for, dress, looks, percent
from clvml.plots._table_checks import check_numeric, check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def delivered_value(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Total customer benefit and cost of each brand with their intervals, the highest value on top.

    Parameters
    ----------
    table : pandas.DataFrame
        ``DeliveredValue.brands`` of `clvml.survey.delivered_value`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The distance of the two points of a brand is its delivered value, which is written beside them with
        its ratio.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.survey.delivered_value : Makes the table.
    clvml.plots.step_effects : What would raise it.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots, survey
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30", time_unit="W")
    >>> made_up = survey.made_up_survey(customers)
    >>> ratings = survey.read_ratings(made_up.ratings, overall="overall satisfaction")
    >>> ax = plots.delivered_value(survey.delivered_value(ratings, n_draws=200).brands)
    """
    sides = {"cost": VERMILION, "benefit": BLUE}
    columns = [*with_ends("benefit"), *with_ends("cost"), "difference", "ratio"]
    check_table(table, columns, "delivered_value")
    check_numeric(table, ["benefit", "cost", "difference"], "delivered_value")
    ax = axes_for(ax, width=8.0, height=1.7 + 0.55 * len(table))
    places = np.arange(len(table))
    ax.hlines(places, table["cost"], table["benefit"], color=MUTED, linewidth=1, linestyle=":", zorder=1)
    for name, color in sides.items():
        draw_intervals(ax, table, name, places, color, label=f"total customer {name}")
    for place, (_, row) in enumerate(table.iterrows()):
        ratio = "" if np.isnan(row["ratio"]) else f"  (ratio {row['ratio']:.2f})"
        text = f"{row['difference']:+.2f}".replace("-", "−") + ratio
        end = np.nanmax([row["benefit"], row["cost"], row["benefit_upper"], row["cost_upper"]])
        ax.annotate(
            text, (end, place), xytext=(8, 0), textcoords="offset points", va="center", fontsize=9, color=INK
        )
    name_rows(ax, table.index)
    left, right = ax.get_xlim()
    ax.set_xlim(left, right + 0.6 * (right - left))  # room for the labels
    dress(ax, "Delivered value: benefit less cost", "points of the scale", "brand")
    ax.grid(visible=False, axis="y")
    ax.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def delivered_value_over_time(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Delivered value of each brand by period, with intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.survey.delivered_value_over_time`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One line per brand.

    Raises
    ------
    InputError
        If the table is empty, lacks a column, or has fewer than two periods.

    See Also
    --------
    clvml.survey.delivered_value_over_time : Makes the table.
    clvml.plots.delivered_value : All periods together.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots, survey
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30", time_unit="W")
    >>> made_up = survey.made_up_survey(customers)
    >>> ratings = survey.read_ratings(made_up.ratings, overall="overall satisfaction")
    >>> table = survey.delivered_value_over_time(ratings, n_draws=200)
    >>> ax = plots.delivered_value_over_time(table)
    """
    figure = "delivered_value_over_time"
    check_table(table, with_ends("difference"), figure)
    check_numeric(table, ["difference"], figure)
    periods = table.index.get_level_values("period").unique().sort_values()
    if len(periods) < 2:
        raise InputError(f"{figure} needs at least two periods; the survey has one.")
    ax = axes_for(ax)
    brands = table.index.get_level_values("brand").unique()
    for shift, (brand, look) in enumerate(looks(brands).items()):
        rows = table.xs(brand, level="brand").reindex(periods)
        places = np.arange(len(periods)) + 0.06 * (shift - (len(brands) - 1) / 2)
        ax.plot(places, rows["difference"], marker="o", markersize=4, label=str(brand), **look.line())
        ax.vlines(places, rows["difference_lower"], rows["difference_upper"], color=look.color, alpha=0.6)
    ax.set_xticks(range(len(periods)), [f"{period:%Y-%m-%d}" for period in periods])
    ax.tick_params(axis="x", rotation=30 if len(periods) > 4 else 0)
    dress(ax, "Delivered value over time", "period from", "benefit less cost (points)")
    ax.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def step_effects(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """What one step in each attribute adds to the delivered value of a brand, beside its gap to the best.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.survey.step_effects`, of one brand.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One row per attribute, the largest effect on top.

    Raises
    ------
    InputError
        If the table is empty, lacks a column, or has several brands.

    See Also
    --------
    clvml.survey.step_effects : Makes the table.
    clvml.plots.importance_performance : Importance and performance.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots, survey
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30", time_unit="W")
    >>> made_up = survey.made_up_survey(customers)
    >>> ratings = survey.read_ratings(made_up.ratings, overall="overall satisfaction")
    >>> table = survey.step_effects(ratings, "our shop", n_draws=200)
    >>> ax = plots.step_effects(table)
    """
    figure = "step_effects"
    check_table(table, ["move", "gap", *with_ends("effect")], figure)
    check_numeric(table, ["effect"], figure)
    brands = table.index.get_level_values(0).unique()
    if len(brands) != 1:
        raise InputError(f"{figure} draws one brand; name it in clvml.survey.step_effects(ratings, brand).")
    ax = axes_for(ax, width=8.0, height=1.8 + 0.36 * len(table))
    rows, places = table.droplevel(0), np.arange(len(table))
    for move, color in (("raise", BLUE), ("lower", VERMILION)):
        chosen = (rows["move"] == move).to_numpy()
        label = {"raise": "benefit raised", "lower": "cost lowered"}[move]
        ax.barh(places[chosen], rows["effect"][chosen], color=color, height=0.62, label=label, zorder=2)
    ax.hlines(places, rows["effect_lower"], rows["effect_upper"], color=INK, linewidth=1.2, zorder=3)
    gap = float(rows["gap"].iloc[0])
    if gap > 0:
        ax.axvline(
            gap, color=INK, linewidth=1.2, linestyle="--", label=f"gap to the best ({gap:.2f})", zorder=1
        )
    name_rows(ax, rows.index)
    dress(ax, f"One step in each attribute: {shortened(brands[0])}", "points of delivered value", "attribute")
    ax.grid(visible=False, axis="y")
    ax.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def with_ends(name: str) -> list[str]:
    """A column and those of its interval."""
    return [name, f"{name}_lower", f"{name}_upper"]


def draw_intervals(
    ax: Axes, table: pd.DataFrame, name: str, places: Any, color: str, *, label: str | None = None
) -> None:
    """A dot and a line for each row."""
    ax.hlines(places, table[f"{name}_lower"], table[f"{name}_upper"], color=color, linewidth=2.5, alpha=0.6)
    ax.plot(table[name], places, "o", color=color, markersize=7, label=label, zorder=3)


def name_rows(ax: Axes, names: Iterable[Any], width: int = 30) -> None:
    """Names of rows in at most two lines each, the first row on top."""
    labels = [textwrap.fill(str(name), width, max_lines=2, placeholder="…") for name in names]
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)


def shortened(name: object, width: int = 34) -> str:
    """A name of at most ``width`` characters."""
    return textwrap.shorten(str(name), width, placeholder="…")


def level_in(attrs: dict[Any, Any]) -> str:
    """The words for an interval with its level, if it is known."""
    level = attrs.get("level")
    return "interval" if level is None else f"{percent(float(level))} interval"
