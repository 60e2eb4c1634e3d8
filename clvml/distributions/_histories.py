"""Aggregate customers with identical histories, which have the same likelihood, to weighted rows.

Aggregation costs a sort, so it is done only if a sample shows that it pays off: histories in whole
days or weeks repeat, real-valued times do not.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.distributions._history import History

Array = NDArray[np.float64]

_SAMPLE = 8192
_BLOCK = 65_536
_WORTH_COUNTING = 0.5
_MIX = tuple(np.uint64(odd) for odd in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9))


class HistoryCounts(NamedTuple):
    """Sufficient statistics of the customers for the likelihood of a purchase model.

    ``more_than[j]`` is the weight of customers with more than ``j`` repeat purchases;
    ``T``, ``T_weight`` and ``T_purchases`` hold the weight and the weighted purchases by length of
    observation; ``x, t_x, T_repeat, weight`` are the customers who may have dropped out: those with at
    least one repeat purchase, or all.
    """

    more_than: Array
    T: Array
    T_weight: Array
    T_purchases: Array
    x: Array
    t_x: Array
    T_repeat: Array
    weight: Array


def count_histories(history: History, *, everyone: bool = False) -> HistoryCounts:
    """Aggregate the histories of customers, identical ones once where that pays off.

    ``everyone`` for models in which those without repeat purchases may have dropped out too.
    """
    x, t_x, T, weight = history.x, history.t_x, history.T, history.weights
    more_than = count_numbers(x, weight)[::-1].cumsum()[::-1][1:]
    distinct_T, (T_weight, T_purchases) = count_equal((T,), (weight, weight * x))
    rows = (x, t_x, T, weight)
    if not everyone:
        repeat = np.flatnonzero(x > 0)
        rows = (x[repeat], t_x[repeat], T[repeat], weight[repeat])
    (x_repeat, t_repeat, T_repeat), (w_repeat,) = count_equal(rows[:3], rows[3:])
    return HistoryCounts(
        more_than, distinct_T[0], T_weight, T_purchases, x_repeat, t_repeat, T_repeat, w_repeat
    )


def count_numbers(x: Array, weight: Array) -> Array:
    """The weight of the customers with ``0, 1, 2, ...`` purchases, up to the maximum."""
    counted = np.zeros(int(x.max()) + 1)
    for start in range(0, x.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        counted += np.bincount(x[part].astype(np.int64), weight[part], counted.size)
    return counted


def count_equal(keys: tuple[Array, ...], weights: tuple[Array, ...]) -> tuple[list[Array], list[Array]]:
    """Distinct rows of ``keys`` and the sums of ``weights`` over each, or all rows if few are equal."""
    if not repeat_often(keys):
        return list(keys), list(weights)
    first, inverse = distinct_rows(keys)
    sums = [np.bincount(inverse, weight, first.size).astype(float) for weight in weights]
    return [key[first] for key in keys], sums


def repeat_often(keys: tuple[Array, ...]) -> bool:
    """Whether, judging by a sample, rows of ``keys`` repeat often enough for aggregation to pay off."""
    sample = tuple(key[:: max(1, key.size // _SAMPLE)] for key in keys)
    return keys[0].size > 1 and np.unique(_codes(sample)).size <= _WORTH_COUNTING * sample[0].size


def distinct_rows(keys: tuple[Array, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The index of one row per distinct value, and for every row the number of its distinct value."""
    inverse, distinct = pd.factorize(_codes(keys) if len(keys) > 1 else keys[0])
    one = _one_of_each(inverse, distinct.size)
    if len(keys) == 1 or all((key[one][inverse] == key).all() for key in keys):
        return one, inverse
    rows = np.stack(keys)  # a hash collision, of probability about 1e-7: sort entire rows
    _, one, inverse = np.unique(rows, axis=1, return_index=True, return_inverse=True)
    return one, inverse.ravel()


def group_rows(x: Array, panel: Array | NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """As `distinct_rows` of two columns of whole numbers, without hashing while their ranges are small."""
    low, high = panel.min(), panel.max()
    width = int(high - low) + 1
    if (x.max() + 1) * width > 4 * x.size + 100_000:
        return distinct_rows((x, panel.astype(float)))
    code = x.astype(np.int64)
    code *= width
    code += panel.astype(np.int64, copy=False)
    code -= int(low)
    one = _one_of_each(code, int(code.max()) + 1)
    present = one >= 0
    return one[present], (np.cumsum(present) - 1)[code]


def _one_of_each(code: NDArray[np.int64], n_codes: int) -> NDArray[np.int64]:
    """The index of one row with each code, -1 if there is none."""
    one = np.full(n_codes, -1)
    for start in range(0, code.size, _BLOCK):
        part = code[start : start + _BLOCK]
        one[part] = np.arange(start, start + part.size)
    return one


def _codes(keys: tuple[Array, ...]) -> NDArray[np.uint64]:
    """A hash per row, equal for equal rows; adding zero makes -0.0 and 0.0 the same."""
    codes = np.zeros(keys[0].size, dtype=np.uint64)
    for key, odd in zip(keys, itertools.cycle(_MIX), strict=False):
        bits = np.ascontiguousarray(key + 0.0).view(np.uint64)
        codes = (codes ^ (bits ^ (bits >> np.uint64(29)))) * odd
    return codes
