"""Heat maps of cohorts by age."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.plots._cohorts import MEASURES, age_unit, thinned
from clvml.plots._style import INK, axes_for, dress, percent, with_percent, with_thousands
from clvml.plots._table_checks import check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NARROW = 10  # columns of a figure that is half as wide as a page
MOST_COLUMNS = 24  # with numbers in the cells
MOST_ROWS = 25


def cohort_heat_map(
    table: pd.DataFrame, *, measure: str = "retention", currency: str = "", ax: Axes | None = None
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

    Returns
    -------
    matplotlib.axes.Axes
        A row per cohort, a column per age.

    Raises
    ------
    InputError
        If the measure is unknown, or the table is empty or lacks it.

    See Also
    --------
    clvml.customer_base.cohort_table : Makes the table.
    clvml.plots.cohort_curves : The same as lines.

    Examples
    --------
    >>> import clvml
    >>> from clvml import customer_base, plots
    >>> transactions = clvml.load_cdnow()
    >>> table = customer_base.cohort_table(transactions, "M", observation_end="1998-06-30")
    >>> ax = plots.cohort_heat_map(table, measure="retention")
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
    ax = axes_for(ax, *heat_map_size(*cells.shape))
    unit = age_unit(table)
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
    columns, rows = thinned(cells.shape[1], MOST_COLUMNS), thinned(len(cells), MOST_ROWS)
    ax.set_xticks(columns, [str(cells.columns[place]) for place in columns])
    ax.set_yticks(rows, [f"{cells.index[place]} ({sizes.iloc[place]:,})" for place in rows], fontsize=9)
    return ax


def heat_map_size(n_cohorts: int, n_ages: int) -> tuple[float, float]:
    """Width and height of a heat map in inches."""
    return 8.0 if n_ages <= NARROW else 11.5, min(1.6 + 0.3 * n_cohorts, 8.0)


def _write_cells(ax: Axes, cells: np.ndarray, kind: str, dark: float) -> None:
    for (row, column), value in np.ndenumerate(cells):
        if np.isfinite(value):
            text = percent(value) if kind == "share" else _short(value)
            color = "white" if value > dark else INK
            ax.text(column, row, text, ha="center", va="center", fontsize=8, color=color)


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
