"""The time since a customer's last purchase, where times between purchases are Erlang distributed.

A purchase is every ``k``-th event of a Poisson process. Of a customer alive, whose event rate before
the last purchase was known to be ``Gamma(R, alpha + t_x)``, ``m = 0, ..., k - 1`` events have occurred since.
With ``q = (T - t_x) / (alpha + T)``, the share of all time in the gap,

    P(m events, no purchase) = (1 - q)**R * term_m,        term_m = Gamma(R + m) / Gamma(R) / m! * q**m

All terms are positive, and so is their sum, whose logarithm is `log_sum`; for ``k = 1`` it is zero.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_LARGEST_RATIO = 1e25  # of successive terms: beyond it the last is all that counts, and powers would overflow


class LogSum(NamedTuple):
    """``log_sum`` with its derivatives in ``R`` and ``alpha``, each of shape (n,)."""

    value: Array
    R: Array
    alpha: Array
    R_R: Array
    R_alpha: Array
    alpha_alpha: Array


def log_sum(k: int, R: Array, q: Array) -> Array:
    """Logarithm of the sum of the terms."""
    return np.log1p(_terms(k, R, q)[1:].sum(axis=0))


def events_since_purchase(k: int, R: Array, q: Array) -> Array:
    """P(``m`` events since the last purchase | alive), shape (k, n), summing to 1 over ``m``."""
    terms = _terms(k, R, q)
    return np.asarray(terms / terms.sum(axis=0))


def log_sum_derivatives(k: int, R: Array, q: Array, seen: Array) -> LogSum:
    """As `log_sum`, with derivatives; ``seen`` is ``alpha + T``.

    The derivatives of ``ln(term_m)`` are ``h = sum of 1 / (R + i) over i < m`` in ``R`` and ``-m / seen`` in
    ``alpha``; those of the logarithm of the sum are moments of these under the probabilities of ``m``.
    """
    terms = _terms(k, R, q)
    rest = terms[1:].sum(axis=0)
    chance = terms[1:] / (1 + rest)
    h, fall = np.zeros(R.size), np.zeros(R.size)
    mean_h, mean_m, mean_hm, curve_h, curve_m = (np.zeros(R.size) for _ in range(5))
    for m, weight in enumerate(chance, start=1):
        per = 1 / (R + (m - 1))
        h, fall = h + per, fall + per**2
        mean_h += weight * h
        mean_m += weight * m
        mean_hm += weight * h * m
        curve_h += weight * (h**2 - fall)
        curve_m += weight * (m * (m + 1))
    return LogSum(
        np.log1p(rest),
        mean_h,
        -mean_m / seen,
        curve_h - mean_h**2,
        (mean_h * mean_m - mean_hm) / seen,
        (curve_m - mean_m**2) / seen**2,
    )


def _terms(k: int, R: Array, q: Array) -> Array:
    terms = np.ones((k, np.broadcast(R, q).size))
    for m in range(1, k):
        terms[m] = terms[m - 1] * np.minimum(q * ((R + (m - 1)) / m), _LARGEST_RATIO)
    return terms
