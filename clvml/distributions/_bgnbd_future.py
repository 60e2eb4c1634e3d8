"""Predictions for BG/NBD customers who are alive.

Such a customer buys at a rate ``lambda ~ Gamma(R, seen)`` and drops out after a purchase with
probability ``p ~ Beta(a, B)``, where ``R = r + x`` and ``B = b + x`` grow with the purchases made and
``seen = alpha + T`` with the time observed. BG/NBD and its modification differ only in ``b``. Everything
here is an average over ``p`` of a positive function of ``z = t / seen``, ``t`` the horizon::

    purchases in t       (1 - (1 + p*z) ** -R) / p
    alive at t           (1 + p*z) ** -R

Fader, Hardie, Lee (2005), equations 8 to 10, before the integral over ``p`` is done: their 2F1
overflows for heavy buyers and divides zero by zero at ``a = 1``.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betainc, betaincc

from clvml.distributions._beta_average import average_steepness, average_survival, steepness
from clvml.distributions._chebyshev import POINTS, bytes_of, polynomials, to_coefficients
from clvml.distributions._gamma_ratios import log_beta_fall, log_binomial
from clvml.distributions._histories import distinct_rows, group_rows, repeat_often
from clvml.distributions._scenarios import at_highest_mean
from clvml.distributions._simulation import numbers_of_purchases, row_of_each

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

PANEL = 0.35  # width in logarithms: singularities are pi/2 away or more, so 12 points give 1e-14
_BLOCK = 16_384
_FEW = 4  # histories, such as of one request, whose series are remembered
_MANY = 5.0  # expected purchases from which drawing a Poisson number is faster than inversion
_LONGEST = 1000
_EVER = 1e-150  # smallest time observed relative to the horizon: smaller makes no difference
_LEAST_LOG = -600.0  # e**-600 is far from underflow
_TAIL = 1e-100
_ROUNDING = 1e-17


def purchases(
    x: Array, seen: Array, ends: Array, weights: Array, r: float, a: float | Array, b: float | Array
) -> Array:
    """Weighted sum over ``ends`` of the expected purchases until then.

    Customer-specific ``a`` are interpolated between Chebyshev points, as the value is smooth in the logarithm
    of ``a`` too. Customer-specific ``b`` must be a linear function of ``a`` (or another one for those whose
    mean a scenario caps), which the interpolation follows.
    """
    if not isinstance(a, np.ndarray) and not isinstance(b, np.ndarray):
        return _purchases_common_a(x, seen, ends, weights, r, a, b)

    def of_common_a(rows: Rows, a: float, b: float) -> Array:
        return _purchases_common_a(x[rows], seen[rows], ends, weights, r, a, b)

    return over_dropout(of_common_a, x.size, a, b)


def over_dropout(
    of_common_a: Callable[[Rows, float, float], Array], size: int, a: float | Array, b: float | Array
) -> Array:
    """Interpolate a value of customers between those with common ``a`` and ``b``, as in `purchases`."""
    a = np.broadcast_to(a, size)
    place = np.log(a) / PANEL
    panel = np.floor(place)
    value = np.empty(size)
    capped = at_highest_mean(a, b) if isinstance(b, np.ndarray) else np.zeros(size, dtype=bool)
    for number, is_capped in itertools.product(np.unique(panel), np.unique(capped)):
        rows = np.flatnonzero((panel == number) & (capped == is_capped))
        if not rows.size:
            continue
        around = np.exp(PANEL * (number + (1 + POINTS) / 2)).tolist()
        beside = _along(around, a[rows], b[rows]) if isinstance(b, np.ndarray) else [b] * len(around)
        values = np.stack(
            [of_common_a(rows, *near) for near in zip(around, beside, strict=True)],
            axis=1,
        )
        terms = polynomials(2 * (place[rows] - number) - 1)
        value[rows] = (to_coefficients(values) * terms.T).sum(axis=1)
    return value


def _along(points: list[float], a: Array, b: Array) -> list[float]:
    """``b`` at these values of ``a``, on the line through those of the customers."""
    low, high = int(np.argmin(a)), int(np.argmax(a))
    slope = (b[high] - b[low]) / (a[high] - a[low]) if a[high] > a[low] else 0.0
    return [max(float(b[low] + slope * (point - a[low])), _EVER) for point in points]


def _purchases_common_a(
    x: Array, seen: Array, ends: Array, weights: Array, r: float, a: float, b: float
) -> Array:
    """As `purchases`, for a common ``a``.

    One end is an expectation; many, with the differences of a discount factor as weights, are a
    discounted sum. For each ``x`` the expectation over ``z`` is a function of ``z`` alone, and the sum
    is one of ``seen`` alone; both are smooth in logarithms. So both are represented by Chebyshev series in
    panels of fixed width: the cost hardly grows with the number of customers or of ends, and a
    customer's value does not depend on the other customers. Frequent duplicates are computed once.
    """
    if x.size <= _BLOCK or not repeat_often((x, seen)):
        return _interpolated(x, seen, ends, weights, r, a, b)
    one, row = group_rows(x, pd.factorize(seen)[0])
    return _interpolated(x[one], seen[one], ends, weights, r, a, b)[row]


def _interpolated(x: Array, seen: Array, ends: Array, weights: Array, r: float, a: float, b: float) -> Array:
    """Evaluate the series in ``log(seen)`` of each customer's ``x``, in the panel of their ``seen``."""
    place = np.log(seen) / PANEL
    panel = np.floor(place)
    one, row = group_rows(x, panel)
    if one.size <= _FEW:
        terms = (bytes_of(ends), bytes_of(weights), float(r), float(a), float(b))
        places = zip(x[one].tolist(), panel[one].tolist(), strict=True)
        table = np.stack([_one_series(*place, *terms) for place in places], axis=1)
    else:
        table = _series_in_seen(x[one], panel[one], ends, weights, r, a, b)
    return clenshaw(table, row, 2 * (place - panel) - 1)


@functools.lru_cache(maxsize=1024)
def _one_series(x: float, panel: float, ends: bytes, weights: bytes, r: float, a: float, b: float) -> Array:
    """One column of `_series_in_seen`, remembered: requests to a served model share few of them."""
    span = (np.frombuffer(ends), np.frombuffer(weights))
    return _series_in_seen(np.array([x]), np.array([panel]), *span, r, a, b)[:, 0]


def _series_in_seen(
    x: Array, panel: Array, ends: Array, weights: Array, r: float, a: float, b: float
) -> Array:
    """Chebyshev coefficients in ``log(seen)``, shape (n_points, n), of the sum for each ``x`` and panel."""
    if ends.size == 1:
        z = ends / _lengths(panel)
        values = weights * z * average_steepness(x, z, r, a, b)
    else:
        panels, which_panel = np.unique(panel, return_inverse=True)
        numbers, which_number = np.unique(x, return_inverse=True)
        z = ends / _lengths(panels).reshape(-1, 1)
        sums = _sums(numbers, z, weights, r, a, b).reshape(numbers.size, panels.size, -1)
        values = sums[which_number, which_panel]
    return to_coefficients(values).T.copy()


def _lengths(panels: Array) -> Array:
    """The points of each panel, one row each."""
    return np.exp(PANEL * (panels[:, None] + (1 + POINTS) / 2))


def _sums(numbers: Array, z: Array, weights: Array, r: float, a: float, b: float) -> Array:
    """Weighted sums of the expected purchases over each row of ``z``, for each number of purchases."""
    steep = steepness(r + numbers, a, b + numbers)
    sums = np.empty((numbers.size, len(z)))
    for c in np.unique(steep).tolist():
        rows = np.flatnonzero(steep == c)
        used, moments = _moments(z, weights, c)
        series = _series_in_z(numbers[rows], used, c, r, a, b)
        # Term by term, so that panels needed only by other customers add exact zeros.
        sums[rows] = sum(term[:, None] * moment for term, moment in zip(series.T, moments, strict=True))
    return sums


def _moments(z: Array, weights: Array, c: float) -> tuple[Array, Array]:
    """Moments that map series in ``log(1 + c*z)`` to weighted sums over each row of ``z``.

    Returns the panels that contain any ``z``, and moments of shape (n_panels * n_points, n_rows).
    """
    place = np.log1p(c * z) / PANEL
    panel = np.floor(place)
    used, which = np.unique(panel, return_inverse=True)
    terms = polynomials(2 * (place - panel).ravel() - 1) * (weights * z).ravel()
    n_rows = z.shape[0]
    cell = which.reshape(z.shape) * n_rows + np.arange(n_rows)[:, None]
    sums = [np.bincount(cell.ravel(), term, used.size * n_rows).astype(float) for term in terms]
    by_panel = np.stack(sums, axis=0).reshape(POINTS.size, used.size, n_rows)
    return used, by_panel.transpose(1, 0, 2).reshape(-1, n_rows)


def _series_in_z(numbers: Array, panels: Array, c: float, r: float, a: float, b: float) -> Array:
    """Coefficients in ``log(1 + c*z)`` of the expected purchases over ``z``, a row for each number."""
    z = np.tile(np.expm1(PANEL * (panels[:, None] + (1 + POINTS) / 2)) / c, (numbers.size, 1))
    values = average_steepness(np.repeat(numbers, panels.size), z, r, a, b)
    return to_coefficients(values).reshape(numbers.size, -1)


def clenshaw(table: Array, row: NDArray[np.int64], u: Array) -> Array:
    """Chebyshev series ``row`` of the table at ``u`` in [-1, 1]."""
    value = np.empty(u.size)
    for start in range(0, u.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        at, twice = row[part], 2 * u[part]
        ahead, behind = table[-1][at], np.zeros(at.size)
        for coefficient in table[-2:0:-1]:
            ahead, behind = coefficient[at] + twice * ahead - behind, ahead
        value[part] = table[0][at] + u[part] * ahead - behind
    return value


def infinite_horizon_purchases(x: Array, a: float | Array, b: float | Array) -> Array:
    """Expected purchases over an infinite horizon, the mean of ``1/p``; infinite where ``a <= 1``."""
    over = np.broadcast_to(np.maximum(a - 1, 0.0), x.shape)
    return np.divide(over + (b + x), over, out=np.full(x.shape, np.inf), where=over > 0)


def survival(x: Array, seen: Array, t: float, r: float, a: float | Array, b: float | Array) -> Array:
    """The probability of being alive after another ``t``."""
    own, B = np.broadcast_to(a, x.shape), b + x
    first, row = distinct_rows((x, seen, own, B))
    return average_survival(t / seen[first], r + x[first], own[first], B[first])[row]


def count_probability(
    n: Array, t: float, x: Array, seen: Array, r: float, a: float | Array, b: float | Array
) -> Array:
    """The probability of exactly ``n`` purchases in ``t``; equation 8 of the paper.

    The customer survives all ``n``, or drops out at the ``n``-th when at least ``n`` would have occurred::

        P(n) = P(survives n purchases) * P(N = n) + P(drops out at the n-th) * P(N >= n)

    with ``N`` negative binomial. Both terms are positive, so nothing cancels.
    """
    n, x, seen = (np.asarray(values, dtype=float) for values in np.broadcast_arrays(n, x, seen))
    R, B, bought = r + x, b + x, np.maximum(n, 1)
    drops_out = np.exp(-log_beta_fall(B, a, bought)) * a / (B + bought - 1)
    exactly = np.log(R / (n + R)) + log_binomial(n, R, t, seen)
    survives = np.exp(exactly - log_beta_fall(B, a, n))
    return survives + np.where(n > 0, drops_out * survival_of_count(bought, R, t, seen, exactly), 0.0)


def count_probabilities(
    first: int, width: int, t: float, x: Array, seen: Array, r: float, a: float | Array, b: float | Array
) -> Array:
    """`count_probability` of ``width`` numbers from ``first``, shape (n, width), by recurrence from 0.

    ``P(N >= n)`` is what the smaller numbers leave of 1: accurate to 1e-14 of 1, not in the extreme tail.
    """
    found, R, B = np.empty((x.size, width)), r + x, b + x
    share, log_none = t / (seen + t), -R * np.log1p(t / seen)
    if (log_none < _LEAST_LOG).any():
        numbers = np.tile(np.arange(first, first + width, dtype=float), x.size)
        x, seen, a, b = (
            np.repeat(np.broadcast_to(value, found.shape[:1]), width) for value in (x, seen, a, b)
        )
        return count_probability(numbers, t, x, seen, r, a, b).reshape(found.shape)
    exactly, left, survives = np.exp(log_none), -np.expm1(log_none), np.ones(x.size)
    for n in range(first + width):
        probability = exactly
        if n > 0:
            survives = survives * ((B + (n - 1)) / (a + B + (n - 1)))
            exactly = exactly * (share * ((R + (n - 1)) / n))
            probability = survives * (exactly + a / (B + (n - 1)) * left)
            left = np.maximum(left - exactly, 0.0)
        if n >= first:
            found[:, n - first] = probability
    return found


def any_purchase_probability(x: Array, seen: Array, t: float | Array, r: float) -> Array:
    """The probability of a purchase in ``t``, before which nobody drops out: ``1 - (1 + z) ** -R``."""
    return -np.expm1(-(r + x) * np.log1p(t / seen))


def next_purchase_time(x: Array, seen: Array, probability: Array, r: float) -> Array:
    """The time by which the probability of a purchase reaches this one, infinite from 1."""
    with np.errstate(divide="ignore", over="ignore"):
        rise = -np.log1p(-np.minimum(probability, 1.0)) / (r + x)
        return seen * np.expm1(rise)


def survival_of_count(n: Array, R: Array, t: float, seen: Array, log_exactly: Array) -> Array:
    """P(N >= n), ``N`` negative binomial, by the regularised incomplete beta function.

    That underflows from about 1e-284, so extreme tails are summed, starting from the probability of ``n``.
    """
    share, rest = t / (seen + t), seen / (seen + t)
    more = np.where(share < 0.5, betainc(n, R, share), betaincc(R, n, rest))
    far = np.flatnonzero(more < _TAIL)
    n, R, share, term = n[far], R[far], share[far], np.ones(far.size)
    total, i = term.copy(), 0
    while (term > _ROUNDING * total).any():
        term = term * share * ((R + n + i) / (n + 1 + i))
        total += term
        i += 1
    more[far] = np.exp(log_exactly[far]) * total
    return more


def simulate(
    x: Array,
    seen: Array,
    horizon: float,
    r: float,
    a: float | Array,
    b: float | Array,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], Array]:
    """Simulate the purchases of each customer up to ``horizon``: ascending row numbers, and times.

    Without dropout their number is Poisson; dropout truncates it after a geometric number. Given their number
    the times are uniform, and the first order statistics are partial sums of exponentials over their total.
    """
    R = r + x
    odds = np.minimum(horizon / np.maximum(seen, _EVER), 1 / _EVER)
    with np.errstate(over="ignore"):  # an infinite number is capped
        buyers = np.flatnonzero(rng.random(x.size) < -np.expm1(-R * np.log1p(odds)))
        would = _one_or_more(R[buyers], odds[buyers], rng)
    number, more = would.copy(), np.flatnonzero(would > 1)
    own = np.broadcast_to(a, x.shape)[buyers[more]]
    dropout = np.maximum(rng.beta(own, (b + x)[buyers[more]]), np.finfo(float).tiny)
    number[more] = np.minimum(rng.geometric(dropout), would[more])
    row = buyers[row_of_each(number)]
    clock = np.cumsum(rng.standard_exponential(row.size))
    last = np.cumsum(number) - 1
    start = np.concatenate([[0.0], clock[last[:-1]]]) if buyers.size else np.zeros(0)
    total = clock[last] - start + rng.standard_gamma(would - number + 1.0)
    return row, (clock - np.repeat(start, number)) / np.repeat(total, number) * horizon


def _one_or_more(R: Array, odds: Array, rng: np.random.Generator) -> NDArray[np.int64]:
    """Zero-truncated negative binomial numbers.

    By inversion if few are expected; otherwise by the time of the first purchase, after which the rate is
    Gamma distributed again.
    """
    number = np.ones(R.size, dtype=np.int64)
    rows = np.flatnonzero(R * odds > _MANY)
    some = -np.expm1(-R[rows] * np.log1p(odds[rows]))
    first = np.minimum(np.expm1(-np.log1p(-some * rng.random(rows.size)) / R[rows]), odds[rows])
    left = (odds[rows] - first) / (1 + first)
    number[rows] += numbers_of_purchases(rng.standard_gamma(R[rows] + 1) * left, rng)
    rows, n = np.flatnonzero(R * odds <= _MANY), 1
    some = -np.expm1(-R[rows] * np.log1p(odds[rows]))
    left = rng.random(rows.size) * some  # probability not yet used up by smaller numbers
    share = odds[rows] / (1 + odds[rows])
    chance = (1 - some) * R[rows] * share
    while rows.size:
        left -= chance
        further = np.flatnonzero(left > 0)
        rows, left, share, chance = rows[further], left[further], share[further], chance[further]
        chance = chance * share * (R[rows] + n) / (n + 1)
        n += 1
        number[rows] = n
        if n > _LONGEST:  # probability left over by rounding
            break
    return number
