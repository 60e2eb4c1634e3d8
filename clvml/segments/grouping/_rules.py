"""Rule-based segmentations with the interface of K-means: learn cuts once, then compare with them.

A rule-based segmentation learns thresholds (money, or time) from the customers of the fit, and assigns every
customer, old or new, by comparing with them. So equal customers are in one segment, whatever their order
in the table; and since thresholds are learnt in the customers' own currency and unit of time, other units
give the same segments. Comparisons have a relative tolerance of 1e-9, so that the rounding of a conversion
does not separate equal customers.

Segments are numbered from 1, the most valuable; `names_` has their names in that order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clvml.customers._customer_tables import as_customers
from clvml.customers._summary_checks import check_customers
from clvml.customers._time_units import stated_time_unit
from clvml.errors import InputError
from clvml.segments.grouping._profile import segment_profile
from clvml.segments.grouping._tables import ByName, explained_share

ROUNDING = 1e-9  # relative; far above rounding errors of conversions, far below meaningful differences


class RuleSegments(ByName, BaseEstimator):
    """Base of the rule-based segmentations; a subclass learns cuts and compares with them.

    Attributes
    ----------
    names_ : tuple of str
        The names of the segments, in the order of their numbers; a name may have no customer.
    profile_ : pandas.DataFrame
        Index ``segment``; ``name, customers, share_of_customers, share_of_value``, then medians.
    time_unit_ : str or None
        The unit of time of the fitted customers.
    """

    names_: tuple[str, ...]
    profile_: pd.DataFrame
    time_unit_: str | None

    def _check_learnt(self) -> None:
        """Refuse names or cuts that are impossible, as a file may have them, by an InputError."""
        if len(set(self.names_)) < len(self.names_) or not self.names_:
            raise InputError(f"names_ is {self.names_!r}; it must be distinct names.")

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns that `fit` and `predict` need."""
        raise NotImplementedError

    def fit(self, customers: pd.DataFrame, y: object = None) -> RuleSegments:  # noqa: ARG002
        """Learn the cuts from these customers.

        Parameters
        ----------
        customers : pandas.DataFrame
            One row per customer, with `required_columns`, finite and not negative.
        y : ignored
            Only for scikit-learn's conventions.

        Raises
        ------
        InputError
            If a column is missing, a value is missing, infinite or negative, or an argument breaks its rule.
        """
        customers = as_customers(customers)
        table = check_customers(customers, self.required_columns)
        self._learn(table)
        self.time_unit_ = stated_time_unit(customers)
        self.profile_ = self._profile(table, self._numbers(table))
        return self

    def predict(self, customers: pd.DataFrame) -> pd.Series:
        """Each customer's segment number (int64, from 1), by the learnt cuts; no refit.

        Raises
        ------
        InputError
            If a needed column is missing or holds a missing, infinite or negative value.
        TimeUnitError
            If the table counts time in another unit than the fitted one.
        """
        check_is_fitted(self, "names_")
        customers = as_customers(customers)
        table = check_customers(customers, self.required_columns, self.time_unit_)
        return pd.Series(self._numbers(table), index=customers.index, name="segment", dtype="int64")

    def fit_predict(self, customers: pd.DataFrame, y: object = None) -> pd.Series:
        """The same as ``fit(customers).predict(customers)``."""
        return self.fit(customers, y).predict(customers)

    def score(self, customers: pd.DataFrame, y: object = None) -> float:
        """The share of the variance of ``y`` between the segments of these customers; larger is better.

        Parameters
        ----------
        customers : pandas.DataFrame
            Customers to assign to the segments.
        y : array-like, shape (n_customers,), optional
            What segments are to tell apart, such as spend in a holdout period; by default the
            value that the segments are made of.
        """
        segments = self.predict(customers)
        return explained_share(segments, as_customers(customers)[self._value()] if y is None else y)

    def segment_names(self, customers: pd.DataFrame) -> pd.Series:
        """Each customer's segment by name."""
        segments = self.predict(customers)
        return segments.map(dict(enumerate(self.names_, start=1))).rename("segment_name")

    def _learn(self, table: pd.DataFrame) -> None:
        raise NotImplementedError

    def _numbers(self, table: pd.DataFrame) -> np.ndarray:
        raise NotImplementedError

    def _value(self) -> str:
        """The column whose total the profile divides into shares."""
        raise NotImplementedError

    def _profile(self, table: pd.DataFrame, numbers: np.ndarray) -> pd.DataFrame:
        segments = pd.Series(numbers, index=table.index)
        present = [self.names_[number - 1] for number in np.unique(numbers)]
        profile = segment_profile(table, segments, self.required_columns, self._value(), present)
        every = pd.Index(range(1, len(self.names_) + 1), name="segment")
        empty = {"customers": 0, "share_of_customers": 0.0, "share_of_value": 0.0}
        full = profile.reindex(every).assign(name=list(self.names_)).fillna(empty)
        if profile["share_of_value"].isna().all():
            full["share_of_value"] = np.nan
        return full.astype({"customers": "int64"})


def reaches(values: np.ndarray, cut: float) -> np.ndarray:
    """Whether each value is at least the cut, up to rounding."""
    return values >= cut * (1 - ROUNDING)


def check_cuts(name: str, cuts: Sequence[float], count: int) -> None:
    """Refuse anything but ``count`` numbers, by an InputError; an infinite one is reached by nobody."""
    if len(cuts) != count or np.isnan(cuts).any():
        raise InputError(f"{name} is {cuts!r}; it must be {count} numbers.")


def check_count(names: Sequence[str], count: int) -> None:
    """Refuse another number of segments, by an InputError."""
    if len(names) != count:
        raise InputError(f"names_ is {names!r}; it must be {count} names.")


def check_rising(name: str, numbers: Sequence[float], count: int, below: float = float("inf")) -> None:
    """Refuse anything but ``count`` increasing numbers above 0."""
    values = np.asarray(numbers, dtype=float)
    fine = values.shape == (count,) and np.isfinite(values).all() and (values > 0).all()
    if not fine or (values >= below).any() or (np.diff(values) <= 0).any():
        order = "increasing" if name != "thresholds" else "the largest first"
        limit = f" and below {below:g}" if np.isfinite(below) else ""
        raise InputError(f"{name} is {numbers!r}; it must be {count} numbers above 0{limit}, {order}.")
