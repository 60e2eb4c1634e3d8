"""What happened at earlier origins: features, structural predictions and outcomes, pooled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.lifetime_value.learned._features import in_canonical_order

Floats = NDArray[np.float64]

MOST_ROWS = 60_000  # learnt from: more rows change the predictions by less than their noise
N_FOLDS = 3
_MIX = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing


class Lessons(NamedTuple):
    """Rows of customers at earlier origins, in an order that depends on their content only.

    Attributes
    ----------
    rows : ndarray, shape (n_rows, n_features)
    actual, expected : ndarray, shape (n_rows,)
        Spend in the holdout of the origin, and its structural prediction, which is positive.
    origin, fold : ndarray of int64, shape (n_rows,)
        The fold is the same for all rows of a customer.
    """

    rows: Floats
    actual: Floats
    expected: Floats
    origin: NDArray[np.int64]
    fold: NDArray[np.int64]

    def at(self, kept: NDArray[np.bool_] | NDArray[np.int64]) -> Lessons:
        """Some of the rows, or all in another order."""
        rows, actual, expected, origin, fold = self
        return Lessons(rows[kept], actual[kept], expected[kept], origin[kept], fold[kept])

    def shares(self, values: Floats, weights: Floats | None = None) -> Floats:
        """Values relative to their (weighted) mean at the origin, so that no origin's level is learnt."""
        weights = np.ones(len(values)) if weights is None else weights
        above = np.bincount(self.origin, values * weights)
        mean = np.divide(above, np.bincount(self.origin, weights), out=np.ones_like(above), where=above > 0)
        return values / mean[self.origin]


class Origin(NamedTuple):
    """The customers of one earlier origin: features, outcomes and structural predictions."""

    table: pd.DataFrame
    actual: Floats
    expected: Floats


def pooled(origins: Sequence[Origin], random_state: int) -> Lessons:
    """The rows of all origins, of a random share of the customers where there are too many."""
    marks = np.concatenate([_mark(origin.table.index, random_state) for origin in origins])
    number = np.repeat(np.arange(len(origins)), [len(origin.table) for origin in origins])
    actual = np.concatenate([origin.actual for origin in origins])
    expected = np.concatenate([origin.expected for origin in origins])
    lessons = Lessons(
        np.concatenate([origin.table.to_numpy() for origin in origins]),
        actual,
        expected,
        number,
        (marks % np.uint64(N_FOLDS)).astype(np.int64),
    )
    usable = expected > 0
    if usable.sum() > MOST_ROWS:
        usable &= marks <= np.quantile(marks[usable].astype(float), MOST_ROWS / usable.sum())
    lessons = lessons.at(usable)
    return lessons.at(in_canonical_order(*lessons.rows.T, lessons.actual, lessons.origin.astype(float)))


def sampled(customers: pd.DataFrame, at_most: int, random_state: int) -> pd.DataFrame:
    """A random share of the customers, of whom there are about ``at_most``."""
    if len(customers) <= at_most:
        return customers
    marks = _mark(customers.index, random_state)
    return customers[marks <= np.quantile(marks.astype(float), at_most / len(customers))]


def _mark(index: pd.Index, random_state: int) -> NDArray[np.uint64]:
    """A random number of each customer, the same at every origin and in any order."""
    hashed = pd.util.hash_pandas_object(index, index=False).to_numpy(dtype=np.uint64)
    mixed = (hashed ^ np.uint64(random_state)) * _MIX
    spread = (mixed ^ (mixed >> np.uint64(29))) >> np.uint64(11)  # exact as float64
    return spread.astype(np.uint64, copy=False)
