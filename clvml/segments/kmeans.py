"""K-means segments of customers, tied to value.

Customers become points (see `clvml.segments.features`), the number of segments is chosen on a sample
(`clvml.segments.selection`), and Lloyd's iterations over all customers start from the sample's centres,
so that a million customers cost little more than ten thousand. Segments are numbered by the mean value
of their customers, 1 being the most valuable, and named by what they are (`clvml.segments.naming`).

The customers are put into an order of their own first: neither their order in the table nor the
currency nor the unit of time changes a segment. What is learnt is a few numbers, no scikit-learn object.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.utils.validation import check_is_fitted

from clvml.customers.checks import check_customers
from clvml.errors import InputError
from clvml.segments.attributes import attribute_table, learn_attribute_scaling, learn_attributes
from clvml.segments.features import columns_of, feature_table, learn_scaling, standardized
from clvml.segments.naming import TRAIT_COLUMNS, segment_names, segment_traits
from clvml.segments.profile import segment_profile
from clvml.segments.selection import select_number

BLOCK = 16_384


class KMeansSegments(BaseEstimator):
    """Group customers who are alike in behaviour and value; 1 is the most valuable segment.

    Parameters
    ----------
    n_segments : int or "auto"
        How many segments; "auto" takes, between ``min_segments`` and ``max_segments``, the largest
        number whose silhouette is within ``tolerance`` of the best.
    features : sequence of str
        Columns of the table to segment by; ``"silence"`` stands for ``T - recency``.
    value : str
        The column of money that orders the segments; it need not be a feature.
    min_segments, max_segments : int
        The range that "auto" looks at.
    tolerance : float
        How far below the best silhouette counts as no worse.
    sample_size : int
        Customers in the seeded sample on which the number is chosen.
    n_init : int
        Starts of each K-means on the sample; the best one counts.
    random_state : int
        Seed of the sample and of the starts.
    attributes : sequence of str
        Columns of customer attributes to segment by as well: numbers or categories, with gaps (see
        `clvml.segments.attributes`).

    Attributes
    ----------
    centers_ : ndarray of shape (segments, features)
        Centres in standardised units, in the order of the segments.
    scaling_ : pandas.DataFrame
        How each feature is made comparable: ``logged, unit, centre, spread``; index ``feature``.
    dropped_features_ : tuple of str
        Features that were left out because they did not vary.
    names_ : tuple of str
        What the segments are, in their order.
    profile_ : pandas.DataFrame
        Index ``segment``; ``name, customers, share_of_customers, share_of_value``, then medians.
    selection_ : pandas.DataFrame
        Index ``n_segments``; ``silhouette, inertia, chosen, stability, elbow`` (see
        `clvml.segments.selection`). One row if the number was given.
    attribute_coding_ : dict
        By attribute: the median for a missing number, or the levels of a category.
    missing_ : pandas.DataFrame
        Index ``attribute``; ``missing, share, handling``: what was missing in the fit.
    time_unit_ : str or None
        The unit of time of the fitted customers.

    Examples
    --------
    >>> customers = pd.DataFrame(
    ...     {"frequency": [9.0, 8.0, 9.0, 1.0, 1.0, 2.0], "clv": [90.0, 85.0, 95.0, 5.0, 4.0, 6.0]}
    ... )
    >>> segmenter = KMeansSegments(n_segments=2, features=("frequency", "clv"))
    >>> segmenter.fit_predict(customers).tolist()
    [1, 1, 1, 2, 2, 2]
    >>> segmenter.names_
    ('Loyal customers', 'Low-value regulars')
    """

    def __init__(
        self,
        n_segments: int | str = "auto",
        features: Sequence[str] = ("recency", "frequency", "monetary_value", "probability_alive", "clv"),
        value: str = "clv",
        min_segments: int = 2,
        max_segments: int = 8,
        tolerance: float = 0.01,
        sample_size: int = 10_000,
        n_init: int = 10,
        random_state: int = 0,
        attributes: Sequence[str] = (),
    ) -> None:
        self.n_segments = n_segments
        self.features = features
        self.value = value
        self.min_segments = min_segments
        self.max_segments = max_segments
        self.tolerance = tolerance
        self.sample_size = sample_size
        self.n_init = n_init
        self.random_state = random_state
        self.attributes = attributes

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns that `predict` needs; before the fit, those that `fit` needs."""
        if hasattr(self, "scaling_"):
            return (*columns_of(self._behaviour()), *self.attribute_coding_)
        return (*columns_of((*self.features, self.value)), *self.attributes)

    def fit(self, customers: pd.DataFrame, y: object = None) -> KMeansSegments:  # noqa: ARG002
        """Find the segments of these customers.

        Parameters
        ----------
        customers : pandas.DataFrame
            One row a customer, with the features and the value. ``frequency``, ``recency``, ``T`` and
            ``probability_alive`` help to name the segments where they are present.
        y : ignored
            Only for scikit-learn's conventions.

        Raises
        ------
        InputError
            If a column is missing, a value is missing, infinite or negative, there are fewer distinct
            customers than segments, or an argument breaks its rule.
        """
        self._check_arguments()
        table, coding, missing = self._checked(customers)
        features = feature_table(table, self.features)
        extra = attribute_table(customers.loc[table.index], coding)
        scaling = pd.concat([learn_scaling(features), learn_attribute_scaling(extra, coding)])
        features = features.join(extra)
        points = standardized(features, scaling)
        selection, start = self._select(points)
        centers = self._ordered(points, start, table[self.value].to_numpy())
        self.time_unit_ = customers.attrs.get("time_unit")
        self.attribute_coding_, self.missing_ = _coding_in_use(coding, scaling), missing
        dropped = [name for name in self.features if name not in scaling.index]
        self.dropped_features_ = (*dropped, *(n for n in self.attributes if n not in self.attribute_coding_))
        self.scaling_, self.centers_, self.selection_ = scaling, centers, selection
        self._describe(table.assign(**features), pd.Series(nearest(points, centers) + 1, index=table.index))
        return self

    def predict(self, customers: pd.DataFrame) -> pd.Series:
        """Each customer's segment number (int64, from 1), by the nearest centre; no refit.

        Raises
        ------
        InputError
            If a needed column is missing or holds a missing, infinite or negative value.
        TimeUnitError
            If the table counts time in another unit than the fitted one.
        """
        check_is_fitted(self, "centers_")
        numbers = nearest(self._points(customers), self.centers_) + 1
        return pd.Series(numbers, index=customers.index, name="segment", dtype="int64")

    def fit_predict(self, customers: pd.DataFrame, y: object = None) -> pd.Series:
        """The same as ``fit(customers).predict(customers)``."""
        return self.fit(customers, y).predict(customers)

    def segment_names(self, customers: pd.DataFrame) -> pd.Series:
        """Each customer's segment by name."""
        segments = self.predict(customers)
        return segments.map(dict(enumerate(self.names_, start=1))).rename("segment_name")

    def transform(self, customers: pd.DataFrame) -> pd.DataFrame:
        """The customers as K-means sees them: standardised features, pure numbers."""
        check_is_fitted(self, "centers_")
        return pd.DataFrame(
            self._points(customers), index=customers.index, columns=self.scaling_.index.rename(None)
        )

    def _points(self, customers: pd.DataFrame) -> np.ndarray:
        table = check_customers(customers, columns_of(self._behaviour()), self.time_unit_)
        features = feature_table(table, self._behaviour())
        return standardized(features.join(attribute_table(customers, self.attribute_coding_)), self.scaling_)

    def _checked(self, customers: pd.DataFrame) -> tuple[pd.DataFrame, dict, pd.DataFrame]:
        """The columns in play, checked, with the rows in an order that depends on their values only."""
        needed = columns_of((*self.features, self.value))
        present = customers.columns if isinstance(customers, pd.DataFrame) else ()
        helpful = tuple(name for name in TRAIT_COLUMNS if name in present)
        table = check_customers(customers, columns_of((*needed, *helpful)))
        coding, missing = learn_attributes(customers, tuple(self.attributes))
        extra = attribute_table(customers, coding)
        keys = [extra[name].to_numpy() for name in extra] + [
            table[name].to_numpy() for name in reversed(table.columns)
        ]
        return table.iloc[np.lexsort(keys)], coding, missing

    def _behaviour(self) -> list[str]:
        """The features in use that are no attributes."""
        return [name for name in self.features if name in self.scaling_.index]

    def _select(self, points: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
        sample = self._sample(points)
        candidates = self._candidates(len(np.unique(sample, axis=0)), len(sample))
        return select_number(sample, candidates, self.tolerance, self.n_init, self.random_state)

    def _sample(self, points: np.ndarray) -> np.ndarray:
        size = min(self.sample_size, len(points))
        rows = np.random.default_rng(self.random_state).choice(len(points), size, replace=False)
        # Rounded, so that the rounding of another currency or unit cannot tell equal customers apart.
        return np.round(points[np.sort(rows)], 6)

    def _candidates(self, distinct: int, customers: int) -> range:
        if self.n_segments == "auto":
            fewest, most = self.min_segments, min(self.max_segments, distinct)
        else:
            fewest = most = int(self.n_segments)
        if distinct < fewest:
            raise InputError(
                f"{fewest} segments need at least {fewest} distinct customers, but the {customers} looked at"
                f" have only {distinct} distinct rows of {', '.join(self.features)}; ask for fewer segments,"
                " or give more customers or features."
            )
        return range(fewest, most + 1)

    def _ordered(self, points: np.ndarray, start: np.ndarray, value: np.ndarray) -> np.ndarray:
        """Lloyd's iterations over all customers; the centres by falling mean value."""
        labels = KMeans(len(start), init=start, n_init=1, random_state=self.random_state).fit(points).labels_
        sizes = np.bincount(labels, minlength=len(start))
        worth = np.bincount(labels, value, len(start)) / sizes
        # Means taken here, in the order of the rows: scikit-learn's threads add up in any order.
        sums = np.column_stack([np.bincount(labels, column, len(start)) for column in points.T])
        centers = sums / sizes[:, None]
        return centers[np.lexsort((*centers.T[::-1], -worth))]

    def _describe(self, table: pd.DataFrame, segments: pd.Series) -> None:
        centers = pd.DataFrame(self.centers_, columns=self.scaling_.index)
        self.names_ = segment_names(segment_traits(table, segments, self.value), centers)
        numbers = [name for name, code in self.attribute_coding_.items() if isinstance(code, float)]
        columns = list(dict.fromkeys((*self.features, self.value, *numbers)))
        self.profile_ = segment_profile(table, segments, columns, self.value, self.names_)

    def _check_arguments(self) -> None:
        if isinstance(self.features, str) or not self.features or len({*self.features}) < len(self.features):
            raise InputError(
                f"features is {self.features!r}; it must list at least one column name, each once."
            )
        if isinstance(self.attributes, str) or {*self.attributes} & {*self.features, self.value}:
            raise InputError(
                f"attributes is {self.attributes!r}; its columns must be neither features nor value."
            )
        names = ("min_segments", "max_segments", "sample_size")
        counts: dict[str, Any] = {name: getattr(self, name) for name in names}
        if self.n_segments != "auto":
            counts["n_segments"] = self.n_segments
        for name, number in counts.items():
            if not isinstance(number, Integral) or isinstance(number, bool) or number < 2:
                otherwise = ' or "auto"' if name == "n_segments" else ""
                raise InputError(f"{name} is {number!r}; it must be a whole number from 2 up{otherwise}.")
        if self.min_segments > self.max_segments:
            raise InputError(
                f"min_segments is {self.min_segments}, more than max_segments, {self.max_segments};"
                " swap them."
            )


def _coding_in_use(coding: dict, scaling: pd.DataFrame) -> dict:
    """The coding without the attributes that did not vary."""
    return {
        name: code
        for name, code in coding.items()
        if (name if isinstance(code, float) else f"{name}={code[0]}") in scaling.index
    }


def nearest(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """The row of the nearest centre for each point; the first of equals.

    One customer alone gets the same answer, to the last bit, as within a million: there is no matrix
    product whose rounding depends on the number of rows.

    Examples
    --------
    >>> nearest(np.array([[0.0], [2.0]]), np.array([[3.0], [0.5]]))
    array([1, 0])
    """
    found = np.empty(len(points), dtype=np.int64)
    for start in range(0, len(points), BLOCK):
        block = points[start : start + BLOCK]
        squares = np.zeros((len(block), len(centers)))
        for column, center in zip(block.T, centers.T, strict=True):
            squares += (column[:, None] - center) ** 2
        found[start : start + BLOCK] = squares.argmin(axis=1)
    return found
