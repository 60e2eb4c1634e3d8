"""Figures of attributes: importance, the importance-performance map, brands compared, two orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvml.plots._delivered_value import draw_intervals, level_in, name_rows, shortened, with_ends
from clvml.plots._style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    VERMILION,
    axes_for,
    dress,
    with_percent,
)
from clvml.plots._table_checks import check_numeric, check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUADRANT_COLORS = {
    "concentrate here": VERMILION,
    "keep up the good work": GREEN,
    "low priority": MUTED,
    "possible overkill": ORANGE,
}
# Which corner of the map: share of the width and of the height, and alignment.
_CORNERS = {
    "concentrate here": (0.01, 0.985, "left", "top"),
    "keep up the good work": (0.99, 0.985, "right", "top"),
    "low priority": (0.01, 0.015, "left", "bottom"),
    "possible overkill": (0.99, 0.015, "right", "bottom"),
}
SURE = 0.9  # share of resamples in which an attribute is in its quadrant
VERDICT_COLORS = {"ahead": GREEN, "behind": VERMILION, "parity": BLUE, "undecided": MUTED}


def importance_performance(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The importance-performance map: attributes in four quadrants.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.survey.importance_performance`, whose ``attrs`` have the borders of the quadrants.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Numbered points with intervals, the most important first; the legend has their names. A hollow point
        is in its quadrant in fewer than nine of ten resamples.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.survey.importance_performance : Makes the table.
    clvml.plots.attribute_importance : Importance alone.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots, survey
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30", time_unit="W")
    >>> made_up = survey.made_up_survey(customers)
    >>> ratings = survey.read_ratings(made_up.ratings, overall="overall satisfaction")
    >>> table = survey.importance_performance(ratings, importance="derived", n_draws=200)
    >>> ax = plots.importance_performance(table)
    """
    figure = "importance_performance"
    columns = [*with_ends("importance"), *with_ends("performance"), "quadrant", "quadrant_share"]
    check_table(table, columns, figure)
    check_numeric(table, ["importance", "performance"], figure)
    ax = axes_for(ax, width=9.0, height=5.6)
    borders = {
        name: table.attrs.get(f"{name}_border", table[name].mean()) for name in ("performance", "importance")
    }
    ax.axvline(borders["performance"], color=INK, linewidth=1)
    ax.axhline(borders["importance"], color=INK, linewidth=1)
    for number, (name, row) in enumerate(table.iterrows(), start=1):
        _draw_attribute(ax, number, str(name), row)
    ax.margins(0.12)
    for quadrant, (x, y, side, edge) in _CORNERS.items():
        ax.text(
            x, y, quadrant, transform=ax.transAxes, ha=side, va=edge, fontsize=10, fontweight="bold",
            color=QUADRANT_COLORS[quadrant], alpha=0.9,
        )  # fmt: skip
    with_percent(ax.yaxis)
    brand = table.attrs.get("brand")
    title = "Importance and performance" + (f": {shortened(brand)}" if brand else "")
    dress(ax, title, "performance (mean score)", f"importance {_kind(table)}".strip())
    ax.grid(visible=False)
    columns_of_legend = 1 if len(table) <= 24 else 2
    ax.legend(
        frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0), ncols=columns_of_legend,
        handletextpad=0.3, markerscale=0.5, alignment="left", title_fontsize=8,
        title="hollow: quadrant uncertain" if (table["quadrant_share"] < SURE).any() else None,
    )  # fmt: skip
    return ax


def attribute_importance(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Stated and derived importance of each attribute with their intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        ``AttributeImportance.table`` of `clvml.survey.attribute_importance`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The most important attribute on top, by derived importance if there is one.

    Raises
    ------
    InputError
        If the table is empty, lacks a column, or has neither importance.

    See Also
    --------
    clvml.survey.attribute_importance : Makes the table.
    clvml.plots.importance_performance : With the performance of a brand.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots, survey
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30", time_unit="W")
    >>> made_up = survey.made_up_survey(customers)
    >>> ratings = survey.read_ratings(made_up.ratings, overall="overall satisfaction")
    >>> importance = survey.attribute_importance(ratings, n_draws=200)
    >>> ax = plots.attribute_importance(importance.table)
    """
    figure = "attribute_importance"
    check_table(table, [*with_ends("stated"), *with_ends("derived")], figure)
    known = [name for name in ("derived", "stated") if table[name].notna().any()]
    check_numeric(table, known or ["stated"], figure)
    rows = table.sort_values(known[0], ascending=False, kind="stable")
    ax = axes_for(ax, width=8.0, height=1.8 + 0.42 * len(rows))
    for name, color in (("stated", VERMILION), ("derived", BLUE)):
        if name in known:
            shift = 0.14 if name == "stated" else -0.14
            draw_intervals(ax, rows, name, np.arange(len(rows)) + shift * (len(known) - 1), color, label=name)
    name_rows(ax, rows.index)
    with_percent(ax.xaxis)
    dress(ax, "Stated and derived importance", "share", "attribute")
    ax.grid(visible=False, axis="y")
    ax.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def brand_comparison(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Points of difference and of parity: the difference from a competitor in each attribute.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.survey.compare_brands`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One row per attribute (or segment and attribute), the largest lead on top; differences within the
        shaded band count as parity.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.survey.compare_brands : Makes the table.
    clvml.plots.delivered_value : The value of each brand.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots, survey
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30", time_unit="W")
    >>> made_up = survey.made_up_survey(customers)
    >>> ratings = survey.read_ratings(made_up.ratings, overall="overall satisfaction")
    >>> ax = plots.brand_comparison(survey.compare_brands(ratings, "our shop", "rival A"))
    """
    figure = "brand_comparison"
    check_table(table, ["difference", "lower", "upper", "verdict"], figure)
    check_numeric(table, ["difference"], figure)
    rows = (
        table if table.index.nlevels > 1 else table.sort_values("difference", ascending=False, kind="stable")
    )
    ax = axes_for(ax, width=8.5, height=1.9 + 0.36 * len(rows))
    margin = float(table.attrs.get("margin", 0.0))
    ax.axvspan(-margin, margin, color=BLUE, alpha=0.1, linewidth=0, zorder=0)
    ax.axvline(0, color=INK, linewidth=1, zorder=1)
    places = np.arange(len(rows))
    for verdict, color in VERDICT_COLORS.items():
        chosen = (rows["verdict"] == verdict).to_numpy()
        if chosen.any():
            part = rows[chosen]
            ax.hlines(places[chosen], part["lower"], part["upper"], color=color, linewidth=2.5, alpha=0.7)
            ax.plot(
                part["difference"], places[chosen], "o", color=color, markersize=7, label=verdict, zorder=3
            )
    several = table.index.nlevels > 1
    name_rows(ax, [": ".join(map(str, key)) for key in rows.index] if several else rows.index, width=36)
    ours, theirs = (str(table.attrs.get(name, name)) for name in ("brand", "competitor"))
    title = f"{shortened(ours, 26)} against {shortened(theirs, 26)}"
    dress(ax, title, f"difference in points, with its {level_in(table.attrs)}", "attribute")
    ax.grid(visible=False, axis="y")
    ax.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def rank_gaps(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Two orders of the same attributes, joined by lines; large gaps stand out.

    Parameters
    ----------
    table : pandas.DataFrame
        ``RankGaps.table`` of `clvml.survey.rank_gaps`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The customers' order on the left, the company's on the right. Gaps of at least half of the largest are
        coloured.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.survey.rank_gaps : Makes the table.

    Examples
    --------
    >>> from clvml import plots, survey
    >>> customers = ["service", "staff", "delivery", "convenience", "quality", "price"]
    >>> company = ["quality", "delivery", "convenience", "service", "price", "staff"]
    >>> ax = plots.rank_gaps(survey.rank_gaps(customers, company).table)
    """
    figure = "rank_gaps"
    check_table(table, ["customers", "company", "gap"], figure)
    check_numeric(table, ["customers", "company", "gap"], figure)
    ax = axes_for(ax, width=8.5, height=1.6 + 0.4 * len(table))
    large = max(table["gap"].abs().max() / 2, 0.5)
    for name, row in table.iterrows():
        gap = float(row["gap"])
        color = MUTED if abs(gap) < large else VERMILION if gap > 0 else BLUE
        width = 2.4 if abs(gap) >= large else 1.0
        ends = [row["customers"], row["company"]]
        ax.plot([0, 1], ends, marker="o", markersize=5, color=color, linewidth=width)
        label = shortened(name)
        number = f"{gap:+.3g}".replace("-", "−") if gap else "0"
        ax.text(-0.04, row["customers"], label, ha="right", va="center", fontsize=9, color=INK)
        ax.text(1.04, row["company"], f"{label}  {number}", ha="left", va="center", fontsize=9, color=color)
    ax.set_xlim(-1.1, 2.3)
    ax.set_ylim(len(table) + 0.6, 0.4)
    dress(ax, "Order of importance, with the gap (customers' rank less the company's)", "order of", "rank")
    ax.set_xticks([0, 1], ["customers", "company"])
    ax.grid(visible=False)
    return ax


def _draw_attribute(ax: Axes, number: int, name: str, row: pd.Series) -> None:
    color, x, y = QUADRANT_COLORS[str(row["quadrant"])], row["performance"], row["importance"]
    sure = not row["quadrant_share"] < SURE
    ax.hlines(y, row["performance_lower"], row["performance_upper"], color=color, linewidth=1, alpha=0.5)
    ax.vlines(x, row["importance_lower"], row["importance_upper"], color=color, linewidth=1, alpha=0.5)
    label = shortened(f"{number} {name}", 38)
    ax.plot(
        x, y, "o", markersize=15, markeredgecolor=color, markerfacecolor=color if sure else "white",
        linestyle="none", label=label, zorder=3,
    )  # fmt: skip
    ink = "white" if sure else color
    ax.annotate(
        str(number), (x, y), ha="center", va="center", fontsize=8, color=ink, zorder=4, fontweight="bold"
    )


def _kind(table: pd.DataFrame) -> str:
    kind = table.attrs.get("importance")
    return f"({kind}, share of all)" if kind else "(share of all)"
