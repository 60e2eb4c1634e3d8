"""Scenarios: customers who from now on buy, or drop out, at a multiple of what they did.

Who is alive today is as fitted: a scenario begins at ``T``. A rate that is Gamma distributed is multiplied as
it is. A probability that is Beta distributed is not Beta distributed any more when it is multiplied, and may
exceed 1; so its mean is multiplied, up to nearly 1, and the sum of the two parameters, which says how alike
customers are, stays what it was.
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

HIGHEST_MEAN = 0.999  # of a probability that is multiplied


def check_multiple(name: str, multiple: float) -> None:
    """Refuse a multiple that is not positive and finite.

    Raises
    ------
    InputError
    """
    if not 0 < multiple < np.inf:
        raise InputError(f"{name} is {multiple:g}; it must be positive and finite, where 1 is as fitted.")


def scaled_beta(name: str, multiple: float, a: Any, b: Any) -> tuple[Any, Any]:
    """The parameters of the Beta distribution whose mean is ``multiple`` times that of ``Beta(a, b)``.

    It is `HIGHEST_MEAN` for those customers for whom it would be higher.

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
    """Whether `scaled_beta` has held the mean of these distributions down."""
    ratio = (1 - HIGHEST_MEAN) / HIGHEST_MEAN
    return np.isclose(b, ratio * a, rtol=1e-9, atol=0)


def renewed(history: History) -> History:
    """Customers alive at ``T``, whose time counts from now; their past is in parameters of their own."""
    return History(history.x, np.zeros(history.size), np.zeros(history.size))


class ScenarioKernel:
    """A kernel whose functions of the future are those of a scenario; what is past is as it was.

    Parameters
    ----------
    kernel : Kernel
    purchase_rate, dropout : float
        Multiples from now on; 1 is as fitted.
    """

    def __init__(self, kernel: Kernel, purchase_rate: float = 1.0, dropout: float = 1.0) -> None:
        self.fitted = kernel
        self.purchase_rate = purchase_rate
        self.dropout = dropout

    def __getstate__(self) -> tuple[str, float, float]:
        """The kernel by name, for a module cannot be pickled."""
        return self.fitted.__name__, self.purchase_rate, self.dropout  # type: ignore[attr-defined]

    def __setstate__(self, state: tuple[str, float, float]) -> None:
        name, self.purchase_rate, self.dropout = state
        self.fitted = cast(Kernel, importlib.import_module(name))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """The functions of the past, such as the likelihood and P(alive)."""
        if name == "fitted":  # not there yet, while a copy is made
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

    def simulate_ahead(
        self, history: History, horizon: float, params: Any, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], Array]:
        """Future purchases of customers alive at ``T``: ascending rows, and times after ``T``."""
        then, scaled = self._scenario(history, params)
        return self.fitted.simulate_ahead(then, horizon, scaled, rng)
