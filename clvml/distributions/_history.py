"""What is seen of customers: the paper's symbols, as one value that kernels take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.int64] | slice


@dataclass(frozen=True, eq=False)
class History:
    """Purchase histories of customers, one row each.

    Attributes
    ----------
    x : ndarray, shape (n_rows,)
        Repeat purchases, or renewals made.
    t_x : ndarray, shape (n_rows,)
        When the last of them was made, counted from the first purchase; 0 where ``x`` is 0.
    T : ndarray, shape (n_rows,)
        How long the customer was observed, in the unit of ``t_x``.
    weight : ndarray, shape (n_rows,), optional
        How many customers each row stands for; one where None.
    covariates : mapping of str to ndarray
        What is known of customers beside their history, by the side of the model that it moves
        (``"purchases"``, ``"dropout"``): shape (n_rows, n_terms) where it does not change with time. Empty
        where nothing is known. Arrays of any other shape whose first axis is rows, such as paths over time,
        are carried along by `rows` as they are.
    """

    x: Array
    t_x: Array
    T: Array
    weight: Array | None = None
    covariates: Mapping[str, Array] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many rows there are."""
        return int(self.T.size)

    @cached_property
    def weights(self) -> Array:
        """How many customers each row stands for, as numbers."""
        return np.ones(self.size) if self.weight is None else self.weight

    def rows(self, rows: Rows) -> Self:
        """The histories of some customers, in this order."""
        return type(self)(
            self.x[rows],
            self.t_x[rows],
            self.T[rows],
            None if self.weight is None else self.weight[rows],
            {side: known[rows] for side, known in self.covariates.items()},
        )

    def with_covariates(self, covariates: Mapping[str, Array]) -> Self:
        """The same histories, with what is known of the customers beside them."""
        return replace(self, covariates=covariates)


def alive_at(x: Array, T: Array) -> History:
    """Customers with ``x`` purchases, the last of them at ``T``: alive then, for what is ahead of them."""
    return History(x, np.where(x > 0, T, 0.0), T)


def new_customers(n: int) -> History:
    """Customers right after their first purchase, of whom nothing else is known."""
    return History(np.zeros(n), np.zeros(n), np.zeros(n))


def params_of_rows(params: Any, rows: Rows) -> Any:
    """The parameters of these customers; a number, not an array, is everybody's."""
    return params._make(param[rows] if isinstance(param, np.ndarray) else param for param in params)
