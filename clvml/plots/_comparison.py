"""Figures of the comparison table: all models side by side, coloured by family."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.plots._style import FAINT, FAMILIES, INK, PURPLE, axes_for, deviation, dress, number
from clvml.plots._table_checks import check_numeric, check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Metric(NamedTuple):
    """The heading of a metric, and the better direction."""

    heading: str
    better: str

    def distance(self, values: pd.Series) -> pd.Series:
        """The distance of each value from the optimum, up to a constant: smaller is better."""
        return {"zero": values.abs(), "low": values, "high": -values}[self.better]


METRICS = {
    "bias_pct": Metric("bias of total\n(0 is best)", "zero"),
    "mae": Metric("MAE, money\n(lower is better)", "low"),
    "rmse": Metric("RMSE, money\n(lower is better)", "low"),
    "spearman": Metric("Spearman\n(higher is better)", "high"),
    "gini": Metric("Gini\n(higher is better)", "high"),
    "top10_share": Metric("top 10 % share\n(higher is better)", "high"),
}


def bias_by_model(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The bias of each model's predicted total, in percent of the actual total.

    Parameters
    ----------
    table : pandas.DataFrame
        The comparison: index the model, columns ``bias_pct`` and ``family``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The models by absolute bias, the smallest on top.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.compare_models : Makes the table.
    clvml.plots.bias_by_origin : The bias at each origin of a backtest.

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
    >>> ax = plots.bias_by_model(result.table)
    """
    check_table(table, ["bias_pct", "family"], "bias_by_model")
    check_numeric(table, ["bias_pct"], "bias_by_model")
    ordered = table.loc[table["bias_pct"].abs().sort_values().index]
    bias, places = ordered["bias_pct"], np.arange(len(ordered))
    ax = axes_for(ax, width=8.0, height=1.6 + 0.36 * len(table))
    ax.barh(places, bias, color=[family_color(name) for name in ordered["family"]], height=0.65)
    for place, value in zip(places, bias, strict=True):
        _label_bar(ax, float(place), float(value))
    ax.axvline(0, color=INK, linewidth=1)
    ax.set_yticks(places, [str(model) for model in ordered.index])
    ax.invert_yaxis()
    ax.margins(x=0.13)
    dress(ax, "Bias of the predicted total", "predicted minus actual total (% of actual)", "model")
    ax.grid(visible=False, axis="y")
    _name_families(ax, ordered["family"])
    return ax


def comparison(table: pd.DataFrame, *, ties: pd.DataFrame | None = None, ax: Axes | None = None) -> Axes:
    """Every model by every metric: one lane per metric, further right is better.

    Parameters
    ----------
    table : pandas.DataFrame
        The comparison: index the model, column ``family``, and any of the metrics
        ``bias_pct, mae, rmse, spearman, gini, top10_share``. With a column ``status``, the names of the
        "leader" and of the models "within noise" are in bold.
    ties : pandas.DataFrame, optional
        By model and metric, whether the model is indistinguishable from the best of the metric, as
        ``~MetricDraws.differences()["different"].unstack("metric")``. By default, only equal values are.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        In each lane the worst model is at the left edge, the best at the right edge; the values of the best
        and of those tied with it are in bold.

    Raises
    ------
    InputError
        If the table is empty, lacks ``family`` or holds no metric.

    See Also
    --------
    clvml.compare_models : Makes the table.
    clvml.plots.metric_differences : Which differences are larger than noise.

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
    >>> ax = plots.comparison(result.table)
    """
    check_table(table, ["family"], "comparison")
    metrics = [name for name in METRICS if name in table]
    if not metrics:
        raise InputError(f"comparison needs at least one of the columns {', '.join(map(repr, METRICS))}.")
    check_numeric(table, metrics, "comparison")
    ax = axes_for(ax, width=2.6 + 1.3 * len(metrics), height=2.0 + 0.42 * len(table))
    for lane, name in enumerate(metrics):
        tied = None if ties is None or name not in ties else ties[name].reindex(table.index)
        _draw_lane(ax, lane, table[name], table["family"], tied)
    ax.set_yticks(range(len(table)), [str(model) for model in table.index])
    has_status = _mark_leaders(ax, table)
    ax.set_ylim(len(table) - 0.4, -0.7)
    ax.set_xlim(-0.02, len(metrics))
    dress(
        ax,
        "Models by metric",
        _legend(has_status, ties is not None),
        "model",
    )
    ax.set_xticks(np.arange(len(metrics)) + 0.47, [METRICS[name].heading for name in metrics], fontsize=9)
    ax.tick_params(axis="both", length=0, labeltop=True, labelbottom=False)
    ax.grid(visible=False, axis="x")
    ax.spines[["left", "bottom"]].set_visible(False)
    _name_families(ax, table["family"], below=True)
    return ax


def family_color(family: object) -> str:
    """The colour of a family of models; purple for one that clvml does not know."""
    return FAMILIES.get(str(family), PURPLE)


def _label_bar(ax: Axes, place: float, value: float) -> None:
    ax.annotate(
        deviation(value), (value if np.isfinite(value) else 0, place), xytext=(4 if value >= 0 else -4, 0),
        textcoords="offset points", ha="left" if value >= 0 else "right", va="center", fontsize=9, color=INK,
    )  # fmt: skip


def _legend(has_status: bool, has_ties: bool) -> str:
    values = "not distinguishable from the best" if has_ties else "best"
    names = "; names in bold: leader and within noise" if has_status else ""
    return f"further right in a lane is better; values in bold: {values}{names}"


def _mark_leaders(ax: Axes, table: pd.DataFrame) -> bool:
    """Bold names of the leader and the models within noise of it; whether the table says which."""
    if "status" not in table:
        return False
    for label, status in zip(ax.get_yticklabels(), table["status"], strict=True):
        if status in ("leader", "within noise"):
            label.set_fontweight("bold")
    return True


def _draw_lane(
    ax: Axes, lane: int, values: pd.Series, families: pd.Series, tied: pd.Series | None = None
) -> None:
    distance = METRICS[str(values.name)].distance(values)
    worst, best = distance.max(), distance.min()
    spread = worst - best
    x = lane + 0.19 + 0.57 * ((worst - distance) / spread if spread > 0 else distance * 0 + 1)
    places = np.arange(len(values))
    texts = [_printed(str(values.name), value, values) for value in values]
    # Bold all values that round to the same text as the best.
    is_best = (distance == best) if tied is None else tied.fillna(False).astype(bool)
    best_texts = {text for text, bold in zip(texts, is_best, strict=True) if bold}
    ax.axvspan(lane + 0.02, lane + 0.93, color=FAINT, alpha=0.45, linewidth=0, zorder=0)
    ax.scatter(x, places, s=42, color=[family_color(name) for name in families], zorder=3)
    for place, at, text in zip(places, x, texts, strict=True):
        ax.annotate(
            text, (at if np.isfinite(at) else lane + 0.47, place), xytext=(0, 5), textcoords="offset points",
            ha="center", va="bottom", fontsize=8, color=INK,
            fontweight="bold" if text in best_texts else "normal", in_layout=False,
        )  # fmt: skip


def _printed(metric: str, value: float, values: pd.Series) -> str:
    if not np.isfinite(value):
        return "–"
    if metric == "bias_pct":
        return deviation(value)
    if metric == "top10_share":
        return f"{100 * value:.1f} %"
    if metric in ("spearman", "gini"):
        return f"{value:.3f}".replace("-", "−")
    return number(value, largest=float(values.min()))


def _name_families(ax: Axes, families: pd.Series, below: bool = False) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation

    marks = [
        Line2D([], [], marker="o", linestyle="", color=family_color(name), label=str(name))
        for name in dict.fromkeys(families)
    ]
    if not below:
        ax.legend(handles=marks, frameon=False, fontsize=9, loc="best")
        return
    under_the_label = ax.transAxes + ScaledTranslation(0, -22 / 72, ax.figure.dpi_scale_trans)
    ax.legend(
        handles=marks, frameon=False, fontsize=9, ncols=len(marks), loc="upper center",
        bbox_to_anchor=(0.5, 0), bbox_transform=under_the_label, borderaxespad=0,
    )  # fmt: skip
