"""A calendar of purchase rates: season of the year, and dated events such as holidays and campaigns.

The rate on a day is multiplied by the seasonal index of its month or week and by the multiples of the
events of that day. Seasonal indices are 1 on average over a year, so that rates and operational time keep
their unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.customers._time_units import as_written
from clvml.distributions._operational_time import OperationalClock
from clvml.errors import InputError

Array = NDArray[np.float64]
Days = NDArray[np.int64]  # since 1970-01-01

SEASONS = {"month": 12, "week": 52}  # periods in a year; the last week has the year's last eight or nine days
EVENT_COLUMNS = ("event", "start", "end")
_CYCLE = np.arange(1461)  # the days of four years, one of them a leap year
_LONGEST = 36_525  # days of a clock; beyond, rates are average


def periods_of(days: Days, season: str) -> Days:
    """The period of the season, from 0, in which each day is."""
    dates = days.astype("datetime64[D]")
    if season == "month":
        return dates.astype("datetime64[M]").astype(np.int64) % 12
    day_of_year = (dates - dates.astype("datetime64[Y]")).astype(np.int64)
    return np.minimum(day_of_year // 7, SEASONS["week"] - 1)


def days_in_periods(season: str) -> Array:
    """The share of a year's days in each period of the season."""
    counts = np.bincount(periods_of(_CYCLE, season), minlength=SEASONS[season])
    return counts / counts.sum()


def checked_index(index: Any) -> pd.Series:
    """A seasonal index as a Series by month or week, 1 on average over a year.

    Raises
    ------
    InputError
        If there are not 12 or 52 positive numbers, labelled from 1.
    """
    given = pd.Series(index, dtype=float) if isinstance(index, Mapping) else index
    if not isinstance(given, pd.Series):
        given = pd.Series(np.asarray(index, dtype=float), index=range(1, 1 + np.size(index)))
    if isinstance(given.index, pd.DatetimeIndex | pd.PeriodIndex):
        raise InputError(
            "the season is a dated series: clvml.seasonal_index(series, 'month') makes an index of it."
        )
    given = given.astype(float).sort_index()
    season = next((name for name, n in SEASONS.items() if len(given) == n), None)
    if season is None or given.index.tolist() != list(range(1, len(given) + 1)):
        raise InputError(
            f"a seasonal index has 12 numbers labelled 1 to 12 (months) or 52 labelled 1 to 52 (weeks of the"
            f" year); it has {len(given)}, labelled {given.index[0]!r} to {given.index[-1]!r}."
            if len(given)
            else "the seasonal index is empty; it has 12 numbers (months) or 52 (weeks of the year)."
        )
    if not (np.isfinite(given) & (given > 0)).all():
        raise InputError("a seasonal index has positive, finite numbers, 1 or 100 on average.")
    scaled = given / float(days_in_periods(season) @ given.to_numpy())
    return scaled.rename_axis(season).rename("index")


def checked_events(events: Any) -> pd.DataFrame:
    """A table of events with ``event, start, end, multiple``; ends are inclusive, unknown multiples missing.

    Raises
    ------
    InputError
        If a column is missing, a date is invalid, an event ends before it starts, or a multiple is not
        positive or differs within an event.
    """
    if not isinstance(events, pd.DataFrame) or any(name not in events for name in EVENT_COLUMNS[:2]):
        raise InputError(
            "events must be a DataFrame with the columns event, start, end (inclusive; by default the start)"
            " and, if it is known, multiple."
        )
    starts = [as_written(each, "the start of an event").normalize() for each in events["start"]]
    last = events["end"] if "end" in events else events["start"]
    ends = [
        start if pd.isna(end) else as_written(end, "the end of an event").normalize()
        for start, end in zip(starts, last, strict=True)
    ]
    names = events["event"].astype(str)
    multiples = pd.to_numeric(events["multiple"]) if "multiple" in events else np.nan
    table = pd.DataFrame(
        {"event": names.to_numpy(), "start": starts, "end": ends, "multiple": np.asarray(multiples)}
    ).astype({"multiple": float, "start": "datetime64[us]", "end": "datetime64[us]"})
    _check_table(table)
    return table


def _check_table(table: pd.DataFrame) -> None:
    late = table[table["end"] < table["start"]]
    if len(late):
        raise InputError(f"the event {late['event'].iloc[0]!r} ends before it starts.")
    known = table["multiple"].dropna()
    if not (np.isfinite(known) & (known > 0)).all():
        raise InputError(
            "the multiple of an event is positive and finite: 1.5 is half as many purchases more."
        )
    kinds = table.groupby("event")["multiple"].nunique(dropna=False)
    if (kinds > 1).any():
        raise InputError(f"the event {kinds[kinds > 1].index[0]!r} has several multiples; name them apart.")


@dataclass(frozen=True, eq=False)
class Calendar:
    """Seasonal index and events, with known effects.

    Attributes
    ----------
    index : Series or None
        The seasonal index by month or week, from `checked_index`.
    events : DataFrame or None
        From `checked_events`, with a multiple for each.
    shift : float
        Days from the time of a purchase back to the start of the day in which it counts: a purchase dated
        by its day (at midnight) counts in the 24 hours before.
    """

    index: pd.Series | None
    events: pd.DataFrame | None
    shift: float = 0.0

    def clock(self, start: float, stop: float) -> OperationalClock:
        """The operational clock of the times from ``start`` to ``stop``."""
        first = int(np.floor(start))
        days = first + np.arange(max(1, int(np.ceil(min(stop - first, _LONGEST)))))
        return OperationalClock(first, np.exp(self.log_speed(self.dates(days))))

    def dates(self, days: Days) -> Days:
        """The dates of the days of a clock."""
        return days + round(self.shift)

    def log_speed(self, dates: Days) -> Array:
        """The logarithm of the multiple of the purchase rate on each date."""
        value = np.zeros(dates.size)
        if self.index is not None:
            value += np.log(self.index.to_numpy())[periods_of(dates, str(self.index.index.name))]
        if self.events is not None:
            for event, happens in event_days(self.events, dates).items():
                multiple = self.events.loc[self.events["event"] == event, "multiple"].iloc[0]
                value[happens] += np.log(multiple)
        return value

    @property
    def changes_per_year(self) -> int:
        """Roughly how often the season changes."""
        return 0 if self.index is None else len(self.index)


def event_days(events: pd.DataFrame, dates: Days) -> dict[str, NDArray[np.bool_]]:
    """The days on which each event takes place."""
    happens: dict[str, NDArray[np.bool_]] = {}
    starts, ends = (
        events[side].to_numpy().astype("datetime64[D]").astype(np.int64) for side in ("start", "end")
    )
    for event, start, end in zip(events["event"], starts, ends, strict=True):
        now = (dates >= start) & (dates <= end)
        happens[event] = happens.get(event, np.zeros(dates.size, dtype=bool)) | now
    return happens
