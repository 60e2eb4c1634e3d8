"""Value of a customer within 30, 90, 180, 365 days of the first purchase: observed, and expected."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._cohorts import periods_per_unit
from clvml.customers._purchase_ages import query_purchase_ages
from clvml.customers._time_units import time_unit_of
from clvml.customers._transactions import Transactions
from clvml.errors import InputError
from clvml.lifetime_value._protocol import ValueModel
from clvml.lifetime_value.economics._new_customer import new_customer_value
from clvml.lifetime_value.economics._payback import ALL_CUSTOMERS
from clvml.lifetime_value.formulas._sums import checked

DAYS = (30, 90, 180, 365)


def early_value(
    transactions: Transactions | Any,
    customers: pd.DataFrame,
    groups: pd.Series | None = None,
    *,
    margin: float = 1.0,
    days: Sequence[float] = DAYS,
) -> pd.DataFrame:
    """What customers have brought within some days of their first purchase, first purchase included.

    Parameters
    ----------
    transactions : Transactions or frame
        The source of the summary.
    customers : pandas.DataFrame, shape (n_customers, ...)
        The customer summary, from `summarize`.
    groups : pandas.Series, optional
        The group of each customer, such as the cohort (`clvml.cohorts`) or the channel.
    margin : float, default 1
        Profit per unit of spend.
    days : sequence of float, default (30, 90, 180, 365)
        Ages in days.

    Returns
    -------
    pandas.DataFrame
        Index ``group, days``, the last group "all customers". Columns ``customers`` (those followed for that
        many days), ``total`` (their margin within them, undiscounted) and ``value`` (per customer; NaN
        without one).

    Raises
    ------
    InputError
        If a customer has no group, an age is not positive, or the summary lacks its time unit.

    See Also
    --------
    clvml.lifetime_value.economics.expected_early_value : What a model expects of a new customer.
    clvml.lifetime_value.economics.payback_curves : The same less acquisition cost.
    clvml.cohorts : Groups by first purchase.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> from clvml.lifetime_value.economics import early_value
    >>> sales = pd.DataFrame({"customer_id": ["a", "a", "b"], "amount": [40.0, 10.0, 30.0],
    ...                       "date": ["2024-01-01", "2024-02-15", "2024-02-20"]})
    >>> early_value(sales, clvml.summarize(sales, "2024-03-31"), days=[30, 60]).reset_index()
               group  days  customers  total  value
    0  all customers    30          2   70.0   35.0
    1  all customers    60          1   50.0   50.0
    """
    share = float(checked("margin", margin, lowest=0))
    ages = [float(age) for age in np.atleast_1d(checked("days", list(days), above=0))]
    code, names = _codes(groups, customers.index)
    per_day = 1 / periods_per_unit(customers, "D")
    followed = {age: customers["T"].to_numpy(dtype=np.float64) >= age * per_day - 1e-9 for age in ages}
    within = ", ".join(
        f"CAST(coalesce(sum(spend) FILTER (WHERE age <= {age * per_day + 1e-9!r} AND T >="
        f" {age * per_day - 1e-9!r}), 0) AS DOUBLE) AS within_{number}"
        for number, age in enumerate(ages)
    )
    query = f"SELECT CAST(member AS INTEGER) AS member, {within} FROM ages GROUP BY 1 ORDER BY 1"
    sums = query_purchase_ages(transactions, customers, query, {"member": code}).set_index("member")
    rows = []
    for number, name in [*enumerate(names), (None, ALL_CUSTOMERS)]:
        chosen = np.ones(len(code), dtype=bool) if number is None else code == number
        for place, age in enumerate(ages):
            column = sums[f"within_{place}"]
            total = share * float(column.sum() if number is None else column.get(number, 0.0))
            count = int((followed[age] & chosen).sum())
            rows.append((name, int(age) if age == int(age) else age, count, total))
    table = pd.DataFrame(rows, columns=["group", "days", "customers", "total"]).set_index(["group", "days"])
    return table.assign(value=table["total"] / table["customers"].where(table["customers"] > 0))


def expected_early_value(model: ValueModel, first_purchase: float, days: Sequence[float] = DAYS) -> pd.Series:
    """Expected value of a new customer within some days of the first purchase, undiscounted.

    Parameters
    ----------
    model : ValueModel
        Fitted to customers with a time unit.
    first_purchase : float
        Mean spend of the first purchase, before margin.
    days : sequence of float, default (30, 90, 180, 365)
        Days since the first purchase.

    Returns
    -------
    pandas.Series
        By ``days``: first purchase and expected repeat purchases, after margin; NaN where the model cannot
        predict a new customer.

    Raises
    ------
    InputError
        If the model has no time unit.

    See Also
    --------
    clvml.lifetime_value.economics.early_value : What customers have brought.
    clvml.lifetime_value.economics.mean_first_purchase : The mean spend of the first purchase.
    clvml.new_customer_value : Over the horizon of the model.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value.economics import expected_early_value, mean_first_purchase
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M").fit(customers)
    >>> expected_early_value(model, mean_first_purchase(customers)).round(1).to_dict()
    {30: 40.3, 90: 51.6, 180: 64.4, 365: 83.9}
    """
    if model.time_unit_ is None:
        raise InputError(
            "the model has no time unit, so that days cannot be converted; fit it to a summary of clvml."
        )
    per_day = 1 / time_unit_of(model.time_unit_).days
    values = {age: _new_value(model, first_purchase, age * per_day) for age in days}
    return pd.Series(values, name="expected", dtype=np.float64).rename_axis("days")


def mean_first_purchase(customers: pd.DataFrame) -> float:
    """Mean spend of the first purchase: total spend less that of the repeat purchases.

    Parameters
    ----------
    customers : pandas.DataFrame, shape (n_customers, ...)
        The customer summary, with ``total_spend``, ``frequency`` and ``monetary_value``.

    Returns
    -------
    float
        In currency units, before margin; what `new_customer_value` and `expected_early_value` ask for.

    Raises
    ------
    KeyError
        If a column is missing.

    See Also
    --------
    clvml.new_customer_value : The value of a new customer.
    clvml.lifetime_value.economics.expected_early_value : Within some days of the first purchase.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> from clvml.lifetime_value.economics import mean_first_purchase
    >>> sales = pd.DataFrame({"customer_id": ["a", "a", "b"], "amount": [40.0, 10.0, 30.0],
    ...                       "date": ["2024-01-01", "2024-02-15", "2024-02-20"]})
    >>> mean_first_purchase(clvml.summarize(sales))
    35.0
    """
    return float(first_purchases(customers).mean())


def first_purchases(customers: pd.DataFrame) -> pd.Series:
    """Spend of each customer's first purchase."""
    return customers["total_spend"] - customers["frequency"] * customers["monetary_value"]


def _new_value(model: ValueModel, first_purchase: float, horizon: float) -> float:
    try:
        return new_customer_value(model, first_purchase, horizon, 0.0)
    except (InputError, KeyError):  # the model needs columns that a new customer does not have
        return math.nan


def _codes(groups: pd.Series | None, index: pd.Index) -> tuple[np.ndarray, list[Any]]:
    if groups is None:
        return np.zeros(len(index), dtype=np.int64), []
    known = groups.reindex(index)
    if known.isna().any():
        first = index[int(np.argmax(known.isna()))]
        raise InputError(
            f"{known.isna().sum()} of {len(index)} customers have no group; the first is {first!r}."
        )
    code, names = pd.factorize(known, sort=True)
    return code.astype(np.int64), list(names)
