"""Paths of covariates over time: piecewise constant, with clocks that run at the speed of their effects.

A customer's covariates are constant in each cell of a grid of times that is common to all customers. With
coefficients ``gamma`` the purchase rate is ``lambda * exp(gamma' x(t))``, and ``A(t)``, the integral of
``exp(gamma' x)``, is the customer's operational time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PathHistory:
    """Histories with paths of covariates; times in the time unit, since an origin common to all customers.

    Attributes
    ----------
    x : ndarray, shape (n,)
        Repeat purchases.
    first, last, end : ndarray, shape (n,)
        Times of the first and the last purchase, and of the end of observation.
    edges : ndarray, shape (n_cells,)
        Starts of the cells; the last one has no end.
    values : ndarray, shape (n, n_cells, n_covariates)
        The covariates in each cell.
    purchases : ndarray, shape (n, n_covariates)
        Sums of the covariates at the repeat purchases.
    weights : ndarray, shape (n,)
    """

    x: Array
    first: Array
    last: Array
    end: Array
    edges: Array
    values: Array
    purchases: Array
    weights: Array

    @property
    def size(self) -> int:
        """Number of customers."""
        return int(self.x.size)

    def rows(self, rows: slice | NDArray[np.int64]) -> PathHistory:
        """The selected customers."""
        names = ("x", "first", "last", "end", "values", "purchases", "weights")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    @cached_property
    def before(self) -> Array:
        """Time in each cell from the first to the last purchase, shape (n, n_cells)."""
        return self.overlap(self.first, self.last)

    @cached_property
    def after(self) -> Array:
        """Time in each cell from the last purchase to the end of observation."""
        return self.overlap(self.last, self.end)

    def overlap(self, start: Array, stop: Array) -> Array:
        """Time in each cell between ``start`` and ``stop``, shape (n, n_cells)."""
        edges = np.append(self.edges, np.inf)
        low = np.clip(start[:, None], edges[:-1], edges[1:])
        return np.clip(stop[:, None], edges[:-1], edges[1:]) - low

    def speed(self, coefficients: Array, columns: slice) -> Array:
        """``exp(coefficients' x)`` in each cell, shape (n, n_cells)."""
        return np.asarray(np.exp(np.clip(self.values[:, :, columns] @ coefficients, -300.0, 300.0)))


def merged(edges: Array, values: Array) -> tuple[Array, Array]:
    """The cells without those in which no customer's covariates differ from the cell before."""
    changes = np.ones(edges.size, dtype=bool)
    changes[1:] = (values[:, 1:] != values[:, :-1]).any(axis=(0, 2))
    return edges[changes], values[:, changes]


def continued(edges: Array, values: Array, until: float, year: float | None) -> tuple[Array, Array]:
    """Paths that go on until a time: the last values hold, or those of a year before, if ``year`` is given.

    ``edges`` and ``values`` end with a cell for the time after the last known one, whose values are ignored.
    """
    stop = edges[-1]
    if year is None:
        return edges[:-1], values[:, :-1]
    kept, found = [edges[:-1]], [values[:, :-1]]
    while stop < until:
        times = np.concatenate(kept)
        k = max(int(np.searchsorted(times, stop - year, side="right")) - 1, 0)
        lagged = np.maximum(times[k:], stop - year) + year
        kept.append(lagged)
        found.append(np.concatenate(found, axis=1)[:, k:])
        stop = min(stop + year, lagged[0] + year)
    return np.concatenate(kept), np.concatenate(found, axis=1)
