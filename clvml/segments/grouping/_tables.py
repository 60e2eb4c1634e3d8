"""Accept DataFrames and arrays: arrays become tables, and the output has the type of the input.

A table names its columns. An array does not: scikit-learn's own checks apply to it, and its columns get
scikit-learn's names, ``x0, x1, ...`` (or those of the table of the fit, in their order).

A table of customers has `CUSTOMARY` columns. In one that has none of them, such as the output of a pipeline
of transformers or an array, all columns are features and the first is the value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import validate_data

from clvml._listing import Listed
from clvml.errors import InputError

CUSTOMARY = ("recency", "frequency", "monetary_value", "probability_alive", "clv")
VALUE = "clv"
MONEY = ("monetary_value", "total_spend", "clv")


def as_table(estimator: Any, customers: Any, fitting: bool) -> pd.DataFrame:
    """A table unchanged; an array as a table of float64, checked by scikit-learn.

    Raises
    ------
    ValueError
        In scikit-learn's words, if an array is not two-dimensional numbers, has a missing, infinite or
        negative one, or another number of columns than in the fit.
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
    """The features and the value column, with defaults for those that the user did not name.

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
    """Set on the estimator, as scikit-learn does, the columns of the table that it was fitted to."""
    if isinstance(customers, pd.DataFrame):
        estimator.feature_names_in_ = np.array(columns, dtype=object)
        estimator.n_features_in_ = len(columns)


def clip_negative(customers: pd.DataFrame, columns: Sequence[str] = MONEY) -> pd.DataFrame:
    """The customers with negative money set to 0, in those of the columns that they have.

    Customers with a loss have no current value, and rules on money require at least 0.
    """
    table = customers.copy(deep=False)
    for name in columns:
        if name in table and (table[name] < 0).any():
            table[name] = table[name].clip(lower=0.0)
    return table


def outcome_of(customers: pd.Index, outcome: Any, name: str = "outcome") -> np.ndarray | None:
    """The outcome in the order of the customers; by position if it has no index.

    Raises
    ------
    InputError
        If it does not cover the customers with finite numbers.
    """
    if outcome is None:
        return None
    if isinstance(outcome, pd.Series) and not outcome.index.equals(customers):
        twice = outcome.index.duplicated().any() or customers.has_duplicates
        outcome = pd.Series(np.nan, customers) if twice else outcome.reindex(customers)
    values = np.asarray(outcome, dtype=np.float64)
    if values.shape != (len(customers),) or not np.isfinite(values).all():
        raise InputError(
            f"{name} must have one finite number for each of the {len(customers):,} customers, such as their"
            " spend in the holdout, indexed by customer."
        )
    return values


def explained_share(segments: pd.Series, y: object) -> float:
    """The share of the variance of ``y`` between segments (eta squared), in [0, 1]; 0 if ``y`` is constant.

    Raises
    ------
    InputError
        If ``y`` is not one finite number per customer: an array in their order, or a Series by customer.

    Examples
    --------
    >>> explained_share(pd.Series([1, 1, 2, 2]), [5.0, 5.0, 1.0, 1.0])
    1.0
    """
    values = outcome_of(segments.index, y, "y")
    if values is None:
        raise InputError("y is missing: one finite number per customer, such as their spend in the holdout.")
    means = pd.Series(values).groupby(segments.to_numpy()).transform("mean").to_numpy()
    total = float(np.square(values - values.mean()).sum())
    return float(np.square(means - values.mean()).sum()) / total if total > 0 else 0.0


class ByName(Listed):
    """Mixin of estimators that need named columns: their tags declare that arrays are not accepted."""

    def __sklearn_tags__(self) -> Any:
        """Tables only, no arrays."""
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.two_d_array = False
        return tags


def named(customers: pd.Index) -> str:
    """The first of these customers as a message names it: a numpy number as a plain one.

    Examples
    --------
    >>> named(pd.Index([17, 23])), named(pd.Index(["00017"]))
    ('17', "'00017'")
    """
    first = customers[0]
    return repr(first.item() if isinstance(first, np.generic) else first)


def match_input_type(answer: pd.Series | pd.DataFrame, customers: Any) -> Any:
    """The output unchanged for a table, as an array for an array."""
    return answer if isinstance(customers, pd.DataFrame) else answer.to_numpy()
