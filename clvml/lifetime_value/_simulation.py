"""Monte Carlo simulation of future purchases, spend and value.

Each simulation has its own draw of the parameters, common to all customers, so that parameter uncertainty is
included in totals. Given the parameters, being alive, purchases and dropout are simulated by the model of
purchases, and each customer's mean spend is drawn from its posterior distribution. If the models were fitted
to many customers, the estimates are used in all simulations of single customers: parameter uncertainty is
then negligible relative to the randomness of a single customer.

Customers are simulated in blocks, so that memory use does not grow with their number.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.progress import track

from clvml.errors import InputError
from clvml.inference._arguments import check_coverage
from clvml.lifetime_value._protocol import Array, SupportsPurchaseSimulation, SupportsSpendSimulation

_BLOCK = 8192  # customers at once
_ROWS = 32_768  # simulated customers at once
_LONG = 50_000_000  # simulated customers: about ten seconds, from which a progress bar is shown
_NEGLIGIBLE = 12.0  # e**-12: discount factor at which simulations of an infinite horizon end


class Discount(NamedTuple):
    """Horizon, and continuous discount rate ``delta`` per time unit, from the end of each ``period``."""

    horizon: float
    delta: float
    period: float

    def of(self, time: Array) -> Array:
        """Discount factor at ``time``."""
        if self.period > 0:
            time = np.minimum(np.ceil(time / self.period) * self.period, self.horizon)
        return np.exp(-self.delta * time)


class Futures(NamedTuple):
    """Simulated purchases, spend and value of a block, shape (n_customers, n_simulations) each."""

    rows: slice
    purchases: Array
    spend: Array
    value: Array


Pairs = list[tuple[Any, Any]]


def parameter_pairs(
    purchases: SupportsPurchaseSimulation,
    spend: SupportsSpendSimulation,
    n_simulations: int,
    random_state: int,
    *,
    together: bool,
) -> Pairs:
    """Parameters of purchases and of spend for each simulation, or one pair for all of them.

    Each simulation has its own draw: sharing draws would understate the uncertainty of totals.
    """
    rates = purchases.parameter_draws(n_simulations, random_state, together=together)
    money = spend.parameter_draws(n_simulations, random_state + 1, together=together)
    n_pairs = max(len(rates), len(money))
    return list(zip(_repeated(rates, n_pairs), _repeated(money, n_pairs), strict=True))


def _repeated(draws: Sequence[Any], n: int) -> list[Any]:
    return list(draws) * n if len(draws) == 1 else list(draws)


def simulate_futures(
    purchases: SupportsPurchaseSimulation,
    spend: SupportsSpendSimulation,
    pairs: Pairs,
    customers: pd.DataFrame,
    discount: Discount,
    n_simulations: int,
    random_state: int,
) -> Iterator[Futures]:
    """Simulate customers' futures block by block; reproducible by ``random_state``."""
    n = len(customers)
    shares = np.array_split(np.arange(n_simulations), len(pairs))
    starts = range(0, n, _BLOCK)
    shown = n * n_simulations > _LONG and sys.stderr.isatty()
    for start in track(starts, "simulating futures", disable=not shown, transient=True):
        # (random_state, 0) is the stream of the parameters.
        rng = np.random.default_rng((random_state, start + 1))
        rows = slice(start, min(start + _BLOCK, n))
        block = customers.iloc[rows]
        futures = Futures(rows, *(np.zeros((len(block), n_simulations)) for _ in range(3)))
        buy, pay = purchases.purchase_simulator(block), spend.spend_simulator(block)
        for share, (of_purchases, of_spend) in zip(shares, pairs, strict=True):
            _fill(futures, share, partial(buy, of_purchases), partial(pay, of_spend), discount, rng)
        yield futures


def _fill(
    futures: Futures,
    share: NDArray[np.int64],
    buy: Callable[..., tuple[NDArray[np.int64], Array]],
    pay: Callable[..., Array],
    discount: Discount,
    rng: np.random.Generator,
) -> None:
    """Run the simulations ``share``, which have common parameters."""
    n, n_simulations = futures.purchases.shape
    at_once = max(1, _ROWS // n)
    for first in range(0, share.size, at_once):
        simulations = share[first : first + at_once]
        row, time = buy(simulations.size, discount.horizon, rng)
        if not row.size:
            continue
        starts = np.flatnonzero(np.diff(row, prepend=-1))  # purchases of one customer are contiguous
        simulation, buyer = np.divmod(row[starts], n)
        number = np.diff(starts, append=row.size)
        amount = pay(buyer, number, rng)
        cells = buyer * n_simulations + simulations[0] + simulation
        spent = worth = np.add.reduceat(amount, starts)
        if discount.delta:
            worth = np.add.reduceat(amount * discount.of(time), starts)
        futures.purchases.reshape(-1)[cells] = number
        futures.spend.reshape(-1)[cells] = spent
        futures.value.reshape(-1)[cells] = worth


def infinite_horizon_discount(delta: float) -> Discount:
    """Continuous discounting, truncated where the discount factor is negligible.

    Raises
    ------
    InputError
        If the discount rate is 0, so that the horizon cannot be truncated.
    """
    if delta == 0:
        raise InputError(
            "a prediction interval over an infinite horizon needs an annual_discount_rate above 0, such as"
            " 0.10; or give a horizon."
        )
    return Discount(_NEGLIGIBLE / delta, delta, 0.0)


def rank_of_bounds(n_simulations: int, coverage: float) -> int:
    """``k`` such that the ``k``-th smallest and largest of the simulations are an interval of this coverage.

    A new observation is below the ``k``-th smallest of ``n`` with probability ``k / (n + 1)`` exactly.

    Parameters
    ----------
    n_simulations : int
        Number of simulated values.
    coverage : float
        Probability that a new observation is within the interval, in (0, 1).

    Returns
    -------
    int
        From 1.

    Raises
    ------
    InputError
        If coverage is not in (0, 1), or there are too few simulations for it.

    See Also
    --------
    clvml.lifetime_value.bounds : The interval of this rank.

    Examples
    --------
    >>> from clvml.lifetime_value import rank_of_bounds
    >>> rank_of_bounds(999, coverage=0.9)
    50
    """
    check_coverage(coverage)
    needed = int(np.ceil(round(2 / (1 - coverage), 6))) - 1
    if isinstance(n_simulations, bool) or not isinstance(n_simulations, int) or n_simulations < needed:
        raise InputError(
            f"n_simulations is {n_simulations!r}; a coverage of {coverage:g} needs an integer of at least"
            f" {needed:,}."
        )
    return int(round((n_simulations + 1) * (1 - coverage) / 2, 6))  # rounding: 9.999999999999998 is 10


def bounds(simulated: Array, rank: int) -> tuple[Array, Array]:
    """The ``rank``-th smallest and largest of simulated values: an interval.

    Parameters
    ----------
    simulated : ndarray, shape (..., n_simulations)
        Simulated values along the last axis.
    rank : int
        From 1, as :func:`~clvml.lifetime_value.rank_of_bounds` gives it for a coverage.

    Returns
    -------
    (ndarray, ndarray)
        The lower and the upper ends, of the shape without the last axis.

    See Also
    --------
    clvml.lifetime_value.rank_of_bounds : The rank for a coverage.
    clvml.LifetimeValue : Its ``predict_interval``.

    Examples
    --------
    >>> import numpy as np
    >>> from clvml.lifetime_value import bounds, rank_of_bounds
    >>> simulated = np.arange(1.0, 100.0)  # 99 values
    >>> lower, upper = bounds(simulated, rank_of_bounds(99, coverage=0.9))
    >>> float(lower), float(upper)
    (5.0, 95.0)
    """
    lower, upper = rank - 1, simulated.shape[-1] - rank
    parts = np.partition(simulated, (lower, upper), axis=-1)
    return parts[..., lower], parts[..., upper]
