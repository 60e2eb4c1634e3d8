"""Calibration and holdout: what a model may see, and what happened next.

Customers are those who first bought up to the calibration's end, which is inclusive. The holdout runs
from there to the observation's end, inclusive too; its ``duration`` is exact, 39.0 weeks for CDNOW.
"""

from __future__ import annotations

import dataclasses
import html
import logging
import math
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._ends import End, end_of, observation_end_of
from clvml.customers._summary import CUSTOMERS, attrs_of, purchase_histories
from clvml.customers._time_units import time_unit_of
from clvml.customers._transactions import Transactions, as_transactions
from clvml.errors import InputError

log = logging.getLogger("clvml")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Split:
    """A calibration and its holdout, of the same customers in the same order.

    Attributes
    ----------
    calibration : pandas.DataFrame
        The customer summary up to ``calibration_end``, as `summarize` makes it.
    holdout : pandas.DataFrame
        Same index; float64 columns ``purchases``, ``spend`` (money) and ``duration`` (time units).
    duration : float
        Length of the holdout in time units.
    time_unit : str
        ``"D"``, ``"W"``, ``"M"``, ``"Q"`` or ``"Y"``.
    calibration_end, observation_end : pandas.Timestamp
        As asked for; both inclusive.
    collapse : str or None
        The period whose purchases are one purchase.
    counts : dict of str to int
        ``customers``; those left out because they were ``customers_acquired_in_holdout``, or are
        ``customers_without_purchase`` up to the observation's end; ``purchases_fully_returned``;
        ``rows_after_observation_end``.
    money : pandas.Series
        Where all the money that the report calls used is, by destination: in the ``calibration``, in the
        ``holdout`` of its customers, of ``customers_acquired_in_holdout``; where returns are netted, what
        was ``returned_after_calibration`` of purchases before its end, and ``unattributed_returns``; and
        of rows ``after_observation_end``.
    """

    calibration: pd.DataFrame
    holdout: pd.DataFrame
    duration: float
    time_unit: str
    calibration_end: pd.Timestamp
    observation_end: pd.Timestamp
    collapse: str | None
    counts: dict[str, int]
    money: pd.Series

    def __repr__(self) -> str:
        unit = time_unit_of(self.time_unit).name
        return (
            f"Split({len(self.calibration):,} customers, calibrated to {self.calibration_end:%Y-%m-%d},"
            f" held out {self.duration:g} {unit}s to {self.observation_end:%Y-%m-%d}:"
            f" {self.holdout['purchases'].sum():,.0f} purchases, {self.holdout['spend'].sum():,.2f} spent)"
        )

    def _repr_html_(self) -> str:
        both = self.calibration.join(self.holdout.add_prefix("holdout_"))
        return f"<p>{html.escape(repr(self))}</p>{both.head().to_html()}"


def split(
    transactions: Transactions | Any,
    calibration_end: Any,
    observation_end: Any = None,
    time_unit: str = "W",
    collapse: str | None = "D",
) -> Split:
    """Divide customers' histories into a calibration and a holdout.

    Parameters
    ----------
    transactions : Transactions or frame
        From `read_transactions`; a frame or path with the default column names will do.
    calibration_end : date
        Last day of the calibration, inclusive.
    observation_end : date, optional
        Last day of the holdout, inclusive. Default: the last day of the data.
    time_unit : {"D", "W", "M", "Q", "Y"}, default "W"
        Unit of times and of ``duration``.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        As in `summarize`. An end means the end of its period, so that no purchase is cut in two.

    Returns
    -------
    Split

    Raises
    ------
    InputError
        If a date cannot be read, the holdout has no length, or nobody bought by ``calibration_end``.

    Examples
    --------
    >>> from clvml.customers._datasets import load_cdnow
    >>> split(load_cdnow(), "1997-09-30", "1998-06-30")
    Split(2,357 customers, calibrated to 1997-09-30, held out 39 weeks to 1998-06-30:
    1,882 purchases, 70,976.39 spent)
    """
    transactions = as_transactions(transactions)
    unit = time_unit_of(time_unit)
    collapse = transactions.effective_collapse(collapse)
    calibration = end_of(calibration_end, collapse, "calibration_end")
    observation = observation_end_of(transactions, observation_end, collapse)
    _check_ends(transactions, calibration, observation)
    histories, counts, money = purchase_histories(transactions, calibration, observation, time_unit, collapse)
    _report_counts(counts)
    duration = (observation.clock - calibration.clock) / pd.Timedelta(days=1) / unit.days
    customers = histories[list(CUSTOMERS)]
    holdout = histories[["purchases", "spend"]].assign(duration=duration)
    customers.attrs.update(attrs_of(calibration, time_unit, collapse))
    holdout.attrs["time_unit"] = time_unit
    ends = calibration.asked, observation.asked
    return Split(customers, holdout, duration, time_unit, *ends, collapse, counts, money)


def purchases_over_time(transactions: Transactions | Any, split: Split) -> pd.DataFrame:
    """Cumulative repeat purchases of the split's customers, at the end of each time unit.

    Parameters
    ----------
    transactions : Transactions or frame
        What the split was made from.
    split : Split

    Returns
    -------
    pandas.DataFrame
        One row a time unit, both columns float64: ``period``, time units since the start of the first
        day (1.0 is the end of the first unit; the last row is the observation's end, whole or not),
        and ``actual``, the repeat purchases before it. ``attrs["calibration_end"]`` is that end as a
        period, ``attrs["time_unit"]`` the unit.
    """
    transactions = as_transactions(transactions)
    calibration = end_of(split.calibration_end, split.collapse, "calibration_end")
    observation = end_of(split.observation_end, split.collapse, "observation_end")
    start = split.calibration["first_purchase"].min().normalize()
    length = pd.Timedelta(days=time_unit_of(split.time_unit).days)
    last = (observation.stop - start) / length
    periods = np.append(np.arange(1.0, math.ceil(last)), last)
    days = _repeat_purchases(transactions, split, calibration, observation)
    elapsed = ((days["period"] - start) / length).to_numpy()
    # A purchase at the very start of a unit belongs to that unit, hence "left".
    before = np.searchsorted(elapsed, periods, side="left")
    actual = np.concatenate([[0], days["purchases"].cumsum()])[before].astype(float)
    table = pd.DataFrame({"period": periods, "actual": actual})
    table.attrs.update(calibration_end=(calibration.stop - start) / length, time_unit=split.time_unit)
    return table


def _repeat_purchases(
    transactions: Transactions, split: Split, calibration: End, observation: End
) -> pd.DataFrame:
    """Repeat purchases of the split's customers, counted by the period they fall in."""
    return transactions.purchases(split.collapse, observation.stop, calibration.stop).frame(
        "SELECT period, count(*) AS purchases FROM"
        " (SELECT period, min(period) OVER (PARTITION BY customer_id) AS first FROM purchases)"
        f" WHERE period > first AND first < TIMESTAMP '{calibration.stop}' GROUP BY period ORDER BY period"
    )


def _check_ends(transactions: Transactions, calibration: End, observation: End) -> None:
    if calibration.stop >= observation.stop:
        raise InputError(
            f"the holdout has no length: calibration_end {_shown(calibration)} is not before observation_end"
            f" {_shown(observation)} by a period or more; choose an earlier calibration_end."
        )
    if transactions.first_date >= calibration.stop:
        raise InputError(
            f"calibration_end {_shown(calibration)} is before the first purchase"
            f" ({transactions.first_date:%Y-%m-%d}): nobody is left to calibrate on; choose a later one."
        )


def _shown(end: End) -> str:
    return str(end.asked).removesuffix(" 00:00:00")


def _report_counts(counts: dict[str, int]) -> None:
    """Say what was left out, once."""
    left_out = {name: count for name, count in counts.items() if name != "customers" and count}
    if left_out:
        said = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in left_out.items())
        log.info("left out of the split: %s", said)
