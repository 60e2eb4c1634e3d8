"""Figures of segments: profiles, shares of value, and the choice of their number."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.plots._style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    axes_for,
    dress,
    feature_label,
    number,
    percent,
    time_in,
    with_percent,
)
from clvml.plots._table_checks import check_numeric, check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZES = ("name", "customers", "share_of_customers", "share_of_value")
MONEY = ("monetary_value", "clv", "total_spend", "expected_spend")
HOLDOUT = {"holdout_gini": "Gini of value", "holdout_explained": "explained variance of ranks"}
TIMES = ("recency", "T", "time_since_last_purchase")


def segment_profile(profile: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The median customer of each segment, coloured relative to the other segments.

    Parameters
    ----------
    profile : pandas.DataFrame
        Index the segment; columns ``customers`` (how many) and one median per feature; ``name``,
        ``share_of_customers`` and ``share_of_value`` are used where present.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        A heat map of medians: a row per segment, a column per feature.

    Raises
    ------
    InputError
        If the table is empty, lacks ``customers``, or has no numeric feature.

    See Also
    --------
    clvml.KMeansSegments : Its ``profile_`` is the table.
    clvml.plots.segment_lines : The means as lines.

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
    >>> ax = plots.segment_profile(kmeans.profile_)
    """
    figure = "segment_profile"
    check_table(profile, ["customers"], figure)
    features = [name for name in profile.select_dtypes("number") if name not in SIZES]
    if not features:
        raise InputError(f"{figure} needs at least one numeric column of medians besides {SIZES}.")
    medians = profile[features].astype(float)
    ax = axes_for(ax, width=2.8 + 1.15 * len(features), height=1.6 + 0.5 * len(profile))
    deviation = _standardised(medians)
    shade = np.abs(deviation.to_numpy())
    limit = max(1.0, float(np.nanmax(shade)))
    mesh = ax.imshow(deviation, cmap="PuOr_r", vmin=-limit, vmax=limit, aspect="auto", alpha=0.8)
    for (row, column), value in np.ndenumerate(medians.to_numpy()):
        text = _printed(value, medians.iloc[:, column])
        dark = shade[row, column] > 0.75 * limit
        ax.text(column, row, text, ha="center", va="center", fontsize=9, color="white" if dark else INK)
    dress(ax, "Median customer by segment", "median in the segment", "segment")
    ax.set_xticks(range(len(features)), [_heading(str(name), profile.attrs) for name in features], fontsize=9)
    ax.set_yticks(range(len(profile)), _names(profile, sizes=True), fontsize=9)
    _bare(ax)
    bar = ax.figure.colorbar(mesh, ax=ax, label="relative to the other segments\n(standard deviations)")
    bar.outline.set_visible(False)
    return ax


def segment_value(profile: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Each segment's share of the customers against its share of the value.

    Parameters
    ----------
    profile : pandas.DataFrame
        Index the segment; columns ``share_of_customers`` and ``share_of_value`` (0 to 1), and
        ``name`` where present.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Two bars per segment.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.KMeansSegments : Its ``profile_`` is the table.
    clvml.plots.segment_worth : The mean value per customer.

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
    >>> ax = plots.segment_value(kmeans.profile_)
    """
    shares = {"share_of_customers": ("customers", MUTED), "share_of_value": ("value", BLUE)}
    check_table(profile, shares, "segment_value")
    check_numeric(profile, shares, "segment_value")
    ax = axes_for(ax, width=7.5, height=1.6 + 0.62 * len(profile))
    places = np.arange(len(profile))
    for shift, (column, (label, color)) in zip((-0.19, 0.19), shares.items(), strict=True):
        bars = ax.barh(places + shift, profile[column], 0.36, color=color, label=f"share of {label}")
        ax.bar_label(bars, [percent(share) for share in profile[column]], padding=3, fontsize=9, color=color)
    ax.set_yticks(places, _names(profile))
    ax.invert_yaxis()
    ax.margins(x=0.1)
    with_percent(ax.xaxis)
    dress(
        ax,
        "Share of customers and of value by segment",
        "share of all customers, and of all value",
        "segment",
    )
    ax.grid(visible=False, axis="y")
    ax.legend(frameon=False, fontsize=9, loc="best")
    return ax


def segment_choice(selection: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The choice of the number of segments: value in the holdout, silhouette, stability and the elbow.

    Parameters
    ----------
    selection : pandas.DataFrame
        ``KMeansSegments.selection_``: index the number of segments; ``silhouette, inertia, stability,
        elbow, chosen``, and the explanation in ``attrs["why"]`` where it is known. Inertia is drawn as a
        share of its largest value, ``holdout_gini`` and ``holdout_explained`` where the value in a holdout is
        known.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One line per criterion, with the chosen number of segments in the title.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.KMeansSegments : Its ``selection_`` is the table.
    clvml.plots.segment_profile : The segments chosen.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "39W")
    >>> factors = model.fit(split.calibration).predict_factors(split.calibration)
    >>> customers = split.calibration.join(factors[["clv", "probability_alive"]])
    >>> kmeans = clvml.KMeansSegments().fit(customers, outcome=split.holdout["spend"])
    >>> ax = plots.segment_choice(kmeans.selection_)
    """
    needed = ["silhouette", "inertia", "stability", "elbow", "chosen"]
    check_table(selection, needed, "segment_choice")
    check_numeric(selection, needed[:2], "segment_choice")
    ax = axes_for(ax, width=7.5, height=4.6)
    numbers = selection.index.to_numpy()
    inertia = selection["inertia"] / selection["inertia"].max()
    lines = (
        ("stability (random halves)", selection["stability"], GREEN, "s-"),
        ("silhouette", selection["silhouette"], BLUE, "o-"),
        ("inertia (share of the largest)", inertia, MUTED, "^--"),
    )
    known = [(f"{label} in the holdout", name) for name, label in HOLDOUT.items() if name in selection]
    for (label, name), style in zip(known, ("D-", "v:"), strict=False):
        ax.plot(numbers, selection[name], style, color=ORANGE, label=label, linewidth=1.9, markersize=5)
    for label, values, color, style in lines:
        ax.plot(numbers, values, style, color=color, label=label, linewidth=1.6, markersize=5)
    chosen = numbers[selection["chosen"].to_numpy(dtype=bool)]
    for place in chosen:
        ax.axvline(place, color=ORANGE, linewidth=8, alpha=0.35, zorder=0)
    for place in numbers[selection["elbow"].to_numpy(dtype=bool)]:
        ax.annotate(
            "elbow", (place, inertia[place]), (0, -16), textcoords="offset points", ha="center", color=MUTED
        )
    ax.set_xticks(list(numbers))
    lowest = selection[["silhouette", *(name for _, name in known)]].to_numpy(dtype=float)
    ax.set_ylim(min(0.0, float(np.nanmin(lowest)) - 0.05), 1.08 + 0.09 * (2 + len(known)))
    ax.set_yticks(np.linspace(0, 1, 6))
    name = f"{chosen[0]} segments" if len(chosen) else "the number of segments"
    why = str(selection.attrs.get("why", ""))
    dress(ax, f"Choice of {name}", f"number of segments\n\n{textwrap.fill(why, 95)}".rstrip(), "0 to 1")
    ax.legend(frameon=False, fontsize=9, loc="upper right", ncols=2)
    return ax


def _standardised(medians: pd.DataFrame) -> pd.DataFrame:
    """Each column less its mean, in standard deviations; zero where segments do not differ."""
    spread = medians.std(ddof=0)
    return (medians - medians.mean()) / spread.where(spread > 0, 1.0)


def _printed(value: float, column: pd.Series) -> str:
    if (column.dropna() % 1 == 0).all() and np.isfinite(value):
        return f"{value:,.0f}"
    return number(value, largest=float(column.abs().max()))


def _heading(column: str, attrs: Mapping[Any, Any]) -> str:
    words = column.removeprefix("median_").removesuffix("_median")
    unit = "money" if words in MONEY else time_in(attrs) if words in TIMES and "time_unit" in attrs else ""
    heading = textwrap.fill(feature_label(words), 12)
    return f"{heading}\n({unit})" if unit else heading


def _names(profile: pd.DataFrame, sizes: bool = False) -> list[str]:
    if "name" in profile:
        names = [f"{segment} {name}" for segment, name in profile["name"].items()]
    else:
        names = [f"segment {segment}" for segment in profile.index]
    if not sizes:
        return names
    return [f"{name}\n{size:,.0f} customers" for name, size in zip(names, profile["customers"], strict=True)]


def _bare(ax: Axes) -> None:
    ax.grid(visible=False)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
