"""Value over time: average order, frequency, stickiness and loyalty, past, present and expected.

Per period and group of customers, counting those who had bought by the period's end::

    average_order   spend / purchases of the period
    frequency       purchases of the period / customers
    stickiness      share of the periods since each one's first in which they bought, all customers together
    repeat_rate     share of customers who have bought on two days or more
    retention       share of the previous period's buyers who bought in this one too

The last period is the "present" one, unfinished as it may be; the row "expected" is what a fitted
model says of the period after the end of observation, where it says something.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from clvml.customers.summary import summarize
from clvml.customers.time_units import time_unit_of
from clvml.customers.transactions import Transactions, as_transactions
from clvml.errors import InputError
from clvml.lifetime_value.projection import LifetimeValue

MEASURES = ("average_order", "frequency", "stickiness", "repeat_rate", "retention")


def value_over_time(
    transactions: Transactions | Any,
    groups: pd.Series | None = None,
    period: str = "M",
    model: LifetimeValue | None = None,
) -> pd.DataFrame:
    """The trend of customer value, by period and group.

    Parameters
    ----------
    transactions : Transactions or frame
    groups : pandas.Series, optional
        The group of each customer (segment, cohort); all are one group without it.
    period : {"D", "W", "M", "Y"}, default "M"
    model : LifetimeValue, optional
        Fitted; gives the row "expected" of each group: ``average_order``, ``frequency``, and as
        ``retention`` the mean probability to be still there.

    Returns
    -------
    pandas.DataFrame
        Columns ``group, period`` (its first day), ``when`` ("past", "present", "expected"),
        ``customers, purchases, spend`` and the five measures above; NaN where nothing is to be told.

    Raises
    ------
    InputError
        If a customer has no group, or the period is unknown.

    Examples
    --------
    >>> sales = pd.DataFrame({"customer_id": ["a", "a", "b"], "amount": [10.0, 30.0, 20.0],
    ...                       "date": ["2024-01-03", "2024-02-05", "2024-01-20"]})
    >>> value_over_time(sales)[["when", "average_order", "frequency", "stickiness", "retention"]]
          when  average_order  frequency  stickiness  retention
    0     past           15.0        1.0        1.00        NaN
    1  present           30.0        0.5        0.75        0.5
    """
    time_unit_of(period)
    source = as_transactions(transactions)
    days = _days_with_purchases(source, period)
    everyone = pd.Index(days["customer_id"].unique(), name="customer_id")
    group = _groups(groups, everyone)
    periods = pd.period_range(days["period"].min(), days["period"].max(), freq=period)
    tables = []
    for name, members in group.groupby(group, observed=True):
        table = _trend(days[days["customer_id"].isin(members.index)], periods)
        if model is not None:
            table.loc[len(table)] = _expected(source, model, members.index, periods[-1] + 1, period)
        table.insert(0, "group", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _days_with_purchases(source: Transactions, period: str) -> pd.DataFrame:
    rows = source.to_pandas()
    rows["date"] = rows["date"].dt.normalize()
    days = rows.groupby(["customer_id", "date"], as_index=False)["amount"].sum()
    return days.assign(period=days["date"].dt.to_period(period))


def _groups(groups: pd.Series | None, everyone: pd.Index) -> pd.Series:
    if groups is None:
        return pd.Series("all customers", everyone)
    group = groups.reindex(everyone)
    if group.isna().any():
        first = everyone.to_list()[int(np.argmax(group.isna()))]
        raise InputError(
            f"{group.isna().sum()} of {len(group)} customers have no group; the first is {first!r}."
        )
    return group


def _trend(days: pd.DataFrame, periods: pd.PeriodIndex) -> pd.DataFrame:
    """One row a period of one group; only from the group's first customer on."""
    number = pd.Series(np.arange(len(periods)), periods)
    at = days["period"].map(number).to_numpy(dtype=int)
    active = pd.crosstab(days["customer_id"], at).reindex(columns=range(len(periods)), fill_value=0)
    bought = active.to_numpy() > 0
    member = bought.cumsum(axis=1) > 0
    customers = member.sum(axis=0).astype(float)
    purchases = active.to_numpy().sum(axis=0).astype(float)
    spend = np.bincount(at, days["amount"], len(periods))
    kept = np.append(np.nan, _ratio((bought[:, 1:] & bought[:, :-1]).sum(axis=0), bought[:, :-1].sum(axis=0)))
    table = pd.DataFrame(
        {
            "period": periods.start_time,
            "when": ["past"] * (len(periods) - 1) + ["present"],
            "customers": customers,
            "purchases": purchases,
            "spend": spend,
            "average_order": _ratio(spend, purchases),
            "frequency": _ratio(purchases, customers),
            "stickiness": _ratio(bought.sum(axis=0).cumsum(), customers.cumsum()),
            "repeat_rate": _ratio((active.to_numpy().cumsum(axis=1) >= 2).sum(axis=0), customers),
            "retention": kept,
        }
    )
    return table[customers > 0].reset_index(drop=True)


def _expected(
    source: Transactions, model: LifetimeValue, members: pd.Index, period: pd.Period, length: str
) -> dict[str, Any]:
    unit = model.time_unit_
    if unit is None:
        raise InputError("model knows no time unit: fit it to a summary with attrs['time_unit'].")
    customers = summarize(source, None, unit)
    factors = model.predict_factors(customers[customers.index.isin(members)], f"1{length}", 0.0)
    purchases = factors["expected_purchases"]
    spend = float((purchases * factors["expected_spend"]).sum())
    return {
        "period": period.start_time,
        "when": "expected",
        "customers": float(len(factors)),
        "purchases": float(purchases.sum()),
        "spend": spend,
        "average_order": spend / float(purchases.sum()),
        "frequency": float(purchases.mean()),
        "stickiness": np.nan,
        "repeat_rate": np.nan,
        "retention": float(factors["probability_alive"].mean()),
    }


def _ratio(above: Any, below: Any) -> np.ndarray:
    top, bottom = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
