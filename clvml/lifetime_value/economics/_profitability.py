"""The economics around lifetime value: who pays, when a customer pays back, and a manager's figures.

A customer's profit is ``margin x spend - cost to acquire - cost to sell - cost to serve``: to acquire once,
to sell at each purchase, to serve per year since the first one. Costs are numbers for everyone, or a Series
by customer. A profitable customer is one whose profit exceeds an acceptable amount.

Source: Kotler, Keller, "Marketing Management" (2016), chapter 5; Gupta, Lehmann, "Managing Customers as
Investments" (2005) for the ratios.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._purchase_ages import query_purchase_ages
from clvml.customers._summary import summarize
from clvml.customers._summary_checks import check_customers
from clvml.customers._time_units import time_unit_of
from clvml.customers._transactions import Transactions, as_transactions
from clvml.errors import InputError
from clvml.lifetime_value._projection import LifetimeValue
from clvml.lifetime_value.formulas._models import estimate_retention_rate
from clvml.lifetime_value.formulas._sums import checked

LESS_IS_BETTER = ("acquisition_cost", "payback")


def customer_profitability(
    transactions: Transactions | Any,
    *,
    margin: float | pd.Series = 1.0,
    acquisition_cost: float | pd.Series = 0.0,
    selling_cost: float | pd.Series = 0.0,
    annual_service_cost: float | pd.Series = 0.0,
    acceptable_profit: float = 0.0,
    observation_end: Any = None,
    time_unit: str = "W",
    collapse: str | None = "D",
) -> pd.DataFrame:
    """Who has paid so far and who has not, and how long it took.

    Parameters
    ----------
    transactions : Transactions or frame
    margin : float or pandas.Series, default 1
        Share of spend that is kept; not negative.
    acquisition_cost, selling_cost, annual_service_cost : float or pandas.Series, default 0
        Per customer, per purchase, and per year of relation; not negative.
    acceptable_profit : float, default 0
        A customer is profitable above it.
    observation_end : date, optional
        Last day that counts, by default the last of the data.
    time_unit : {"D", "W", "M", "Q", "Y"}, default "W"
        Of ``time`` and ``payback``.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        What is one purchase, as in `summarize`.

    Returns
    -------
    pandas.DataFrame
        By customer: ``income``, ``gross_profit`` (after margin), the three costs, ``profit``, ``profitable``
        (bool), ``time`` since the first purchase, and ``payback``: time after which a purchase first had
        brought all costs until then back (NaN where none has).

    Raises
    ------
    InputError
        If a cost is negative, or a Series does not name every customer.

    Examples
    --------
    >>> sales = pd.DataFrame({"customer_id": ["a", "a", "b"], "amount": [40.0, 40.0, 30.0],
    ...                       "date": ["2024-01-01", "2024-01-15", "2024-01-15"]})
    >>> found = customer_profitability(sales, margin=0.5, acquisition_cost=30, selling_cost=2)
    >>> found[["gross_profit", "selling_cost", "profit", "profitable", "payback"]]
                 gross_profit  selling_cost  profit  profitable  payback
    customer_id
    a                    40.0           4.0     6.0        True      2.0
    b                    15.0           2.0   -17.0       False      NaN
    """
    source = as_transactions(transactions)
    customers = summarize(source, observation_end, time_unit, collapse)
    share = _by_customer("margin", margin, customers.index)
    won = _by_customer("acquisition_cost", acquisition_cost, customers.index)
    sale = _by_customer("selling_cost", selling_cost, customers.index)
    unit = time_unit_of(time_unit)
    service = _by_customer("annual_service_cost", annual_service_cost, customers.index) / unit.per_year
    table = pd.DataFrame(
        {
            "income": customers["total_spend"],
            "gross_profit": share * customers["total_spend"],
            "acquisition_cost": won,
            "selling_cost": sale * (customers["frequency"] + 1),
            "service_cost": service * customers["T"],
        }
    )
    costs = table[["acquisition_cost", "selling_cost", "service_cost"]].sum(axis=1)
    table["profit"] = table["gross_profit"] - costs
    table["profitable"] = table["profit"] > float(checked("acceptable_profit", acceptable_profit))
    table["time"] = customers["T"]
    table["payback"] = _payback(source, customers, share, won, sale, service)
    return table


def scorecard(
    customers: pd.DataFrame,
    values: pd.Series,
    *,
    acquisition_cost: float = 0.0,
    margin: float = 1.0,
    marketing_cost: float = 0.0,
    targets: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """The figures a manager follows, each against a target where there is one.

    Parameters
    ----------
    customers : pandas.DataFrame
        The summary: ``frequency, recency, T, total_spend``.
    values : pandas.Series
        Lifetime value by customer.
    acquisition_cost : float
        Cost to win a customer.
    margin : float
        Share of spend that is kept.
    marketing_cost : float
        All money spent on these customers' marketing so far.
    targets : mapping, optional
        By figure.

    Returns
    -------
    pandas.DataFrame
        Index ``figure``: ``clv`` (mean), ``acquisition_cost``, ``clv_to_cac``, ``payback`` (time units
        for the mean margin to bring the acquisition cost back), ``retention_rate`` (per time unit),
        ``repeat_rate`` (share who bought again), ``return_on_marketing`` (profit per money spent; 0.5
        is 50 %). Columns ``value``, ``target``, ``gap`` (value - target) and ``met`` (True, False, or
        None without a target). A figure that needs a cost that was not given is NaN.

    Raises
    ------
    InputError
        If a target is unknown, a cost negative, or ``values`` miss a customer.
    """
    table = check_customers(customers, ("frequency", "recency", "T", "total_spend"))
    clv = _by_customer("values", values, table.index, lowest=-math.inf)
    cost = float(checked("acquisition_cost", acquisition_cost, lowest=0))
    spent = float(checked("marketing_cost", marketing_cost, lowest=0))
    kept = float(checked("margin", margin, lowest=0)) * table["total_spend"].sum()
    income = kept / table["T"].sum() if table["T"].sum() else 0.0
    figures = {
        "clv": float(clv.mean()),
        "acquisition_cost": cost,
        "clv_to_cac": float(clv.mean()) / cost if cost else math.nan,
        "payback": cost / income if income else math.nan,
        "retention_rate": estimate_retention_rate(table["recency"].to_numpy(), table["T"].to_numpy()),
        "repeat_rate": float((table["frequency"] > 0).mean()),
        "return_on_marketing": (kept - spent) / spent if spent else math.nan,
    }
    return against_targets(figures, targets)


def against_targets(figures: Mapping[str, float], targets: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Figures beside their targets; of costs and payback, less is better.

    Examples
    --------
    >>> against_targets({"repeat_rate": 0.4, "payback": 12.0}, {"repeat_rate": 0.5, "payback": 20.0})
                 value  target  gap    met
    figure
    repeat_rate    0.4     0.5 -0.1  False
    payback       12.0    20.0 -8.0   True
    """
    wanted = dict(targets or {})
    unknown = [name for name in wanted if name not in figures]
    if unknown:
        raise InputError(f"targets has {unknown[0]!r}; the figures are {', '.join(figures)}.")
    table = pd.DataFrame({"value": pd.Series(dict(figures), dtype=np.float64)}).rename_axis("figure")
    table["target"] = pd.Series({name: wanted.get(name, math.nan) for name in figures}, dtype=np.float64)
    table["gap"] = table["value"] - table["target"]
    met = [
        None if math.isnan(gap) else bool(gap <= 0 if name in LESS_IS_BETTER else gap >= 0)
        for name, gap in table["gap"].items()
    ]
    return table.assign(met=pd.Series(met, table.index, dtype=object))


def cohorts(customers: pd.DataFrame, period: str = "M") -> pd.Series:
    """The cohort of each customer: the period of the first purchase, for ``equity_by_group``.

    Examples
    --------
    >>> cohorts(pd.DataFrame({"first_purchase": pd.to_datetime(["2024-01-31", "2024-02-01"])})).tolist()
    ['2024-01', '2024-02']
    """
    if "first_purchase" not in customers:
        raise InputError(
            "the customer summary lacks 'first_purchase'; clvml.summarize and clvml.split give it."
        )
    time_unit_of(period)
    names = pd.to_datetime(customers["first_purchase"]).dt.to_period(period).astype(str)
    return names.rename("cohort")


def new_customer_value(
    model: LifetimeValue,
    first_purchase: float = 0.0,
    horizon: float | str | None = None,
    annual_discount_rate: float | None = None,
) -> float:
    """The probabilistic value of a customer yet to be won: the first purchase, and what follows it.

    Where the model has covariates, it is the reference customer who is won.

    For the formula see :meth:`ProfitContributionValue.new_customer_value`.

    Parameters
    ----------
    model : LifetimeValue
        Fitted.
    first_purchase : float
        Money of the first purchase on average, before margin.
    """
    columns = dict.fromkeys(model.required_columns, 0.0) | model.reference_
    nobody = pd.DataFrame(columns, index=pd.Index(["new customer"], name="customer_id"))
    later = float(model.predict(nobody, horizon, annual_discount_rate).iloc[0])
    return model.margin * float(checked("first_purchase", first_purchase)) + later


def _by_customer(name: str, given: float | pd.Series, index: pd.Index, lowest: float = 0) -> pd.Series:
    if isinstance(given, pd.Series):
        known = given.reindex(index)
        if known.isna().any():
            first = index[int(np.argmax(known.isna()))]
            raise InputError(f"{name} is missing for {known.isna().sum()} customers; the first is {first!r}.")
        given = known
    return pd.Series(checked(name, np.asarray(given), lowest=lowest), index, dtype=np.float64)


# Sums of exact decimals: profit does not depend on the order in which a customer's purchases are added up.
_PAYBACK_SQL = """
    SELECT position, min(age) AS payback
    FROM (SELECT position, age,
                 margin * CAST(sum(spend) OVER so_far AS DOUBLE) - sale * count(*) OVER so_far
                 - won - service * age AS profit
          FROM ages WINDOW so_far AS (PARTITION BY position ORDER BY age))
    WHERE profit >= 0 GROUP BY position
"""


def _payback(
    source: Transactions,
    customers: pd.DataFrame,
    margin: pd.Series,
    won: pd.Series,
    sale: pd.Series,
    service: pd.Series,
) -> pd.Series:
    """Time from the first purchase to the one that brought all costs until then back."""
    costs = {"margin": margin, "won": won, "sale": sale, "service": service}
    paid = query_purchase_ages(source, customers, _PAYBACK_SQL, costs).set_index("position")["payback"]
    return paid.reindex(range(len(customers))).set_axis(customers.index)
