"""Base class of the formula models: validation, horizon, discounting, margin and scenarios.

Each model estimates the inputs of its formula from the data and predicts the value of each customer over a
horizon, so that formulas are comparable with the probabilistic models. Recurring terms::

    income          spend of the customer per time unit observed, total_spend / T
    retention_rate  probability of remaining a customer for another time unit, common to all customers
    lifetime        expected remaining time units as a customer, 1 / (1 - retention_rate), at most the horizon

Payments are at the end of each time unit, discounted by the rate per time unit that compounds to the annual
rate. Rates of customers with ``T = 0`` are 0, not infinite.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Self, overload

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clvml._listing import Listed, listed_numbers
from clvml.customers._customer_tables import as_customers
from clvml.customers._frames import float_frame
from clvml.customers._summary_checks import check_customers
from clvml.customers._time_units import (
    Horizon,
    Horizons,
    by_horizon,
    horizon_in,
    rate_per_unit,
    stated_time_unit,
)
from clvml.customers._training_summary import TrainingSummary, check_time_scale, training_summary
from clvml.inference._arguments import check_fitted
from clvml.inference._deviance import deviance_score
from clvml.lifetime_value._protocol import check_factors
from clvml.lifetime_value.formulas._estimates import Estimates, check_number, check_shares
from clvml.lifetime_value.formulas._sums import FloatArray


class FormulaValue(Listed, BaseEstimator, ABC):
    """Base class of the formula models.

    A model adds ``required_columns``, its estimates (:meth:`_estimate`), its formula (:meth:`_value`), and
    which of its estimates and arguments a scenario may change.

    Parameters
    ----------
    horizon : float or str
        Prediction horizon: a number of the summary's time units, or text such as ``"12M"``.
    annual_discount_rate : float
        A fraction per year: 0.10 is 10 %.
    margin : float
        Profit per unit of spend.

    Attributes
    ----------
    params_ : dict of str to float
        Estimates from the data.
    standard_errors_ : dict of str to float
        Standard errors over samples of customers; 0 for given values, NaN if not identified.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        Time unit of the customer summary.
    """

    required_columns: ClassVar[tuple[str, ...]] = ()
    varied_arguments: ClassVar[tuple[str, ...]] = ()  # of the constructor, that a scenario may change
    varied_estimates: ClassVar[tuple[str, ...]] = ()  # in params_, that a scenario may change; shares
    params_: dict[str, float]
    standard_errors_: dict[str, float]
    time_unit_: str | None
    training_summary_: TrainingSummary | None = None  # None: saved by clvml 0.1
    _income = 1.0  # multiple of spend, in a scenario

    def __init__(self, horizon: Horizon, annual_discount_rate: float = 0.0, margin: float = 1.0):
        self.horizon = horizon
        self.annual_discount_rate = annual_discount_rate
        self.margin = margin

    def fit(self, customers: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Estimate the formula's inputs from a customer summary.

        Parameters
        ----------
        customers : pandas.DataFrame
            One row per customer, with the columns in ``required_columns``; polars and Arrow tables are
            converted.
        y : ignored
            Not used; present for API consistency with scikit-learn.

        Raises
        ------
        InputError
            If the summary or a constructor argument is invalid.
        FitError
            If an input cannot be estimated from the summary.
        """
        customers = as_customers(customers)
        table = check_customers(customers, self._columns(), losses=True)
        time_unit = stated_time_unit(customers)
        self._terms(time_unit, None, None)
        self.time_unit_ = time_unit
        self.training_summary_ = training_summary(customers)
        self._keep(self._estimate(table))
        return self

    def _check_learnt(self) -> None:
        """Refuse estimates that are impossible, as a file may have them.

        Raises
        ------
        InputError
            Naming the estimate and the rule.
        """
        for name, value in self.params_.items():
            check_number(name, value)
        check_shares({name: self.params_[name] for name in self._shares()})

    def _shares(self) -> tuple[str, ...]:
        """The estimates that are shares, from 0 to 1."""
        return self.varied_estimates

    def _keep(self, estimates: Estimates) -> None:
        self.params_ = {name: estimate.value for name, estimate in estimates.items()}
        self.standard_errors_ = {name: estimate.standard_error for name, estimate in estimates.items()}

    @overload
    def predict(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.Series: ...

    @overload
    def predict(
        self,
        customers: pd.DataFrame,
        horizon: Horizons,
        annual_discount_rate: float | None = None,
    ) -> pd.DataFrame: ...

    def predict(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | Horizons | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.Series | pd.DataFrame:
        """Predict lifetime value per customer over the horizon.

        Parameters
        ----------
        customers : pandas.DataFrame
            One row per customer, in the time unit of the summary that the model was fitted to.
        horizon : float or str, or a list of them, optional
            In the model's time unit, or as text such as ``"12M"``. Default: the constructor's.
        annual_discount_rate : float, optional
            A fraction per year. Default: the constructor's.

        Returns
        -------
        pandas.Series or pandas.DataFrame
            float64, named "clv", in currency units, on the customers' index; for a list of horizons one
            column each, labelled as given.

        Raises
        ------
        InputError
            If the summary or an argument is invalid.
        sklearn.exceptions.NotFittedError
            If the model has not been fitted.
        """
        if isinstance(horizon, list | tuple | pd.Index | np.ndarray):
            return by_horizon(lambda each: self.predict(customers, each, annual_discount_rate), horizon)
        return self.predict_factors(customers, horizon, annual_discount_rate)["clv"]

    def predict_factors(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.DataFrame:
        """Lifetime value "clv" as in :meth:`predict`, and the formula's inputs per customer.

        Parameters
        ----------
        customers : pandas.DataFrame
            One row per customer, in the time unit of the summary that the model was fitted to.
        horizon : float or str, optional
            In the model's time unit, or as text such as ``"12M"``. Default: the constructor's.
        annual_discount_rate : float, optional
            A fraction per year. Default: the constructor's.

        Returns
        -------
        pandas.DataFrame
            On the customers' index: ``clv``, and the factors that the class lists.
        """
        check_fitted(self, "params_")
        table = check_customers(as_customers(customers), self._columns(), self.time_unit_, losses=True)
        check_time_scale(table, self.time_unit_, self.training_summary_)
        n_units, rate = self._terms(self.time_unit_, horizon, annual_discount_rate)
        value, factors = self._value(table, n_units, rate)
        columns = {"clv": value * self._effective_margin - self._cost(table, n_units, rate), **factors}
        return float_frame(columns, table.index)

    def score(self, customers: pd.DataFrame, y: object = None) -> float:
        """Minus the mean Tweedie deviance (power 1.5) of ``y``, what customers were worth.

        Parameters
        ----------
        customers : pandas.DataFrame
            One row per customer.
        y : array-like, shape (n_customers,)
            What the customers were worth over the horizon.

        Returns
        -------
        float
            Larger is better.

        Raises
        ------
        InputError
            If ``y`` is missing or invalid: an array in the order of the customers, or a Series by customer.
        """
        check_is_fitted(self)
        return deviance_score(self.predict(customers), y, type(self).__name__)

    def _learnt(self) -> str:
        return listed_numbers(getattr(self, "params_", {}))

    def scenario_factors(self) -> dict[str, float]:
        """The factors of the value at their current levels.

        ``horizon`` in time units, ``annual_discount_rate``, ``margin``, ``income`` (a multiple of spend), the
        numeric arguments, and the estimates that the value depends on.
        """
        check_is_fitted(self)
        given = {name: getattr(self, name) for name in self.varied_arguments}
        return {
            "horizon": horizon_in(self.horizon, self.time_unit_),
            "annual_discount_rate": float(self.annual_discount_rate),
            "margin": float(self.margin),
            "income": self._income,
            **{
                name: float(value)
                for name, value in given.items()
                if value is not None and not isinstance(value, str)
            },
            **{name: self.params_[name] for name in self.varied_estimates},
        }

    def with_factors(self, factors: Mapping[str, float]) -> Self:
        """The fitted model with some factors at other levels.

        Parameters
        ----------
        factors : mapping of str to float
            Levels by the names in `scenario_factors`.

        Raises
        ------
        InputError
            If a name is unknown or a level is invalid; some levels are only checked on prediction.
        """
        check_factors(factors, self.scenario_factors())
        changed = copy.copy(self)
        estimates = {name: float(factors[name]) for name in self.varied_estimates if name in factors}
        check_shares(estimates)
        changed.params_ = {**self.params_, **estimates}
        for name in factors.keys() - estimates.keys():
            setattr(changed, "_income" if name == "income" else name, float(factors[name]))
        return changed

    @property
    def _effective_margin(self) -> float:
        """The margin times the multiple of income in a scenario."""
        return self.margin * self._income

    def _terms(
        self, time_unit: str | None, horizon: Horizon | None, annual_discount_rate: float | None
    ) -> tuple[float, float]:
        """Number of time units and rate per time unit."""
        check_number("margin", self.margin)
        annual = self.annual_discount_rate if annual_discount_rate is None else annual_discount_rate
        n_units = horizon_in(self.horizon if horizon is None else horizon, time_unit)
        return n_units, rate_per_unit(annual, time_unit)

    def _estimate(self, table: pd.DataFrame) -> Estimates:  # noqa: ARG002 - some formulas need none
        """The estimates by name, each with its standard error."""
        return {}

    def _columns(self) -> tuple[str, ...]:
        """The columns used: those required, and those named by arguments."""
        return self.required_columns

    def _cost(self, table: pd.DataFrame, n_units: float, rate: float) -> FloatArray | float:  # noqa: ARG002
        """Costs subtracted after the margin."""
        return 0.0

    @abstractmethod
    def _value(
        self, table: pd.DataFrame, n_units: float, rate: float
    ) -> tuple[FloatArray, dict[str, FloatArray | float]]:
        """The value before margin, and its factors."""
