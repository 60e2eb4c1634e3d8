"""The interface of modules that implement a model of repeat purchases."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from clvml.distributions._history import Array, History


class Kernel(Protocol):
    """The functions of a model of repeat purchases, such as `clvml.distributions.bgnbd`.

    ``params`` are a NamedTuple of numbers, or of arrays of one number per customer where these differ. The
    first functions evaluate the history; those from `survival_probability` on predict from ``T``, for
    customers who are alive, where the time of the last purchase no longer matters, unless the kernel has
    a true ``depends_on_recency``.
    """

    def count(self, history: History) -> Any:
        """Aggregate the histories for `objective` and `total`, identical ones once."""

    def objective(self, params: Any, counts: Any, /) -> tuple[float, Array, Array]:
        """Total log-likelihood with its gradient and Hessian in the parameters."""

    def total(self, params: Any, counts: Any, /) -> float:
        """Total log-likelihood alone."""

    def log_likelihood(self, history: History, params: Any) -> Array:
        """Log-likelihood of each customer."""

    def probability_alive(self, history: History, params: Any) -> Array:
        """P(alive at ``T``) of each customer."""

    def simulate(self, T: Array, params: Any, rng: np.random.Generator) -> History:
        """Simulate histories of customers observed for ``T``."""

    def survival_probability(self, history: History, after: float, params: Any) -> Array:
        """P(alive at ``T + after`` | alive at ``T``)."""

    def purchases_given_alive(self, history: History, ends: Array, weights: Array, params: Any) -> Array:
        """Weighted sum over ``ends`` of the expected purchases until then."""

    def infinite_horizon_purchases(self, history: History, params: Any) -> Array:
        """Expected purchases over an infinite horizon; infinite where they diverge."""

    def count_probability(self, n: Array, horizon: float, history: History, params: Any) -> Array:
        """P(exactly ``n`` purchases in the next ``horizon``)."""

    def any_purchase_probability(self, history: History, horizon: float | Array, params: Any) -> Array:
        """P(at least one purchase in the next ``horizon``); 1 less `count_probability` loses its digits."""

    def next_purchase_time(self, history: History, probability: Array, params: Any) -> Array:
        """The time by which `any_purchase_probability` reaches ``probability``; infinite if it never does."""

    def simulate_ahead(
        self, history: History, horizon: float, params: Any, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], Array]:
        """Future purchases: the row of each, in ascending order, and its time after ``T``."""

    def dropout_rate(self, params: Any) -> float:
        """The mean rate or probability of dropout."""

    def rescaled(
        self, history: History, params: Any, purchase_rate: float, dropout: float
    ) -> tuple[History, Any]:
        """Histories and parameters that give the predictions of a scenario, for customers who are alive."""


class CustomerKernel(Protocol):
    """The interface for the likelihood with customer-specific parameters."""

    def derivatives(self, history: History, params: Any) -> tuple[Array, Array, Array]:
        """Log-likelihoods (n,), gradients (k, n) and Hessians (k, k, n) in the log-parameters."""
