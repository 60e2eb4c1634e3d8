"""Simulation of customers: purchase rates, dropout, purchases and spend."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clvml.distributions._history import History
from clvml.errors import InputError

Array = NDArray[np.float64]
Params = tuple[float, float, float, float]

_MOST = 10**9  # largest number of purchases of one customer
_MEMORY = 5 * 10**7  # purchases at once


def numbers_of_purchases(mean: Array, rng: np.random.Generator) -> NDArray[np.int64]:
    """Poisson numbers, with the mean capped."""
    return rng.poisson(np.minimum(mean, _MOST))


def row_of_each(number: NDArray[np.int64]) -> NDArray[np.int64]:
    """The row of each purchase, given the number of purchases per customer.

    Raises
    ------
    InputError
        If there are too many purchases for memory.
    """
    if number.sum() > _MEMORY:
        raise InputError(
            f"{number.sum():,} purchases of {number.size:,} customers are too many to simulate one by one:"
            " check the time unit of the parameters, or give a shorter horizon."
        )
    return np.repeat(np.arange(number.size), number)


def bgnbd_histories(
    T: Array, params: Params, rng: np.random.Generator, at_first: int = 0, k: int = 1
) -> History:
    """Simulate histories of BG/NBD customers observed for ``T``.

    With ``at_first`` 1 they may drop out right after the first purchase too (MBG/NBD). ``k`` is the shape of
    the Erlang distribution of the times between purchases.
    """
    r, alpha, a, b = params
    rate, dropout = rng.gamma(r, 1 / alpha, T.size), rng.beta(a, b, T.size)
    x, t_x, clock = np.zeros(T.size), np.zeros(T.size), np.zeros(T.size)
    here = np.flatnonzero(rate > 0)
    if at_first:
        here = here[rng.random(here.size) >= dropout[here]]
    while here.size:
        with np.errstate(over="ignore"):  # tiny rates give infinite waiting times
            clock[here] += waits(rng, k, here.size) / rate[here]
        here = here[clock[here] <= T[here]]
        x[here] += 1
        t_x[here] = clock[here]
        here = here[rng.random(here.size) >= dropout[here]]
    return History(x, t_x, T)


def waits(rng: np.random.Generator, k: float | Array, size: int) -> Array:
    """Times of ``k`` events at rate 1."""
    return rng.exponential(size=size) if np.ndim(k) == 0 and k == 1 else rng.standard_gamma(k, size)


def pareto_nbd_histories(T: Array, params: Params, rng: np.random.Generator) -> History:
    """Simulate histories of Pareto/NBD customers with ``r, alpha, s, beta``, observed for ``T``."""
    r, alpha, s, beta = params
    rate, dropout = rng.gamma(r, 1 / alpha, T.size), rng.gamma(s, 1 / beta, T.size)
    with np.errstate(divide="ignore", over="ignore"):  # a lifetime may overflow to infinity
        alive = np.minimum(T, rng.exponential(size=T.size) / dropout)
    x = numbers_of_purchases(rate * alive, rng).astype(float)
    # Purchase times are uniform within the lifetime: the last is the maximum of x uniform numbers.
    return History(x, np.where(x > 0, alive * rng.random(T.size) ** (1 / np.maximum(x, 1)), 0.0), T)
