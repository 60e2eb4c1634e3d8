"""The end of observation of customers, which places their purchase histories in the calendar."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._ends import end_of
from clvml.customers._time_units import as_written, time_unit_of
from clvml.distributions._history import Array
from clvml.errors import InputError

OBSERVED_UNTIL = "observed_until"
_END, _COLLAPSE, _FIRST = "observation_end", "collapse", "first_purchase"
_DAY = 86_400e6  # microseconds

# By collapse: days from the date of a purchase back to the start of the time in which it counts. Purchases
# within a period are dated by its start, and no two of a customer are in the same: a purchase of a day
# can take place in the 24 hours up to its date, counted from the date of the first purchase.
DAY_SHIFTS: dict[str | None, float] = {None: 0.0, "D": 1.0, "W": 7.0, "M": 30.0, "Q": 91.0, "Y": 365.0}


def stated_end(customers: pd.DataFrame, time_unit: str) -> tuple[dt.date, str | None]:
    """The last day of observation that a customer summary states, and its collapse.

    Raises
    ------
    InputError
        If it states none.
    """
    collapse = customers.attrs.get(_COLLAPSE, "D")
    if _END in customers.attrs:
        return as_written(customers.attrs[_END], _END).date(), collapse
    last = float(end_days(customers, time_unit, collapse, None).max())
    return np.datetime64(int(np.floor(round(last, 6) - (collapse is None) * 1e-6)), "D").item(), collapse


def end_days(customers: pd.DataFrame, time_unit: str, collapse: str | None, default: str | None) -> Array:
    """The end of observation of each customer, in days since 1970-01-01.

    By the column ``observed_until``, by ``attrs``, or by ``first_purchase`` and ``T``; else ``default``.

    Raises
    ------
    InputError
        If it is unknown.
    """
    if OBSERVED_UNTIL in customers:
        place, dates = pd.factorize(customers[OBSERVED_UNTIL].to_numpy(dtype=object))
        if (place < 0).any():
            raise InputError(f"{(place < 0).sum()} of {len(customers)} customers have no {OBSERVED_UNTIL}.")
        return np.array([_clock(date, collapse) for date in dates])[place]
    if _END in customers.attrs:
        return np.full(
            len(customers), _clock(customers.attrs[_END], customers.attrs.get(_COLLAPSE, collapse))
        )
    if _FIRST in customers:
        first = pd.to_datetime(customers[_FIRST]).to_numpy().astype("datetime64[us]").astype(np.int64) / _DAY
        return np.asarray(first + customers["T"].to_numpy(dtype=float) * time_unit_of(time_unit).days)
    if default is not None:
        return np.full(len(customers), _clock(default, collapse))
    raise InputError(
        "the calendar needs the end of observation: make the customer summary by clvml.summarize or"
        f" clvml.split, or set customers.attrs[{_END!r}] to the last day, or add the column"
        f" {OBSERVED_UNTIL!r} or {_FIRST!r}."
    )


def _clock(moment: Any, collapse: str | None) -> float:
    return end_of(moment, collapse, _END).clock.value / 86_400e9
