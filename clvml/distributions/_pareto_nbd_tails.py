"""The Pareto/NBD likelihood of many customers as functions of one time each, tabulated.

Let ``A(t) = (1 + t/alpha)**-R * (1 + t/beta)**-s`` with ``R = r + x``. The likelihood of a customer is the
density of dropout as the next event after ``t_x``, plus that of a purchase as the next event after ``T``::

    A(t_x) * D(t_x) + A(T) * B(T)

    A(t) D(t) = s integral from t to Z of A(y) / (beta + y) dy
    A(t) B(t) = R integral from t to Z of A(y) / (alpha + y) dy  +  A(Z)

for any ``Z`` beyond all ``T``, since ``A' = -A * (R / (alpha + t) + s / (beta + t))``. Both terms are
positive, and each depends on one time: with ``m`` the smaller of ``alpha`` and ``beta``, ``log D`` and
``log B`` and their derivatives in the parameters are smooth in ``log(m + t)``, with singularities pi away. So
for every ``x`` they are computed at Chebyshev points of narrow panels, from the last panel to the first, and
interpolated: the cost of quadrature does not grow with the number of customers.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from clvml.distributions._chebyshev import DEGREE, POINTS, TO_COEFFICIENTS

Array = NDArray[np.float64]

_PANEL = 0.5  # largest width of a panel in log(m + t)
_STEEPEST = 100.0  # largest decrease of log A in a panel that the nodes of a panel integrate to 1e-15
_BEYOND = 3.5  # distance in log(m + t) of Z from the last panel: far from where log D is singular
_NEGLIGIBLE = 45.0  # e**-45 of the integrand at its start: what lies beyond is negligible
UPPER = np.triu_indices(4)  # of a Hessian, in the series
_PAIRS = np.triu_indices(6)
_AT = np.zeros((6, 6), dtype=int)  # where the product of two features is among the moments
_AT[_PAIRS] = _AT.T[_PAIRS] = np.arange(_PAIRS[0].size)


def panels(n_panels: int, n_nodes: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights of equal panels of [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    within = (1 + nodes) / 2
    points = (np.arange(n_panels)[:, None] + within).ravel() / n_panels
    return points, np.tile(weights / 2, n_panels) / n_panels


_RULE = panels(1, 32)
_RULE_BEYOND = panels(6, 24)


def reach(x: Array, t_x: Array, T: Array, params: Any) -> Array:
    """Distance beyond ``t_x``, in log(m + y), up to which the integrand is relevant.

    Its logarithm is concave with a slope between 1 and ``-(r + x + s)``, so the point where it has
    fallen by 45 lies between 45 / (r + x + s) and the end; a few bisection steps suffice, as the
    range need not be precise.
    """
    r, alpha, s, beta = params
    last = np.minimum(alpha, beta) + t_x
    end = np.log1p((T - t_x) / last)
    inside = np.minimum(_NEGLIGIBLE / (r + x + s), end)
    outside = end.copy()
    for _ in range(8):
        middle = np.sqrt(inside * outside)
        gone = last * np.expm1(middle)
        fall = (r + x) * np.log1p(gone / (alpha + t_x)) + (s + 1) * np.log1p(gone / (beta + t_x)) - middle
        small = fall > _NEGLIGIBLE
        inside, outside = np.where(small, inside, middle), np.where(small, middle, outside)
    return outside


class Logarithm(NamedTuple):
    """The logarithm of a quantity, its gradient (..., 4) and Hessian (..., 4, 4) in the parameters."""

    value: Array
    slope: Array
    curve: Array

    def times(self, other: Self) -> Logarithm:
        """The logarithm of the product."""
        return Logarithm(self.value + other.value, self.slope + other.slope, self.curve + other.curve)

    def plus(self, other: Self) -> Logarithm:
        """The logarithm of the sum."""
        value = np.logaddexp(self.value, other.value)
        own, theirs = np.exp(self.value - value)[..., None], np.exp(other.value - value)[..., None]
        apart = self.slope - other.slope
        curve = own[..., None] * self.curve + theirs[..., None] * other.curve
        curve += (own * theirs * apart)[..., None] * apart[..., None, :]
        return Logarithm(value, own * self.slope + theirs * other.slope, curve)


class _Span(NamedTuple):
    """Intervals that start at ``t``, shape (n,), and times ``y`` in each, shape (n, n_nodes).

    ``bought = log((alpha+y)/(alpha+t))``, ``seen = 1/(alpha+y)`` and ``less_seen`` its decrease since ``t``;
    ``stayed, lived, less_lived`` the same of ``beta``; ``dy`` are the weights of integration.
    """

    seen_at_start: Array
    lived_at_start: Array
    bought: Array
    stayed: Array
    seen: Array
    lived: Array
    less_seen: Array
    less_lived: Array
    dy: Array


def _span(t: Array, distance: Array, rule: tuple[Array, Array], params: Any) -> _Span:
    """From ``t`` over a ``distance`` in log(m + y)."""
    _, alpha, _, beta = params
    points, weights = rule
    start, step = (min(alpha, beta) + t)[:, None], distance[:, None] * points
    passed, t = start * np.expm1(step), t[:, None]
    seen, lived = 1 / (alpha + t + passed), 1 / (beta + t + passed)
    return _Span(
        1 / (alpha + t),
        1 / (beta + t),
        np.log1p(passed / (alpha + t)),
        np.log1p(passed / (beta + t)),
        seen,
        lived,
        passed * seen / (alpha + t),
        passed * lived / (beta + t),
        start * np.exp(step) * distance[:, None] * weights,
    )


def _end(span: _Span, R: Array, s: float) -> Logarithm:
    """``log A`` at the only node relative to the start; the shape of ``R``, (n, n_x)."""
    value = -R * span.bought - s * span.stayed
    slope, curve = np.zeros((*R.shape, 4)), np.zeros((*R.shape, 4, 4))
    slope[..., 0], slope[..., 1] = -span.bought, R * span.less_seen
    slope[..., 2], slope[..., 3] = -span.stayed, s * span.less_lived
    curve[..., 0, 1] = curve[..., 1, 0] = span.less_seen
    curve[..., 1, 1] = -R * span.less_seen * (2 * span.seen_at_start - span.less_seen)
    curve[..., 2, 3] = curve[..., 3, 2] = span.less_lived
    curve[..., 3, 3] = -s * span.less_lived * (2 * span.lived_at_start - span.less_lived)
    return Logarithm(value, slope, curve)


def _ends_first(span: _Span, R: Array, s: float) -> tuple[Logarithm, Logarithm]:
    """The densities of dropout, and of a purchase, before the other and within the span, relative to A."""
    decrease = np.exp(-s * span.stayed) * span.dy
    alive = np.exp(-R[..., None] * span.bought[:, None, :])
    dropout = _integral(span, span.lived, alive * (s * decrease * span.lived)[:, None, :])
    purchase = _integral(span, span.seen, alive * (decrease * span.seen)[:, None, :])
    return _of_dropout(span, dropout, R, s), _of_purchase(span, purchase, R, s)


class _Moments(NamedTuple):
    """Logarithm of an integral, and the mean and second moments of the five features by its integrand."""

    log: Array
    mean: Array
    square: Array


def _integral(span: _Span, own: Array, density: Array) -> _Moments:
    """Shapes (n, n_x), (n, n_x, 5), (n, n_x, 5, 5); features: bought, less_seen, stayed, less_lived, own."""
    features = np.stack(
        [np.ones_like(own), span.bought, span.less_seen, span.stayed, span.less_lived, own], -1
    )
    products = features[..., _PAIRS[0]] * features[..., _PAIRS[1]]
    moments = density @ products
    total = moments[..., 0]
    moments = (moments / total[..., None])[..., _AT]
    return _Moments(np.log(total), moments[..., 0, 1:], moments[..., 1:, 1:])


def _of_dropout(span: _Span, found: _Moments, R: Array, s: float) -> Logarithm:
    signs = np.zeros((*R.shape, 4, 5))
    signs[..., 0, 0] = signs[..., 2, 2] = signs[..., 3, 4] = -1.0
    signs[..., 1, 1], signs[..., 3, 3] = R, s
    slope, curve = _derivatives(span, found, signs, R, s)
    slope[..., 2] += 1 / s
    curve[..., 2, 2] -= 1 / s**2
    curve[..., 3, 3] += found.square[..., 4, 4]
    return Logarithm(found.log, slope, curve)


def _of_purchase(span: _Span, found: _Moments, R: Array, s: float) -> Logarithm:
    signs = np.zeros((*R.shape, 4, 5))
    signs[..., 0, 0] = signs[..., 2, 2] = signs[..., 1, 4] = -1.0
    signs[..., 1, 1], signs[..., 3, 3] = R, s
    slope, curve = _derivatives(span, found, signs, R, s)
    slope[..., 0] += 1 / R
    curve[..., 0, 0] -= 1 / R**2
    curve[..., 1, 1] += found.square[..., 4, 4]
    return Logarithm(np.log(R) + found.log, slope, curve)


def _derivatives(span: _Span, found: _Moments, signs: Array, R: Array, s: float) -> tuple[Array, Array]:
    """Gradient and Hessian of the logarithm: the mean derivatives, and the covariance of the gradient."""
    mean, square = found.mean, found.square
    slope = (signs @ mean[..., None])[..., 0]
    curve = signs @ (square - mean[..., None] * mean[..., None, :]) @ np.swapaxes(signs, -1, -2)
    curve[..., 0, 1] += mean[..., 1]
    curve[..., 1, 0] += mean[..., 1]
    curve[..., 1, 1] -= R * (2 * span.seen_at_start * mean[..., 1] - square[..., 1, 1])
    curve[..., 2, 3] += mean[..., 3]
    curve[..., 3, 2] += mean[..., 3]
    curve[..., 3, 3] -= s * (2 * span.lived_at_start * mean[..., 3] - square[..., 3, 3])
    return slope, curve


class Tails(NamedTuple):
    """Series of ``log D`` and ``log B`` by ``x`` and panel: (n_x, n_panels, 12, 15).

    The last axis: value, gradient, upper triangle of the Hessian.
    """

    unit: float
    width: float
    dropout: Array
    purchase: Array

    @property
    def n_panels(self) -> int:
        return self.dropout.shape[1]


def largest_tabulated(longest: float, params: Any) -> float:
    """The largest ``x`` for which a panel is narrow enough, given the longest ``T``."""
    r, alpha, s, beta = params
    width, _ = _panels_until(longest, params)
    unit = min(alpha, beta)
    # They fall fastest in the last panel if they are far above the unit, otherwise in the first.
    start = unit + longest
    passed = -start * np.expm1(-width)
    bought = max(np.log1p(passed / (alpha + longest - passed)), np.log1p(unit * np.expm1(width) / alpha))
    stayed = max(np.log1p(passed / (beta + longest - passed)), np.log1p(unit * np.expm1(width) / beta))
    return float((_STEEPEST - s * stayed) / bought - r)


def _panels_until(longest: float, params: Any) -> tuple[float, int]:
    whole = float(np.log1p(longest / min(params.alpha, params.beta)))
    number = max(1, int(np.ceil(whole / _PANEL)))
    return whole / number, number


def tabulate(x: Array, longest: float, params: Any) -> Tails:
    """Tabulate for these numbers of purchases and times from 0 to ``longest``."""
    r, alpha, s, beta = params
    unit, (width, number) = min(alpha, beta), _panels_until(longest, params)
    dropout, purchase = _beyond(x, longest, params)
    R = np.broadcast_to(r + x, (DEGREE + 1, x.size))
    tables = np.empty((2, x.size, number, DEGREE, 15))
    for panel in reversed(range(number)):
        before = width * np.append((1 - POINTS) / 2, 1.0)  # the points, and the start of the panel
        t = unit * np.expm1(width * (panel + 1) - before)
        span = _span(t, before, _RULE, params)
        to_end = _end(_span(t, before, (np.ones(1), np.ones(1)), params), R, s)
        within = _ends_first(span, R, s)
        later = to_end.times(dropout), to_end.times(purchase)
        dropout, purchase = (own.plus(rest) for own, rest in zip(within, later, strict=True))
        for table, log in zip(tables, (dropout, purchase), strict=True):
            table[:, panel] = _series(log)
        dropout, purchase = (Logarithm(*(part[-1] for part in log)) for log in (dropout, purchase))
    return Tails(unit, width, *tables)


def _series(log: Logarithm) -> Array:
    """Chebyshev coefficients, shape (n_x, 12, 15)."""
    curve = log.curve[..., UPPER[0], UPPER[1]]
    values = np.concatenate([log.value[..., None], log.slope, curve], axis=-1)[:DEGREE]
    return np.einsum("cj,jxk->xck", TO_COEFFICIENTS, values)


def _beyond(x: Array, longest: float, params: Any) -> tuple[Logarithm, Logarithm]:
    """As `_ends_first` from the longest ``T`` to beyond all that matters; shape (n_x,)."""
    r, alpha, s, beta = params
    start = np.full(x.size, longest)
    far = (min(alpha, beta) + longest) * np.exp(_BEYOND) - min(alpha, beta)
    distance, R = reach(x, start, np.full(x.size, far), params), (r + x)[:, None]
    dropout, purchase = _ends_first(_span(start, distance, _RULE_BEYOND, params), R, s)
    alive = _end(_span(start, distance, (np.ones(1), np.ones(1)), params), R, s)
    both = dropout, purchase.plus(alive)
    return tuple(Logarithm(*(part[:, 0] for part in log)) for log in both)  # type: ignore[return-value]
