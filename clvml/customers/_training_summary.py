"""What a model was fitted to, and whether other customers appear to count time in another unit.

A CSV file, a database or JSON loses ``attrs["time_unit"]``, and days taken for weeks give wrong predictions
without an error. So a model remembers the distributions of its customers' histories. Customers who do not
state their unit are compared with it: the same customers in a smaller unit have a ``T`` that is several times
as long (days for weeks: 7 times, weeks for months: 4.3 times, months for quarters: 3 times), and in a larger
unit a shorter ``T`` with more purchases per unit of time. Stating the unit, in ``attrs["time_unit"]`` or in a
constant column ``time_unit``, ends all doubt.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from clvml.customers._time_units import TIME_UNITS, TimeUnit, stated_time_unit, time_unit_of
from clvml.errors import TimeUnitError, TimeUnitWarning

TrainingSummary = Mapping[str, Mapping[str, float]]

_MONEY = "monetary_value"
COLUMNS = ("frequency", "recency", "T", _MONEY)
_MIDDLE = {"q01": 0.01, "q25": 0.25, "median": 0.5, "q75": 0.75, "q99": 0.99}
QUANTILES = {"minimum": 0.0, **_MIDDLE, "maximum": 1.0}

# In attrs of histories that were made up for a model, in its time unit, known or not.
IN_MODEL_UNIT = "in_model_unit"

_BEYOND = 0.6  # share of the factor between two units from which customers seem to be in the smaller one
_LEAST = 2.5  # times as long, or as frequent: customers who are observed for longer are no reason to doubt
_USUAL = 7.0  # days in a week: the factor where the model's unit is unknown, or the smallest
_MANY = 20  # customers whose rate of purchases can be compared


class Doubt(NamedTuple):
    """Why customers who do not state their time unit appear to use another one than the model's.

    ``reason`` repeats their longest T; ``ratio`` is their median T over that of the fit.
    """

    reason: str
    ratio: float

    @property
    def is_longer(self) -> bool:
        """Whether their times are longer than those of the fit, as in a smaller unit."""
        return self.ratio > 1

    def apparent(self, time_unit: str | None) -> TimeUnit | None:
        """The unit whose length explains the ratio of times best, if the model's is known."""
        if time_unit is None or not 0 < self.ratio < math.inf:
            return None
        ours = time_unit_of(time_unit)
        others = [
            unit for unit in TIME_UNITS.values() if (unit.days < ours.days) == self.is_longer and unit != ours
        ]
        return min(others, key=lambda unit: abs(math.log(self.ratio * unit.days / ours.days)), default=None)

    def message(self, time_unit: str | None) -> str:
        """The reason, and what to type in Python."""
        return self.reason + _way_out(time_unit, self.apparent(time_unit))


def training_summary(
    customers: pd.DataFrame, weights: np.ndarray | None = None
) -> dict[str, dict[str, float]]:
    """Quantiles and mean of each column of the purchase history and the average spend, where present.

    Those of money have three significant digits, since a quantile of few customers is what one of them spent.
    ``weights`` are the numbers of customers that rows represent; the quantiles are those of the customers.

    Examples
    --------
    >>> training_summary(pd.DataFrame({"T": [1.0, 2.0, 6.0]}))["T"]["maximum"]
    6.0
    """
    if weights is not None:
        columns = {name: customers[name].to_numpy(dtype=float) for name in COLUMNS if name in customers}
        found = {name: _described_by_weight(values, weights) for name, values in columns.items()}
    else:
        columns = {name: _numbers(customers[name]) for name in COLUMNS if name in customers}
        found = {name: _described(values) for name, values in columns.items() if values.size}
    if _MONEY in found:
        found[_MONEY] = {key: float(f"{value:.3g}") for key, value in found[_MONEY].items()}
    return found


def _described(values: np.ndarray) -> dict[str, float]:
    quantiles = np.quantile(values, list(QUANTILES.values())).tolist()
    return dict(zip(QUANTILES, quantiles, strict=True)) | {"mean": float(values.mean())}


def _described_by_weight(values: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """As `_described` of values that are repeated by their weights."""
    used = np.flatnonzero(np.isfinite(values) & (weights > 0))
    order = used[np.argsort(values[used])]
    values, until = values[order], weights[order].cumsum()
    place = np.array(list(QUANTILES.values())) * max(until[-1] - 1, 0.0)
    below, last = np.floor(place), values.size - 1
    low, high = (values[np.minimum(until.searchsorted(at, side="right"), last)] for at in (below, below + 1))
    quantiles = (low + (place - below) * (high - low)).tolist()
    mean = float(np.average(values, weights=weights[order]))
    return dict(zip(QUANTILES, quantiles, strict=True)) | {"mean": mean}


def check_time_scale(customers: pd.DataFrame, time_unit: str | None, seen: TrainingSummary | None) -> None:
    """Refuse customers whose times appear to be in a smaller unit than the model's; warn of a larger one.

    Parameters
    ----------
    customers : pandas.DataFrame
        Checked only if they do not state their time unit.
    time_unit : {"D", "W", "M", "Q", "Y"} or None
        The model's.
    seen : mapping or None
        Of the fit, by `training_summary`; None if the model was given or saved by an earlier release.

    Raises
    ------
    TimeUnitError
        If ``T`` is several times as long as in the fit.

    Warns
    -----
    TimeUnitWarning
        If ``T`` is several times shorter, and purchases per unit of time are several times more.
    """
    if not seen or IN_MODEL_UNIT in customers.attrs or stated_time_unit(customers) is not None:
        return
    histories = {name: customers[name] for name in ("frequency", "T") if name in customers}
    if doubt := doubt_about_time_unit(histories, time_unit, seen):
        if doubt.is_longer:
            raise TimeUnitError(doubt.message(time_unit))
        warnings.warn(doubt.message(time_unit), TimeUnitWarning, stacklevel=4)


def doubt_about_time_unit(
    histories: Mapping[str, pd.Series | np.ndarray], time_unit: str | None, seen: TrainingSummary | None
) -> Doubt | None:
    """Why customers who do not state their time unit appear to use another one; None without a doubt.

    Parameters
    ----------
    histories : mapping of str to column
        ``T`` and ``frequency``, if they are known.
    time_unit, seen
        As in `check_time_scale`.
    """
    if not seen or "T" not in seen or "T" not in histories:
        return None
    T = _numbers(histories["T"])
    if doubt := _too_long(T, time_unit, seen["T"]):
        return doubt
    if "frequency" not in histories or "frequency" not in seen or len(histories["T"]) < _MANY:
        return None
    return _too_short(_numbers(histories["frequency"]), T, time_unit, seen)


def _too_long(T: np.ndarray, time_unit: str | None, seen: Mapping[str, float]) -> Doubt | None:
    times = max(_LEAST, _BEYOND * _factor_of_smaller(time_unit))
    if not T.size or not seen["maximum"] > 0 or T.max() <= times * seen["maximum"]:
        return None
    middle = float(np.median(T))
    if middle <= times * seen["median"]:
        return None
    return Doubt(
        f"the customers do not state their time unit, and their T is up to {T.max():g},"
        f" {T.max() / seen['maximum']:.1f} times the longest that the model was fitted to"
        f" ({seen['maximum']:g}{_in_units(time_unit)})",
        middle / seen["median"] if seen["median"] > 0 else math.inf,
    )


def _too_short(x: np.ndarray, T: np.ndarray, time_unit: str | None, seen: TrainingSummary) -> Doubt | None:
    known = seen["T"]
    if not T.size or not x.size or not 0 < T.max() <= known["maximum"] / _LEAST:
        return None
    rate, usual = x.mean() / T.mean(), seen["frequency"]["mean"] / known["mean"]
    if not rate > _LEAST * usual:
        return None
    return Doubt(
        f"the customers do not state their time unit: their T is at most {T.max():g}, against"
        f" {known['maximum']:g}{_in_units(time_unit)} of the customers that the model was fitted to, with"
        f" {rate / usual:.1f} times the repeat purchases per unit of time",
        float(np.median(T)) / known["median"] if known["median"] > 0 else 0.0,
    )


def _numbers(column: pd.Series | np.ndarray) -> np.ndarray:
    """The finite numbers of a column."""
    if column.dtype != np.float64:
        column = pd.to_numeric(column, errors="coerce")
    values = column if isinstance(column, np.ndarray) else column.to_numpy(dtype=float, na_value=np.nan)
    finite = np.isfinite(values)
    return values if finite.all() else values[finite]


def _factor_of_smaller(time_unit: str | None) -> float:
    """How many of the next smaller units a time unit has."""
    if time_unit is None:
        return _USUAL
    days = time_unit_of(time_unit).days
    smaller = [unit.days for unit in TIME_UNITS.values() if unit.days < days]
    return days / max(smaller) if smaller else _USUAL


def _in_units(time_unit: str | None) -> str:
    return "" if time_unit is None else f" {time_unit_of(time_unit).name}s"


def _way_out(time_unit: str | None, apparent: TimeUnit | None) -> str:
    """What to type."""
    if time_unit is None:
        return (
            ": convert recency and T to the unit of the fit; if they are in that unit, state it, as in"
            " customers.attrs['time_unit'] = 'W' or a column time_unit."
        )
    ours = time_unit_of(time_unit)
    own = (
        f"if they are in {ours.name}s, state it: customers.attrs['time_unit'] = {ours.code!r},"
        f" or a column time_unit"
    )
    if apparent is None:
        return f": convert recency and T to {ours.name}s; {own}."
    return (
        f": they appear to be in {apparent.name}s. Set customers.attrs['time_unit'] = {apparent.code!r} and"
        f" convert them, customers = clvml.convert_time_unit(customers, {ours.code!r}); {own}."
    )
