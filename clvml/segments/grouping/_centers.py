"""Centres of segments: by Lloyd's iterations from given starts, and the nearest centre of each customer.

Sums are taken in row order, without matrix products: the assignment of a customer is bitwise
independent of the other customers, and the number of threads does not change a centre.
"""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans

BLOCK = 16_384


def centers_by_value(
    points: np.ndarray, start: np.ndarray, value: np.ndarray, random_state: int
) -> np.ndarray:
    """Lloyd's iterations over all customers; the centres ordered by falling mean value of their customers."""
    k = len(start)
    labels = KMeans(k, init=start, n_init=1, random_state=random_state).fit(points).labels_
    sizes = np.bincount(labels, minlength=k)
    worth = np.bincount(labels, value, k) / sizes
    # Means in row order: the order of summation in scikit-learn's threads is not deterministic.
    centers = np.column_stack([np.bincount(labels, column, k) for column in points.T]) / sizes[:, None]
    return centers[np.lexsort((*centers.T[::-1], -worth))]


def nearest(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """The row of the nearest centre for each point; the first of equals.

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
