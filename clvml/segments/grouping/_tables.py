"""One door for tables of customers and bare arrays: what comes in, and in which kind the answer goes out.

A table names its columns. An array does not: scikit-learn's own checks apply to it, and its columns get
scikit-learn's names, ``x0, x1, ...`` (or those of the table of the fit, in their order). Behind the door
there are only tables.

A table of customers has `CUSTOMARY` columns. One that has none of them, such as the output of a pipeline of
transformers or an array, has no roles to tell apart: all its columns are features, the first is the value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import validate_data

CUSTOMARY = ("recency", "frequency", "monetary_value", "probability_alive", "clv")
VALUE = "clv"


def as_table(estimator: Any, customers: Any, fitting: bool) -> pd.DataFrame:
    """A table as it is; an array as a table of float64, checked by scikit-learn.

    Raises
    ------
    ValueError
        In scikit-learn's words, if an array is not numbers in two dimensions, holds a missing, infinite or
        negative one, or has another number of columns than the one of the fit.
    """
    if isinstance(customers, pd.DataFrame):
        names = [str(name) for name in customers.columns]
        return customers if names == list(customers.columns) else customers.set_axis(names, axis="columns")
    checks: dict[str, Any] = {"reset": fitting, "dtype": np.float64, "ensure_non_negative": True}
    values = validate_data(estimator, customers, ensure_min_samples=2 if fitting else 1, **checks)
    names = getattr(estimator, "feature_names_in_", [f"x{place}" for place in range(values.shape[1])])
    return pd.DataFrame(values, columns=list(names))


def roles_of(
    table: pd.DataFrame, features: Sequence[str] | None, value: str | None
) -> tuple[tuple[str, ...], str]:
    """The features and the column of value, where the user did not name them.

    Examples
    --------
    >>> roles_of(pd.DataFrame(columns=["frequency", "clv", "city"]), ("frequency",), None)
    (('frequency',), 'clv')
    >>> roles_of(pd.DataFrame(columns=["x0", "x1"]), None, None)
    (('x0', 'x1'), 'x0')
    """
    of_customers = any(name in table for name in CUSTOMARY)
    if features is None:
        features = CUSTOMARY if of_customers else tuple(table.columns)
    if value is None:
        value = VALUE if of_customers else features[0]
    return tuple(features), value


def note_columns(estimator: Any, customers: Any, columns: Sequence[str]) -> None:
    """Note on the estimator, as scikit-learn does, which columns of a table it was fitted on."""
    if isinstance(customers, pd.DataFrame):
        estimator.feature_names_in_ = np.array(columns, dtype=object)
        estimator.n_features_in_ = len(columns)


def clip_negative(customers: pd.DataFrame, column: str) -> pd.DataFrame:
    """The customers with no money below 0 in the column, if they have it.

    Who returned more than was ever bought has no current value, and rules on money take none below 0.
    """
    if column not in customers:
        return customers
    table = customers.assign(**{column: customers[column].clip(lower=0.0)})
    table.attrs = dict(customers.attrs)
    return table


class ByName:
    """What is read by the names of its columns: scikit-learn is told that an array has no meaning here."""

    def __sklearn_tags__(self) -> Any:
        """A table, no array."""
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.two_d_array = False
        return tags


def named(customers: pd.Index) -> str:
    """The first of these customers as a message names it: an id of numpy's as the plain number it is.

    Examples
    --------
    >>> named(pd.Index([17, 23])), named(pd.Index(["00017"]))
    ('17', "'00017'")
    """
    first = customers[0]
    return repr(first.item() if isinstance(first, np.generic) else first)


def match_input_type(answer: pd.Series | pd.DataFrame, customers: Any) -> Any:
    """The answer as it is to a table, as an array to an array."""
    return answer if isinstance(customers, pd.DataFrame) else answer.to_numpy()
