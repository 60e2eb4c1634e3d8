"""Resampled statistics of one model: weighted sums and weighted ranks for a block of bootstrap draws.

A resample with replacement is a count per customer. Means are products of the counts with per-customer
losses. Ranks in a resample follow from one sort of the full sample: the mid-rank of a customer is the
cumulated count of those with lower values plus half of the count of those with equal ones, so ties are
exact and no draw is sorted again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from clvml.evaluation._alignment import FloatArray
from clvml.evaluation._ranking import levels, n_top

Counts = NDArray[np.uint8]
Loss = Callable[[FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True, eq=False)
class Order:
    """The order of the customers by one set of values, with their tied groups, from the lowest.

    ``places`` sorts the customers, ``starts`` are the places where the groups begin, ``group`` is the
    group of each customer.
    """

    places: NDArray[np.intp]
    starts: NDArray[np.intp]
    group: NDArray[np.intp]

    @classmethod
    def of(cls, values: FloatArray) -> Order:
        """The order of the values; equal up to rounding is equal."""
        group = levels(values)
        places = np.argsort(group, kind="stable")
        starts = np.flatnonzero(np.diff(group[places], prepend=-1))
        return cls(places, starts, group)

    @property
    def tied(self) -> bool:
        """Whether any two customers are."""
        return len(self.starts) < len(self.places)


class Ranks:
    """Weighted ranks of the customers in a block of resamples."""

    def __init__(self, order: Order, counts: Counts) -> None:
        self.order = order
        self.sorted_counts = np.take(counts, order.places, axis=1)
        groups = self.sorted_counts
        if order.tied:
            groups = np.add.reduceat(groups, order.starts, axis=1, dtype=np.int32)
        self.group_counts = groups
        self.through = np.cumsum(groups, axis=1, dtype=np.float64)

    @cached_property
    def below(self) -> FloatArray:
        """By draw and group: how many customers are in lower groups."""
        return self.through - self.group_counts

    @cached_property
    def mid(self) -> FloatArray:
        """By draw and customer: the mid-rank less a half, that is how many are lower, ties as halves."""
        middle = self.group_counts * -0.5
        middle += self.through
        return np.take(middle, self.order.group, axis=1)

    @cached_property
    def spread(self) -> FloatArray:
        """By draw: twelve times the sum of squared deviations of the ranks."""
        sizes = self.group_counts.astype(np.float64)
        return self.through[:, -1] ** 3 - np.einsum("bg,bg,bg->b", sizes, sizes, sizes)

    def top(self, values: FloatArray, share: float) -> FloatArray:
        """By draw: the sum of ``values``, sorted by this order, over the highest share of the customers.

        Those tied at the threshold share their values equally.
        """
        return np.array([self._top(draw, values, share) for draw in range(len(self.through))])

    def _top(self, draw: int, values: FloatArray, share: float) -> float:
        through, counts, starts = self.through[draw], self.sorted_counts[draw], self.order.starts
        outside = through[-1] - n_top(int(through[-1]), share)
        # The group at the threshold: the first whose cumulated count exceeds those outside.
        group = int(np.searchsorted(through, outside, side="right"))
        if group == len(through):
            return 0.0
        end = starts[group + 1] if group + 1 < len(starts) else len(values)
        inside = float(counts[end:] @ values[end:])
        within = slice(starts[group], end)
        tied = float(counts[within] @ values[within])
        return inside + tied * (through[group] - outside) / float(self.group_counts[draw, group])


@dataclass(frozen=True, eq=False)
class ActualBlock:
    """What a block of resamples says of the actual values: the same for all models."""

    counts: Counts
    values: FloatArray
    order: Order

    @cached_property
    def ranks(self) -> Ranks:
        return Ranks(self.order, self.counts)

    @cached_property
    def weighted(self) -> FloatArray:
        """Counts times actual values, by draw and customer."""
        return self.counts * self.values

    @cached_property
    def weighted_ranks(self) -> FloatArray:
        """Counts times centred ranks of the actual values, by draw and customer."""
        centred = self.ranks.mid - self.n[:, None] / 2
        centred *= self.counts
        return centred

    @cached_property
    def n(self) -> FloatArray:
        """By draw: the number of customers."""
        return self.counts.sum(axis=1, dtype=np.int64).astype(np.float64)

    @cached_property
    def total(self) -> FloatArray:
        """By draw: the sum of the actual values."""
        return self.weighted.sum(axis=1)

    @cached_property
    def size(self) -> FloatArray:
        """By draw: the sum of the absolute actual values."""
        return np.abs(self.weighted).sum(axis=1)

    @cached_property
    def best_area(self) -> FloatArray:
        """By draw: twice the area between the curve of the perfect order and the diagonal, in money."""
        return area(np.einsum("bn,bn->b", self.weighted, self.ranks.mid), self)


@dataclass(frozen=True, eq=False)
class Forecast:
    """One model's predictions: its order and losses, computed once for all draws."""

    actual: FloatArray
    predicted: FloatArray
    losses: tuple[Loss, ...]

    @cached_property
    def order(self) -> Order:
        """The order of the customers by prediction."""
        return Order.of(self.predicted)

    @cached_property
    def sorted_actual(self) -> FloatArray:
        """The actual values in the order of the predictions."""
        return self.actual[self.order.places]

    @cached_property
    def table(self) -> FloatArray:
        """By loss and customer, zero where undefined; below, a row for each such loss: 1 where undefined."""
        rows = np.array([loss(self.actual, self.predicted) for loss in self.losses])
        undefined = np.isnan(rows)
        return np.vstack([np.where(undefined, 0.0, rows), undefined[self._partly]])

    @cached_property
    def _partly(self) -> list[int]:
        """The losses that are undefined for some customers."""
        return [
            row for row, loss in enumerate(self.losses) if np.isnan(loss(self.actual, self.predicted)).any()
        ]

    def mean_losses(self, counts: FloatArray) -> dict[Loss, FloatArray]:
        """By loss and draw; NaN in draws with a customer for whom the loss is undefined."""
        if not self.losses:
            return {}
        sums = (counts @ self.table.T).T
        with np.errstate(invalid="ignore", divide="ignore"):
            means = sums[: len(self.losses)] / counts.sum(axis=1)
        for row, undefined in zip(self._partly, sums[len(self.losses) :], strict=True):
            means[row, undefined > 0] = np.nan
        return dict(zip(self.losses, means, strict=True))


@dataclass(frozen=True, eq=False)
class Resampled:
    """A block of resamples of one model: everything that the metrics are computed from, by draw.

    Attributes
    ----------
    actual : ActualBlock
        The actual values in these resamples.
    forecast : Forecast
        The predictions.
    means : mapping of loss to ndarray
        Mean losses, NaN in draws with a customer for whom the loss is undefined.
    """

    actual: ActualBlock
    forecast: Forecast
    means: Mapping[Loss, FloatArray]

    @cached_property
    def ranks(self) -> Ranks:
        """Of the predictions."""
        return Ranks(self.forecast.order, self.actual.counts)

    @cached_property
    def rank_sum(self) -> FloatArray:
        """By draw: the sum of actual value times mid-rank of the prediction."""
        return np.einsum("bn,bn->b", self.actual.weighted, self.ranks.mid)

    @cached_property
    def rank_product(self) -> FloatArray:
        """By draw: the sum of products of the centred ranks of actual value and prediction."""
        return np.einsum("bn,bn->b", self.actual.weighted_ranks, self.ranks.mid)

    def top(self, share: float) -> FloatArray:
        """By draw: the actual value of this share of the customers, those with the highest predictions."""
        return self.ranks.top(self.forecast.sorted_actual, share)


def area(rank_sum: FloatArray, actual: ActualBlock) -> FloatArray:
    """Twice the area between a curve and its chord, in money, from the sum of value times mid-rank."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return 2 * rank_sum / actual.n - actual.total


def where_positive(denominator: FloatArray, numerator: FloatArray, scale: float = 1.0) -> FloatArray:
    """``scale * numerator / denominator``, NaN where the denominator is not positive."""
    return scale * np.divide(
        numerator, denominator, out=np.full_like(denominator, np.nan), where=denominator > 0
    )
