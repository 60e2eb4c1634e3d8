"""Spend with a trend: a model of spend whose amounts are brought to one date, and projected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeVar, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.metaestimators import available_if

from clvml._listing import Listed, learnt_by
from clvml.customers._customer_tables import as_customers
from clvml.customers._summary_checks import HISTORY, checked_columns
from clvml.customers._time_units import Horizon, horizon_in, stated_time_unit, time_unit_of
from clvml.distributions._history import Array
from clvml.errors import InputError
from clvml.inference._arguments import check_fitted

Rows = NDArray[np.int64]
Method = TypeVar("Method", bound=Callable[..., Any])
SimulateSpend = Callable[[Any, Rows, Rows, np.random.Generator], Array]


def _if_spend_has(name: str) -> Callable[[Method], Method]:
    """A method that exists only if the model of spend has it."""

    def check(model: Any) -> bool:
        return hasattr(getattr(model, "spend_", model.spend), name)

    return cast(Callable[[Method], Method], available_if(check))


class TrendingSpend(Listed, BaseEstimator):
    """A model of spend per purchase with a known trend, such as inflation or that of `spend_trend`.

    Each customer's average is an average over the past: it is brought to the end of observation by the trend,
    the model of spend is fitted to these amounts, and its predictions are projected to the middle of the time
    ahead. Purchases are taken to be evenly spaced between the first and the last one.

    Parameters
    ----------
    spend : SpendModel
        Such as `GammaGamma` or `LognormalSpend`, or a custom one.
    annual_growth : float
        A fraction per year: 0.05 is 5 % more per purchase each year. A trend is only projected if it is
        stated: test it first, by `clvml.diagnostics.spend_trend`, and compare both models in a backtest.
    ahead : float or str, optional
        The time ahead over which purchases are predicted, such as ``"12M"``: amounts are those in its middle.
        None: amounts at the end of observation.
    time_unit : {"D", "W", "M", "Q", "Y"}, optional
        Time unit of customers who do not state it in ``attrs["time_unit"]``.

    Attributes
    ----------
    spend_ : SpendModel
        The model, fitted to amounts at the end of observation.
    time_unit_ : {"D", "W", "M", "Q", "Y"}
        Time unit of the customers that the model was fitted to.

    See Also
    --------
    clvml.diagnostics.spend_trend : Tests for a trend.
    clvml.GammaGamma, clvml.LognormalSpend : Models of spend that it takes.
    clvml.backtest : Whether the trend predicts better.

    Examples
    --------
    >>> import clvml
    >>> customers = clvml.summarize(clvml.load_cdnow())
    >>> flat = clvml.GammaGamma().fit(customers)
    >>> rising = clvml.TrendingSpend(clvml.GammaGamma(), annual_growth=0.05, ahead="12M").fit(customers)
    >>> print(f"{(rising.expected_spend(customers) / flat.expected_spend(customers)).mean():.3f}")
    1.066
    """

    title = "spend with a trend"

    spend_: Any
    time_unit_: str | None

    def __init__(
        self, spend: Any, annual_growth: float, ahead: Horizon | None = None, time_unit: str | None = None
    ) -> None:
        self.spend = spend
        self.annual_growth = annual_growth
        self.ahead = ahead
        self.time_unit = time_unit

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns of the customer summary that the model uses."""
        return tuple(dict.fromkeys([*HISTORY, *getattr(self.spend, "required_columns", ("monetary_value",))]))

    @property
    def reference_(self) -> dict[str, Any]:
        """The covariates of the reference customer; empty without covariates."""
        check_fitted(self, "spend_")
        return dict(getattr(self.spend_, "reference_", {}))

    def fit(self, customers: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Fit the model of spend to amounts at the end of observation.

        Parameters
        ----------
        customers : DataFrame
            The customer summary with its time unit, one row per customer.
        y : ignored
            Not used; present for API consistency with scikit-learn.

        Raises
        ------
        InputError
            If the growth is not a fraction above -1 and at most 1, or the summary has no time unit.
        FitError
            If the model of spend cannot be fitted.
        """
        customers = as_customers(customers)
        self.time_unit_ = stated_time_unit(customers) or self.time_unit
        self._log_growth()
        self.spend_ = clone(self.spend).fit(self._today(customers))
        self._projection()
        return self

    def expected_spend(self, customers: pd.DataFrame) -> pd.Series:
        """Expected spend of each customer per future purchase, in currency units."""
        spend: pd.Series = self._fitted().expected_spend(self._today(customers))
        return spend * self._projection()

    @_if_spend_has("predict_interval")
    def predict_interval(self, customers: pd.DataFrame, coverage: float = 0.9) -> pd.DataFrame:
        """Interval of each customer's mean spend per purchase: columns ``lower, upper``."""
        interval: pd.DataFrame = self._fitted().predict_interval(self._today(customers), coverage)
        return interval * self._projection()

    @_if_spend_has("log_likelihood")
    def log_likelihood(self, customers: pd.DataFrame) -> pd.Series:
        """Log-density of each customer's average spend as it was, comparable with that of other models."""
        model, customers = self._fitted(), as_customers(customers)
        value: pd.Series = model.log_likelihood(self._today(customers))
        columns = getattr(self.spend_, "required_columns", ())
        money = "total_spend" if "total_spend" in columns else "monetary_value"
        return value + np.where(value != 0, self._log_factors(customers)[money], 0.0)

    @_if_spend_has("log_likelihood")
    def score(self, customers: pd.DataFrame, y: object = None) -> float:  # noqa: ARG002
        """Mean log-likelihood per customer with spend in the model, for scikit-learn's model selection."""
        each = self.log_likelihood(customers)
        return float(each[each != 0].mean())

    @_if_spend_has("parameter_draws")
    def parameter_draws(self, n_draws: int, random_state: int, *, together: bool = False) -> Any:
        """Draws of the parameters of the model of spend."""
        return self._fitted().parameter_draws(n_draws, random_state, together=together)

    @_if_spend_has("spend_simulator")
    def spend_simulator(self, customers: pd.DataFrame) -> SimulateSpend:
        """A function that simulates the amounts of purchases; see `SupportsSpendSimulation`."""
        simulate, factor = self._fitted().spend_simulator(self._today(customers)), self._projection()

        def simulate_ahead(draw: Any, who: Rows, number: Rows, rng: np.random.Generator) -> Array:
            amounts: Array = simulate(draw, who, number, rng)
            return amounts * factor

        return simulate_ahead

    @_if_spend_has("trait_distributions")
    def trait_distributions(self, n_draws: int = 400, random_state: int = 0) -> Any:
        """Distributions of mean spend across customers, at the end of observation."""
        return self._fitted().trait_distributions(n_draws, random_state)

    @_if_spend_has("average_spend_cdf")
    def average_spend_cdf(self, frequency: Array, amounts: Array) -> Array:
        """P(average spend over ``frequency`` purchases is at most ``amounts``), at the end of observation."""
        below: Array = self._fitted().average_spend_cdf(frequency, amounts)
        return below

    def _fitted(self) -> Any:
        check_fitted(self, "spend_")
        return self.spend_

    def _check_learnt(self) -> None:
        """Refuse a model without a time unit or with an impossible growth.

        Raises
        ------
        InputError
            Naming the rule.
        """
        self._log_growth()
        self._projection()

    def _learnt(self) -> str:
        return learnt_by(getattr(self, "spend_", None))

    def _log_growth(self) -> float:
        """Growth per time unit, in logarithms."""
        growth = self.annual_growth
        is_number = isinstance(growth, int | float | np.number) and not isinstance(growth, bool)
        if not is_number or not -1 < growth <= 1:
            raise InputError(
                f"annual_growth is {growth!r}; it must be a fraction per year, above -1 and at most 1: 0.05"
                " is 5 % more each year."
            )
        if self.time_unit_ is None:
            raise InputError(
                "a trend of spend needs the time unit of the customer summary: give time_unit, or set"
                " customers.attrs['time_unit'] to 'D', 'W', 'M', 'Q' or 'Y'."
            )
        return float(np.log1p(growth)) / time_unit_of(self.time_unit_).per_year

    def _projection(self) -> float:
        """Spend in the middle of the time ahead relative to that at the end of observation."""
        if self.ahead is None:
            return 1.0
        return float(np.exp(self._log_growth() * horizon_in(self.ahead, self.time_unit_) / 2))

    def _log_factors(self, customers: pd.DataFrame) -> dict[str, Array]:
        """Log growth from a customer's purchases to the end of observation: of repeat ones, of all."""
        x, t_x, T = checked_columns(customers, HISTORY, self.time_unit_).values()
        repeat = np.where(x > 0, t_x * (x + 1) / (2 * np.maximum(x, 1)), 0.0)
        growth = self._log_growth()
        return {"monetary_value": growth * (T - repeat), "total_spend": growth * (T - t_x / 2)}

    def _today(self, customers: pd.DataFrame) -> pd.DataFrame:
        """The customers with amounts at the end of observation."""
        customers = as_customers(customers)
        factors = {name: each for name, each in self._log_factors(customers).items() if name in customers}
        money = checked_columns(customers, factors, self.time_unit_)
        return customers.assign(**{name: money[name] * np.exp(each) for name, each in factors.items()})
