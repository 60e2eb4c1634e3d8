"""Figures of the customer-base audit: deciles, distributions, a bridge, one cohort, the base over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clvml.customers._time_units import TIME_UNITS
from clvml.plots._cohorts import MOST_TICKS, thinned, whole_ticks
from clvml.plots._style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    SKY,
    VERMILION,
    axes_for,
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


def revenue_deciles(deciles: pd.DataFrame, *, currency: str = "", ax: Axes | None = None) -> Axes:
    """The share of each tenth of customers in revenue, and its orders x order value.

    Parameters
    ----------
    deciles : pandas.DataFrame
        Of `clvml.customer_base.period_profile`: index ``decile``, columns ``share, orders_per_customer`` and,
        if there is money, ``average_order_value``.
    currency : str
        Sign or code.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One bar per tenth of the customers.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.customer_base.period_profile : Makes the table.
    clvml.plots.customer_distribution : By number of orders or spend.

    Examples
    --------
    >>> import clvml
    >>> from clvml import customer_base, plots
    >>> transactions = clvml.load_cdnow()
    >>> base = customer_base.audit(transactions, "M", observation_end="1998-06-30")
    >>> ax = plots.revenue_deciles(base.profile.deciles, currency="$")
    """
    check_table(deciles, ["share", "orders_per_customer"], "revenue_deciles")
    check_numeric(deciles, ["share", "orders_per_customer"], "revenue_deciles")
    has_money = "average_order_value" in deciles
    ax = axes_for(ax, width=8.0)
    places = np.arange(len(deciles))
    ax.bar(places, deciles["share"], color=BLUE, width=0.7, zorder=2)
    for place, share in enumerate(deciles["share"]):
        ax.text(place, max(share, 0), percent(share), ha="center", va="bottom", fontsize=9, color=INK)
    labels = [
        f"{decile}\n{number(row['orders_per_customer'])}"
        + (f"\n× {number(row['average_order_value'])}" if has_money else "")
        for decile, row in deciles.iterrows()
    ]
    ax.set_xticks(places, labels)
    with_percent(ax.yaxis)
    ax.margins(y=0.12)
    value = "revenue" if has_money else "orders"
    rule = f"orders each × order value{f' ({currency})' if currency else ''}" if has_money else "orders each"
    dress(
        ax,
        f"Share of each tenth of customers in {value}",
        f"tenth of customers, by {value}\n{rule}",
        f"share of {value}",
    )
    return ax


def customer_distribution(table: pd.DataFrame, *, currency: str = "", ax: Axes | None = None) -> Axes:
    """Shares of customers and of revenue by number of orders, by spend or by order value.

    Parameters
    ----------
    table : pandas.DataFrame
        ``by_orders``, ``by_spend`` or ``by_order_value`` of `clvml.customer_base.period_profile`.
    currency : str
        Sign or code.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Two bars per class.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.customer_base.period_profile : Makes the tables.
    clvml.plots.revenue_deciles : By tenth of customers.

    Examples
    --------
    >>> import clvml
    >>> from clvml import customer_base, plots
    >>> transactions = clvml.load_cdnow()
    >>> base = customer_base.audit(transactions, "M", observation_end="1998-06-30")
    >>> ax = plots.customer_distribution(base.profile.by_orders, currency="$")
    """
    check_table(table, ["customers", "share_of_customers"], "customer_distribution")
    ax = axes_for(ax, width=7.5, height=1.6 + 0.36 * len(table))
    places = np.arange(len(table))
    sides = {"share_of_customers": ("customers", BLUE, -0.2), "share_of_revenue": ("revenue", SKY, 0.2)}
    for name, (label, color, shift) in sides.items():
        if name in table:
            ax.barh(places + shift, table[name], height=0.38, color=color, label=label, zorder=2)
            for place, share in zip(places, table[name].fillna(0), strict=True):
                ax.text(
                    max(share, 0), place + shift, f" {percent(share)}", va="center", fontsize=8, color=INK
                )
    ax.set_yticks(places, [str(name) for name in table.index])
    ax.invert_yaxis()
    ax.margins(x=0.12)
    with_percent(ax.xaxis)
    by = str(table.index.name or "class").replace("_", " ")
    money = f" ({currency})" if currency and table.index.name in ("spend", "order_value") else ""
    dress(ax, f"Customers by {by}", "share", f"{by}{money}")
    ax.legend(frameon=False, fontsize=9, loc="lower right")
    return ax


def period_bridge(
    customers: pd.DataFrame,
    *,
    before: str = "before",
    after: str = "after",
    currency: str = "",
    ax: Axes | None = None,
) -> Axes:
    """From the revenue of one period to that of another: who lapsed, stayed, returned and came.

    Parameters
    ----------
    customers : pandas.DataFrame
        Of `clvml.customer_base.compare_periods`: index ``status`` with a ``total``.
    before, after : str
        Names of the periods.
    currency : str
        Sign or code.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        A bar for each of both periods, and a step for each status.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.customer_base.compare_periods : Makes the table.
    clvml.plots.base_over_time : All periods.

    Examples
    --------
    >>> import clvml
    >>> from clvml import customer_base, plots
    >>> transactions = clvml.load_cdnow()
    >>> base = customer_base.audit(transactions, "M", observation_end="1998-06-30")
    >>> compared = base.comparison
    >>> ax = plots.period_bridge(
    ...     compared.customers, before=compared.before, after=compared.after, currency="$"
    ... )
    """
    check_table(customers, ["customers", "change"], "period_bridge")
    value = "revenue" if "revenue_before" in customers else "orders"
    check_table(customers, [f"{value}_before", f"{value}_after"], "period_bridge")
    steps = customers.drop(index="total")
    steps = steps[steps["customers"] > 0]
    total = customers.loc["total"].to_dict()
    first, last = float(total[f"{value}_before"]), float(total[f"{value}_after"])
    changes = steps["change"].to_numpy(dtype=float)
    starts = first + np.concatenate([[0.0], np.cumsum(changes)])[:-1]
    ax = axes_for(ax, width=8.0)
    places = np.arange(1, len(steps) + 1)
    colors = [GREEN if change >= 0 else VERMILION for change in changes]
    ax.bar(places, changes, bottom=starts, color=colors, width=0.65, zorder=2)
    ax.bar([0, len(steps) + 1], [first, last], color=BLUE, width=0.65, zorder=2)
    levels = np.concatenate([[first], starts + changes])
    for place, level in enumerate(levels):
        ax.plot([place + 0.325, place + 0.675], [level, level], color=MUTED, linewidth=0.9)
    tops = np.concatenate([[first], np.maximum(starts, starts + changes), [last]])
    texts = [number(first), *(signed(change) for change in changes), number(last)]
    for place, (top, text) in enumerate(zip(tops, texts, strict=True)):
        ax.text(place, max(top, 0), text, ha="center", va="bottom", fontsize=9, color=INK)
    names = [f"{_wrapped(str(name))}\n({count:,})" for name, count in steps["customers"].items()]
    ax.set_xticks(range(len(texts)), [_wrapped(before), *names, _wrapped(after)], fontsize=9)
    with_thousands(ax.yaxis)
    lowest, highest = min(0.0, *levels), max(0.0, *tops)
    room = max(0.1 * (highest - lowest), 1e-9)
    ax.set_ylim(lowest - room * (lowest < 0), highest + room)
    ax.axhline(0, color=INK, linewidth=0.8)
    kind = f"{value} ({currency})" if currency and value == "revenue" else value
    dress(ax, f"From the {value} of one period to the next", "(customers)", kind)
    ax.grid(visible=False, axis="x")
    return ax


def cohort_by_age(cohort: pd.DataFrame, *, currency: str = "", ax: Axes | None = None) -> Axes:
    """One cohort by age: who still buys, how often, and for how much.

    Parameters
    ----------
    cohort : pandas.DataFrame
        From `clvml.customer_base.cohort_by_age`.
    currency : str
        Sign or code.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Three panels within the Axes, one per measure.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.customer_base.cohort_by_age : Makes the table.
    clvml.plots.base_over_time : All customers by period.

    Examples
    --------
    >>> import clvml
    >>> from clvml import customer_base, plots
    >>> transactions = clvml.load_cdnow()
    >>> base = customer_base.audit(transactions, "M", observation_end="1998-06-30")
    >>> ax = plots.cohort_by_age(base.cohort, currency="$")
    """
    check_table(cohort, ["retention", "orders_per_customer", "cohort_size"], "cohort_by_age")
    lines = {"retention": "who buy", "orders_per_customer": "orders per buyer"}
    if "average_order_value" in cohort:
        lines["average_order_value"] = f"order value{f' ({currency})' if currency else ''}"
    ax = axes_for(ax, width=8.0, height=5.4)
    unit = TIME_UNITS.get(str(cohort.attrs.get("period")))
    name, size = cohort.attrs.get("cohort", "the cohort"), int(cohort["cohort_size"].iloc[0])
    panels = _panels(ax, len(lines))
    for panel, (column, label) in zip(panels, lines.items(), strict=True):
        # At age 0 all buy, and their first orders would leave no room for what changes later.
        shown = cohort[column].iloc[1:] if column == "retention" and len(cohort) > 1 else cohort[column]
        panel.plot(shown.index, shown, color=BLUE, linewidth=1.8, marker="o", markersize=3.5)
        dress(panel, "", "", label)
        (with_percent if column == "retention" else with_thousands)(panel.yaxis)
        panel.set_ylim(0, 1.15 * max(float(shown.max(skipna=True)), 1e-9) if shown.notna().any() else 1)
        panel.set_xlim(-0.3, max(float(cohort.index[-1]), 1) + 0.3)
        whole_ticks(panel)
    _share_bottom(panels, f"age of the cohort ({unit.name if unit else 'period'}s after the first)")
    ax.set_title(
        f"Cohort {name} ({size:,} customers) as it ages",
        x=0.0, ha="left", fontsize=11, fontweight="bold", color=INK,
    )  # fmt: skip
    return ax


def base_over_time(base: pd.DataFrame, *, currency: str = "", ax: Axes | None = None) -> Axes:
    """The whole base over time: customers who buy, new and existing, orders per customer, order value.

    Parameters
    ----------
    base : pandas.DataFrame
        From `clvml.customer_base.base_over_time`; complete periods are drawn.
    currency : str
        Sign or code.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Three panels within the Axes, one per measure.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.customer_base.base_over_time : Makes the table.
    clvml.plots.cohort_by_age : One cohort by age.

    Examples
    --------
    >>> import clvml
    >>> from clvml import customer_base, plots
    >>> transactions = clvml.load_cdnow()
    >>> base = customer_base.audit(transactions, "M", observation_end="1998-06-30")
    >>> ax = plots.base_over_time(base.base, currency="$")
    """
    check_table(base, ["customers", "new_customers", "orders_per_customer", "complete"], "base_over_time")
    shown = base[base["complete"]]
    check_table(shown, [], "base_over_time")
    lines = {"orders_per_customer": "orders per buyer"}
    if "average_order_value" in base:
        lines["average_order_value"] = f"order value{f' ({currency})' if currency else ''}"
    ax = axes_for(ax, width=8.0, height=5.4)
    panels = _panels(ax, 1 + len(lines))
    places = np.arange(len(shown))
    existing = (shown["customers"] - shown["new_customers"]).to_numpy()
    look: dict[str, Any] = {"width": 1.0 if len(shown) > 40 else 0.75, "zorder": 2}
    panels[0].bar(places, existing, color=BLUE, label="existing", **look)
    panels[0].bar(places, shown["new_customers"], bottom=existing, color=SKY, label="new", **look)
    panels[0].legend(frameon=False, fontsize=8, loc="upper right", ncols=2, borderaxespad=0)
    panels[0].margins(y=0.25)
    dress(panels[0], "", "", "who buy")
    for panel, (column, label) in zip(panels[1:], lines.items(), strict=True):
        panel.plot(places, shown[column], color=BLUE, linewidth=1.8, marker="o", markersize=2.5)
        dress(panel, "", "", label)
        panel.set_ylim(0, 1.15 * max(float(shown[column].max()), 1e-9))
    period = str(base.attrs.get("period", "M"))
    ticks = thinned(len(shown), MOST_TICKS)
    names = pd.DatetimeIndex(shown.index).to_period(period).astype(str)
    for panel in panels:
        with_thousands(panel.yaxis)
        panel.set_xlim(-0.6, len(shown) - 0.4)
        panel.set_xticks(ticks, [names[place] for place in ticks], rotation=40, ha="right", fontsize=9)
    _share_bottom(panels, TIME_UNITS[period].name)
    ax.set_title("The customer base over time", x=0.0, ha="left", fontsize=11, fontweight="bold", color=INK)
    return ax


def _panels(ax: Axes, number: int) -> list[Axes]:
    """Panels below each other, in place of the Axes."""
    ax.set_axis_off()
    gap = 0.07
    height = (1 - gap * (number - 1)) / number
    return [ax.inset_axes((0, 1 - height - row * (height + gap), 1, height)) for row in range(number)]


def _share_bottom(panels: Sequence[Axes], label: str) -> None:
    """The axis below the last panel serves all."""
    for panel in panels[:-1]:
        panel.tick_params(labelbottom=False)
    panels[-1].set_xlabel(label, color=INK)


def _wrapped(name: str) -> str:
    return name.replace(" to ", "\nto ").replace("spent ", "spent\n").replace("ordered ", "ordered\n")
