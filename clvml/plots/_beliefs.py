"""Figures of what a fitted model implies: heterogeneity of customers, and P(alive) of one over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clvml.plots._style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    axes_for,
    dress,
    number,
    percent,
    time_in,
    with_percent,
)
from clvml.plots._table_checks import check_numeric, check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BODY = 0.06  # of the width: a density with higher values to the left of it is truncated
_TITLES = {
    "purchase rate": "Heterogeneity of the purchase rate",
    "purchase probability": "Heterogeneity of the purchase probability",
    "dropout probability": "Heterogeneity of the dropout probability",
    "dropout rate": "Heterogeneity of the dropout rate",
    "mean spend": "Heterogeneity of mean spend per purchase",
}


def heterogeneity(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The distribution of one trait over customers: density with its band, mean and median.

    Parameters
    ----------
    table : pandas.DataFrame
        One of `clvml.diagnostics.heterogeneity`: index ``value``, columns ``density, lower,
        upper`` (no band where the last two are missing); ``attrs`` name the trait, its unit, mean and median.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure. A density that is far higher near 0 than elsewhere
        is truncated.

    Returns
    -------
    matplotlib.axes.Axes
        The density, its band, and lines at mean and median.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.diagnostics.heterogeneity : Makes the tables, one per trait.
    clvml.plots.fit_by_frequency : What the distribution implies for purchases.

    Examples
    --------
    >>> import clvml
    >>> from clvml import diagnostics, plots
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.BGNBD().fit(split.calibration)
    >>> traits = diagnostics.heterogeneity(model)
    >>> ax = plots.heterogeneity(traits["purchase rate"])
    """
    check_table(table, ["density", "lower", "upper"], "heterogeneity")
    check_numeric(table, ["density"], "heterogeneity")
    ax = axes_for(ax)
    values = table.index.to_numpy(dtype=float)
    ax.plot(values, table["density"], color=BLUE, linewidth=2)
    ax.fill_between(values, 0, table["density"], color=BLUE, alpha=0.15, linewidth=0)
    if table["lower"].notna().any():
        label = f"{percent(table.attrs.get('coverage', np.nan))} interval (parameter uncertainty)"
        ax.fill_between(values, table["lower"], table["upper"], color=BLUE, alpha=0.3, lw=0, label=label)
        ax.legend(frameon=False, fontsize=9, loc="center right")
    body = table.iloc[int(_BODY * len(table)) :]
    ax.set_xlim(0, values[-1])
    ax.set_ylim(0, 1.35 * float(np.nanmax(body[["density", "upper"]].to_numpy(dtype=float))))
    marks = {"mean": (ORANGE, "-", 0.97), "median": (MUTED, "--", 0.88)}
    for name, (color, style, height) in marks.items():
        _mark(ax, name, float(table.attrs.get(name, np.nan)), color, style, height)
    trait = str(table.attrs.get("trait", "value"))
    per = str(table.attrs.get("per", "")).format(unit=time_in(table.attrs, plural=False))
    title = f"{_TITLES.get(trait, 'Heterogeneity of customers')}{_by(table)}"
    return dress(ax, title, f"{trait} per customer{f' ({per})' if per else ''}", "density of customers")


def probability_alive_over_time(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """P(alive) along one customer's history: falling between purchases, rising at each, and beyond today.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.diagnostics.probability_alive_over_time`: ``time, probability_alive, purchase``,
        and ``date`` where known; the attribute ``today`` is a time.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The curve, with a mark at each purchase and a line at today; dashed after it.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.diagnostics.probability_alive_over_time : Makes the table.
    clvml.plots.frequency_recency_matrix : P(alive) for all histories.

    Examples
    --------
    >>> import clvml
    >>> from clvml import diagnostics, plots
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.BGNBD().fit(split.calibration)
    >>> bought = ["1997-01-12", "1997-03-02", "1997-03-30", "1997-06-08"]
    >>> path = diagnostics.probability_alive_over_time(model, bought, "1997-09-30", horizon=26)
    >>> ax = plots.probability_alive_over_time(path)
    """
    figure = "probability_alive_over_time"
    check_table(table, ["time", "probability_alive", "purchase"], figure)
    check_numeric(table, ["time", "probability_alive"], figure)
    ax = axes_for(ax, width=8.5)
    at = table["date"] if "date" in table else table["time"]
    today = float(table.attrs.get("today", table["time"].iloc[-1]))
    seen, later = table["time"] <= today, table["time"] >= today
    alive, bought = table["probability_alive"], table["purchase"].to_numpy(dtype=bool)
    ax.plot(at[seen], alive[seen], color=BLUE, linewidth=2)
    ax.fill_between(at[seen], 0, alive[seen], color=BLUE, alpha=0.12, linewidth=0)
    ax.plot(at[bought], alive[bought], "o", color=ORANGE, markersize=7, clip_on=False)
    ax.vlines(at[bought], 0, alive[bought], color=ORANGE, linewidth=1)
    if later.sum() > 1:
        ax.plot(at[later], alive[later], color=BLUE, linewidth=2, linestyle="--")
        ax.axvline(at[seen].iloc[-1], color=MUTED, linewidth=1, linestyle="--")
    _label_today(ax, at[seen].iloc[-1], float(alive[seen].iloc[-1]))
    ax.set_ylim(0, 1.08)
    ax.set_yticks(np.linspace(0, 1, 6))
    with_percent(ax.yaxis)
    x = "date" if "date" in table else f"{time_in(table.attrs)} since the first purchase"
    label = f"{x}; dots are purchases"
    return dress(ax, f"P(alive) over time{_by(table)}", label, "P(alive)")


def _by(table: pd.DataFrame) -> str:
    """The model's name in parentheses, if the table has it."""
    return f" ({table.attrs['title']})" if "title" in table.attrs else ""


def _mark(ax: Axes, name: str, value: float, color: str, style: str, height: float) -> None:
    if not np.isfinite(value):
        return
    ax.axvline(value, color=color, linewidth=1.8, linestyle=style)
    printed = number(value) if value >= 1 else f"{value:.2g}"
    label = {"mean": f"mean {printed}", "median": f"median {printed}"}[name]
    ax.annotate(
        label, (value, height), xycoords=("data", "axes fraction"), xytext=(5, 0), textcoords="offset points",
        va="top", fontsize=9, color=INK, bbox={"color": "white", "alpha": 0.8, "pad": 1.5},
    )  # fmt: skip


def _label_today(ax: Axes, place: Any, alive: float) -> None:
    ax.annotate(
        f"today {percent(alive)}", (place, alive), xytext=(6, 8), textcoords="offset points", fontsize=9,
        fontweight="bold", color=INK, annotation_clip=False,
    )  # fmt: skip
