"""Ends of calibration and observation periods: the requested date, the period and the time stamp."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

import pandas as pd

from clvml.customers._purchases import check_collapse
from clvml.customers._time_units import TIME_UNITS, as_written, stated_time_unit
from clvml.customers._transactions import Transactions
from clvml.errors import InputError

log = logging.getLogger("clvml")

_DAY = pd.Timedelta(days=1)


class End(NamedTuple):
    """End of a time window: the date ``asked`` for, the ``stop`` of its rows, and the ``clock`` of ``T``."""

    asked: pd.Timestamp
    stop: pd.Timestamp
    clock: pd.Timestamp


def end_of(moment: Any, collapse: str | None, name: str) -> End:
    """The end of the period that contains a moment; the end of the day for a date without collapsing."""
    check_collapse(collapse)
    asked = as_written(moment, name)
    if collapse is not None:
        period = asked.to_period(collapse)
        return End(asked, (period + 1).start_time, period.start_time)
    if asked == asked.normalize():
        midnight = asked + _DAY
        return End(asked, midnight, midnight)
    return End(asked, asked + pd.Timedelta(microseconds=1), asked)


def observation_end_of(transactions: Transactions, moment: Any, collapse: str | None) -> End:
    """The end of observation, by default the last day of the data.

    An incomplete last period is excluded, with a warning in the log, as is logged if the data end before
    the requested date.

    Raises
    ------
    InputError
        If the end is in the future.
    """
    last_day = transactions.last_date.normalize()
    end = end_of(last_day if moment is None else moment, collapse, "observation_end")
    if end.asked.normalize() > pd.Timestamp.now().normalize() + _DAY:
        raise InputError(
            f"observation_end {end.asked:%Y-%m-%d} is in the future, for which there are no observations;"
            f" choose a day up to the last of the data, {last_day:%Y-%m-%d}."
        )
    if last_day < end.asked.normalize() and transactions.period_of_dates is None:
        log.warning(
            "the data end on %s, before observation_end %s: no purchases are assumed in between",
            f"{last_day:%Y-%m-%d}",
            f"{end.asked:%Y-%m-%d}",
        )
    return _last_whole_period(transactions, end, collapse)


def end_of_summary(customers: pd.DataFrame) -> tuple[End, str | None]:
    """The end of observation and the collapse of a customer summary, from its attrs.

    Raises
    ------
    InputError
        If the summary has no time unit or lacks the columns that determine its end.
    """
    missing = [name for name in ("T", "first_purchase") if name not in customers]
    time_unit = stated_time_unit(customers)
    if missing or time_unit is None:
        raise InputError(
            f"the customer summary lacks {(missing or ['its time unit'])[0]!r}: make it by clvml.summarize"
            " or clvml.split, and keep its attrs."
        )
    collapse = customers.attrs.get("collapse", "D")
    if "observation_end" in customers.attrs:
        return end_of(customers.attrs["observation_end"], collapse, "observation_end"), collapse
    unit = pd.Timedelta(days=TIME_UNITS[time_unit].days)
    clock = (customers["first_purchase"] + customers["T"] * unit).max()
    return end_of(clock.round("s"), collapse, "observation_end"), collapse


def _last_whole_period(transactions: Transactions, end: End, collapse: str | None) -> End:
    last_day = end.stop - _DAY
    seen = max(end.asked.normalize(), transactions.last_date.normalize())
    if collapse in (None, "D") or seen >= last_day or transactions.period_of_dates is not None:
        return end
    name = TIME_UNITS[collapse].name
    data_end = f"{transactions.last_date:%Y-%m-%d}"
    if transactions.first_date >= end.clock:
        log.warning("the data end on %s, within their first %s, which is treated as complete", data_end, name)
        return end
    before = end_of(end.clock - _DAY, collapse, "observation_end")
    log.warning(
        "the data end on %s, within a %s: observation ends with the last complete one, on %s",
        data_end,
        name,
        f"{before.asked:%Y-%m-%d}",
    )
    return before
