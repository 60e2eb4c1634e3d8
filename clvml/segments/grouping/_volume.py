"""Volume and profit of customers by lifecycle stage and by age, as measured."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clvml.customers._purchase_ages import query_purchase_ages
from clvml.customers._time_units import time_unit_of
from clvml.customers._transactions import Transactions
from clvml.errors import InputError
from clvml.segments.grouping._lifecycle import STAGES

_AGES_SQL = """
    SELECT position, CAST(floor(age / {length}) AS INTEGER) AS age, count(*) AS purchases,
           CAST(sum(spend) AS DOUBLE) AS spend
    FROM ages GROUP BY ALL
"""
_LAST_SQL = """
    SELECT position, count(*) AS purchases, CAST(sum(spend) AS DOUBLE) AS spend
    FROM ages WHERE T - age < {length} AND age > 0 GROUP BY position
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
    """
    length = _length(customers, period, margin)
    rows = query_purchase_ages(transactions, customers, _LAST_SQL.format(length=length))
    found = rows.set_index("position").reindex(range(len(customers)), fill_value=0.0)
    found = found.set_axis(customers.index).astype(float)
    whole = customers["T"] >= length
    groups = found[whole].groupby(stages.reindex(customers.index)[whole])
    table = groups[["purchases", "spend"]].mean().reindex(list(STAGES))
    table.insert(0, "customers", groups.size().reindex(list(STAGES), fill_value=0).astype("int64"))
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
    transactions, customers, stages, period, margin
        As in `volume_by_stage`.
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
    """
    length = _length(customers, period, margin)
    rows = query_purchase_ages(transactions, customers, _AGES_SQL.format(length=length))
    stage = stages.reindex(customers.index).to_numpy()
    complete = np.floor(customers["T"].to_numpy(dtype=float) / length * (1 + 1e-12)).astype(int)
    rows = rows[rows["age"].to_numpy() < complete[rows["position"].to_numpy()]]
    totals = rows.groupby([stage[rows["position"].to_numpy()], "age"])[["purchases", "spend"]].sum()
    tables = []
    for name in STAGES:
        ages = complete[stage == name]
        longest = int(ages.max(initial=0))
        counts = pd.Series([(ages > age).sum() for age in range(longest)], dtype="int64")
        of_stage = totals.loc[name] if name in totals.index.get_level_values(0) else totals.iloc[:0]
        sums = of_stage.reindex(range(longest), fill_value=0.0) if len(of_stage) else None
        if sums is None:
            continue
        means = sums.div(counts, axis="index")
        table = means.assign(stage=name, age=range(longest), customers=counts, profit=means["spend"] * margin)
        tables.append(table[counts >= fewest])
    columns = ["stage", "age", "customers", "purchases", "spend", "profit"]
    found = pd.concat(tables)[columns].reset_index(drop=True) if tables else pd.DataFrame(columns=columns)
    found.attrs = {"period": period}
    return found


def _length(customers: pd.DataFrame, period: str, margin: float) -> float:
    """The length of the period in the unit of time of the customers."""
    if not margin > 0:
        raise InputError(f"margin is {margin!r}; it must be above 0.")
    unit = customers.attrs.get("time_unit")
    if unit is None:
        raise InputError("the customers have no time unit: set customers.attrs['time_unit'].")
    return time_unit_of(period).days / time_unit_of(unit).days
