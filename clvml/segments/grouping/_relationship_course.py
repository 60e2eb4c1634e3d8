"""The course of each customer relationship: purchases by half, and the shape of those that have ended."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clvml.customers._purchase_ages import query_purchase_ages
from clvml.customers._time_units import stated_time_unit
from clvml.customers._transactions import Transactions, as_transactions
from clvml.errors import InputError

HALVES = ("earlier_purchases", "later_purchases", "earlier_spend", "later_spend")
LAPSED = "lapsed"
SHAPES = ("broken off early", "broken off midway", "left early", "long-lasting")
_HALVES_SQL = """
    SELECT position,
           CAST(count(*) FILTER (WHERE age <= T / 2) AS DOUBLE) AS earlier_purchases,
           CAST(count(*) FILTER (WHERE age > T / 2) AS DOUBLE) AS later_purchases,
           CAST(sum(spend) FILTER (WHERE age <= T / 2) AS DOUBLE) AS earlier_spend,
           CAST(sum(spend) FILTER (WHERE age > T / 2) AS DOUBLE) AS later_spend,
           min(CASE WHEN number = {established} THEN age END) AS established_after
    FROM (SELECT *, row_number() OVER (PARTITION BY position ORDER BY age) AS number FROM ages WHERE age > 0)
    GROUP BY position
"""


def relationship_evidence(
    transactions: Transactions, customers: pd.DataFrame, established: int = 4
) -> pd.DataFrame:
    """Purchases and spend in the earlier and the later half of each customer relationship.

    Parameters
    ----------
    transactions : Transactions
        The purchases; those after the end of the summary and those of other customers are ignored.
    customers : pandas.DataFrame
        The summary, with ``T``, ``first_purchase`` and ``attrs["time_unit"]``.
    established : int
        As in `LifecycleStages`.

    Returns
    -------
    pandas.DataFrame
        On the customers' index: ``earlier_purchases, later_purchases, earlier_spend, later_spend`` (repeat
        purchases in the halves of ``T``), and ``established_after`` (time from the first purchase to repeat
        purchase number ``established``, in the summary's unit; NaN if there is none).

    Raises
    ------
    InputError
        If the summary lacks a column or its time unit.

    See Also
    --------
    clvml.LifecycleStages : Uses the halves for the trend of a customer.
    clvml.segments.grouping.relationship_shapes : The shape of those that ended.

    Examples
    --------
    >>> import clvml
    >>> from clvml.segments.grouping import relationship_evidence
    >>> purchases = clvml.load_cdnow()
    >>> evidence = relationship_evidence(purchases, clvml.summarize(purchases))
    >>> evidence[["earlier_purchases", "later_purchases"]].sum().astype(int).tolist()
    [2633, 1706]
    """
    transactions = as_transactions(transactions)
    rows = query_purchase_ages(transactions, customers, _HALVES_SQL.format(established=established))
    evidence = rows.set_index("position").reindex(range(len(customers))).set_axis(customers.index)
    evidence[list(HALVES)] = evidence[list(HALVES)].fillna(0.0)
    if not transactions.has_money:
        evidence = evidence.drop(columns=["earlier_spend", "later_spend"])
    evidence.attrs["time_unit"] = customers.attrs["time_unit"]
    return evidence


def relationship_shapes(
    stages: pd.Series, customers: pd.DataFrame, few: int = 2, established: int = 4
) -> pd.Series:
    """The shape of each ended relationship: the stage reached before the customer lapsed.

    - **broken off early**: in exploration, with fewer than ``few`` repeat purchases;
    - **broken off midway**: in build-up, with fewer than ``established``;
    - **left early**: established, but lasted less time after that than before;
    - **long-lasting**: lasted longer than that.

    Parameters
    ----------
    stages : pandas.Series
        As from `LifecycleStages`; only lapsed customers have a shape.
    customers : pandas.DataFrame
        ``frequency``, ``recency`` and ``established_after`` (from `relationship_evidence`).
    few : int
        Repeat purchases from which a customer is no longer in exploration.
    established : int
        Repeat purchases from which a relationship is established, as in `LifecycleStages`.

    Returns
    -------
    pandas.Series
        Text on the index of ``customers``, "relationship_shape"; missing where the relationship has not
        ended.

    Raises
    ------
    InputError
        If a column is missing.

    See Also
    --------
    clvml.segments.grouping.shape_profile : How many there are of each shape.
    clvml.plots.relationship_shapes : As a figure.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.grouping import relationship_shapes
    >>> customers = pd.DataFrame(
    ...     {"frequency": [0, 3, 9], "recency": [0.0, 9.0, 50.0], "established_after": [None, None, 20.0]}
    ... ).astype(float)
    >>> relationship_shapes(pd.Series(["lapsed"] * 3), customers).tolist()
    ['broken off early', 'broken off midway', 'long-lasting']
    """
    missing = [name for name in ("frequency", "recency", "established_after") if name not in customers]
    if missing:
        raise InputError(
            f"the customers lack {missing[0]!r}: join clvml.segments.grouping.relationship_evidence."
        )
    frequency, took = customers["frequency"], customers["established_after"]
    lasted = customers["recency"] - took
    shape = np.select(
        [frequency < few, (frequency < established) | took.isna(), lasted < took * (1 - 1e-9)],
        SHAPES[:3],
        default=SHAPES[3],
    )
    ended = stages.reindex(customers.index) == LAPSED
    return pd.Series(shape, index=customers.index, dtype="str", name="relationship_shape").where(ended)


def shape_profile(shapes: pd.Series, customers: pd.DataFrame) -> pd.DataFrame:
    """Ended relationships by shape: how many, how long they lasted and their spend.

    Parameters
    ----------
    shapes : pandas.Series
        As from `relationship_shapes`.
    customers : pandas.DataFrame
        ``recency`` and ``total_spend`` of the same customers.

    Returns
    -------
    pandas.DataFrame
        Index ``relationship_shape``, all four in order: ``customers, share_of_customers`` (of ended
        relationships), ``lasted`` (mean time from first to last purchase) and ``spent`` (mean money); NaN for
        a shape without customers.

    See Also
    --------
    clvml.segments.grouping.relationship_shapes : The shapes that it takes.
    clvml.plots.relationship_shapes : As a figure.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.grouping import shape_profile
    >>> shapes = pd.Series(["broken off early", "broken off early", "long-lasting"])
    >>> customers = pd.DataFrame({"recency": [0.0, 2.0, 50.0], "total_spend": [10.0, 20.0, 300.0]})
    >>> shape_profile(shapes, customers)[["customers", "lasted", "spent"]]
                        customers  lasted  spent
    relationship_shape
    broken off early            2     1.0   15.0
    broken off midway           0     NaN    NaN
    left early                  0     NaN    NaN
    long-lasting                1    50.0  300.0
    """
    known = customers[["recency", "total_spend"]].set_axis(["lasted", "spent"], axis="columns")
    groups = known.groupby(shapes.reindex(customers.index))
    sizes = groups.size().reindex(list(SHAPES), fill_value=0)
    table = pd.DataFrame({"customers": sizes, "share_of_customers": sizes / max(int(sizes.sum()), 1)})
    table = table.join(groups.mean()).rename_axis("relationship_shape")
    table.attrs = {"time_unit": stated_time_unit(customers)}
    return table
