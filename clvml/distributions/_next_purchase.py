"""The time by which the probability of a purchase reaches a given one, where there is no closed form."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize.elementwise import find_root

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
Within = Callable[[Rows, Array], Array]

LATEST = 1e7  # time units; later than that is never
_EARLIEST = 1e-12


def time_of_probability(within: Within, probability: Array, *, whole: bool = False) -> Array:
    """The earliest time by which a non-decreasing function of time reaches a probability.

    Parameters
    ----------
    within : callable
        Takes numbers of rows and a time of each, and returns the probability of a purchase by then.
    probability : ndarray, shape (n_rows,)
    whole : bool, default False
        Whether purchases are at whole numbers of time units only.

    Returns
    -------
    ndarray, shape (n_rows,)
        Infinite where it is not reached within 10 million time units.
    """
    time = np.full(probability.size, np.inf)
    rows = np.flatnonzero(probability < 1)
    rows = rows[within(rows, np.full(rows.size, LATEST)) >= probability[rows]]
    if rows.size:
        time[rows] = (_whole_time if whole else _root)(within, rows, probability[rows])
    return time


def _root(within: Within, rows: Rows, probability: Array) -> Array:
    """The root in the logarithm of time, as times differ by orders of magnitude."""

    def over(log_time: Array, row: Rows, needed: Array) -> Array:
        return within(row, np.exp(log_time)) - needed

    ends = (np.full(rows.size, np.log(_EARLIEST)), np.full(rows.size, np.log(LATEST)))
    return np.exp(find_root(over, ends, args=(rows, probability)).x)


def _whole_time(within: Within, rows: Rows, probability: Array) -> Array:
    """The smallest whole number, by bisection."""
    low, high = np.zeros(rows.size), np.full(rows.size, LATEST)
    while (wide := np.flatnonzero(high - low > 1)).size:
        middle = np.floor((low[wide] + high[wide]) / 2)
        reached = within(rows[wide], middle) >= probability[wide]
        high[wide] = np.where(reached, middle, high[wide])
        low[wide] = np.where(reached, low[wide], middle)
    return high
