"""Time units: length in days and number per year.

There are two kinds of lengths, and one calendar for each.

**Measured times** (``recency``, ``T``, ``duration``, and any `convert_time_unit`) are days divided by the
length of the unit in days, not rounded: 7 for a week, and the averages of the Gregorian calendar for a month
(30.4375), a quarter and a year (365.25). Days and weeks have a fixed length, so that a horizon in them
(``"14D"``, ``"2W"``) or as a `pandas.Timedelta` is exact too for a model that counts days or weeks.

**Planned times** (months, quarters and years of a horizon, such as ``"12M"``, and annual rates) follow the
convention of finance and of the papers: a year is 365 days, 52 weeks, 12 months or 4 quarters. So a weekly
discount rate is ``(1 + annual) ** (1 / 52) - 1``, a payment after ``"1Y"`` is discounted by exactly the
annual rate in every unit, and ``"12M"`` are the 52 weeks of published results. The price: ``"12M"`` lasts 365
days for a model in days, 364 in weeks and 365.25 in months, quarters and years, a difference of 0.34 % at
most. For CDNOW these are 2,094, 2,089 and 2,095 expected purchases, with a 90 % prediction interval of the
total from 1,865 to 2,297. For a horizon of the same length in every unit give a number: 365 days are 365 in
days, ``365 / 7`` in weeks and ``365 / 30.4375`` in months.
"""

from __future__ import annotations

import datetime as dt
import math
import numbers
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
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


Horizon = float | str | dt.timedelta | np.timedelta64
Horizons = list[Any] | tuple[Any, ...] | pd.Index | np.ndarray  # several at once

# As SQL intervals: calendar months.
INTERVALS = {"D": "'1' DAY", "W": "'7' DAY", "M": "'1' MONTH", "Q": "'3' MONTH", "Y": "'12' MONTH"}

TIME_UNIT = "time_unit"  # of a summary, in its attrs or as a constant column
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


def horizon_in(horizon: Horizon, time_unit: str | None) -> float:
    """Convert a horizon to a number of ``time_unit``.

    Parameters
    ----------
    horizon : float, str or timedelta
        A number of ``time_unit``; text with its own unit, as in ``"12M"``; or a `datetime.timedelta`,
        `pandas.Timedelta` or `numpy.timedelta64`, which is the same as its days as text, ``"273D"``.
    time_unit : {"D", "W", "M", "Q", "Y"} or None

    Raises
    ------
    InputError
        If it is not positive, is longer than 10 million units, cannot be parsed, or there is no unit to
        convert to.

    Examples
    --------
    >>> horizon_in(39, "W"), horizon_in("12M", "W"), horizon_in("2Y", "D"), horizon_in("273D", "W")
    (39.0, 52.0, 730.0, 39.0)
    >>> horizon_in(pd.Timedelta(weeks=39), "D")
    273.0
    """
    if isinstance(horizon, str | dt.timedelta | np.timedelta64):
        length, unit = _written(horizon)
        if time_unit is None:
            raise InputError(
                f"horizon is {horizon!r}, but the model has no time unit: give the horizon as a"
                " number in the unit of its parameters, or set time_unit."
            )
        value = _converted(length, unit, time_unit_of(time_unit))
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


def _written(horizon: str | dt.timedelta | np.timedelta64) -> tuple[float, TimeUnit]:
    """The number and the unit of a horizon that has its own unit."""
    if isinstance(horizon, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([DWMQY])\s*", horizon)
        if match is None:
            raise InputError(
                f"horizon is {horizon!r}; write a number followed by D, W, M, Q or Y, as in '12M'."
            )
        return float(match[1]), time_unit_of(match[2])
    try:
        return pd.Timedelta(horizon) / pd.Timedelta(days=1), TIME_UNITS["D"]
    except (ValueError, OverflowError):
        raise InputError(f"horizon is {horizon!r}; it must be a positive length of time.") from None


def _converted(length: float, unit: TimeUnit, target: TimeUnit) -> float:
    """The length in another unit: exact between days and weeks, by their number per year otherwise."""
    if {unit.code, target.code} <= {"D", "W"}:
        return length * unit.days / target.days
    return length * target.per_year / unit.per_year


def labels_of(horizons: Horizons) -> pd.Index:
    """Several horizons as labels of the predictions for them.

    Raises
    ------
    InputError
        If there is none, or one is given twice.
    """
    each = list(horizons)
    if not each or len({*map(str, each)}) < len(each):
        raise InputError(f"horizon is {horizons!r}; a list needs at least one horizon, each once.")
    same = len({type(horizon) for horizon in each}) == 1
    return pd.Index(each, dtype=None if same else object, name="horizon")


def by_horizon(predict: Callable[[Any], pd.Series], horizons: Horizons) -> pd.DataFrame:
    """Predictions with one column per horizon, labelled as given."""
    labels = labels_of(horizons)
    return pd.concat([predict(horizon) for horizon in labels], axis=1).set_axis(labels, axis=1)


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


def stated_time_unit(customers: pd.DataFrame) -> str | None:
    """The time unit that a customer summary states: in its ``attrs``, or in a constant column ``time_unit``.

    The column survives a CSV file, a database and JSON, which lose ``attrs``. Empty cells state nothing.

    Returns
    -------
    {"D", "W", "M", "Q", "Y"} or None

    Raises
    ------
    InputError
        If the column has two units, an unknown one, or another one than ``attrs``.

    Examples
    --------
    >>> stated_time_unit(pd.DataFrame({"T": [38.9, 2.0], "time_unit": "W"}))
    'W'
    """
    noted: str | None = customers.attrs.get("time_unit")
    if TIME_UNIT not in customers:
        return noted
    codes = customers[TIME_UNIT].dropna().astype(str).unique().tolist()
    if not codes:
        return noted
    if len(codes) > 1:
        raise InputError(
            f"the column {TIME_UNIT!r} has {' and '.join(repr(code) for code in codes[:2])}: all customers of"
            " one table need the same time unit; convert each part with clvml.convert_time_unit."
        )
    code = time_unit_of(codes[0]).code
    if noted is not None and noted != code:
        raise InputError(
            f"the column {TIME_UNIT!r} says {code!r}, but customers.attrs['time_unit'] is {noted!r}: correct"
            " the one that is wrong."
        )
    return code


def convert_time_unit(customers: pd.DataFrame, time_unit: str) -> pd.DataFrame:
    """Convert recency, T and duration of a customer summary to ``time_unit``.

    Parameters
    ----------
    customers : pandas.DataFrame
        A customer summary with ``attrs["time_unit"]`` or a constant column ``time_unit``; not changed.
    time_unit : {"D", "W", "M", "Q", "Y"}
        The unit to convert to.

    Returns
    -------
    pandas.DataFrame
        A copy with ``recency``, ``T`` and ``duration`` in the new unit, and ``attrs["time_unit"]`` set to it.

    Raises
    ------
    InputError
        If a unit is unknown, or the summary does not state its own (``customers.attrs["time_unit"]``).

    See Also
    --------
    clvml.summarize : Takes the time unit of a new summary.
    clvml.TimeUnitError : Raised where a model and a summary differ.

    Examples
    --------
    A customer of 26 weeks, in months:

    >>> import clvml
    >>> import pandas as pd
    >>> weekly = pd.DataFrame({"frequency": [2.0], "recency": [13.0], "T": [26.0]})
    >>> weekly.attrs["time_unit"] = "W"
    >>> monthly = clvml.convert_time_unit(weekly, "M")
    >>> monthly.round(2).to_dict("records"), monthly.attrs["time_unit"]
    ([{'frequency': 2.0, 'recency': 2.99, 'T': 5.98}], 'M')
    """
    target = time_unit_of(time_unit)
    current = stated_time_unit(customers)
    if current is None:
        raise InputError(
            "this customer summary has no time unit: set customers.attrs['time_unit']"
            " to 'D', 'W', 'M', 'Q' or 'Y' first."
        )
    factor = time_unit_of(current).days / target.days
    times = [name for name in ("recency", "T", "duration") if name in customers]
    converted = customers.assign(**{name: customers[name] * factor for name in times})
    if TIME_UNIT in customers:
        converted[TIME_UNIT] = target.code
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
