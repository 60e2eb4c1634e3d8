"""Customer metrics over time: average order value, frequency, stickiness and retention.

Per period and group, for customers acquired by the end of the period::

    average_order_value   spend / purchases of the period
    frequency             purchases of the period / customers
    stickiness            share of customer-periods since acquisition with a purchase
    repeat_rate           share of customers with at least two purchases to date
    retention             share of the previous period's buyers who also bought in this one

The last complete period is "present". An incomplete one is left out: its purchases, spend and retention
would appear to have fallen. The row "expected" is the prediction of a fitted model for the next period and
present customers: expected purchases and spend, and by the probability of at least one purchase,
``1 - P(0 purchases)``, the expected stickiness, repeat rate and retention (of the present buyers).

Any model of value gives that row. Of a model that predicts money only, the spend is its value undiscounted
and before the margin, the purchases are the spend over the customer's own average order value so far, and the
probability of a purchase is that of a Poisson distribution, ``1 - exp(-expected purchases)``, as for any
model without ``purchase_probability``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._ends import observation_end_of
from clvml.customers._purchases import Purchases, period_start
from clvml.customers._summary import summarize
from clvml.customers._time_units import INTERVALS, time_unit_of
from clvml.customers._transactions import Transactions, as_transactions
from clvml.errors import InputError
from clvml.lifetime_value._protocol import SupportsPurchaseProbability, ValueModel

MEASURES = ("average_order_value", "frequency", "stickiness", "repeat_rate", "retention")


def value_over_time(
    transactions: Transactions | Any,
    groups: pd.Series | None = None,
    period: str = "M",
    model: ValueModel | None = None,
    collapse: str | None = "D",
    covariates: pd.DataFrame | None = None,
    observation_end: Any = None,
) -> pd.DataFrame:
    """Customer metrics by period and group.

    Parameters
    ----------
    transactions : Transactions or frame
        From `read_transactions`, or a DataFrame or path with the default column names.
    groups : pandas.Series, optional
        The group of each customer (segment, cohort); a single group by default.
    period : {"D", "W", "M", "Q", "Y"}, default "M"
        Length of a period.
    model : ValueModel, optional
        Fitted, with a time unit, such as `LifetimeValue` or a formula; adds the row "expected" of each group.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        Period within which purchases are merged to one, as in `summarize`.
    covariates : pandas.DataFrame, optional
        The covariates of each customer, indexed by customer, if the model has any.
    observation_end : date, optional
        Last day of observation, inclusive. Default: the last day of the data. If it is within a period, the
        table ends with the period before, as is logged; the only period of the data is treated as complete.

    Returns
    -------
    pandas.DataFrame
        Columns ``group, period`` (its first day), ``when`` ("past", "present", "expected"), ``customers,
        purchases, spend`` and five measures: ``average_order_value`` and ``frequency`` (per customer) of the
        period, ``stickiness`` (share of customer-periods since acquisition with a purchase),
        ``repeat_rate`` (share of customers with two purchases to date) and ``retention`` (share of the
        previous period's buyers who bought again); NaN where a measure is undefined.

    Raises
    ------
    InputError
        If a customer has no group or no covariates, the period is unknown, or the model is no fitted model of
        value with a time unit.

    See Also
    --------
    clvml.lifetime_value.economics.trend_words : The table in words.
    clvml.scorecard : Key figures today.
    clvml.customer_base.CohortTrend : Cohorts over time.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> sales = pd.DataFrame({"customer_id": ["a", "a", "b"], "amount": [10.0, 30.0, 20.0],
    ...                       "date": ["2024-01-03", "2024-02-05", "2024-01-20"]})
    >>> table = clvml.value_over_time(sales, observation_end="2024-02-29")
    >>> table[["when", "average_order_value", "frequency", "stickiness", "retention"]]
          when  average_order_value  frequency  stickiness  retention
    0     past                 15.0        1.0        1.00        NaN
    1  present                 30.0        0.5        0.75        0.5
    """
    time_unit_of(period)
    source = as_transactions(transactions)
    collapse = source.effective_collapse(collapse)
    stop, last = _last_period(source, observation_end, collapse, period)
    purchases = source.purchases(collapse, stop)
    everyone = purchases.frame("SELECT DISTINCT customer_id FROM purchases ORDER BY customer_id")
    group = _groups(groups, pd.Index(everyone["customer_id"]))
    counts, active = _activity(purchases, group, period, last)
    periods = pd.period_range(counts["start"].min(), last, freq=period)
    expectations = None if model is None else _expectations(source, model, covariates, collapse, last)
    tables = []
    for number, (name, members) in enumerate(group.groupby(group, observed=True)):
        table = _trend(counts[counts["number"] == number], periods)
        if expectations is not None:
            expected = _expected(expectations, active[active.index.isin(members.index)], last)
            table = pd.concat([table, pd.DataFrame([expected])], ignore_index=True)
        table.insert(0, "group", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _last_period(
    source: Transactions, observation_end: Any, collapse: str | None, period: str
) -> tuple[pd.Timestamp, pd.Period]:
    """The moment before which purchases count, and the last complete period."""
    observed = observation_end_of(source, observation_end, collapse)
    end = observation_end_of(source, observed.asked, period)
    return min(observed.stop, end.stop), end.asked.to_period(period)


_ACTIVE = "active"  # the table that both queries read
_ACTIVE_SQL = """
    SELECT customer_id, start, count(*) AS bought, sum(spend) AS spent
    FROM (SELECT customer_id, spend, {start} AS start FROM purchases) GROUP BY customer_id, start
"""
_COUNTS_SQL = f"""
    SELECT number, start, count(*) AS buyers, count(*) FILTER (WHERE previous IS NULL) AS new,
           count(*) FILTER (WHERE previous + INTERVAL {{length}} = start) AS kept,
           count(*) FILTER (WHERE so_far >= 2 AND so_far - bought < 2) AS repeaters,
           sum(bought) AS purchases, CAST(sum(spent) AS DOUBLE) AS spend
    FROM (SELECT *, lag(start) OVER (in_order) AS previous, sum(bought) OVER (in_order) AS so_far
          FROM {_ACTIVE} JOIN members USING (customer_id)
          WINDOW in_order AS (PARTITION BY customer_id ORDER BY start))
    GROUP BY number, start ORDER BY number, start
"""
_CUSTOMERS_SQL = f"""
    SELECT customer_id, min(start) AS first, count(*) AS periods, bool_or(start = TIMESTAMP '{{now}}') AS now
    FROM {_ACTIVE} GROUP BY customer_id
"""
_COUNTED = ["buyers", "new", "kept", "repeaters", "purchases", "spend"]


def _activity(
    purchases: Purchases, group: pd.Series, period: str, now: pd.Period
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Purchases and numbers of customers by group code and start of the period, and of each customer.

    Of a customer: the ``first`` period, the number of ``periods`` with a purchase, whether bought ``now``.
    """
    members = group.groupby(group, observed=True).ngroup().rename("number").to_frame()
    counts, customers = [], []
    for part in purchases.in_parts():
        with part.hold(_ACTIVE, _ACTIVE_SQL.format(start=period_start("period", period))):
            counts.append(part.frame(_COUNTS_SQL.format(length=INTERVALS[period]), members=members))
            customers.append(part.frame(_CUSTOMERS_SQL.format(now=now.start_time)))
    counted = counts[0] if len(counts) == 1 else pd.concat(counts).groupby(["number", "start"]).sum()
    found = pd.concat(customers).set_index("customer_id").sort_index()
    return counted if len(counts) == 1 else counted.reset_index(), found


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


def _trend(counts: pd.DataFrame, periods: pd.PeriodIndex) -> pd.DataFrame:
    """One row per period of one group, from the group's first customer on."""
    at = counts.set_index(counts["start"].dt.to_period(periods.freqstr))[_COUNTED]
    seen = at.reindex(periods, fill_value=0).astype(np.float64)
    customers = seen["new"].cumsum()
    table = pd.DataFrame(
        {
            "period": periods.start_time,
            "when": ["past"] * (len(periods) - 1) + ["present"],
            "customers": customers.to_numpy(),
            "purchases": seen["purchases"].to_numpy(),
            "spend": seen["spend"].to_numpy(),
            "average_order_value": _ratio(seen["spend"], seen["purchases"]),
            "frequency": _ratio(seen["purchases"], customers),
            "stickiness": _ratio(seen["buyers"].cumsum(), customers.cumsum()),
            "repeat_rate": _ratio(seen["repeaters"].cumsum(), customers),
            "retention": _ratio(seen["kept"], seen["buyers"].shift(fill_value=0)),
        }
    )
    return table[table["customers"] > 0].reset_index(drop=True)


def _expectations(
    source: Transactions,
    model: ValueModel,
    covariates: pd.DataFrame | None,
    collapse: str | None,
    now: pd.Period,
) -> pd.DataFrame:
    """Predictions of the model for each customer in the period after ``now``."""
    customers = summarize(source, now.end_time.normalize(), str(_check_model(model)), collapse)
    if covariates is not None:
        customers = _joined(customers, covariates)
    horizon = f"1{now.freqstr[0]}"
    factors = model.predict_factors(customers, horizon, 0.0)
    spend = _spend(model, factors)
    purchases = _purchases(factors, customers, spend)
    return pd.DataFrame(
        {
            "purchases": purchases,
            "spend": spend,
            "buys": _buys(model, customers, horizon, purchases),
            "frequency": customers["frequency"],
        }
    )


def _check_model(model: Any) -> Any:
    """The time unit of a fitted model of value."""
    if getattr(model, "time_unit_", None) is None or not hasattr(model, "predict_factors"):
        raise InputError(
            "model must be a fitted model of value, such as LifetimeValue, with a time unit: set"
            " customers.attrs['time_unit'] before fitting."
        )
    return model.time_unit_


def _spend(model: Any, factors: pd.DataFrame) -> pd.Series:
    if {"expected_purchases", "expected_spend"} <= set(factors):
        return factors["expected_purchases"] * factors["expected_spend"]
    margin = float(getattr(model, "margin", 1.0))
    return factors["clv"] / margin if margin > 0 else factors["clv"]


def _purchases(factors: pd.DataFrame, customers: pd.DataFrame, spend: pd.Series) -> pd.Series:
    if "expected_purchases" in factors:
        return factors["expected_purchases"]
    order_value = customers["total_spend"] / (customers["frequency"] + 1)
    return (spend / order_value.where(order_value > 0)).fillna(0.0).clip(lower=0.0)


def _buys(model: Any, customers: pd.DataFrame, horizon: str, purchases: pd.Series) -> pd.Series:
    """The probability of at least one purchase of each customer."""
    of_purchases = getattr(model, "purchases_", None)
    if isinstance(of_purchases, SupportsPurchaseProbability):
        return 1 - of_purchases.purchase_probability(0, horizon, customers)
    return pd.Series(-np.expm1(-purchases.to_numpy(dtype=float)), index=customers.index)


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


def _expected(expectations: pd.DataFrame, active: pd.DataFrame, now: pd.Period) -> dict[str, Any]:
    """The row "expected", for the period after ``now`` and the customers in ``active`` (see `_activity`)."""
    customers = expectations[expectations.index.isin(active.index)]
    purchases, spend, buys = (
        float(customers["purchases"].sum()),
        float(customers["spend"].sum()),
        customers["buys"],
    )
    starts = active["first"].dt.to_period(now.freqstr).value_counts()
    member_periods = sum(((now - first).n + 1) * int(count) for first, count in starts.items())
    once = customers["frequency"] == 0
    return {
        "period": (now + 1).start_time,
        "when": "expected",
        "customers": float(len(customers)),
        "purchases": purchases,
        "spend": spend,
        "average_order_value": spend / purchases if purchases else np.nan,
        "frequency": purchases / len(customers),
        "stickiness": (int(active["periods"].sum()) + buys.sum()) / (member_periods + len(buys)),
        "repeat_rate": float((~once).mean() + buys[once].sum() / len(buys)),
        "retention": float(buys[buys.index.isin(active.index[active["now"]])].mean()),
    }


def _ratio(above: Any, below: Any) -> np.ndarray:
    top, bottom = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
