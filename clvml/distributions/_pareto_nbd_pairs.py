"""The Pareto/NBD likelihood of many customers, from tabulated tails.

A customer's likelihood needs a function of ``(x, t_x)`` and one of ``(x, T)`` (see
`clvml.distributions._pareto_nbd_tails`). Each is evaluated once per distinct pair, and what is linear in them
is summed over pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvml.distributions._chebyshev import polynomials
from clvml.distributions._histories import distinct_rows, repeat_often
from clvml.distributions._pareto_nbd_tails import UPPER, Tails, largest_tabulated, tabulate

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
Sums = tuple[float, Array, Array]

_ENOUGH = 32  # rows with the same x, from which tabulating its tails is cheaper than quadrature for each
_ROWS = 4096  # in all, from which it pays off
_BLOCK = 8_192  # rows or pairs at once


class Pairs(NamedTuple):
    """Distinct pairs of ``x`` and a time, ascending; ``number`` is the position of ``x``."""

    number: Whole
    x: Array
    t: Array

    def up_to(self, n: int) -> Pairs:
        """Those of the first ``n`` numbers."""
        stop = np.searchsorted(self.number, n)
        return Pairs(self.number[:stop], self.x[:stop], self.t[:stop])


class PairedRows(NamedTuple):
    """Rows of histories, ascending by ``x``, as pairs of ``(x, t_x)`` and ``(x, T)``.

    ``x`` are the distinct numbers of purchases; ``last_of_row`` and ``end_of_row`` say which pairs a row has.
    """

    rows: Whole
    weight: Array
    x: Array
    longest: float
    last: Pairs
    end: Pairs
    last_of_row: Whole
    end_of_row: Whole

    def up_to(self, x: float) -> PairedRows:
        """Those with at most ``x`` purchases."""
        n = int(np.searchsorted(self.x, x, side="right"))
        if n == self.x.size:
            return self
        last, end = self.last.up_to(n), self.end.up_to(n)
        stop = np.searchsorted(self.last_of_row, last.t.size)
        here = (self.last_of_row[:stop], self.end_of_row[:stop])
        return PairedRows(self.rows[:stop], self.weight[:stop], self.x[:n], self.longest, last, end, *here)


def paired_rows(x: Array, t_x: Array, T: Array, weight: Array) -> PairedRows | None:
    """The rows whose ``x`` is frequent; None if tabulation does not pay off."""
    if x.size < _ROWS:
        return None
    number = x.astype(np.int64)
    frequent = np.bincount(number) >= _ENOUGH
    rows = np.flatnonzero(frequent[number])
    if not rows.size:
        return None
    numbers = np.flatnonzero(frequent)
    number = (np.cumsum(frequent) - 1)[number[rows]]
    last, last_of_row = _pairs(number, numbers, t_x[rows])
    end, end_of_row = _pairs(number, numbers, T[rows])
    order = np.argsort(last_of_row, kind="stable")
    rows = rows[order]
    longest, of_row = float(T[rows].max()), (last_of_row[order], end_of_row[order])
    return PairedRows(rows, weight[rows], numbers.astype(float), longest, last, end, *of_row)


def _pairs(number: Whole, x: Whole, t: Array) -> tuple[Pairs, Whole]:
    """The distinct pairs, and which of them each row has."""
    keys = (number.astype(float), t)
    one, of_row = distinct_rows(keys) if repeat_often(keys) else (np.arange(t.size),) * 2
    order = np.argsort(keys[0][one] * (t.max() + 1) + t[one])
    one = one[order]
    number, t = number[one], t[one]
    is_new = (np.diff(number, prepend=-1) != 0) | (np.diff(t, prepend=-1.0) != 0)
    place = np.empty_like(order)
    place[order] = np.cumsum(is_new) - 1
    number, t = number[is_new], t[is_new]
    return Pairs(number, x[number].astype(float), t), place[of_row]


def sums_of_pairs(params: Any, paired: PairedRows) -> tuple[PairedRows, Sums]:
    """The rows that can be tabulated; the sum of their log-likelihood, its gradient and its Hessian.

    Without the terms ``log(r + j)`` of purchases, which depend on counts by number only.
    """
    paired = paired.up_to(largest_tabulated(paired.longest, params))
    if not paired.x.size:
        return paired, (0.0, np.zeros(4), np.zeros((4, 4)))
    return paired, _sums(params, paired, tabulate(paired.x, paired.longest, params))


def alive_of_pairs(params: Any, paired: PairedRows) -> tuple[PairedRows, Array]:
    """The rows that can be tabulated, and their P(alive at ``T``), accurate to 1e-13."""
    paired = paired.up_to(largest_tabulated(paired.longest, params))
    if not paired.x.size:
        return paired, np.zeros(0)
    tails = tabulate(paired.x, paired.longest, params)
    dropout = _evaluate(params, tails, tails.dropout, paired.last)[:, 0]
    purchase = _evaluate(params, tails, tails.purchase, paired.end)[:, 0]
    until_end = np.zeros((paired.end.t.size, 5))
    _add_alive(until_end, params, paired.end.x, paired.end.t)
    of_row = paired.end_of_row
    likelihood = np.logaddexp(dropout[paired.last_of_row], purchase[of_row])
    return paired, np.exp(until_end[:, 0][of_row] - likelihood)


def _sums(params: Any, paired: PairedRows, tails: Tails) -> Sums:
    last, end = paired.last, paired.end
    dropout = _evaluate(params, tails, tails.dropout, last)
    purchase = _evaluate(params, tails, tails.purchase, end)
    value, gone, products = _sums_of_rows(paired, dropout, purchase)
    of_last: Array = np.bincount(paired.last_of_row, gone, last.t.size).astype(float)
    of_end: Array = np.bincount(paired.end_of_row, paired.weight - gone, end.t.size).astype(float)
    gradient: Array = (of_last @ dropout + of_end @ purchase)[1:]
    value += float(np.bincount(paired.end_of_row, paired.weight, end.t.size) @ purchase[:, 0])
    hessian = products + _curve(params, tails, tails.dropout, last, of_last)
    hessian += _curve(params, tails, tails.purchase, end, of_end)
    purchases, alpha = float(of_last @ last.x + of_end @ end.x), params.alpha
    gradient[1] -= purchases / alpha
    hessian[1, 1] += purchases / alpha**2
    return value - purchases * np.log(alpha), gradient, hessian


def _sums_of_rows(paired: PairedRows, last: Array, end: Array) -> tuple[float, Array, Array]:
    """Sum of ``softplus(v)``, weighted P(dropout) of each row, and its sum with squares of the gradient."""
    value, products, gone = 0.0, np.zeros((4, 4)), np.empty(paired.weight.size)
    for start in range(0, gone.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        weight = paired.weight[block]
        apart = last[paired.last_of_row[block]]
        apart -= end[paired.end_of_row[block]]
        v, slope = apart[:, 0], apart[:, 1:]
        odds, likely = np.exp(-abs(v)), v > 0
        share = 1 / (1 + odds)
        less = odds * share
        value += float(weight @ (np.where(likely, v, 0.0) - np.log(share)))
        gone[block] = weight * np.where(likely, share, less)
        products += (slope.T * (weight * share * less)) @ slope
    return value, gone, products


def _blocks(tails: Tails, pairs: Pairs) -> Iterator[tuple[slice, Array, Whole, Whole]]:
    """The polynomials at each pair, (12, n), and where the pairs of each series start, and which it is."""
    for start in range(0, pairs.t.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        place = np.log1p(pairs.t[block] / tails.unit) / tails.width
        panel = np.minimum(place.astype(np.int64), tails.n_panels - 1)
        series = pairs.number[block] * tails.n_panels + panel
        starts = np.flatnonzero(np.diff(series, prepend=-1))
        yield block, polynomials(2 * (place - panel) - 1), starts, series[starts]


def _evaluate(params: Any, tails: Tails, table: Array, pairs: Pairs) -> Array:
    """Logarithm and gradient of the likelihood of a pair, shape (n, 5)."""
    found, table = np.empty((pairs.t.size, 5)), table.reshape(-1, *table.shape[2:])[..., :5]
    for block, basis, starts, series in _blocks(tails, pairs):
        here, ends = found[block], [*starts[1:].tolist(), basis.shape[1]]
        for start, end, which in zip(starts.tolist(), ends, series.tolist(), strict=True):
            np.matmul(basis[:, start:end].T, table[which], out=here[start:end])
        _add_alive(here, params, pairs.x[block], pairs.t[block])
    return found


def _add_alive(found: Array, params: Any, x: Array, t: Array) -> None:
    """Add ``log A`` and its gradient."""
    r, alpha, s, beta = params
    for i, start, shape in ((1, alpha, r + x), (3, beta, s)):
        kept = np.log1p(t / start)
        found[:, 0] -= shape * kept
        found[:, i] -= kept
        found[:, i + 1] += shape * t / (start * (start + t))


def _curve(params: Any, tails: Tails, table: Array, pairs: Pairs, weight: Array) -> Array:
    """Weighted sum over pairs of the Hessian."""
    r, alpha, s, beta = params
    upper, curve = np.zeros(UPPER[0].size), np.zeros((4, 4))
    table = table.reshape(-1, *table.shape[2:])[..., 5:]
    for block, basis, starts, series in _blocks(tails, pairs):
        w, t = weight[block], pairs.t[block]
        moments = np.add.reduceat(basis * w, starts, axis=1)
        upper += np.tensordot(moments, table[series], ((1, 0), (0, 1)))
        for i, start, shape in ((0, alpha, r + pairs.x[block]), (2, beta, s)):
            lost = w * (t / (start * (start + t)))
            curve[i, i + 1] += lost.sum()
            curve[i + 1, i + 1] -= (shape * lost) @ ((2 * start + t) / (start * (start + t)))
    curve[UPPER] += upper
    curve[UPPER[1], UPPER[0]] = curve[UPPER]
    return curve
