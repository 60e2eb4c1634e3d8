"""Outcomes since a model was trained, against what it expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.plots._style import BLUE, INK, MUTED, VERMILION, axes_for, deviation, dress, with_percent
from clvml.plots._table_checks import check_numeric, check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEGEND = {"in order": INK, "outside its interval": MUTED, "look at it": VERMILION}
_WIDEST = 3.0  # a deviation beyond +300 % is drawn at the edge


def deviations(statements: pd.DataFrame, *, title: str = "", ax: Axes | None = None) -> Axes:
    """Deviations of what was observed from what was expected, with the 90 % interval if nothing changed.

    Parameters
    ----------
    statements : pandas.DataFrame
        Rows of `clvml.monitoring.ModelCheck.table`: columns ``name, expected, lower, upper, observed,
        status``. Rows without a positive expectation are left out.
    title : str
        Default: how many deviate.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        A dot and an interval for each statement, coloured by its status.

    Raises
    ------
    InputError
        If a column is missing, or no row has a positive expectation.

    See Also
    --------
    clvml.plots.prediction_intervals : Intervals of customers and groups.

    Examples
    --------
    >>> import clvml
    >>> from clvml import monitoring, plots
    >>> from clvml.scoring import ModelCard
    >>> split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "39W").fit(split.calibration)
    >>> card = ModelCard(observed_until="1997-09-30", time_unit="W")
    >>> table = monitoring.check_model(model, card, clvml.load_cdnow()).table
    >>> ax = plots.deviations(table[table["question"] == "outcomes"])
    """
    numbers = ["expected", "lower", "upper", "observed"]
    check_table(statements, [*numbers, "name", "status"], "deviations")
    check_numeric(statements, numbers, "deviations")
    finite = np.isfinite(statements[numbers].to_numpy(dtype=float)).all(axis=1)
    shown = statements[(statements["expected"] > 0) & finite]
    if shown.empty:
        raise InputError("deviations needs a row with a positive expectation.")
    ax = axes_for(ax, width=8.5, height=1.8 + 0.42 * len(shown))
    ratios = shown[numbers].div(shown["expected"], axis="index").to_numpy(dtype=float) - 1
    _, lower, upper, observed = np.clip(ratios, -1.0, _WIDEST).T
    rows = np.arange(len(shown))
    ax.barh(
        rows,
        upper - lower,
        0.5,
        left=lower,
        color=BLUE,
        alpha=0.35,
        label="90 % interval\nif nothing changed",
    )
    ax.axvline(0, color=MUTED, linewidth=1)
    for status, color in _LEGEND.items():
        here = (shown["status"] == status).to_numpy()
        if here.any():
            ax.plot(observed[here], rows[here], "D", color=color, markersize=6, label=f"observed:\n{status}")
    furthest = np.maximum(upper, observed)
    for row, (end, exact) in enumerate(zip(furthest, ratios[:, 3], strict=True)):
        ax.annotate(
            deviation(100 * exact), (end, row), xytext=(9, 0), textcoords="offset points", va="center",
            fontsize=9, color=INK,
        )  # fmt: skip
    ax.set_yticks(rows, [str(name) for name in shown["name"]])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    left, right = min(0.0, lower.min(), observed.min()), max(0.0, furthest.max())
    margin = 0.12 * (right - left) or 0.1
    ax.set_xlim(left - margin / 2, right + 1.8 * margin)
    with_percent(ax.xaxis)
    looked = int((shown["status"] == "look at it").sum())
    dress(
        ax, title or f"{looked} of {len(shown)} to look at", "deviation from what was expected", "statement"
    )
    ax.grid(visible=False, axis="y")
    ax.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax
