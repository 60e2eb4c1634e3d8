"""Monte Carlo simulation of spend on future purchases by the Gamma-Gamma model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clvml.distributions import gamma_gamma
from clvml.distributions._history import Array
from clvml.distributions.gamma_gamma import GammaGammaParams


class SpendSimulator:
    """Simulates amounts: each customer's mean from its posterior distribution, then each purchase.

    Parameters
    ----------
    x, m : ndarray, shape (n_customers,)
        Number of repeat purchases, and average spend on them; 0 if there are none.
    """

    def __init__(self, x: Array, m: Array) -> None:
        self.x = x
        self.m = m

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
        params = GammaGammaParams(*draw)
        shape, rate = gamma_gamma.posterior(self.x[who], self.m[who], params)
        level = rng.standard_gamma(shape) / rate
        amounts: Array = rng.standard_gamma(params.p, int(number.sum())) / np.repeat(level, number)
        return amounts
