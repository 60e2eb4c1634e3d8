"""One row per customer: frequency, recency, T and money, from one SQL definition.

A customer's purchases within one period (a day, unless said otherwise) are one purchase, dated at the
start of the period. An end date means the end of the period that contains it. With ``first`` and ``last``
the first and last purchase up to the end, in time units::

    frequency       purchases after the first (repeat purchases)
    recency         last - first
    T               end - first
    monetary_value  mean spend of the repeat purchases, 0 if there is none

Times are exact fractions: a week is 7 days, and ``recency`` 30.857142857 weeks is 216 days.
"""

from __future__ import annotations

import logging
import numbers
import re
from typing import Any, NamedTuple

import pandas as pd

from clvml.customers._time_units import time_unit_of
from clvml.customers._transactions import Transactions, as_transactions
from clvml.errors import InputError

log = logging.getLogger("clvml")

PERIODS = {"D": "day", "W": "week", "M": "month", "Y": "year"}
CUSTOMERS = ("frequency", "recency", "T", "monetary_value", "total_spend", "first_purchase")


class End(NamedTuple):
    """The end of a window: what was asked for, rows before ``stop`` are inside, time counts to ``clock``."""

    asked: pd.Timestamp
    stop: pd.Timestamp
    clock: pd.Timestamp


def summarize(
    transactions: Transactions | Any,
    observation_end: Any = None,
    time_unit: str = "W",
    collapse: str | None = "D",
) -> pd.DataFrame:
    """One row a customer, as the models read it.

    Parameters
    ----------
    transactions : Transactions or frame
        From `read_transactions`; a frame or path with the default column names will do.
    observation_end : date, optional
        Last day that counts, inclusive. Default: the last day of the data.
    time_unit : {"D", "W", "M", "Y"}, default "W"
        Unit of ``recency`` and ``T``.
    collapse : {"D", "W", "M", "Y", None}, default "D"
        Purchases of a customer within one such period are one purchase. None: each distinct time stamp
        is one (the lines of a receipt share theirs), and an end given as a date is the end of that day.

    Returns
    -------
    pandas.DataFrame
        Index ``customer_id``, sorted; float64 columns ``frequency``, ``recency``, ``T`` (time units),
        ``monetary_value`` and ``total_spend`` (money; the latter of all purchases), and ``first_purchase``
        (datetime64). ``attrs["time_unit"]`` tells the unit.

    Raises
    ------
    InputError
        If an argument cannot be read, or nobody bought by ``observation_end``.

    Examples
    --------
    >>> import pandas as pd
    >>> sales = pd.DataFrame({"customer_id": ["a", "a", "b"], "amount": [5.0, 7.0, 2.0],
    ...                       "date": ["1997-01-01", "1997-01-15", "1997-01-29"]})
    >>> summarize(sales)[["frequency", "recency", "T", "monetary_value"]]
                 frequency  recency    T  monetary_value
    customer_id
    a                  1.0      2.0  4.0             7.0
    b                  0.0      0.0  0.0             0.0
    """
    transactions = as_transactions(transactions)
    end = observation_end_of(transactions, observation_end, collapse)
    histories, counts = purchase_histories(transactions, end, end, time_unit, collapse)
    if counts["rows_after_observation_end"]:
        log.info("%s rows after observation_end are left out", f"{counts['rows_after_observation_end']:,}")
    customers = histories[list(CUSTOMERS)]
    customers.attrs["time_unit"] = time_unit
    return customers


def end_of(moment: Any, collapse: str | None, name: str) -> End:
    """The end of the period that contains a moment; of the day if it is a date and nothing collapses."""
    period_expression(collapse)
    asked = _timestamp(moment, name)
    if collapse is not None:
        period = asked.to_period(collapse)
        return End(asked, (period + 1).start_time, period.start_time)
    if asked == asked.normalize():
        midnight = asked + pd.Timedelta(days=1)
        return End(asked, midnight, midnight)
    return End(asked, asked + pd.Timedelta(microseconds=1), asked)


def observation_end_of(transactions: Transactions, moment: Any, collapse: str | None) -> End:
    """The end of the window, by default with the last day of the data; says so if the data end sooner."""
    last_day = transactions.last_date.normalize()
    end = end_of(last_day if moment is None else moment, collapse, "observation_end")
    if end.asked.normalize() > pd.Timestamp.now().normalize() + pd.Timedelta(days=1):
        raise InputError(
            f"observation_end {end.asked:%Y-%m-%d} lies in the future: nobody has been observed until then;"
            f" choose a day up to the last of the data, {last_day:%Y-%m-%d}."
        )
    if last_day < end.asked.normalize():
        log.warning(
            "the data end on %s, before observation_end %s: the last stretch is taken to have no purchases",
            f"{last_day:%Y-%m-%d}",
            f"{end.asked:%Y-%m-%d}",
        )
    return end


def period_expression(collapse: str | None) -> str:
    """The SQL of the period that a purchase falls into."""
    if collapse is None:
        return "date"
    if collapse not in PERIODS:
        raise InputError(
            f"collapse is {collapse!r}; it must be one of 'D', 'W', 'M', 'Y', or None for no collapsing."
        )
    return f"CAST(date_trunc('{PERIODS[collapse]}', date) AS TIMESTAMP)"


def purchases_sql(transactions: Transactions, collapse: str | None) -> str:
    """The query for purchases: customer, period, spend, whether returns undid it, how many rows it has."""
    spend = f"sum(CAST(amount AS DECIMAL(38, {transactions.decimals})))"
    return (
        f"SELECT customer_id, {period_expression(collapse)} AS period, {spend} AS spend,"
        f" bool_or(is_return) AND {spend} <= 0 AS undone, count(*) AS lines"
        f" FROM used GROUP BY customer_id, {period_expression(collapse)}"
    )


def purchase_histories(
    transactions: Transactions, calibration: End, observation: End, time_unit: str, collapse: str | None
) -> tuple[pd.DataFrame, dict[str, int]]:
    """One row a customer: the history up to one end, what followed up to the other; and counts."""
    unit = time_unit_of(time_unit)
    transactions.execute(_histories(purchases_sql(transactions, collapse), calibration, observation))
    counts = transactions.execute(_COUNTS).fetchone()
    named = dict(zip(_COUNTED, map(int, counts), strict=True))
    if not named["customers"]:
        raise InputError(
            f"nobody bought before {calibration.stop}: the first row is of {transactions.first_date};"
            " choose a later end."
        )
    microseconds = unit.days * 86_400e6
    frame = transactions.frame(_TABLE.format(unit=microseconds, clock=calibration.clock))
    transactions.execute("DROP TABLE histories")
    return frame.set_index("customer_id"), named


def _histories(purchases: str, calibration: End, observation: End) -> str:
    seen = f"NOT undone AND period < TIMESTAMP '{calibration.stop}'"
    inside = f"period < TIMESTAMP '{observation.stop}'"
    held = f"NOT undone AND {inside} AND period >= TIMESTAMP '{calibration.stop}'"
    return f"""
    CREATE OR REPLACE TEMP TABLE histories AS
    SELECT customer_id,
           count(*) FILTER (WHERE {seen}) AS purchases,
           min(period) FILTER (WHERE {seen}) AS first,
           max(period) FILTER (WHERE {seen}) AS last,
           sum(spend) FILTER (WHERE {seen}) AS total,
           min_by(spend, period) FILTER (WHERE {seen}) AS first_spend,
           count(*) FILTER (WHERE {held}) AS held_purchases,
           sum(spend) FILTER (WHERE {held}) AS held_spend,
           count(*) FILTER (WHERE undone AND {inside}) AS undone,
           coalesce(sum(lines) FILTER (WHERE NOT ({inside})), 0) AS late_rows
    FROM ({purchases}) GROUP BY customer_id
    """


_COUNTED = (
    "customers",
    "customers_acquired_in_holdout",
    "customers_without_purchase",
    "periods_undone_by_returns",
    "rows_after_observation_end",
)
_COUNTS = """
    SELECT count(*) FILTER (WHERE purchases > 0),
           count(*) FILTER (WHERE purchases = 0 AND held_purchases > 0),
           count(*) FILTER (WHERE purchases = 0 AND held_purchases = 0),
           sum(undone), sum(late_rows)
    FROM histories
"""
# The repeat purchases' spend is a difference of decimals, so it loses no digits.
_TABLE = """
    SELECT customer_id,
           CAST(purchases - 1 AS DOUBLE) AS frequency,
           (epoch_us(last) - epoch_us(first)) / {unit} AS recency,
           (epoch_us(TIMESTAMP '{clock}') - epoch_us(first)) / {unit} AS T,
           CASE WHEN purchases > 1 THEN CAST(total - first_spend AS DOUBLE) / (purchases - 1)
                ELSE 0.0 END AS monetary_value,
           CAST(total AS DOUBLE) AS total_spend,
           first AS first_purchase,
           CAST(held_purchases AS DOUBLE) AS purchases,
           coalesce(CAST(held_spend AS DOUBLE), 0.0) AS spend
    FROM histories WHERE histories.purchases > 0 ORDER BY customer_id
"""


def _timestamp(moment: Any, name: str) -> pd.Timestamp:
    """A moment without time zone, as the data have it."""
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
    return stamp.tz_convert("UTC").tz_localize(None) if stamp.tzinfo is not None else stamp
