"""Discounted purchases of models of repeat purchases, the factors of a customer lifetime value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._customer_tables import as_customers
from clvml.customers._time_units import Horizon, rate_per_unit
from clvml.distributions._discounting import discounted_ends, infinite_horizon_ends
from clvml.distributions._history import Array, History
from clvml.errors import InputError
from clvml.models._purchase_predictions import PurchasePredictions


class DiscountedPurchases(PurchasePredictions):
    """Discounted sums of expected purchases, over a horizon or an infinite one."""

    def discounted_purchases(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float = 0.0,
        period: Horizon = 1.0,
    ) -> pd.Series:
        """Expected purchases within ``horizon``, discounted.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        horizon : float or str, optional
            If it is not a whole number of periods, the last period is shorter. None is an infinite horizon
            (discounted expected residual transactions, Fader, Hardie, Lee 2005) with continuous discounting,
            or with discounting per opportunity in discrete-time models.
        annual_discount_rate : float, default 0
            A fraction per year.
        period : float or str, default 1
            Purchases are discounted from the end of their period, whose length is in the model's time unit or
            text with a unit, such as ``"1M"``. 0 discounts continuously.

        Raises
        ------
        InputError
            If an argument is invalid, or the undiscounted infinite-horizon expectation diverges.
        """
        customers = as_customers(customers)
        history = self.history(customers)
        params = self.customer_params(history)
        rate = rate_per_unit(annual_discount_rate, self.time_unit_)
        if horizon is None and rate == 0:
            value = self._infinite_horizon(history, params)
        else:
            value = self._expected(history, params, *self._ends(horizon, rate, period))
        return pd.Series(value, customers.index, name="discounted_purchases", copy=False)

    def purchase_factors(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float = 0.0,
        period: Horizon = 1.0,
    ) -> dict[str, Array]:
        """What a value is made of, from one reading of the customers: arrays in their order.

        Parameters
        ----------
        customers, horizon, annual_discount_rate, period
            As in `discounted_purchases`.

        Returns
        -------
        dict of str to ndarray, shape (n_customers,)
            ``discounted_purchases``; ``expected_purchases``, unless the horizon is infinite; and
            ``probability_alive``: equal to those of the methods of these names, to the last bit.
        """
        history = self.history(customers)
        params = self.customer_params(history)
        rate = rate_per_unit(annual_discount_rate, self.time_unit_)
        alive = self.kernel.probability_alive(history, params)
        factors = {"probability_alive": alive}
        if horizon is not None:
            ends = np.array([self._horizon_in_units(horizon)])
            factors["expected_purchases"] = self._expected(history, params, ends, np.ones(1), alive)
        if horizon is None and rate == 0:
            factors["discounted_purchases"] = self._infinite_horizon(history, params)
        elif rate == 0:
            factors["discounted_purchases"] = factors["expected_purchases"]
        else:
            ends_and_weights = self._ends(horizon, rate, period)
            factors["discounted_purchases"] = self._expected(history, params, *ends_and_weights, alive)
        return factors

    def _ends(self, horizon: Horizon | None, rate: float, period: Horizon) -> tuple[Array, Array]:
        """Ends of periods and their weights in a discounted sum; ``rate`` is that of a time unit."""
        if horizon is None:
            return self._infinite_horizon_ends(rate)
        return discounted_ends(self._horizon_in_units(horizon), rate, self._horizon_in_units(period))

    def _infinite_horizon(self, history: History, params: Any) -> Array:
        value = self.kernel.infinite_horizon_purchases(history, params)
        if not np.isfinite(value).all():
            raise InputError(
                f"with {self._found()} the undiscounted infinite-horizon expectation diverges: without a"
                " horizon annual_discount_rate must be above 0; give a rate, such as 0.10, or a horizon."
            )
        return value * self.kernel.probability_alive(history, params)

    def _infinite_horizon_ends(self, rate: float) -> tuple[Array, Array]:
        return infinite_horizon_ends(rate)
