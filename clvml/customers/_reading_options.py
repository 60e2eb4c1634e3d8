"""The options of `clvml.read_transactions`, validated: columns, dates and the time zone."""

from __future__ import annotations

import dataclasses
import zoneinfo
from collections.abc import Sequence
from typing import Any

import pandas as pd

from clvml.customers._amounts import NumberReading
from clvml.customers._time_units import as_written, time_unit_of
from clvml.errors import InputError

EXCEL = "excel"
MAX_UNREADABLE = 0.1


@dataclasses.dataclass(frozen=True)
class Columns:
    """The role of each column of the source: an amount, or quantity and price, or no money."""

    customer: str
    date: str
    amount: str | None = None
    quantity: str | None = None
    price: str | None = None
    category: str | None = None

    @property
    def money(self) -> tuple[str, ...]:
        """The columns whose product is the amount."""
        return tuple(name for name in (self.amount, self.quantity, self.price) if name is not None)

    @property
    def named(self) -> tuple[str, ...]:
        """All columns in use."""
        return tuple(name for name in dataclasses.astuple(self) if name is not None)


@dataclasses.dataclass(frozen=True)
class DateReading:
    """How dates are parsed: formats of text, and the time zone of timestamps that have one.

    Parameters
    ----------
    formats : tuple of str
        For text and integers, tried in order; ISO 8601 if empty; serial numbers of Excel if ``("excel",)``.
    timezone : str or None
        The time zone to convert to; None keeps that of the data.
    unit, origin : str or None, pandas.Timestamp or None
        For dates given as numbers of days, weeks, months, ...: the unit, and the date of number 0.
    """

    formats: tuple[str, ...] = ()
    timezone: str | None = None
    unit: str | None = None
    origin: pd.Timestamp | None = None


@dataclasses.dataclass(frozen=True)
class Reading:
    """How the cells of a source are read.

    Parameters
    ----------
    dates : DateReading
    numbers : NumberReading
    max_unreadable : float
        The largest share of dates, and of amounts, that may be unreadable.
    sheet : str, int or None
        The sheet of a workbook.
    """

    dates: DateReading
    numbers: NumberReading
    max_unreadable: float
    sheet: str | int | None


def money_columns(
    amount: str | None, quantity: str | None, price: str | None, purchases_only: bool
) -> tuple[str | None, str | None, str | None]:
    """The columns of money that are named, validated: an amount, or quantity and price."""
    given = [name for name in (amount, quantity, price) if name is not None]
    if purchases_only and given:
        raise InputError(
            f"purchases_only leaves out amounts, but the column {given[0]!r} is given: drop one."
        )
    if (quantity is None) != (price is None):
        lone, other = ("quantity", "price") if price is None else ("price", "quantity")
        raise InputError(f"{lone} is given without {other}: give both columns, or amount.")
    if amount is not None and quantity is not None:
        raise InputError("amount and quantity x price are both given: give one of the two.")
    return amount, quantity, price


def date_reading(
    date_format: str | Sequence[str] | None, timezone: str | None, unit: str | None, origin: Any
) -> DateReading:
    """The options of dates, validated.

    Raises
    ------
    InputError
        If a unit is given without its origin, with a format, or an option is invalid.
    """
    formats = (date_format,) if isinstance(date_format, str) else tuple(date_format or ())
    if EXCEL in formats and len(formats) > 1:
        raise InputError("date_format 'excel' (serial numbers) cannot be combined with other formats.")
    if (unit is None) != (origin is None):
        raise InputError(
            "date_unit and date_origin go together: the unit of numbered dates, and the date of number 0."
        )
    if unit is None:
        return DateReading(formats, checked_timezone(timezone))
    if formats:
        raise InputError("date_format and date_unit are both given: dates are text in a format, or numbers.")
    return DateReading(
        formats, checked_timezone(timezone), time_unit_of(unit).code, as_written(origin, "date_origin")
    )


def checked_share(max_unreadable: float) -> float:
    """The option ``max_unreadable``, validated."""
    if isinstance(max_unreadable, bool) or not 0 <= max_unreadable <= 1:
        raise InputError(f"max_unreadable is {max_unreadable!r}; it must be a share between 0 and 1.")
    return float(max_unreadable)


def checked_timezone(timezone: str | None) -> str | None:
    """The name of a time zone, validated.

    Raises
    ------
    InputError
        If it is not in the IANA database.
    """
    try:
        return None if timezone is None else zoneinfo.ZoneInfo(timezone).key
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise InputError(
            f"timezone is {timezone!r}; give a name of the IANA database, as in 'America/New_York' or 'UTC'."
        ) from None
