"""Convert customer summaries to histories in the notation of the papers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clvml.customers._summary_checks import HISTORY, checked_columns
from clvml.distributions._history import Array, History
from clvml.errors import InputError

CONTRACT = ("recency", "T")


def history_of(
    customers: pd.DataFrame, time_unit: str | None = None, columns: tuple[str, ...] = HISTORY
) -> History:
    """The purchase histories of a customer summary; treat the arrays as read-only.

    Parameters
    ----------
    customers : DataFrame, shape (n_customers, ...)
    time_unit : {"D", "W", "M", "Q", "Y"}, optional
        The required unit; a summary in another one raises.
    columns : tuple of str
        ``frequency, recency, T``, or ``recency, T`` of contracts, where renewals are the purchases.

    Raises
    ------
    InputError
        If the summary is invalid; see `clvml.customers`.
    """
    values = checked_columns(customers, columns, time_unit)
    t_x, T = values["recency"], values["T"]
    return History(values.get("frequency", t_x), t_x, T)


def check_weights(weights: object, customers: pd.DataFrame) -> Array | None:
    """Validate weights; None if none are given.

    Raises
    ------
    InputError
        If there is not one finite, non-negative weight per customer in their order, or all are zero.
    """
    if weights is None:
        return None
    if isinstance(weights, pd.Series) and _in_other_order(weights.index, customers.index):
        raise InputError(
            "weights have the customers in another order: give weights.reindex(customers.index), or an array"
            " in the order of the customers."
        )
    checked = _numbers(weights)
    if checked.shape != (len(customers),) or not np.isfinite(checked).all() or (checked < 0).any():
        raise InputError(f"weights must be {len(customers)} finite, non-negative numbers, one per customer.")
    if not checked.any():
        raise InputError("all weights are zero: at least one must be positive.")
    return checked


def _numbers(weights: object) -> Array:
    """Weights as an array, NaN if they are not numeric."""
    try:
        return np.asarray(weights, dtype=float)
    except (TypeError, ValueError):
        return np.array(np.nan)


def _in_other_order(labels: pd.Index, others: pd.Index) -> bool:
    """Whether the labels are the same in another order; False for an index with other labels."""
    return labels.size == others.size and not labels.equals(others) and bool(labels.isin(others).all())
