"""Figures of purchases: over time, by history, and by model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.plots._style import (
    FAINT,
    INK,
    MUTED,
    LineEnd,
    axes_for,
    deviation,
    dress,
    label_ends,
    looks,
    number,
    time_in,
    with_thousands,
)  # fmt: skip
from clvml.plots._table_checks import check_numeric, check_table, model_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def cumulative_purchases(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Cumulative repeat purchases of all customers: actual, and expected by each model.

    Parameters
    ----------
    table : pandas.DataFrame
        ``period`` as a column or as the index (time since the first day of the data),
        ``actual``, and one column per model, all cumulative numbers of repeat purchases. The
        attribute ``calibration_end`` (a period) draws the boundary of calibration and holdout,
        ``time_unit`` names the unit of ``period``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Each model's line ends with its name and its deviation from the actual total.

    Raises
    ------
    InputError
        If the table is empty, lacks a column, or has no model.

    See Also
    --------
    clvml.purchases_over_time : The actual purchases.
    clvml.diagnostics.with_expected_purchases : Adds those that a model expects.
    clvml.plots.purchases_per_period : The same table, per period.

    Examples
    --------
    >>> import clvml
    >>> from clvml import diagnostics, plots
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.BGNBD().fit(split.calibration)
    >>> over_time = clvml.purchases_over_time(transactions, split)
    >>> tracking = diagnostics.with_expected_purchases(over_time, model, split)
    >>> ax = plots.cumulative_purchases(tracking)
    """
    series, models = _by_period(table, "cumulative_purchases")
    ax = axes_for(ax)
    _draw_over_time(ax, series, models)
    dress(
        ax,
        "Cumulative repeat purchases, actual and by model",
        f"{time_in(table.attrs)} since the first day of the data",
        "repeat purchases so far",
    )
    _mark_calibration_end(ax, table)
    _label_totals(ax, series, models)
    return ax


def purchases_per_period(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Repeat purchases per unit of time: the increments of the cumulative table.

    Parameters
    ----------
    table : pandas.DataFrame
        The cumulative table that ``cumulative_purchases`` draws, of at least two periods.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One line for the actual purchases and one for each model.

    Raises
    ------
    InputError
        If the table is empty, lacks a column, has no model, or has one period only.

    See Also
    --------
    clvml.diagnostics.with_expected_purchases : Makes the table.
    clvml.plots.cumulative_purchases : The same table, summed over time.

    Examples
    --------
    >>> import clvml
    >>> from clvml import diagnostics, plots
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.BGNBD().fit(split.calibration)
    >>> over_time = clvml.purchases_over_time(transactions, split)
    >>> tracking = diagnostics.with_expected_purchases(over_time, model, split)
    >>> ax = plots.purchases_per_period(tracking)
    """
    series, models = _by_period(table, "purchases_per_period", fewest=2)
    steps = np.diff(series.index.to_numpy(dtype=float))
    if not (steps > 0).all():
        raise InputError("purchases_per_period needs periods that increase from row to row; sort the table.")
    rates = series.diff().iloc[1:].div(steps, axis=0)
    ax = axes_for(ax)
    _draw_over_time(ax, rates, models)
    unit = time_in(table.attrs, plural=False)
    dress(
        ax,
        f"Repeat purchases per {unit}, actual and by model",
        f"{unit}s since the first day of the data",
        f"repeat purchases per {unit}",
    )
    _mark_calibration_end(ax, table)
    _label_totals(ax, rates, models, relative=False)
    return ax


def calibration_by_frequency(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Mean holdout purchases of customers with 0, 1, 2, ... repeat purchases in calibration.

    Parameters
    ----------
    table : pandas.DataFrame
        Index the frequency label (``"0"`` to ``"7+"``); columns ``customers`` (how many),
        ``actual`` and one or more columns of predicted means, such as ``predicted``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The actual means and those of each model, with the number of customers under each frequency.

    Raises
    ------
    InputError
        If the table is empty, lacks a column, or holds no prediction.

    See Also
    --------
    clvml.evaluation.calibration_by_frequency : Makes the table.
    clvml.plots.calibration_by_decile : By predicted value.

    Examples
    --------
    >>> import clvml
    >>> from clvml import evaluation, plots
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.BGNBD().fit(split.calibration)
    >>> expected = model.expected_purchases(split.calibration, 39)
    >>> table = evaluation.calibration_by_frequency(split.calibration, split.holdout, expected)
    >>> ax = plots.calibration_by_frequency(table.rename(columns={"predicted": "BG/NBD"}))
    """
    figure = "calibration_by_frequency"
    check_table(table, ["customers", "actual"], figure)
    models = model_columns(table, ["customers", "actual"], figure)
    ax = axes_for(ax)
    series = table.set_axis(pd.RangeIndex(len(table)), axis=0)
    _draw_over_time(ax, series, models, marker="o")
    sizes = [f"{label}\nn={size:,.0f}" for label, size in zip(table.index, table["customers"], strict=True)]
    ax.set_xticks(range(len(table)), sizes, fontsize=9)
    dress(
        ax,
        "Holdout purchases by calibration purchases, predicted and actual",
        "repeat purchases in the calibration period, and number of customers",
        "mean purchases in the holdout",
    )
    ax.grid(visible=False, axis="x")
    _label_totals(ax, series, models, relative=False)
    return ax


def frequency_recency_matrix(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """P(alive) or expected purchases by frequency and recency, as a heat map.

    Parameters
    ----------
    table : pandas.DataFrame
        As ``clvml.diagnostics.frequency_recency_matrix`` makes it: index recency,
        columns frequency; NaN where a history is impossible. Attributes ``quantity``, ``T``,
        ``horizon`` and ``time_unit`` go into title and labels where present.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure. The colour bar takes some of its space.

    Returns
    -------
    matplotlib.axes.Axes
        The heat map; histories that cannot occur are blank.

    Raises
    ------
    InputError
        If the table is empty or not numeric.

    See Also
    --------
    clvml.diagnostics.frequency_recency_matrix : Makes the table.
    clvml.plots.probability_alive_over_time : P(alive) along one history.

    Examples
    --------
    >>> import clvml
    >>> from clvml import diagnostics, plots
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.BGNBD().fit(split.calibration)
    >>> alive = diagnostics.frequency_recency_matrix(model, T=38.9, max_frequency=20)
    >>> ax = plots.frequency_recency_matrix(alive)
    """
    figure = "frequency_recency_matrix"
    check_table(table, [], figure)
    check_numeric(table, table.columns, figure)
    ax = axes_for(ax, width=6.5, height=5.0)
    ax.set_facecolor(FAINT)
    values = np.ma.masked_invalid(table.to_numpy(dtype=float))
    alive = table.attrs.get("quantity") == "probability_alive"
    x, y = _edges(table.columns), _edges(table.index)
    mesh = ax.pcolormesh(x, y, values, cmap="viridis", vmin=0, vmax=1 if alive else None)
    bar = ax.figure.colorbar(mesh, ax=ax, label=_quantity(table))
    bar.outline.set_visible(False)
    unit = time_in(table.attrs)
    dress(
        ax,
        _matrix_title(table),
        "repeat purchases (frequency); grey: impossible history",
        f"recency: {unit} from first to last purchase",
    )
    ax.locator_params(axis="x", integer=True)
    ax.grid(visible=False)
    return ax


def _by_period(table: pd.DataFrame, figure: str, fewest: int = 1) -> tuple[pd.DataFrame, list[Any]]:
    check_table(table, ["actual"], figure)
    series = table.set_index("period") if "period" in table else table
    models = model_columns(series, ["actual"], figure)
    check_numeric(series, ["actual"], figure)
    if len(series) < fewest:
        raise InputError(
            f"{figure} needs at least {fewest} periods to take differences; it got {len(series)}."
        )
    return series, models


def _draw_over_time(ax: Axes, series: pd.DataFrame, models: list[Any], marker: str | None = None) -> None:
    ax.plot(series.index, series["actual"], color=INK, linewidth=2, marker=marker, label="actual")
    for model, look in looks(models).items():
        line = look.line() if len(models) > 1 else {"color": look.color, "linewidth": 1.8}
        ax.plot(series.index, series[model], marker=marker, markersize=5, label=str(model), **line)
    ax.margins(x=0.01 if marker is None else 0.04)
    ax.set_ylim(0, 1.08 * np.nanmax(series[["actual", *models]].to_numpy(dtype=float)) or 1)
    with_thousands(ax.yaxis)


def _label_totals(ax: Axes, series: pd.DataFrame, models: list[Any], relative: bool = True) -> None:
    last = series.iloc[-1]
    ends = [LineEnd(float(last["actual"]), "actual", INK)]
    for model, look in looks(models).items():
        off = deviation(100 * (last[model] / last["actual"] - 1)) if relative and last["actual"] else ""
        ends.append(LineEnd(float(last[model]), f"{model} {off}".rstrip(), look.color))
    label_ends(ax, ends)


def _mark_calibration_end(ax: Axes, table: pd.DataFrame) -> None:
    end = table.attrs.get("calibration_end")
    if end is None:
        return
    ax.axvline(float(end), color=MUTED, linestyle="--", linewidth=1)
    place: dict[str, Any] = {
        "xycoords": ("data", "axes fraction"),
        "textcoords": "offset points",
        "va": "top",
        "color": MUTED,
    }
    ax.annotate("calibration", (end, 0.99), xytext=(-5, 0), ha="right", fontsize=9, **place)
    ax.annotate("holdout", (end, 0.99), xytext=(5, 0), ha="left", fontsize=9, **place)


def _edges(centres: pd.Index) -> np.ndarray:
    """Edges of the cells around equally or unequally spaced centres."""
    values = centres.to_numpy(dtype=float)
    if len(values) == 1:
        return np.array([values[0] - 0.5, values[0] + 0.5])
    middles = (values[1:] + values[:-1]) / 2
    return np.concatenate([[2 * values[0] - middles[0]], middles, [2 * values[-1] - middles[-1]]])


def _quantity(table: pd.DataFrame) -> str:
    if table.attrs.get("quantity") != "expected_purchases":
        return {"probability_alive": "P(alive)"}.get(str(table.attrs.get("quantity")), "value")
    horizon = table.attrs.get("horizon")
    ahead = f" in the next {number_of_time(horizon)} {time_in(table.attrs)}" if horizon is not None else ""
    return f"expected purchases{ahead}"


def number_of_time(length: float) -> str:
    """A length of time without a trailing ``.0``."""
    return f"{length:g}" if float(length) == int(length) else number(length)


def _matrix_title(table: pd.DataFrame) -> str:
    subject = {
        "probability_alive": "P(alive)",
        "expected_purchases": "Expected purchases",
    }.get(str(table.attrs.get("quantity")), "Values")
    T = table.attrs.get("T")
    if T is None:
        return f"{subject} by frequency and recency"
    return f"{subject} by history, {number_of_time(T)} {time_in(table.attrs)} after the first purchase"
