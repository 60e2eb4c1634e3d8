"""Figures of payback, and of what customers bring in their first year."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.plots._style import BLUE, INK, MUTED, LineEnd, axes_for, dress, label_ends, looks, with_thousands
from clvml.plots._table_checks import check_numeric, check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LINES = 9
LONGEST_NAME = 22


def payback(
    curves: pd.DataFrame, *, period: str = "month", currency: str = "", ax: Axes | None = None
) -> Axes:
    """Cumulative margin per acquired customer less acquisition cost, by age; above zero it is paid back.

    Parameters
    ----------
    curves : pandas.DataFrame
        From `clvml.lifetime_value.economics.payback_curves`: index ``group, age``, columns ``customers,
        balance, kind``. Of more than nine groups, those with most customers.
    period : str, default "month"
        Name of the unit of age.
    currency : str
        Sign or code.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One line per group, dashed where it is expected.

    Raises
    ------
    InputError
        If the table is empty or lacks a column.

    See Also
    --------
    clvml.lifetime_value.economics.payback_curves : Makes the table.
    clvml.lifetime_value.economics.payback_times : When each group has paid back.

    Examples
    --------
    >>> import pandas as pd
    >>> import clvml
    >>> from clvml import plots
    >>> from clvml.lifetime_value import economics
    >>> transactions = clvml.load_cdnow()
    >>> customers = clvml.summarize(transactions, "1998-06-30", time_unit="W")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M", 0.10, margin=0.4)
    >>> model = model.fit(customers)
    >>> channels = (customers["T"] > 70).map({True: "radio", False: "search"}).rename("channel")
    >>> costs = pd.Series({"radio": 18.0, "search": 24.0})  # made up, per customer
    >>> curves = economics.payback_curves(
    ...     transactions, customers, costs, groups=channels, margin=0.4, model=model
    ... )
    >>> ax = plots.payback(curves, currency="$")
    """
    check_table(curves, ["customers", "balance", "kind"], "payback")
    check_numeric(curves, ["balance"], "payback")
    sizes = curves.groupby(level="group", sort=False)["customers"].first()
    names = [name for name in sizes.index if name in set(sizes.nlargest(MOST_LINES).index)]
    ax = axes_for(ax, width=8.0)
    ends = []
    for name, look in looks(names).items():
        curve = curves.xs(name, level="group")["balance"]
        seen = curves.xs(name, level="group")["kind"] == "observed"
        ax.plot(curve.index[seen], curve[seen], **look.line())
        ahead = curve.iloc[max(int(seen.sum()) - 1, 0) :]
        if len(ahead) > 1:
            ax.plot(ahead.index, ahead, color=look.color, linestyle=":", linewidth=1.6)
        ends.append(LineEnd(float(curve.iloc[-1]), f"{_shortened(str(name))} ({sizes[name]:,})", look.color))
    ax.axhline(0, color=INK, linewidth=1)
    if (curves["kind"] == "expected").any():
        ax.plot([], [], ":", color=MUTED, linewidth=1.6, label="expected by the model")
        ax.legend(frameon=False, fontsize=9, loc="lower right")
    with_thousands(ax.yaxis)
    ax.set_xlim(left=0)
    left_out = f", largest {len(names)} of {len(sizes)} groups" if len(names) < len(sizes) else ""
    dress(
        ax,
        f"Payback: margin so far less acquisition cost{left_out}",
        f"age of the customer ({period}s since the first purchase)",
        f"{currency or 'money'} per acquired customer",
    )
    label_ends(ax, ends)
    return ax


def early_value(
    table: pd.DataFrame,
    *,
    expected: pd.Series | None = None,
    currency: str = "",
    ax: Axes | None = None,
) -> Axes:
    """What customers bring within some days of the first purchase, observed and expected.

    Parameters
    ----------
    table : pandas.DataFrame
        From `clvml.lifetime_value.economics.early_value`: index ``group, days``, columns ``customers,
        value``.
    expected : pandas.Series, optional
        By days, of a new customer.
    currency : str
        Sign or code.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the Axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        One line per group, and one for the expected values.

    Raises
    ------
    InputError
        If the table is empty, lacks a column, or no group was followed for as many days.

    See Also
    --------
    clvml.lifetime_value.economics.early_value : Makes the table.
    clvml.lifetime_value.economics.expected_early_value : The expected values.

    Examples
    --------
    >>> import clvml
    >>> from clvml import plots
    >>> from clvml.lifetime_value import economics
    >>> transactions = clvml.load_cdnow()
    >>> customers = clvml.summarize(transactions, "1998-06-30", time_unit="W")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M", 0.10, margin=0.4)
    >>> model = model.fit(customers)
    >>> month = (customers["T"] > 70).map({True: "first weeks", False: "later weeks"})
    >>> table = economics.early_value(transactions, customers, month, margin=0.4)
    >>> ax = plots.early_value(table, currency="$")
    """
    check_table(table, ["customers", "value"], "early_value")
    known = table[table["customers"] > 0]
    if known.empty:
        raise InputError("early_value has no group that was followed for as many days.")
    days = sorted(known.index.unique("days"))
    places = dict(zip(days, range(len(days)), strict=True))
    groups, total = known.drop("all customers", level="group"), known.xs("all customers", level="group")
    ax = axes_for(ax, width=7.0)
    if len(groups):
        at = np.array([places[age] for age in groups.index.get_level_values("days")], dtype=float)
        sizes = 12 + 160 * groups["customers"] / groups["customers"].max()
        ax.scatter(
            at - 0.12, groups["value"], s=sizes, color=MUTED, alpha=0.35, linewidths=0, label="a group"
        )
    ax.plot([places[age] for age in total.index], total["value"], "o-", color=BLUE, label="observed of all")
    if expected is not None and expected.notna().any():
        shown = expected[[age in places for age in expected.index]]
        at = np.array([places[age] for age in shown.index], dtype=float)
        ax.plot(at, shown, "D:", color=INK, mfc="white", label="expected of a new customer")
    ax.set_xticks(range(len(days)), [f"{age:g}\n({total['customers'].get(age, 0):,})" for age in days])
    ax.set_xlim(-0.4, len(days) - 0.4)
    ax.set_ylim(bottom=0)
    with_thousands(ax.yaxis)
    dress(
        ax,
        "Value after the first purchase",
        "days since the first purchase (customers followed that long)",
        f"margin per customer ({currency or 'money'})",
    )
    ax.legend(frameon=False, fontsize=9, loc="upper left")
    return ax


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
