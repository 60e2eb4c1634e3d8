"""What the module of a model of repeat purchases must have."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from clvml.distributions._histories import Array


class Kernel(Protocol):
    """The functions of a model of repeat purchases, such as `clvml.distributions.bgnbd`.

    The first six look back at a history ``(x, t_x, T)``; the next five look ahead from ``T``, for customers
    who are still with us, where it no longer matters when they bought last.
    """

    def count(self, x: Array, t_x: Array, T: Array, weight: Array) -> Any: ...

    def objective(self, params: Any, histories: Any, /) -> tuple[float, Array, Array]: ...

    def total(self, params: Any, histories: Any, /) -> float: ...

    def log_likelihood(self, x: Array, t_x: Array, T: Array, params: Any) -> Array: ...

    def probability_alive(self, x: Array, t_x: Array, T: Array, params: Any) -> Array: ...

    def simulate(self, T: Array, params: Any, rng: np.random.Generator) -> tuple[Array, Array]: ...

    def probability_of_staying(self, x: Array, T: Array, after: float, params: Any) -> Array: ...

    def purchases_given_alive(
        self, x: Array, T: Array, ends: Array, weights: Array, params: Any
    ) -> Array: ...

    def endless_purchases(self, x: Array, T: Array, params: Any) -> Array: ...

    def count_probability(self, n: Array, horizon: float, x: Array, T: Array, params: Any) -> Array: ...

    def simulate_ahead(
        self, x: Array, T: Array, horizon: float, params: Any, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], Array]: ...

    def rate_of_leaving(self, params: Any) -> float: ...

    def rescaled(
        self, x: Array, T: Array, params: Any, purchase_rate: float, dropout: float
    ) -> tuple[Array, Any]: ...
