"""The Pareto/NBD model of repeat purchases.

While alive a customer buys at rate ``lambda``; they drop out at rate ``mu``, at any
time. Both vary across customers::

    lambda ~ Gamma(shape=r, rate=alpha)        mu ~ Gamma(shape=s, rate=beta)

The data of a customer are ``(x, t_x, T)``: ``x`` repeat purchases, the last of them ``t_x`` after the
first purchase, under observation for ``T``. ``alpha`` and ``beta`` have the unit of time.

Schmittlein, Morrison, Colombo (1987), Counting Your Customers: Who Are They and What Will They Do
Next?, Management Science 33(1). Their likelihood is a difference of two 2F1, which overflow and
cancel for heavy buyers. Here the last integral is computed numerically,

    Gamma(r+x)/Gamma(r) * alpha**r * beta**s * ( (alpha+T)**-(r+x) * (beta+T)**-s
        + s * integral over y from t_x to T of (alpha+y)**-(r+x) * (beta+y)**-(s+1) )

a sum of two positive terms: still alive, or dropped out at time ``y``. Their ratio is the odds of
dropout, whose logarithm ``v`` gives P(alive) and all derivatives. With ``m`` the smaller of ``alpha``
and ``beta`` the integrand is log-concave in ``log(m + y)`` and its singularities are pi away, so
Gauss-Legendre quadrature on the relevant part is accurate to about 1e-13.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial.chebyshev import chebval
from numpy.typing import NDArray
from scipy.special import expit, exprel, xlog1py

from clvml._remembered import remembered
from clvml.distributions import _simulation as simulation
from clvml.distributions._chebyshev import POINTS, bytes_of, to_coefficients
from clvml.distributions._gamma_ratios import log_binomial, log_gamma_sequence
from clvml.distributions._histories import HistoryCounts, count_histories
from clvml.distributions._history import History, params_of_rows
from clvml.distributions._next_purchase import LATEST, Rows, time_of_probability
from clvml.distributions._pareto_nbd_first import FirstPurchase, probability_within, time_until
from clvml.distributions._pareto_nbd_pairs import (
    PairedRows,
    alive_of_pairs,
    paired_rows,
    sums_of_pairs,
)
from clvml.distributions._pareto_nbd_tails import panels, reach
from clvml.distributions._scenarios import check_multiple, renewed

Array = NDArray[np.float64]

_SHORT = 2.5  # in log(m + y): one panel of nodes suffices up to here
_NEGLIGIBLE = 45.0  # e**-45 of the integrand at its peak: what lies beyond is negligible
_BLOCK = 1024  # rows at once, so that nodes stay in cache
_PANEL = 0.7  # width in log(beta + T): singularities are pi away, so 12 points give 1e-14
_INTERPOLATED = 16_384  # rows at once


_RULES = {False: panels(1, 32), True: panels(6, 24)}
_SMOOTH_NUMBER = 12.0  # n times the squared width of a panel, up to which 24 nodes give 1e-13
_SMOOTH_SHAPE = 30.0  # shape of the rate times the width of a panel, likewise
_RULES_AHEAD = {False: panels(1, 48), True: panels(6, 24)}
_RULES_IN_COMMON = {n_panels: panels(n_panels, 24) for n_panels in (1, 2, 6)}


class ParetoNBDParams(NamedTuple):
    """Parameters of the Pareto/NBD; ``alpha`` and ``beta`` have the unit of time, the others none."""

    r: float
    alpha: float
    s: float
    beta: float


class _Futures(NamedTuple):
    """Customers alive, and the number of purchases whose probability is computed."""

    n: Array
    shape: Array  # of their rate of purchases, r + x
    seen: Array  # its rate, alpha + T
    lived: Array  # beta + T
    s: float | Array

    def of(self, rows: Any) -> _Futures:
        return params_of_rows(self, rows)


class _Nodes(NamedTuple):
    """Possible times of dropout, times ``y``, shape (n, n_nodes); logarithms relative to ``t_x``."""

    y: Array
    bought: Array  # log((alpha + y) / (alpha + t_x))
    stayed: Array  # log((beta + y) / (beta + t_x))
    log_term: Array  # of the integrand, with weights


class Customers(NamedTuple):
    """Distinct histories; and of those whose ``x`` is frequent, their pairs."""

    counts: HistoryCounts
    paired: PairedRows | None


def count(history: History) -> Customers:
    """Aggregate the customers for `objective`."""
    counts = count_histories(history, everyone=True)
    return Customers(counts, paired_rows(counts.x, counts.t_x, counts.T_repeat, counts.weight))


def log_odds_of_dropout(history: History, params: ParetoNBDParams) -> Array:
    """``v``, the log-odds of having dropped out by ``T``; minus infinity right after a purchase."""
    x, t_x, T = history.x, history.t_x, history.T
    return _log_left(x, t_x, T, params) + _fall(x, t_x, T, params)


def _log_left(x: Array, t_x: Array, T: Array, params: ParetoNBDParams) -> Array:
    """As `log_odds_of_dropout`, relative to being alive right after ``t_x``."""
    left = np.full(x.shape, -np.inf)
    for rows, distance, rule in _by_rule(x, t_x, T, params):
        nodes = _nodes(x[rows], t_x[rows], params_of_rows(params, rows), distance, rule)
        left[rows], _ = _sum(nodes.log_term)
    return left


def _fall(x: Array, t_x: Array, T: Array, params: ParetoNBDParams) -> Array:
    """Decrease of the log-likelihood of being alive from ``t_x`` to ``T``."""
    r, alpha, s, beta = params
    return (r + x) * np.log1p((T - t_x) / (alpha + t_x)) + s * np.log1p((T - t_x) / (beta + t_x))


def _sum(log_terms: Array) -> tuple[Array, Array]:
    """The logarithm of each row's sum, and the shares of its terms."""
    top = log_terms.max(axis=1)
    share = np.exp(log_terms - top[:, None])
    total = share.sum(axis=1)
    share /= total[:, None]
    return top + np.log(total), share


def probability_alive(history: History, params: ParetoNBDParams) -> Array:
    """P(alive | x, t_x, T)."""

    def integrated() -> Array:
        return expit(-log_odds_of_dropout(history, params))

    return remembered(integrated, "Pareto/NBD P(alive)", history.x, history.t_x, history.T, *params)


def alive_by_draw(history: History, draws: list[ParetoNBDParams]) -> list[Array]:
    """`probability_alive` for several parameters, within 1e-13; of many customers from tables."""
    same = all(np.ndim(param) == 0 for param in draws[0])
    x, t_x, T = history.x, history.t_x, history.T
    paired = paired_rows(x, t_x, T, history.weights) if same else None
    return [_alive_by_pairs(history, params, paired) for params in draws]


def _alive_by_pairs(history: History, params: ParetoNBDParams, paired: PairedRows | None) -> Array:
    if paired is None:
        return probability_alive(history, params)
    paired, known = alive_of_pairs(params, paired)
    alive, others = np.empty(history.size), np.ones(history.size, dtype=bool)
    alive[paired.rows], others[paired.rows] = known, False
    alive[others] = probability_alive(history.rows(np.flatnonzero(others)), params)
    return alive


def log_likelihood(history: History, params: ParetoNBDParams) -> Array:
    """Log-likelihood of each customer.

    The likelihood of the purchases until ``t_x``, times that of the time since, which avoids cancellation.
    """
    return _log_likelihood(history.x, history.t_x, history.T, params)


def _log_likelihood(x: Array, t_x: Array, T: Array, params: ParetoNBDParams) -> Array:
    r, alpha, s, beta = params
    after = np.logaddexp(-_fall(x, t_x, T, params), _log_left(x, t_x, T, params))
    return log_gamma_sequence(x, t_x, r, alpha) - s * np.log1p(t_x / beta) + after


def total(params: ParetoNBDParams, customers: Customers) -> float:
    """Total log-likelihood alone."""
    histories = customers.counts
    x, t_x, T = histories.x, histories.t_x, histories.T_repeat
    return float(histories.weight @ _log_likelihood(x, t_x, T, params))


def objective(params: ParetoNBDParams, customers: Customers) -> tuple[float, Array, Array]:
    """Total log-likelihood with its gradient and Hessian in ``(r, alpha, s, beta)``."""
    histories, paired = customers
    if paired is None:
        by_length = histories.T, histories.T_weight, histories.T_purchases
        parts = [_alive(params, histories.more_than, *by_length), _dropout_by_row(params, histories)]
    else:
        paired, of_pairs = sums_of_pairs(params, paired)
        others = _without(histories, paired.rows)
        weight = others.weight
        alive = _alive(params, histories.more_than, others.T_repeat, weight, weight * others.x)
        parts = [alive, of_pairs, _dropout_by_row(params, others)]
    value, gradient, hessian = (sum(terms[1:], terms[0]) for terms in zip(*parts, strict=True))
    return value, gradient, hessian


def _without(histories: HistoryCounts, rows: NDArray[np.int64]) -> HistoryCounts:
    """The other rows of those who may have dropped out."""
    kept = np.ones(histories.x.size, dtype=bool)
    kept[rows] = False
    own = ("x", "t_x", "T_repeat", "weight")
    return histories._replace(**{name: getattr(histories, name)[kept] for name in own})


def _dropout_by_row(params: ParetoNBDParams, histories: HistoryCounts) -> tuple[float, Array, Array]:
    """The terms of dropout, by quadrature for each row."""
    value, gradient, hessian = 0.0, np.zeros(4), np.zeros((4, 4))
    x, t_x, T, weight = histories.x, histories.t_x, histories.T_repeat, histories.weight
    for block, v, slope, curve in dropout(x, t_x, T, params):
        gone = expit(v)
        s = weight[block] * gone
        value += float(weight[block] @ np.logaddexp(0, v))
        gradient += slope @ s
        hessian += curve @ s - (slope * (s * gone)) @ slope.T
    return value, gradient, hessian


def _alive(params: ParetoNBDParams, N: Array, T: Array, w: Array, wx: Array) -> tuple[float, Array, Array]:
    """The terms of being alive at ``T``, by weights and weighted purchases; ``N[j]`` have ``x > j``."""
    r, alpha, s, beta = params
    rj, seen, lived = r + np.arange(N.size), alpha + T, beta + T
    value = N @ np.log(rj) - w @ (r * np.log1p(T / alpha) + s * np.log1p(T / beta)) - wx @ np.log(seen)
    gradient = np.array(
        [
            (N / rj).sum() - w @ np.log1p(T / alpha),
            w @ (r * T / (alpha * seen)) - (wx / seen).sum(),
            -(w @ np.log1p(T / beta)),
            w @ (s * T / (beta * lived)),
        ]
    )
    hessian = np.zeros((4, 4))
    hessian[0, 0] = -(N / rj**2).sum()
    hessian[0, 1] = hessian[1, 0] = w @ (T / (alpha * seen))
    hessian[1, 1] = (wx / seen**2).sum() - w @ (r * T * (2 * alpha + T) / (alpha * seen) ** 2)
    hessian[2, 3] = hessian[3, 2] = w @ (T / (beta * lived))
    hessian[3, 3] = -(w @ (s * T * (2 * beta + T) / (beta * lived) ** 2))
    return float(value), gradient, hessian


def dropout(
    x: Array, t_x: Array, T: Array, params: ParetoNBDParams
) -> Iterator[tuple[NDArray[np.int64], Array, Array, Array]]:
    """The log-odds of having dropped out ``v`` and its derivatives, in blocks of customers with ``t_x < T``.

    Yields the rows of a block, ``v`` (n,), its gradient (4, n), and the sum of its Hessian and the square of
    its gradient (4, 4, n). ``v`` is the logarithm of an integral of ``exp(g)``: its gradient is the mean of
    that of ``g`` over the possible times of dropout, its Hessian the mean of that of ``g`` plus the
    covariance of its gradient.
    """
    for rows, distance, rule in _by_rule(x, t_x, T, params):
        own, block = params_of_rows(params, rows), (x[rows], t_x[rows], T[rows])
        nodes = _nodes(x[rows], t_x[rows], own, distance, rule)
        log_left, share = _sum(nodes.log_term)
        slope, mean_curve = _derivatives(*block, nodes, share, own)
        weighted = slope * share
        products = np.einsum("ink,jnk->ijn", weighted, slope)
        yield rows, log_left + _fall(*block, own), weighted.sum(axis=2), products + mean_curve


def _derivatives(
    x: Array, t_x: Array, T: Array, nodes: _Nodes, share: Array, params: ParetoNBDParams
) -> tuple[Array, Array]:
    """Gradient of ``g`` at the nodes, shape (4, n, n_nodes), and its mean Hessian, shape (4, 4, n)."""
    r, alpha, s, beta = _columns(params)
    R = r + x[:, None]
    seen, lived = 1 / (alpha + T[:, None]), 1 / (beta + T[:, None])
    bought, stayed = 1 / (alpha + nodes.y), 1 / (beta + nodes.y)
    slope = np.empty((4, *share.shape))
    silence, last = (T - t_x)[:, None], t_x[:, None]
    np.subtract(np.log1p(silence / (alpha + last)), nodes.bought, out=slope[0])
    np.multiply(R, seen - bought, out=slope[1])
    np.subtract(np.log1p(silence / (beta + last)) + 1 / s, nodes.stayed, out=slope[2])
    np.subtract(s * (lived - stayed), stayed, out=slope[3])
    curve = np.zeros((4, 4, x.size))
    curve[0, 1] = curve[1, 0] = (share * (seen - bought)).sum(axis=1)
    curve[1, 1] = (share * R * (bought**2 - seen**2)).sum(axis=1)
    curve[2, 2] = -1 / params.s**2
    curve[2, 3] = curve[3, 2] = (share * (lived - stayed)).sum(axis=1)
    curve[3, 3] = (share * (s * (stayed**2 - lived**2) + stayed**2)).sum(axis=1)
    return slope, curve


def _by_rule(
    x: Array, t_x: Array, T: Array, params: ParetoNBDParams
) -> Iterator[tuple[NDArray[np.int64], Array, bool]]:
    """Blocks of customers with ``t_x < T``, the range of the integrand, and the quadrature rule for it."""
    silent = np.flatnonzero(t_x < T)
    distance = reach(x[silent], t_x[silent], T[silent], params_of_rows(params, silent))
    for rule in _RULES:
        same = np.flatnonzero((distance > _SHORT) == rule)
        for start in range(0, same.size, _BLOCK):
            block = same[start : start + _BLOCK]
            yield silent[block], distance[block], rule


def _nodes(x: Array, t_x: Array, params: ParetoNBDParams, distance: Array, rule: bool) -> _Nodes:
    """Nodes in ``log(m + y)`` between ``t_x`` and where the integrand is negligible."""
    r, alpha, s, beta = _columns(params)
    points, weights = _RULES[rule]
    x, t_x, distance = x[:, None], t_x[:, None], distance[:, None]
    last = np.minimum(alpha, beta) + t_x
    step = distance * points
    passed = last * np.expm1(step)
    bought, stayed = (np.log1p(passed / (start + t_x)) for start in (alpha, beta))
    log_width = np.log(s * last * distance * weights / (beta + t_x)) + step
    return _Nodes(t_x + passed, bought, stayed, log_width - (r + x) * bought - (s + 1) * stayed)


def _columns(params: Any) -> Any:
    """The parameters, broadcast against the nodes of each customer."""
    return params._make(np.reshape(param, (-1, 1)) for param in params)


def survival_probability(history: History, after: float, params: ParetoNBDParams) -> Array:
    """P(alive at ``T + after`` | alive at ``T``)."""
    return np.exp(-params.s * np.log1p(after / (params.beta + history.T)))


def purchases_given_alive(history: History, ends: Array, weights: Array, params: ParetoNBDParams) -> Array:
    """Weighted sum over ``ends`` of the expected purchases until then, for customers alive at ``T``.

    Given alive, ``lambda ~ Gamma(r+x, alpha+T)`` and ``mu ~ Gamma(s, beta+T)``: the expected rate times the
    expected remaining lifetime; equation 41 of the paper without P(alive). For many ends the latter is
    interpolated, as it is smooth in ``log(beta + T)``.
    """
    lived = params.beta + history.T
    interpolate = ends.size > POINTS.size
    alive = (_expected_lifetime_interpolated if interpolate else _expected_lifetime)(
        lived, ends, weights, params.s
    )
    return (params.r + history.x) / (params.alpha + history.T) * alive


def _expected_lifetime(lived: Array, ends: Array, weights: Array, s: float) -> Array:
    """Weighted sum of the expected time alive until each end.

    Each is ``lived * ((1+z)**(1-s) - 1) / (1-s)`` with ``z = end / lived``, written without the
    singularity at ``s = 1``.
    """
    alive = np.zeros(lived.shape)
    for end, weight in zip(ends, weights, strict=True):
        log_growth = np.log1p(end / lived)
        alive += weight * log_growth * exprel((1 - s) * log_growth)
    return lived * alive


def _expected_lifetime_interpolated(lived: Array, ends: Array, weights: Array, s: float) -> Array:
    """As `_expected_lifetime`, between Chebyshev points of fixed panels in ``log(lived)``."""
    panels = np.log(lived) / _PANEL
    panel = np.floor(panels)
    distinct, row = np.unique(panel, return_inverse=True)
    terms = (bytes_of(ends), bytes_of(weights), float(s))
    table = np.stack([_lifetime_series(place, *terms) for place in distinct.tolist()], axis=1)
    value, u = np.empty(lived.size), 2 * (panels - panel) - 1
    for start in range(0, lived.size, _INTERPOLATED):
        block = slice(start, start + _INTERPOLATED)
        value[block] = chebval(u[block], table[:, row[block]], tensor=False)
    return value


@functools.lru_cache(maxsize=1024)
def _lifetime_series(panel: float, ends: bytes, weights: bytes, s: float) -> Array:
    """Chebyshev coefficients of `_expected_lifetime` in a panel, remembered: requests share few panels."""
    points = np.exp(_PANEL * (panel + (1 + POINTS) / 2))
    return to_coefficients(_expected_lifetime(points, np.frombuffer(ends), np.frombuffer(weights), s))


def infinite_horizon_purchases(history: History, params: ParetoNBDParams) -> Array:
    """E[purchases over an infinite horizon | alive at ``T``]: infinite where ``s`` is 1 or less."""
    r, alpha, s, beta = params
    x, T = history.x, history.T
    alive = (beta + T) / (s - 1) if s > 1 else np.full(T.shape, np.inf)
    return (r + x) / (alpha + T) * alive


def count_probability(n: Array, horizon: float, history: History, params: ParetoNBDParams) -> Array:
    """P(n purchases in the next ``horizon`` | alive at ``T``).

    Given alive, ``lambda ~ Gamma(r+x, alpha+T)`` and ``mu ~ Gamma(s, beta+T)``. With ``NB(n; y)`` the
    negative binomial probability of ``n`` purchases in ``y``, customers survive the horizon ``h``, or
    drop out at ``y`` in it::

        NB(n; h) * S(h)  +  integral over y from 0 to h of NB(n; y) * -S'(y),    S(y) = (1 + y/(beta+T))**-s

    two positive terms, where the paper's differences of 2F1 cancel.
    """
    columns = np.broadcast_arrays(n, history.x, history.T)
    n, x, T = (np.ascontiguousarray(values, dtype=float) for values in columns)
    futures = _Futures(n, params.r + x, params.alpha + T, params.beta + T, params.s)
    probability = np.exp(_log_bought(futures, horizon) - params.s * np.log1p(horizon / futures.lived))
    for start in range(0, n.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        probability[block] += _drops_out(futures.of(block), float(horizon))
    return probability


def count_probabilities(
    first: int, width: int, horizon: float, history: History, params: ParetoNBDParams
) -> Array:
    """`count_probability` of ``width`` numbers from ``first``, shape (n, width), accurate to 1e-12 of 1.

    With the same nodes for all numbers, whose negative binomial probabilities follow from those of 0.
    """
    r, alpha, s, beta = params
    size = history.x.shape
    futures = _Futures(
        np.zeros(size), r + history.x, alpha + history.T, beta + history.T, np.broadcast_to(s, size)
    )
    end = np.log1p(horizon / np.minimum(futures.seen, futures.lived))
    found, left = np.empty((*size, width)), np.ones(size, dtype=bool)
    for n_panels, rule in _RULES_IN_COMMON.items():
        panel = end / n_panels
        smooth = ((first + width) * panel**2 <= _SMOOTH_NUMBER) & (futures.shape * panel <= _SMOOTH_SHAPE)
        rows = np.flatnonzero(left & smooth)
        left[rows] = False
        for start in range(0, rows.size, _BLOCK):
            block = rows[start : start + _BLOCK]
            found[block] = _by_recurrence(first, width, futures.of(block), horizon, end[block], rule)
    others = np.repeat(np.flatnonzero(left), width)
    if others.size:
        numbers = np.tile(np.arange(first, first + width, dtype=float), others.size // width)
        own = params_of_rows(params, others)
        each = count_probability(numbers, horizon, history.rows(others), own)
        found[left] = each.reshape(-1, width)
    return found


def _by_recurrence(
    first: int, width: int, futures: _Futures, horizon: float, end: Array, rule: tuple[Array, Array]
) -> Array:
    """Dropout at the nodes ``y``, or survival of the horizon, which is the last node."""
    points, weights = rule
    _, shape, seen, lived, s = (np.expand_dims(value, -1) for value in futures)
    unit, v = np.minimum(seen, lived), end[:, None] * points
    y = np.append(unit * np.expm1(v), np.full((end.size, 1), horizon), axis=1)
    share_of_node = np.exp(-s * np.log1p(y / lived))
    share_of_node[:, :-1] *= s / (lived + y[:, :-1]) * unit * np.exp(v) * end[:, None] * weights
    term = share_of_node * np.exp(-shape * np.log1p(y / seen))
    share, found = y / (seen + y), np.empty((end.size, width))
    for n in range(first + width):
        if n > 0:
            term *= share
            term *= (shape + (n - 1)) / n
        if n >= first:
            found[:, n - first] = term.sum(axis=1)
    return found


def any_purchase_probability(history: History, horizon: float | Array, params: ParetoNBDParams) -> Array:
    """P(at least one purchase in the next ``horizon`` | alive at ``T``).

    The first purchase is at ``y`` in it, and dropout is later::

        integral over y from 0 to h of -N'(y) * S(y),    N(y) = (1 + y/(alpha+T))**-(r+x)

    which is the probability of dropout before any purchase with the two processes exchanged.
    """
    first = _first_purchases(history, params)
    until = np.broadcast_to(np.asarray(horizon, dtype=float), first.R.shape)

    def by_relevant_part(rows: Rows) -> Array:
        exchanged, value = _exchanged(first.of(rows)), np.empty(rows.size)
        for start in range(0, rows.size, _BLOCK):
            block = slice(start, start + _BLOCK)
            value[block] = _drops_out(exchanged.of(block), until[rows][block])
        return value

    return probability_within(first, until, by_relevant_part)


def _first_purchases(history: History, params: ParetoNBDParams) -> FirstPurchase:
    r, alpha, s, beta = params
    return FirstPurchase(*np.broadcast_arrays(r + history.x, alpha + history.T, s, beta + history.T))


def _exchanged(first: FirstPurchase) -> _Futures:
    """The first purchase in the place of dropout, and dropout in that of purchases."""
    return _Futures(np.zeros(first.R.shape), first.s, first.lived, first.seen, first.R)


def next_purchase_time(history: History, probability: Array, params: ParetoNBDParams) -> Array:
    """The time after ``T`` by which P(purchase | alive at ``T``) reaches ``probability``."""
    time = time_until(_first_purchases(history, params), probability)
    left = np.flatnonzero(~(time <= LATEST))

    def within(rows: Rows, time: Array) -> Array:
        return any_purchase_probability(history.rows(left[rows]), time, params_of_rows(params, left[rows]))

    time[left] = time_of_probability(within, probability[left])
    return time


def _log_bought(futures: _Futures, y: Array | float) -> Array:
    """Log-probability of ``n`` purchases in ``y``, while alive."""
    n, shape, seen = futures.n, futures.shape, futures.seen
    return log_binomial(n, shape, y, seen) + np.log(shape / (shape + n))


def _drops_out(futures: _Futures, horizon: float | Array) -> Array:
    """Probability of ``n`` purchases and dropout within ``horizon``.

    The integrand over ``v = log1p(y / m)``, ``m`` the shorter of ``seen`` and ``lived``, is log-concave with
    singularities pi away, as the likelihood's; nodes lie around its peak.
    """
    n, _, seen, lived, s = futures
    unit = np.minimum(seen, lived)
    peak, low, high = _window(futures, unit, horizon)
    y = unit * np.expm1(peak)
    top = _log_bought(futures, y) + np.log(s * unit / (lived + y)) + peak - s * np.log1p(y / lived)
    total = np.zeros(n.size)
    for long in (False, True):
        rows = np.flatnonzero((high - low > _SHORT) == long)
        points, weights = _RULES_AHEAD[long]
        v = low[rows, None] + (high - low)[rows, None] * points
        change = _change(futures.of(rows), unit[rows], y[rows], v - peak[rows, None])
        total[rows] = (high - low)[rows] * (np.exp(change) * weights).sum(axis=1)
    return np.exp(top) * total


def _change(futures: _Futures, unit: Array, y: Array, beside: Array) -> Array:
    """Change of the log-integrand from ``y`` to where ``v`` is ``beside`` more; shape of ``beside``."""
    n, shape, seen, lived, s = (np.expand_dims(value, -1) for value in futures)
    more = (unit + y)[:, None] * np.expm1(beside)
    bought = xlog1py(n, more / np.where(y > 0, y, 1.0)[:, None])  # the peak is at 0 only if n is
    return (
        bought
        - (shape + n) * np.log1p(more / (seen + y[:, None]))
        - (s + 1) * np.log1p(more / (lived + y[:, None]))
        + beside
    )


def _window(futures: _Futures, unit: Array, horizon: float | Array) -> tuple[Array, Array, Array]:
    """The peak of the integrand in ``v``, and the range in which it is relevant."""
    n, shape, seen, lived, s = futures
    end = np.log1p(horizon / unit)
    low, high = np.zeros(n.size), end
    for _ in range(40):
        middle = (low + high) / 2
        y = unit * np.expm1(middle)
        rises = (unit + y) * (n / y - (shape + n) / (seen + y) - (s + 1) / (lived + y)) > -1
        low, high = np.where(rises, middle, low), np.where(rises, high, middle)
    peak = np.where(high < end, low, end)
    y = unit * np.expm1(peak)
    first, last = (_distance(futures, unit, y, room) for room in (-peak, end - peak))
    return peak, peak + first, peak + last


def _distance(futures: _Futures, unit: Array, y: Array, room: Array) -> Array:
    """Distance from ``y``, in v, up to which the integrand is relevant, at most ``room``; approximate."""
    inside, outside = room * 1e-5, room
    for _ in range(8):
        middle = np.sign(room) * np.sqrt(inside * outside)
        small = _change(futures, unit, y, middle[:, None])[:, 0] < -_NEGLIGIBLE
        inside, outside = np.where(small, inside, middle), np.where(small, middle, outside)
    return outside


def simulate_ahead(
    history: History, horizon: float, params: ParetoNBDParams, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Array]:
    """Simulate future purchases of customers alive at ``T``: ascending rows, and times after ``T``.

    Given rate and lifetime their number is Poisson, and their times uniform within the lifetime.
    """
    x, T = history.x, history.T
    with np.errstate(divide="ignore", over="ignore"):  # a lifetime may overflow to infinity
        rate = np.minimum(rng.gamma(params.r + x) / (params.alpha + T), np.finfo(float).max)
        dropout = rng.gamma(params.s, size=T.size) / (params.beta + T)
        alive = np.minimum(horizon, rng.exponential(size=T.size) / dropout)
        number = simulation.numbers_of_purchases(rate * alive, rng)
    row = simulation.row_of_each(number)
    return row, alive[row] * (1 - rng.random(row.size))


def dropout_rate(params: ParetoNBDParams) -> float:
    """The mean dropout rate per unit of time."""
    return params.s / params.beta


def rescaled(
    history: History, params: ParetoNBDParams, purchase_rate: float, dropout: float
) -> tuple[History, ParetoNBDParams]:
    """Histories and parameters that give the predictions of a scenario from ``T`` on.

    ``lambda`` and ``mu`` are multiplied: those of a customer alive, ``Gamma(r + x, alpha + T)`` and
    ``Gamma(s, beta + T)``, become ``Gamma(r + x, (alpha + T) / purchase_rate)`` and
    ``Gamma(s, (beta + T) / dropout)``.

    Raises
    ------
    InputError
        If a multiple is not positive.
    """
    check_multiple("purchase_rate", purchase_rate)
    check_multiple("dropout", dropout)
    own: Any = params
    alpha, beta = (params.alpha + history.T) / purchase_rate, (params.beta + history.T) / dropout
    return renewed(history), own._replace(alpha=alpha, beta=beta)


def simulate(T: Array, params: ParetoNBDParams, rng: np.random.Generator) -> History:
    """Simulate histories of customers observed for ``T``."""
    return simulation.pareto_nbd_histories(T, params, rng)
