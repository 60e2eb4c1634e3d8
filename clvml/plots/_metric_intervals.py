"""Figures of metrics with their uncertainty: differences between models, reliability of probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.evaluation._metrics import METRICS
from clvml.plots._style import BLUE, INK, MUTED, axes_for, dress, looks, percent, signed, with_percent
from clvml.plots._table_checks import check_numeric, check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SENSES = {
    "lower": ("better", "worse"),
    "zero": ("better", "worse"),
    "higher": ("worse", "better"),
    "target": ("less", "more"),
}


def metric_differences(table: pd.DataFrame, *, metric: str | None = None, ax: Axes | None = None) -> Axes:
    """Differences of models in one metric with their intervals, as a forest plot; ties look like ties.

    Parameters
    ----------
    table : pandas.DataFrame
        As returned by `MetricDraws.differences`: index ``model, metric``, columns ``difference, lower,
        upper, different``; ``attrs["to"]`` and ``attrs["level"]`` are in the title.
    metric : str, optional
        The metric to draw; by default the first of the table.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One row per model, the best on top: blue where its interval includes zero (within noise), grey
        where it does not. A model whose metric is undefined has a row without a mark.

    Raises
    ------
    InputError
        If the table is empty, lacks a column, or lacks the metric.

    See Also
    --------
    clvml.evaluation.MetricDraws : Its `differences` makes the table.
    clvml.plots.comparison : All metrics at once.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> models = {
    ...     "BG/NBD": clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 39),
    ...     "repeat rate": clvml.RepeatRateValue(39),
    ...     "historic": clvml.HistoricValue(39),
    ... }
    >>> families = {"BG/NBD": "probabilistic", "repeat rate": "formula", "historic": "baseline"}
    >>> result = clvml.compare_models(models, split, families=families)
    >>> ax = plots.metric_differences(result.draws.differences(), metric="rmse")
    """
    figure = "metric_differences"
    columns = ["difference", "lower", "upper", "different"]
    check_table(table, columns, figure)
    rows = _rows_of(table, metric, figure)
    check_numeric(rows, columns[:3], figure)
    key = str(rows.index.name)
    rows = rows.sort_values("difference", ascending=METRICS[key].better != "higher", kind="stable")
    ax = axes_for(ax, width=8.0, height=1.9 + 0.36 * len(rows))
    for place, (_, row) in enumerate(rows.iterrows()):
        _draw_interval(ax, place, row)
    ax.axvline(0, color=INK, linewidth=1, zorder=1)
    ax.set_yticks(range(len(rows)), [str(model) for model in rows.index])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.margins(x=0.2)
    left, right = SENSES[METRICS[key].better]
    reference = {"best": "the best"}.get(str(table.attrs.get("to", "")), str(table.attrs.get("to", "")))
    label = METRICS[key].label
    title = f"{label[0].upper()}{label[1:]}: difference{f' to {reference}' if reference else ''}"
    level = table.attrs.get("level")
    interval = "interval" if level is None else f"{percent(float(level))} interval"
    dress(ax, title, f"← {left}      difference with its {interval}      {right} →", "model")
    ax.grid(visible=False, axis="y")
    _name_colors(ax)
    return ax


def reliability(tables: pd.DataFrame | Mapping[str, pd.DataFrame], *, ax: Axes | None = None) -> Axes:
    """Observed shares against predicted probabilities, by decile of the probability.

    Parameters
    ----------
    tables : pandas.DataFrame or mapping of model name to DataFrame
        As returned by `clvml.evaluation.reliability_table`: columns ``predicted`` and ``actual``, and
        ``lower, upper`` for intervals of the share.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        A dot per decile with the interval of its share; on the diagonal, probabilities are reliable.

    Raises
    ------
    InputError
        If there is no table, or one is empty or lacks a column.

    See Also
    --------
    clvml.evaluation.reliability_table : Makes a table.
    clvml.plots.calibration_by_decile : The same for predicted money.

    Examples
    --------
    >>> import clvml
    >>> from clvml import evaluation, plots
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.BGNBD().fit(split.calibration)
    >>> predicted = model.probability_buys(split.calibration, 39)
    >>> bought = (split.holdout["purchases"] > 0).astype(float)
    >>> ax = plots.reliability({"BG/NBD": evaluation.reliability_table(bought, predicted)})
    """
    figure = "reliability"
    by_model = {"observed": tables} if isinstance(tables, pd.DataFrame) else dict(tables)
    if not by_model:
        raise InputError(f"{figure} got no model; give at least one table.")
    for table in by_model.values():
        check_table(table, ["predicted", "actual"], figure)
        check_numeric(table, ["predicted", "actual"], figure)
    ax = axes_for(ax, width=6.2, height=5.6)
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--", label="reliable")
    for model, look in looks(by_model).items():
        _draw_reliability(ax, by_model[model].sort_values("predicted"), str(model), look.color)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    with_percent(ax.xaxis)
    with_percent(ax.yaxis)
    dress(ax, "Reliability of probabilities", "mean predicted probability of the decile", "observed share")
    ax.legend(frameon=False, fontsize=9, loc="upper left")
    return ax


def _draw_reliability(ax: Axes, table: pd.DataFrame, label: str, color: str) -> None:
    ax.plot(table["predicted"], table["actual"], "o-", color=color, markersize=5, linewidth=1.2, label=label)
    if {"lower", "upper"} <= set(table.columns):
        ax.vlines(table["predicted"], table["lower"], table["upper"], color=color, linewidth=1.2, alpha=0.6)


def _rows_of(table: pd.DataFrame, metric: str | None, figure: str) -> pd.DataFrame:
    """The rows of one metric by model; the index is named after it."""
    if table.index.nlevels != 2:
        raise InputError(
            f"{figure} draws the table of MetricDraws.differences, with the index model, metric."
        )
    present = list(dict.fromkeys(table.index.get_level_values(1)))
    key = present[0] if metric is None else metric
    if key not in present or key not in METRICS:
        raise InputError(f"{figure}: {key!r} is not among the metrics of the table: {', '.join(present)}.")
    return table[table.index.get_level_values(1) == key].droplevel(1).rename_axis(key)


def _draw_interval(ax: Axes, place: int, row: pd.Series) -> None:
    """A dot, its interval and its value; nothing where the metric is undefined."""
    if not np.isfinite(row["difference"]):
        ax.annotate(
            "undefined", (0, place), xytext=(6, 0), textcoords="offset points", va="center", color=MUTED
        )
        return
    color = MUTED if row["different"] else BLUE
    ax.hlines(place, row["lower"], row["upper"], color=color, linewidth=2.5, alpha=0.7, zorder=2)
    ax.plot(row["difference"], place, "o", color=color, markersize=7, zorder=3)
    ax.annotate(
        _printed(float(row["difference"])), (np.nanmax([row["upper"], row["difference"]]), place),
        xytext=(6, 0), textcoords="offset points", va="center", fontsize=9, color=INK,
    )  # fmt: skip


def _printed(difference: float) -> str:
    if abs(difference) >= 1:
        return signed(difference)
    return "0" if difference == 0 else f"{difference:+.3f}".replace("-", "−")


def _name_colors(ax: Axes) -> None:
    from matplotlib.lines import Line2D

    marks = [
        Line2D([], [], marker="o", linewidth=2.5, color=color, label=label)
        for color, label in ((BLUE, "within noise"), (MUTED, "different"))
    ]
    ax.legend(handles=marks, frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
