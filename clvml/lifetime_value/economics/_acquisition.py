"""Acquisition cost per customer won, by channel and period.

A table of acquisition has a row per period and channel::

    period     2024-01 (month), 2024Q1 (quarter), 2024 (year), or a day: the day of the cost
    channel    optional; without it, all customers are one channel
    cost       in the currency of the purchases, not negative
    customers  optional: how many were won; by default those whose first purchase is in the period

CAC is cost divided by customers won in the same periods. Customers who were won in periods without a cost are
not counted, as their cost is unknown and not zero.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clvml.errors import InputError

ONE_CHANNEL = "all channels"
TOTAL = "total"
COLUMNS = ("period", "channel", "cost", "customers")


class Acquisition(NamedTuple):
    """Acquisition cost by channel and by period, and what does not fit.

    Attributes
    ----------
    channels : pandas.DataFrame
        Index ``channel`` and last "total"; ``cost``, ``customers`` (won in the periods with a cost) and
        ``cac``.
    periods : pandas.DataFrame
        Index ``period`` (its first day); ``cost, customers, cac`` of all channels. Empty for costs without
        periods.
    notices : tuple of str
        Channels without customers, customers without costs, and periods in which nobody was won.

    See Also
    --------
    clvml.lifetime_value.economics.acquisition_costs : Makes it.
    clvml.lifetime_value.economics.payback_curves : When the cost is paid back.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.lifetime_value.economics import acquisition_costs
    >>> first = pd.to_datetime(["2024-01-03", "2024-01-20", "2024-02-05"])
    >>> customers = pd.DataFrame({"first_purchase": first})
    >>> channels = pd.Series(["web", "web", "shop"])
    >>> found = acquisition_costs(customers, {"web": 5.0, "shop": 20.0}, channels)
    >>> found.channels["cac"].to_dict()
    {'shop': 20.0, 'web': 5.0, 'total': 10.0}
    """

    channels: pd.DataFrame
    periods: pd.DataFrame
    notices: tuple[str, ...]

    @property
    def cac(self) -> float:
        """Acquisition cost per customer over all channels."""
        return float(self.channels["cac"][TOTAL])

    @property
    def by_channel(self) -> pd.Series:
        """CAC of the channels that have one."""
        return self.channels["cac"].drop(TOTAL).dropna()


def acquisition_costs(
    customers: pd.DataFrame,
    costs: float | Mapping[str, float] | pd.DataFrame,
    channels: pd.Series | None = None,
) -> Acquisition:
    """Acquisition cost per customer by channel and in total.

    Parameters
    ----------
    customers : pandas.DataFrame, shape (n_customers, ...)
        The customer summary, with ``first_purchase``.
    costs : float, mapping or pandas.DataFrame
        CAC of all customers, CAC by channel, or a table with the columns ``period, cost`` and optionally
        ``channel, customers``: what was spent in each period, such as ``"2024-01"``.
    channels : pandas.Series, optional
        The channel of each customer, on the customers' index; missing where unknown.

    Returns
    -------
    Acquisition
        ``channels``, ``periods`` and ``notices``.

    Raises
    ------
    InputError
        If a cost is negative or missing, periods overlap within a channel, or costs are given by channel
        but the customers' channels are not.

    See Also
    --------
    clvml.lifetime_value.economics.payback_curves : When the cost is paid back.
    clvml.scorecard : CLV:CAC.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.lifetime_value.economics import acquisition_costs
    >>> first = pd.to_datetime(["2024-01-03", "2024-01-20", "2024-02-05"])
    >>> customers = pd.DataFrame({"first_purchase": first})
    >>> spent = pd.DataFrame({"period": ["2024-01", "2024-02"], "cost": [30.0, 20.0]})
    >>> acquisition_costs(customers, spent).periods
                cost  customers   cac
    period
    2024-01-01  30.0        2.0  15.0
    2024-02-01  20.0        1.0  20.0
    """
    if isinstance(costs, pd.DataFrame):
        return _from_table(customers, check_acquisition(costs), channels)
    if isinstance(costs, Mapping):
        return _from_channels(customers, costs, channels)
    _check_cost(float(costs), "acquisition cost")
    return _from_channels(customers, {ONE_CHANNEL: float(costs)}, pd.Series(ONE_CHANNEL, customers.index))


class Spent(NamedTuple):
    """A row of the table of acquisition: from ``start`` to before ``end``; ``customers`` NaN if not given."""

    start: pd.Timestamp
    end: pd.Timestamp
    channel: str
    cost: float
    customers: float

    def won(self, first: pd.Series, channels: pd.Series) -> pd.Series:
        """Whether each customer was won by it."""
        return (first >= self.start) & (first < self.end) & (channels == self.channel)


def check_acquisition(table: pd.DataFrame) -> list[Spent]:
    """The rows of the table of acquisition, validated.

    Raises
    ------
    InputError
        If a column is missing, a period cannot be read, periods of a channel overlap, or a number is negative
        or missing.
    """
    for name in ("period", "cost"):
        if name not in table:
            raise InputError(
                f"the table of acquisition has no column {name!r}; it has"
                f" {', '.join(map(str, table.columns))}. It needs period and cost, and may have channel and"
                " customers."
            )
    if table.empty:
        raise InputError("the table of acquisition has no rows.")
    costs = _numbers(table, "cost")
    customers = _numbers(table, "customers") if "customers" in table else np.full(len(table), np.nan)
    channels = table["channel"].tolist() if "channel" in table else [ONE_CHANNEL] * len(table)
    rows = []
    for number, value in enumerate(table["period"].tolist()):
        for name, given in (("channel", channels[number]), ("cost", costs[number])):
            if pd.isna(given):
                advice = "; write 0 if nothing was spent" if name == "cost" else ""
                raise InputError(f"row {number + 1} of the table of acquisition has no {name}{advice}.")
        start, end = _span(value, number + 1)
        rows.append(Spent(start, end, str(channels[number]), float(costs[number]), float(customers[number])))
    _refuse_overlap(rows)
    return rows


def _from_table(customers: pd.DataFrame, rows: list[Spent], channels: pd.Series | None) -> Acquisition:
    has_channels = {row.channel for row in rows} != {ONE_CHANNEL}
    if has_channels and channels is None:
        raise InputError(
            "acquisition costs are by channel, but the channel of each customer is not known: name the"
            " attribute that has it ([economics] channel), or give costs without channels."
        )
    of = _channels(customers, channels if has_channels else None)
    first = pd.to_datetime(customers["first_purchase"])
    covered, won, notices = pd.Series(data=False, index=customers.index), [], []
    for row in rows:
        here = row.won(first, of)
        covered |= here
        won.append(float(here.sum()) if np.isnan(row.customers) else row.customers)
        if row.cost > 0 and won[-1] == 0 and (of == row.channel).any():
            notices.append(
                f"{row.channel}: {row.cost:,.2f} was spent in {row.start:%Y-%m-%d} to"
                f" {row.end - pd.Timedelta(days=1):%Y-%m-%d} and nobody was won; it counts in the total"
            )
    table = pd.DataFrame(
        {
            "channel": [row.channel for row in rows],
            "period": [row.start for row in rows],
            "cost": [row.cost for row in rows],
            "customers": won,
        }
    )
    by_channel, by_period = (
        table.groupby(name)[["cost", "customers"]].sum() for name in ("channel", "period")
    )
    mismatches = _mismatches(of, by_channel.index, covered)
    return Acquisition(_with_total(by_channel), _with_cac(by_period), (*notices, *mismatches))


def _from_channels(
    customers: pd.DataFrame, costs: Mapping[str, float], channels: pd.Series | None
) -> Acquisition:
    if channels is None:
        raise InputError(
            "acquisition costs are by channel, but the channel of each customer is not known: name the"
            " attribute that has it ([economics] channel), or give one cost for all."
        )
    of = _channels(customers, channels)
    for name, cost in costs.items():
        _check_cost(cost, f"the acquisition cost of {name!r}")
    counts = of.value_counts()
    rows = {
        str(name): {
            "cost": cost * float(counts.get(str(name), 0)),
            "customers": float(counts.get(str(name), 0)),
        }
        for name, cost in sorted(costs.items())
    }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("channel")
    by_channel = _with_total(table)
    for name, cost in costs.items():
        by_channel.loc[str(name), "cac"] = float(cost)
    none = _with_cac(table.iloc[:0].set_axis(pd.DatetimeIndex([], name="period")))
    return Acquisition(by_channel, none, _mismatches(of, table.index, of.isin(table.index)))


def _mismatches(of: pd.Series, known: pd.Index, covered: pd.Series) -> tuple[str, ...]:
    """Sentences on channels without customers, channels without costs, and customers without either."""
    there = of.dropna().unique()
    idle = [name for name in known if name not in there]
    free = [name for name in sorted(there) if name not in known]
    missing, late = int(of.isna().sum()), int((~covered & of.isin(known)).sum())
    found = []
    if idle:
        found.append(f"no customer has the channel {_listed(idle)}: its cost counts in the total only")
    if free:
        found.append(
            f"no cost is given for the channel {_listed(free)} ({int(of.isin(free).sum()):,} customers): left"
            " out of what is compared with a cost, as a missing cost is not a cost of zero"
        )
    if missing:
        found.append(
            f"{missing:,} of {len(of):,} customers have no channel: left out of what is shown by channel"
        )
    if late:
        found.append(
            f"{late:,} customers were won in periods without a cost: not counted in the cost per customer"
        )
    return tuple(found)


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _channels(customers: pd.DataFrame, channels: pd.Series | None) -> pd.Series:
    if channels is None:
        return pd.Series(ONE_CHANNEL, customers.index)
    known = channels.reindex(customers.index)
    return known.astype("string").astype(object).where(known.notna(), None)


def _with_total(table: pd.DataFrame) -> pd.DataFrame:
    total = table.sum().to_frame(TOTAL).T
    return _with_cac(pd.concat([table, total]).rename_axis("channel"))


def _with_cac(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(cac=table["cost"] / table["customers"].where(table["customers"] > 0))


def _numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    numbers = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64)
    for row, (number, given) in enumerate(zip(numbers, table[name], strict=True), start=1):
        if np.isnan(number) and not pd.isna(given):
            raise InputError(
                f"row {row} of the table of acquisition: {name} is {given!r}; it must be a number."
            )
        if number < 0 or np.isinf(number):
            raise InputError(
                f"row {row} of the table of acquisition: {name} is {given!r}; it must be finite and not"
                " negative."
            )
    return numbers


def _span(value: Any, row: int) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Start of a period, and start of the next."""
    try:
        is_day = isinstance(value, pd.Timestamp)
        period: Any = pd.Period(value, freq="D") if is_day else pd.Period(str(value).strip())
        return period.start_time, pd.Timestamp((period + 1).start_time)
    except (ValueError, TypeError):
        raise InputError(
            f"row {row} of the table of acquisition: period is {value!r}; write a month (2024-01), a quarter"
            " (2024Q1), a year (2024) or a day (2024-01-31)."
        ) from None


def _refuse_overlap(rows: list[Spent]) -> None:
    numbered = sorted(
        enumerate(rows, start=1), key=lambda each: (each[1].channel, each[1].start, each[1].end)
    )
    for (i, before), (j, after) in itertools.pairwise(numbered):
        if before.channel == after.channel and after.start < before.end:
            raise InputError(
                f"periods overlap in the table of acquisition: {before.channel} has a cost from"
                f" {before.start:%Y-%m-%d} and one from {after.start:%Y-%m-%d} within the same time (rows {i}"
                f" and {j}); add them to one row."
            )


def _check_cost(cost: float, name: str) -> None:
    if not 0 <= cost < np.inf:
        raise InputError(f"{name} is {cost!r}; it must be finite and not negative.")
