"""Likelihood of the BG/CNBD-k models; see `clvml.distributions.bgcnbd`.

With ``R = r + k * x`` and ``S`` the sum of `clvml.distributions._erlang`, a customer who is silent since
``t_x`` is alive or has dropped out at the last of their opportunities, at log-odds ``u``::

    u = ln(a) - ln(b + opportunities - 1) + R * log1p((T - t_x) / (alpha + t_x)) - ln(S)

and the log-likelihood is that of ``k * x`` events until ``T`` without dropout, plus ``ln(S) + softplus(u)``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, xlogy

from clvml.distributions._bgnbd_covariates import of_survival
from clvml.distributions._covariates import added, in_log_parameters, of_purchases
from clvml.distributions._erlang import log_sum, log_sum_derivatives
from clvml.distributions._gamma_ratios import log_factorial_rest
from clvml.distributions._histories import HistoryCounts, count_histories
from clvml.distributions._history import History
from clvml.distributions.bgnbd import log_survival, without_dropout

Array = NDArray[np.float64]

_BLOCK = 8192


class Counts(NamedTuple):
    """Aggregated histories, those without repeat purchases included, and the sum of `log_spacing`."""

    histories: HistoryCounts
    spacing: float


def count(history: History, k: int) -> Counts:
    """Aggregate the customers for `objective`."""
    spacing = history.weights @ log_spacing(history.x, history.t_x, k)
    return Counts(count_histories(history, everyone=True), float(spacing))


def log_spacing(x: Array, t_x: Array, k: int) -> Array:
    """The part of the log-likelihood that depends on ``k`` and ``(x, t_x)`` only; zero for ``k = 1``.

    ``x`` gaps of ``k`` events each have the sum ``t_x``: relative to the density of their times if every
    event were a purchase, ``Gamma(x) / Gamma(k*x) * t_x**((k-1)*x)``. It makes likelihoods for different
    ``k`` comparable, with each other and with those of BG/NBD and Pareto/NBD. Purchases that are all at
    time 0 do not count.
    """
    some = (x > 0) & (t_x > 0)
    n, time = np.where(some, x, 1.0), np.where(some, t_x, 1.0)
    rests = log_factorial_rest(n) - log_factorial_rest(k * n)
    spread = rests + (k - 1) * n * (np.log(time / n) + 1) + np.log(k) - xlogy(k * n, k)
    return np.where(some, spread, 0.0)


def log_odds_of_dropout(history: History, params: Any, at_first: int, k: int) -> Array:
    """``u``, minus infinity for customers without an opportunity to drop out yet."""
    x, t_x, T = history.x, history.t_x, history.T
    r, alpha, a, b = params
    chances, R = x + at_first, r + k * x
    waited, q = (T - t_x) / (alpha + t_x), (T - t_x) / (alpha + T)
    odds = b + (np.maximum(chances, 1) - 1)
    u = np.log(a) - np.log(odds) + R * np.log1p(waited) - log_sum(k, R, q)
    return np.where(chances > 0, u, -np.inf)


def log_likelihood(history: History, params: Any, at_first: int, k: int) -> Array:
    """Log-likelihood of each customer, of purchases until ``t_x`` times that of the time since."""
    x, t_x, T = history.x, history.t_x, history.T
    r, alpha, a, b = params
    chances, R = x + at_first, r + k * x
    silent = log_sum(k, R, (T - t_x) / (alpha + T)) - R * np.log1p((T - t_x) / (alpha + t_x))
    left = np.where(chances > 0, np.log(a / (b + np.maximum(chances - 1, 0))), -np.inf)
    return _log_purchases(x, t_x, r, alpha, k) + log_survival(chances, a, b) + np.logaddexp(silent, left)


def _log_purchases(x: Array, t_x: Array, r: Any, alpha: Any, k: int) -> Array:
    """Log-density of the purchases until ``t_x``, in which large logarithms of gamma functions cancel."""
    n = k * x
    grown = log_factorial_rest(r + n) - log_factorial_rest(r) - np.log1p(n / r)
    grown += r * (np.log1p(n / r) - np.log1p(t_x / alpha))
    some = (x > 0) & (t_x > 0)
    one, time = np.where(some, x, 1.0), np.where(some, t_x, 1.0)
    events = k * one * (np.log1p(r / (k * one)) - np.log1p(alpha / time))
    spread = one * (np.log(one / time) - 1) + np.log(k)
    spread += log_factorial_rest(one) - log_factorial_rest(k * one)
    at_zero = n * (np.log((r + n) / alpha) - 1)
    return grown + np.where(some, events + spread, at_zero)


def objective(params: Any, counts: Counts, at_first: int, k: int) -> tuple[float, Array, Array]:
    """Total log-likelihood with its gradient and Hessian in ``(r, alpha, a, b)``."""
    histories = counts.histories
    value, gradient, hessian = without_dropout(params, histories, at_first, k)
    for start in range(0, histories.x.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        rows = (histories.x[block], histories.t_x[block], histories.T_repeat[block])
        each, slope, curve = _silence(params, *rows, at_first, k)
        weight = histories.weight[block]
        value += float(weight @ each)
        gradient, hessian = gradient + slope @ weight, hessian + curve @ weight
    return value + counts.spacing, gradient, hessian


def total(params: Any, counts: Counts, at_first: int, k: int) -> float:
    """Total log-likelihood alone."""
    histories = counts.histories
    value = without_dropout(params, histories, at_first, k)[0] + counts.spacing
    history = History(histories.x, histories.t_x, histories.T_repeat)
    r, alpha, _, _ = params
    S = log_sum(k, r + k * history.x, (history.T - history.t_x) / (alpha + history.T))
    left = np.logaddexp(0, log_odds_of_dropout(history, params, at_first, k))
    return float(value + histories.weight @ (S + left))


def derivatives(history: History, params: Any, at_first: int, k: int) -> tuple[Array, Array, Array]:
    """Log-likelihoods (n,), gradients (4, n) and Hessians (4, 4, n) in the log-parameters.

    ``params`` are ``r, alpha, a, b``, each an array of one number per customer.
    """
    x, t_x, T = history.x, history.t_x, history.T
    r, alpha, a, b = params
    value, slope, curve = in_log_parameters(*_silence(params, x, t_x, T, at_first, k), params)
    silence = value + log_spacing(x, t_x, k), slope, curve
    return added(of_purchases(k * x, T, r, alpha), of_survival(x + at_first, a, b), silence)


def _silence(
    params: Any, x: Array, t_x: Array, T: Array, at_first: int, k: int
) -> tuple[Array, Array, Array]:
    """``ln(S) + softplus(u)`` of each customer, and its derivatives in ``(r, alpha, a, b)``."""
    r, alpha, a, b = params
    chances, R, last, seen = x + at_first, r + k * x, alpha + t_x, alpha + T
    waited, odds = (T - t_x) / last, b + (np.maximum(chances, 1) - 1)
    S = log_sum_derivatives(k, R, (T - t_x) / seen, seen)
    run = -waited / seen  # derivative of log1p(waited) in alpha
    du = np.stack(np.broadcast_arrays(np.log1p(waited) - S.R, R * run - S.alpha, 1 / a, -1 / odds))
    u = np.where(chances > 0, np.log(a / odds) + R * np.log1p(waited) - S.value, -np.inf)
    left = expit(u)
    stayed = expit(-u)
    slope = left * du
    curve = (left * stayed) * du[:, None] * du
    slope[0] += S.R
    slope[1] += S.alpha
    mixed = left * run + stayed * S.R_alpha
    curve[0, 0] += stayed * S.R_R
    curve[0, 1] += mixed
    curve[1, 0] += mixed
    curve[1, 1] += stayed * S.alpha_alpha - left * R * run * (1 / last + 1 / seen)
    curve[2, 2] -= left / a**2
    curve[3, 3] += left / odds**2
    return S.value + np.logaddexp(0, u), slope, curve
