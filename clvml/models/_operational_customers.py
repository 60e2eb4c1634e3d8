"""Customers in operational time, and their simulated purchases in calendar time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.customers._summary_checks import HISTORY, checked_columns
from clvml.customers._time_units import time_unit_of
from clvml.distributions._history import Array, History
from clvml.distributions._operational_time import OperationalClock
from clvml.models._calendar import Calendar
from clvml.models._season_fit import Dated, operational

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class OperationalCustomers:
    """Customers with a clock in which their purchase rate is constant.

    Attributes
    ----------
    customers : DataFrame
        Their summary, with recency and ``T`` in operational time.
    rows : ndarray or slice
        Their places in the table they come from.
    dated : Dated
        Their histories in calendar time, with dates.
    history : History
        Their histories in operational time.
    clock : OperationalClock
    """

    customers: pd.DataFrame
    rows: Rows | slice
    dated: Dated
    history: History
    clock: OperationalClock

    @cached_property
    def end(self) -> float:
        """The common end of observation, in days."""
        return float(self.dated.end[0])

    def at(self, ahead: float) -> tuple[pd.DataFrame, float]:
        """The customers, and a calendar time after the end of observation in operational time."""
        return self.customers, float(self.ahead(np.array([ahead]))[0])

    def ahead(self, time: Array) -> Array:
        """Operational time of calendar times after the end of observation, in time units."""
        unit = self.dated.days_per_unit
        return np.asarray((self.clock.at(self.end + time * unit) - self.clock.at(np.array(self.end))) / unit)

    def back(self, time: Array) -> Array:
        """The inverse of `ahead`."""
        unit = self.dated.days_per_unit
        now = self.clock.at(np.array(self.end))
        return np.asarray((self.clock.time_of(now + np.asarray(time) * unit) - self.end) / unit)

    def average(self, year: float) -> Callable[[Array], Array]:
        """As `ahead`, without the season: the same mean over a year, after the last event."""
        times = year * (20 + np.arange(1461) / 1461)
        lag = float(np.mean(self.ahead(times) - times))
        return lambda time: time + lag

    def recency_of(self, recency: Array) -> Array:
        """Recency in calendar time of a recency in operational time."""
        unit = self.dated.days_per_unit
        date = self.clock.time_of(self.clock.at(self.dated.first) + recency * unit)
        return np.asarray(np.where(recency > 0, (date - self.dated.first) / unit, 0.0))


def operational_customers(
    customers: pd.DataFrame,
    ends: Array,
    calendar: Calendar,
    time_unit: str,
    horizon: float = 0.0,
    rows: Rows | slice = slice(None),
) -> OperationalCustomers:
    """The customers in operational time, with a clock that lasts a ``horizon`` beyond their observation."""
    values = checked_columns(customers, HISTORY, time_unit)
    unit = time_unit_of(time_unit).days
    history = History(values["frequency"], values["recency"], values["T"])
    first, last = ends - history.T * unit, ends - (history.T - history.t_x) * unit
    dated = Dated(history, first, last, ends, unit)
    clock = calendar.clock(float(first.min()), float(ends.max()) + max(horizon * unit, 1.0))
    moved = operational(dated, clock)
    table = customers.assign(recency=moved.t_x, T=moved.T)
    return OperationalCustomers(table, rows, dated, moved, clock)


class SeasonalSimulator:
    """Simulates the future purchases of customers at calendar times; see `PurchaseSimulator`.

    Parameters
    ----------
    model : estimator
        The fitted model in operational time.
    parts : callable
        Of a horizon; the customers in parts with a common end of observation.
    n_customers : int
    """

    def __init__(
        self, model: Any, parts: Callable[[float], list[OperationalCustomers]], n_customers: int
    ) -> None:
        self.model = model
        self._parts = parts
        self._n = n_customers
        self._simulators: dict[float, list[tuple[OperationalCustomers, Any]]] = {}

    def __call__(
        self, draw: Array, n_simulations: int, horizon: float, rng: np.random.Generator
    ) -> tuple[Rows, Array]:
        """As `PurchaseSimulator`: row of each purchase, ascending, and its time after observation."""
        if horizon not in self._simulators:
            parts = self._parts(horizon)
            self._simulators[horizon] = [(p, self.model.purchase_simulator(p.customers)) for p in parts]
        rows, times = [], []
        for part, simulate in self._simulators[horizon]:
            row, time = simulate(draw, n_simulations, part.at(horizon)[1], rng)
            simulation, who = np.divmod(row, len(part.customers))
            rows.append(simulation * self._n + np.arange(self._n)[part.rows][who])
            times.append(np.minimum(part.back(time), horizon))
        row, time = np.concatenate(rows), np.concatenate(times)
        order = np.argsort(row, kind="stable") if len(rows) > 1 else slice(None)
        return row[order], time[order]
