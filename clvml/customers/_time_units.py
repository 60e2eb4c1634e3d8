"""Units of time: how long each lasts, and how many make a year.

Durations are measured with the length in days (a week is 7 days, so ``T = days / 7``, not
rounded). Horizons and annual rates follow the convention of finance and of the papers:
a year is 365 days, 52 weeks, 12 months or 4 quarters, so that a weekly discount rate is
``(1 + annual) ** (1 / 52) - 1`` and a horizon of 52 weeks is one year.
"""

from __future__ import annotations

import math
import numbers
import re
from typing import Any, NamedTuple

import pandas as pd

from clvml.errors import InputError


class TimeUnit(NamedTuple):
    """A unit of time: its code, its name, its length in days and how many a year counts."""

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


# As SQL intervals; a month has the length that it has.
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
    """A horizon as a number of ``time_unit``; a string carries its own unit, as in ``"12M"``.

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
                f"horizon is {horizon!r}, but the model knows no time unit: give the horizon as a plain"
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
        A fraction a year: 0.10 is 10 %.
    time_unit : {"D", "W", "M", "Q", "Y"} or None
        The unit to convert to; without one only a rate of zero has a meaning.

    Raises
    ------
    InputError
        If the rate is negative, missing or infinite, or there is no unit to convert it to.

    Examples
    --------
    >>> rate_per_unit(0.10, "Y"), rate_per_unit(0.0, None)
    (0.1, 0.0)
    >>> f"{rate_per_unit(0.10, 'W'):.8f}"
    '0.00183457'
    """
    rate = _annual(annual_rate)
    if rate == 0:
        return 0.0
    if time_unit is None:
        raise InputError(
            f"annual_discount_rate is {annual_rate!r}, but the customer summary does not say its time unit:"
            " set customers.attrs['time_unit'] to 'D', 'W', 'M', 'Q' or 'Y' before fitting, or discount at 0."
        )
    per_year = time_unit_of(time_unit).per_year
    return rate if per_year == 1 else math.expm1(math.log1p(rate) / per_year)


def _annual(annual_rate: float) -> float:
    try:
        rate = float(annual_rate)
    except (TypeError, ValueError):
        raise InputError(f"annual_discount_rate is {annual_rate!r}; it must be a number.") from None
    if not -1 < rate < math.inf:
        raise InputError(f"annual_discount_rate is {annual_rate!r}; it must be finite and above -1.")
    if rate < 0:
        raise InputError(
            f"annual_discount_rate is {annual_rate!r}; it must not be negative: 0 leaves later money"
            " undiscounted, 0.10 discounts it by 10 % a year."
        )
    return rate


def convert_time_unit(customers: pd.DataFrame, time_unit: str) -> pd.DataFrame:
    """The same customer summary with recency, T and duration counted in ``time_unit``.

    Raises
    ------
    InputError
        If the summary does not say which unit it is in (``customers.attrs["time_unit"]``).
    """
    target = time_unit_of(time_unit)
    current = customers.attrs.get("time_unit")
    if current is None:
        raise InputError(
            "this customer summary does not say its time unit: set customers.attrs['time_unit']"
            " to 'D', 'W', 'M', 'Q' or 'Y' first."
        )
    factor = time_unit_of(current).days / target.days
    times = [name for name in ("recency", "T", "duration") if name in customers]
    converted = customers.assign(**{name: customers[name] * factor for name in times})
    converted.attrs["time_unit"] = target.code
    return converted


def as_written(moment: Any, name: str) -> pd.Timestamp:
    """A moment without its time zone: a date never changes its day, whatever its type.

    Raises
    ------
    InputError
        If it is no date, or one with two readings.
    """
    # As text, because the integer 19970930 would count nanoseconds since 1970; and year first, because
    # 1/2/1997 has two readings.
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
