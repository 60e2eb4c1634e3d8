"""Figures of segments in feature space, and of their mean value with confidence intervals."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.plots._style import (
    BLUE,
    INK,
    MUTED,
    LineEnd,
    axes_for,
    dress,
    feature_label,
    label_ends,
    looks,
    number,
    with_thousands,
)
from clvml.plots._table_checks import check_numeric, check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMED = 0.4  # smallest weight at which a feature is in the name of a component


def segment_lines(centers: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Each segment as a line through its features: parallel coordinates, 0 is the average customer.

    Parameters
    ----------
    centers : pandas.DataFrame
        Index the segment (by name); one column per feature, in standard deviations of all customers, such as
        the means by segment of ``KMeansSegments.transform``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One line per segment, which ends with its name.

    Raises
    ------
    InputError
        If the table is empty, not numeric, or has fewer than two features.

    See Also
    --------
    clvml.KMeansSegments : Its ``transform`` gives the features.
    clvml.plots.segment_profile : The medians as a table.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "39W")
    >>> factors = model.fit(split.calibration).predict_factors(split.calibration)
    >>> customers = split.calibration.join(factors[["clv", "probability_alive"]])
    >>> kmeans = clvml.KMeansSegments(n_segments=4).fit(customers)
    >>> features = kmeans.transform(customers)
    >>> ax = plots.segment_lines(features.groupby(kmeans.segment_names(customers)).mean())
    """
    check_table(centers, [], "segment_lines")
    check_numeric(centers, list(centers), "segment_lines")
    if centers.shape[1] < 2:
        raise InputError("segment_lines needs at least two features; the table has one.")
    ax = axes_for(ax, width=9.0, height=4.6)
    places = np.arange(centers.shape[1])
    ax.axhline(0, color=MUTED, linewidth=1)
    styles = looks(centers.index)
    for name, row in centers.iterrows():
        ax.plot(places, row, "o-", color=styles[name].color, linewidth=1.8, markersize=5)
    ax.set_xticks(places, [textwrap.fill(feature_label(str(name)), 14) for name in centers])
    ax.set_xlim(-0.2, places[-1] + 0.1)
    dress(ax, "Segments by feature", "", "standard deviations from the average customer")
    ax.set_xlabel("feature")
    ax.figure.canvas.draw()
    label_ends(ax, [LineEnd(row.iloc[-1], str(name), styles[name].color) for name, row in centers.iterrows()])
    return ax


def segment_scatter(places: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Customers in two components, coloured by segment, with the name of each at its centre.

    Parameters
    ----------
    places : pandas.DataFrame
        As from `clvml.segments.grouping.two_components`: ``first, second, segment``; the axis labels use
        ``attrs["components"]`` if present.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One point per customer.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.segments.grouping.two_components : Makes the table.
    clvml.plots.segment_lines : All features instead of two components.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots
    >>> from clvml.segments.grouping import two_components
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "39W")
    >>> factors = model.fit(split.calibration).predict_factors(split.calibration)
    >>> customers = split.calibration.join(factors[["clv", "probability_alive"]])
    >>> kmeans = clvml.KMeansSegments(n_segments=4).fit(customers)
    >>> names = kmeans.segment_names(customers)
    >>> ax = plots.segment_scatter(two_components(kmeans.transform(customers), names))
    """
    check_table(places, ["first", "second", "segment"], "segment_scatter")
    check_numeric(places, ["first", "second"], "segment_scatter")
    ax = axes_for(ax, width=7.5, height=5.4)
    groups = places.groupby("segment", sort=True)
    styles = looks(groups.groups)
    for segment, group in groups:
        color = styles[segment].color
        ax.scatter(group["first"], group["second"], s=12, alpha=0.35, color=color, linewidths=0)
    for segment, group in groups:
        middle = group[["first", "second"]].median()
        ax.annotate(
            str(segment), (middle["first"], middle["second"]), ha="center", fontsize=9, fontweight="bold",
            color=styles[segment].color, bbox={"color": "white", "alpha": 0.8, "pad": 1.5},
        )  # fmt: skip
    known = places.attrs.get("components")
    labels = ["first component", "second component"] if known is None else map(component_label, known)
    ax.margins(x=0.28)  # labels of segments at the edge are wide
    return dress(
        ax, "Customers by segment, in two components", *(textwrap.fill(label, 46) for label in labels)
    )


def component_label(component: Mapping[str, Any]) -> str:
    """The features of weight in a component, and its share of the variance.

    Examples
    --------
    >>> component_label({"share": 0.61, "weights": {"clv": 0.7, "silence": -0.6, "frequency": 0.38}})
    'CLV against time since last purchase (61 % of the variance)'
    """
    weights = sorted(component["weights"].items(), key=lambda item: -abs(item[1]))
    heavy = [(feature_label(name), weight) for name, weight in weights if abs(weight) >= NAMED]
    more = ", ".join(name for name, weight in heavy if weight > 0)
    less = ", ".join(name for name, weight in heavy if weight < 0)
    words = " against ".join(part for part in (more, less) if part) or "all features"
    return f"{words} ({100 * component['share']:.0f} % of the variance)"


def segment_worth(worth: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The mean value per customer of each segment, with its confidence interval.

    Parameters
    ----------
    worth : pandas.DataFrame
        Index the segment; ``mean, lower, upper`` as from `clvml.segments.judging.mean_intervals` (no interval
        where they are missing), and ``name`` where present.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        A dot and an interval per segment, with the numbers beside them.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.segments.judging.mean_intervals : Makes the table.
    clvml.plots.segment_value : Shares of customers and of value.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots
    >>> from clvml.segments import judging
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "39W")
    >>> factors = model.fit(split.calibration).predict_factors(split.calibration)
    >>> customers = split.calibration.join(factors[["clv", "probability_alive"]])
    >>> kmeans = clvml.KMeansSegments(n_segments=4).fit(customers)
    >>> worth = judging.mean_intervals(customers["clv"], kmeans.predict(customers))
    >>> ax = plots.segment_worth(worth.assign(name=list(kmeans.names_)))
    """
    check_table(worth, ["mean", "lower", "upper"], "segment_worth")
    check_numeric(worth, ["mean"], "segment_worth")
    ax = axes_for(ax, width=8.0, height=1.6 + 0.5 * len(worth))
    rows = np.arange(len(worth))
    left, right = worth["lower"].fillna(worth["mean"]), worth["upper"].fillna(worth["mean"])
    ax.hlines(rows, left, right, color=BLUE, linewidth=6, alpha=0.35)
    ax.plot(worth["mean"], rows, "o", color=BLUE, markersize=7)
    for row, (mean, lower, upper) in enumerate(
        zip(worth["mean"], worth["lower"], worth["upper"], strict=True)
    ):
        label = f"{number(mean)} ({number(lower)} to {number(upper)})" if np.isfinite(lower) else number(mean)
        ax.annotate(
            label, (max(mean, right.iloc[row]), row), (8, 0), textcoords="offset points", va="center",
            fontsize=9, color=INK,
        )  # fmt: skip
    names = worth["name"] if "name" in worth else pd.Series("", index=worth.index)
    ax.set_yticks(rows, [f"{segment} {name}".rstrip() for segment, name in names.items()])
    ax.invert_yaxis()
    ax.set_ylim(len(worth) - 0.4, -0.6)
    ax.set_xlim(0, 1.35 * float(right.max()) if right.max() > 0 else 1)
    with_thousands(ax.xaxis)
    dress(
        ax, "Mean value per customer by segment", "mean value, with its 95 % confidence interval", "segment"
    )
    ax.grid(visible=False, axis="y")
    return ax
