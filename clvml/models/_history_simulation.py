"""Simulation and scenarios of models of repeat purchases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from clvml.distributions._history import Array, History, new_customers
from clvml.errors import InputError
from clvml.models._history_base import HistoryBase
from clvml.models._likelihood_model import RandomState
from clvml.models._log_linear import LogLinearParameters
from clvml.models._purchase_simulator import PurchaseSimulator
from clvml.models._scenarios import levels_of, with_levels


class HistorySimulation(HistoryBase):
    """Simulated customers, and what would happen in a scenario."""

    def simulate(
        self, T: ArrayLike, random_state: RandomState = None, covariates: pd.DataFrame | None = None
    ) -> pd.DataFrame:
        """Simulate customers from the model, as a customer summary.

        Parameters
        ----------
        T : array-like, shape (n_customers,)
            Length of observation of each customer, in the model's time unit.
        random_state : int, Generator or None
            Pass an int for reproducible results.
        covariates : DataFrame, shape (n_customers, ...), optional
            Their covariates, which are joined to the summary; None for reference customers.

        Returns
        -------
        DataFrame, shape (n_customers, ...)
            ``frequency, recency, T`` and the covariates; ``attrs["time_unit"]`` if the model has one.
        """
        check_is_fitted(self, "params_")
        observed, params = self._checked_T(T), self.params_
        index: pd.Index = pd.RangeIndex(1, observed.size + 1, name="customer_id")
        if covariates is not None:
            params, index = self._params_of_covariates(observed, covariates), covariates.index
        history = self.kernel.simulate(observed, params, np.random.default_rng(random_state))
        customers = self._summary(history, index)
        if covariates is None:
            return customers
        known = [name for name in self.required_columns if name not in self.columns]
        return customers.join(covariates[known])

    def purchase_simulator(self, customers: pd.DataFrame) -> PurchaseSimulator:
        """A function that simulates the future purchases of these customers; see `PurchaseSimulator`."""
        return PurchaseSimulator(self, self.history(customers))

    def scenario_factors(self) -> dict[str, float]:
        """The multiples that a scenario can set, such as ``{"purchase_rate": 1.0, "dropout": 1.0}``."""
        check_is_fitted(self, "params_")
        return levels_of(self)

    def with_factors(self, factors: Mapping[str, float]) -> Self:
        """The fitted model in a scenario: purchase and dropout rates are multiplied from now on.

        P(alive) today is as fitted. All predictions of the copy, including prediction intervals, are those of
        the scenario, which is not saved with the model.

        Parameters
        ----------
        factors : mapping of str to float
            Multiples of the fitted levels, by the names in `scenario_factors`. ``purchase_rate`` multiplies
            each customer's rate of purchases (or the mean purchase probability), ``dropout`` the
            dropout rate, or the mean dropout probability with the sum of the Beta distribution's parameters
            unchanged.

        Raises
        ------
        InputError
            If a name is unknown, a multiple is not positive, or the mean dropout probability of customers
            (with covariates, of those like the reference) would reach 1.
        """
        check_is_fitted(self, "params_")
        return with_levels(self, factors)

    def _checked_T(self, T: ArrayLike) -> Array:
        observed = np.asarray(T, dtype=float)
        if observed.ndim != 1 or not np.isfinite(observed).all() or (observed < 0).any():
            raise InputError("T must be non-negative, finite lengths of observation, one per customer.")
        return observed

    def _params_of_covariates(self, observed: Array, covariates: pd.DataFrame) -> Any:
        if len(covariates) != observed.size:
            raise InputError(
                f"covariates has {len(covariates)} customers and T has {observed.size}; they must match."
            )
        history, parameters = new_customers(observed.size), self._parameters
        if isinstance(parameters, LogLinearParameters):
            history = parameters.encoded(history, covariates)
        return self.customer_params(history)

    def _summary(self, history: History, index: pd.Index) -> pd.DataFrame:
        values = {"frequency": history.x, "recency": history.t_x, "T": history.T}
        customers = pd.DataFrame({name: values[name] for name in self.columns}, index=index)
        if self.time_unit_ is not None:
            customers.attrs["time_unit"] = self.time_unit_
        return customers
