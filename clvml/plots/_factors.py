"""Figures of the sensitivity of lifetime value to one factor and to two, and of value over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.plots._style import BLUE, INK, MUTED, VERMILION, axes_for, dress, looks, number, with_thousands
from clvml.plots._table_checks import check_numeric, check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def tornado(table: pd.DataFrame, *, currency: str = "", ax: Axes | None = None) -> Axes:
    """Sensitivity of lifetime value to each factor alone, the largest effect on top.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.tornado`: index the factor, columns ``lower, upper, value_at_lower, value_at_upper``, and
        ``attrs["today"]``.
    currency : str
        Sign or code.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Raises
    ------
    InputError
        If the table is empty, lacks a column or the current value.
    """
    columns = ["lower", "upper", "value_at_lower", "value_at_upper"]
    check_table(table, columns, "tornado")
    check_numeric(table, columns[2:], "tornado")
    if "today" not in table.attrs:
        raise InputError("tornado needs the current value in table.attrs['today']; clvml.tornado sets it.")
    today = table.attrs["today"]
    ax = axes_for(ax, width=8.0, height=1.6 + 0.45 * len(table))
    places = np.arange(len(table))[::-1]
    for end, color in (("lower", VERMILION), ("upper", BLUE)):
        money = table[f"value_at_{end}"].to_numpy(dtype=float)
        ax.barh(places, money - today, left=today, color=color, height=0.62, label=f"{end} level", zorder=2)
        for place, value, level in zip(places, money, table[end], strict=True):
            if np.isfinite(level):
                side = "left" if value >= today else "right"
                ax.annotate(
                    f"{float(f'{level:.3g}'):,.10g}", (value, place), xytext=(4 if side == "left" else -4, 0),
                    textcoords="offset points", ha=side, va="center", fontsize=8, color=INK,
                )  # fmt: skip
    ax.axvline(today, color=INK, linewidth=1)
    ax.margins(x=0.14)
    ax.set_yticks(places, [str(name).replace("_", " ") for name in table.index])
    with_thousands(ax.xaxis)
    title = f"Sensitivity of lifetime value (currently {number(today)})"
    dress(ax, title, f"lifetime value ({currency or 'money'})", "factor")
    ax.grid(visible=False, axis="y")
    ax.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def two_way(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Lifetime value by the levels of two factors, as an annotated heat map.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.two_way`: index and columns are the levels, their names the factors.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Raises
    ------
    InputError
        If the table is empty or not numeric.
    """
    check_table(table, [], "two_way")
    check_numeric(table, list(table.columns), "two_way")
    cells = table.to_numpy(dtype=float)
    ax = axes_for(ax, width=1.8 + 1.1 * cells.shape[1], height=1.6 + 0.5 * cells.shape[0])
    ax.imshow(cells, cmap="viridis", aspect="auto", origin="lower")
    middle = cells.min() + 0.6 * (cells.max() - cells.min())
    for (row, column), value in np.ndenumerate(cells):
        bright = value > middle
        ax.text(
            column, row, number(value), ha="center", va="center", color=INK if bright else "white", fontsize=9
        )
    ax.set_xticks(range(cells.shape[1]), [f"{level:g}" for level in table.columns])
    ax.set_yticks(range(cells.shape[0]), [f"{level:g}" for level in table.index])
    across, down = (
        str(name or "factor").replace("_", " ") for name in (table.columns.name, table.index.name)
    )
    dress(ax, "Lifetime value by two factors (money)", across, down)
    ax.grid(visible=False)
    return ax


def value_over_time(
    table: pd.DataFrame, *, measure: str = "average_order_value", ax: Axes | None = None
) -> Axes:
    """One measure of value by period, with one line per group; dashed lines lead to expected values.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.value_over_time`.
    measure : str
        One of its columns, such as ``"frequency"``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.
    """
    check_table(table, ["group", "period", "when", measure], "value_over_time")
    check_numeric(table, [measure], "value_over_time")
    ax = axes_for(ax)
    for group, look in looks(table["group"].unique()).items():
        rows = table[table["group"] == group].dropna(subset=[measure])
        seen, ahead = rows[rows["when"] != "expected"], rows.tail(2)
        ax.plot(seen["period"], seen[measure], marker="o", markersize=3.5, label=str(group), **look.line())
        if (ahead["when"] == "expected").any():
            ax.plot(ahead["period"], ahead[measure], color=look.color, linestyle="--", linewidth=1.5)
            ax.plot(ahead["period"].iloc[-1], ahead[measure].iloc[-1], "o", mfc="white", color=look.color)
    if (table["when"] == "expected").any():
        ax.plot([], [], "o--", mfc="white", color=MUTED, label="expected")
    with_thousands(ax.yaxis)
    ax.tick_params(axis="x", rotation=30)
    dress(ax, f"Value over time: {measure.replace('_', ' ')}", "period", measure.replace("_", " "))
    ax.legend(frameon=False, fontsize=9)
    return ax
