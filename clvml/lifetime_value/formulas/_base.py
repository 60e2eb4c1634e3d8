"""What the formula models share: checks, horizon, rate, margin and scenarios around one formula.

Each estimates the inputs of its formula from the data and gives every customer an amount of money over a
horizon, so that formulas compete with the probabilistic models on equal terms. Three words recur::

    income          money from the customer per time unit observed, total_spend / T
    retention_rate  the probability to stay for another time unit, one number for the cohort
    lifetime        remaining time units as a customer, 1 / (1 - retention_rate), at most the horizon

Money comes at the end of each time unit and is discounted by the rate per time unit that compounds to the
annual one. A customer observed for no time at all (``T = 0``) has shown no rate: it is taken as 0, never as
infinite.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clvml.customers._summary_checks import check_customers
from clvml.customers._time_units import horizon_in, rate_per_unit
from clvml.errors import InputError
from clvml.lifetime_value.formulas._estimates import Estimates, check_number, check_shares
from clvml.lifetime_value.formulas._sums import FloatArray


class FormulaValue(BaseEstimator, ABC):
    """What the formula models share: checks, horizon, rate, margin and scenarios around one formula.

    A model adds ``required_columns``, its estimates (:meth:`_estimate`), its formula (:meth:`_value`), and
    which of its estimates and arguments a scenario may change.

    Parameters
    ----------
    horizon : float or str
        How far ahead to look: a number of the summary's time units, or text such as ``"12M"``.
    annual_discount_rate : float
        A fraction per year: 0.10 is 10 %.
    margin : float
        Multiplies the money: the share of spend that is kept.

    Attributes
    ----------
    params_ : dict of str to float
        What was estimated from the data.
    standard_errors_ : dict of str to float
        Of each estimate over samples of customers; 0 for what was given rather than estimated, NaN where
        the data cannot tell.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        The unit of the customer summary.
    """

    required_columns: ClassVar[tuple[str, ...]] = ()
    varied_arguments: ClassVar[tuple[str, ...]] = ()  # of the constructor, that a scenario may change
    varied_estimates: ClassVar[tuple[str, ...]] = ()  # in params_, that a scenario may change; shares
    _income = 1.0  # a multiple of what customers spend, in a scenario

    def __init__(self, horizon: float | str, annual_discount_rate: float = 0.0, margin: float = 1.0):
        self.horizon = horizon
        self.annual_discount_rate = annual_discount_rate
        self.margin = margin

    def fit(self, customers: pd.DataFrame) -> Self:
        """Estimate the formula's inputs from a customer summary.

        Parameters
        ----------
        customers : pandas.DataFrame
            One row per customer, with the columns in ``required_columns``.

        Raises
        ------
        InputError
            If the summary or an argument of the constructor breaks a rule.
        FitError
            If the summary holds too little to estimate an input.
        """
        table = check_customers(customers, self._columns(), losses=True)
        time_unit = customers.attrs.get("time_unit")
        self._terms(time_unit, None, None)
        self.time_unit_ = time_unit
        self._keep(self._estimate(table))
        return self

    def _keep(self, estimates: Estimates) -> None:
        self.params_ = {name: estimate.value for name, estimate in estimates.items()}
        self.standard_errors_ = {name: estimate.standard_error for name, estimate in estimates.items()}

    def predict(
        self,
        customers: pd.DataFrame,
        horizon: float | str | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.Series:
        """Money per customer over the horizon.

        Parameters
        ----------
        customers : pandas.DataFrame
            One row per customer, in the time unit of the summary that the model was fitted to.
        horizon, annual_discount_rate : optional
            Instead of the constructor's.

        Returns
        -------
        pandas.Series
            float64, named "clv", on the customers' index.

        Raises
        ------
        InputError
            If the summary or an argument breaks a rule.
        sklearn.exceptions.NotFittedError
            If the model has not been fitted.
        """
        return self.predict_factors(customers, horizon, annual_discount_rate)["clv"]

    def predict_factors(
        self,
        customers: pd.DataFrame,
        horizon: float | str | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.DataFrame:
        """The money as :meth:`predict` gives it, and beside it the formula's inputs per customer."""
        check_is_fitted(self)
        table = check_customers(customers, self._columns(), self.time_unit_, losses=True)
        n_units, rate = self._terms(self.time_unit_, horizon, annual_discount_rate)
        value, factors = self._value(table, n_units, rate)
        columns = {"clv": value * self._kept - self._cost(table, n_units, rate), **factors}
        return pd.DataFrame(columns, index=table.index, dtype=np.float64)

    def scenario_factors(self) -> dict[str, float]:
        """The factors of the value at today's levels.

        ``horizon`` in time units, ``annual_discount_rate``, ``margin``, ``income``, a multiple of what
        customers spend, the arguments that are numbers, and the estimates that the value depends on.
        """
        check_is_fitted(self)
        given = {name: getattr(self, name) for name in self.varied_arguments}
        return {
            "horizon": horizon_in(self.horizon, self.time_unit_),
            "annual_discount_rate": float(self.annual_discount_rate),
            "margin": float(self.margin),
            "income": self._income,
            **{name: float(value) for name, value in given.items() if not isinstance(value, str)},
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
            If a name is unknown or a level breaks its rule; some are checked when a prediction is asked for.
        """
        known = self.scenario_factors()
        unknown = [name for name in factors if name not in known]
        if unknown:
            raise InputError(
                f"{unknown[0]!r} is not a factor of this model; they are {', '.join(map(repr, known))}."
            )
        changed = copy.copy(self)
        estimates = {name: float(factors[name]) for name in self.varied_estimates if name in factors}
        check_shares(estimates)
        changed.params_ = {**self.params_, **estimates}
        for name in factors.keys() - estimates.keys():
            setattr(changed, "_income" if name == "income" else name, float(factors[name]))
        return changed

    @property
    def _kept(self) -> float:
        """What is kept of the money: the margin, times the multiple of income in a scenario."""
        return self.margin * self._income

    def _terms(
        self, time_unit: str | None, horizon: float | str | None, annual_discount_rate: float | None
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
        """The columns read: those required, and those that arguments name."""
        return self.required_columns

    def _cost(self, table: pd.DataFrame, n_units: float, rate: float) -> FloatArray | float:  # noqa: ARG002
        """Costs that come off after the margin."""
        return 0.0

    @abstractmethod
    def _value(
        self, table: pd.DataFrame, n_units: float, rate: float
    ) -> tuple[FloatArray, dict[str, FloatArray | float]]:
        """The money before margin, and the factors it was made from."""
