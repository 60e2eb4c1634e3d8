"""The customer summary: frequency, recency, T and spend, one row per customer.

Purchases are defined in `clvml.customers._purchases`. An end date means the end of the period that contains
it. With ``first`` and ``last`` the times of the first and last purchase up to the end, in time units::

    frequency       purchases after the first (repeat purchases)
    recency         last - first
    T               end - first
    monetary_value  mean spend of the repeat purchases, 0 if there is none

``recency`` is the customer's age at the last purchase, as in the papers, not the time since then.
Times are exact fractions: a week is 7 days, and ``recency`` 30.857142857 weeks is 216 days.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import pandas as pd

from clvml.customers._ends import End, observation_end_of
from clvml.customers._purchases import Purchases
from clvml.customers._summary_files import SummaryFile, write_customers
from clvml.customers._time_units import time_unit_of
from clvml.customers._transactions import Transactions, as_transactions
from clvml.customers.engines import Engine
from clvml.errors import InputError

log = logging.getLogger("clvml")

MONEY = ("monetary_value", "total_spend", "spend")
CUSTOMERS = ("frequency", "recency", "T", "monetary_value", "total_spend", "first_purchase")


@overload
def summarize(
    transactions: Transactions | Any,
    observation_end: Any = None,
    time_unit: str = "W",
    collapse: str | None = "D",
    *,
    into: None = None,
) -> pd.DataFrame: ...


@overload
def summarize(
    transactions: Transactions | Any,
    observation_end: Any = None,
    time_unit: str = "W",
    collapse: str | None = "D",
    *,
    into: str | Path,
) -> SummaryFile: ...


def summarize(
    transactions: Transactions | Any,
    observation_end: Any = None,
    time_unit: str = "W",
    collapse: str | None = "D",
    *,
    into: str | Path | None = None,
) -> pd.DataFrame | SummaryFile:
    """Summarise transactions to one row per customer, the input of the models.

    Parameters
    ----------
    transactions : Transactions or frame
        From `read_transactions`, or a DataFrame or path with the default column names.
    observation_end : date, optional
        Last day of observation, inclusive. Default: the last day of the data.
    time_unit : {"D", "W", "M", "Q", "Y"}, default "W"
        Unit of ``recency`` and ``T``.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        Purchases of a customer within one such period are one purchase; an incomplete last period is
        excluded. None: each distinct time stamp is one purchase (the lines of a receipt share theirs), and
        an end given as a date is the end of that day.
    into : path, optional
        A Parquet file to write the summary to, so that customers need not fit in memory; it replaces a file
        of that name once it is whole.

    Returns
    -------
    pandas.DataFrame or SummaryFile
        Index ``customer_id``, sorted; float64 columns ``frequency``, ``recency``, ``T`` (time units),
        ``monetary_value`` (mean spend per repeat purchase) and ``total_spend`` (of all purchases; both in
        currency units), and ``first_purchase`` (datetime64). ``attrs`` has ``time_unit``,
        ``collapse`` and ``observation_end``. Without ``monetary_value`` and ``total_spend`` if the purchases
        have no amounts. A SummaryFile with ``into``.

    Raises
    ------
    InputError
        If an argument cannot be parsed, or no customer purchased by ``observation_end``.

    See Also
    --------
    clvml.split : With a holdout period.
    clvml.read_transactions : Names columns, formats and the policy.
    clvml.LifetimeValue : The value of these customers.
    clvml.customer_base.CustomerBaseAudit : What they did so far.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> sales = pd.DataFrame({"customer_id": ["a", "a", "b"], "amount": [5.0, 7.0, 2.0],
    ...                       "date": ["1997-01-01", "1997-01-15", "1997-01-29"]})
    >>> clvml.summarize(sales)[["frequency", "recency", "T", "monetary_value"]]
                 frequency  recency    T  monetary_value
    customer_id
    a                  1.0      2.0  4.0             7.0
    b                  0.0      0.0  0.0             0.0
    """
    transactions = as_transactions(transactions)
    collapse = transactions.effective_collapse(collapse)
    end = observation_end_of(transactions, observation_end, collapse)
    attrs = attrs_of(end, time_unit, collapse)
    with purchase_histories(transactions, end, end, time_unit, collapse) as histories:
        late = histories.counts["rows_after_observation_end"]
        if late:
            log.info("%s rows after observation_end are excluded", f"{late:,}")
        if into is not None:
            return histories.write(into, CUSTOMERS, attrs)
        return histories.frame(CUSTOMERS, attrs)


def attrs_of(end: End, time_unit: str, collapse: str | None) -> dict[str, str | None]:
    """Metadata of a summary, from which its purchases can be queried again."""
    return {"time_unit": time_unit, "collapse": collapse, "observation_end": end.asked.isoformat()}


@dataclasses.dataclass(frozen=True)
class Histories:
    """Calibration history and holdout of each customer, as a table of the engine.

    Attributes
    ----------
    counts : dict of str to int
        Customers, and exclusions.
    money : pandas.Series
        Spend by destination.
    """

    engine: Engine
    table: str
    counts: dict[str, int]
    money: pd.Series
    has_money: bool

    def frame(self, columns: Sequence[str], attrs: Mapping[str, Any]) -> pd.DataFrame:
        """Columns of all customers, sorted by id."""
        frame = self.engine.frame(f"{self._query(columns)} ORDER BY customer_id").set_index("customer_id")
        frame.attrs.update(attrs)
        return frame

    def write(
        self, path: str | Path, columns: Sequence[str], attrs: Mapping[str, Any], outcomes: Sequence[str] = ()
    ) -> SummaryFile:
        """Write columns of all customers to a Parquet file, without reading them into memory.

        Names of ``outcomes`` get the prefix ``holdout_``.
        """
        kept, held_out = self._present(columns), self._present(outcomes)
        named = [*kept, *(f"{name} AS holdout_{name}" for name in held_out)]
        names = [*kept, *(f"holdout_{name}" for name in held_out)]
        sql = f"SELECT {', '.join(['customer_id', *named])} FROM ({self.table})"
        return write_customers(self.engine, sql, path, names, attrs)

    def _query(self, columns: Sequence[str]) -> str:
        return f"SELECT {', '.join(['customer_id', *self._present(columns)])} FROM ({self.table})"

    def _present(self, columns: Sequence[str]) -> list[str]:
        return [name for name in columns if self.has_money or name not in MONEY]


@contextlib.contextmanager
def purchase_histories(
    transactions: Transactions, calibration: End, observation: End, time_unit: str, collapse: str | None
) -> Iterator[Histories]:
    """Calibration history and holdout of each customer, within a ``with`` block.

    Raises
    ------
    InputError
        If no customer purchased in the calibration period.
    """
    unit = time_unit_of(time_unit)
    engine = transactions.engine
    purchases = transactions.purchases(collapse, observation.stop, calibration.stop)
    with engine.hold("histories", _histories(purchases)):
        counts = engine.frame(f"SELECT {_COUNTS} FROM histories").iloc[0]
        money = engine.frame(f"SELECT {_money(purchases)} FROM histories").iloc[0].astype(float)
        named = {str(name): int(count) for name, count in counts.items()}
        if not named["customers"]:
            raise InputError(
                f"no customer purchased before {calibration.stop}: the first row is of"
                f" {transactions.first_date};"
                " choose a later end."
            )
        money = money.rename("money").rename_axis("destination")
        money = money if transactions.has_money else money * float("nan")
        table = _table(purchases, calibration, unit.days * 86_400e6)
        yield Histories(engine, table, named, money, transactions.has_money)


def _histories(purchases: Purchases) -> str:
    """One row per customer; conditions that hold for all rows are left out, since each costs a pass."""
    all_inside = purchases.transactions.last_date < purchases.until
    inside = "TRUE" if all_inside else f"period < TIMESTAMP '{purchases.until}'"
    early = f"period < TIMESTAMP '{purchases.known_until}'"
    if all_inside and purchases.known_until == purchases.until:
        early = "TRUE"
    calibration, holdout = f"was_purchase AND {early}", f"is_purchase AND {inside} AND NOT ({early})"
    returns = "0 AS returned_later, 0 AS unattributed, 0 AS fully_returned"
    if purchases.transactions.policy.nets_returns:
        returns = (
            f"sum(spend - known_spend) FILTER (WHERE {early} AND was_purchase) AS returned_later,"
            f" sum(unattributed) FILTER (WHERE {inside}) AS unattributed,"
            f" count(*) FILTER (WHERE returned AND {inside}) AS fully_returned"
        )
    late = "0 AS late_rows, NULL AS late_amount"
    if not all_inside:
        late = (
            f"coalesce(sum(lines) FILTER (WHERE NOT ({inside})), 0) AS late_rows,"
            f" sum(amount) FILTER (WHERE NOT ({inside})) AS late_amount"
        )
    held_out = "0 AS holdout_purchases, 0 AS holdout_spend"
    if early != "TRUE":
        held_out = (
            f"count(*) FILTER (WHERE {holdout}) AS holdout_purchases,"
            f" coalesce(sum(spend) FILTER (WHERE {holdout}), 0) AS holdout_spend"
        )
    return f"""
    SELECT customer_id,
           count(*) FILTER (WHERE {calibration}) AS purchases,
           min(period) FILTER (WHERE {calibration}) AS first,
           max(period) FILTER (WHERE {calibration}) AS last,
           sum(known_spend) FILTER (WHERE {calibration}) AS total,
           min_by(known_spend, period) FILTER (WHERE {calibration}) AS first_spend,
           {held_out},
           {returns},
           {late}
    FROM ({purchases.minor_sql}) GROUP BY customer_id
    """


_COUNTS = """
    count(*) FILTER (WHERE purchases > 0) AS customers,
    count(*) FILTER (WHERE purchases = 0 AND holdout_purchases > 0) AS customers_acquired_in_holdout,
    count(*) FILTER (WHERE purchases = 0 AND holdout_purchases = 0) AS customers_without_purchase,
    coalesce(sum(fully_returned), 0) AS purchases_fully_returned,
    coalesce(sum(late_rows), 0) AS rows_after_observation_end
"""
_DESTINATIONS = {
    "calibration": "sum(total)",
    "holdout": "sum(holdout_spend) FILTER (WHERE purchases > 0)",
    "customers_acquired_in_holdout": "sum(holdout_spend) FILTER (WHERE purchases = 0)",
    "returned_after_calibration": "sum(returned_later)",
    "unattributed_returns": "sum(unattributed)",
    "after_observation_end": "sum(late_amount)",
}


def _money(purchases: Purchases) -> str:
    sums = {name: purchases.as_float(f"coalesce({sql}, 0)") for name, sql in _DESTINATIONS.items()}
    return ", ".join(f"{sql} AS {name}" for name, sql in sums.items())


def _table(purchases: Purchases, calibration: End, unit: float) -> str:
    first, last, clock = (
        purchases.transactions.engine.microseconds(moment)
        for moment in ("first", "last", f"TIMESTAMP '{calibration.clock}'")
    )
    # The spend of repeat purchases is a difference of decimals or cents, which is exact.
    repeated = purchases.as_float("(total - first_spend)")
    return f"""
    SELECT customer_id,
           CAST(purchases - 1 AS DOUBLE) AS frequency,
           ({last} - {first}) / CAST({unit} AS DOUBLE) AS recency,
           ({clock} - {first}) / CAST({unit} AS DOUBLE) AS T,
           CASE WHEN purchases > 1 THEN {repeated} / (purchases - 1) ELSE 0.0 END AS monetary_value,
           {purchases.as_float("total")} AS total_spend,
           first AS first_purchase,
           CAST(holdout_purchases AS DOUBLE) AS purchases,
           {purchases.as_float("holdout_spend")} AS spend
    FROM histories WHERE histories.purchases > 0
    """
