"""Figures of the goodness of fit: actual and expected numbers of customers, as bars and lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvml.plots._style import BLUE, FAINT, INK, MUTED, axes_for, dress, looks, with_thousands
from clvml.plots._table_checks import check_numeric, check_table, model_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def fit_by_frequency(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Customers with 0, 1, 2, ... repeat purchases: actual numbers as bars, expected ones as dots.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.diagnostics.fit_by_frequency`: index the frequency label (``"0"`` to ``"7+"``), ``actual``
        and one or more columns of expected numbers, one per model.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Bars for the actual numbers, and dots for each model.

    Raises
    ------
    InputError
        If the table is empty, lacks a column, or holds no model.

    See Also
    --------
    clvml.diagnostics.fit_by_frequency : Makes the table.
    clvml.plots.fit_by_spend : The fit of a spend model.

    Examples
    --------
    >>> import clvml
    >>> from clvml import diagnostics, plots
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.BGNBD().fit(split.calibration)
    >>> fit = diagnostics.fit_by_frequency(split.calibration, model)
    >>> ax = plots.fit_by_frequency(fit.rename(columns={"expected": "BG/NBD"}))
    """
    figure = "fit_by_frequency"
    check_table(table, ["actual"], figure)
    models = model_columns(table, ["actual"], figure)
    check_numeric(table, ["actual"], figure)
    ax = axes_for(ax)
    places = np.arange(len(table))
    bars = ax.bar(places, table["actual"], 0.75, color=FAINT, edgecolor=MUTED, label="actual")
    ax.bar_label(bars, [f"{count:,.0f}" for count in table["actual"]], padding=7, fontsize=9, color=INK)
    shifts = np.linspace(-0.2, 0.2, len(models)) if len(models) > 1 else [0.0]
    for (model, look), shift in zip(looks(models).items(), shifts, strict=True):
        ax.plot(places + shift, table[model], "o", color=look.color, markersize=7, label=str(model))
    ax.set_xticks(places, [str(label) for label in table.index])
    ax.margins(y=0.1)
    with_thousands(ax.yaxis)
    dress(
        ax,
        "Customers by number of repeat purchases, actual and expected",
        "repeat purchases in the observation period",
        "customers",
    )
    ax.grid(visible=False, axis="x")
    ax.legend(frameon=False, fontsize=9)
    return ax


def fit_by_spend(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Customers by average spend: actual numbers as bars, expected ones as a line.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.diagnostics.fit_by_spend`: index the middle of a bin of money, columns ``actual,
        expected``; the attribute ``beyond`` counts the customers above the last bin.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Bars for the actual numbers, and a line for the model.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.diagnostics.fit_by_spend : Makes the table.
    clvml.plots.fit_by_frequency : The fit of a purchase model.

    Examples
    --------
    >>> import clvml
    >>> from clvml import diagnostics, plots
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.GammaGamma().fit(split.calibration)
    >>> ax = plots.fit_by_spend(diagnostics.fit_by_spend(split.calibration, model))
    """
    check_table(table, ["actual", "expected"], "fit_by_spend")
    check_numeric(table, ["actual", "expected"], "fit_by_spend")
    ax = axes_for(ax)
    money = table.index.to_numpy(dtype=float)
    width = float(table.attrs.get("width", 2 * money[0]))
    ax.bar(money, table["actual"], width, color=FAINT, edgecolor=MUTED, linewidth=0.6, label="actual")
    label = str(table.attrs.get("title", "expected"))
    ax.plot(money, table["expected"], color=BLUE, linewidth=2, label=label)
    ax.set_xlim(0, money[-1] + width / 2)
    with_thousands(ax.xaxis)
    beyond = table.attrs.get("beyond")
    above = (
        ""
        if beyond is None
        else f"\nabove: {beyond['actual']:,.0f} customers, {beyond['expected']:,.0f} expected"
    )
    dress(
        ax,
        "Customers by average spend, actual and expected",
        f"average spend per repeat purchase (money){above}",
        f"customers per bin of {width:g}",
    )
    ax.grid(visible=False, axis="x")
    ax.legend(frameon=False, fontsize=9)
    return ax
