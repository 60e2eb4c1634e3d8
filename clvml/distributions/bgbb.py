"""The BG/BB model of purchases at discrete opportunities, such as yearly donations.

While alive a customer buys at each opportunity with probability ``p``; before each they drop out
with probability ``theta``. Both vary across customers::

    p ~ Beta(alpha, beta)        theta ~ Beta(gamma, delta)

The data of a customer are ``(x, t_x, n)``: ``x`` purchases at ``n`` opportunities, the last of them at
opportunity ``t_x``, 0 if none. All parameters are dimensionless. Functions call ``n`` ``T``, as in the
other models.

Fader, Hardie, Shang (2010), Customer-Base Analysis in a Discrete-Time Noncontractual Setting,
Marketing Science 29(6). Their likelihood (equation 5) is a sum over the possible times of
dropout, after opportunity ``m = t_x, ..., n``:

    B(alpha+x, beta+m-x) / B(alpha, beta) * B(gamma+1, delta+m) / B(gamma, delta)      m < n
    B(alpha+x, beta+n-x) / B(alpha, beta) * B(gamma,   delta+n) / B(gamma, delta)      m = n, alive

Terms decrease in ``m``, so here all are relative to the first, dropout right after ``t_x``. The first
thousand are products of ratios, summed one by one; the others are summed by quadrature.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvml.distributions import _survival as survival
from clvml.distributions._covariates import in_log_parameters
from clvml.distributions._gamma_ratios import (
    digamma_rise,
    log_beta_binomial,
    log_beta_fall,
    log_beta_sequence,
    trigamma_fall,
)
from clvml.distributions._histories import count_equal, distinct_rows
from clvml.distributions._history import History, params_of_rows
from clvml.distributions._next_purchase import time_of_probability
from clvml.distributions._scenarios import scaled_beta
from clvml.distributions._survival import discounted_survival, draw_survival, infinite_horizon_survival
from clvml.distributions._whole_sums import panels

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

_BLOCK = 2048  # rows at once
_EACH = 1024  # opportunities that are summed one by one
_AT_ONCE = 32  # of them
_TABLE = 1 << 18  # numbers, of customers times opportunities
_NEGLIGIBLE = 40.0  # e**-40 of the largest term: smaller ones are negligible
_PANELS = 8.0  # minimum number for the relevant terms


class BGBBParams(NamedTuple):
    """Parameters of the BG/BB model, all dimensionless."""

    alpha: float
    beta: float
    gamma: float
    delta: float


class Opportunities(NamedTuple):
    """Distinct histories ``(x, t_x, n)`` and the weight of each."""

    x: Array
    t_x: Array
    n: Array
    weight: Array


class _Alive(NamedTuple):
    """Customers alive, and the number of purchases whose probability is computed.

    Their purchase probability is ``Beta(a, b)``, their dropout probability ``Beta(gamma, d)``.
    """

    n: Array
    a: Array
    b: Array
    gamma: Array
    d: Array

    @classmethod
    def at(cls, n: Array, x: Array, T: Array, params: BGBBParams) -> _Alive:
        gamma = np.broadcast_to(params.gamma, n.shape)
        return cls(n, params.alpha + x, params.beta + (T - x), gamma, params.delta + T)

    def of(self, rows: Any) -> _Alive:
        return _Alive(*(column[rows] for column in self))


class _Steps(NamedTuple):
    """Sums of ``1 / (start + j)`` and of minus its square over ``j`` below a number.

    Tabulated, with one row per customer if ``start`` is customer-specific; computed if tables would be too
    large.
    """

    start: Any
    first: Array | None = None
    second: Array | None = None

    @classmethod
    def from_(cls, start: Any, longest: int) -> _Steps:
        if isinstance(start, np.ndarray) and longest > _EACH:
            return cls(start)
        step = 1 / (np.asarray(start)[..., None] + np.arange(longest + 1))
        zero = np.zeros((*step.shape[:-1], 1))
        first, second = np.cumsum(step, axis=-1), -np.cumsum(step**2, axis=-1)
        return cls(start, np.concatenate([zero, first], axis=-1), np.concatenate([zero, second], axis=-1))

    def of(self, rows: Rows) -> _Steps:
        if not isinstance(self.start, np.ndarray):
            return self
        tables = (None if table is None else table[rows] for table in (self.first, self.second))
        return _Steps(self.start[rows, None], *tables)

    def below(self, number: Array) -> tuple[Array, Array]:
        if self.first is None or self.second is None or (number % 1 != 0).any():
            return digamma_rise(self.start, number), -trigamma_fall(self.start, number)
        whole = number.astype(np.int64)
        if self.first.ndim == 1:
            return self.first[whole], self.second[whole]
        return np.take_along_axis(self.first, whole, 1), np.take_along_axis(self.second, whole, 1)


class _Ends(NamedTuple):
    """Possible times of dropout of ``rows``: shape (n_rows, n_ends), relative to right after ``t_x``."""

    rows: Rows
    m: Array
    ratio: Array


def count(history: History) -> Opportunities:
    """Aggregate the histories of customers, identical ones once where that pays off."""
    keys, sums = count_equal((history.x, history.t_x, history.T), (history.weights,))
    return Opportunities(keys[0], keys[1], keys[2], sums[0])


def log_likelihood(history: History, params: BGBBParams) -> Array:
    """Log-likelihood of each customer."""
    x, t_x, T, own, row = _distinct(history, params)
    dropped, alive = _dropped_and_alive(x, t_x, T, own)
    return (_log_dropout_at_once(x, t_x, own) + np.log(dropped + alive))[row]


def probability_alive(history: History, params: BGBBParams) -> Array:
    """P(alive at opportunity ``n`` | x, t_x, n)."""
    x, t_x, T, own, row = _distinct(history, params)
    dropped, alive = _dropped_and_alive(x, t_x, T, own)
    return (alive / (dropped + alive))[row]


def _distinct(history: History, params: BGBBParams) -> tuple[Array, Array, Array, BGBBParams, Rows]:
    """Distinct customers with their parameters, and the position of each customer among them."""
    own = tuple(np.asarray(param) for param in params if isinstance(param, np.ndarray))
    first, row = distinct_rows((history.x, history.t_x, history.T, *own))
    return history.x[first], history.t_x[first], history.T[first], params_of_rows(params, first), row


def survival_probability(history: History, after: float, params: BGBBParams) -> Array:
    """P(alive at opportunity ``n + after`` | alive at ``n``); equation 11 of the paper has ``after`` 1."""
    return survival.survival_probability(params.gamma, params.delta, history.T, after)


def purchases_given_alive(history: History, ends: Array, weights: Array, params: BGBBParams) -> Array:
    """Weighted sum over ``ends`` of the expected purchases until then, for customers alive at ``n``.

    Equation 14 of the paper without P(alive).
    """
    alpha, beta, gamma, delta = params
    buys = (alpha + history.x) / (alpha + beta + history.T)
    return buys * discounted_survival(gamma, delta, history.T, ends, weights)


def infinite_horizon_purchases(history: History, params: BGBBParams) -> Array:
    """E[purchases over an infinite horizon | alive at ``n``]: infinite where ``gamma`` is 1 or less."""
    alpha, beta, gamma, delta = params
    buys = (alpha + history.x) / (alpha + beta + history.T)
    return buys * infinite_horizon_survival(gamma, delta, history.T)


def count_probability(n: Array, horizon: float, history: History, params: BGBBParams) -> Array:
    """P(n purchases at the next ``horizon`` opportunities | alive at ``T``).

    Equation 8 of the paper with the customer's posterior Beta distributions, a sum of positive terms: the
    customer survives all opportunities, or drops out after ``j = n, ..., horizon - 1`` of them.
    """
    n, x, T = np.broadcast_arrays(n, history.x, history.T)
    own = [np.broadcast_to(param, n.shape) for param in params if isinstance(param, np.ndarray)]
    first, row = distinct_rows((n.astype(float), x, T, *own))
    probability = np.zeros(first.size)
    possible = np.flatnonzero(n[first] <= horizon)
    for start in range(0, possible.size, _BLOCK):
        block = possible[start : start + _BLOCK]
        who = first[block]
        alive = _Alive.at(n[who], x[who], T[who], _params_at(params, n.size, who))
        probability[block] = np.exp(_log_survives(alive, horizon)) + _drops_out(alive, horizon)
    return probability[row]


def any_purchase_probability(history: History, horizon: float | Array, params: BGBBParams) -> Array:
    """P(at least one purchase at the next ``horizon`` opportunities | alive at ``T``).

    A sum of positive terms: the first purchase is at the ``j + 1``-th opportunity, until which the customer
    does not drop out. With the first of these dropout opportunities aside it is the probability of dropout
    without a purchase, the two processes exchanged.
    """
    columns = (history.x, history.T, np.asarray(horizon, dtype=float), *params)
    x, T, until, alpha, beta, gamma, delta = np.broadcast_arrays(*columns)
    first, row = distinct_rows((x, T, until, alpha, beta, gamma, delta))
    x, T, until, alpha, beta, gamma, delta = (
        column[first] for column in (x, T, until, alpha, beta, gamma, delta)
    )
    stays = (delta + T) / (gamma + delta + T)
    exchanged = _Alive(np.zeros(x.size), gamma, delta + T + 1, alpha + x, beta + (T - x))
    value = np.empty(x.size)
    for start in range(0, x.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        value[block] = stays[block] * _drops_out(exchanged.of(block), until[block])
    return np.minimum(value, 1.0)[row]


def next_purchase_time(history: History, probability: Array, params: BGBBParams) -> Array:
    """The number of opportunities by which P(purchase | alive at ``T``) reaches ``probability``."""

    def within(rows: Rows, time: Array) -> Array:
        return any_purchase_probability(history.rows(rows), time, params_of_rows(params, rows))

    return time_of_probability(within, probability, whole=True)


def _params_at(params: BGBBParams, size: int, rows: Rows) -> BGBBParams:
    """The parameters of rows, where several rows may belong to one customer."""
    wide = (np.broadcast_to(p, size) if isinstance(p, np.ndarray) else p for p in params)
    return BGBBParams(*params_of_rows(BGBBParams(*wide), rows))


def dropout_rate(params: BGBBParams) -> float:
    """The mean probability of dropout before an opportunity."""
    return params.gamma / (params.gamma + params.delta)


def rescaled(
    history: History, params: BGBBParams, purchase_rate: float, dropout: float
) -> tuple[History, BGBBParams]:
    """Histories and parameters that give the predictions of a scenario from ``T`` on.

    The means of both probabilities are multiplied and the sums of their parameters unchanged: a customer
    alive has ``p ~ Beta(alpha + x, beta + T - x)`` and ``theta ~ Beta(gamma, delta + T)``. Neither mean
    exceeds 0.999.

    Raises
    ------
    InputError
        If a multiple is not positive.
    """
    kind: Any = BGBBParams  # of arrays as well as of numbers
    x, missed = history.x, history.T - history.x
    a, b = scaled_beta("purchase_rate", purchase_rate, params.alpha + x, params.beta + missed)
    gamma, delta = scaled_beta("dropout", dropout, params.gamma, params.delta)
    return history, kind(a - x, b - missed, gamma, delta)


def total(params: BGBBParams, seen: Opportunities) -> float:
    """Total log-likelihood alone."""
    return float(seen.weight @ log_likelihood(History(seen.x, seen.t_x, seen.n), params))


def objective(params: BGBBParams, seen: Opportunities) -> tuple[float, Array, Array]:
    """Total log-likelihood with its gradient and Hessian in ``(alpha, beta, gamma, delta)``."""
    value, gradient, hessian = 0.0, np.zeros(4), np.zeros((4, 4))
    for rows, (each, slope, curve) in _blocks(seen.x, seen.t_x, seen.n, params):
        weight = seen.weight[rows]
        value += float(weight @ each)
        gradient += slope @ weight
        hessian += curve @ weight
    return value, gradient, hessian


def derivatives(history: History, params: Any) -> tuple[Array, Array, Array]:
    """Log-likelihoods (n,), gradients (4, n) and Hessians (4, 4, n) in the log-parameters.

    ``params`` are ``alpha, beta, gamma, delta``, each an array of one number per customer.
    """
    blocks = [part for _, part in _blocks(history.x, history.t_x, history.T, BGBBParams(*params))]
    value, slope, curve = (np.concatenate(parts, axis=-1) for parts in zip(*blocks, strict=True))
    return in_log_parameters(value, slope, curve, params)


def _blocks(
    x: Array, t_x: Array, n: Array, params: BGBBParams
) -> Iterator[tuple[slice, tuple[Array, Array, Array]]]:
    """Log-likelihoods with gradients and Hessians in the parameters, in blocks of customers."""
    longest = int(n.max(initial=0))
    common = not any(isinstance(param, np.ndarray) for param in params)
    steps = _steps(params, longest) if common else []
    block = _BLOCK if common else max(1, min(_BLOCK, _TABLE // (longest + 1)))
    for start in range(0, x.size, block):
        rows = slice(start, start + block)
        own = params_of_rows(params, rows)
        here = steps or _steps(own, int(n[rows].max(initial=0)))
        yield rows, _by_customer(x[rows], t_x[rows], n[rows], own, here)


def _steps(params: BGBBParams, longest: int) -> list[_Steps]:
    alpha, beta, gamma, delta = params
    return [_Steps.from_(start, longest) for start in (alpha, beta, alpha + beta, delta, gamma + delta)]


def _by_customer(
    x: Array, t_x: Array, n: Array, params: BGBBParams, steps: list[_Steps]
) -> tuple[Array, Array, Array]:
    """Log-likelihood of each customer, a log-sum-exp, with its derivatives.

    Its gradient is the weighted mean of those of the terms, its Hessian the mean of theirs plus the
    covariance of their gradients.
    """
    total, mean, square = np.zeros(x.size), np.zeros((4, x.size)), np.zeros((4, 4, x.size))
    alive = _Ends(np.arange(x.size), n[:, None], np.exp(_log_alive(x, t_x, n, params))[:, None])
    for ends, dropped in [(alive, 0), *((ends, 1) for ends in _ends(x, t_x, n, params))]:
        rows = ends.rows
        at = [step.of(rows) for step in steps]
        slope, curve = _derivatives(at, _columns(params, rows).gamma, x[rows, None], ends.m, dropped)
        total[rows] += ends.ratio.sum(axis=1)
        mean[:, rows] += np.einsum("nk,ink->in", ends.ratio, slope)
        square[:, :, rows] += np.einsum("nk,ink,jnk->ijn", ends.ratio, slope, slope)
        square[:, :, rows] += np.einsum("nk,ijnk->ijn", ends.ratio, curve)
    mean /= total
    value = _log_dropout_at_once(x, t_x, params) + np.log(total)
    return value, mean, square / total - mean[:, None] * mean


def _columns(params: BGBBParams, rows: Rows) -> BGBBParams:
    """The parameters of these customers, broadcast against their terms."""
    return BGBBParams(*(p[rows, None] if isinstance(p, np.ndarray) else p for p in params))


def simulate_ahead(
    history: History, horizon: float, params: BGBBParams, rng: np.random.Generator
) -> tuple[Rows, Array]:
    """Simulate purchases at the next ``horizon`` opportunities given alive at ``T``: rows, opportunities.

    Gaps between purchases are geometric. Enough are drawn to reach the end of a customer's lifetime in most
    cases, and more where they do not.
    """
    x, T = history.x, history.T
    alpha, beta, gamma, delta = params
    buys = np.maximum(rng.beta(alpha + x, beta + T - x), np.finfo(float).tiny)
    stay, at = draw_survival(gamma, delta, T, horizon, rng), np.zeros(x.size)
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


def simulate(T: Array, params: BGBBParams, rng: np.random.Generator) -> History:
    """Simulate histories of customers with ``T`` opportunities."""
    alpha, beta, gamma, delta = params
    buys, dropout = rng.beta(alpha, beta, T.size), rng.beta(gamma, delta, T.size)
    x, t_x, alive = np.zeros(T.size), np.zeros(T.size), np.ones(T.size, dtype=bool)
    for opportunity in range(1, int(T.max(initial=0)) + 1):
        alive &= rng.random(T.size) >= dropout
        bought = alive & (rng.random(T.size) < buys) & (opportunity <= T)
        x[bought] += 1
        t_x[bought] = opportunity
    return History(x, t_x, T)


def _log_dropout_at_once(x: Array, t_x: Array, params: BGBBParams) -> Array:
    """Log-probability of the purchases until ``t_x``, and of dropout right after."""
    alpha, beta, gamma, delta = params
    dropout = np.log(gamma / (gamma + delta + t_x)) - log_beta_fall(delta, gamma, t_x)
    return dropout + log_beta_sequence(x, t_x - x, alpha, beta)


def _log_fall(x: Array, t_x: Array, silence: Array, params: BGBBParams) -> Array:
    """Decrease of the logarithm of a term from ``t_x`` to ``t_x + silence``."""
    alpha, beta, gamma, delta = params
    no_purchase = log_beta_fall(beta + (t_x - x), alpha + x, silence)
    return no_purchase + log_beta_fall(delta + t_x, gamma + 1, silence)


def _log_alive(x: Array, t_x: Array, T: Array, params: BGBBParams) -> Array:
    return np.log((params.gamma + params.delta + T) / params.gamma) - _log_fall(x, t_x, T - t_x, params)


def _dropped_and_alive(x: Array, t_x: Array, T: Array, params: BGBBParams) -> tuple[Array, Array]:
    """Likelihood of dropout, and of being alive, relative to dropout right after ``t_x``."""
    dropped, alive = np.zeros(x.size), np.exp(_log_alive(x, t_x, T, params))
    for start in range(0, x.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        for ends in _ends(x[block], t_x[block], T[block], params_of_rows(params, block)):
            dropped[block][ends.rows] += ends.ratio.sum(axis=1)
    return dropped, alive


def _ends(x: Array, t_x: Array, T: Array, params: BGBBParams) -> Iterator[_Ends]:
    """Possible times of dropout with their relative likelihoods."""
    silence, last = T - t_x, np.ones(x.size)
    for start in range(0, min(int(silence.max(initial=0)), _EACH), _AT_ONCE):
        rows = np.flatnonzero(silence > start)
        alpha, beta, gamma, delta = _columns(params, rows)
        m = t_x[rows, None] + np.arange(start, start + _AT_ONCE)
        step = (beta + (m - x[rows, None])) / (alpha + beta + m) * ((delta + m) / (gamma + delta + 1 + m))
        ratio = np.cumprod(np.column_stack([last[rows], step]), axis=1)
        last[rows] = ratio[:, -1]
        possible = m < T[rows, None]
        yield _Ends(rows, np.where(possible, m, t_x[rows, None]), np.where(possible, ratio[:, :-1], 0.0))
    for rows, steps, weights in panels(np.full(x.size, float(_EACH)), silence):
        fall = _log_fall(x[rows, None], t_x[rows, None], steps, _columns(params, rows))
        yield _Ends(rows, t_x[rows, None] + steps, weights * np.exp(-fall))


def _derivatives(steps: list[_Steps], gamma: Any, x: Array, m: Array, dropped: int) -> tuple[Array, Array]:
    """Gradient, shape (4, n, k), and Hessian, shape (4, 4, n, k), of the logarithms of the terms."""
    (a, a2), (b, b2), (ab, ab2), (d, d2), (gd, gd2) = (
        step.below(number) for step, number in zip(steps, (x, m - x, m, m, m + dropped), strict=True)
    )
    slope = np.stack([a - ab, b - ab, dropped / gamma - gd, d - gd])
    curve = np.zeros((4, *slope.shape))
    curve[0, 0], curve[1, 1], curve[2, 2], curve[3, 3] = (
        a2 - ab2,
        b2 - ab2,
        -dropped / gamma**2 - gd2,
        d2 - gd2,
    )
    curve[0, 1] = curve[1, 0] = -ab2
    curve[2, 3] = curve[3, 2] = -gd2
    return slope, curve


def _log_survives(alive: _Alive, horizon: float) -> Array:
    """Log-probability of surviving the whole ``horizon``, and ``n`` purchases then."""
    n, a, b, gamma, d = alive
    return log_beta_binomial(n, horizon - n, a, b) - log_beta_fall(d, gamma, horizon)


def _log_drops_out(alive: _Alive, j: Array) -> Array:
    """Log-probability of dropout after ``j`` opportunities, and ``n`` purchases at these."""
    n, a, b, gamma, d = alive
    return log_beta_binomial(n, j - n, a, b) - log_beta_fall(d, gamma, j) + np.log(gamma / (gamma + d + j))


def _drops_out(alive: _Alive, horizon: float | Array) -> Array:
    """Probability of ``n`` purchases and dropout within ``horizon``."""
    horizon = np.broadcast_to(horizon, alive.n.shape)
    probability, many = np.zeros(alive.n.size), horizon - alive.n > _EACH
    few, long = np.flatnonzero(~many), np.flatnonzero(many)
    probability[few] = _drops_out_one_by_one(alive.of(few), horizon[few])
    low, high, fraction = _window(alive.of(long), horizon[long])
    for rows, missed, weights in panels(low, high, fraction):
        some = alive.of(long[rows, None])
        terms = np.exp(_log_drops_out(some, some.n + missed))
        probability[long[rows]] += (weights * terms).sum(axis=1)
    return probability


def _drops_out_one_by_one(alive: _Alive, horizon: Array) -> Array:
    probability, room = np.zeros(alive.n.size), horizon - alive.n
    for start in range(0, int(room.max(initial=0)), _AT_ONCE):
        rows = np.flatnonzero(room > start)
        some = alive.of(rows[:, None])
        j = some.n + np.arange(start, start + _AT_ONCE)
        ratio = np.cumprod(np.column_stack([np.ones(rows.size), _growth(some, j[:, :-1])]), axis=1)
        top = _log_drops_out(some, j[:, :1])[:, 0]
        probability[rows] += np.exp(top + np.log(np.where(j < horizon[rows, None], ratio, 0.0).sum(axis=1)))
    return probability


def _growth(alive: _Alive, j: Array) -> Array:
    """Ratio of the terms ``j + 1`` and ``j``: first above 1, then below, if ``b > 1``."""
    n, a, b, gamma, d = alive
    return (j + 1) / (j + 1 - n) * ((b + (j - n)) / (a + b + j)) * ((d + j) / (gamma + d + 1 + j))


def _window(alive: _Alive, horizon: Array) -> tuple[Array, Array, Array]:
    """Range of the relevant terms, in opportunities missed, and the relative width of panels there."""
    last = horizon - alive.n - 1
    low, high = np.zeros(last.size), last.copy()
    while (low < high).any():
        middle = np.floor((low + high) / 2)
        rises = _growth(alive, alive.n + middle) >= 1
        low, high = np.where(rises & (low < high), middle + 1, low), np.where(rises, high, middle)
    floor = _log_drops_out(alive, alive.n + low) - _NEGLIGIBLE
    first, end = _edge(alive, low, np.zeros(last.size), floor), _edge(alive, low, last, floor) + 1
    return first, end, np.log((end + 1) / (first + 1)) / _PANELS


def _edge(alive: _Alive, inside: Array, outside: Array, floor: Array) -> Array:
    """Between ``inside`` and ``outside``, where the logarithm of a term has fallen to ``floor``."""
    while (np.abs(outside - inside) > 1).any():
        middle = np.floor((inside + outside) / 2)
        small = _log_drops_out(alive, alive.n + middle) < floor
        inside, outside = np.where(small, inside, middle), np.where(small, middle, outside)
    return outside
