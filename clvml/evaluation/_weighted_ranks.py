"""Ranks in resamples, from one sort of the full sample.

In a resample, the mid-rank of a customer is the cumulated count of those with lower values plus half of the
count of those with equal ones; ties are exact, and no draw is sorted again. Cumulated counts are the costly
part, so the sorted customers are laid out in rows: consecutive customers stand below each other, and the
cumulated counts of all columns are found by adding whole rows. The draws of a block are the last axis, so
that a customer is moved with all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from clvml.evaluation._alignment import FloatArray
from clvml.evaluation._ranking import n_top, sorted_levels

Counts = NDArray[np.uint8]
Places = NDArray[np.intp]

ROWS = 32


@dataclass(frozen=True, eq=False)
class Order:
    """The order of the customers by one set of values, with their tied groups, from the lowest.

    Attributes
    ----------
    places : ndarray of int, shape (n,)
        The customers, lowest value first.
    group : ndarray of int, shape (n,)
        The tied group of each customer, from 0.
    starts : ndarray of int, shape (n_groups + 1,)
        The places where the groups begin, and ``n``.
    """

    places: Places
    group: Places
    starts: Places

    @classmethod
    def of(cls, values: FloatArray) -> Order:
        """The order of the values; equal up to rounding is equal."""
        places, group = sorted_levels(values)
        starts = np.searchsorted(group[places], np.arange(group[places[-1]] + 2))
        return cls(places, group, starts)

    @cached_property
    def tied(self) -> Places:
        """The groups of two or more."""
        return np.flatnonzero(np.diff(self.starts) > 1)

    @property
    def columns(self) -> int:
        """The number of columns of the layout."""
        return -(-len(self.places) // ROWS)

    @cached_property
    def layout(self) -> Places:
        """The customers by row and column, one after another; ``n`` where there is none."""
        padded = np.full(ROWS * self.columns, len(self.places))
        padded[: len(self.places)] = self.places
        return padded.reshape(self.columns, ROWS).T.ravel()

    def cell(self, place: Places) -> Places:
        """Where a place of the order is in the layout."""
        return place % ROWS * self.columns + place // ROWS

    @cached_property
    def tied_ends(self) -> Places:
        """By group of two or more: the cells of the customer before it (if any) and of its last one."""
        return self.cell(np.maximum(np.stack([self.starts[self.tied], self.starts[self.tied + 1]]) - 1, 0))

    @cached_property
    def middle(self) -> Places:
        """By customer: where its rank is: in its cell, or, behind all cells, that of its tied group."""
        where = np.empty_like(self.places)
        where[self.places] = self.cell(np.arange(len(self.places)))
        shared = np.full(len(self.starts) - 1, -1)
        shared[self.tied] = ROWS * self.columns + np.arange(len(self.tied))
        shared = shared[self.group]
        return np.where(shared < 0, where, shared)

    @cached_property
    def alone(self) -> NDArray[np.bool_]:
        """By customer: whether nobody else is in the group."""
        return (np.diff(self.starts) == 1)[self.group]

    def laid_out(self, values: FloatArray) -> FloatArray:
        """Values of the customers by row and column, zero where there is none."""
        return np.append(values, 0.0)[self.layout].reshape(ROWS, self.columns)


class Ranks:
    """Weighted ranks of the customers in a block of resamples.

    Parameters
    ----------
    order : Order
        The order of the customers.
    counts : ndarray of uint8, shape (n + 1, n_draws)
        How often each customer is drawn, and a row of zeros.
    """

    def __init__(self, order: Order, counts: Counts) -> None:
        self.order = order
        self.n_draws = counts.shape[1]
        self.counts = np.take(counts, order.layout, axis=0).reshape(ROWS, order.columns, self.n_draws)
        self.through = _cumulated(self.counts)

    @cached_property
    def _tied_through(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """By group of two or more and draw: the count of all before it, and through it."""
        through = self.through.reshape(-1, self.n_draws)
        before, end = (np.take(through, cells, axis=0) for cells in self.order.tied_ends)
        before *= (self.order.starts[self.order.tied] > 0)[:, None]
        return before, end

    def doubled(self, middle: Places) -> FloatArray:
        """By customer and draw: twice the mid-rank less the mean rank, a whole number.

        Parameters
        ----------
        middle : ndarray of int
            ``order.middle`` of the customers wanted.
        """
        before, end = self._tied_through
        n_cells, columns = ROWS * self.order.columns, self.order.columns
        ranks = np.empty((n_cells + len(before), self.n_draws), dtype=np.int32)
        alone = ranks[:n_cells].reshape(self.through.shape)  # the count before a customer and through it
        np.add(self.through[1:], self.through[:-1], out=alone[1:])
        alone[0] = self.through[0]
        alone[0, 1:] += self.through[-1, :-1]
        alone -= np.broadcast_to(self._n, (columns, self.n_draws)).copy()  # in whole rows
        np.add(before, end - np.resize(self._n, end.shape), out=ranks[n_cells:])
        return np.take(ranks, middle, axis=0).astype(np.float64)

    def spread(self, cubes: FloatArray) -> FloatArray:
        """By draw: the sum of squares of the doubled ranks, ``(n^3 - sum over groups of count^3) / 3``.

        Parameters
        ----------
        cubes : ndarray of shape (n_draws,)
            The sum of the cubed counts over the customers alone in their groups.
        """
        before, end = self._tied_through
        n = self._n.astype(np.float64)
        tied = (end - before).astype(np.float64)
        return (n * n * n - cubes - sum_of_products(tied * tied, tied)) / 3

    @property
    def _n(self) -> NDArray[np.int32]:
        return self.through[-1, -1]

    def top(self, values: FloatArray, shares: Sequence[float]) -> FloatArray:
        """By share of the customers and draw: the sum of ``values`` over the highest of them.

        Parameters
        ----------
        values : ndarray of shape (ROWS, columns)
            As laid out by the order. Those tied at the threshold share their values equally.
        shares : sequence of float
            Shares of the customers.
        """
        sizes = self._n.tolist()  # usually the same in all draws
        chosen = {size: [n_top(size, share) for share in shares] for size in set(sizes)}
        outside = self._n - np.array([chosen[size] for size in sizes]).T
        group = self._group_at(outside)
        ends = self.order.starts[np.stack([group, group + 1])]
        before, through = self._through(ends)
        below, above = self._sums_from(ends, values)
        return above + (through - outside) / np.maximum(through - before, 1) * (below - above)

    def _group_at(self, outside: NDArray[np.integer]) -> Places:
        """The tied group of the first customer after ``outside`` others, counted from the lowest."""
        ends = np.ascontiguousarray(self.through[-1].T)
        column = np.stack(
            [np.searchsorted(*each, side="right") for each in zip(ends, outside.T, strict=True)], 1
        )
        column = np.minimum(column, self.order.columns - 1)
        row = (self.through[:, column, np.arange(self.n_draws)] <= outside).sum(axis=0)
        place = np.minimum(column * ROWS + row, len(self.order.places) - 1)
        return self.order.group[self.order.places[place]]

    def _through(self, places: Places) -> NDArray[np.int32]:
        """By draw, the last axis: the count of all before a place of the order."""
        cells = self.order.cell(np.maximum(places - 1, 0))
        through = self.through.reshape(-1, self.n_draws)[cells, np.arange(self.n_draws)]
        return np.where(places > 0, through, 0)

    def _sums_from(self, places: Places, values: FloatArray) -> FloatArray:
        """By draw, the last axis: the sum of values from a place of the order to the highest."""
        first = int(places.min()) // ROWS
        first = min(first, self.order.columns - 1)
        counts, values = self.counts[:, first:], values[:, first:]
        columns = np.einsum("rcb,rc->cb", counts, values)
        sums = np.zeros((len(columns) + 2, self.n_draws))
        sums[:-2] = np.cumsum(columns[::-1], axis=0)[::-1]
        draws, column = np.arange(self.n_draws), places // ROWS - first
        inner = np.minimum(column, len(columns) - 1)
        rows = np.arange(ROWS).reshape(-1, 1, 1, 1)
        within = (rows >= places % ROWS) & (column == inner)
        part = np.sum(counts[:, inner, draws] * values[:, inner], axis=0, where=within)
        return sums[column + 1, draws] + part


class Cubes:
    """By order and draw: the sum of the cubed counts over the customers alone in their groups.

    One matrix product for all orders; whole numbers, so exact.
    """

    def __init__(self, orders: Sequence[Order]) -> None:
        self._alone = np.array([order.alone for order in orders], dtype=np.float64)

    def __call__(self, counts: Counts) -> FloatArray:
        """For counts of shape (n, n_draws)."""
        numbers = counts.astype(np.float64)
        cubes = numbers * numbers
        cubes *= numbers
        return self._alone @ cubes


def sum_of_products(one: FloatArray, other: FloatArray) -> FloatArray:
    """By draw, the last axis: the sum over the customers, many at once, as a block has few draws."""
    whole = len(one) // ROWS * ROWS
    wide = [values[:whole].reshape(-1, ROWS * values.shape[1]) for values in (one, other)]
    sums = np.einsum("nb,nb->b", *wide).reshape(ROWS, -1).sum(axis=0)
    return sums + np.einsum("nb,nb->b", one[whole:], other[whole:])


def _cumulated(counts: Counts) -> NDArray[np.int32]:
    """Counts through each cell of the layout: down the rows, then the columns before."""
    through = counts.astype(np.int32)
    for row in range(1, ROWS):
        through[row] += through[row - 1]
    before = np.cumsum(through[-1], axis=0, dtype=np.int32)
    before -= through[-1]
    through += before
    return through
