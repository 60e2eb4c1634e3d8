"""Figures of cohorts: heat maps by age, revenue by cohort over time, and cohorts compared at equal age."""

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
    percent,
    with_percent,
    with_thousands,
)
from clvml.plots._table_checks import check_numeric, check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BANDS = 10  # of a chart of revenue by cohort
MOST_LINES = 10
MOST_COLUMNS = 18  # of a heat map with numbers in its cells
MOST_ROWS = 25
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


def cohort_heat_map(
    table: pd.DataFrame, measure: str = "retention", *, currency: str = "", ax: Axes | None = None
) -> Axes:
    """A measure by cohort and age, complete periods only.

    With many cohorts or ages there are colours without numbers.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.customer_base.cohort_table`.
    measure : {"customers", "orders", "revenue", "average_order_value", "retention", "cumulative_value"}
        Retention begins at age 1, for it is 100 % at age 0.
    currency : str
        Sign or code.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Raises
    ------
    InputError
        If the measure is unknown, or the table is empty or lacks it.
    """
    if measure not in MEASURES:
        raise InputError(f"measure is {measure!r}; it must be one of {', '.join(MEASURES)}.")
    check_table(table, [measure, "cohort_size", "complete"], "cohort_heat_map")
    title, kind = MEASURES[measure]
    cells = table.loc[table["complete"], measure].unstack("age")
    cells = cells.drop(columns=0) if measure == "retention" else cells
    cells = cells.dropna(axis="columns", how="all").dropna(how="all")
    if cells.empty or not cells.size:
        raise InputError(f"cohort_heat_map has no complete period of {measure} to draw.")
    sizes = table["cohort_size"].xs(0, level="age").reindex(cells.index)
    ax = axes_for(ax, *heat_map_size(len(cells)))
    unit = _unit(table)
    largest = _largest(cells)
    smallest = _smallest(cells, largest) if measure == "average_order_value" else 0.0
    image = ax.imshow(
        cells, cmap="Blues", vmin=smallest, vmax=largest + 0.15 * (largest - smallest), aspect="auto"
    )
    if len(cells) <= MOST_ROWS and cells.shape[1] <= MOST_COLUMNS:
        _write_cells(ax, cells.to_numpy(dtype=float), kind, smallest + 0.65 * (largest - smallest))
    else:
        bar = ax.figure.colorbar(image, ax=ax, fraction=0.035, pad=0.02)
        (with_percent if kind == "share" else with_thousands)(bar.ax.yaxis)
        bar.ax.set_ylim(float(np.nanmin(cells)) if smallest else 0.0, largest)
        bar.outline.set_visible(False)
    money = f" ({currency})" if kind == "money" and currency else ""
    dress(
        ax, f"{title}{money}", f"age of the cohort ({unit}s after the first)", "cohort (customers acquired)"
    )
    ax.grid(visible=False)
    ax.tick_params(length=0)
    columns, rows = _thinned(cells.shape[1], MOST_COLUMNS), _thinned(len(cells), MOST_ROWS)
    ax.set_xticks(columns, [str(cells.columns[place]) for place in columns])
    ax.set_yticks(rows, [f"{cells.index[place]} ({sizes.iloc[place]:,})" for place in rows], fontsize=9)
    return ax


def heat_map_size(n_cohorts: int) -> tuple[float, float]:
    """Width and height of a heat map in inches."""
    return 8.0, min(1.6 + 0.3 * n_cohorts, 7.5)


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

    Raises
    ------
    InputError
        If the table is empty or lacks a column.
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
    shown = _thinned(len(periods), MOST_TICKS)
    ax.set_xticks(shown, [str(periods[place]) for place in shown], rotation=40, ha="right", fontsize=9)
    ax.set_xlim(-0.5, len(periods) - 0.5)
    label_ends(ax, ends)
    return ax


def cohort_curves(
    table: pd.DataFrame, measure: str = "cumulative_value", *, currency: str = "", ax: Axes | None = None
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

    Raises
    ------
    InputError
        If the measure is unknown, or the table is empty or lacks it.
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
    labelled = {names[place] for place in _thinned(len(names), MOST_LINES)}
    ends = []
    for name, color in zip(names, _shades(len(names)), strict=True):
        curve = complete.xs(name, level="cohort")
        single = "o" if len(curve) == 1 else None
        ax.plot(
            curve.index,
            curve,
            color=color,
            linewidth=1.8 if len(names) <= MOST_ROWS else 0.8,
            marker=single,
            markersize=4,
        )
        if name in labelled and np.isfinite(curve.iloc[-1]):
            ends.append(LineEnd(float(curve.iloc[-1]), str(name), color))
    (with_percent if kind == "share" else with_thousands)(ax.yaxis)
    ax.set_ylim(min(0.0, float(complete.min())), 1.08 * max(float(complete.max()), 1e-9))
    ax.set_xlim(0, max(float(complete.index.get_level_values("age").max()), 1.0))
    money = f" ({currency})" if kind == "money" and currency else ""
    dress(ax, f"{title}{money}, by cohort", f"age of the cohort ({_unit(table)}s after the first)", "")
    _whole_ticks(ax)
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


def _write_cells(ax: Axes, cells: np.ndarray, kind: str, dark: float) -> None:
    for (row, column), value in np.ndenumerate(cells):
        if np.isfinite(value):
            text = percent(value) if kind == "share" else _short(value)
            color = "white" if value > dark else INK
            ax.text(column, row, text, ha="center", va="center", fontsize=7.5, color=color)


def _short(value: float) -> str:
    """A number in at most five characters.

    Examples
    --------
    >>> _short(36.61), _short(857), _short(33430.1), _short(1_250_000)
    ('36.6', '857', '33k', '1.2m')
    """
    for size, sign in ((1e9, "bn"), (1e6, "m"), (1e4, "k")):
        if abs(value) >= size:
            scaled = value / (1000 if sign == "k" else size)
            return f"{scaled:.{1 if abs(scaled) < 10 else 0}f}{sign}"
    return f"{value:,.{0 if abs(value) >= 100 or value == int(value) else 1}f}"


def _largest(cells: pd.DataFrame) -> float:
    """The largest number after age 0, whose numbers would leave no colour for the others."""
    later = cells.drop(columns=0, errors="ignore").to_numpy(dtype=float)
    known = later if np.isfinite(later).any() and np.nanmax(later) > 0 else cells.to_numpy(dtype=float)
    return max(float(np.nanmax(known)), 1e-12)


def _smallest(cells: pd.DataFrame, largest: float) -> float:
    """The number drawn in white: order values differ by too little to begin at 0."""
    lowest = float(np.nanmin(cells.to_numpy(dtype=float)))
    return lowest - 0.3 * max(largest - lowest, 1e-9)


def _thinned(number: int, most: int) -> list[int]:
    """At most so many places, evenly spaced from the first."""
    return list(range(0, number, int(np.ceil(number / most)) or 1))


def _whole_ticks(ax: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _unit(table: pd.DataFrame) -> str:
    unit = TIME_UNITS.get(str(table.attrs.get("period")))
    return unit.name if unit else "period"
