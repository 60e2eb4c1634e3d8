"""What a request says about time: the unit of recency and T, and until when its customers were observed.

Both may be a column, of each row, or a parameter, of all rows::

    time_unit         one of D, W, M, Q and Y: recency and T are converted to the model's unit
    observed_until    a date, such as "1998-06-30": compared with the date until which the model was validated

Without a unit, times are taken to be in the model's; a request whose times appear to be in another one is
refused. What is questionable but possible is a warning, a sentence about the request as a whole.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._time_units import TIME_UNIT, TIME_UNITS, as_written, time_unit_of
from clvml.customers._training_summary import Doubt
from clvml.errors import InputError, TimeUnitError
from clvml.scoring._request_rows import Array, Table, rows_error

OBSERVED_UNTIL = "observed_until"
STATEMENTS = (TIME_UNIT, OBSERVED_UNTIL)
TIMES = ("recency", "T")

_UNITS = f"time_unit must be one of {', '.join(TIME_UNITS)}"
_NO_UNIT = f"have a time_unit that is none of {', '.join(TIME_UNITS)}"
_DATE = "observed_until must be a date, such as '1998-06-30'"
_NO_DATE = "have an observed_until that is no date such as '1998-06-30'"


def statement(table: Table, params: Mapping[str, Any], name: str, n_rows: int) -> np.ndarray | None:
    """What is said of each row, by a parameter or a column; None if nothing is.

    Raises
    ------
    InputError
        If a row says nothing and others do, a parameter has no value, or both say different things.
    """
    of_rows = _cells(table[name]) if name in table else None
    if of_rows is not None and pd.isna(of_rows).all():
        of_rows = None
    if name not in params:
        if of_rows is not None and (silent := pd.isna(of_rows)).any():
            rule = f"{silent.sum()} of {n_rows} rows have no {name}; all rows need one"
            raise rows_error(rule, silent, name)
        return of_rows
    said = np.full(n_rows, _scalar(params[name]), dtype=object)
    if pd.isna(said[0]):
        raise InputError(f"{name} has no value; leave it out.", column=name)
    if of_rows is not None and (other := ~pd.isna(of_rows) & (of_rows != said)).any():
        rule = f"the parameter {name} and the column {name} differ"
        raise rows_error(rule, other, name, f"have a {name} other than that of the parameter")
    return said


def days_of(codes: np.ndarray | None, unit: str | None) -> Array | None:
    """The length in days of the time unit of each row; None if none is said.

    Raises
    ------
    InputError
        If a unit is unknown, or the model has none to convert to.
    """
    if codes is None:
        return None
    if unit is None:
        raise InputError("the model has no time unit to convert to: leave out time_unit.", column=TIME_UNIT)
    place, distinct = pd.factorize(codes)
    unknown = np.array([not isinstance(code, str) or code not in TIME_UNITS for code in distinct])
    if unknown.any():
        raise rows_error(_UNITS, unknown[place], TIME_UNIT, _NO_UNIT)
    return np.array([TIME_UNITS[code].days for code in distinct])[place]


def converted(columns: dict[str, Array], days: Array | None, unit: str | None) -> dict[str, Array]:
    """The columns with recency and T in the model's unit: days as in `clvml.summarize`, to the last bit."""
    if days is None or unit is None:
        return columns
    length = time_unit_of(unit).days
    if (days == length).all():
        return columns
    times = {name: columns[name] * days / length for name in TIMES if name in columns}
    return {**columns, **times}


def in_another_unit(doubt: Doubt, unit: str | None) -> TimeUnitError:
    """The refusal of rows that do not say their time unit and appear to be in another than the model's."""
    than = "longer" if doubt.is_longer else "shorter"
    reason = f"the rows do not say their time unit, and their T is several times {than} than in the fit"
    if unit is None:
        return TimeUnitError(f"{reason}: convert recency and T to the unit of the fit.", column="T")
    ours, apparent = time_unit_of(unit), doubt.apparent(unit)
    likely = f"they appear to be in {apparent.name}s. " if apparent else ""
    way_out = f"Say time_unit {apparent.code!r} to convert them, or" if apparent else "Say"
    return TimeUnitError(
        f"{reason}: {likely}{way_out} {ours.code!r} if they are in {ours.name}s.", column="T"
    )


def extrapolation_notice(n_beyond: int, n_rows: int, longest: float | None, unit: str | None) -> list[str]:
    """How many rows were observed for longer than any customer of the fit."""
    if not n_beyond or longest is None:
        return []
    units = "" if unit is None else f" {time_unit_of(unit).name}s"
    return [
        f"{n_beyond} of {n_rows} rows have T beyond {longest:.4g}{units}, the longest in the fit: the model"
        " extrapolates."
    ]


def warranty_notice(until: str | None, dates: Sequence[dt.date]) -> list[str]:
    """That customers are observed until after the last date for which the model was validated.

    Without a date in the request, its customers are taken to be observed until today.
    """
    latest = max(dates, default=dt.date.today())
    if until is None or latest.isoformat() <= until:
        return []
    way_out = "fit it to recent data."
    if dates:
        return [f"customers are observed until {latest}, the model was validated until {until}: {way_out}"]
    return [f"the model was validated until {until}, which is past: {way_out}"]


def dates_of(said: np.ndarray | None) -> list[dt.date]:
    """The distinct dates of ``observed_until``.

    Raises
    ------
    InputError
        If one is not a date.
    """
    if said is None:
        return []
    place, distinct = pd.factorize(said)
    dates = [_date(each) for each in distinct]
    wrong = np.array([date is None for date in dates])
    if wrong.any():
        raise rows_error(_DATE, wrong[place], OBSERVED_UNTIL, _NO_DATE)
    return [date for date in dates if date is not None]


def _date(written: Any) -> dt.date | None:
    try:
        return as_written(written, OBSERVED_UNTIL).date()
    except InputError:
        return None


def dates_of_rows(said: np.ndarray | None) -> list[dt.date] | None:
    """The date of ``observed_until`` of each row; None if nothing is said. Raises as `dates_of`."""
    if said is None:
        return None
    dates, (place, _) = dates_of(said), pd.factorize(said)
    return [dates[number] for number in place.tolist()]


def _cells(values: Any) -> np.ndarray:
    """A column as objects."""
    listed = values.tolist() if isinstance(values, pd.Series | np.ndarray) else values
    return pd.Series([_scalar(value) for value in listed], dtype=object).to_numpy()


def _scalar(value: Any) -> Any:
    """The value; a list or an object as a text that is neither a unit nor a date."""
    return value if pd.api.types.is_scalar(value) else "a list or an object"
