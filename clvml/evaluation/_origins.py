"""Origins of a backtest: the dates at which models are fitted anew, and the holdout after each.

An origin is the last day of a calibration period; its holdout of one horizon follows at once. Origins that
are placed, not given as dates, run back from the latest that leaves a whole horizon to the earliest with
enough history: so many customers who bought again (`MIN_REPEAT_BUYERS` by default), and a whole horizon since
the first purchase; half a horizon, where the data are too short for that.
"""

from __future__ import annotations

import numbers
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clvml.customers._ends import End, end_of, observation_end_of
from clvml.customers._time_units import TIME_UNITS, as_written, horizon_in, time_unit_of
from clvml.customers._transactions import Transactions
from clvml.errors import InputError

MIN_REPEAT_BUYERS = 30  # fewer do not determine the four parameters of a model of purchases
MOST_ORIGINS = 5  # placed by default
_DAY = pd.Timedelta(days=1)

Origins = int | str | pd.Timedelta | pd.Timestamp | Iterable[Any] | None
Horizons = float | str | Sequence[float | str] | None


class Window(NamedTuple):
    """An origin, the horizon in time units, and the last day of its holdout."""

    origin: pd.Timestamp
    horizon: float
    end: pd.Timestamp

    @property
    def key(self) -> tuple[pd.Timestamp, float]:
        """Origin and horizon, by which results are stored."""
        return self.origin, self.horizon


class Period(NamedTuple):
    """The time that the data cover, and how it is counted."""

    first: pd.Timestamp
    last: End
    time_unit: str
    collapse: str | None
    min_repeat_buyers: int = MIN_REPEAT_BUYERS

    def latest_origin(self, horizon: float) -> pd.Timestamp:
        """The origin whose holdout ends with the data."""
        return self.moved(self.last.asked, -horizon)

    def moved(self, date: pd.Timestamp, horizon: float) -> pd.Timestamp:
        """A date later (or earlier) by a horizon, to the nearest whole day or period."""
        days = horizon * time_unit_of(self.time_unit).days
        if self.collapse in (None, "D"):
            return date.normalize() + round(days) * _DAY
        periods = round(days / TIME_UNITS[self.collapse].days)
        return (date.to_period(self.collapse) + periods).start_time

    def units(self, span: pd.Timedelta) -> float:
        """A time span in time units."""
        return float(span / _DAY / time_unit_of(self.time_unit).days)


def period_of(
    transactions: Transactions,
    observation_end: Any,
    time_unit: str,
    collapse: str | None,
    min_repeat_buyers: int = MIN_REPEAT_BUYERS,
) -> Period:
    """The time that transactions cover until ``observation_end``, by default all of it."""
    collapse = transactions.effective_collapse(collapse)
    last = observation_end_of(transactions, observation_end, collapse)
    return Period(transactions.first_date.normalize(), last, time_unit, collapse, min_repeat_buyers)


def windows(
    transactions: Transactions, origins: Origins, horizons: Sequence[float], period: Period
) -> tuple[list[Window], list[tuple[Window, str]]]:
    """The windows to evaluate, and those left out with the reason.

    Parameters
    ----------
    transactions : Transactions
    origins : int, str, Timedelta, date, or dates
        A number or a step: origins are placed. Dates: as given.
    horizons : sequence of float
        In time units.
    period : Period

    Raises
    ------
    InputError
        If ``origins`` is none of these, or the data carry no origin to place.
    """
    dates = _given(origins)
    if dates is None:
        dates = placed(transactions, origins, horizons, period)
    kept, left_out = [], []
    for origin in sorted(set(dates)):
        for horizon in horizons:
            window = Window(origin, horizon, period.moved(origin, horizon))
            reason = _reason_against(window, period)
            if reason:
                left_out.append((window, reason))
            else:
                kept.append(window)
    return kept, left_out


def placed(
    transactions: Transactions, origins: Origins, horizons: Sequence[float], period: Period
) -> list[pd.Timestamp]:
    """Origins placed by a number or a step, for the longest horizon that the data carry.

    Raises
    ------
    InputError
        If the data carry none.
    """
    for horizon in sorted(horizons, reverse=True):
        earliest, latest = carried(transactions, horizon, period)
        if earliest <= latest:
            return _spread(origins, earliest, latest, horizon, period)
    raise InputError(
        f"the data ({period.first:%Y-%m-%d} to {period.last.asked:%Y-%m-%d}) carry no origin for a horizon of"
        f" {min(horizons):g} {time_unit_of(period.time_unit).name}s: one needs {period.min_repeat_buyers}"
        " customers who bought again and half a horizon of history before it, and a whole horizon after"
        " it. Choose a shorter horizon or fewer min_repeat_buyers, or give origins as dates."
    )


def carried(transactions: Transactions, horizon: float, period: Period) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The earliest and the latest origin that the data carry; none if the earliest is the later."""
    latest = period.latest_origin(horizon)
    whole = period.moved(period.first, horizon)
    history = whole if whole <= latest else period.moved(period.first, horizon / 2)
    earliest = max(history, _enough_repeat_buyers(transactions, period))
    if period.collapse not in (None, "D"):
        earliest = earliest.to_period(period.collapse).start_time
    return earliest, latest


def horizons_of(horizon: Horizons, period: Period) -> list[float]:
    """The horizons in time units, without duplicates, in the order given.

    Raises
    ------
    InputError
        If there is none, or one is not a horizon or is shorter than one day or period.
    """
    single = isinstance(horizon, str | numbers.Real)
    given: list[Any] = [horizon] if single else list(horizon or ())  # type: ignore[arg-type]
    found = list(dict.fromkeys(horizon_in(each, period.time_unit) for each in given))
    if not found:
        raise InputError("there is no horizon; give at least one, such as '12M'.")
    for each in found:
        if period.moved(period.first, each) <= period.moved(period.first, 0):
            raise InputError(f"the horizon {each:g} is shorter than one day, or one period of collapse.")
    return found


def _given(origins: Origins) -> list[pd.Timestamp] | None:
    """The dates given, or None for a number or a step."""
    if origins is None or isinstance(origins, numbers.Real | pd.Timedelta) or _is_step(origins):
        return None
    single = isinstance(origins, str) or not isinstance(origins, Iterable)
    given: list[Any] = [origins] if single else list(origins)  # type: ignore[arg-type]
    dates = [as_written(each, "origin").normalize() for each in given]
    if not dates:
        raise InputError("there are no origins; give a number, a step such as '13W', or dates.")
    return dates


def _is_step(origins: Origins) -> bool:
    return isinstance(origins, str) and re.fullmatch(r"\s*\d+(?:\.\d*)?\s*[DWMQY]\s*", origins) is not None


def _spread(
    origins: Origins, earliest: pd.Timestamp, latest: pd.Timestamp, horizon: float, period: Period
) -> list[pd.Timestamp]:
    if origins is None:
        room = period.units(latest - earliest + _DAY)  # both are whole days
        return _evenly(min(MOST_ORIGINS, 1 + int(room / (horizon / 2))), earliest, latest, period)
    if isinstance(origins, str | pd.Timedelta):
        step = horizon_in(origins, period.time_unit) if isinstance(origins, str) else period.units(origins)
        return _stepped(step, earliest, latest, period)
    if isinstance(origins, bool) or not isinstance(origins, numbers.Integral) or origins < 1:
        raise InputError(
            f"origins is {origins!r}; give a whole number of at least 1, a step such as '13W', or dates."
        )
    return _evenly(int(origins), earliest, latest, period)


def _evenly(number: int, earliest: pd.Timestamp, latest: pd.Timestamp, period: Period) -> list[pd.Timestamp]:
    """Evenly spaced dates back from the latest; half a horizon apart by default, closer where asked."""
    if number == 1:
        return [latest]
    room = period.units(latest - earliest)
    return [period.moved(latest, -room * share) for share in np.linspace(0, 1, number)]


def _stepped(step: float, earliest: pd.Timestamp, latest: pd.Timestamp, period: Period) -> list[pd.Timestamp]:
    if period.moved(latest, -step) >= latest:
        raise InputError("the step between origins is shorter than one day, or one period of collapse.")
    number = 1 + int(period.units(latest - earliest) / step + 1e-9)
    return [period.moved(latest, -step * back) for back in range(number)]


def _reason_against(window: Window, period: Period) -> str:
    if window.origin < period.first:
        return f"the origin is before the first purchase, on {period.first:%Y-%m-%d}"
    if end_of(window.origin, period.collapse, "origin").stop >= period.last.stop:
        return f"the origin is not before the end of the data, on {period.last.asked:%Y-%m-%d}"
    if end_of(window.end, period.collapse, "end").stop > period.last.stop:
        unit = time_unit_of(period.time_unit).name
        return (
            f"the horizon of {window.horizon:g} {unit}s is longer than what follows the origin: the data end"
            f" on {period.last.asked:%Y-%m-%d}"
        )
    return ""


def _enough_repeat_buyers(transactions: Transactions, period: Period) -> pd.Timestamp:
    """The first day by which enough customers have bought again; beyond the data if never."""
    days = transactions.purchases(period.collapse, period.last.stop).frame(
        "SELECT period, count(*) AS customers FROM"
        " (SELECT period, row_number() OVER (PARTITION BY customer_id ORDER BY period) AS number"
        " FROM purchases) WHERE number = 2 GROUP BY period ORDER BY period"
    )
    enough = days["customers"].cumsum() >= period.min_repeat_buyers
    return days["period"][enough].min().normalize() if enough.any() else period.last.stop + _DAY
