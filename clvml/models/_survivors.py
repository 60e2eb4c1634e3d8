"""Customer summaries of contracts from the number of active subscribers over time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvml.errors import InputError


def customers_from_survivors(survivors: ArrayLike | pd.DataFrame | Mapping[str, ArrayLike]) -> pd.DataFrame:
    """The input of models of contracts, from the number of active subscribers after each renewal.

    Parameters
    ----------
    survivors : array-like, shape (n_renewals + 1,), or DataFrame or mapping of cohort to such
        Active subscribers at the start, after the first renewal, and so on; non-increasing. Several cohorts
        are a mapping by name, or a table with one column per cohort and one row per calendar period, missing
        before the cohort's start and after its last observation.

    Returns
    -------
    DataFrame
        ``recency, T, customers``: those who churned at each renewal and those active; fit with
        ``customers`` as weights. Of several cohorts also ``cohort``, which may be a covariate.

    Raises
    ------
    InputError
        If there are fewer than two numbers, or they are negative, missing or increase.

    See Also
    --------
    clvml.ShiftedBetaGeometric, clvml.BetaDiscreteWeibull : Models of contracts.

    Examples
    --------
    >>> import clvml
    >>> clvml.customers_from_survivors([1000, 631, 468])
                 recency    T  customers
    customer_id
    1                0.0  2.0      369.0
    2                1.0  2.0      163.0
    3                2.0  2.0      468.0
    >>> clvml.customers_from_survivors({"2023": [1000, 631, 468], "2024": [900, 600]})
                 recency    T  customers cohort
    customer_id
    1                0.0  2.0      369.0   2023
    2                1.0  2.0      163.0   2023
    3                2.0  2.0      468.0   2023
    4                0.0  1.0      300.0   2024
    5                1.0  1.0      600.0   2024
    """
    if not isinstance(survivors, pd.DataFrame | Mapping):
        return _with_ids(_cohort(survivors))
    if not len(survivors):
        raise InputError("survivors has no cohort: give at least one.")
    cohorts = [
        _cohort(_observed(active), f" of cohort {name!r}").assign(cohort=str(name))
        for name, active in survivors.items()
    ]
    return _with_ids(pd.concat(cohorts, ignore_index=True))


def _observed(active: ArrayLike) -> ArrayLike:
    """A column of a table, from the cohort's start to its last observation."""
    if not isinstance(active, pd.Series):
        return active
    first, last = active.first_valid_index(), active.last_valid_index()
    return active if first is None else active.loc[first:last].to_numpy()


def _cohort(survivors: ArrayLike, cohort: str = "") -> pd.DataFrame:
    active = np.asarray(survivors, dtype=float)
    if active.ndim != 1 or active.size < 2 or not np.isfinite(active).all() or (active < 0).any():
        raise InputError(f"survivors{cohort} must be at least two finite, non-negative numbers.")
    if (np.diff(active) > 0).any():
        raise InputError(f"survivors{cohort} must not increase: a cohort gains no customers after its start.")
    renewed = np.arange(active.size, dtype=float)
    counts = np.append(-np.diff(active), active[-1])
    return pd.DataFrame({"recency": renewed, "T": float(active.size - 1), "customers": counts})


def _with_ids(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_axis(pd.RangeIndex(1, len(table) + 1, name="customer_id"))
