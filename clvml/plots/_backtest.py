"""Figures of a backtest: how the error of the total and the scores vary over origins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from clvml.errors import InputError
from clvml.plots._comparison import METRICS
from clvml.plots._style import INK, LineEnd, axes_for, dress, label_ends, looks
from clvml.plots._table_checks import check_numeric, check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def bias_by_origin(totals: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The bias of each model's predicted total at each origin, with a line at zero.

    Parameters
    ----------
    totals : pandas.DataFrame
        `Backtest.totals` or `Backtest.budget`: index levels ``origin, model`` (and ``horizon``, of one
        value), column ``bias_pct``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One line per model, which ends with its name.

    Raises
    ------
    InputError
        If the table is empty, lacks the column or a level, or has several horizons.

    See Also
    --------
    clvml.backtest : Makes the table.
    clvml.plots.score_by_origin : Another score at each origin.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots
    >>> transactions = clvml.load_cdnow()
    >>> models = {
    ...     "BG/NBD": clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 26),
    ...     "repeat rate": clvml.RepeatRateValue(26),
    ... }
    >>> origins = ["1997-06-30", "1997-09-30", "1997-12-30"]
    >>> tested = clvml.backtest(transactions, models, origins=origins, horizon=26, progress=False)
    >>> ax = plots.bias_by_origin(tested.totals)
    """
    ax = _lines(totals, "bias_pct", ax, "bias_by_origin")
    ax.axhline(0, color=INK, linewidth=1.2, zorder=1)
    return dress(
        ax, "Bias of the predicted total by origin", "origin", "predicted minus actual (% of actual)"
    )


def score_by_origin(scores: pd.DataFrame, *, metric: str = "spearman", ax: Axes | None = None) -> Axes:
    """One score of each model at each origin.

    Parameters
    ----------
    scores : pandas.DataFrame
        `Backtest.scores`: index levels ``origin, model`` (and ``horizon``, of one value), a column per
        metric.
    metric : str, default "spearman"
        The column to draw.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One line per model, which ends with its name.

    Raises
    ------
    InputError
        If the table is empty, lacks the column or a level, or has several horizons.

    See Also
    --------
    clvml.backtest : Makes the table.
    clvml.plots.bias_by_origin : The bias at each origin.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots
    >>> transactions = clvml.load_cdnow()
    >>> models = {
    ...     "BG/NBD": clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 26),
    ...     "repeat rate": clvml.RepeatRateValue(26),
    ... }
    >>> origins = ["1997-06-30", "1997-09-30", "1997-12-30"]
    >>> tested = clvml.backtest(transactions, models, origins=origins, horizon=26, progress=False)
    >>> ax = plots.score_by_origin(tested.scores, metric="spearman")
    """
    ax = _lines(scores, metric, ax, "score_by_origin")
    heading = METRICS[metric].heading if metric in METRICS else metric
    return dress(ax, "Models by origin", "origin", heading.replace("\n", " "))


def _lines(table: pd.DataFrame, column: str, ax: Axes | None, figure: str) -> Axes:
    """A line for each model over the origins, labelled at its end."""
    check_table(table, [column], figure)
    check_numeric(table, [column], figure)
    values = _by_origin(table, column, figure)
    ax = axes_for(ax, width=9.0, height=3.2 + 0.22 * values.shape[1])
    for model, look in looks(values.columns).items():
        ax.plot(values.index, values[model], marker="o", markersize=5, **look.line())
    ax.margins(x=0.03)
    ax.set_xticks(values.index, [f"{origin:%Y-%m-%d}" for origin in values.index], rotation=25, ha="right")
    styles = looks(values.columns)
    ends = [LineEnd(float(values[m].iloc[-1]), str(m), styles[m].color) for m in values]
    ax.autoscale_view()
    label_ends(ax, ends)
    return ax


def _by_origin(table: pd.DataFrame, column: str, figure: str) -> pd.DataFrame:
    lacking = [level for level in ("origin", "model") if level not in table.index.names]
    if lacking:
        raise InputError(f"{figure} needs the index level {lacking[0]!r}; Backtest has such tables.")
    if "horizon" in table.index.names:
        horizons = table.index.unique("horizon")
        if len(horizons) > 1:
            listed = ", ".join(f"{each:g}" for each in horizons)
            raise InputError(
                f"{figure} draws one horizon, but the table has {listed}: select one, as in"
                ' table.xs(26.0, level="horizon").'
            )
        table = table.droplevel("horizon")
    return table[column].unstack("model").sort_index()[list(table.index.unique("model"))]
