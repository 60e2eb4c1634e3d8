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

    Returns
    -------
    matplotlib.axes.Axes
        One bar per factor, and a line at the value of today.

    Raises
    ------
    InputError
        If the table is empty, lacks a column or the current value.

    See Also
    --------
    clvml.tornado : Makes the table for a formula.
    clvml.lifetime_value.economics.factor_tornado : Makes it for factors of a model.
    clvml.plots.two_way : Two factors at once.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots
    >>> from clvml.lifetime_value.formulas import retention
    >>> today = {"margin": 100.0, "retention_rate": 0.8, "discount_rate": 0.1}
    >>> ax = plots.tornado(clvml.tornado(retention, today), currency="$")
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

    Returns
    -------
    matplotlib.axes.Axes
        A cell per pair of levels, with its value.

    Raises
    ------
    InputError
        If the table is empty or not numeric.

    See Also
    --------
    clvml.two_way : Makes the table.
    clvml.plots.tornado : Each factor alone.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots
    >>> from clvml.lifetime_value.formulas import retention
    >>> today = {"margin": 100.0, "retention_rate": 0.8, "discount_rate": 0.1}
    >>> rates = {"retention_rate": [0.7, 0.75, 0.8, 0.85, 0.9]}
    >>> table = clvml.two_way(retention, today, rates, {"discount_rate": [0.05, 0.1, 0.15]})
    >>> ax = plots.two_way(table)
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

    Returns
    -------
    matplotlib.axes.Axes
        One line per group.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.value_over_time : Makes the table.
    clvml.plots.base_over_time : The whole base, in three panels.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots
    >>> table = clvml.value_over_time(clvml.load_cdnow(), observation_end="1998-06-30")
    >>> ax = plots.value_over_time(table, measure="average_order_value")
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
