"""The one place where the columns of a customer summary meet the papers' symbols."""

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
    """The purchase history in a customer summary; its arrays are not to be written to.

    Parameters
    ----------
    customers : DataFrame, shape (n_customers, ...)
    time_unit : {"D", "W", "M", "Q", "Y"}, optional
        The unit to be in; a summary in another is refused.
    columns : tuple of str
        ``frequency, recency, T``, or ``recency, T`` of a contract, where renewals made are the purchases.

    Raises
    ------
    InputError
        If the summary breaks a rule; see `clvml.customers`.
    """
    values = checked_columns(customers, columns, time_unit)
    t_x, T = values["recency"], values["T"]
    return History(values.get("frequency", t_x), t_x, T)


def check_weights(weights: object, customers: pd.DataFrame) -> Array | None:
    """Weights as a checked array; None where none are given.

    Raises
    ------
    InputError
        If there is not one finite, non-negative weight per customer in their order, or all are zero.
    """
    if weights is None:
        return None
    if isinstance(weights, pd.Series) and _in_other_order(weights.index, customers.index):
        raise InputError(
            "weights list the customers in another order: give weights.reindex(customers.index), or an array"
            " in the order of the customers."
        )
    checked = _numbers(weights)
    if checked.shape != (len(customers),) or not np.isfinite(checked).all() or (checked < 0).any():
        raise InputError(
            f"weights must be {len(customers)} finite numbers of zero or more, one per customer."
        )
    if not checked.any():
        raise InputError("all weights are zero: there is no customer to fit to.")
    return checked


def _numbers(weights: object) -> Array:
    """Weights as an array, missing where they are not numbers."""
    try:
        return np.asarray(weights, dtype=float)
    except (TypeError, ValueError):
        return np.array(np.nan)


def _in_other_order(labels: pd.Index, others: pd.Index) -> bool:
    """The same labels, not in the same order; an index of other labels says nothing of the order."""
    return labels.size == others.size and not labels.equals(others) and bool(labels.isin(others).all())
