"""Figures of customer relationships over time: the lifecycle, and the shapes of ended ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.plots._style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    VERMILION,
    axes_for,
    dress,
    number,
    percent,
    time_in,
)
from clvml.plots._table_checks import check_numeric, check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVE = {"exploration": 0.25, "build-up": 0.62, "stability": 1.0, "decline": 0.6, "lapsed": 0.0}
# By shape: duration, height and colour in the sketch.
SHAPES = {
    "broken off early": (0.9, 0.25, MUTED),
    "broken off midway": (1.9, 0.62, ORANGE),
    "left early": (2.9, 1.0, VERMILION),
    "long-lasting": (4.8, 1.0, BLUE),
}


def lifecycle_curve(profile: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The number of customers in each stage of the lifecycle.

    The curve is the textbook's sketch of volume over time, not measured; dots grow with the
    number of customers.

    Parameters
    ----------
    profile : pandas.DataFrame
        ``LifecycleStages.profile_``: index the stage; ``customers, share_of_customers``, and ``clv``
        (mean money per customer) where present.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The curve, with a dot and the number of customers at each stage.

    Raises
    ------
    InputError
        If the table is empty, lacks a column, or a stage.

    See Also
    --------
    clvml.LifecycleStages : Its ``profile_`` is the table.
    clvml.plots.lifecycle_volume : Measured volume by stage.

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
    >>> worth = customers["clv"].groupby(lifecycle.evidence(customers)["stage"]).mean()
    >>> ax = plots.lifecycle_curve(lifecycle.profile_.assign(clv=worth))
    """
    check_table(profile, ["customers", "share_of_customers"], "lifecycle_curve")
    check_numeric(profile, ["customers", "share_of_customers"], "lifecycle_curve")
    missing = [stage for stage in CURVE if stage not in profile.index]
    if missing:
        raise InputError(f"lifecycle_curve needs a row for each stage; {missing[0]!r} is missing.")
    from scipy.interpolate import PchipInterpolator

    ax = axes_for(ax, width=8.5, height=4.6)
    x, heights = np.arange(len(CURVE)), np.array(list(CURVE.values()))
    grid = np.linspace(-0.45, 4.0, 200)
    sketch = PchipInterpolator([-0.45, *x], [0.05, *heights])
    ax.plot(grid, sketch(grid), color=BLUE, linewidth=2, alpha=0.6, zorder=1)
    part = profile.loc[list(CURVE), "share_of_customers"].to_numpy(dtype=float)
    colors = [BLUE, BLUE, GREEN, VERMILION, MUTED]
    ax.scatter(x, heights, s=60 + 2200 * part, c=colors, zorder=2, edgecolors="white", linewidths=1.5)
    shown = [name for name in ("customers", "share_of_customers", "clv") if name in profile]
    for place, stage in enumerate(CURVE):
        row = {str(column): float(profile[column][stage]) for column in shown}
        label = f"{row['customers']:,.0f} ({percent(row['share_of_customers'])})"
        if np.isfinite(row.get("clv", np.nan)):
            label += f"\n{number(row['clv'])} per customer"
        lift = 10 + 0.5 * np.sqrt(60 + 2200 * part[place])
        ax.annotate(
            label, (place, heights[place]), (0 if place < 3 else 6, lift), textcoords="offset points",
            ha="center" if place < 3 else "left", fontsize=9, color=INK,
        )  # fmt: skip
    dress(ax, "Customers by stage of the lifecycle", "", "volume and profit (sketch)")
    ax.grid(visible=False)
    ax.set_xticks(x, list(CURVE))
    ax.set_yticks([])
    ax.set_ylim(-0.15, 1.5)
    ax.set_xlim(-0.6, 4.6)
    return ax


def relationship_shapes(profile: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The four shapes of ended relationships: number of customers, duration and spend.

    The curves are the textbook's sketch of value over time, not measured.

    Parameters
    ----------
    profile : pandas.DataFrame
        As from `clvml.segments.grouping.shape_profile`: index the shape; ``customers, share_of_customers,
        lasted, spent``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Four small curves, with numbers beside each.

    Raises
    ------
    InputError
        If the table is empty, lacks a column or a shape, or no relationship has ended.

    See Also
    --------
    clvml.segments.grouping.shape_profile : Makes the table.
    clvml.segments.grouping.relationship_shapes : The shape of each relationship.

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
    >>> shapes = grouping.relationship_shapes(lifecycle.evidence(customers)["stage"], customers)
    >>> ax = plots.relationship_shapes(grouping.shape_profile(shapes, split.calibration))
    """
    columns = ["customers", "share_of_customers", "lasted", "spent"]
    check_table(profile, columns, "relationship_shapes")
    check_numeric(profile, columns[:2], "relationship_shapes")
    missing = [shape for shape in SHAPES if shape not in profile.index]
    if missing:
        raise InputError(f"relationship_shapes needs a row for each shape; {missing[0]!r} is missing.")
    if not profile["customers"].sum() > 0:
        raise InputError("relationship_shapes draws ended relationships, and none has ended yet.")
    ax = axes_for(ax, width=8.5, height=4.4)
    time = np.linspace(0, 5, 400)
    for lane, (shape, (end, top, color)) in enumerate(SHAPES.items()):
        row = {str(name): float(profile[name][shape]) for name in columns}
        floor = len(SHAPES) - 1 - lane
        ax.axhline(floor, color=FAINT, linewidth=1)
        ax.plot(time, floor + 0.8 * _course(time, end, top), color=color, linewidth=2.5)
        ax.fill_between(time, floor, floor + 0.8 * _course(time, end, top), color=color, alpha=0.15)
        ax.text(5.1, floor + 0.2, _label(row, profile.attrs), fontsize=10, color=INK, linespacing=1.4)
    dress(ax, "Shapes of ended relationships", "value over time (sketch)", "shape of the relationship")
    ax.grid(visible=False)
    ax.set_xticks([])
    ax.set_yticks([floor + 0.3 for floor in range(len(SHAPES))], list(SHAPES)[::-1])
    ax.tick_params(length=0)
    ax.set_ylim(0, len(SHAPES))
    ax.set_xlim(0, 8)
    return ax


def _course(time: np.ndarray, end: float, top: float) -> np.ndarray:
    """An S-curve up to ``top`` that falls to zero at ``end``."""
    rising = 1 / (1 + np.exp(-3 * (time - 1.2)))
    falling = 1 / (1 + np.exp(np.minimum(14 * (time - end + 0.2), 50)))
    return np.minimum(rising, top) * falling


def _label(row: dict[str, float], attrs: dict[Any, Any]) -> str:
    label = f"{row['customers']:,.0f} customers ({percent(row['share_of_customers'])})"
    if not row["customers"]:
        return label
    lasted = f"{number(row['lasted']) if row['lasted'] else 0} {time_in(attrs)}"
    return f"{label}\nlasting {lasted}, {number(row['spent'])} per customer"
