"""Monte Carlo simulation of spend on future purchases by a model of average spend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvml.distributions._history import Array, params_of_rows
from clvml.distributions.gamma_gamma import Spend


class SpendSimulator:
    """Simulates amounts: each customer's mean from its posterior distribution, then each purchase.

    Parameters
    ----------
    kernel : module
        With ``simulate_amounts``.
    spend : Spend
        Number of purchases, average spend on them (0 if there are none), and covariates.
    customer_params : callable
        The parameters of customers, by a draw.
    weight : ndarray, shape (n_customers,), or float
        Multiple of all amounts of a customer.
    """

    def __init__(
        self,
        kernel: Any,
        spend: Spend,
        customer_params: Callable[[Spend, Array], Any],
        weight: Array | float = 1.0,
    ) -> None:
        self.kernel = kernel
        self.spend = spend
        self.customer_params = customer_params
        self.weight = weight
        self._draw: Any = None

    def __call__(
        self, draw: Array, who: NDArray[np.int64], number: NDArray[np.int64], rng: np.random.Generator
    ) -> Array:
        """Simulate the amounts of purchases, customer by customer.

        Parameters
        ----------
        draw : ndarray
            A draw from `parameter_draws`.
        who : ndarray of int, shape (n_buyers,)
            The position of each buyer among the customers; a customer may buy in several simulations.
        number : ndarray of int, shape (n_buyers,)
            Number of purchases of each buyer.
        rng : numpy.random.Generator

        Returns
        -------
        ndarray, shape (number.sum(),)
            In currency units.
        """
        if self._draw is not draw:
            self._draw, self._params = draw, self.customer_params(self.spend, draw)
        params = params_of_rows(self._params, who)
        amounts: Array = self.kernel.simulate_amounts(self.spend.rows(who), params, number, rng)
        if isinstance(self.weight, np.ndarray):
            amounts *= np.repeat(self.weight[who], number)
        return amounts
