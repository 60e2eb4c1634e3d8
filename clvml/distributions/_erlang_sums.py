"""Averages over the number of purchases ahead, where every ``k``-th event is one.

Of a customer whose event rate is ``Gamma(R, 1)``, ``N`` events occur within ``z``, negative binomial; ``m``
have occurred since the last purchase, so ``X = (N + m) // k`` are purchases unless the customer drops out.
With probability ``S(j) = B(a, B+j) / B(a, B)`` they stay through ``j`` of them. So

    purchases until z     sum over j >= 1 of S(j-1) * P(X >= j)  =  average of S(0) + ... + S(X-1)
    alive at z            average of S(X)

These are sums of positive terms. They are taken event by event while the events are few. Otherwise, terms
are smooth in ``log(j)``, and the sums are done by Gauss's rule for whole numbers
(`clvml.distributions._whole_sums`).

Of a customer with dropout probability ``p``, who stays with ``1 - p = s**k``, the average of ``s**(k*X)`` is
a sum over the ``k``-th roots of unity, of which all terms but the first vanish like ``z**-R``. Without them
the expected purchases are an average over ``p`` as in BG/NBD (`clvml.distributions._beta_average`)::

    (1 - g * (1 + (1-s)*z)**-R) / p,        g = p * s**(m+1-k) / (k * (1-s))
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincc, exprel

from clvml.distributions._beta_average import TRAPEZOID, trapezoid
from clvml.distributions._gamma_ratios import log_beta_fall, log_binomial
from clvml.distributions._survival import expected_survival
from clvml.distributions._whole_sums import panels

Array = NDArray[np.float64]
Params = tuple[float, float, float]  # r, a and b

_FEW = 1500  # events that are summed one by one
_NEGLIGIBLE = 45.0  # e**-45 is negligible
_RAREST = 600.0  # e**-600: a smaller probability of no event would underflow in products
_BLOCK = 1 << 20  # terms at once
_STEEP = 16.0  # e-folds in a panel that 16 points resolve
_WORTHWHILE = 256  # events from which an average over the dropout probability costs less
_SMALL = 0.01
_LEAST = 1e-10  # survival that the nodes of the dropout probability represent
_NARROWEST = 0.05  # of panels, relative to where they start


def average_purchases(n: Array, z: Array, k: int, r: float, a: float, b: float) -> Array:
    """Expected purchases until ``z`` of customers alive after ``n`` events, ``n // k`` of them purchases.

    Parameters
    ----------
    n : ndarray, shape (n_rows,)
        Whole numbers of events since the first purchase.
    z : ndarray, shape (n_rows, n_points)
        Horizons, relative to ``alpha + T``.
    k : int
    r, a, b : float
        Their rate is ``Gamma(r + n, 1)``, their dropout probability ``Beta(a, b + n // k)``.

    Returns
    -------
    ndarray, shape (n_rows, n_points)
    """
    R, nearest = r + n, z.min(axis=1)
    regular = (R * np.log1p(nearest * _first_root(k)) > _NEGLIGIBLE) & (most_events(R, nearest) > _WORTHWHILE)
    value, some, others = np.empty(z.shape), np.flatnonzero(regular), np.flatnonzero(~regular)
    value[some] = _over_dropout(n[some], z[some], k, R[some], a, b, _purchases_of_dropout)
    value[others] = _average(
        _purchases_event_by_event, _purchases_by_panels, n[others], z[others], k, (r, a, b)
    )
    return value


def average_survival(n: Array, z: Array, k: int, r: float, a: float, b: float) -> Array:
    """P(alive at ``z``), as `average_purchases`."""
    R, nearest = r + n, z.min(axis=1)
    value, others = np.empty(z.shape), np.ones(n.size, dtype=bool)
    some = np.flatnonzero(most_events(R, nearest) > _WORTHWHILE)
    value[some] = _over_dropout(n[some], z[some], k, R[some], a, b, _survival_of_dropout)
    omitted = np.exp(_NEGLIGIBLE - R[some] * np.log1p(nearest[some] * _first_root(k)))
    others[some[value[some].min(axis=1) > np.maximum(omitted, _LEAST)]] = False
    rows = np.flatnonzero(others)
    value[rows] = _average(_survival_event_by_event, _survival_by_panels, n[rows], z[rows], k, (r, a, b))
    return value


def at_least(i: Array, R: Array, z: Array) -> Array:
    """P(``N >= i``), ``i`` at least 1."""
    share, rest = z / (1 + z), 1 / (1 + z)
    return np.where(share < 0.5, betainc(i, R, share), betaincc(R, i, rest))


def most_events(R: Array, z: Array) -> Array:
    """A number that ``N`` exceeds with negligible probability only."""
    rate = z * (R + np.sqrt(2 * _NEGLIGIBLE * R) + _NEGLIGIBLE)
    return rate + np.sqrt(2 * _NEGLIGIBLE * rate) + _NEGLIGIBLE


def _average(
    by_event: Callable[..., Array],
    by_panels: Callable[..., Array],
    n: Array,
    z: Array,
    k: int,
    params: tuple[float, float, float],
) -> Array:
    r, a, b = params
    R, value, widest = r + n, np.empty(z.shape), z.max(axis=1)
    most = most_events(R, widest)
    few = (most <= _FEW) & (R * np.log1p(widest) <= _RAREST)
    size = np.where(few, 2.0 ** np.ceil(np.log2(most)), 0)
    for n_events in np.unique(size[few]).astype(int).tolist():
        here = np.flatnonzero(size == n_events)
        step = max(1, _BLOCK // (n_events * z.shape[1]))
        for start in range(0, here.size, step):
            rows = here[start : start + step]
            value[rows] = by_event(n[rows], z[rows], n_events, k, R[rows], a, b)
    rows = np.flatnonzero(~few)
    many = np.repeat(n[rows], z.shape[1])
    value[rows] = by_panels(many % k, z[rows].ravel(), k, r + many, a, b + many // k).reshape(-1, z.shape[1])
    return value


def _first_root(k: int) -> float:
    """The smallest real part of ``1 - w`` among the roots of unity ``w`` but 1; or 1, if that is less."""
    return float(min(1.0, 1 - np.cos(2 * np.pi / k))) if k > 1 else np.inf


def _over_dropout(
    n: Array, z: Array, k: int, R: Array, a: float, b: float, of_dropout: Callable[..., tuple[Array, Array]]
) -> Array:
    """Average over the dropout probability of the first root of unity's term."""
    value, step = np.empty(z.shape), max(1, _BLOCK // (TRAPEZOID * z.shape[1]))
    for start in range(0, n.size, step):
        rows = slice(start, start + step)
        p, weight = trapezoid(a, b + n[rows] // k, z[rows].max(axis=1) * (1 + R[rows]))
        y = -np.log1p(-np.minimum(p, 1 - 1e-16))
        log_g = _log_mean_of_exp(y) - _log_mean_of_exp(y / k) + y * (1 - (n[rows] % k + 1) / k)[:, None]
        bought = R[rows, None, None] * np.log1p(-np.expm1(-y / k)[:, None, :] * z[rows][:, :, None])
        value[rows] = np.einsum("gpi,gi->gp", *of_dropout(log_g[:, None, :] - bought, p, weight))
    return value


def _purchases_of_dropout(log_stays: Array, p: Array, weight: Array) -> tuple[Array, Array]:
    return -np.expm1(log_stays), weight / p


def _survival_of_dropout(log_stays: Array, p: Array, weight: Array) -> tuple[Array, Array]:  # noqa: ARG001
    return np.exp(log_stays), weight


def _log_mean_of_exp(y: Array) -> Array:
    """``ln((1 - exp(-y)) / y)``."""
    near = np.where(y < _SMALL, y, 0.0)
    series = near * (-1 / 2 + near * (1 / 24 - near**2 / 2880))
    return np.where(y < _SMALL, series, np.log(exprel(-np.maximum(y, _SMALL))))


def _purchases_event_by_event(
    n: Array, z: Array, n_events: int, k: int, R: Array, a: float, b: float
) -> Array:
    stays = _staying(n // k, n_events // k + 2, a, b)
    made = np.concatenate([np.zeros((n.size, 1)), stays.cumsum(axis=1)], axis=1)
    return _event_by_event(made, n % k, z, n_events, k, R)


def _survival_event_by_event(
    n: Array, z: Array, n_events: int, k: int, R: Array, a: float, b: float
) -> Array:
    return _event_by_event(_staying(n // k, n_events // k + 3, a, b), n % k, z, n_events, k, R)


def _staying(x: Array, size: int, a: float, b: float) -> Array:
    """``S(0), S(1), ...``, shape (n_rows, size)."""
    B = (b + x)[:, None] + np.arange(size - 1)
    return np.concatenate([np.ones((x.size, 1)), (B / (a + B)).cumprod(axis=1)], axis=1)


def _event_by_event(by_purchases: Array, m: Array, z: Array, n_events: int, k: int, R: Array) -> Array:
    """The average of ``by_purchases[X]``."""
    i = np.arange(n_events + 1)
    of_events = np.take_along_axis(by_purchases, (i + m[:, None].astype(int)) // k, axis=1)
    share = (z / (1 + z))[:, :, None]
    chance = np.empty((*z.shape, i.size))
    chance[:, :, 0] = np.exp(-R[:, None] * np.log1p(z))
    np.multiply(share, ((R[:, None] + i[:-1]) / i[1:])[:, None, :], out=chance[:, :, 1:])
    np.cumprod(chance, axis=2, out=chance)
    return np.einsum("gpi,gi->gp", chance, of_events)


def _purchases_by_panels(m: Array, z: Array, k: int, R: Array, a: float, B: Array) -> Array:
    certain = np.maximum(np.floor((_fewest_events(R, z) + m) / k), 1.0)
    value = 1 + expected_survival(np.broadcast_to(a, B.shape), B, certain - 1)
    value = np.where(certain > 1, value, 0.0)
    start = np.where(certain > 1, certain + 1, 1.0)
    last = np.ceil((most_events(R, z) + m) / k)
    fraction = np.minimum(1.0, 3 * _spread(R, z))
    for rows, j, weight in panels(start, np.maximum(last, start) + 1, fraction):
        own = (slice(None), None)
        stays = np.exp(-log_beta_fall(B[rows][own], a, np.maximum(j - 1, 0)))
        reached = at_least(np.maximum(j * k - m[rows][own], 1), R[rows][own], z[rows][own])
        value[rows] += (weight * stays * reached).sum(axis=1)
    return value


def _survival_by_panels(m: Array, z: Array, k: int, R: Array, a: float, B: Array) -> Array:
    value = _exactly(np.zeros(m.size), m, k, R, z)
    last = np.ceil((most_events(R, z) + m) / k)
    fraction = np.clip(np.minimum(3 * _spread(R, z), _STEEP / a), _NARROWEST, 1.0)
    for rows, j, weight in panels(np.ones(m.size), last + 1, fraction):
        own = (slice(None), None)
        stays = np.exp(-log_beta_fall(B[rows][own], a, j))
        value[rows] += (weight * stays * _exactly(j, m[rows][own], k, R[rows][own], z[rows][own])).sum(axis=1)
    return value


def _exactly(j: Array, m: Array, k: int, R: Array, z: Array) -> Array:
    """P(``X = j``), the sum over the numbers of events that make ``j`` purchases."""
    return np.exp(log_exactly(j, m, k, R, z))


def log_exactly(j: Array, m: Array, k: int, R: Array, z: Array) -> Array:
    """Logarithm of P(``X = j``)."""
    first = np.maximum(j * k - m, 0)
    start = np.log(R / (first + R)) + log_binomial(first, R, z, 1.0)
    share, term = z / (1 + z), np.ones(np.broadcast(first, R, z).shape)
    total = term.copy()
    for i in range(k - 1):
        term = term * (share * ((R + first + i) / (first + i + 1)))
        total += np.where(first + i + 1 < (j + 1) * k - m, term, 0.0)
    return start + np.log(total)


def _fewest_events(R: Array, z: Array) -> Array:
    """A number that ``N`` reaches but with negligible probability."""
    rate = z * np.maximum(R - np.sqrt(2 * _NEGLIGIBLE * R), 0.0)
    return np.maximum(rate - np.sqrt(2 * _NEGLIGIBLE * rate), 0.0)


def _spread(R: Array, z: Array) -> Array:
    """Standard deviation of ``N`` relative to its mean."""
    return np.sqrt(1 / R + 1 / (R * z))
