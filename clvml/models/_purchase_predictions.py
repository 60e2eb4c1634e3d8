"""Predictions of models of repeat purchases: P(alive), purchases and their distribution."""

from __future__ import annotations

from typing import Any, overload

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from clvml.customers._customer_tables import as_customers
from clvml.customers._time_units import Horizon, Horizons, by_horizon, labels_of
from clvml.distributions._histories import distinct_rows
from clvml.distributions._history import Array, History, new_customers, params_of_rows
from clvml.errors import InputError
from clvml.inference._arguments import check_coverage
from clvml.models._count_quantiles import count_probability, count_quantiles, customer_specific
from clvml.models._history_base import IN_TIME, HistoryBase

_CUSTOMERS = 262_144  # at once, so that memory use does not grow with their number
_DRAWS = 32  # of the parameters, in prediction intervals of counts


class PurchasePredictions(HistoryBase):
    """Predictions for customers of a summary, and for new customers."""

    def probability_alive(self, customers: pd.DataFrame, after: Horizon = 0) -> pd.Series:
        """P(alive) of each customer, in [0, 1].

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        after : float or str, default 0
            Time after the end of observation, of which no purchases are known.

        Returns
        -------
        Series
            On the customers' index.
        """
        customers = as_customers(customers)
        history = self.history(customers)
        params = self.customer_params(history)
        alive = self.kernel.probability_alive(history, params)
        if (time := self._horizon_in_units(after)) > 0:
            alive *= self.kernel.survival_probability(history, time, params)
        return pd.Series(alive, customers.index, name="probability_alive", copy=False)

    @overload
    def expected_purchases(self, customers: pd.DataFrame, horizon: Horizon) -> pd.Series: ...

    @overload
    def expected_purchases(self, customers: pd.DataFrame, horizon: Horizons) -> pd.DataFrame: ...

    def expected_purchases(
        self, customers: pd.DataFrame, horizon: Horizon | Horizons
    ) -> pd.Series | pd.DataFrame:
        """Expected purchases of each customer in the ``horizon`` after their observation.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        horizon : float, str or timedelta, or a list of them
            In the model's time unit, as text with a unit, such as ``"12M"``, or a `pandas.Timedelta`.

        Returns
        -------
        Series or DataFrame
            On the customers' index; for a list of horizons one column each, labelled as given.
        """
        customers = as_customers(customers)
        if isinstance(horizon, list | tuple | pd.Index | np.ndarray):
            return by_horizon(lambda each: self.expected_purchases(customers, each), horizon)
        history = self.history(customers)
        ends = np.array([self._horizon_in_units(horizon)])
        value = self._expected(history, self.customer_params(history), ends, np.ones(1))
        return pd.Series(value, customers.index, name="expected_purchases", copy=False)

    @overload
    def expected_purchases_new_customer(self, horizon: Horizon) -> float: ...

    @overload
    def expected_purchases_new_customer(self, horizon: Horizons) -> pd.Series: ...

    def expected_purchases_new_customer(self, horizon: Horizon | Horizons) -> float | pd.Series:
        """Expected repeat purchases of a new customer in the ``horizon`` after the first purchase.

        Parameters
        ----------
        horizon : float, str or timedelta, or a list of them
            In the model's time unit, or as text with a unit, such as ``"12M"``.

        Returns
        -------
        float or Series
            Without the first purchase; a Series by horizon for a list of horizons.
        """
        check_is_fitted(self, "params_")
        if isinstance(horizon, list | tuple | pd.Index | np.ndarray):
            labels = labels_of(horizon)
            new = [self.expected_purchases_new_customer(each) for each in labels]
            return pd.Series(new, labels, name="expected_purchases")
        ends = np.array([self._horizon_in_units(horizon)])
        return float(self._expected(new_customers(1), self.params_, ends, np.ones(1))[0])

    def purchase_probability(
        self, n: int, horizon: Horizon, customers: pd.DataFrame | None = None
    ) -> pd.Series | float:
        """P(exactly ``n`` purchases in the next ``horizon``), for each customer or for a new customer.

        Parameters
        ----------
        n : int
            Number of purchases, zero or more.
        horizon : float or str
            In the model's time unit, or as text with a unit.
        customers : DataFrame, optional
            The customer summary; None for a new customer, whose first purchase is not counted.

        Returns
        -------
        Series or float
            On the customers' index; a number for a new customer.
        """
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
            raise InputError(f"n is {n!r}; it must be a whole number, zero or more.")
        check_is_fitted(self, "params_")
        customers = as_customers(customers)
        history = new_customers(1) if customers is None else self.history(customers)
        params = self.params_ if customers is None else self.customer_params(history)
        alive = self.kernel.probability_alive(history, params)
        number, ahead = np.full(history.size, float(n)), self._horizon_in_units(horizon)
        value = alive * count_probability(self.kernel, number, ahead, history, params)
        value += (1 - alive) * (n == 0)
        if customers is None:
            return float(value[0])
        return pd.Series(value, customers.index, name="purchase_probability")

    def probability_buys(self, customers: pd.DataFrame, horizon: Horizon) -> pd.Series:
        """P(at least one purchase in the next ``horizon``) of each customer, in [0, 1].

        P(alive) times the probability of a purchase of a customer alive, in closed form (see
        `clvml.distributions`), not a difference from P(no purchase).

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        horizon : float, str or timedelta
            In the model's time unit, or as text with a unit, such as ``"30D"``. In discrete-time models the
            opportunities within it count.

        Returns
        -------
        Series
            On the customers' index.
        """
        history, params, alive = self._now(customers)
        ahead = self._horizon_in_units(horizon)
        value = alive * self.kernel.any_purchase_probability(history, ahead, params)
        return pd.Series(value, customers.index, name="probability_buys", copy=False)

    def next_purchase_time(self, customers: pd.DataFrame, probability: float = 0.5) -> pd.Series:
        """The time from the end of observation by which each customer has bought again with a probability.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        probability : float, default 0.5
            In (0, 1). By default the median, among all futures, those without another purchase included.

        Returns
        -------
        Series
            In the model's time unit; infinite where the probability is never reached, as where P(alive) is
            below it.

        Raises
        ------
        InputError
            If the probability is not between 0 and 1.
        """
        if not 0 < probability < 1:
            raise InputError(f"probability is {probability!r}; it must be above 0 and below 1, as in 0.5.")
        history, params, alive = self._now(customers)
        with np.errstate(divide="ignore", over="ignore"):
            needed = np.where(alive > 0, probability / alive, np.inf)
        value = np.full(history.size, np.inf)
        rows = np.flatnonzero(needed < 1)
        time = self.kernel.next_purchase_time(history.rows(rows), needed[rows], params_of_rows(params, rows))
        value[rows] = time
        return pd.Series(value, customers.index, name="next_purchase_time", copy=False)

    def predict_interval(
        self, customers: pd.DataFrame, horizon: Horizon, coverage: float = 0.9
    ) -> pd.DataFrame:
        """Prediction interval of each customer's number of purchases in the next ``horizon``.

        Equal-tailed quantiles of the exact distribution, so that each interval covers at least ``coverage``.
        If the model was fitted to fewer than 20,000 customers, parameter uncertainty is included by averaging
        over draws; with more it is negligible. For spend, value and totals see
        `LifetimeValue.predict_interval`.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        horizon : float, str or timedelta
            In the model's time unit, or as text with a unit, such as ``"12M"``.
        coverage : float, default 0.9
            Nominal share of outcomes within the intervals.

        Returns
        -------
        DataFrame
            Columns ``lower, upper``, whole numbers, on the customers' index.

        Raises
        ------
        InputError
            If the coverage is not in (0, 1), or the horizon is invalid.
        """
        check_coverage(coverage)
        customers = as_customers(customers)
        history = self.history(customers)
        first, row = distinct_rows(
            (history.x, history.t_x, history.T, *customer_specific(self.customer_params(history)))
        )
        draws = [self.customer_params(history, draw) for draw in self.parameter_draws(_DRAWS, 0)]
        lower, upper = count_quantiles(
            self.kernel,
            ((1 - coverage) / 2, (1 + coverage) / 2),
            self._horizon_in_units(horizon),
            history.rows(first),
            [params_of_rows(params, first) for params in draws],
            self._shortest_time(draws),
        )
        return pd.DataFrame({"lower": lower[row], "upper": upper[row]}, index=customers.index)

    def _shortest_time(self, draws: list[Any]) -> float | None:
        """The smallest parameter in the unit of time, if customers share it and ``T`` is continuous."""
        if self.discrete_time or customer_specific(draws[0]):
            return None
        times = [getattr(params, name) for params in draws for name in IN_TIME if name in params._fields]
        return min(times, default=None)

    def _now(self, customers: pd.DataFrame) -> tuple[History, Any, Array]:
        """The history, the parameters and P(alive) of each customer."""
        history = self.history(customers)
        params = self.customer_params(history)
        return history, params, self.kernel.probability_alive(history, params)

    def _expected(
        self, history: History, params: Any, ends: Array, weights: Array, alive: Array | None = None
    ) -> Array:
        """Weighted sum over ``ends`` of the expected purchases until then; P(alive) may be known."""
        value = np.empty(history.size)
        for start in range(0, history.size, _CUSTOMERS):
            rows = slice(start, start + _CUSTOMERS)
            own, here = params_of_rows(params, rows), history.rows(rows)
            value[rows] = self.kernel.probability_alive(here, own) if alive is None else alive[rows]
            value[rows] *= self.kernel.purchases_given_alive(here, ends, weights, own)
        return value
