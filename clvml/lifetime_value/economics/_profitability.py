"""Customer profitability: profit to date and payback time of each customer.

A customer's profit is ``margin x spend - acquisition cost - selling cost - service cost``: acquisition once,
selling per purchase, service per year since the first purchase. Costs are numbers for all customers, or a
Series by customer. A customer is profitable if profit exceeds an acceptable amount.

Source: Kotler, Keller, "Marketing Management" (2016), chapter 5.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._cohorts import cohorts as cohorts
from clvml.customers._purchase_ages import query_purchase_ages
from clvml.customers._summary import summarize
from clvml.customers._time_units import time_unit_of
from clvml.customers._transactions import Transactions, as_transactions
from clvml.errors import InputError
from clvml.lifetime_value.formulas._sums import checked


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
    customers: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Profit of each customer to date, and payback time.

    Parameters
    ----------
    transactions : Transactions or frame
        From `read_transactions`, or a DataFrame or path with the default column names.
    margin : float or pandas.Series, default 1
        Profit per unit of spend, for all customers or by customer; not negative.
    acquisition_cost, selling_cost, annual_service_cost : float or pandas.Series, default 0
        Per customer, per purchase (as ``collapse`` counts them), and per year as a customer; in currency
        units, not negative.
    acceptable_profit : float, default 0
        Profit above which a customer is profitable.
    observation_end : date, optional
        Last day of observation, inclusive. Default: the last day of the data.
    time_unit : {"D", "W", "M", "Q", "Y"}, default "W"
        Unit of ``time`` and ``payback``.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        Period within which purchases are merged to one, as in `summarize`.
    customers : pandas.DataFrame, optional
        ``summarize(transactions, observation_end, time_unit, collapse)``, if already computed.

    Returns
    -------
    pandas.DataFrame
        By customer: ``income``, ``gross_profit`` (after margin), the three costs, ``profit``, ``profitable``
        (bool), ``time`` since the first purchase, and ``payback``: time of the first purchase at which
        cumulative gross profit covered all costs to date (NaN if none did).

    Raises
    ------
    InputError
        If a cost is negative, or a Series lacks a customer.

    See Also
    --------
    clvml.lifetime_value.economics.value_parts : Historic and predicted value of each customer.
    clvml.lifetime_value.economics.payback_curves : Payback of groups, continued by a model.
    clvml.plots.value_distribution : Draw the distribution.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> sales = pd.DataFrame({"customer_id": ["a", "a", "b"], "amount": [40.0, 40.0, 30.0],
    ...                       "date": ["2024-01-01", "2024-01-15", "2024-01-15"]})
    >>> found = clvml.customer_profitability(sales, margin=0.5, acquisition_cost=30, selling_cost=2)
    >>> found[["gross_profit", "selling_cost", "profit", "profitable", "payback"]]
                 gross_profit  selling_cost  profit  profitable  payback
    customer_id
    a                    40.0           4.0     6.0        True      2.0
    b                    15.0           2.0   -17.0       False      NaN
    """
    source = as_transactions(transactions)
    if customers is None:
        customers = summarize(source, observation_end, time_unit, collapse)
    share = by_customer("margin", margin, customers.index)
    won = by_customer("acquisition_cost", acquisition_cost, customers.index)
    sale = by_customer("selling_cost", selling_cost, customers.index)
    unit = time_unit_of(time_unit)
    service = by_customer("annual_service_cost", annual_service_cost, customers.index) / unit.per_year
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


def by_customer(name: str, given: float | pd.Series, index: pd.Index, lowest: float = 0) -> pd.Series:
    if isinstance(given, pd.Series):
        known = given.reindex(index)
        if known.isna().any():
            first = index[int(np.argmax(known.isna()))]
            raise InputError(f"{name} is missing for {known.isna().sum()} customers; the first is {first!r}.")
        given = known
    return pd.Series(checked(name, np.asarray(given), lowest=lowest), index, dtype=np.float64)


_AT_ONCE_SQL = """
    SELECT position FROM ages WHERE age = 0 AND margin * CAST(spend AS DOUBLE) - sale - won >= 0
"""
# Sums of decimals are exact: profit does not depend on the order of a customer's purchases.
_LATER_SQL = """
    SELECT position, min(age) AS payback
    FROM (SELECT position, age,
                 margin * CAST(sum(spend) OVER (so_far) AS DOUBLE) - sale * count(*) OVER (so_far)
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
    """Time from the first purchase to the one at which cumulative gross profit covered all costs to date.

    Only customers whose first purchase does not cover the costs need cumulative sums, which cost more than
    all the rest.
    """
    costs = {"margin": margin, "won": won, "sale": sale, "service": service}
    paid = np.full(len(customers), np.nan)
    paid[query_purchase_ages(source, customers, _AT_ONCE_SQL, costs)["position"]] = 0.0
    left = np.flatnonzero(np.isnan(paid))
    if left.size:
        theirs = {name: cost.iloc[left] for name, cost in costs.items()}
        later = query_purchase_ages(source, customers.iloc[left], _LATER_SQL, theirs)
        paid[left[later["position"]]] = later["payback"]
    return pd.Series(paid, customers.index)
