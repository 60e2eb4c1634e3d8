"""Figures of money by customer: calibration, ranking and distribution of predicted value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.plots._style import (
    BLUE,
    FAINT,
    INK,
    MUTED,
    ORANGE,
    Look,
    axes_for,
    dress,
    looks,
    number,
    percent,
    with_percent,
    with_thousands,
)  # fmt: skip
from clvml.plots._table_checks import check_numeric, check_table, check_values, model_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GROUPS_PER_DECADE = 4
FEWEST_IN_GROUP = 0.01


def predicted_against_actual(
    predictions: pd.DataFrame | pd.Series, actual: pd.Series, *, ax: Axes | None = None
) -> Axes:
    """Mean actual against mean predicted value, customers grouped by their prediction.

    The groups are bins of each model's prediction, four per power of ten, merged if they
    have less than 1 % of the customers; nonpositive predictions are one group. Both axes are
    logarithmic, and linear around zero.

    Parameters
    ----------
    predictions : pandas.DataFrame or pandas.Series
        Predicted money by customer, one column per model. With a single model the customers themselves
        are drawn too, faintly.
    actual : pandas.Series
        Money in the holdout, for the same customers.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One line per model, and the diagonal on which a prediction is right on average.

    Raises
    ------
    InputError
        If there are no customers or models, the customers differ, or a value is not finite.

    See Also
    --------
    clvml.compare_models : Predicts with several models.
    clvml.plots.calibration_by_decile : By decile of the prediction.

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
    >>> ax = plots.predicted_against_actual(result.predictions, result.actual)
    """
    figure = "predicted_against_actual"
    truth = check_values(actual, figure)
    table = _on_customers(truth, predictions, figure)
    groups = {model: _grouped_means(truth, table[model]) for model in table}
    alone = len(groups) == 1
    ax = axes_for(ax, width=6.4 if alone else 8.2, height=5.4)
    shown = pd.concat(groups.values())[["predicted", "actual"]]
    if alone:
        shown = pd.DataFrame({"predicted": table.iloc[:, 0], "actual": truth})
        ax.scatter(table.iloc[:, 0], truth, s=5, color=MUTED, alpha=0.3, linewidths=0, rasterized=True)
    _same_scale(ax, shown)
    for model, look in looks(table.columns).items():
        _draw_groups(ax, groups[model], str(model), look)
    dress(
        ax,
        "Predicted and actual value by predicted value",
        "mean predicted value of the group (money per customer)",
        "mean actual value in the holdout (money per customer)",
    )
    _legend(ax, inside="upper left" if alone else None, title="dot area: number of customers")
    return ax


def calibration_by_decile(
    tables: pd.DataFrame | Mapping[str, pd.DataFrame], *, ax: Axes | None = None
) -> Axes:
    """Predicted and actual mean value by decile of the prediction, with each model's own deciles.

    Parameters
    ----------
    tables : pandas.DataFrame or mapping of model name to DataFrame
        Index decile (1 the highest predicted), columns ``predicted`` and ``actual``: means.
        Up to four models are legible side by side.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        A filled dot for the prediction, an open one for the actual value, a line between them.

    Raises
    ------
    InputError
        If there is no table, or one is empty or lacks a column.

    See Also
    --------
    clvml.evaluation.calibration_by_decile : Makes a table.
    clvml.plots.predicted_against_actual : By level of the prediction.

    Examples
    --------
    >>> import clvml
    >>> from clvml import evaluation, plots
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> models = {
    ...     "BG/NBD": clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 39),
    ...     "repeat rate": clvml.RepeatRateValue(39),
    ...     "historic": clvml.HistoricValue(39),
    ... }
    >>> families = {"BG/NBD": "probabilistic", "repeat rate": "formula", "historic": "baseline"}
    >>> result = clvml.compare_models(models, split, families=families)
    >>> tables = {
    ...     name: evaluation.calibration_by_decile(result.actual, predicted)
    ...     for name, predicted in result.predictions.items()
    ... }
    >>> ax = plots.calibration_by_decile(tables)
    """
    figure = "calibration_by_decile"
    by_model = {"predicted": tables} if isinstance(tables, pd.DataFrame) else dict(tables)
    if not by_model:
        raise InputError(f"{figure} got no model; give at least one table.")
    for table in by_model.values():
        check_table(table, ["predicted", "actual"], figure)
        check_numeric(table, ["predicted", "actual"], figure)
    ax = axes_for(ax, width=7.5 if len(by_model) == 1 else 10.0)
    width = 0.7 / len(by_model)
    for i, (model, look) in enumerate(looks(by_model).items()):
        _draw_dumbbells(ax, by_model[model], str(model), look, width * (i - (len(by_model) - 1) / 2))
    _symlog_money(ax, pd.concat(by_model.values())[["predicted", "actual"]])
    deciles = sorted(set().union(*(table.index for table in by_model.values())))
    ax.set_xticks(deciles)
    dress(
        ax,
        "Predicted and actual value by decile of the prediction",
        "decile of predicted value, 1 the highest",
        "mean value (money per customer)",
    )
    ax.grid(visible=False, axis="x")
    for edge in deciles[:-1]:
        ax.axvline(edge + 0.5, color=FAINT, linewidth=0.8, zorder=0)
    ax.plot([], [], "o", mfc="white", color=INK, markersize=6, label="actual (of each model's decile)")
    _legend(ax, inside="upper right" if len(by_model) == 1 else None)
    return ax


def lift_curve(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Share of the actual revenue of the customers whom each model ranks highest.

    Parameters
    ----------
    table : pandas.DataFrame
        Index the share of customers from 0 to 1, one column per model with the cumulative share
        of revenue, and ``oracle`` (ranking by actual revenue) where present.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The legend names the models by their share at the top 10 %, best first.

    Raises
    ------
    InputError
        If the table is empty or holds no model.

    See Also
    --------
    clvml.evaluation.lift_curve : Makes the table.
    clvml.evaluation.gini : One number for a curve.

    Examples
    --------
    >>> import clvml
    >>> from clvml import evaluation, plots
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> models = {
    ...     "BG/NBD": clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 39),
    ...     "repeat rate": clvml.RepeatRateValue(39),
    ...     "historic": clvml.HistoricValue(39),
    ... }
    >>> families = {"BG/NBD": "probabilistic", "repeat rate": "formula", "historic": "baseline"}
    >>> result = clvml.compare_models(models, split, families=families)
    >>> ax = plots.lift_curve(evaluation.lift_curve(result.actual, result.predictions))
    """
    figure = "lift_curve"
    check_table(table, [], figure)
    models = model_columns(table, ["oracle"], figure)
    ordered = table.sort_index()
    at_tenth = {name: float(np.interp(0.1, ordered.index, ordered[name])) for name in ordered}
    ax = axes_for(ax, width=6.8, height=5.2)
    if "oracle" in ordered:
        ax.plot(
            ordered.index, ordered["oracle"], color=INK, linewidth=1.2, label=_lift_label("oracle", at_tenth)
        )
    known = looks(models)
    for model in sorted(models, key=lambda name: -at_tenth[name]):
        look = known[model]
        label = _lift_label(model, at_tenth)
        ax.plot(ordered.index, ordered[model], label=label, **look.line())
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":", label="at random (10 %)")
    ax.axvline(0.1, color=MUTED, linewidth=0.8, linestyle="--")
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.01)
    with_percent(ax.xaxis)
    with_percent(ax.yaxis)
    dress(
        ax,
        "Share of revenue by rank",
        "customers, highest predicted value first",
        "share of the actual holdout revenue",
    )
    _legend(ax, inside="lower right", title="share of revenue in the top 10 %")
    return ax


def value_distribution(clv: pd.Series, *, top: float = 0.1, ax: Axes | None = None) -> Axes:
    """The distribution of predicted value over customers, and the share of the top ones.

    Parameters
    ----------
    clv : pandas.Series
        Predicted money by customer. Nonpositive values cannot be shown on a
        logarithmic axis: a note gives their number.
    top : float
        The share of customers whose share of the value is reported.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        A histogram on a logarithmic axis.

    Raises
    ------
    InputError
        If there are no customers, a value is not finite, or ``top`` is not inside (0, 1).

    See Also
    --------
    clvml.evaluation.concentration : The share of the top customers.
    clvml.plots.revenue_deciles : Revenue by tenth of customers.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "39W")
    >>> clv = model.fit(split.calibration).predict(split.calibration)
    >>> ax = plots.value_distribution(clv)
    """
    values = check_values(clv, "value_distribution")
    if not 0 < top < 1:
        raise InputError(f"top is {top!r}; it must be a share between 0 and 1, such as 0.1.")
    heavy = values.nlargest(int(np.ceil(top * len(values))))
    positive = values[values > 0]
    ax = axes_for(ax)
    label = "predicted value (money per customer, logarithmic)"
    dress(ax, _distribution_title(values, heavy), label + _left_out(values), "customers")
    ax.grid(visible=False, axis="x")
    with_thousands(ax.yaxis)
    if positive.empty:
        ax.text(0.5, 0.5, "no customer has a positive predicted value", ha="center", transform=ax.transAxes)
        return ax
    _draw_histogram(ax, positive)
    _mark_heavy(ax, heavy.min(), positive, f"top {percent(top)}")
    return ax


def _on_customers(truth: pd.Series, predictions: pd.DataFrame | pd.Series, figure: str) -> pd.DataFrame:
    if isinstance(predictions, pd.Series):
        predictions = predictions.to_frame(name=predictions.name or "predicted")
    check_table(predictions, [], figure)
    absent = ~truth.index.isin(predictions.index)
    if absent.any() or len(predictions) != len(truth):
        raise InputError(
            f"{figure} needs the same customers in actual ({len(truth)}) and predictions"
            f" ({len(predictions)}); {absent.sum()} customers in actual are not among the predictions."
        )
    table = predictions.reindex(truth.index)
    return pd.DataFrame({model: check_values(table[model], figure) for model in table})


def _grouped_means(actual: pd.Series, predicted: pd.Series) -> pd.DataFrame:
    """Mean prediction, mean actual value and number of customers by bin of the prediction."""
    positive = predicted.where(predicted > 0)
    bins = np.floor(GROUPS_PER_DECADE * np.log10(positive)).fillna(-np.inf)
    sizes = bins.value_counts().sort_index()
    joined = pd.Series(_joined(sizes.tolist(), FEWEST_IN_GROUP * len(actual)), index=sizes.index)
    pairs = pd.DataFrame({"predicted": predicted, "actual": actual}).groupby(bins.map(joined).to_numpy())
    return pairs.mean().assign(customers=pairs.size())


def _joined(sizes: list[int], fewest: float) -> list[int]:
    """Merge neighbouring bins until they have ``fewest`` customers together.

    Examples
    --------
    >>> _joined([50, 1, 1, 30, 9], fewest=10)
    [0, 1, 1, 1, 1]
    """
    numbers, current, customers = [], 0, 0
    for size in sizes:
        numbers.append(current)
        customers += size
        if customers >= fewest:
            current, customers = current + 1, 0
    last = max(current - 1, 0)  # the remainder is merged into the last full group
    return [min(number, last) for number in numbers]


def _draw_groups(ax: Axes, groups: pd.DataFrame, model: str, look: Look) -> None:
    x, y = groups["predicted"], groups["actual"]
    ax.plot(x, y, label=model, **look.line())
    area = 12 + 700 * groups["customers"] / groups["customers"].sum()
    ax.scatter(x, y, s=area, color=look.color, alpha=0.6, linewidths=0, zorder=3, clip_on=False)


def _legend(ax: Axes, inside: str | None, title: str | None = None) -> None:
    """A legend in an empty corner, or else to the right of the Axes."""
    place: dict[str, Any] = (
        {"loc": inside} if inside else {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0)}
    )
    ax.legend(frameon=False, fontsize=9, title=title, title_fontsize=9, alignment="left", **place)


def _linear_up_to(values: pd.DataFrame) -> float:
    """The power of ten below which the axis is linear: just under the smallest positive means."""
    positive = values.to_numpy(dtype=float)
    positive = positive[positive > 0]
    return float(10 ** np.floor(np.log10(np.quantile(positive, 0.05)))) if positive.size else 1.0


def _same_scale(ax: Axes, values: pd.DataFrame) -> None:
    """One scale for both axes, logarithmic but linear around zero, and the diagonal."""
    linear = _linear_up_to(values)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    limits = (1.5 * low if low < 0 else -0.15 * linear, 1.6 * max(high, linear))
    ax.set_xscale("symlog", linthresh=linear)
    ax.set_yscale("symlog", linthresh=linear)
    ax.set_xlim(limits)
    ax.set_ylim(limits)
    ax.plot(limits, limits, color=INK, linewidth=1, label="predicted = actual")
    with_thousands(ax.xaxis)
    with_thousands(ax.yaxis)


def _draw_dumbbells(ax: Axes, table: pd.DataFrame, model: str, look: Look, shift: float) -> None:
    x = table.index.to_numpy(dtype=float) + shift
    ax.vlines(x, table["predicted"], table["actual"], color=look.color, linewidth=1.5)
    ax.plot(x, table["predicted"], "o", color=look.color, markersize=5, label=model)
    ax.plot(x, table["actual"], "o", mfc="white", color=look.color, markersize=6, label="_actual")


def _symlog_money(ax: Axes, values: pd.DataFrame) -> None:
    linear = _linear_up_to(values)
    ax.set_yscale("symlog", linthresh=linear)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    ax.set_ylim(1.5 * low if low < 0 else -0.1 * linear, 2 * max(high, linear))
    with_thousands(ax.yaxis)


def _lift_label(model: Any, at_tenth: Mapping[Any, float]) -> str:
    return f"{model} ({percent(at_tenth[model])})"


def _distribution_title(values: pd.Series, heavy: pd.Series) -> str:
    total = values.sum()
    if not total > 0:
        return "Predicted value by customer"
    return (
        f"The top {percent(len(heavy) / len(values))} of customers account for"
        f" {percent(heavy.sum() / total)} of the predicted value"
    )


def _draw_histogram(ax: Axes, positive: pd.Series) -> None:
    # A few values near zero would stretch a logarithmic axis over many empty decades.
    low, high = positive.quantile(0.005), positive.max()
    # A single value would make bins of zero width.
    edges = np.geomspace(low, high, 41) if high > low * 1.001 else np.array([high * 0.9, high * 1.1])
    counts, _ = np.histogram(np.clip(positive, edges[0], edges[-1]), edges)
    ax.bar(edges[:-1], counts, np.diff(edges), align="edge", color=BLUE, edgecolor="white", linewidth=0.5)
    ax.set_xscale("log")
    ax.margins(y=0.12)
    with_thousands(ax.xaxis)


def _mark_heavy(ax: Axes, threshold: float, positive: pd.Series, name: str) -> None:
    if not positive.min() < threshold:
        return
    ax.axvline(threshold, color=ORANGE, linewidth=1.8)
    ax.annotate(
        f"{name}: from {number(threshold)}", (threshold, 0.99), xycoords=("data", "axes fraction"),
        xytext=(5, 0), textcoords="offset points", va="top", fontsize=9, color=INK,
    )  # fmt: skip


def _left_out(values: pd.Series) -> str:
    hidden = int((values <= 0).sum())
    return (
        f"\nnot shown: {hidden:,} customers ({percent(hidden / len(values))}) with nonpositive values"
        if hidden
        else ""
    )
