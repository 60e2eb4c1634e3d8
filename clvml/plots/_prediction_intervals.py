"""Prediction intervals of customers, groups and totals, with actual outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.errors import InputError
from clvml.plots._style import BLUE, INK, VERMILION, axes_for, dress, number, percent, with_thousands
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
    """Prediction intervals as bars, one per customer or group, and actual outcomes as diamonds.

    Parameters
    ----------
    intervals : pandas.DataFrame
        Rows of `LifetimeValue.predict_interval` (customers) or `LifetimeValue.predict_total_interval` (groups
        and their total): columns ``{quantity}_lower`` and ``{quantity}_upper``, and ``{quantity}`` to mark
        the expectation. ``attrs["coverage"]`` is in the title if present, ``attrs["includes"]``, what the
        intervals account for, in the legend.
    actual : pandas.Series, optional
        Outcomes by the index of ``intervals``; red if outside the interval.
    quantity : {"purchases", "spend", "clv"}
        The quantity to draw.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One bar per row; diamonds for outcomes.

    Raises
    ------
    InputError
        If the table is empty or lacks a column, or ``actual`` lacks a row of it.

    See Also
    --------
    clvml.LifetimeValue : Its `predict_interval` and `predict_total_interval` make the table.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "39W")
    >>> customers = split.calibration
    >>> model = model.fit(customers)
    >>> best = model.predict(customers).nlargest(12).index
    >>> intervals = model.predict_interval(customers.loc[best], random_state=1)
    >>> ax = plots.prediction_intervals(intervals, split.holdout["spend"].loc[best])
    """
    ends = [f"{quantity}_lower", f"{quantity}_upper"]
    check_table(intervals, ends, "prediction_intervals")
    check_numeric(intervals, ends, "prediction_intervals")
    outcomes = None if actual is None else _outcomes(actual, intervals.index)
    ax = axes_for(ax, width=8.5, height=1.8 + 0.42 * len(intervals))
    rows, (lower, upper) = np.arange(len(intervals)), intervals[ends].to_numpy(dtype=float).T
    ax.barh(rows, upper - lower, 0.5, left=lower, color=BLUE, alpha=0.35, label=_label(intervals))
    if quantity in intervals:
        ax.plot(intervals[quantity], rows, "|", color=BLUE, markersize=13, mew=2.5, label="expected")
    _write_ends(ax, lower, upper, outcomes)
    title = f"{_coverage(intervals)}rediction intervals"
    if outcomes is not None:
        covered = _draw_outcomes(ax, outcomes, lower, upper)
        title += f" and outcomes: {covered} of {len(rows)} covered"
    ax.set_yticks(rows, [str(name) for name in intervals.index])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    furthest = float(upper.max() if outcomes is None else max(upper.max(), outcomes.max()))
    ax.set_xlim(min(0.0, float(lower.min())), 1.25 * furthest or 1.0)
    with_thousands(ax.xaxis)
    row = {"customer_id": "customer"}.get(str(intervals.index.name), intervals.index.name)
    dress(ax, title, QUANTITIES.get(quantity, quantity), str(row or "row"))
    ax.grid(visible=False, axis="y")
    ax.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def _label(intervals: pd.DataFrame) -> str:
    """What the bars are, and what they account for."""
    includes = intervals.attrs.get("includes")
    return "prediction interval" + (f":\n{includes}" if includes else "")


def _coverage(intervals: pd.DataFrame) -> str:
    """The beginning of the title: ``"90 % p"`` or ``"P"``."""
    coverage = intervals.attrs.get("coverage")
    return "P" if coverage is None else f"{percent(float(coverage))} p"


def _outcomes(actual: pd.Series, index: pd.Index) -> Array:
    """The actual outcomes, row by row."""
    lacking = ~index.isin(actual.index)
    if lacking.any():
        raise InputError(f"actual lacks {index[lacking][0]!r}: it needs a number for each row of intervals.")
    return check_values(actual.reindex(index), "prediction_intervals").to_numpy()


def _draw_outcomes(ax: Axes, outcomes: Array, lower: Array, upper: Array) -> int:
    """Draw diamonds, red outside the intervals; return the number covered."""
    covered = (lower <= outcomes) & (outcomes <= upper)
    for shown, color, label in (
        (covered, INK, "actual"),
        (~covered, VERMILION, "actual, outside the interval"),
    ):
        if shown.any():
            ax.plot(outcomes[shown], np.flatnonzero(shown), "D", color=color, markersize=6, label=label)
    return int(covered.sum())


def _write_ends(ax: Axes, lower: Array, upper: Array, outcomes: Array | None) -> None:
    furthest = upper if outcomes is None else np.maximum(upper, outcomes)
    for row, (left, right, end) in enumerate(zip(lower, upper, furthest, strict=True)):
        ax.annotate(
            f"{_printed(left, right)} to {_printed(right, right)}", (end, row), xytext=(9, 0),
            textcoords="offset points", va="center", fontsize=9, color=INK,
        )  # fmt: skip


def _printed(value: float, largest: float) -> str:
    return f"{value:,.0f}" if value % 1 == 0 else number(value, largest=largest)
