"""Segments of customers by the nearest of learnt points, whatever the clusterer that found them.

Customers become standardised points (`_features`), a clusterer is fitted to a sample, and the number of
segments is chosen there (`_selection`). Segments are numbered by the mean value of their customers, 1 being
the most valuable, and named by statements that are true of their customers (`_naming`).

Customers are sorted by their values first: segments depend neither on the row order nor on the currency or
the unit of time. The learnt attributes are plain numbers, no scikit-learn object.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from clvml._listing import Listed
from clvml.customers._customer_tables import as_customers
from clvml.customers._summary_checks import check_customers
from clvml.customers._time_units import stated_time_unit
from clvml.errors import InputError
from clvml.segments.grouping._attributes import (
    attribute_table,
    coding_in_use,
    learn_attribute_scaling,
    learn_attributes,
    log_gaps,
)
from clvml.segments.grouping._features import (
    check_scaling,
    columns_of,
    feature_table,
    learn_scaling,
    standardized,
)
from clvml.segments.grouping._naming import TRAIT_COLUMNS, segment_names, segment_traits
from clvml.segments.grouping._profile import segment_profile
from clvml.segments.grouping._selection import SEED, Fit, fit_kmeans, select_fit
from clvml.segments.grouping._tables import (
    CUSTOMARY,
    VALUE,
    as_table,
    explained_share,
    match_input_type,
    note_columns,
    outcome_of,
    roles_of,
)


class PrototypeSegments(Listed, TransformerMixin, BaseEstimator):
    """Base of segmentations that assign each customer by the nearest of learnt points.

    A subclass has the parameters of `KMeansSegments`, finds the points by `_partition`, and assigns by
    `_assign`.
    """

    n_segments: int | str
    features: Sequence[str] | None
    value: str | None
    min_segments: int
    max_segments: int
    tolerance: float
    sample_size: int
    n_init: int
    random_state: int
    attributes: Sequence[str]

    features_: tuple[str, ...]
    value_: str
    centers_: np.ndarray
    names_: tuple[str, ...]
    scaling_: pd.DataFrame
    attribute_coding_: dict[str, float | tuple[str, ...]]
    time_unit_: str | None

    def _partition(self, points: np.ndarray, value: np.ndarray, outcome: np.ndarray | None) -> np.ndarray:
        """Learn ``selection_`` and ``centers_``, the most valuable first; each customer's number, from 1."""
        raise NotImplementedError

    def _assign(self, points: np.ndarray) -> np.ndarray:
        """Each point's segment number, from 1."""
        raise NotImplementedError

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns that `predict` needs; before the fit, those that `fit` needs of customers."""
        if hasattr(self, "scaling_"):
            return (*columns_of(self._behaviour()), *self.attribute_coding_)
        features = CUSTOMARY if self.features is None else self.features
        return (*columns_of((*features, self.value or VALUE)), *self.attributes)

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """The categorical attributes in use, with their levels."""
        check_is_fitted(self, "attribute_coding_")
        return {name: code for name, code in self.attribute_coding_.items() if isinstance(code, tuple)}

    def _check_learnt(self) -> None:
        """Refuse centres or scalings that are impossible, as a file may have them.

        Raises
        ------
        InputError
            Naming the rule.
        """
        check_scaling(self.scaling_)
        shape = (len(self.names_), len(self.scaling_))
        if not shape[0] or self.centers_.shape != shape or not np.isfinite(self.centers_).all():
            raise InputError(f"centers_ must be finite numbers of shape {shape}: segments by features.")

    def fit(
        self,
        customers: pd.DataFrame,
        y: object = None,  # noqa: ARG002
        *,
        outcome: pd.Series | None = None,
    ) -> Self:
        """Find the segments of these customers.

        Parameters
        ----------
        customers : pandas.DataFrame or array-like of numbers
            One row per customer, with the features and the value. ``frequency``, ``recency``, ``T`` and
            ``probability_alive`` are used in naming the segments where they are present.
        y : ignored
            Only for scikit-learn's conventions.
        outcome : pandas.Series or array-like, optional
            The value of each customer realised later, such as the spend in the holdout: "auto" chooses the
            number of segments by it. The segments themselves do not depend on it.

        Raises
        ------
        InputError
            If the outcome does not cover the customers with finite numbers, a column is missing, a value is
            missing, infinite or negative, there are fewer distinct customers than segments, or an argument
            breaks its rule.
        """
        self._check_arguments()
        customers = as_customers(customers)
        given = as_table(self, customers, fitting=True)
        self.features_, self.value_ = roles_of(given, self.features, self.value)
        self._check_roles()
        note_columns(self, customers, (*columns_of((*self.features_, self.value_)), *self.attributes))
        later = outcome_of(given.index, outcome)
        table, coding, order = self._in_order(given, later)
        extra = attribute_table(table, coding)
        features = feature_table(table, self.features_)
        self.scaling_ = pd.concat([learn_scaling(features), learn_attribute_scaling(extra, coding)])
        self.attribute_coding_ = coding_in_use(coding, self.scaling_)
        known = table.assign(**features, **extra)
        points = standardized(known, self.scaling_)
        value = table[self.value_].to_numpy()
        numbers = self._partition(points, value, None if later is None else later[order])
        self._remember(given, known, numbers)
        return self

    def predict(self, customers: pd.DataFrame) -> pd.Series:
        """Each customer's segment number (int64, from 1), by the nearest learnt point; no refit.

        Raises
        ------
        InputError
            If a needed column is missing or holds a missing, infinite or negative value.
        TimeUnitError
            If the table counts time in another unit than the fitted one.
        """
        check_is_fitted(self, "centers_")
        customers = as_customers(customers)
        table = as_table(self, customers, fitting=False)
        numbers = self._assign(self._points(table))
        return match_input_type(
            pd.Series(numbers, index=table.index, name="segment", dtype="int64"), customers
        )

    def fit_predict(
        self, customers: pd.DataFrame, y: object = None, *, outcome: pd.Series | None = None
    ) -> pd.Series:
        """The same as ``fit(customers, outcome=outcome).predict(customers)``."""
        return self.fit(customers, y, outcome=outcome).predict(customers)

    def score(self, customers: pd.DataFrame, y: object = None) -> float:
        """The share of the variance of ``y`` between the segments of these customers; larger is better.

        Parameters
        ----------
        customers : pandas.DataFrame
            Customers to assign to the segments.
        y : array-like, shape (n_customers,), optional
            What segments are to tell apart, such as spend in a holdout period; by default the
            column ``value_``.
        """
        check_is_fitted(self, "centers_")
        table = as_table(self, as_customers(customers), fitting=False)
        return explained_share(self.predict(table), table[self.value_] if y is None else y)

    def segment_names(self, customers: pd.DataFrame) -> pd.Series:
        """Each customer's segment by name."""
        customers = as_customers(customers)
        segments = pd.Series(self.predict(customers))
        return match_input_type(
            segments.map(dict(enumerate(self.names_, start=1))).rename("segment_name"), customers
        )

    def transform(self, customers: pd.DataFrame) -> pd.DataFrame:
        """The standardised features that the clusterer uses (dimensionless)."""
        check_is_fitted(self, "centers_")
        customers = as_customers(customers)
        table = as_table(self, customers, fitting=False)
        columns = self.scaling_.index.rename(None)
        return match_input_type(
            pd.DataFrame(self._points(table), index=table.index, columns=columns), customers
        )

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:  # noqa: ARG002
        """The columns of `transform`."""
        check_is_fitted(self, "centers_")
        return self.scaling_.index.to_numpy(dtype=object)

    def __sklearn_tags__(self) -> Any:
        """Nonnegative input only; `transform` returns float64 for any dtype."""
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _points(self, customers: pd.DataFrame) -> np.ndarray:
        table = check_customers(customers, columns_of(self._behaviour()), self.time_unit_)
        features = feature_table(table, self._behaviour())
        if not self.attribute_coding_:
            return standardized(features, self.scaling_)
        extra = attribute_table(customers, self.attribute_coding_)
        log_gaps(customers, self.attribute_coding_)
        return standardized(features.join(extra), self.scaling_)

    def _in_order(
        self, customers: pd.DataFrame, outcome: np.ndarray | None
    ) -> tuple[pd.DataFrame, dict[str, Any], np.ndarray]:
        """The columns in use, checked, in an order of the rows that depends on their values only."""
        helpful = [name for name in TRAIT_COLUMNS if name in customers and name not in self.attributes]
        columns = columns_of((*self.features_, self.value_))
        table = check_customers(customers, dict.fromkeys((*columns, *helpful)))
        coding, self.missing_ = learn_attributes(customers, tuple(self.attributes))
        keys = [] if outcome is None else [outcome]
        keys += [values.to_numpy() for _, values in attribute_table(customers, coding).items()]
        keys += [table[name].to_numpy() for name in reversed(table.columns)]
        order = np.lexsort(keys)
        return table.join(customers[list(coding)]).iloc[order], coding, order

    def _behaviour(self) -> list[str]:
        """The features in use that are not attributes."""
        return [name for name in self.features_ if name in self.scaling_.index]

    def _select(
        self,
        points: np.ndarray,
        value: np.ndarray,
        outcome: np.ndarray | None,
        fit: Fit = fit_kmeans,
    ) -> tuple[pd.DataFrame, Any]:
        size = min(self.sample_size, len(points))
        rows = np.sort(np.random.default_rng(SEED).choice(len(points), size, replace=False))
        # Rounded, so that equal customers stay equal after a conversion of currency or unit.
        sample = np.round(points[rows], 6)
        return select_fit(
            sample,
            self._candidates(len(np.unique(sample, axis=0)), len(sample)),
            self.tolerance,
            self.n_init,
            self.random_state,
            value=value[rows],
            outcome=None if outcome is None else outcome[rows],
            fit=fit,
        )

    def _candidates(self, distinct: int, customers: int) -> range:
        if self.n_segments == "auto":
            fewest, most = self.min_segments, min(self.max_segments, distinct)
        else:
            fewest = most = int(self.n_segments)
        if distinct < fewest:
            raise InputError(
                f"{fewest} segments need at least {fewest} distinct customers, but the sample of {customers}"
                f" has only {distinct} distinct rows of {', '.join(self.features_)}; ask for fewer segments,"
                " or give more customers or features."
            )
        return range(fewest, most + 1)

    def _remember(self, given: pd.DataFrame, table: pd.DataFrame, numbers: np.ndarray) -> None:
        """What else is learnt: the time unit, the features left out, names and profile."""
        self.time_unit_ = stated_time_unit(given)
        kept = (*self._behaviour(), *self.attribute_coding_)
        self.dropped_features_ = tuple(n for n in (*self.features_, *self.attributes) if n not in kept)
        segments = pd.Series(numbers, index=table.index)
        centers = pd.DataFrame(self.centers_, columns=self.scaling_.index)
        self.names_ = segment_names(segment_traits(table, segments, self.value_, self.time_unit_), centers)
        numeric = [name for name, code in self.attribute_coding_.items() if isinstance(code, float)]
        columns = list(dict.fromkeys((*self.features_, self.value_, *numeric)))
        self.profile_ = segment_profile(table, segments, columns, self.value_, self.names_)

    def _check_arguments(self) -> None:
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
        if isinstance(self.features, str) or (self.features is not None and not self.features):
            raise InputError(f"features is {self.features!r}; it must list at least one column name.")

    def _check_roles(self) -> None:
        columns = columns_of((*self.features_, self.value_))
        if len({*self.features_}) < len(self.features_):
            raise InputError(f"features is {self.features_!r}; it must list column names, each once.")
        if isinstance(self.attributes, str) or {*self.attributes} & {*columns}:
            raise InputError(
                f"attributes is {self.attributes!r}; its columns must be neither features nor value."
            )
