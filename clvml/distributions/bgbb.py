"""The BG/BB model of purchases at discrete opportunities, such as yearly donations.

While with us a customer buys at each opportunity with probability ``p``; before each they may
leave for good, with probability ``theta``. Both vary across customers::

    p ~ Beta(alpha, beta)        theta ~ Beta(gamma, delta)

A customer is seen as ``(x, t_x, n)``: ``x`` purchases at ``n`` opportunities, the last of them at
opportunity ``t_x``, 0 if none. All parameters are pure numbers. Functions call ``n`` ``T``, as in the
other models.

Fader, Hardie, Shang (2010), Customer-Base Analysis in a Discrete-Time Noncontractual Setting,
Marketing Science 29(6). Their likelihood (equation 5) is a sum over when a customer may have left,
after opportunity ``m = t_x, ..., n``:

    B(alpha+x, beta+m-x) / B(alpha, beta) * B(gamma+1, delta+m) / B(gamma, delta)      m < n
    B(alpha+x, beta+n-x) / B(alpha, beta) * B(gamma,   delta+n) / B(gamma, delta)      m = n, alive

Terms fall as ``m`` rises, so here all are relative to the first, having left right after ``t_x``. The first
thousand are products of ratios, one by one; those beyond are summed by few points.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvml.distributions import _survival as survival
from clvml.distributions._gamma_ratios import (
    digamma_rise,
    log_beta_binomial,
    log_beta_fall,
    log_beta_sequence,
    trigamma_fall,
)
from clvml.distributions._histories import count_equal, distinct_rows, of_rows
from clvml.distributions._scenarios import scaled_beta
from clvml.distributions._survival import discounted_stay, draw_stay, endless_stay
from clvml.distributions._whole_sums import panels

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

_BLOCK = 2048  # rows at once
_EACH = 1024  # opportunities that are summed one by one
_AT_ONCE = 32  # of them
_NEGLIGIBLE = 40.0  # e**-40 of the largest term: those below cannot matter
_PANELS = 8.0  # in which the terms that count are summed, at least


class BGBBParams(NamedTuple):
    """Parameters of the BG/BB model: pure numbers."""

    alpha: float
    beta: float
    gamma: float
    delta: float


class Opportunities(NamedTuple):
    """Distinct histories ``(x, t_x, n)`` and how many customers have each."""

    x: Array
    t_x: Array
    n: Array
    weight: Array


class _Alive(NamedTuple):
    """Customers alive, of whom ``n`` purchases are asked.

    They buy with a probability of ``Beta(a, b)``, and leave with one of ``Beta(gamma, d)``.
    """

    n: Array
    a: Array
    b: Array
    gamma: float
    d: Array

    @classmethod
    def at(cls, n: Array, x: Array, T: Array, params: BGBBParams) -> _Alive:
        return cls(n, params.alpha + x, params.beta + (T - x), params.gamma, params.delta + T)

    def of(self, rows: Any) -> _Alive:
        return _Alive(self.n[rows], self.a[rows], self.b[rows], self.gamma, self.d[rows])


class _Steps(NamedTuple):
    """Sums of ``1 / (start + j)`` and of minus its square over ``j`` below a number."""

    start: float
    first: Array
    second: Array

    @classmethod
    def from_(cls, start: float, longest: float) -> _Steps:
        step = 1 / (start + np.arange(int(longest) + 1))
        return cls(start, np.append(0.0, np.cumsum(step)), np.append(0.0, -np.cumsum(step**2)))

    def below(self, number: Array) -> tuple[Array, Array]:
        if (number % 1 == 0).all():
            whole = number.astype(np.int64)
            return self.first[whole], self.second[whole]
        return digamma_rise(self.start, number), -trigamma_fall(self.start, number)


class _Ends(NamedTuple):
    """When customers, ``rows``, may have left: shape (n_rows, n_ends), relative to right after ``t_x``."""

    rows: Rows
    m: Array
    ratio: Array


def count(x: Array, t_x: Array, T: Array, weight: Array | None = None) -> Opportunities:
    """Histories of customers, equal ones counted once where that pays."""
    keys, sums = count_equal((x, t_x, T), (np.ones_like(x) if weight is None else weight,))
    return Opportunities(keys[0], keys[1], keys[2], sums[0])


def log_likelihood(x: Array, t_x: Array, T: Array, params: BGBBParams) -> Array:
    """Log-likelihood of each customer."""
    first, row = distinct_rows((x, t_x, T))
    x, t_x, T = x[first], t_x[first], T[first]
    left, alive = _left_and_alive(x, t_x, T, params)
    return (_log_left_at_once(x, t_x, params) + np.log(left + alive))[row]


def probability_alive(x: Array, t_x: Array, T: Array, params: BGBBParams) -> Array:
    """P(alive at opportunity ``n`` | x, t_x, n)."""
    first, row = distinct_rows((x, t_x, T))
    left, alive = _left_and_alive(x[first], t_x[first], T[first], params)
    return (alive / (left + alive))[row]


def probability_of_staying(x: Array, T: Array, after: float, params: BGBBParams) -> Array:  # noqa: ARG001
    """P(alive at opportunity ``n + after`` | alive at ``n``); equation 11 of the paper has ``after`` 1."""
    return survival.probability_of_staying(params.gamma, params.delta, T, after)


def purchases_given_alive(x: Array, T: Array, ends: Array, weights: Array, params: BGBBParams) -> Array:
    """Weighted sum over ``ends`` of the expected purchases until then, for customers alive at ``n``.

    Equation 14 of the paper without P(alive).
    """
    alpha, beta, gamma, delta = params
    return (alpha + x) / (alpha + beta + T) * discounted_stay(gamma, delta, T, ends, weights)


def endless_purchases(x: Array, T: Array, params: BGBBParams) -> Array:
    """E[purchases ever | alive at ``n``]: infinite where ``gamma`` is 1 or less."""
    alpha, beta, gamma, delta = params
    return (alpha + x) / (alpha + beta + T) * endless_stay(gamma, delta, T)


def count_probability(n: Array, horizon: float, x: Array, T: Array, params: BGBBParams) -> Array:
    """P(n purchases at the next ``horizon`` opportunities | alive at ``T``).

    Equation 8 of the paper with a customer's own Beta distributions, a sum of positive terms: stays for
    all of them, or leaves after ``j = n, ..., horizon - 1`` of them.
    """
    n, x, T = np.broadcast_arrays(n, x, T)
    first, row = distinct_rows((n.astype(float), x, T))
    probability = np.zeros(first.size)
    possible = np.flatnonzero(n[first] <= horizon)
    for start in range(0, possible.size, _BLOCK):
        block = possible[start : start + _BLOCK]
        who = first[block]
        alive = _Alive.at(n[who], x[who], T[who], of_rows(params, who))
        probability[block] = np.exp(_log_stays(alive, horizon)) + _leaves(alive, horizon)
    return probability[row]


def rate_of_leaving(params: BGBBParams) -> float:
    """The mean probability of leaving before an opportunity."""
    return params.gamma / (params.gamma + params.delta)


def rescaled(
    x: Array, T: Array, params: BGBBParams, purchase_rate: float, dropout: float
) -> tuple[Array, BGBBParams]:
    """``T`` and parameters by which the functions of the future give a scenario from ``T`` on.

    The means of both probabilities are multiplied and the sums of their parameters stay: a customer alive has
    ``p ~ Beta(alpha + x, beta + T - x)`` and ``theta ~ Beta(gamma, delta + T)``. Neither mean exceeds 0.999.

    Raises
    ------
    InputError
        If a multiple is not positive.
    """
    kind: Any = BGBBParams
    a, b = scaled_beta("purchase_rate", purchase_rate, params.alpha + x, params.beta + (T - x))
    gamma, delta = scaled_beta("dropout", dropout, params.gamma, params.delta)
    return T, kind(a - x, b - (T - x), gamma, delta)


def total(params: BGBBParams, seen: Opportunities) -> float:
    """Total log-likelihood alone."""
    return float(seen.weight @ log_likelihood(seen.x, seen.t_x, seen.n, params))


def objective(params: BGBBParams, seen: Opportunities) -> tuple[float, Array, Array]:
    """Total log-likelihood with its gradient and Hessian in ``(alpha, beta, gamma, delta)``.

    The logarithm of a sum of exponentials: its gradient is the mean of theirs, its Hessian the mean of
    theirs plus the covariance of their gradients.
    """
    value, gradient, hessian = 0.0, np.zeros(4), np.zeros((4, 4))
    alpha, beta, gamma, delta = params
    steps = [_Steps.from_(start, seen.n.max()) for start in (alpha, beta, alpha + beta, delta, gamma + delta)]
    for start in range(0, seen.x.size, _BLOCK):
        x, t_x, n, weight = (column[start : start + _BLOCK] for column in seen)
        total, mean, square = np.zeros(x.size), np.zeros((4, x.size)), np.zeros((4, 4, x.size))
        alive = _Ends(np.arange(x.size), n[:, None], np.exp(_log_alive(x, t_x, n, params))[:, None])
        for ends, left in [(alive, 0), *((ends, 1) for ends in _ends(x, t_x, n, params))]:
            rows = ends.rows
            slope, curve = _derivatives(steps, gamma, x[rows, None], ends.m, left)
            total[rows] += ends.ratio.sum(axis=1)
            mean[:, rows] += np.einsum("nk,ink->in", ends.ratio, slope)
            square[:, :, rows] += np.einsum("nk,ink,jnk->ijn", ends.ratio, slope, slope)
            square[:, :, rows] += np.einsum("nk,ijnk->ijn", ends.ratio, curve)
        mean /= total
        value += float(weight @ (_log_left_at_once(x, t_x, params) + np.log(total)))
        gradient += mean @ weight
        hessian += (square / total) @ weight - (mean * weight) @ mean.T
    return value, gradient, hessian


def simulate_ahead(
    x: Array, T: Array, horizon: float, params: BGBBParams, rng: np.random.Generator
) -> tuple[Rows, Array]:
    """Purchases of customers alive at ``T`` at the next ``horizon`` opportunities: whose, and at which.

    From one purchase to the next is a geometric number of opportunities. As many are drawn as should reach
    the end of a customer's stay, and more for those who are not there yet.
    """
    alpha, beta, gamma, delta = params
    buys = np.maximum(rng.beta(alpha + x, beta + T - x), np.finfo(float).tiny)
    stay, at = draw_stay(gamma, delta, T, horizon, rng), np.zeros(x.size)
    rows, found = np.flatnonzero(stay), [(np.zeros(0, dtype=np.int64), np.zeros(0))]
    while rows.size:
        mean = (stay[rows] - at[rows]) * buys[rows]
        row = np.repeat(rows, (mean + 2 * np.sqrt(mean) + 1).astype(np.int64))
        time = np.cumsum(rng.geometric(buys[row]).astype(float))
        first = np.flatnonzero(np.diff(row, prepend=-1))
        last = np.append(first[1:], row.size) - 1
        before = np.append(0.0, time[last[:-1]])
        time += np.repeat(at[rows] - before, last - first + 1)
        found.append((row[time <= stay[row]], time[time <= stay[row]]))
        at[rows] = time[last]
        rows = rows[at[rows] < stay[rows]]
    row, time = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(row, kind="stable")
    return row[order], time[order]


def simulate(T: Array, params: BGBBParams, rng: np.random.Generator) -> tuple[Array, Array]:
    """Purchases ``x`` and the opportunity of the last, ``t_x``, of customers with ``T`` opportunities."""
    alpha, beta, gamma, delta = params
    buys, leaves = rng.beta(alpha, beta, T.size), rng.beta(gamma, delta, T.size)
    x, t_x, alive = np.zeros(T.size), np.zeros(T.size), np.ones(T.size, dtype=bool)
    for opportunity in range(1, int(T.max(initial=0)) + 1):
        alive &= rng.random(T.size) >= leaves
        bought = alive & (rng.random(T.size) < buys) & (opportunity <= T)
        x[bought] += 1
        t_x[bought] = opportunity
    return x, t_x


def _log_left_at_once(x: Array, t_x: Array, params: BGBBParams) -> Array:
    """Log-probability of the purchases until ``t_x``, and of leaving right after."""
    alpha, beta, gamma, delta = params
    left = np.log(gamma / (gamma + delta + t_x)) - log_beta_fall(delta, gamma, t_x)
    return left + log_beta_sequence(x, t_x - x, alpha, beta)


def _log_fall(x: Array, t_x: Array, silence: Array, params: BGBBParams) -> Array:
    """How far the logarithm of a term falls from ``t_x`` to ``t_x + silence``."""
    alpha, beta, gamma, delta = params
    no_purchase = log_beta_fall(beta + (t_x - x), alpha + x, silence)
    return no_purchase + log_beta_fall(delta + t_x, gamma + 1, silence)


def _log_alive(x: Array, t_x: Array, T: Array, params: BGBBParams) -> Array:
    return np.log((params.gamma + params.delta + T) / params.gamma) - _log_fall(x, t_x, T - t_x, params)


def _left_and_alive(x: Array, t_x: Array, T: Array, params: BGBBParams) -> tuple[Array, Array]:
    """How likely customers have left, and are alive, relative to having left right after ``t_x``."""
    left, alive = np.zeros(x.size), np.exp(_log_alive(x, t_x, T, params))
    for start in range(0, x.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        for ends in _ends(x[block], t_x[block], T[block], params):
            left[block][ends.rows] += ends.ratio.sum(axis=1)
    return left, alive


def _ends(x: Array, t_x: Array, T: Array, params: BGBBParams) -> Iterator[_Ends]:
    """When customers may have left, and how likely."""
    alpha, beta, gamma, delta = params
    silence, last = T - t_x, np.ones(x.size)
    for start in range(0, min(int(silence.max(initial=0)), _EACH), _AT_ONCE):
        rows = np.flatnonzero(silence > start)
        m = t_x[rows, None] + np.arange(start, start + _AT_ONCE)
        step = (beta + (m - x[rows, None])) / (alpha + beta + m) * ((delta + m) / (gamma + delta + 1 + m))
        ratio = np.cumprod(np.column_stack([last[rows], step]), axis=1)
        last[rows] = ratio[:, -1]
        possible = m < T[rows, None]
        yield _Ends(rows, np.where(possible, m, t_x[rows, None]), np.where(possible, ratio[:, :-1], 0.0))
    for rows, steps, weights in panels(np.full(x.size, float(_EACH)), silence):
        fall = _log_fall(x[rows, None], t_x[rows, None], steps, params)
        yield _Ends(rows, t_x[rows, None] + steps, weights * np.exp(-fall))


def _derivatives(steps: list[_Steps], gamma: float, x: Array, m: Array, left: int) -> tuple[Array, Array]:
    """Gradient, shape (4, n, k), and Hessian, shape (4, 4, n, k), of the logarithms of the terms."""
    (a, a2), (b, b2), (ab, ab2), (d, d2), (gd, gd2) = (
        step.below(number) for step, number in zip(steps, (x, m - x, m, m, m + left), strict=True)
    )
    slope = np.stack([a - ab, b - ab, left / gamma - gd, d - gd])
    curve = np.zeros((4, *slope.shape))
    curve[0, 0], curve[1, 1], curve[2, 2], curve[3, 3] = (
        a2 - ab2,
        b2 - ab2,
        -left / gamma**2 - gd2,
        d2 - gd2,
    )
    curve[0, 1] = curve[1, 0] = -ab2
    curve[2, 3] = curve[3, 2] = -gd2
    return slope, curve


def _log_stays(alive: _Alive, horizon: float) -> Array:
    """Log-probability of staying for the whole ``horizon``, and ``n`` purchases then."""
    n, a, b, gamma, d = alive
    return log_beta_binomial(n, horizon - n, a, b) - log_beta_fall(d, gamma, horizon)


def _log_leaves(alive: _Alive, j: Array) -> Array:
    """Log-probability of leaving after ``j`` opportunities, and ``n`` purchases at these."""
    n, a, b, gamma, d = alive
    return log_beta_binomial(n, j - n, a, b) - log_beta_fall(d, gamma, j) + np.log(gamma / (gamma + d + j))


def _leaves(alive: _Alive, horizon: float) -> Array:
    """Probability of ``n`` purchases, leaving within ``horizon``."""
    probability, many = np.zeros(alive.n.size), horizon - alive.n > _EACH
    few, long = np.flatnonzero(~many), np.flatnonzero(many)
    probability[few] = _leaves_one_by_one(alive.of(few), horizon)
    low, high, fraction = _window(alive.of(long), horizon)
    for rows, missed, weights in panels(low, high, fraction):
        some = alive.of(long[rows, None])
        terms = np.exp(_log_leaves(some, some.n + missed))
        probability[long[rows]] += (weights * terms).sum(axis=1)
    return probability


def _leaves_one_by_one(alive: _Alive, horizon: float) -> Array:
    probability, room = np.zeros(alive.n.size), horizon - alive.n
    for start in range(0, int(room.max(initial=0)), _AT_ONCE):
        rows = np.flatnonzero(room > start)
        some = alive.of(rows[:, None])
        j = some.n + np.arange(start, start + _AT_ONCE)
        ratio = np.cumprod(np.column_stack([np.ones(rows.size), _growth(some, j[:, :-1])]), axis=1)
        top = _log_leaves(some, j[:, :1])[:, 0]
        probability[rows] += np.exp(top + np.log(np.where(j < horizon, ratio, 0.0).sum(axis=1)))
    return probability


def _growth(alive: _Alive, j: Array) -> Array:
    """By what a term grows from ``j`` to ``j + 1``: first by more than 1, then by less, if ``b > 1``."""
    n, a, b, gamma, d = alive
    return (j + 1) / (j + 1 - n) * ((b + (j - n)) / (a + b + j)) * ((d + j) / (gamma + d + 1 + j))


def _window(alive: _Alive, horizon: float) -> tuple[Array, Array, Array]:
    """Where terms count, in opportunities missed, and how wide panels may be there beside that."""
    last = horizon - alive.n - 1
    low, high = np.zeros(last.size), last.copy()
    while (low < high).any():
        middle = np.floor((low + high) / 2)
        rises = _growth(alive, alive.n + middle) >= 1
        low, high = np.where(rises & (low < high), middle + 1, low), np.where(rises, high, middle)
    floor = _log_leaves(alive, alive.n + low) - _NEGLIGIBLE
    first, end = _edge(alive, low, np.zeros(last.size), floor), _edge(alive, low, last, floor) + 1
    return first, end, np.log((end + 1) / (first + 1)) / _PANELS


def _edge(alive: _Alive, inside: Array, outside: Array, floor: Array) -> Array:
    """Between ``inside`` and ``outside``, where the logarithm of a term has fallen to ``floor``."""
    while (np.abs(outside - inside) > 1).any():
        middle = np.floor((inside + outside) / 2)
        small = _log_leaves(alive, alive.n + middle) < floor
        inside, outside = np.where(small, inside, middle), np.where(small, middle, outside)
    return outside
