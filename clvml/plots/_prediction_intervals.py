"""Figures of ranges: what customers, groups of them, or all of them may bring, and what came."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.errors import InputError
from clvml.plots._style import BLUE, INK, VERMILION, axes_for, dress, number, with_thousands
from clvml.plots._table_checks import check_numeric, check_table, check_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

QUANTITIES = {"purchases": "purchases", "spend": "spend (money)", "clv": "lifetime value (money)"}


def prediction_intervals(
    intervals: pd.DataFrame,
    actual: pd.Series | None = None,
    *,
    quantity: str = "clv",
    ax: Axes | None = None,
) -> Axes:
    """The range of what each customer or group may bring, as a bar, and what came, as a diamond.

    Parameters
    ----------
    intervals : pandas.DataFrame
        Rows of `LifetimeValue.predict_interval` (customers) or `LifetimeValue.predict_total_interval` (groups
        and their total): columns ``{quantity}_lower`` and ``{quantity}_upper``, and ``{quantity}`` where what
        is expected is to be marked.
    quantity : {"purchases", "spend", "clv"}
        Which of them.
    actual : pandas.Series, optional
        What came, by the index of ``intervals``; red where it is outside its range.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Raises
    ------
    InputError
        If the table is empty or lacks a column, or ``actual`` lacks a row of it.
    """
    ends = [f"{quantity}_lower", f"{quantity}_upper"]
    check_table(intervals, ends, "prediction_intervals")
    check_numeric(intervals, ends, "prediction_intervals")
    came = None if actual is None else _came(actual, intervals.index)
    ax = axes_for(ax, width=8.5, height=1.8 + 0.42 * len(intervals))
    rows, (lower, upper) = np.arange(len(intervals)), intervals[ends].to_numpy(dtype=float).T
    ax.barh(rows, upper - lower, 0.5, left=lower, color=BLUE, alpha=0.35, label="range")
    if quantity in intervals:
        ax.plot(intervals[quantity], rows, "|", color=BLUE, markersize=13, mew=2.5, label="expected")
    _write_ranges(ax, lower, upper, came)
    told = "What they may bring"
    if came is not None:
        told += f", and what came: in its range in {_draw_came(ax, came, lower, upper)} of {len(rows)}"
    ax.set_yticks(rows, [str(name) for name in intervals.index])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    furthest = float(upper.max() if came is None else max(upper.max(), came.max()))
    ax.set_xlim(min(0.0, float(lower.min())), 1.25 * furthest or 1.0)
    with_thousands(ax.xaxis)
    row = {"customer_id": "customer"}.get(str(intervals.index.name), intervals.index.name)
    dress(ax, told, QUANTITIES.get(quantity, quantity), str(row or "row"))
    ax.grid(visible=False, axis="y")
    ax.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def _came(actual: pd.Series, index: pd.Index) -> Array:
    """What came, row by row."""
    lacking = ~index.isin(actual.index)
    if lacking.any():
        raise InputError(f"actual lacks {index[lacking][0]!r}: it needs a number for each row of intervals.")
    return check_values(actual.reindex(index), "prediction_intervals").to_numpy()


def _draw_came(ax: Axes, came: Array, lower: Array, upper: Array) -> int:
    """Diamonds, red outside their ranges; how many are inside."""
    held = (lower <= came) & (came <= upper)
    for inside, color, label in ((held, INK, "came"), (~held, VERMILION, "came, out of range")):
        if inside.any():
            ax.plot(came[inside], np.flatnonzero(inside), "D", color=color, markersize=6, label=label)
    return int(held.sum())


def _write_ranges(ax: Axes, lower: Array, upper: Array, came: Array | None) -> None:
    furthest = upper if came is None else np.maximum(upper, came)
    for row, (low, high, end) in enumerate(zip(lower, upper, furthest, strict=True)):
        ax.annotate(
            f"{_printed(low, high)} to {_printed(high, high)}", (end, row), xytext=(9, 0),
            textcoords="offset points", va="center", fontsize=9, color=INK,
        )  # fmt: skip


def _printed(value: float, largest: float) -> str:
    return f"{value:,.0f}" if value % 1 == 0 else number(value, largest=largest)
