"""What models are given beside customers: parameters, weights, coverage; checked before it is used."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from clvml.distributions._histories import Array
from clvml.errors import InputError


def check_coverage(coverage: float) -> None:
    """Refuse what is no share."""
    if not 0 < coverage < 1:
        raise InputError(f"coverage is {coverage!r}; it must be above 0 and below 1, as in 0.9.")


def check_params(params: Any) -> Any:
    """The same parameters as floats.

    Raises
    ------
    InputError
        If one is not a positive, finite number.
    """
    for name, value in zip(type(params)._fields, params, strict=True):
        if not isinstance(value, int | float | np.number) or not 0 < value < float("inf"):
            raise InputError(f"parameter {name} is {value!r}; it must be a positive, finite number.")
    return type(params)(*[float(value) for value in params])


def check_start(start: Any, kind: Any) -> Array:
    """Parameters to start from, checked.

    Raises
    ------
    InputError
        If there is not one positive, finite number a parameter.
    """
    names = kind._fields
    if isinstance(start, str) or not isinstance(start, Collection) or len(start) != len(names):
        raise InputError(f"start is {start!r}; it must be {len(names)} numbers: {', '.join(names)}.")
    return np.array(check_params(kind(*start)))


def check_weights(weights: object, customers: pd.DataFrame) -> Array:
    """Weights as a checked array; ones where none are given.

    Raises
    ------
    InputError
        If there is not one finite, non-negative weight a customer in their order, or all are zero.
    """
    if weights is None:
        return np.ones(len(customers))
    if isinstance(weights, pd.Series) and _in_other_order(weights.index, customers.index):
        raise InputError(
            "weights hold the customers in another order: give weights.reindex(customers.index), or an array"
            " in the order of the customers."
        )
    checked = _numbers(weights)
    if checked.shape != (len(customers),) or not np.isfinite(checked).all() or (checked < 0).any():
        raise InputError(
            f"weights must be {len(customers)} finite numbers of zero or more, one for each customer."
        )
    if not checked.any():
        raise InputError("all weights are zero: there is no customer to learn from.")
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
