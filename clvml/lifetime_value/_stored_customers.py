"""Rows and weights to fit a model to, from customers in memory or in files."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._counts import N_CUSTOMERS, count_stored, is_stored
from clvml.errors import InputError
from clvml.lifetime_value._protocol import title_of

Rows = tuple[pd.DataFrame, dict[str, np.ndarray]]
RowsForFit = Callable[[Any, tuple[str, ...]], Rows]


def read_for_fit(customers: Any, model: Any, usual: tuple[str, ...]) -> Rows:
    """The rows that a model is fitted to, and ``weights`` by name where rows represent several customers.

    Parameters
    ----------
    customers : DataFrame, or path of a stored customer summary
    model : estimator
        Its ``required_columns``, or the ``usual`` ones, decide which customers are equal.

    Raises
    ------
    InputError
        If a column is missing, or the model cannot be fitted to weighted rows.
    """
    if isinstance(customers, pd.DataFrame) or not is_stored(customers):
        return customers, {}
    if "weights" not in inspect.signature(model.fit).parameters:
        raise InputError(
            f"{title_of(model)} cannot be fitted to a stored summary, since its fit takes no weights: read"
            " the summary with pandas.read_parquet first."
        )
    columns = getattr(model, "required_columns", usual)
    counts = count_stored(customers, columns or usual[:1])
    return counts.drop(columns=N_CUSTOMERS), {"weights": counts[N_CUSTOMERS].to_numpy()}
