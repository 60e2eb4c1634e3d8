"""Prediction intervals from simulations: per customer, per group and in total."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.errors import InputError
from clvml.lifetime_value._simulation import Futures, bounds

QUANTITIES = ("purchases", "spend", "clv")


def customer_intervals(
    futures: Iterable[Futures], index: pd.Index, rank: int, names: Sequence[str] = QUANTITIES
) -> pd.DataFrame:
    """Prediction intervals of the named quantities for each customer.

    Returns
    -------
    DataFrame
        Columns ``purchases_lower, purchases_upper, ...`` on ``index``.
    """
    filled = {f"{name}_{end}": np.empty(index.size) for name in names for end in ("lower", "upper")}
    for rows, *quantities in futures:
        for name, simulated in zip(QUANTITIES, quantities, strict=True):
            if name in names:
                filled[f"{name}_lower"][rows], filled[f"{name}_upper"][rows] = bounds(simulated, rank)
    return pd.DataFrame(filled, index)


def total_intervals(
    futures: Iterable[Futures], index: pd.Index, groups: pd.Series | None, rank: int, n_simulations: int
) -> pd.DataFrame:
    """Means and prediction intervals of purchases, spend and value, per group and for all customers.

    Raises
    ------
    InputError
        If a customer has no group.
    """
    code, names = group_codes(groups, index)
    sums = np.zeros((3, len(names), n_simulations))
    for rows, *quantities in futures:
        member = (np.arange(len(names))[:, None] == code[rows]).astype(float)
        member[-1] = 1.0
        for total, simulated in zip(sums, quantities, strict=True):
            total += member @ simulated
    sizes = np.bincount(code, minlength=len(names))
    table: dict[str, np.ndarray] = {"customers": np.append(sizes[: len(names) - 1], code.size)}
    for name, simulated in zip(QUANTITIES, sums, strict=True):
        table[name] = simulated.mean(axis=1)
        table[f"{name}_lower"], table[f"{name}_upper"] = bounds(simulated, rank)
    return pd.DataFrame(table, index=pd.Index(names, name="group"))


def group_codes(groups: pd.Series | None, index: pd.Index) -> tuple[NDArray[np.int64], list[object]]:
    """The code of each customer's group, and the names of the groups, the last for all customers."""
    if groups is None:
        return np.zeros(index.size, dtype=np.int64), ["total"]
    if not index.isin(groups.index).all():
        raise InputError("groups lacks some customers of the summary: give a Series on the same index.")
    code, names = pd.factorize(groups.reindex(index), sort=True)
    if (code < 0).any():
        raise InputError(
            f"{(code < 0).sum()} customers have no group: fill missing groups, for example with 'other'."
        )
    return code, [*names, "total"]
