"""Means and variances of an outcome by segment and group, with or without the prediction as a covariate."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Cells:
    """Means by segment (rows) and group (columns, the control first).

    Attributes
    ----------
    mean, variance : array, shape (segments, groups)
        Of the mean in each cell; NaN where a cell has fewer than two customers (variance) or none (mean).
    size : array, shape (segments, groups)
    segments, groups : lists of str
    theta : float
        The coefficient of the covariate; 0 without one.
    """

    mean: Array
    variance: Array
    size: NDArray[np.int64]
    segments: list[str]
    groups: list[str]
    theta: float = 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class Coded:
    """Customers by the number of their cell, ``segment * n_groups + group``, the control group 0."""

    cell: NDArray[np.int64]
    segments: list[str]
    groups: list[str]

    @property
    def n_cells(self) -> int:
        return len(self.segments) * len(self.groups)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.segments), len(self.groups)

    @property
    def size(self) -> NDArray[np.int64]:
        return np.bincount(self.cell, minlength=self.n_cells)


def coded(groups: pd.Series, segments: pd.Series, control: str) -> Coded:
    """Segments and groups by number."""
    names = [control, *sorted(set(groups) - {control})]
    strata = sorted(set(segments))
    row, column = pd.Index(strata).get_indexer(segments), pd.Index(names).get_indexer(groups)
    return Coded(row * len(names) + column, strata, names)


def cell_means(codes: Coded, y: Array, x: Array | None = None) -> Cells:
    """Means of ``y`` by cell; with a covariate ``x`` adjusted to the mean of ``x`` in the segment (CUPED).

    The adjusted mean is ``mean(y) - theta (mean(x) - mean(x in the segment))``, with ``theta`` the slope of
    ``y`` on ``x`` within cells (Deng, Xu, Kohavi and Walker, 2013, WSDM, eq. 4; the covariate is known before
    the assignment, so that the difference between groups stays unbiased in large samples).
    """
    theta = 0.0 if x is None else slope(codes, y, x)
    residual = y if x is None else y - theta * x
    size = codes.size
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(codes.cell, residual, codes.n_cells) / size
        squares = np.bincount(codes.cell, (residual - mean[codes.cell]) ** 2, codes.n_cells)
        variance = np.where(size > 1, squares / (size - 1) / size, np.nan)
    shaped: Array = mean.reshape(codes.shape)
    if x is not None:
        row = codes.cell // len(codes.groups)
        shaped = shaped + theta * (np.bincount(row, x) / np.bincount(row))[:, None]
    sizes = size.reshape(codes.shape)
    return Cells(shaped, variance.reshape(codes.shape), sizes, codes.segments, codes.groups, theta)


def slope(codes: Coded, y: Array, x: Array) -> float:
    """The slope of ``y`` on ``x`` within cells; 0 if ``x`` does not vary."""
    size = np.maximum(codes.size, 1)
    dx = x - (np.bincount(codes.cell, x, codes.n_cells) / size)[codes.cell]
    dy = y - (np.bincount(codes.cell, y, codes.n_cells) / size)[codes.cell]
    spread = float(dx @ dx)
    return float(dx @ dy) / spread if spread > 1e-12 * max(float(x @ x), 1e-300) else 0.0


def weighted(cells: Cells, group: int, rows: NDArray[np.bool_]) -> tuple[float, float, Array, Array]:
    """The mean of a group over segments weighted by their customers, its variance, and those of the cells."""
    weight = cells.size[rows].sum(axis=1)
    weight = weight / weight.sum()
    parts = weight**2 * cells.variance[rows, group]
    return float(weight @ cells.mean[rows, group]), float(parts.sum()), parts, cells.size[rows, group]


def comparable(cells: Cells, group: int) -> NDArray[np.bool_]:
    """Segments with at least two customers in both the control and the group."""
    return np.asarray((cells.size[:, 0] > 1) & (cells.size[:, group] > 1))
