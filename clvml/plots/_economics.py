"""Figures of value and equity in their parts, and of revenue by new and existing customers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvml.plots._style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    SKY,
    VERMILION,
    axes_for,
    dress,
    number,
    with_thousands,
)
from clvml.plots._table_checks import check_numeric, check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def value_parts(table: pd.DataFrame, *, currency: str = "", ax: Axes | None = None) -> Axes:
    """Historic value, predicted value, discount and marketing cost, and the total they add up to.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.lifetime_value.economics.value_parts`: columns ``historic, predicted, discount,
        marketing_cost``, a row per customer; of one customer, one row.
    currency : str
        Sign or code.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One bar per part, and the total.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.lifetime_value.economics.value_parts : Makes the table.
    clvml.plots.equity_projection : Customers of today and those to come.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots
    >>> from clvml.lifetime_value import economics
    >>> transactions = clvml.load_cdnow()
    >>> customers = clvml.summarize(transactions, "1998-06-30", time_unit="W")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M", 0.10, margin=0.4)
    >>> model = model.fit(customers)
    >>> parts = economics.value_parts(model, customers, marketing_cost=5.0)
    >>> ax = plots.value_parts(parts, currency="$")
    """
    names = ["historic", "predicted", "discount", "marketing_cost"]
    check_table(table, names, "value_parts")
    check_numeric(table, names, "value_parts")
    amounts = table[names].sum().to_numpy(dtype=float)
    starts = np.concatenate([[0.0], np.cumsum(amounts)[:-1]])
    total = float(amounts.sum())
    ax = axes_for(ax, width=7.0)
    colors = [SKY, BLUE, MUTED, VERMILION]
    ax.bar(range(4), amounts, bottom=starts, color=colors, width=0.62, zorder=2)
    ax.bar(4, total, color=GREEN, width=0.62, zorder=2)
    ends = np.append(starts + amounts, total)
    for place, (amount, top) in enumerate(
        zip(np.append(amounts, total), np.maximum(np.append(starts, 0), ends), strict=True)
    ):
        ax.annotate(
            number(amount, float(np.abs(amounts).max())), (place, top), xytext=(0, 3), ha="center",
            textcoords="offset points", fontsize=9, color=INK,
        )  # fmt: skip
    for place in range(4):
        ax.plot([place + 0.31, place + 0.69], [ends[place]] * 2, color=INK, linewidth=0.8)
    ax.axhline(0, color=INK, linewidth=1)
    ax.set_xticks(range(5), ["historic", "predicted", "discount", "marketing\ncost", "total"])
    lowest, highest = min(0.0, float(ends.min())), max(0.0, float(np.append(starts, ends).max()))
    room = 0.1 * (highest - lowest or 1.0)
    ax.set_ylim(lowest - room * (lowest < 0), highest + room)
    with_thousands(ax.yaxis)
    dress(ax, "Parts of value", "part", currency or "money")
    ax.grid(visible=False, axis="x")
    return ax


def equity_projection(table: pd.DataFrame, *, currency: str = "", ax: Axes | None = None) -> Axes:
    """Customer equity of today's customers and of those to come, year by year, with intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.lifetime_value.economics.equity_projection`: columns ``equity, lower, upper``; last row
        the total.
    currency : str
        Sign or code.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One bar per year and one for the customers of today, each with its interval.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.lifetime_value.economics.equity_projection : Makes the table.
    clvml.lifetime_value.economics.expected_acquisitions : Customers to come.

    Examples
    --------
    >>> from clvml import plots
    >>> from clvml.lifetime_value import economics
    >>> equity = economics.equity_projection(
    ...     50_000.0, economics.Acquisitions(1_000, growth=0.05, n_counted=800), 30.0,
    ...     acquisition_cost=12.0, annual_discount_rate=0.1, years=4,
    ...     present_interval=(44_000.0, 57_000.0),
    ... )
    >>> ax = plots.equity_projection(equity, currency="$")
    """
    check_table(table, ["equity", "lower", "upper"], "equity_projection")
    check_numeric(table, ["equity", "lower", "upper"], "equity_projection")
    equity = table["equity"].to_numpy(dtype=float)
    parts = equity[:-1]
    starts = np.append(np.concatenate([[0.0], np.cumsum(parts)[:-1]]), 0.0)
    ax = axes_for(ax, width=max(6.0, 1.3 * len(table)))
    colors = [BLUE, *[SKY] * (len(table) - 2), GREEN]
    ax.bar(range(len(table)), equity, bottom=starts, color=colors, width=0.62, zorder=2)
    below, above = equity - table["lower"], table["upper"] - equity
    ax.errorbar(
        range(len(table)), starts + equity, yerr=[below, above], fmt="none", ecolor=INK, capsize=4, zorder=3
    )
    for place, (top, amount) in enumerate(zip(starts + table["upper"], equity, strict=True)):
        ax.annotate(
            number(amount, float(np.abs(equity).max())), (place, top), xytext=(0, 4), ha="center",
            textcoords="offset points", fontsize=9, color=INK,
        )  # fmt: skip
    ax.axhline(0, color=INK, linewidth=1)
    ax.set_xticks(range(len(table)), [str(name).replace(" of ", "\nof ") for name in table.index])
    lowest = min(0.0, float((starts + equity).min()), float((starts + table["lower"]).min()))
    highest = max(0.0, float((starts + table["upper"]).max()))
    room = 0.1 * (highest - lowest or 1.0)
    ax.set_ylim(lowest - room * (lowest < 0), highest + room)
    with_thousands(ax.yaxis)
    coverage = table.attrs.get("coverage", 0.9)
    dress(
        ax, f"Customer equity, with {coverage:.0%} intervals", "won in", f"{currency or 'money'}, discounted"
    )
    ax.grid(visible=False, axis="x")
    return ax


def revenue_by_tenure(table: pd.DataFrame, *, currency: str = "", ax: Axes | None = None) -> Axes:
    """Revenue of new and existing customers per period.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.lifetime_value.economics.revenue_by_tenure`: index the first day of each period, columns
        ``new, existing, complete``.
    currency : str
        Sign or code.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Two areas or bars, stacked; a period observed in part is pale.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.lifetime_value.economics.revenue_by_tenure : Makes the table.
    clvml.plots.revenue_by_cohort : By cohort.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots
    >>> from clvml.lifetime_value import economics
    >>> table = economics.revenue_by_tenure(clvml.load_cdnow(), observation_end="1998-06-30")
    >>> ax = plots.revenue_by_tenure(table, currency="$")
    """
    check_table(table, ["new", "existing", "complete"], "revenue_by_tenure")
    check_numeric(table, ["new", "existing"], "revenue_by_tenure")
    ax = axes_for(ax, width=8.0)
    places = np.arange(len(table))
    existing, new = table["existing"].to_numpy(dtype=float), table["new"].to_numpy(dtype=float)
    whole = table["complete"].to_numpy(dtype=bool)
    for money, start, color, name in (
        (existing, 0 * existing, BLUE, "existing"),
        (new, existing, ORANGE, "new"),
    ):
        label = f"{name} customers"
        ax.bar(
            places[whole], money[whole], bottom=start[whole], color=color, width=0.8, zorder=2, label=label
        )
        ax.bar(
            places[~whole], money[~whole], bottom=start[~whole], color=color, width=0.8, zorder=2, alpha=0.4
        )
    every = max(1, int(np.ceil(len(table) / 12)))
    ax.set_xticks(places[::every], [f"{day:%Y-%m}" for day in pd.DatetimeIndex(table.index)[::every]])
    ax.tick_params(axis="x", rotation=30)
    with_thousands(ax.yaxis)
    partly = "" if whole.all() else " (pale: observed in part)"
    dress(ax, f"Revenue of new and existing customers{partly}", "period", currency or "money")
    ax.grid(visible=False, axis="x")
    ax.legend(frameon=False, fontsize=9)
    return ax
