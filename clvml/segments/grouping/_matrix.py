"""The value matrix: current against potential (predicted) value of customers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.segments.grouping._rules import ROUNDING, RuleSegments, check_count, check_cuts, reaches

NUMERALS = {"lead": "I", "iron": "II", "platinum": "III", "gold": "IV"}


class ValueMatrix(RuleSegments):
    """Current value against potential (predicted) value: I lead, II iron, III platinum, IV gold.

    ============  ===================  =====================
    .             low potential        high potential
    ============  ===================  =====================
    high current  III platinum: keep   IV gold: protect first
    low current   I lead: spend less   II iron: develop
    ============  ===================  =====================

    Classes are named and numbered as in textbooks, from I (low, low) to IV (high, high), by `class_names`.
    As in all segmentations, segment 1 is the most valuable: gold 1, iron 2, platinum 3, lead 4.

    Parameters
    ----------
    current, predicted : str
        The columns of money.
    thresholds : {"mean", "median"} or pair of float
        With a rule, high is above the mean (or median) of the customers of the fit; with numbers, high is
        at least the given money, current first.

    Attributes
    ----------
    thresholds_ : tuple of float
        Thresholds of current and predicted money between low and high.

    See Also
    --------
    clvml.ValueTiers : One column of money.
    clvml.CustomerGroups : Segments, the matrix and treatments in one.
    clvml.plots.value_matrix : Draw it.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame({"total_spend": [90.0, 9.0, 90.0, 9.0], "clv": [80.0, 80.0, 8.0, 8.0]})
    >>> clvml.ValueMatrix().fit(customers).segment_names(customers).tolist()
    ['gold', 'iron', 'platinum', 'lead']
    """

    thresholds_: tuple[float, ...]

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

    def class_names(self, customers: pd.DataFrame) -> pd.Series:
        """Each customer's class with its textbook number, such as "IV gold"; ordered, I first.

        Raises
        ------
        InputError
            As in `predict`.
        """
        labels = [f"{NUMERALS[name]} {name}" for name in NUMERALS]
        found = self.segment_names(customers).map(dict(zip(NUMERALS, labels, strict=True)))
        return found.astype(pd.CategoricalDtype(labels, ordered=True)).rename("class")

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

    def _check_learnt(self) -> None:
        super()._check_learnt()
        check_count(self.names_, 4)
        check_cuts("thresholds_", self.thresholds_, 2)

    def _numbers(self, table: pd.DataFrame) -> np.ndarray:
        high = [
            self._is_high(table[name].to_numpy(), threshold)
            for name, threshold in zip(self.required_columns, self.thresholds_, strict=True)
        ]
        return np.select([high[0] & high[1], high[1], high[0]], [1, 2, 3], default=4).astype(np.int64)

    def _is_high(self, values: np.ndarray, threshold: float) -> np.ndarray:
        if isinstance(self.thresholds, str):
            return values > threshold * (1 + ROUNDING)
        return reaches(values, threshold)

    def _value(self) -> str:
        return self.predicted


def _money_pair(thresholds: Sequence[float]) -> tuple[float, float]:
    values = np.asarray(thresholds, dtype=float)
    if values.shape != (2,) or not np.isfinite(values).all() or (values < 0).any():
        raise InputError(f'thresholds is {thresholds!r}; it must be "mean", "median" or a pair of money.')
    return float(values[0]), float(values[1])
