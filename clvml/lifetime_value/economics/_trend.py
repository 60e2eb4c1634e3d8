"""Value over time: average order, frequency, stickiness and loyalty, past, present and expected.

Per period and group of customers, counting those who had bought by the period's end::

    average_order   spend / purchases of the period
    frequency       purchases of the period / customers
    stickiness      share of the periods since each one's first in which they bought, all customers together
    repeat_rate     share of customers who have bought on two days or more
    retention       share of the previous period's buyers who bought in this one too

The last period is the "present" one, unfinished as it may be. The row "expected" is what a fitted model
says of the period after the last day of the data, for the customers of today. With BG/NBD, who is still
there with ``P(alive)`` and whose rate is ``Gamma(r + x, alpha + T)`` buys within ``t`` with probability::

    P(alive) * (1 - ((alpha + T) / (alpha + T + t))**(r + x))

and from that follow the expected stickiness, repeat rate and retention (of the present buyers).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._summary import summarize
from clvml.customers._time_units import horizon_in, time_unit_of
from clvml.customers._transactions import Transactions, as_transactions
from clvml.errors import InputError
from clvml.lifetime_value._projection import LifetimeValue
from clvml.models._bgnbd import BGNBD

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
        Fitted, with `BGNBD`; gives the row "expected" of each group.

    Returns
    -------
    pandas.DataFrame
        Columns ``group, period`` (its first day), ``when`` ("past", "present", "expected"),
        ``customers, purchases, spend`` and the five measures above; NaN where nothing is to be told.

    Raises
    ------
    InputError
        If a customer has no group, the period is unknown, or the model cannot tell the expected row.

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
            expected = _expected(source, model, days[days["customer_id"].isin(members.index)], periods[-1])
            table = pd.concat([table, pd.DataFrame([expected])], ignore_index=True)
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
    source: Transactions, model: LifetimeValue, days: pd.DataFrame, now: pd.Period
) -> dict[str, Any]:
    """The row of the period after ``now``, for the customers whose days with purchases are given."""
    if not isinstance(getattr(model, "purchases_", None), BGNBD) or model.time_unit_ is None:
        raise InputError(
            "model must be a fitted LifetimeValue with BGNBD, whose customers know their time unit."
        )
    customers = summarize(source, None, model.time_unit_)
    customers = customers[customers.index.isin(days["customer_id"])]
    factors = model.predict_factors(customers, f"1{_code(now)}", 0.0)
    purchases = factors["expected_purchases"]
    spend = float((purchases * factors["expected_spend"]).sum())
    buys = _probability_to_buy(model, customers, factors["probability_alive"], _code(now))
    active = days.drop_duplicates(["customer_id", "period"])
    member_periods = sum((now - first).n + 1 for first in active.groupby("customer_id")["period"].min())
    once = customers["frequency"] == 0
    return {
        "period": (now + 1).start_time,
        "when": "expected",
        "customers": float(len(factors)),
        "purchases": float(purchases.sum()),
        "spend": spend,
        "average_order": spend / float(purchases.sum()),
        "frequency": float(purchases.mean()),
        "stickiness": (len(active) + buys.sum()) / (member_periods + len(buys)),
        "repeat_rate": float((~once).mean() + buys[once].sum() / len(buys)),
        "retention": float(buys[buys.index.isin(active["customer_id"][active["period"] == now])].mean()),
    }


def _code(period: pd.Period) -> str:
    return period.freqstr[0]


def _probability_to_buy(
    model: LifetimeValue, customers: pd.DataFrame, alive: pd.Series, length: str
) -> pd.Series:
    """The probability of each customer to buy at least once within one period from the end of the data."""
    r, alpha = model.purchases_.params_[:2]  # type: ignore[attr-defined]
    time = alpha + customers["T"]
    ahead = horizon_in(f"1{length}", model.time_unit_)
    return alive * -np.expm1((r + customers["frequency"]) * np.log(time / (time + ahead)))


def _ratio(above: Any, below: Any) -> np.ndarray:
    top, bottom = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
