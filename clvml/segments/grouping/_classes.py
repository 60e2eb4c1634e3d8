"""Classes by one column of money: ABC by its cumulative share, tiers by the share of the customers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.segments.grouping._rules import (
    ROUNDING,
    RuleSegments,
    check_count,
    check_cuts,
    check_rising,
    reaches,
)


class ABCClasses(RuleSegments):
    """ABC analysis: A has the first 80 % of the value, B the next 15 %, C the rest.

    Customers are sorted by descending value; a customer is in A while the cumulative share of those before is
    below the first share. Customers of equal value are in the same (better) class. A customer without value
    is in C.

    Parameters
    ----------
    value : str
        The column of money.
    shares : pair of float
        The cumulative shares at which A and B end, in (0, 1), increasing.

    Attributes
    ----------
    cuts_ : tuple of float
        The lowest value of an A and of a B customer.

    See Also
    --------
    clvml.ValueTiers : Tiers by shares of the customers rather than of the value.
    clvml.ValueMatrix : Current against potential value.
    clvml.CustomerGroups : Segments with their treatments.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame({"total_spend": [70.0, 10.0, 10.0, 6.0, 4.0]})
    >>> clvml.ABCClasses().fit(customers).segment_names(customers).tolist()
    ['A', 'A', 'A', 'B', 'C']
    """

    cuts_: tuple[float, ...]

    def __init__(self, value: str = "total_spend", shares: Sequence[float] = (0.80, 0.95)) -> None:
        self.value = value
        self.shares = shares

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The column of money."""
        return (self.value,)

    def _learn(self, table: pd.DataFrame) -> None:
        check_rising("shares", self.shares, 2, below=1.0)
        ordered = np.sort(table[self.value].to_numpy())[::-1]
        total = float(ordered.sum())
        if total <= 0:
            raise InputError(
                f"the {self.value} of all {len(table)} customers is 0: there is no value to divide into"
                " classes; give another column as value."
            )
        before = np.concatenate([[0.0], np.cumsum(ordered)[:-1]]) / total
        within = [int(np.searchsorted(before, share - ROUNDING, side="left")) for share in self.shares]
        self.names_ = ("A", "B", "C")
        self.cuts_ = tuple(float(ordered[number - 1]) for number in within)

    def _check_learnt(self) -> None:
        super()._check_learnt()
        check_count(self.names_, 3)
        check_cuts("cuts_", self.cuts_, 2)

    def _numbers(self, table: pd.DataFrame) -> np.ndarray:
        values = table[self.value].to_numpy()
        worse = [(~reaches(values, cut)).astype(np.int64) for cut in self.cuts_]
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
        value are never split: all are in the tier of their median rank.
    thresholds : pair of float, optional
        Minimum money of the high and of the middle tier, instead of ``shares``; the larger one first.

    Attributes
    ----------
    cuts_ : tuple of float
        The lowest value of a high and of a middle customer (infinite where a tier is empty).

    See Also
    --------
    clvml.ABCClasses : Classes by shares of the value rather than of the customers.
    clvml.ValueMatrix : Current against potential value.
    clvml.CustomerGroups : Segments with their treatments.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame({"clv": [90.0, 50.0, 40.0, 10.0, 5.0]})
    >>> clvml.ValueTiers().fit(customers).segment_names(customers).tolist()
    ['high', 'middle', 'middle', 'low', 'low']
    >>> clvml.ValueTiers(thresholds=(50, 6)).fit_predict(customers).tolist()
    [1, 1, 2, 2, 3]
    """

    cuts_: tuple[float, ...]

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
            check_rising("thresholds", tuple(self.thresholds)[::-1], 2)
            self.cuts_ = tuple(float(threshold) for threshold in self.thresholds)
            return
        check_rising("shares", self.shares, 2, below=1.0)
        self.cuts_ = tuple(_value_at_share(table[self.value].to_numpy(), share) for share in self.shares)

    def _check_learnt(self) -> None:
        super()._check_learnt()
        check_count(self.names_, 3)
        check_cuts("cuts_", self.cuts_, 2)

    def _numbers(self, table: pd.DataFrame) -> np.ndarray:
        values = table[self.value].to_numpy()
        worse = [(~reaches(values, cut)).astype(np.int64) for cut in self.cuts_]
        return 1 + np.sum(worse, axis=0)

    def _value(self) -> str:
        return self.value


def _value_at_share(values: np.ndarray, share: float) -> float:
    """The smallest value whose customers are within the top share by their median rank."""
    distinct, counts = np.unique(values, return_counts=True)
    apart = np.concatenate([[True], np.diff(distinct) > ROUNDING * np.abs(distinct[1:])])
    group = np.cumsum(apart) - 1
    sizes = np.bincount(group, counts)[::-1]
    middle = (np.cumsum(sizes) - sizes / 2) / len(values)
    within = int((middle <= share + ROUNDING).sum())
    return float(distinct[apart][::-1][within - 1]) if within else float("inf")
