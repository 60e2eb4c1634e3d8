"""The BG/CNBD-k model of repeat purchases at regular times, and its modification MBG/CNBD-k.

As BG/NBD and MBG/NBD (`clvml.distributions.bgnbd`), but the times between purchases are Erlang distributed
with shape ``k``: a purchase is every ``k``-th event of a Poisson process. While alive a customer has
events at rate ``lambda``, and so buys at the mean rate ``lambda / k``, the more regularly the larger ``k``;
after a purchase they drop out with probability ``p``::

    lambda ~ Gamma(shape=r, rate=alpha)        p ~ Beta(a, b)

The data of a customer are ``(x, t_x, T)``, and ``k = 1`` is BG/NBD (MBG/NBD where customers may drop out
right after their first purchase too: ``at_first`` is 1). The likelihood is that of the summary: the times of
the purchases before ``t_x`` are integrated out, relative to a Poisson process, so that likelihoods of
different ``k``, and those of BG/NBD and Pareto/NBD, are comparable.

The papers' conditional expectation is an approximation, by that of BG/NBD with a correction of its total.
Here it is exact: of a customer alive, ``m = 0, ..., k - 1`` events have occurred since the last purchase,
with probabilities in closed form (`clvml.distributions._erlang`), and given ``m`` rate and dropout
probability are Gamma and Beta distributed as before.

Platzer, Reutterer (2016), Ticking Away the Moments: Timing Regularity Helps to Better Predict Customer
Activity, Marketing Science 35(5). Reutterer, Platzer, Schroeder (2021), Leveraging purchase regularity for
predicting customer behavior the easy way, International Journal of Research in Marketing 38(1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from clvml.distributions import _bgcnbd_likelihood as likelihood
from clvml.distributions import _bgnbd_future as bgnbd_future
from clvml.distributions import _erlang_future as erlang_future
from clvml.distributions import _simulation as simulation
from clvml.distributions._bgcnbd_likelihood import Counts
from clvml.distributions._erlang import events_since_purchase
from clvml.distributions._history import Array, History, params_of_rows
from clvml.distributions._next_purchase import time_of_probability
from clvml.distributions._scenarios import check_multiple, scaled_beta
from clvml.distributions.bgnbd import BGNBDParams


class BGCNBDParams(BGNBDParams):
    """Parameters of the BG/CNBD-k model; ``alpha`` has the unit of time, the others have none."""


class MBGCNBDParams(BGNBDParams):
    """Parameters of the MBG/CNBD-k model; ``alpha`` has the unit of time, the others have none."""


@dataclass(frozen=True)
class ErlangKernel:
    """The functions of the BG/CNBD-k model for one ``k``; see `clvml.distributions._kernel.Kernel`.

    Parameters
    ----------
    k : int
        Events per purchase, the shape of the Erlang distribution; 1 is BG/NBD.
    at_first : int, default 0
        Number of dropout opportunities before any repeat purchase; 1 in MBG/CNBD-k.
    """

    k: int
    at_first: int = 0
    depends_on_recency = True  # predictions given alive

    def count(self, history: History) -> Counts:
        """Aggregate the customers for `objective`."""
        return likelihood.count(history, self.k)

    def objective(self, params: BGNBDParams, counts: Counts) -> tuple[float, Array, Array]:
        """Total log-likelihood with its gradient and Hessian in ``(r, alpha, a, b)``."""
        return likelihood.objective(params, counts, self.at_first, self.k)

    def total(self, params: BGNBDParams, counts: Counts) -> float:
        """Total log-likelihood alone."""
        return likelihood.total(params, counts, self.at_first, self.k)

    def log_likelihood(self, history: History, params: BGNBDParams) -> Array:
        """Log-likelihood of each customer."""
        return likelihood.log_likelihood(history, params, self.at_first, self.k)

    def derivatives(self, history: History, params: Any) -> tuple[Array, Array, Array]:
        """Log-likelihoods (n,), gradients (4, n) and Hessians (4, 4, n) in the log-parameters."""
        return likelihood.derivatives(history, params, self.at_first, self.k)

    def probability_alive(self, history: History, params: BGNBDParams) -> Array:
        """P(alive | x, t_x, T): 1 for customers without a dropout opportunity yet."""
        with np.errstate(over="ignore"):
            return expit(-likelihood.log_odds_of_dropout(history, params, self.at_first, self.k))

    def simulate(self, T: Array, params: BGNBDParams, rng: np.random.Generator) -> History:
        """Simulate histories of customers observed for ``T``."""
        return simulation.bgnbd_histories(T, params, rng, self.at_first, self.k)

    def survival_probability(self, history: History, after: float, params: BGNBDParams) -> Array:
        """P(alive at ``T + after`` | alive at ``T``)."""
        value = np.zeros(history.size)
        for rows, chance, n, own in self._states(history, params):
            r, alpha, a, b = own
            seen = alpha + history.T[rows]
            value[rows] += chance * erlang_future.survival(n, seen, after, self.k, r, a, b)
        return value

    def purchases_given_alive(
        self, history: History, ends: Array, weights: Array, params: BGNBDParams
    ) -> Array:
        """Weighted sum over ``ends`` of the expected purchases until then, for customers alive at ``T``."""
        value = np.zeros(history.size)
        for rows, chance, n, own in self._states(history, params):
            r, alpha, a, b = own
            seen = alpha + history.T[rows]
            value[rows] += chance * erlang_future.purchases(n, seen, ends, weights, self.k, r, a, b)
        return value

    def infinite_horizon_purchases(self, history: History, params: BGNBDParams) -> Array:
        """Expected purchases over an infinite horizon, given alive at ``T``; infinite where ``a <= 1``."""
        return bgnbd_future.infinite_horizon_purchases(history.x, params.a, params.b + self.at_first)

    def count_probability(self, n: Array, horizon: float, history: History, params: BGNBDParams) -> Array:
        """P(exactly ``n`` purchases in the next ``horizon``), for customers alive at ``T``."""
        value = np.zeros(history.size)
        for rows, chance, events, own in self._states(history, params):
            r, alpha, a, b = own
            seen = alpha + history.T[rows]
            value[rows] += chance * erlang_future.count_probability(
                n[rows], horizon, events, seen, self.k, r, a, b
            )
        return value

    def any_purchase_probability(
        self, history: History, horizon: float | Array, params: BGNBDParams
    ) -> Array:
        """P(at least one purchase in the next ``horizon``), for customers alive at ``T``."""
        value, horizons = np.zeros(history.size), np.broadcast_to(horizon, history.size)
        for rows, chance, n, own in self._states(history, params):
            seen = own.alpha + history.T[rows]
            value[rows] += chance * erlang_future.any_purchase_probability(
                n, seen, horizons[rows], self.k, own.r
            )
        return value

    def next_purchase_time(self, history: History, probability: Array, params: BGNBDParams) -> Array:
        """The time after ``T`` by which P(purchase | alive at ``T``) reaches ``probability``."""

        def within(rows: NDArray[np.int64], time: Array) -> Array:
            return self.any_purchase_probability(history.rows(rows), time, params_of_rows(params, rows))

        return time_of_probability(within, probability)

    def simulate_ahead(
        self, history: History, horizon: float, params: BGNBDParams, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], Array]:
        """Simulate future purchases of customers alive at ``T``: ascending rows, and times after ``T``."""
        r, alpha, a, b = self._given_first(params)
        chance = self._chances(history, params)
        since = (rng.random(history.size) > chance.cumsum(axis=0)[:-1]).sum(axis=0)
        n = self.k * history.x + since
        return erlang_future.simulate(n, alpha + history.T, horizon, self.k, r, a, b, rng)

    def dropout_rate(self, params: BGNBDParams) -> float:
        """The mean probability of dropout after a purchase."""
        return params.a / (params.a + params.b)

    def rescaled(
        self, history: History, params: BGNBDParams, purchase_rate: float, dropout: float
    ) -> tuple[History, BGNBDParams]:
        """Histories and parameters that give the predictions of a scenario from ``T`` on.

        Time passes ``purchase_rate`` times as fast, also that of the past, so that the events since the last
        purchase are the same; the dropout probability as for BG/NBD.

        Raises
        ------
        InputError
            If a multiple is not positive.
        """
        check_multiple("purchase_rate", purchase_rate)
        own: Any = params
        a, b = scaled_beta("dropout", dropout, params.a, params.b)
        then = History(history.x, history.t_x / purchase_rate, history.T / purchase_rate)
        return then, own._replace(alpha=params.alpha / purchase_rate, a=a, b=b)

    def _given_first(self, params: BGNBDParams) -> BGNBDParams:
        """The parameters after the dropout opportunity at the first purchase, if there was one."""
        own: Any = params
        given: BGNBDParams = own._replace(b=params.b + self.at_first)
        return given

    def _chances(self, history: History, params: BGNBDParams) -> Array:
        """P(``m`` events since the last purchase | alive), shape (k, n)."""
        q = (history.T - history.t_x) / (params.alpha + history.T)
        return events_since_purchase(self.k, params.r + self.k * history.x, q)

    def _states(
        self, history: History, params: BGNBDParams
    ) -> Iterator[tuple[NDArray[np.int64], Array, Array, BGNBDParams]]:
        """For each ``m``: rows, its probability, their events since the first purchase, their parameters."""
        own = self._given_first(params)
        for m, chance in enumerate(self._chances(history, params)):
            rows = np.flatnonzero(chance > 0)
            if rows.size:
                yield rows, chance[rows], self.k * history.x[rows] + m, params_of_rows(own, rows)
