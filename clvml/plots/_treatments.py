"""Figures of treatments: lift with intervals, return on cost, the budget."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.plots._style import (
    BLUE,
    INK,
    MUTED,
    VERMILION,
    axes_for,
    deviation,
    dress,
    number,
    percent,
    signed,
    with_percent,
    with_thousands,
)
from clvml.plots._table_checks import check_numeric, check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALL = "(all)"
NAMES = {"purchases": "purchases", "money": "spend", "profit": "profit"}


def treatment_lift(
    table: pd.DataFrame, *, outcome: str = "money", currency: str = "", ax: Axes | None = None
) -> Axes:
    """The lift of each treatment over the control with its interval, in percent where it can be.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.treatments.measure_lift`.
    outcome : str
        Which one to draw.
    currency : str
        Of money, where the lift cannot be drawn in percent.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One row per treatment, and per segment where there are several; blue where the interval excludes zero.
        In percent of the control's mean, unless an interval is unbounded or the outcome is profit.

    Raises
    ------
    InputError
        If the table is empty, or lacks a column or the outcome.

    See Also
    --------
    clvml.treatments.measure_lift : Makes the table.
    clvml.plots.treatment_value : Value per unit of cost.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from clvml import plots, treatments
    >>> rng = np.random.default_rng(1)
    >>> sent = pd.DataFrame({"customer_id": range(2000), "treatment": ["control", "voucher"] * 1000})
    >>> sent["segment"] = rng.choice(["gold", "silver"], 2000)
    >>> sent["money"] = rng.gamma(2.0, 10.0, 2000)
    >>> sent["money"] += 6.0 * ((sent["treatment"] == "voucher") & (sent["segment"] == "gold"))
    >>> responses = treatments.read_responses(sent, costs={"voucher": 2.0})
    >>> lift = treatments.measure_lift(responses)
    >>> ax = plots.treatment_lift(lift)
    """
    figure = "treatment_lift"
    needed = ["lift", "lift_lower", "lift_upper", "relative", "relative_lower", "relative_upper"]
    check_table(table, needed, figure)
    known = table.index.get_level_values("outcome").unique()
    if outcome not in known:
        raise InputError(f"{figure}: {outcome!r} is not among the outcomes {', '.join(map(str, known))}.")
    rows = pd.DataFrame(table.xs(outcome, level="outcome"))
    pooled = rows.index.get_level_values("segment") == ALL
    in_percent = outcome != "profit" and bool(np.isfinite(rows.loc[pooled, needed[3:]]).all(axis=None))
    name = "relative" if in_percent else "lift"
    check_numeric(rows, [name], figure)
    level = table.attrs.get("level")
    control = table.attrs.get("control", "control")
    unit = (
        f"% of {textwrap.shorten(str(control), 24, placeholder='…')}"
        if in_percent
        else _per(outcome, currency)
    )
    interval = "interval" if level is None else f"{percent(float(level))} interval"
    ax = axes_for(ax, width=8.0, height=1.9 + 0.36 * len(rows))
    show = (lambda value: deviation(100 * value)) if in_percent else signed
    _draw_rows(ax, rows, [name, f"{name}_lower", f"{name}_upper"], show)
    if in_percent:
        with_percent(ax.xaxis)
    else:
        with_thousands(ax.xaxis)
    return dress(
        ax,
        f"Lift in {NAMES[outcome]} over the control",
        f"lift ({unit}), with its {interval}",
        _rows_are(rows),
    )


def _per(outcome: str, currency: str) -> str:
    what = "purchases" if outcome == "purchases" else currency or "money"
    return f"{what} per customer"


def treatment_value(table: pd.DataFrame, *, currency: str = "", ax: Axes | None = None) -> Axes:
    """Incremental value per unit of cost of each treatment, with intervals: above 1 a treatment pays.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.treatments.incremental_value`.
    currency : str
        Sign or code.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        A dot with its interval per treatment and segment, and a line at 1.

    Raises
    ------
    InputError
        If the table is empty, lacks a column, or no treatment has a cost.

    See Also
    --------
    clvml.treatments.incremental_value : Makes the table.
    clvml.plots.treatment_budget : The budget that follows.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from clvml import plots, treatments
    >>> rng = np.random.default_rng(1)
    >>> sent = pd.DataFrame({"customer_id": range(2000), "treatment": ["control", "voucher"] * 1000})
    >>> sent["segment"] = rng.choice(["gold", "silver"], 2000)
    >>> sent["money"] = rng.gamma(2.0, 10.0, 2000)
    >>> sent["money"] += 6.0 * ((sent["treatment"] == "voucher") & (sent["segment"] == "gold"))
    >>> responses = treatments.read_responses(sent, costs={"voucher": 2.0})
    >>> lift = treatments.measure_lift(responses)
    >>> ax = plots.treatment_value(treatments.incremental_value(lift, responses), currency="$")
    """
    figure = "treatment_value"
    columns = ["value_per_cost", "value_per_cost_lower", "value_per_cost_upper"]
    check_table(table, columns, figure)
    check_numeric(table, columns[:1], figure)
    ax = axes_for(ax, width=8.0, height=1.9 + 0.36 * len(table))
    _draw_rows(ax, table, columns, number, reference=1.0)
    with_thousands(ax.xaxis)
    what = currency or "unit"
    return dress(
        ax,
        f"Incremental value per {what} of cost",
        "value / cost; a treatment pays above 1",
        _rows_are(table),
    )


def treatment_budget(table: pd.DataFrame, *, currency: str = "", ax: Axes | None = None) -> Axes:
    """The budget by segment and treatment, and the profit that it is expected to bring.

    Parameters
    ----------
    table : pandas.DataFrame
        ``BudgetPlan.table`` of `clvml.treatments.allocate_budget`.
    currency : str
        Sign or code.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One row per segment and treatment: its spend and its profit with the interval.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.treatments.allocate_budget : Makes the table.
    clvml.plots.treatment_value : Value per unit of cost.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from clvml import plots, treatments
    >>> rng = np.random.default_rng(1)
    >>> sent = pd.DataFrame({"customer_id": range(2000), "treatment": ["control", "voucher"] * 1000})
    >>> sent["segment"] = rng.choice(["gold", "silver"], 2000)
    >>> sent["money"] = rng.gamma(2.0, 10.0, 2000)
    >>> sent["money"] += 6.0 * ((sent["treatment"] == "voucher") & (sent["segment"] == "gold"))
    >>> responses = treatments.read_responses(sent, costs={"voucher": 2.0})
    >>> lift = treatments.measure_lift(responses)
    >>> value = treatments.incremental_value(lift, responses)
    >>> plan = treatments.allocate_budget(value, sent["segment"].value_counts())
    >>> ax = plots.treatment_budget(plan.table, currency="$")
    """
    figure = "treatment_budget"
    check_table(table, ["customers", "spend", "profit", "lower", "upper"], figure)
    check_numeric(table, ["spend", "profit"], figure)
    ax = axes_for(ax, width=8.0, height=2.1 + 0.5 * len(table))
    places = np.arange(len(table))
    ax.barh(places - 0.18, table["spend"], height=0.32, color=VERMILION, label="cost", zorder=2)
    ax.barh(places + 0.18, table["profit"], height=0.32, color=BLUE, label="expected profit", zorder=2)
    ax.hlines(places + 0.18, table["lower"], table["upper"], color=INK, linewidth=1.2, zorder=3)
    ax.axvline(0, color=INK, linewidth=1)
    labels = [
        f"{_row_name(index)}\n{customers:,.0f} customers"
        for index, customers in zip(table.index, table["customers"], strict=True)
    ]
    ax.set_yticks(places, labels)
    ax.set_ylim(len(table) - 0.4, -0.6)
    with_thousands(ax.xaxis)
    dress(ax, "Budget by measured response", f"money{f' ({currency})' if currency else ''}", _rows_are(table))
    ax.grid(visible=False, axis="y")
    ax.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def _draw_rows(
    ax: Axes, rows: pd.DataFrame, columns: list[str], show: object, reference: float = 0.0
) -> None:
    """A dot, its interval and its value for each row; the interval is left out where it is unbounded."""
    assert callable(show)
    middle, lower, upper = (rows[name].to_numpy(float) for name in columns)
    several = rows.index.get_level_values("segment").nunique() > 1
    for place, (m, low, high) in enumerate(zip(middle, lower, upper, strict=True)):
        if not np.isfinite(m):
            ax.annotate("undefined", (reference, place), xytext=(6, 0), textcoords="offset points",
                        va="center", fontsize=9, color=MUTED)  # fmt: skip
            continue
        bounded = np.isfinite(low) and np.isfinite(high)
        clear = bounded and (low > reference or high < reference)
        color = BLUE if clear else MUTED
        if bounded:
            ax.hlines(place, low, high, color=color, linewidth=2.5, alpha=0.7, zorder=2)
        ax.plot(m, place, "o", color=color, markersize=7, zorder=3)
        end = high if bounded else m
        text = show(m) if bounded else f"{show(m)} (interval unbounded)"
        ax.annotate(
            text, (end, place), xytext=(6, 0), textcoords="offset points", va="center", fontsize=9, color=INK
        )
    ax.axvline(reference, color=INK, linewidth=1, zorder=1)
    names = [_row_name(index if several else index[-1]) for index in rows.index]
    ax.set_yticks(range(len(rows)), names)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    left, right = ax.get_xlim()
    ax.set_xlim(left - 0.03 * (right - left), right + 0.22 * (right - left))  # room for the labels
    ax.grid(visible=False, axis="y")


def _rows_are(table: pd.DataFrame) -> str:
    several = table.index.get_level_values("segment").nunique() > 1
    return "segment and treatment" if several else "treatment"


def _row_name(index: object) -> str:
    parts = index if isinstance(index, tuple) else (index,)
    shown = ["all customers" if part == ALL else str(part) for part in parts]
    return textwrap.fill(": ".join(shown), 34, max_lines=2, placeholder="…")
