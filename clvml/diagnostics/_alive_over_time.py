"""P(alive) of one customer over time, up to the end of observation and beyond.

P(alive) decreases between purchases, the faster the more frequently the customer bought before, and jumps at
a purchase. Up to today, each value is conditional on the history until then; after today, on the history
until today.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._time_units import time_unit_of
from clvml.customers._training_summary import IN_MODEL_UNIT
from clvml.errors import InputError
from clvml.lifetime_value._protocol import Array, SupportsProbabilityAlive, require, title_of

_STEPS = 400


def probability_alive_over_time(
    model: SupportsProbabilityAlive,
    purchases: Any,
    today: Any,
    horizon: float = 0.0,
    step: float | None = None,
    covariates: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """P(alive) of one customer from the first purchase to today and beyond.

    Parameters
    ----------
    model : SupportsProbabilityAlive
        A fitted model of purchases, such as `BGNBD`. If its ``discrete_time`` is true, there is one
        purchase opportunity per time unit.
    purchases : array-like
        Times of purchase: dates, collapsed by day, or times in the model's unit, the first of them 0.
    today : date or float
        End of observation, as a date or time accordingly.
    horizon : float, default 0
        Length of the forecast after today, in the model's unit; the model's ``probability_alive`` must then
        accept ``after``.
    step : float, optional
        Time between rows; by default one day if the model has a time unit, but at most about 400 rows; one
        time unit for discrete-time models.
    covariates : mapping, optional
        The customer's covariates, if the model has any.

    Returns
    -------
    pandas.DataFrame
        ``time`` since the first purchase, ``probability_alive``, ``purchase`` (whether the customer bought
        then; there are two rows for such a time, before and after), and ``date`` if dates were given.
        ``attrs`` has ``today`` (as a time), ``time_unit`` and ``title``.

    Raises
    ------
    InputError
        If the purchases are not in order, an argument is invalid, or dates are given to a model without a
        time unit.

    See Also
    --------
    clvml.plots.probability_alive_over_time : Draw the table.
    clvml.diagnostics.frequency_recency_matrix : P(alive) of all possible histories.

    Examples
    --------
    >>> import clvml
    >>> from clvml.diagnostics import probability_alive_over_time
    >>> model = clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit="W")
    >>> probability_alive_over_time(model, [0, 2, 5], today=39, step=13).round(2).iloc[-3:]
       time  probability_alive  purchase
    5  13.0               0.52     False
    6  26.0               0.24     False
    7  39.0               0.12     False
    """
    instead = "give a fitted model of purchases, such as clvml.BGNBD"
    require(model, SupportsProbabilityAlive, "P(alive) over time needs", instead)
    times, end, first = _in_time(model, purchases, today)
    _check(times, end, horizon, step)
    discrete = bool(getattr(model, "discrete_time", False))
    every = step or _step(model, end + horizon)
    observed = _histories(times, end, every, twice=not discrete)
    table = observed[["T", "purchase"]].rename(columns={"T": "time"})
    histories = observed.drop(columns="purchase").assign(**(covariates or {}))
    histories.attrs[IN_MODEL_UNIT] = True
    table.insert(1, "probability_alive", model.probability_alive(histories).to_numpy())
    if horizon > 0:
        table = pd.concat([table, _after(model, histories.tail(1), end, _grid(horizon, every)[1:])])
    table = table.reset_index(drop=True)
    if first is not None:
        table["date"] = first + pd.to_timedelta(table["time"] * _days(model), unit="D").dt.round("s")
    table.attrs = {
        "today": end,
        "time_unit": _time_unit(model),
        "title": title_of(model),
    }
    return table


def _in_time(model: object, purchases: Any, today: Any) -> tuple[Array, float, pd.Timestamp | None]:
    """Times since the first purchase, the end, and the date of the first purchase, if given."""
    given = pd.Series(np.asarray(purchases))
    if given.empty:
        raise InputError("purchases is empty: at least one purchase is required.")
    if pd.api.types.is_numeric_dtype(given):
        return given.to_numpy(dtype=float), _number(today), None
    try:
        days = pd.to_datetime(given).dt.normalize().drop_duplicates().sort_values()
        end = pd.Timestamp(today).normalize()
    except (TypeError, ValueError) as error:
        raise InputError(
            f"purchases and today must be all dates or all times ({error}); give dates such as"
            " '1997-09-30', or numbers in the model's time unit."
        ) from None
    if days.isna().any() or pd.isna(end):
        raise InputError("a date is missing in purchases or today: all of them are required.")
    elapsed = (pd.Series([*days, end]) - days.iloc[0]).dt.days.to_numpy() / _days(model)
    return elapsed[:-1], float(elapsed[-1]), days.iloc[0]


def _number(today: Any) -> float:
    try:
        return float(today)
    except (TypeError, ValueError):
        raise InputError(
            f"today is {today!r} and purchases are numbers: give today as a time since the first one too."
        ) from None


def _days(model: object) -> float:
    unit = _time_unit(model)
    if unit is None:
        raise InputError(
            "the model has no time unit, so dates cannot be converted: give times since the first"
            " purchase, or set customers.attrs['time_unit'] before fitting."
        )
    return time_unit_of(unit).days


def _time_unit(model: object) -> str | None:
    unit: str | None = getattr(model, "time_unit_", None)
    return unit


def _check(times: Array, end: float, horizon: float, step: float | None) -> None:
    if times[0] != 0 or not (np.diff(times) > 0).all():
        raise InputError("purchases must be increasing times from 0, the first purchase; sort them.")
    if not times[-1] <= end < np.inf:
        raise InputError(f"today is {end:g}, before the last purchase at {times[-1]:g}: give a later one.")
    if not 0 <= horizon < np.inf:
        raise InputError(f"horizon is {horizon!r}; it must be finite and non-negative.")
    if step is not None and not 0 < step < np.inf:
        raise InputError(f"step is {step!r}; it must be positive and finite.")


def _step(model: object, length: float) -> float:
    if getattr(model, "discrete_time", False):
        return 1.0
    day = 0.0 if _time_unit(model) is None else 1 / _days(model)
    return max(day, length / _STEPS) or 1.0


def _grid(length: float, step: float) -> Array:
    """Grid from 0 to ``length``, which is always the last point."""
    return np.append(np.arange(0.0, length * (1 - 1e-9), step), length)


def _histories(times: Array, end: float, step: float, twice: bool) -> pd.DataFrame:
    """The customer summary as of each time; with ``twice``, before as well as after each purchase."""
    bought = times[1:]
    moments = np.setdiff1d(_grid(end, step), bought)
    known = np.searchsorted(times, moments, side="right") - 1
    after = pd.DataFrame({"frequency": known, "T": moments, "purchase": moments == 0.0})
    there = np.arange(1, times.size)
    parts = [after, pd.DataFrame({"frequency": there, "T": bought, "purchase": True})]
    if twice:
        parts.append(pd.DataFrame({"frequency": there - 1, "T": bought, "purchase": False}))
    table = pd.concat(parts).sort_values(["T", "frequency"], ignore_index=True)
    table.insert(1, "recency", times[table["frequency"].to_numpy()])
    return table.astype({"frequency": float})


def _after(model: Any, last: pd.DataFrame, end: float, later: Array) -> pd.DataFrame:
    alive = [float(model.probability_alive(last, after=float(time)).iloc[0]) for time in later]
    return pd.DataFrame({"time": end + later, "probability_alive": alive, "purchase": False})
