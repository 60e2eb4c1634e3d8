"""The course of each customer relationship: purchases by half, and the shape of those that have ended."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clvml.customers._time_units import time_unit_of
from clvml.customers._transactions import Transactions
from clvml.errors import InputError

HALVES = ("earlier_purchases", "later_purchases", "earlier_spend", "later_spend")
LAPSED = "lapsed"
SHAPES = ("broken off early", "broken off midway", "left early", "long-lasting")


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
        purchases in the halves of ``T``; purchases of one day are one; spend of a half in which refunds
        exceed purchases is 0), and ``established_after`` (time from the first purchase to repeat purchase
        number ``established``, in the summary's unit; NaN if there is none).

    Raises
    ------
    InputError
        If the summary lacks a column or its time unit.
    """
    missing = [name for name in ("T", "first_purchase") if name not in customers]
    if missing or "time_unit" not in customers.attrs:
        raise InputError(
            f"the customer summary lacks {(missing or ['its time unit'])[0]!r}: make it with clvml.summarize"
            " or clvml.split, and keep its attrs."
        )
    days = _purchase_days(transactions, customers)
    halves = days.assign(half=np.where(days["age"] > days["T"] / 2, "later", "earlier"))
    groups = halves.groupby(["customer_id", "half"])["amount"].agg(["size", "sum"])
    evidence = pd.DataFrame(index=customers.index)
    for half in ("earlier", "later"):
        part = groups[groups.index.get_level_values("half") == half].droplevel("half")
        evidence[f"{half}_purchases"] = part["size"].reindex(customers.index).fillna(0.0).astype(float)
        evidence[f"{half}_spend"] = part["sum"].reindex(customers.index).fillna(0.0).clip(lower=0.0)
    reached = days[days.groupby("customer_id").cumcount() == established - 1]
    evidence["established_after"] = reached.set_index("customer_id")["age"].reindex(customers.index)
    evidence.attrs["time_unit"] = customers.attrs["time_unit"]
    return evidence[[*HALVES, "established_after"]]


def relationship_shapes(
    stages: pd.Series, customers: pd.DataFrame, few: int = 2, established: int = 4
) -> pd.Series:
    """The shape of each ended relationship: how far it came before the customer lapsed.

    - **broken off early**: in exploration, with fewer than ``few`` repeat purchases;
    - **broken off midway**: in build-up, with fewer than ``established``;
    - **left early**: established, but lasted less time after that than it took to get there;
    - **long-lasting**: lasted longer than that.

    Parameters
    ----------
    stages : pandas.Series
        As from `LifecycleStages`; only lapsed customers have a shape.
    customers : pandas.DataFrame
        ``frequency``, ``recency`` and ``established_after`` (from `relationship_evidence`).

    Returns
    -------
    pandas.Series
        Text on the index of ``customers``, "relationship_shape"; missing where the relationship has not
        ended.

    Raises
    ------
    InputError
        If a column is missing.
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
        Index ``relationship_shape``, all four in order: ``customers, share_of_customers`` (of the finished
        relations), ``lasted`` (mean time from first to last purchase) and ``spent`` (mean money); NaN where
        there is nobody.
    """
    known = customers[["recency", "total_spend"]].set_axis(["lasted", "spent"], axis="columns")
    groups = known.groupby(shapes.reindex(customers.index))
    sizes = groups.size().reindex(list(SHAPES), fill_value=0)
    table = pd.DataFrame({"customers": sizes, "share_of_customers": sizes / max(int(sizes.sum()), 1)})
    table = table.join(groups.mean()).rename_axis("relationship_shape")
    table.attrs = {"time_unit": customers.attrs.get("time_unit")}
    return table


def _purchase_days(transactions: Transactions, customers: pd.DataFrame) -> pd.DataFrame:
    """One row a repeat purchase day within the time observed: customer_id, age, amount, T; in order."""
    rows = transactions.to_pandas()
    rows = rows[rows["customer_id"].isin(customers.index)]
    day = pd.to_datetime(rows["date"]).dt.normalize()
    days = rows.assign(day=day).groupby(["customer_id", "day"], as_index=False)["amount"].sum()
    born = customers["first_purchase"].dt.normalize().reindex(days["customer_id"]).to_numpy()
    unit = time_unit_of(customers.attrs["time_unit"]).days
    days["age"] = (days["day"] - born).dt.total_seconds() / 86_400 / unit
    days["T"] = customers["T"].reindex(days["customer_id"]).to_numpy()
    repeat = (days["age"] > 0) & (days["age"] <= days["T"] * (1 + 1e-9))
    return days[repeat].sort_values(["customer_id", "age"], kind="stable")
