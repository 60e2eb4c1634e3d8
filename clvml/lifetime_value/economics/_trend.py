"""Value over time: average order value, frequency, stickiness and loyalty, past, present and expected.

Per period and group of customers, counting those who had bought by the period's end::

    average_order_value   spend / purchases of the period
    frequency             purchases of the period / customers
    stickiness            share of customers' periods since their first in which they bought
    repeat_rate           share of customers who have bought on two days or more
    retention             share of the previous period's buyers who bought in this one too

The last period is the "present" one, unfinished as it may be. The row "expected" is what a fitted model
expects of the period after the last day of the data, for the customers of today: expected purchases and
spend, and with the probability of at least one purchase, ``1 - P(0 purchases)``, the expected stickiness,
repeat rate and retention (of the present buyers).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._summary import summarize
from clvml.customers._time_units import time_unit_of
from clvml.customers._transactions import Transactions, as_transactions
from clvml.errors import InputError
from clvml.lifetime_value._projection import LifetimeValue
from clvml.lifetime_value._protocol import SupportsPurchaseProbability, require

MEASURES = ("average_order_value", "frequency", "stickiness", "repeat_rate", "retention")


def value_over_time(
    transactions: Transactions | Any,
    groups: pd.Series | None = None,
    period: str = "M",
    model: LifetimeValue | None = None,
    covariates: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The trend of customer value, by period and group.

    Parameters
    ----------
    transactions : Transactions or frame
    groups : pandas.Series, optional
        The group of each customer (segment, cohort); all are one group without it.
    period : {"D", "W", "M", "Y"}, default "M"
    model : LifetimeValue, optional
        Fitted, with a model of purchases that `SupportsPurchaseProbability`, such as `ParetoNBD`; gives the
        row "expected" of each group.
    covariates : pandas.DataFrame, optional
        The covariates of each customer, indexed by customer, where the model has any.

    Returns
    -------
    pandas.DataFrame
        Columns ``group, period`` (its first day), ``when`` ("past", "present", "expected"),
        ``customers, purchases, spend`` and the five measures above; NaN where a measure is not defined.

    Raises
    ------
    InputError
        If a customer has no group or no covariates, the period is unknown, or the model does not give what
        the row "expected" needs.

    Examples
    --------
    >>> sales = pd.DataFrame({"customer_id": ["a", "a", "b"], "amount": [10.0, 30.0, 20.0],
    ...                       "date": ["2024-01-03", "2024-02-05", "2024-01-20"]})
    >>> value_over_time(sales)[["when", "average_order_value", "frequency", "stickiness", "retention"]]
          when  average_order_value  frequency  stickiness  retention
    0     past                 15.0        1.0        1.00        NaN
    1  present                 30.0        0.5        0.75        0.5
    """
    time_unit_of(period)
    source = as_transactions(transactions)
    days = _days_with_purchases(source, period)
    everyone = pd.Index(days["customer_id"].unique(), name="customer_id")
    group = _groups(groups, everyone)
    periods = pd.period_range(days["period"].min(), days["period"].max(), freq=period)
    expectations = None if model is None else _expectations(source, model, covariates, periods[-1])
    tables = []
    for name, members in group.groupby(group, observed=True):
        theirs = days[days["customer_id"].isin(members.index)]
        table = _trend(theirs, periods)
        if expectations is not None:
            expected = _expected(expectations, theirs, periods[-1])
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
    """One row per period of one group; only from the group's first customer on."""
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
            "average_order_value": _ratio(spend, purchases),
            "frequency": _ratio(purchases, customers),
            "stickiness": _ratio(bought.sum(axis=0).cumsum(), customers.cumsum()),
            "repeat_rate": _ratio((active.to_numpy().cumsum(axis=1) >= 2).sum(axis=0), customers),
            "retention": kept,
        }
    )
    return table[customers > 0].reset_index(drop=True)


def _expectations(
    source: Transactions, model: LifetimeValue, covariates: pd.DataFrame | None, now: pd.Period
) -> pd.DataFrame:
    """What the model expects of each customer in the period after the last day of the data."""
    purchases = _purchase_model(model)
    customers = summarize(source, None, str(model.time_unit_))
    if covariates is not None:
        customers = _joined(customers, covariates)
    horizon = f"1{now.freqstr[0]}"
    factors = model.predict_factors(customers, horizon, 0.0)
    nothing = purchases.purchase_probability(0, horizon, customers)
    return pd.DataFrame(
        {
            "purchases": factors["expected_purchases"],
            "spend": factors["expected_purchases"] * factors["expected_spend"],
            "buys": 1 - nothing,
            "frequency": customers["frequency"],
        }
    )


def _purchase_model(model: Any) -> SupportsPurchaseProbability:
    """The model of purchases, if it can give the row "expected"."""
    purchases: SupportsPurchaseProbability | None = getattr(model, "purchases_", None)
    if purchases is None or model.time_unit_ is None:
        raise InputError(
            "model must be a fitted LifetimeValue whose customers know their time unit: set"
            " customers.attrs['time_unit'] before fitting."
        )
    instead = "fit LifetimeValue with a model that has it, such as clvml.ParetoNBD"
    require(purchases, SupportsPurchaseProbability, "the row 'expected' needs", instead)
    return purchases


def _joined(customers: pd.DataFrame, covariates: pd.DataFrame) -> pd.DataFrame:
    absent = ~customers.index.isin(covariates.index)
    if absent.any():
        first = customers.index[int(np.argmax(absent))]
        raise InputError(
            f"covariates lacks {absent.sum()} of {len(customers)} customers; the first is {first!r}."
        )
    joined = customers.join(covariates.drop(columns=list(customers), errors="ignore"))
    joined.attrs.update(customers.attrs)
    return joined


def _expected(expectations: pd.DataFrame, days: pd.DataFrame, now: pd.Period) -> dict[str, Any]:
    """The row of the period after ``now``, for the customers whose days with purchases are given."""
    customers = expectations[expectations.index.isin(days["customer_id"])]
    purchases, spend, buys = (
        float(customers["purchases"].sum()),
        float(customers["spend"].sum()),
        customers["buys"],
    )
    active = days.drop_duplicates(["customer_id", "period"])
    member_periods = sum((now - first).n + 1 for first in active.groupby("customer_id")["period"].min())
    once = customers["frequency"] == 0
    return {
        "period": (now + 1).start_time,
        "when": "expected",
        "customers": float(len(customers)),
        "purchases": purchases,
        "spend": spend,
        "average_order_value": spend / purchases if purchases else np.nan,
        "frequency": purchases / len(customers),
        "stickiness": (len(active) + buys.sum()) / (member_periods + len(buys)),
        "repeat_rate": float((~once).mean() + buys[once].sum() / len(buys)),
        "retention": float(buys[buys.index.isin(active["customer_id"][active["period"] == now])].mean()),
    }


def _ratio(above: Any, below: Any) -> np.ndarray:
    top, bottom = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
