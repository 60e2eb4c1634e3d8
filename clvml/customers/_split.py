"""Split transactions into a calibration period and a holdout period.

Customers are those acquired up to the end of the calibration period, inclusive. The holdout period lasts from
there to the end of observation, inclusive; its ``duration`` is exact, 39.0 weeks for CDNOW.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import html
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, overload

import numpy as np
import pandas as pd

from clvml.customers._ends import End, end_of, observation_end_of
from clvml.customers._summary import CUSTOMERS, attrs_of, purchase_histories
from clvml.customers._summary_files import ROWS, SummaryFile
from clvml.customers._time_units import as_written, horizon_in, time_unit_of
from clvml.customers._transactions import Transactions, as_transactions
from clvml.errors import InputError

log = logging.getLogger("clvml")

OUTCOMES = ("purchases", "spend")
_ENOUGH_ACQUIRED = 1 / 3  # share of customers acquired before an earlier holdout of the whole duration


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Calibration and holdout data of the same customers, in the same order.

    Attributes
    ----------
    calibration : pandas.DataFrame
        The customer summary up to ``calibration_end``, as `summarize` makes it.
    holdout : pandas.DataFrame
        Same index; float64 columns ``purchases``, ``spend`` (currency units; absent if the purchases have no
        amounts) and ``duration`` (time units).
    duration : float
        Length of the holdout period in time units.
    time_unit : str
        ``"D"``, ``"W"``, ``"M"``, ``"Q"`` or ``"Y"``.
    calibration_end, observation_end : pandas.Timestamp
        As requested; both inclusive.
    collapse : str or None
        The period within which purchases are merged to one.
    counts : dict of str to int
        ``customers``; those excluded as ``customers_acquired_in_holdout`` or
        ``customers_without_purchase`` up to the end of observation; ``purchases_fully_returned``;
        ``rows_after_observation_end``.
    money : pandas.Series
        The spend of all rows used, by destination: ``calibration``, ``holdout`` of its customers, spend of
        ``customers_acquired_in_holdout``; if returns are netted, ``returned_after_calibration`` of earlier
        purchases and ``unattributed_returns``; and rows ``after_observation_end``.

    See Also
    --------
    clvml.split : Makes it.
    clvml.compare_models : Fits models to the calibration and compares them with the holdout.
    clvml.purchases_over_time : Purchases in both periods, week by week.
    clvml.backtest : Several splits of the same transactions.

    Examples
    --------
    >>> import clvml
    >>> split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")
    >>> split.calibration.loc[[1], ["frequency", "recency", "T", "monetary_value"]].round(3)
                 frequency  recency       T  monetary_value
    customer_id
    1                  2.0   30.429  38.857          22.345
    >>> split.holdout.loc[[1]]
                 purchases  spend  duration
    customer_id
    1                  1.0  26.48      39.0
    >>> split.earlier()
    Split(2,357 customers, calibrated to 1997-05-17, held out 19.4286 weeks to 1997-09-30:
    1,136 purchases, 41,945.78 spent)
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
    _transactions: Transactions | None = None

    @property
    def transactions(self) -> Transactions | None:
        """The purchases that were split; None after unpickling."""
        return self._transactions

    def earlier(self, horizon: float | str | None = None) -> Split | None:
        """The calibration data split again, so that the new holdout ends with this calibration period.

        A model that learns from a holdout can learn from this one: neither the holdout of this split nor any
        later row enters. Rows after ``calibration_end`` are not even counted.

        Parameters
        ----------
        horizon : float or str, optional
            Length of the earlier holdout, in time units or as text such as ``"12M"``, rounded to whole
            periods of ``collapse``. Default: ``duration``, if at least a third of the customers were acquired
            before such a holdout; otherwise half of the time since the first purchase.

        Returns
        -------
        Split or None
            None if too little remains: no customer was acquired before, nobody bought again before, or no
            customer bought in the earlier holdout. The reason is logged.

        Raises
        ------
        InputError
            If the horizon is invalid.

        Examples
        --------
        >>> import clvml
        >>> clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30").earlier("13W")
        Split(2,357 customers, calibrated to 1997-07-01, held out 13 weeks to 1997-09-30:
        711 purchases, 26,629.42 spent)
        """
        if self._transactions is None:
            log.info("no earlier split: the split does not hold its transactions")
            return None
        length = None if horizon is None else horizon_in(horizon, self.time_unit)
        length = learning_horizon(self.calibration, self.duration) if length is None else length
        return earlier_split(self._transactions, self.calibration_end, length, self.time_unit, self.collapse)

    def __getstate__(self) -> dict[str, Any]:
        """The data without the connection to the transactions, which cannot be pickled."""
        return self.__dict__ | {"_transactions": None}

    def __repr__(self) -> str:
        unit = time_unit_of(self.time_unit).name
        spent = f", {self.holdout['spend'].sum():,.2f} spent" if "spend" in self.holdout else ""
        return (
            f"Split({len(self.calibration):,} customers, calibrated to {self.calibration_end:%Y-%m-%d},"
            f" held out {self.duration:g} {unit}s to {self.observation_end:%Y-%m-%d}:"
            f" {self.holdout['purchases'].sum():,.0f} purchases{spent})"
        )

    def _repr_html_(self) -> str:
        both = self.calibration.join(self.holdout.add_prefix("holdout_"))
        return f"<p>{html.escape(repr(self))}</p>{both.head().to_html()}"


@dataclasses.dataclass(frozen=True, eq=False)
class SplitFile:
    """A split whose customers are in a Parquet file; ``len()`` is their number.

    Made by ``split(..., into=path)``.

    Attributes
    ----------
    customers : SummaryFile
        The calibration's columns, and ``holdout_purchases`` and ``holdout_spend``.
    duration : float
        Length of the holdout period in time units.
    time_unit : str
        ``"D"``, ``"W"``, ``"M"``, ``"Q"`` or ``"Y"``.
    calibration_end, observation_end : pandas.Timestamp
        As requested; both inclusive.
    collapse : str or None
        The period within which purchases are merged to one.
    counts : dict of str to int
        As of :class:`clvml.Split`.
    money : pandas.Series
        As of :class:`clvml.Split`.

    Raises
    ------
    InputError
        From its methods, if the file does not exist or is not a Parquet file of customers.

    See Also
    --------
    clvml.split : Makes it.
    clvml.SummaryFile : The file of customers.
    clvml.Split : The same in memory.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import clvml
    >>> path = Path(tempfile.mkdtemp()) / "customers.parquet"
    >>> stored = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30", into=path)
    >>> len(stored), stored.duration, float(stored.money["holdout"])
    (2357, 39.0, 70976.39)
    >>> stored.to_pandas()
    Split(2,357 customers, calibrated to 1997-09-30, held out 39 weeks to 1998-06-30:
    1,882 purchases, 70,976.39 spent)
    """

    customers: SummaryFile
    duration: float
    time_unit: str
    calibration_end: pd.Timestamp
    observation_end: pd.Timestamp
    collapse: str | None
    counts: dict[str, int]
    money: pd.Series
    _transactions: Transactions | None = dataclasses.field(default=None, repr=False)

    @property
    def path(self) -> Path:
        """The Parquet file."""
        return self.customers.path

    def __len__(self) -> int:
        return len(self.customers)

    def to_pandas(self) -> Split:
        """The split as `split` returns it without ``into``."""
        return self._split(self.customers.to_pandas())

    def chunks(self, rows: int = ROWS) -> Iterator[Split]:
        """Read the split of some customers at a time; counts and money are those of all.

        Parameters
        ----------
        rows : int, default 1,000,000
            Customers at a time.

        Yields
        ------
        Split
            Of these customers.
        """
        return map(self._split, self.customers.chunks(rows))

    def _split(self, customers: pd.DataFrame) -> Split:
        facts = self.calibration_end, self.observation_end, self.collapse, self.counts, self.money
        named = customers.rename(columns={f"holdout_{name}": name for name in OUTCOMES})
        return _split_of(named, self.duration, self.time_unit, *facts, self._transactions)


@overload
def split(
    transactions: Transactions | Any,
    calibration_end: Any = None,
    observation_end: Any = None,
    time_unit: str = "W",
    collapse: str | None = "D",
    *,
    into: None = None,
) -> Split: ...


@overload
def split(
    transactions: Transactions | Any,
    calibration_end: Any = None,
    observation_end: Any = None,
    time_unit: str = "W",
    collapse: str | None = "D",
    *,
    into: str | Path,
) -> SplitFile: ...


def split(
    transactions: Transactions | Any,
    calibration_end: Any = None,
    observation_end: Any = None,
    time_unit: str = "W",
    collapse: str | None = "D",
    *,
    into: str | Path | None = None,
) -> Split | SplitFile:
    """Split customer histories into a calibration and a holdout period.

    Parameters
    ----------
    transactions : Transactions or frame
        From `read_transactions`, or a DataFrame or path with the default column names.
    calibration_end : date, optional
        Last day of the calibration period, inclusive. Default: the last third of the time from the first
        purchase to ``observation_end`` is the holdout period.
    observation_end : date, optional
        Last day of the holdout period, inclusive. Default: the last day of the data.
    time_unit : {"D", "W", "M", "Q", "Y"}, default "W"
        Unit of times and of ``duration``.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        As in `summarize`. Both ends are moved to the end of their period, so that no purchase is split.
    into : path, optional
        A Parquet file to write the customers to, so that they need not fit in memory, with the holdout in
        columns ``holdout_purchases`` and ``holdout_spend``; as in `summarize`.

    Returns
    -------
    Split or SplitFile
        Calibration and holdout of the same customers; a SplitFile with ``into``.

    Raises
    ------
    InputError
        If a date cannot be parsed, the holdout period is empty, or no customer purchased by
        ``calibration_end``.

    See Also
    --------
    clvml.summarize : Without a holdout.
    clvml.Split : The result.
    clvml.compare_models : Compares models with the holdout.
    clvml.backtest : Several splits of the same transactions.

    Examples
    --------
    >>> import clvml
    >>> clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30")
    Split(2,357 customers, calibrated to 1997-09-30, held out 39 weeks to 1998-06-30:
    1,882 purchases, 70,976.39 spent)
    """
    transactions = as_transactions(transactions)
    unit = time_unit_of(time_unit)
    collapse = transactions.effective_collapse(collapse)
    if calibration_end is None:
        last = transactions.last_date
        last = last if observation_end is None else as_written(observation_end, "observation_end")
        calibration_end = two_thirds(transactions.first_date.date(), last.date())
    calibration = end_of(calibration_end, collapse, "calibration_end")
    observation = observation_end_of(transactions, observation_end, collapse)
    _check_ends(transactions, calibration, observation)
    duration = (observation.clock - calibration.clock) / pd.Timedelta(days=1) / unit.days
    attrs = attrs_of(calibration, time_unit, collapse)
    ends = calibration.asked, observation.asked
    with purchase_histories(transactions, calibration, observation, time_unit, collapse) as histories:
        _report_counts(histories.counts)
        facts = duration, time_unit, *ends, collapse, histories.counts, histories.money
        if into is not None:
            return SplitFile(histories.write(into, CUSTOMERS, attrs, OUTCOMES), *facts, transactions)
        return _split_of(histories.frame((*CUSTOMERS, *OUTCOMES), attrs), *facts, transactions)


def _split_of(both: pd.DataFrame, duration: float, time_unit: str, *facts: Any) -> Split:
    """The split of customers with their outcomes."""
    customers = both[[name for name in CUSTOMERS if name in both]]
    holdout = both[[name for name in OUTCOMES if name in both]].assign(duration=duration)
    holdout.attrs.clear()
    holdout.attrs["time_unit"] = time_unit
    return Split(customers, holdout, duration, time_unit, *facts)


def learning_horizon(customers: pd.DataFrame, horizon: float) -> float:
    """Length of the earlier holdout: the horizon, or half of the history if few were acquired before it."""
    acquired_before = float((customers["T"] > horizon).mean())
    return horizon if acquired_before >= _ENOUGH_ACQUIRED else float(customers["T"].max()) / 2


def earlier_split(
    transactions: Transactions, end: pd.Timestamp, horizon: float, time_unit: str, collapse: str | None
) -> Split | None:
    """The split of the transactions up to ``end`` whose holdout is the last ``horizon`` time units.

    Later rows affect neither customers, holdout, counts nor money. None if too little remains; the reason is
    logged.
    """
    start = _start_of_holdout(end_of(end, collapse, "end"), horizon, time_unit, collapse)
    if transactions.first_date >= end_of(start, collapse, "calibration_end").stop:
        log.info("no earlier split: no customer was acquired by %s", f"{start:%Y-%m-%d}")
        return None
    found = split(transactions, start, end, time_unit, collapse)
    if not found.calibration["frequency"].any() or not found.holdout["purchases"].any():
        lacking = "after" if found.calibration["frequency"].any() else "by"
        log.info("no earlier split: no customer bought again %s %s", lacking, f"{start:%Y-%m-%d}")
        return None
    return _without_later_rows(found)


def _start_of_holdout(end: End, horizon: float, time_unit: str, collapse: str | None) -> pd.Timestamp:
    """The calibration end that leaves a holdout of ``horizon``, to the nearest whole period."""
    clock = end.clock - pd.Timedelta(days=horizon * time_unit_of(time_unit).days)
    if collapse is not None:
        period = clock.to_period(collapse)
        periods = [period, period + 1]
        nearest = min(periods, key=lambda each: abs(each.start_time - clock))
        return nearest.end_time.normalize()
    clock = clock.round("us")
    return clock - pd.Timedelta(days=1) if clock == clock.normalize() else clock


def _without_later_rows(found: Split) -> Split:
    """The split without the counts and sums of what followed its end of observation."""
    counts = found.counts | {"rows_after_observation_end": 0, "customers_without_purchase": 0}
    money = found.money.copy()
    money["after_observation_end"] = 0.0
    return dataclasses.replace(found, counts=counts, money=money)


def two_thirds(first: dt.date, last: dt.date) -> dt.date:
    """The day that leaves the last third of the time as the holdout period.

    Examples
    --------
    >>> two_thirds(dt.date(2020, 1, 1), dt.date(2020, 1, 31))
    datetime.date(2020, 1, 21)
    """
    return last - (last - first) // 3


def purchases_over_time(transactions: Transactions | Any, split: Split) -> pd.DataFrame:
    """Cumulative repeat purchases of the split's customers, at the end of each time unit.

    Parameters
    ----------
    transactions : Transactions or frame
        The source of the split.
    split : Split
        From :func:`clvml.split`, by which the customers and both periods are given.

    Returns
    -------
    pandas.DataFrame
        One row per time unit, both columns float64: ``period``, time units since the start of the first day
        (1.0 is the end of the first unit; the last row is the end of observation, complete unit or not),
        and ``actual``, the cumulative repeat purchases before it. ``attrs["calibration_end"]`` is the end
        of calibration as a period, ``attrs["time_unit"]`` the unit.

    Raises
    ------
    InputError
        If the transactions cannot be read.

    See Also
    --------
    clvml.diagnostics.with_expected_purchases : Add what a model expected.
    clvml.plots.cumulative_purchases : Draw the table.
    clvml.repeat_purchases_by_date : By date, for all customers.

    Examples
    --------
    Week 39 is the end of calibration, week 78 that of observation:

    >>> import clvml
    >>> transactions = clvml.load_cdnow()
    >>> split = clvml.split(transactions, "1997-09-30", "1998-06-30")
    >>> clvml.purchases_over_time(transactions, split).iloc[[38, 77]]
        period  actual
    38    39.0  2457.0
    77    78.0  4339.0
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
    """Number of repeat purchases of the split's customers per period."""
    return transactions.purchases(split.collapse, observation.stop, calibration.stop).frame(
        "SELECT period, count(*) AS purchases FROM"
        " (SELECT period, min(period) OVER (PARTITION BY customer_id) AS first FROM purchases)"
        f" WHERE period > first AND first < TIMESTAMP '{calibration.stop}' GROUP BY period ORDER BY period"
    )


def _check_ends(transactions: Transactions, calibration: End, observation: End) -> None:
    if calibration.stop >= observation.stop:
        raise InputError(
            f"the holdout period is empty: calibration_end {_format_end(calibration)} must be at least one"
            f" period before observation_end {_format_end(observation)}; choose an earlier calibration_end."
        )
    if transactions.first_date >= calibration.stop:
        raise InputError(
            f"calibration_end {_format_end(calibration)} is before the first purchase"
            f" ({transactions.first_date:%Y-%m-%d}), so there are no customers to fit; choose a later one."
        )


def _format_end(end: End) -> str:
    return str(end.asked).removesuffix(" 00:00:00")


def _report_counts(counts: dict[str, int]) -> None:
    """Log the number of excluded customers, purchases and rows."""
    left_out = {name: count for name, count in counts.items() if name != "customers" and count}
    if left_out:
        listed = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in left_out.items())
        log.info("excluded from the split: %s", listed)
