"""What customers may yet do, drawn many times: the spread of purchases, spend and value.

Each simulation takes a likely set of parameters of its own for all customers, so that what is uncertain
in them moves all together, as it does in a total. Within it each customer is alive or not, buys and leaves
as the model of purchases says, and spends at a level drawn from what is known of them. Where many
customers were seen, the estimates serve all simulations of single ones: what one may do outweighs by far
what is uncertain in the parameters.

Customers go in blocks: memory does not grow with their number.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from clvml.distributions import gamma_gamma
from clvml.distributions._histories import Array, of_rows
from clvml.distributions._kernel import Kernel
from clvml.distributions.gamma_gamma import GammaGammaParams
from clvml.errors import InputError
from clvml.inference._arguments import check_coverage
from clvml.models._gamma_gamma import GammaGamma
from clvml.models._history_model import HistoryModel

_BLOCK = 8192  # customers at once
_ROWS = 32_768  # simulated customers at once
_LONG = 50_000_000  # simulated customers: some ten seconds, from which on a bar shows how far it is
_FORGOTTEN = 12.0  # e**-12 of the value: what comes after that in a sum without end does not show


class Customers(NamedTuple):
    """Histories and average spend of customers, and what is known of them beside."""

    x: Array
    t_x: Array
    T: Array
    m: Array
    known: list[Array]

    def of(self, rows: slice) -> Customers:
        """Some of them."""
        x, t_x, T, m, known = self
        return Customers(x[rows], t_x[rows], T[rows], m[rows], [column[rows] for column in known])


class Discount(NamedTuple):
    """How far ahead, and what a purchase then is worth: ``delta`` a unit of time, by ``period`` ends."""

    horizon: float
    delta: float
    period: float

    def of(self, time: Array) -> Array:
        """The value now of one unit of money at ``time``."""
        if self.period > 0:
            time = np.minimum(np.ceil(time / self.period) * self.period, self.horizon)
        return np.exp(-self.delta * time)


class Futures(NamedTuple):
    """Simulated purchases, spend and value, shape (n_customers, n_simulations) each, of a block."""

    rows: slice
    purchases: Array
    spend: Array
    value: Array


Pairs = list[tuple[Array, GammaGammaParams]]


def likely_pairs(
    purchases: HistoryModel, spend: GammaGamma, n_simulations: int, seed: int, *, together: bool
) -> Pairs:
    """Parameters of purchases and of spend for each simulation, or one pair for all of them.

    A set that served several simulations would count for more than it knows: quantiles of a total would
    lie too near to one another.
    """
    rates = purchases.likely(n_simulations, seed, together=together)
    money = [spend.Params(*draw) for draw in spend.likely(n_simulations, seed + 1, together=together)]
    n_pairs = max(len(rates), len(money))
    return list(zip(_as_many(rates, n_pairs), _as_many(money, n_pairs), strict=True))


def _as_many(params: list[Any], n: int) -> list[Any]:
    return params * n if len(params) == 1 else params


def simulate_futures(
    model: HistoryModel,
    likely: Pairs,
    customers: Customers,
    discount: Discount,
    n_simulations: int,
    seed: int,
) -> Iterator[Futures]:
    """Block by block, what each customer does in each simulation; the same seed gives the same."""
    n = customers.x.size
    shares = np.array_split(np.arange(n_simulations), len(likely))
    starts = range(0, n, _BLOCK)
    shown = n * n_simulations > _LONG and sys.stderr.isatty()
    for start in track(starts, "simulating futures", disable=not shown, transient=True):
        rng = np.random.default_rng((seed, start + 1))  # (seed, 0) would be the parameters' own stream
        rows = slice(start, min(start + _BLOCK, n))
        block = customers.of(rows)
        futures = Futures(rows, *(np.zeros((block.x.size, n_simulations)) for _ in range(3)))
        for share, (draw, spend) in zip(shares, likely, strict=True):
            params = model.params_of(block.known, draw)
            _fill(futures, share, block, model.kernel, params, spend, discount, rng)
        yield futures


def _fill(
    futures: Futures,
    share: NDArray[np.int64],
    block: Customers,
    kernel: Kernel,
    params: Any,
    spend: GammaGammaParams,
    discount: Discount,
    rng: np.random.Generator,
) -> None:
    """The simulations ``share`` of one set of parameters."""
    x, t_x, T, m, _ = block
    alive = kernel.probability_alive(x, t_x, T, params)
    shape, rate = gamma_gamma.posterior(x, m, spend)
    at_once = max(1, _ROWS // x.size)
    for first in range(0, share.size, at_once):
        simulations = share[first : first + at_once]
        here = np.flatnonzero(rng.random(simulations.size * x.size) < np.tile(alive, simulations.size))
        who = here % x.size
        row, time = kernel.simulate_ahead(x[who], T[who], discount.horizon, of_rows(params, who), rng)
        if not row.size:
            continue
        starts = np.flatnonzero(np.diff(row, prepend=-1))  # purchases of one customer lie together
        buyers = who[row[starts]]
        level = rng.standard_gamma(shape[buyers]) / rate[buyers]
        amount = rng.standard_gamma(spend.p, row.size)
        simulation = simulations[0] + here[row[starts]] // x.size
        cells = buyers * futures.purchases.shape[1] + simulation
        futures.purchases.reshape(-1)[cells] = np.diff(starts, append=row.size)
        spent = worth = np.add.reduceat(amount, starts) / level
        if discount.delta:
            worth = np.add.reduceat(amount * discount.of(time), starts) / level
        futures.spend.reshape(-1)[cells] = spent
        futures.value.reshape(-1)[cells] = worth


def discount_without_end(delta: float) -> Discount:
    """Continuous discounting, as far ahead as shows.

    Raises
    ------
    InputError
        If there is no discount, for then nothing is ever far enough.
    """
    if delta == 0:
        raise InputError(
            "the range of a value without end needs an annual_discount_rate above 0, such as 0.10; or give a"
            " horizon."
        )
    return Discount(_FORGOTTEN / delta, delta, 0.0)


def rank_of_bounds(n_simulations: int, coverage: float) -> int:
    """``k`` such that the ``k``-th smallest and the ``k``-th largest of the simulations hold ``coverage``.

    A new one lies below the ``k``-th smallest of ``n`` with probability ``k / (n + 1)`` exactly.

    Raises
    ------
    InputError
        If coverage is no share, or so few simulations do not reach so far out.
    """
    check_coverage(coverage)
    needed = int(np.ceil(round(2 / (1 - coverage), 6))) - 1
    if isinstance(n_simulations, bool) or not isinstance(n_simulations, int) or n_simulations < needed:
        raise InputError(
            f"n_simulations is {n_simulations!r}; a coverage of {coverage:g} needs a whole number, {needed:,}"
            " or more."
        )
    return int(round((n_simulations + 1) * (1 - coverage) / 2, 6))  # 9.999999999999998 is the tenth


def bounds(simulated: Array, rank: int) -> tuple[Array, Array]:
    """The ``rank``-th smallest and largest along the last axis."""
    low, high = rank - 1, simulated.shape[-1] - rank
    parts = np.partition(simulated, (low, high), axis=-1)
    return parts[..., low], parts[..., high]
