"""Figures of the volume and profit of customers by lifecycle stage and age, as measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.plots._style import BLUE, GREEN, INK, MUTED, ORANGE, VERMILION, axes_for, dress, number
from clvml.plots._table_checks import check_numeric, check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = {
    "exploration": BLUE,
    "build-up": ORANGE,
    "stability": GREEN,
    "decline": VERMILION,
    "lapsed": MUTED,
}
PERIODS = {"D": "day", "W": "week", "M": "month", "Q": "quarter", "Y": "year"}


def lifecycle_volume(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Profit per customer in the last period of observation, by stage of the lifecycle.

    Parameters
    ----------
    table : pandas.DataFrame
        As from `clvml.segments.grouping.volume_by_stage`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One bar per stage.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.segments.grouping.volume_by_stage : Makes the table.
    clvml.plots.volume_by_age : By age within each stage.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots
    >>> from clvml.segments import grouping
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "39W")
    >>> factors = model.fit(split.calibration).predict_factors(split.calibration)
    >>> customers = split.calibration.join(factors[["clv", "probability_alive"]])
    >>> customers = customers.join(grouping.relationship_evidence(transactions, split.calibration))
    >>> lifecycle = clvml.LifecycleStages().fit(customers)
    >>> stages = lifecycle.evidence(customers)["stage"]
    >>> ax = plots.lifecycle_volume(grouping.volume_by_stage(transactions, split.calibration, stages))
    """
    columns = ["customers", "purchases", "profit"]
    check_table(table, columns, "lifecycle_volume")
    check_numeric(table, columns, "lifecycle_volume")
    ax = axes_for(ax, width=8.5, height=4.6)
    places, profit = np.arange(len(table)), table["profit"].fillna(0.0).to_numpy(dtype=float)
    colors = [COLORS.get(str(stage), BLUE) for stage in table.index]
    bars = ax.bar(places, profit, 0.62, color=colors, alpha=0.85)
    largest = float(np.abs(profit).max(initial=0.0))
    labels = [
        f"{number(money, largest=largest) if size else 'no customers'}\n{bought:.2f} purchases"
        if size
        else "no customers"
        for money, bought, size in zip(
            profit, table["purchases"].fillna(0.0), table["customers"], strict=True
        )
    ]
    ax.bar_label(bars, labels, padding=4, fontsize=9, color=INK)
    ax.margins(y=0.22)
    word = _period(table.attrs)
    dress(ax, f"Volume and profit by stage: the last {word}", "", f"profit per customer and {word}")
    ax.grid(visible=False, axis="x")
    ticks = [f"{stage}\n{size:,.0f} customers" for stage, size in table["customers"].items()]
    ax.set_xticks(places, ticks, fontsize=9)
    return ax


def volume_by_age(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Profit per customer by age, for the customers of each current stage.

    Parameters
    ----------
    table : pandas.DataFrame
        As from `clvml.segments.grouping.volume_by_age`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One line per stage.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.segments.grouping.volume_by_age : Makes the table.
    clvml.plots.lifecycle_volume : The last period, by stage.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots
    >>> from clvml.segments import grouping
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "39W")
    >>> factors = model.fit(split.calibration).predict_factors(split.calibration)
    >>> customers = split.calibration.join(factors[["clv", "probability_alive"]])
    >>> customers = customers.join(grouping.relationship_evidence(transactions, split.calibration))
    >>> lifecycle = clvml.LifecycleStages().fit(customers)
    >>> stages = lifecycle.evidence(customers)["stage"]
    >>> ax = plots.volume_by_age(grouping.volume_by_age(transactions, split.calibration, stages, "M"))
    """
    columns = ["age", "customers", "profit"]
    check_table(table, ["stage", *columns], "volume_by_age")
    check_numeric(table, columns, "volume_by_age")
    if not (table["age"] > 0).any():
        raise InputError("volume_by_age draws ages after the first period, and no customer is that old.")
    ax = axes_for(ax, width=8.5, height=4.6)
    for stage, rows in table.groupby("stage", sort=False):
        color = COLORS.get(str(stage), BLUE)
        ax.plot(rows["age"], rows["profit"], "o-", color=color, label=str(stage), linewidth=1.8, markersize=4)
    word = _period(table.attrs)
    ax.set_xticks(sorted(table["age"].unique())[:: max(1, table["age"].nunique() // 12)])
    ax.set_ylim(bottom=min(0.0, float(table["profit"].min())))
    title = "Volume by age, by the stage that customers are in now"
    dress(ax, title, f"{word}s since the first purchase (which is in 0)", f"profit per customer and {word}")
    ax.legend(frameon=False, fontsize=9, title="stage now")
    return ax


def _period(attrs: dict[Any, Any]) -> str:
    return PERIODS.get(str(attrs.get("period")), "period")
