"""Time units: length in days and number per year.

Durations use the length in days (a week is 7 days, so ``T = days / 7``, not rounded). Horizons and annual
rates follow the convention of finance and of the papers: a year has 365 days, 52 weeks, 12 months or 4
quarters, so that a weekly discount rate is
``(1 + annual) ** (1 / 52) - 1`` and a horizon of 52 weeks is one year.
"""

from __future__ import annotations

import math
import numbers
import re
from typing import Any, NamedTuple

import pandas as pd

from clvml.customers._discount_rate import annual_rate_in
from clvml.errors import InputError


class TimeUnit(NamedTuple):
    """A unit of time: its code, its name, its length in days and the number per year."""

    code: str
    name: str
    days: float
    per_year: int


TIME_UNITS = {
    unit.code: unit
    for unit in (
        TimeUnit("D", "day", 1.0, 365),
        TimeUnit("W", "week", 7.0, 52),
        TimeUnit("M", "month", 365.25 / 12, 12),
        TimeUnit("Q", "quarter", 365.25 / 4, 4),
        TimeUnit("Y", "year", 365.25, 1),
    )
}


# As SQL intervals: calendar months.
INTERVALS = {"D": "'1' DAY", "W": "'7' DAY", "M": "'1' MONTH", "Q": "'3' MONTH", "Y": "'12' MONTH"}

LONGEST_HORIZON = 10_000_000  # beyond 27,000 years, even in days


def time_unit_of(code: str) -> TimeUnit:
    """The unit with this code.

    Raises
    ------
    InputError
        If ``code`` is none of ``"D", "W", "M", "Q", "Y"``.

    Examples
    --------
    >>> time_unit_of("W").per_year
    52
    """
    if code not in TIME_UNITS:
        raise InputError(
            f"time_unit is {code!r}; it must be one of"
            f" {', '.join(f'{unit.code!r} ({unit.name})' for unit in TIME_UNITS.values())}."
        )
    return TIME_UNITS[code]


def horizon_in(horizon: float | str, time_unit: str | None) -> float:
    """Convert a horizon to a number of ``time_unit``; text includes its own unit, as in ``"12M"``.

    Raises
    ------
    InputError
        If it is not positive, is longer than 10 million units, cannot be parsed, or there is no unit to
        convert to.

    Examples
    --------
    >>> horizon_in(39, "W"), horizon_in("12M", "W"), horizon_in("2Y", "D")
    (39.0, 52.0, 730.0)
    """
    if isinstance(horizon, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([DWMQY])\s*", horizon)
        if match is None:
            raise InputError(
                f"horizon is {horizon!r}; write a number followed by D, W, M, Q or Y, as in '12M'."
            )
        if time_unit is None:
            raise InputError(
                f"horizon is {horizon!r}, but the model has no time unit: give the horizon as a"
                " number in the unit of its parameters, or set time_unit."
            )
        length, unit = float(match[1]), time_unit_of(match[2])
        value = length * time_unit_of(time_unit).per_year / unit.per_year
    else:
        try:
            value = float(horizon)
        except (TypeError, ValueError):
            raise InputError(f"horizon is {horizon!r}; it must be a number or text such as '12M'.") from None
    if isinstance(horizon, bool) or not 0 < value <= LONGEST_HORIZON:
        raise InputError(
            f"horizon is {horizon!r}; it must be positive, and at most {LONGEST_HORIZON:,} units."
        )
    return value


def rate_per_unit(annual_rate: float, time_unit: str | None) -> float:
    """The rate per ``time_unit`` that compounds to ``annual_rate`` over a year.

    Parameters
    ----------
    annual_rate : float
        A fraction per year: 0.10 is 10 %.
    time_unit : {"D", "W", "M", "Q", "Y"} or None
        The unit to convert to; may be None only if the rate is zero.

    Raises
    ------
    InputError
        If the rate is negative, missing, infinite or above 1 (100 %), or there is no unit to convert it to.

    Examples
    --------
    >>> rate_per_unit(0.10, "Y"), rate_per_unit(0.0, None)
    (0.1, 0.0)
    >>> f"{rate_per_unit(0.10, 'W'):.8f}"
    '0.00183457'
    """
    rate = annual_rate_in(annual_rate)
    if rate == 0:
        return 0.0
    if time_unit is None:
        raise InputError(
            f"annual_discount_rate is {annual_rate!r}, but the customer summary has no time unit:"
            " set customers.attrs['time_unit'] to 'D', 'W', 'M', 'Q' or 'Y' first, or use a rate of 0."
        )
    per_year = time_unit_of(time_unit).per_year
    return rate if per_year == 1 else math.expm1(math.log1p(rate) / per_year)


def convert_time_unit(customers: pd.DataFrame, time_unit: str) -> pd.DataFrame:
    """Convert recency, T and duration of a customer summary to ``time_unit``.

    Parameters
    ----------
    customers : pandas.DataFrame
        A customer summary with ``attrs["time_unit"]``; not changed.
    time_unit : {"D", "W", "M", "Q", "Y"}
        The unit to convert to.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    InputError
        If a unit is unknown, or the summary does not state its own (``customers.attrs["time_unit"]``).
    """
    target = time_unit_of(time_unit)
    current = customers.attrs.get("time_unit")
    if current is None:
        raise InputError(
            "this customer summary has no time unit: set customers.attrs['time_unit']"
            " to 'D', 'W', 'M', 'Q' or 'Y' first."
        )
    factor = time_unit_of(current).days / target.days
    times = [name for name in ("recency", "T", "duration") if name in customers]
    converted = customers.assign(**{name: customers[name] * factor for name in times})
    converted.attrs["time_unit"] = target.code
    return converted


def as_written(moment: Any, name: str) -> pd.Timestamp:
    """A timestamp without its time zone: the local date never changes.

    Raises
    ------
    InputError
        If it is not a date, or is ambiguous, such as ``1/2/1997``.
    """
    # Numbers are parsed as text, because pandas takes 19970930 for nanoseconds since 1970. The year must come
    # first, because 1/2/1997 is ambiguous.
    written = str(moment) if isinstance(moment, str | numbers.Real) else None
    try:
        if written is not None and not re.match(
            r"\s*(\d{4}-\d{1,2}-\d{1,2}|\d{4}/\d{1,2}/\d{1,2}|\d{8}\s*$)", written
        ):
            raise ValueError
        stamp = pd.Timestamp(moment if written is None else written)
    except (TypeError, ValueError, OverflowError):
        stamp = None
    if stamp is None or pd.isna(stamp):
        raise InputError(f"{name} is {moment!r}; give a date, as in '1997-09-30'.")
    return stamp.tz_localize(None)
