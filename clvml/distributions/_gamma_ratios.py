"""Ratios of gamma functions, to full precision.

Probabilities are ratios of gamma functions whose logarithms, each about 1e7 at a million
opportunities, nearly cancel. Here the cancellation is done analytically, with Stirling's formula

    ln Gamma(y) = (y - 1/2) ln(y) - y + ln(2 pi)/2 + R(y),    R(y) = sum_k w_k * Re 1 / (y + i*tau_k)

where the sum is Binet's integral (Abramowitz, Stegun, 6.1.50 and 29.3) by Gauss's rule for its weight,
accurate to 7e-18 from ``y = 6``; smaller ``y`` are raised by ``Gamma(y+1) = y Gamma(y)``. Differences of
``1 / (y + i*tau)`` have closed forms, and those of the first terms are logarithms of ratios: so each
difference has small relative error, however small it is. Saddle-point forms of densities: Loader
(2000), Fast and Accurate Computation of Binomial Probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, gammaln, xlogy, zeta

Array = NDArray[np.float64]

_LARGE = 6.0
_APART = 0.01  # relative distance from which a plain difference keeps 13 digits
_TAU = np.array(
    [
        0.119026134410869931,
        0.598589257742219693,
        1.25058028819024935,
        2.12020925569172605,
        3.34927819645835833,
    ]
)
_BINET = 1j * _TAU
_WEIGHTS = np.array(
    [
        0.0790215082669411155,
        0.00421913766442727934,
        9.21599006854795119e-5,
        5.27148544704002213e-7,
        3.52734754927554065e-10,
    ]
)
_SERIES = np.array([1 / (2 * j + 1) for j in range(12, 0, -1)])  # of atanh(w) / w - 1, in w**2


def log_beta_fall(y: ArrayLike, a: ArrayLike, h: ArrayLike) -> Array:
    """``ln B(y, a) - ln B(y + h, a)``, B the beta function: zero or more, symmetric in ``a`` and ``h``.

    A customer whose dropout probability is ``Beta(a, y)`` survives ``h`` with probability ``exp`` of minus
    this.
    """
    y, a, h = _broadcast(y, a, h)
    fall = np.zeros(y.shape)
    for low in _raised(y):
        fall[low] -= _log_cross(y[low], a[low], h[low])
        y[low] += 1
    both = a * np.log1p(h / (y + a)) + h * np.log1p(a / (y + h)) + (y - 0.5) * _log_cross(y, a, h)
    for i_tau, weight in zip(_BINET, _WEIGHTS, strict=True):
        z = y + i_tau
        both += weight * (a / (z + a) * (h / (z + h)) * (1 / z + 1 / (z + a + h))).real
    return fall + both


def digamma_rise(y: ArrayLike, h: ArrayLike) -> Array:
    """``psi(y + h) - psi(y)``: the sum of ``1 / (y + j)`` over ``j < h`` where ``h`` is whole."""
    y, h = _broadcast(y, h)
    rise = np.asarray(digamma(y + h) - digamma(y))
    near = h <= _APART * y
    if near.any():
        rise[near] = _digamma_rise_near(y[near], h[near])
    return rise


def _digamma_rise_near(y: Array, h: Array) -> Array:
    rise = np.zeros(y.shape)
    for low in _raised(y):
        rise[low] += h[low] / (y[low] * (y[low] + h[low]))
        y[low] += 1
    one = 1 / (y[:, None] + _BINET)
    two = 1 / (y[:, None] + h[:, None] + _BINET)
    rise += np.log1p(h / y) + h / (2 * y * (y + h))
    return rise + h * (_WEIGHTS * (one * two * (one + two)).real).sum(axis=1)


def trigamma_fall(y: ArrayLike, h: ArrayLike) -> Array:
    """``psi'(y) - psi'(y + h)``: the sum of ``1 / (y + j)**2`` over ``j < h`` where ``h`` is whole."""
    y, h = _broadcast(y, h)
    fall = np.asarray(zeta(2.0, y) - zeta(2.0, y + h))
    near = h <= _APART * y
    if near.any():
        fall[near] = _trigamma_fall_near(y[near], h[near])
    return fall


def _trigamma_fall_near(y: Array, h: Array) -> Array:
    fall = np.zeros(y.shape)
    for low in _raised(y):
        fall[low] += h[low] / (y[low] * (y[low] + h[low])) * (1 / y[low] + 1 / (y[low] + h[low]))
        y[low] += 1
    step = h / (y * (y + h))
    fall += step + step * (1 / y + 1 / (y + h)) / 2
    one = 1 / (y[:, None] + _BINET)
    two = 1 / (y[:, None] + h[:, None] + _BINET)
    return fall + 2 * h * (_WEIGHTS * (one * two * (one**2 + one * two + two**2)).real).sum(axis=1)


def log_binomial(j: ArrayLike, k: ArrayLike, u: ArrayLike, v: ArrayLike) -> Array:
    """``ln`` of ``Gamma(j+k+1) / (Gamma(j+1) Gamma(k+1)) * u**j * v**k / (u+v)**(j+k)``.

    The binomial probability of ``j`` and ``k`` at odds ``u`` to ``v``, also for real ``j`` and ``k``. Its
    dominant term is the deviance of (j, k) from their expectation, which is non-negative, not a difference.
    """
    j, k, u, v = (np.asarray(value, dtype=float) for value in (j, k, u, v))
    beyond = (j * v - k * u) / (u + v)
    share = (j + k) / (u + v)
    apart = _divergence(j, share * u, beyond) + _divergence(k, share * v, -beyond)
    return log_factorial_rest(j + k) - log_factorial_rest(j) - log_factorial_rest(k) - apart


def log_beta_binomial(j: ArrayLike, k: ArrayLike, a: ArrayLike, b: ArrayLike) -> Array:
    """``ln`` of the probability of ``j`` successes and ``k`` failures where that of one is ``Beta(a, b)``."""
    j, k, a, b = (np.asarray(value, dtype=float) for value in (j, k, a, b))
    before, seen = a + b, j + k
    whole = log_factorial_rest(before + seen) - log_factorial_rest(before) - log_factorial_rest(seen)
    parts = log_binomial(j, a, seen, before) + log_binomial(k, b, seen, before)
    return parts - whole + np.log(a / (a + j) * (b / (b + k)) * ((before + seen) / before))


def log_beta_sequence(j: ArrayLike, k: ArrayLike, a: ArrayLike, b: ArrayLike) -> Array:
    """As `log_beta_binomial`, of one sequence: ``ln`` of ``B(a+j, b+k) / B(a, b)``."""
    j, k, a, b = (np.asarray(value, dtype=float) for value in (j, k, a, b))
    before, whole = a + b, a + b + j + k
    beyond = (j * b - k * a) / whole
    own = a * _log1p(beyond / a, (a + j) / a * (before / whole))
    own += b * _log1p(-beyond / b, (b + k) / b * (before / whole))
    steps = -j * np.log1p((b + k) / (a + j)) - k * np.log1p((a + j) / (b + k))
    rest = (
        log_factorial_rest(a + j) - log_factorial_rest(a) + log_factorial_rest(b + k) - log_factorial_rest(b)
    )
    rest += log_factorial_rest(before) - log_factorial_rest(whole)
    return own + steps + rest + np.log(a / (a + j) * (b / (b + k)) * (whole / before))


def log_gamma_sequence(x: ArrayLike, t: ArrayLike, r: ArrayLike, alpha: ArrayLike) -> Array:
    """``ln`` of ``Gamma(r+x) / Gamma(r) * alpha**r / (alpha+t)**(r+x)``.

    The density of the times of ``x`` events until ``t``, where their rate is ``Gamma(r, alpha)``.
    """
    x, t, r, alpha = (np.asarray(value, dtype=float) for value in (x, t, r, alpha))
    rest = log_factorial_rest(r + x) - log_factorial_rest(r) - np.log1p(x / r)
    rest += r * (np.log1p(x / r) - np.log1p(t / alpha))
    return rest + x * (np.log((r + x) / (alpha + t)) - 1)


def log_factorial_rest(x: ArrayLike) -> Array:
    """``ln Gamma(x+1) - x ln(x) + x``: 0 at 0, about ``ln(2 pi x) / 2`` beyond."""
    x = np.asarray(x, dtype=float)
    large = np.maximum(x, _LARGE)
    rest, square = np.log(2 * np.pi * large) / 2, large**2
    for tau, weight in zip(_TAU, _WEIGHTS, strict=True):
        rest += weight * large / (square + tau**2)
    small = x < _LARGE
    if small.any():
        few = np.where(small, x, 0.0)
        rest = np.where(small, gammaln(few + 1) - xlogy(few, few) + few, rest)
    return rest


def _divergence(seen: Array, expected: Array, beyond: Array) -> Array:
    """``seen * ln(seen / expected) - beyond``, ``beyond`` their difference: zero or more."""
    w = beyond / np.maximum(seen + expected, np.finfo(float).tiny)
    near = np.abs(w) < 0.1
    square = np.where(near, w, 0.0) ** 2
    close = beyond * w + 2 * seen * w * square * np.polyval(_SERIES, square)
    far = xlogy(seen, np.where(near, 1.0, seen) / np.where(near, 1.0, expected)) - beyond
    return np.where(near, close, far)


def _log_cross(y: Array, a: Array, h: Array) -> Array:
    """``ln`` of ``y * (y+a+h) / ((y+a) * (y+h))``."""
    return _log1p(-a / (y + a) * (h / (y + h)), y / (y + a) * ((y + a + h) / (y + h)))


def _log1p(z: Array, whole: Array) -> Array:
    """``ln(1 + z)``, given ``whole = 1 + z`` too, for where ``z`` is near -1."""
    near = np.abs(z) < 0.5
    return np.where(near, np.log1p(np.where(near, z, 0.0)), np.log(whole))


def _raised(y: Array) -> Iterator[NDArray[np.bool_]]:
    """Masks of arguments too small for Stirling's formula, while there are any."""
    while (low := y < _LARGE).any():
        yield low


def _broadcast(*values: ArrayLike) -> tuple[Array, ...]:
    """Arrays of one shape, the first to be written to."""
    arrays = np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in values))
    return arrays[0].copy(), *arrays[1:]
