"""Volume and profit of customers by lifecycle stage and by age, as measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.customers._purchase_ages import query_purchase_ages
from clvml.customers._time_units import time_unit_of
from clvml.customers._transactions import Transactions
from clvml.errors import InputError
from clvml.segments.grouping._lifecycle import STAGES

_AGES_SQL = """
    SELECT stage, age, count(*) AS purchases, CAST(sum(spend) AS DOUBLE) AS spend
    FROM (SELECT CAST(stage AS INTEGER) AS stage, CAST(floor(age / {length}) AS INTEGER) AS age, complete,
                 spend
          FROM ages WHERE stage >= 0)
    WHERE age < complete GROUP BY stage, age
"""
_LAST_SQL = """
    SELECT CAST(stage AS INTEGER) AS stage, count(*) AS purchases, CAST(sum(spend) AS DOUBLE) AS spend
    FROM ages WHERE T - age < {length} AND age > 0 AND T >= {length} AND stage >= 0 GROUP BY stage
"""


def volume_by_stage(
    transactions: Transactions,
    customers: pd.DataFrame,
    stages: pd.Series,
    period: str = "Q",
    margin: float = 1.0,
) -> pd.DataFrame:
    """Purchases, spend and profit per customer in the last period of observation, by current stage.

    Parameters
    ----------
    transactions : Transactions
        The purchases that the summary was made of.
    customers : pandas.DataFrame
        The customer summary.
    stages : pandas.Series
        As from `LifecycleStages`, of the same customers.
    period : {"D", "W", "M", "Q", "Y"}
        Its length counts back from the end of observation. Customers acquired within it are left out, so that
        all were customers for the whole period.
    margin : float
        Profit per unit of spend, above 0.

    Returns
    -------
    pandas.DataFrame
        Index ``stage``, all in order; ``customers`` (observed for the whole period), ``purchases, spend,
        profit`` (per customer; NaN without customers).

    Raises
    ------
    InputError
        If the summary lacks a column or its time unit, or an argument breaks its rule.

    See Also
    --------
    clvml.segments.grouping.volume_by_age : By age in place of the last period.
    clvml.plots.lifecycle_volume : As a figure.

    Examples
    --------
    >>> import clvml
    >>> from clvml.segments.grouping import volume_by_stage
    >>> purchases = clvml.load_cdnow()
    >>> customers = clvml.summarize(purchases)
    >>> active = (customers["T"] - customers["recency"]) < 26
    >>> stages = active.map({True: "stability", False: "lapsed"})
    >>> volume_by_stage(purchases, customers, stages)["customers"].to_dict()
    {'exploration': 0, 'build-up': 0, 'stability': 516, 'decline': 0, 'lapsed': 1841}
    """
    length = _length(customers, period, margin)
    codes = _codes(stages, customers)
    found = query_purchase_ages(
        transactions, customers, _LAST_SQL.format(length=length), {"stage": codes}
    ).set_index("stage")
    whole = codes[customers["T"].to_numpy(dtype=float) >= length]
    count = np.bincount(whole[whole >= 0], minlength=len(STAGES))
    sums = found[["purchases", "spend"]].reindex(range(len(STAGES)), fill_value=0).astype(float)
    table = sums.div(np.where(count > 0, count, np.nan), axis="index").set_axis(pd.Index(STAGES))
    table.insert(0, "customers", count.astype("int64"))
    table["profit"] = table["spend"] * margin
    table = table.rename_axis("stage")
    table.attrs = {"period": period}
    return table


def volume_by_age(
    transactions: Transactions,
    customers: pd.DataFrame,
    stages: pd.Series,
    period: str = "Q",
    margin: float = 1.0,
    fewest: int = 10,
) -> pd.DataFrame:
    """Purchases, spend and profit per customer by age, for the customers of each current stage.

    Parameters
    ----------
    transactions : Transactions
        The purchases that the summary was made of.
    customers : pandas.DataFrame
        The customer summary.
    stages : pandas.Series
        As from `LifecycleStages`, of the same customers.
    period : {"D", "W", "M", "Q", "Y"}
        Unit of the age, from the first purchase of each customer.
    margin : float
        Profit per unit of spend, above 0.
    fewest : int
        Customers observed for the whole period of an age, for it to have a row.

    Returns
    -------
    pandas.DataFrame
        ``stage``, ``age`` (whole periods since the first purchase, which is in age 0), ``customers`` (of the
        stage, observed for the whole period), ``purchases, spend, profit`` (per customer).

    Raises
    ------
    InputError
        As in `volume_by_stage`.

    See Also
    --------
    clvml.segments.grouping.volume_by_stage : The last period only, by stage.
    clvml.plots.volume_by_age : As a figure.

    Examples
    --------
    >>> import clvml
    >>> from clvml.segments.grouping import volume_by_age
    >>> purchases = clvml.load_cdnow()
    >>> customers = clvml.summarize(purchases)
    >>> active = (customers["T"] - customers["recency"]) < 26
    >>> stages = active.map({True: "stability", False: "lapsed"})
    >>> volume_by_age(purchases, customers, stages).groupby("stage", sort=False)["customers"].max().to_dict()
    {'stability': 516, 'lapsed': 1841}
    """
    length = _length(customers, period, margin)
    codes = _codes(stages, customers)
    complete = np.floor(customers["T"].to_numpy(dtype=float) / length * (1 + 1e-12)).astype(int)
    by_customer = {"stage": codes, "complete": complete}
    rows = query_purchase_ages(transactions, customers, _AGES_SQL.format(length=length), by_customer)
    tables = []
    for code, name in enumerate(STAGES):
        of_stage = rows[rows["stage"] == code].set_index("age")[["purchases", "spend"]]
        if of_stage.empty:
            continue
        ages = np.bincount(complete[codes == code])
        longest = len(ages) - 1
        counts = pd.Series(len(complete[codes == code]) - ages.cumsum()[:longest], dtype="int64")
        means = of_stage.reindex(range(longest), fill_value=0.0).div(counts, axis="index")
        table = means.assign(stage=name, age=range(longest), customers=counts, profit=means["spend"] * margin)
        tables.append(table[counts >= fewest])
    columns = ["stage", "age", "customers", "purchases", "spend", "profit"]
    found = pd.concat(tables)[columns].reset_index(drop=True) if tables else pd.DataFrame(columns=columns)
    found.attrs = {"period": period}
    return found


def _codes(stages: pd.Series, customers: pd.DataFrame) -> NDArray[np.int64]:
    """The number of each customer's stage; -1 for one without a stage."""
    codes = pd.Index(STAGES).get_indexer(pd.Index(stages.reindex(customers.index)))
    return codes.astype(np.int64)


def _length(customers: pd.DataFrame, period: str, margin: float) -> float:
    """The length of the period in the unit of time of the customers."""
    if not margin > 0:
        raise InputError(f"margin is {margin!r}; it must be above 0.")
    unit = customers.attrs.get("time_unit")
    if unit is None:
        raise InputError("the customers have no time unit: set customers.attrs['time_unit'].")
    return time_unit_of(period).days / time_unit_of(unit).days
