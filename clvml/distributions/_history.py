"""Purchase histories in the notation of the papers, the input of kernels."""

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
        Number of repeat purchases, or of renewals made.
    t_x : ndarray, shape (n_rows,)
        Time of the last of them since the first purchase; 0 if ``x`` is 0.
    T : ndarray, shape (n_rows,)
        Length of observation since the first purchase, in the unit of ``t_x``.
    weight : ndarray, shape (n_rows,), optional
        Number of customers that each row represents; one if None.
    covariates : mapping of str to ndarray
        Covariates by the process that they affect (``"purchases"``, ``"dropout"``), shape
        (n_rows, n_terms) if time-invariant. Empty without covariates. Arrays of other shapes whose first axis
        is rows, such as covariate paths over time, are indexed by `rows` too.

    See Also
    --------
    clvml.BGNBD : Makes it from a customer summary by ``history``.
    clvml.distributions.bgnbd : Functions of histories, such as P(alive).

    Examples
    --------
    P(alive) of a customer with two repeat purchases, the last in week 30 of 39, by the formulas of BG/NBD:

    >>> import numpy as np
    >>> from clvml.distributions import History, bgnbd
    >>> history = History(x=np.array([2.0]), t_x=np.array([30.43]), T=np.array([38.86]))
    >>> params = bgnbd.BGNBDParams(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> bgnbd.probability_alive(history, params).round(2).tolist()
    [0.73]
    """

    x: Array
    t_x: Array
    T: Array
    weight: Array | None = None
    covariates: Mapping[str, Array] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of rows."""
        return int(self.T.size)

    @cached_property
    def weights(self) -> Array:
        """Number of customers that each row represents, as an array."""
        return np.ones(self.size) if self.weight is None else self.weight

    def rows(self, rows: Rows) -> Self:
        """The histories of the selected customers, in this order."""
        return type(self)(
            self.x[rows],
            self.t_x[rows],
            self.T[rows],
            None if self.weight is None else self.weight[rows],
            {side: known[rows] for side, known in self.covariates.items()},
        )

    def with_covariates(self, covariates: Mapping[str, Array]) -> Self:
        """The same histories, with these covariates."""
        return replace(self, covariates=covariates)


def alive_at(x: Array, T: Array) -> History:
    """Customers with ``x`` purchases, the last at ``T``, who are alive then; for predictions."""
    return History(x, np.where(x > 0, T, 0.0), T)


def new_customers(n: int) -> History:
    """Customers right after their first purchase."""
    return History(np.zeros(n), np.zeros(n), np.zeros(n))


def params_of_rows(params: Any, rows: Rows) -> Any:
    """The parameters of the selected customers; scalars apply to all customers."""
    return params._make(param[rows] if isinstance(param, np.ndarray) else param for param in params)
