"""Figures of cohorts: revenue by cohort over time, and cohorts compared at equal age."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from clvml.customers._cohorts import cohort_names
from clvml.customers._time_units import TIME_UNITS
from clvml.errors import InputError
from clvml.plots._style import (
    INK,
    LineEnd,
    axes_for,
    dress,
    label_ends,
    with_percent,
    with_thousands,
)
from clvml.plots._table_checks import check_numeric, check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BANDS = 10  # of a chart of revenue by cohort
MOST_LINES = 10
MANY_LINES = 25  # thinner ones
MOST_TICKS = 14


class Measure(NamedTuple):
    """A measure of a heat map: its title, and whether it is a share, or a mean in currency units."""

    title: str
    kind: str


MEASURES = {
    "customers": Measure("Customers who bought", "number"),
    "orders": Measure("Orders", "number"),
    "revenue": Measure("Revenue", "money"),
    "average_order_value": Measure("Average order value", "money"),
    "retention": Measure("Retention: share of the cohort who bought", "share"),
    "cumulative_value": Measure("Cumulative value per acquired customer", "money"),
}


def revenue_by_cohort(table: pd.DataFrame, *, currency: str = "", ax: Axes | None = None) -> Axes:
    """Revenue of each period, stacked by the cohort that brought it: the customer cohort chart (C3).

    Many cohorts are joined to those of quarters, years or several years, as the title says. Only complete
    periods. Orders, for purchases without money.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.customer_base.cohort_table`.
    currency : str
        Sign or code.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One band per cohort, the oldest at the bottom.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.customer_base.cohort_table : Makes the table.
    clvml.plots.cohort_curves : Cohorts by age.

    Examples
    --------
    >>> import clvml
    >>> from clvml import customer_base, plots
    >>> transactions = clvml.load_cdnow()
    >>> table = customer_base.cohort_table(transactions, "M", observation_end="1998-06-30")
    >>> ax = plots.revenue_by_cohort(table, currency="$")
    """
    check_table(table, ["period", "complete", "orders"], "revenue_by_cohort")
    value = "revenue" if "revenue" in table else "orders"
    complete = table[table["complete"]]
    check_table(complete, [value], "revenue_by_cohort")
    starts = complete["period"].xs(0, level="age")
    bands, joined = _bands(starts, str(table.attrs.get("period", "M")))
    names = bands[complete.index.get_level_values("cohort")].to_numpy()
    wide = complete.groupby(["period", names])[value].sum().unstack(fill_value=0)[list(bands.unique())]
    ax = axes_for(ax, width=8.0)
    freq = str(table.attrs.get("period", "M"))
    periods = pd.period_range(wide.index.min(), wide.index.max(), freq=freq)
    wide = wide.reindex(periods.start_time, fill_value=0.0)
    ends = _stack(ax, wide)
    with_thousands(ax.yaxis)
    kind = f"{value} ({currency})" if currency and value == "revenue" else value
    unit = TIME_UNITS[freq].name
    by = f", by {joined} of the first order" if joined else f", by {unit} of the first order"
    dress(ax, f"{value.capitalize()} per {unit}{by}", unit, f"{kind} per {unit}")
    shown = thinned(len(periods), MOST_TICKS)
    ax.set_xticks(shown, [str(periods[place]) for place in shown], rotation=40, ha="right", fontsize=9)
    ax.set_xlim(-0.5, len(periods) - 0.5)
    label_ends(ax, ends)
    return ax


def cohort_curves(
    table: pd.DataFrame, *, measure: str = "cumulative_value", currency: str = "", ax: Axes | None = None
) -> Axes:
    """A measure of each cohort by age, one line per cohort, from light (old) to dark (recent).

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.customer_base.cohort_table`.
    measure : str, default "cumulative_value"
        As of `cohort_heat_map`. Retention begins at age 1.
    currency : str
        Sign or code.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One line per cohort.

    Raises
    ------
    InputError
        If the measure is unknown, or the table is empty or lacks it.

    See Also
    --------
    clvml.customer_base.cohort_table : Makes the table.
    clvml.plots.cohort_heat_map : The same as colours and numbers.

    Examples
    --------
    >>> import clvml
    >>> from clvml import customer_base, plots
    >>> transactions = clvml.load_cdnow()
    >>> table = customer_base.cohort_table(transactions, "M", observation_end="1998-06-30")
    >>> ax = plots.cohort_curves(table, measure="cumulative_value", currency="$")
    """
    if measure not in MEASURES:
        raise InputError(f"measure is {measure!r}; it must be one of {', '.join(MEASURES)}.")
    check_table(table, [measure, "complete"], "cohort_curves")
    check_numeric(table, [measure], "cohort_curves")
    complete = table.loc[table["complete"], measure]
    if measure == "retention":
        complete = complete[complete.index.get_level_values("age") > 0]
    if complete.empty:
        raise InputError(f"cohort_curves has no complete period of {measure} to draw.")
    names = list(complete.index.unique("cohort"))
    title, kind = MEASURES[measure]
    ax = axes_for(ax, width=8.0)
    labelled = {names[place] for place in thinned(len(names), MOST_LINES)}
    ends = []
    for name, color in zip(names, _shades(len(names)), strict=True):
        curve = complete.xs(name, level="cohort")
        single = "o" if len(curve) == 1 else None
        ax.plot(
            curve.index,
            curve,
            color=color,
            linewidth=1.8 if len(names) <= MANY_LINES else 0.8,
            marker=single,
            markersize=4,
        )
        if name in labelled and np.isfinite(curve.iloc[-1]):
            ends.append(LineEnd(float(curve.iloc[-1]), str(name), color))
    (with_percent if kind == "share" else with_thousands)(ax.yaxis)
    ax.set_ylim(min(0.0, float(complete.min())), 1.08 * max(float(complete.max()), 1e-9))
    ax.set_xlim(0, max(float(complete.index.get_level_values("age").max()), 1.0))
    money = f" ({currency})" if kind == "money" and currency else ""
    dress(
        ax,
        f"{title}{money}, by cohort (dark: recent)",
        f"age of the cohort ({age_unit(table)}s after the first)",
        measure.replace("_", " "),
    )
    whole_ticks(ax)
    label_ends(ax, ends)
    return ax


def _bands(starts: pd.Series, period: str) -> tuple[pd.Series, str]:
    """The band of each cohort, and the unit by which cohorts were joined (empty: they are few enough)."""
    days = pd.DatetimeIndex(starts)
    if len(starts) <= MOST_BANDS:
        return pd.Series(starts.index.astype(str), starts.index), ""
    for longer in ("M", "Q", "Y"):
        names = cohort_names(days, longer)
        if list(TIME_UNITS).index(longer) > list(TIME_UNITS).index(period) and names.nunique() <= MOST_BANDS:
            return pd.Series(names, starts.index), TIME_UNITS[longer].name
    years = np.asarray(days.year)
    width = int(np.ceil((years.max() - years.min() + 1) / MOST_BANDS))
    first = years.min() + (years - years.min()) // width * width
    bands = [str(year) if width == 1 else f"{year}–{year + width - 1}" for year in first]
    return pd.Series(bands, starts.index), "year" if width == 1 else f"{width} years"


def _stack(ax: Axes, wide: pd.DataFrame) -> list[LineEnd]:
    """Bands of one step per period, above zero, and below it where returns exceed purchases."""
    steps = np.arange(len(wide) + 1) - 0.5
    ends = []
    above, below = np.zeros((2, len(wide)))
    for (name, values), color in zip(wide.items(), _shades(wide.shape[1]), strict=True):
        gained, lost = np.maximum(values.to_numpy(), 0), np.minimum(values.to_numpy(), 0)
        look: dict[str, Any] = {"color": color, "linewidth": 0.3, "edgecolor": "white", "step": "post"}
        for bottom, height in ((above, gained), (below, lost)):
            if height.any():
                low, high = (np.append(level, level[-1]) for level in (bottom, bottom + height))
                ax.fill_between(steps, low, high, **look)
        bottom = above if values.iloc[-1] >= 0 else below
        ends.append(LineEnd(float(bottom[-1] + values.iloc[-1] / 2), str(name), color))
        above, below = above + gained, below + lost
    if below.any():
        ax.axhline(0, color=INK, linewidth=0.8)
    else:
        ax.set_ylim(bottom=0)
    return ends


def _shades(number: int) -> list[Any]:
    """Colours from light to dark, all dark enough on white."""
    from matplotlib import colormaps

    return [colormaps["viridis_r"](place) for place in np.linspace(0.18, 1.0, max(number, 2))][-number:]


def thinned(number: int, most: int) -> list[int]:
    """At most so many places, evenly spaced from the first."""
    return list(range(0, number, int(np.ceil(number / most)) or 1))


def whole_ticks(ax: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def age_unit(table: pd.DataFrame) -> str:
    unit = TIME_UNITS.get(str(table.attrs.get("period")))
    return unit.name if unit else "period"
