"""Rule-based segmentations under the interface of K-means: learn cuts once, then compare with them.

A rule segmentation learns thresholds (money, or time) from the customers of the fit, and assigns every
customer, old or new, by comparing with them. So equal customers are in one segment, whatever their order
in the table; and since thresholds are learnt in the customers' own currency and unit of time, another
one gives the same segments. Comparisons leave a billionth of room, so that the rounding of a conversion
does not tell equal customers apart.

Segments are numbered from 1, the most valuable; `names_` has their names in that order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clvml.customers.checks import check_customers
from clvml.errors import InputError
from clvml.segments.profile import segment_profile
from clvml.segments.tables import ByName

ROUNDING = 1e-9  # relative; far above what converting money or time loses, far below what a cut means


class RuleSegments(ByName, BaseEstimator):
    """What the rule-based segmentations share; a subclass learns cuts and compares with them.

    Attributes
    ----------
    names_ : tuple of str
        The names of the segments, in the order of their numbers; a name may have no customer.
    profile_ : pandas.DataFrame
        Index ``segment``; ``name, customers, share_of_customers, share_of_value``, then medians.
    time_unit_ : str or None
        The unit of time of the fitted customers.
    """

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns that `fit` and `predict` need."""
        raise NotImplementedError

    def fit(self, customers: pd.DataFrame, y: object = None) -> RuleSegments:  # noqa: ARG002
        """Learn the cuts from these customers.

        Parameters
        ----------
        customers : pandas.DataFrame
            One row a customer, with `required_columns`, finite and not negative.
        y : ignored
            Only for scikit-learn's conventions.

        Raises
        ------
        InputError
            If a column is missing, a value is missing, infinite or negative, or an argument breaks its rule.
        """
        table = check_customers(customers, self.required_columns)
        self._learn(table)
        self.time_unit_ = customers.attrs.get("time_unit")
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
        table = check_customers(customers, self.required_columns, self.time_unit_)
        return pd.Series(self._numbers(table), index=customers.index, name="segment", dtype="int64")

    def fit_predict(self, customers: pd.DataFrame, y: object = None) -> pd.Series:
        """The same as ``fit(customers).predict(customers)``."""
        return self.fit(customers, y).predict(customers)

    def segment_names(self, customers: pd.DataFrame) -> pd.Series:
        """Each customer's segment by name."""
        segments = self.predict(customers)
        return segments.map(dict(enumerate(self.names_, start=1))).rename("segment_name")

    def _learn(self, table: pd.DataFrame) -> None:
        raise NotImplementedError

    def _numbers(self, table: pd.DataFrame) -> np.ndarray:
        raise NotImplementedError

    def _value(self) -> str:
        """The column whose total the profile shares out."""
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


class ABCClasses(RuleSegments):
    """ABC analysis: A brings the first 80 % of the value, B the next 15 %, C the rest.

    Customers are taken in falling order of value; a customer is in A while those before hold less than
    the first share of the total. Customers of equal value share the better class. A customer without
    value is in C.

    Parameters
    ----------
    value : str
        The column of money.
    shares : pair of float
        The cumulative shares at which A and B end, in (0, 1), rising.

    Attributes
    ----------
    cuts_ : tuple of float
        The least value of an A and of a B customer.

    Examples
    --------
    >>> customers = pd.DataFrame({"total_spend": [70.0, 10.0, 10.0, 6.0, 4.0]})
    >>> ABCClasses().fit(customers).segment_names(customers).tolist()
    ['A', 'A', 'A', 'B', 'C']
    """

    def __init__(self, value: str = "total_spend", shares: Sequence[float] = (0.80, 0.95)) -> None:
        self.value = value
        self.shares = shares

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The column of money."""
        return (self.value,)

    def _learn(self, table: pd.DataFrame) -> None:
        _check_rising("shares", self.shares, 2, below=1.0)
        ordered = np.sort(table[self.value].to_numpy())[::-1]
        total = float(ordered.sum())
        if total <= 0:
            raise InputError(
                f"the {self.value} of all {len(table)} customers is 0: there is no value to share out in"
                " classes; give another column as value."
            )
        before = np.concatenate([[0.0], np.cumsum(ordered)[:-1]]) / total
        within = [int(np.searchsorted(before, share - ROUNDING, side="left")) for share in self.shares]
        self.names_ = ("A", "B", "C")
        self.cuts_ = tuple(float(ordered[number - 1]) for number in within)

    def _numbers(self, table: pd.DataFrame) -> np.ndarray:
        values = table[self.value].to_numpy()
        worse = [(~_reaches(values, cut)).astype(np.int64) for cut in self.cuts_]
        return np.where(values > 0, 1 + np.sum(worse, axis=0), 3)

    def _value(self) -> str:
        return self.value


class ValueTiers(RuleSegments):
    """Tiers high, middle and low of one column of money, such as the predicted lifetime value.

    Parameters
    ----------
    value : str
        The column of money.
    shares : pair of float
        Cumulative shares of the customers at which the high and the middle tier end. Customers of equal
        value are not parted: they go where the middle one of them belongs.
    thresholds : pair of float, optional
        Money from which a customer is in the high and in the middle tier, instead of ``shares``; the
        larger one first.

    Attributes
    ----------
    cuts_ : tuple of float
        The least value of a high and of a middle customer (infinite where a tier is empty).

    Examples
    --------
    >>> customers = pd.DataFrame({"clv": [90.0, 50.0, 40.0, 10.0, 5.0]})
    >>> ValueTiers().fit(customers).segment_names(customers).tolist()
    ['high', 'middle', 'middle', 'low', 'low']
    >>> ValueTiers(thresholds=(50, 6)).fit_predict(customers).tolist()
    [1, 1, 2, 2, 3]
    """

    def __init__(
        self,
        value: str = "clv",
        shares: Sequence[float] = (0.20, 0.50),
        thresholds: Sequence[float] | None = None,
    ) -> None:
        self.value = value
        self.shares = shares
        self.thresholds = thresholds

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The column of money."""
        return (self.value,)

    def _learn(self, table: pd.DataFrame) -> None:
        self.names_ = ("high", "middle", "low")
        if self.thresholds is not None:
            _check_rising("thresholds", tuple(self.thresholds)[::-1], 2)
            self.cuts_ = tuple(float(threshold) for threshold in self.thresholds)
            return
        _check_rising("shares", self.shares, 2, below=1.0)
        self.cuts_ = tuple(_value_at_share(table[self.value].to_numpy(), share) for share in self.shares)

    def _numbers(self, table: pd.DataFrame) -> np.ndarray:
        values = table[self.value].to_numpy()
        worse = [(~_reaches(values, cut)).astype(np.int64) for cut in self.cuts_]
        return 1 + np.sum(worse, axis=0)

    def _value(self) -> str:
        return self.value


class ValueMatrix(RuleSegments):
    """Current value against potential (predicted) value: gold, iron, platinum, lead.

    ============  ==================  ==================
    .             low potential       high potential
    ============  ==================  ==================
    high current  platinum: keep      gold: everything
    low current   lead: little        iron: develop
    ============  ==================  ==================

    Numbers follow the value to come: gold 1, iron 2, platinum 3, lead 4.

    Parameters
    ----------
    current, predicted : str
        The columns of money.
    thresholds : {"mean", "median"} or pair of float
        By rule, high is above the mean (or median) of the customers of the fit; by the user, high is
        from the given money on, current first.

    Attributes
    ----------
    thresholds_ : tuple of float
        Current and predicted money that part low from high.

    Examples
    --------
    >>> customers = pd.DataFrame({"total_spend": [90.0, 9.0, 90.0, 9.0], "clv": [80.0, 80.0, 8.0, 8.0]})
    >>> ValueMatrix().fit(customers).segment_names(customers).tolist()
    ['gold', 'iron', 'platinum', 'lead']
    """

    def __init__(
        self,
        current: str = "total_spend",
        predicted: str = "clv",
        thresholds: str | Sequence[float] = "mean",
    ) -> None:
        self.current = current
        self.predicted = predicted
        self.thresholds = thresholds

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The two columns of money."""
        return (self.current, self.predicted)

    def _learn(self, table: pd.DataFrame) -> None:
        if self.current == self.predicted:
            raise InputError(f"current and predicted are both {self.current!r}; give two columns.")
        self.names_ = ("gold", "iron", "platinum", "lead")
        columns = [table[name].to_numpy() for name in self.required_columns]
        if isinstance(self.thresholds, str):
            if self.thresholds not in ("mean", "median"):
                raise InputError(
                    f'thresholds is {self.thresholds!r}; it must be "mean", "median" or a pair of money.'
                )
            rule = np.mean if self.thresholds == "mean" else np.median
            # Sorted: the last bit of a sum depends on its order, and the order of rows must not matter.
            self.thresholds_ = tuple(float(rule(np.sort(values))) for values in columns)
        else:
            self.thresholds_ = _money_pair(self.thresholds)

    def _numbers(self, table: pd.DataFrame) -> np.ndarray:
        high = [
            self._is_high(table[name].to_numpy(), threshold)
            for name, threshold in zip(self.required_columns, self.thresholds_, strict=True)
        ]
        return np.select([high[0] & high[1], high[1], high[0]], [1, 2, 3], default=4).astype(np.int64)

    def _is_high(self, values: np.ndarray, threshold: float) -> np.ndarray:
        if isinstance(self.thresholds, str):
            return values > threshold * (1 + ROUNDING)
        return _reaches(values, threshold)

    def _value(self) -> str:
        return self.predicted


def _reaches(values: np.ndarray, cut: float) -> np.ndarray:
    return values >= cut * (1 - ROUNDING)


def _value_at_share(values: np.ndarray, share: float) -> float:
    """The least value whose customers, taken from the top, lie within the share by their middle one."""
    distinct, counts = np.unique(values, return_counts=True)
    apart = np.concatenate([[True], np.diff(distinct) > ROUNDING * np.abs(distinct[1:])])
    group = np.cumsum(apart) - 1
    sizes = np.bincount(group, counts)[::-1]
    middle = (np.cumsum(sizes) - sizes / 2) / len(values)
    within = int((middle <= share + ROUNDING).sum())
    return float(distinct[apart][::-1][within - 1]) if within else float("inf")


def _check_rising(name: str, numbers: Sequence[float], count: int, below: float = float("inf")) -> None:
    values = np.asarray(numbers, dtype=float)
    fine = values.shape == (count,) and np.isfinite(values).all() and (values > 0).all()
    if not fine or (values >= below).any() or (np.diff(values) <= 0).any():
        order = "rising" if name != "thresholds" else "the largest first"
        limit = f" and below {below:g}" if np.isfinite(below) else ""
        raise InputError(f"{name} is {numbers!r}; it must be {count} numbers above 0{limit}, {order}.")


def _money_pair(thresholds: Sequence[float]) -> tuple[float, float]:
    values = np.asarray(thresholds, dtype=float)
    if values.shape != (2,) or not np.isfinite(values).all() or (values < 0).any():
        raise InputError(f'thresholds is {thresholds!r}; it must be "mean", "median" or a pair of money.')
    return float(values[0]), float(values[1])
