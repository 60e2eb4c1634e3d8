"""Monte Carlo simulation of the future purchases of customers, by a fitted model of purchases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clvml.distributions._history import Array, History, params_of_rows

if TYPE_CHECKING:
    from clvml.models._history_model import HistoryModel


class PurchaseSimulator:
    """Simulates future purchases: whether each customer is alive, and purchases until dropout.

    Parameters
    ----------
    model : HistoryModel
        A fitted model.
    history : History
        Histories of the customers, with their covariates.
    """

    def __init__(self, model: HistoryModel, history: History) -> None:
        self.model = model
        self.history = history
        self._draw: Any = None

    def __call__(
        self, draw: Array, n_simulations: int, horizon: float, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], Array]:
        """Simulate the customers' purchases over the horizon ``n_simulations`` times.

        Parameters
        ----------
        draw : ndarray
            A draw from `parameter_draws`.
        n_simulations : int
        horizon : float
            In the model's time unit.
        rng : numpy.random.Generator

        Returns
        -------
        row : ndarray of int, shape (n_purchases,)
            ``simulation * n_customers + customer`` of each purchase, ascending.
        time : ndarray, shape (n_purchases,)
            Time from the end of the customer's observation.
        """
        params, alive = self._given(draw)
        here = np.flatnonzero(rng.random(n_simulations * alive.size) < np.tile(alive, n_simulations))
        who = here % alive.size
        row, time = self.model.kernel.simulate_ahead(
            self.history.rows(who), horizon, params_of_rows(params, who), rng
        )
        return here[row], time

    def _given(self, draw: Array) -> tuple[Any, Array]:
        """The customers' parameters and P(alive), cached for further simulations with the same draw."""
        if self._draw is not draw:
            self._draw = draw
            self._params = self.model.customer_params(self.history, draw)
            self._alive = self.model.kernel.probability_alive(self.history, self._params)
        return self._params, self._alive
