"""Scenarios: purchase and dropout rates multiplied by a factor from now on.

A scenario begins at ``T``: P(alive) at ``T`` is as fitted. Gamma distributed rates are multiplied. A multiple
of a Beta distributed probability is not Beta distributed and may exceed 1; so its mean is multiplied, up to
nearly 1, and the sum of the two parameters, which measures the homogeneity of customers, is unchanged.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from clvml.distributions._history import Array, History
from clvml.distributions._kernel import Kernel
from clvml.errors import InputError

HIGHEST_MEAN = 0.999  # upper limit of a multiplied mean probability


def check_multiple(name: str, multiple: float) -> None:
    """Validate a multiple.

    Raises
    ------
    InputError
        If it is not positive and finite.
    """
    if not 0 < multiple < np.inf:
        raise InputError(f"{name} is {multiple:g}; it must be positive and finite; 1 is the fitted level.")


def scaled_beta(name: str, multiple: float, a: Any, b: Any) -> tuple[Any, Any]:
    """The parameters of the Beta distribution whose mean is ``multiple`` times that of ``Beta(a, b)``.

    The mean is capped at `HIGHEST_MEAN`.

    Raises
    ------
    InputError
        If the multiple is not positive and finite.
    """
    check_multiple(name, multiple)
    scaled = np.minimum(multiple * a, HIGHEST_MEAN * (a + b))
    capped = scaled < multiple * a
    rest = np.where(capped, (1 - HIGHEST_MEAN) * (a + b), b + (1 - multiple) * a)
    return (scaled, rest) if isinstance(scaled, np.ndarray) else (float(scaled), float(rest))


def at_highest_mean(a: Array, b: Array) -> NDArray[np.bool_]:
    """Whether `scaled_beta` has capped the mean of these distributions."""
    ratio = (1 - HIGHEST_MEAN) / HIGHEST_MEAN
    return np.isclose(b, ratio * a, rtol=1e-9, atol=0)


def renewed(history: History) -> History:
    """Customers alive at ``T``, with time restarted; their history is in customer-specific parameters."""
    return History(history.x, np.zeros(history.size), np.zeros(history.size))


class ScenarioKernel:
    """A kernel whose predictions are those of a scenario; functions of the history are unchanged.

    Parameters
    ----------
    kernel : Kernel
    purchase_rate, dropout : float
        Multiples from now on; 1 is the fitted level.
    """

    def __init__(self, kernel: Kernel, purchase_rate: float = 1.0, dropout: float = 1.0) -> None:
        self.fitted = kernel
        self.purchase_rate = purchase_rate
        self.dropout = dropout

    def __getstate__(self) -> tuple[Any, float, float]:
        """A module by name, as modules cannot be pickled."""
        return getattr(self.fitted, "__name__", self.fitted), self.purchase_rate, self.dropout

    def __setstate__(self, state: tuple[Any, float, float]) -> None:
        kernel, self.purchase_rate, self.dropout = state
        self.fitted = cast(Kernel, importlib.import_module(kernel) if isinstance(kernel, str) else kernel)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """The functions of the history, such as the likelihood and P(alive)."""
        if name == "fitted":  # not set yet while unpickling
            raise AttributeError(name)
        past: Callable[..., Any] = getattr(self.fitted, name)
        return past

    def _scenario(self, history: History, params: Any) -> tuple[History, Any]:
        return self.fitted.rescaled(history, params, self.purchase_rate, self.dropout)

    def survival_probability(self, history: History, after: float, params: Any) -> Array:
        """P(alive at ``T + after`` | alive at ``T``)."""
        then, scaled = self._scenario(history, params)
        return self.fitted.survival_probability(then, after, scaled)

    def purchases_given_alive(self, history: History, ends: Array, weights: Array, params: Any) -> Array:
        """Weighted sum over ``ends`` of the expected purchases until then, for customers alive at ``T``."""
        then, scaled = self._scenario(history, params)
        return self.fitted.purchases_given_alive(then, ends, weights, scaled)

    def infinite_horizon_purchases(self, history: History, params: Any) -> Array:
        """Expected purchases over an infinite horizon, for customers alive at ``T``."""
        then, scaled = self._scenario(history, params)
        return self.fitted.infinite_horizon_purchases(then, scaled)

    def count_probability(self, n: Array, horizon: float, history: History, params: Any) -> Array:
        """P(exactly ``n`` purchases in the next ``horizon``), for customers alive at ``T``."""
        then, scaled = self._scenario(history, params)
        return self.fitted.count_probability(n, horizon, then, scaled)

    def any_purchase_probability(self, history: History, horizon: float | Array, params: Any) -> Array:
        """P(at least one purchase in the next ``horizon``), for customers alive at ``T``."""
        then, scaled = self._scenario(history, params)
        return self.fitted.any_purchase_probability(then, horizon, scaled)

    def next_purchase_time(self, history: History, probability: Array, params: Any) -> Array:
        """The time by which `any_purchase_probability` reaches ``probability``."""
        then, scaled = self._scenario(history, params)
        return self.fitted.next_purchase_time(then, probability, scaled)

    def simulate_ahead(
        self, history: History, horizon: float, params: Any, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], Array]:
        """Future purchases of customers alive at ``T``: ascending rows, and times after ``T``."""
        then, scaled = self._scenario(history, params)
        return self.fitted.simulate_ahead(then, horizon, scaled, rng)
