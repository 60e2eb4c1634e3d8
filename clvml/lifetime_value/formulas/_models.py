"""The formulas of :mod:`~clvml.lifetime_value.formulas` as models fitted to a customer summary.

Each estimates the inputs of its formula from the data and gives every customer an amount of money
over a horizon, so that formulas compete with the probabilistic models on equal terms. Three words
recur::

    income          what the customer brought per time unit observed, total_spend / T
    retention_rate  the share of customers who stay for another time unit, one number for the cohort
    lifetime        time units of relation still to come, 1 / (1 - retention_rate), at most the horizon

Money comes at the end of each time unit and is discounted by the rate per time unit that compounds
to the annual one. A customer observed for no time at all (``T = 0``) has shown no rate: it is taken
as 0, never as infinite.

**How retention is estimated.** A customer counts as retained if their last purchase fell in the
second half of the time they were observed (``recency >= T / 2``). The retention rate ``rho`` is the
one that makes the share expected equal to the share seen, ``mean(rho**(T / 2)) = share``. Whoever is
still with us but buys rarely is taken for lost, so the rate errs on the low side: a manager's sum
cannot tell the two apart, a probabilistic model can.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clvml.customers._summary_checks import check_customers
from clvml.customers._time_units import horizon_in, rate_per_unit
from clvml.errors import FitError, FitWarning, InputError
from clvml.lifetime_value.formulas import _functions as formulas
from clvml.lifetime_value.formulas._functions import FloatArray


class FormulaValue(BaseEstimator, ABC):
    """What the formula models share: checks, horizon, rate and margin around one formula.

    A model adds ``required_columns``, its estimates (:meth:`_estimate`) and its formula
    (:meth:`_value`).

    Parameters
    ----------
    horizon : float or str
        How far ahead to look: a number of the summary's time units, or text such as ``"12M"``.
    annual_discount_rate : float
        A fraction a year: 0.10 is 10 %.
    margin : float
        Multiplies the money: the share of spend that is kept.

    Attributes
    ----------
    params_ : dict of str to float
        What was estimated from the data.
    standard_errors_ : dict of str to float
        How sure each estimate is, customers being a sample; 0 for what was given rather than
        estimated, NaN where the data cannot tell.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        The unit of the customer summary.
    """

    required_columns: ClassVar[tuple[str, ...]] = ()

    def __init__(self, horizon: float | str, annual_discount_rate: float = 0.0, margin: float = 1.0):
        self.horizon = horizon
        self.annual_discount_rate = annual_discount_rate
        self.margin = margin

    def fit(self, customers: pd.DataFrame) -> Self:
        """Estimate the formula's inputs from a customer summary.

        Parameters
        ----------
        customers : pandas.DataFrame
            One row a customer, with the columns in ``required_columns``.

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
        self.params_ = self._estimate(table)
        self.standard_errors_ = self._standard_errors(table)
        return self

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
            One row a customer, in the time unit of the summary that the model was fitted to.
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
        columns = {"clv": value * self.margin - self._cost(table, n_units, rate), **factors}
        return pd.DataFrame(columns, index=table.index, dtype=np.float64)

    def _terms(
        self, time_unit: str | None, horizon: float | str | None, annual_discount_rate: float | None
    ) -> tuple[float, float]:
        """Number of time units and rate per time unit."""
        _check_number("margin", self.margin)
        annual = self.annual_discount_rate if annual_discount_rate is None else annual_discount_rate
        n_units = horizon_in(self.horizon if horizon is None else horizon, time_unit)
        return n_units, rate_per_unit(annual, time_unit)

    def _estimate(self, table: pd.DataFrame) -> dict[str, float]:  # noqa: ARG002 - some formulas need none
        return {}

    def _standard_errors(self, table: pd.DataFrame) -> dict[str, float]:  # noqa: ARG002
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


class RepeatRateValue(FormulaValue):
    """Repeat rate x repeat ticket: customers go on as they did after their first purchase.

    ``frequency / T x monetary_value`` per time unit, for the whole horizon. Nobody ever leaves,
    and who has not come back is worth nothing. Factors: ``rate`` (repeat purchases per time unit)
    and ``ticket`` (mean spend of a repeat purchase).

    Examples
    --------
    >>> customers = pd.DataFrame(
    ...     {"frequency": [2.0], "recency": [8.0], "T": [10.0], "monetary_value": [30.0]}
    ... )
    >>> RepeatRateValue(horizon=5).fit(customers).predict(customers).tolist()
    [30.0]
    """

    required_columns: ClassVar[tuple[str, ...]] = ("frequency", "recency", "T", "monetary_value")

    def _estimate(self, table: pd.DataFrame) -> dict[str, float]:
        purchases, time = table["frequency"].sum(), table["T"].sum()
        money = (table["frequency"] * table["monetary_value"]).sum()
        return {
            "mean_rate": float(purchases / time) if time else 0.0,
            "mean_ticket": float(money / purchases) if purchases else 0.0,
        }

    def _standard_errors(self, table: pd.DataFrame) -> dict[str, float]:
        purchases = table["frequency"]
        return {
            "mean_rate": ratio_error(purchases, table["T"]),
            "mean_ticket": ratio_error(purchases * table["monetary_value"], purchases),
        }

    def _value(
        self, table: pd.DataFrame, n_units: float, rate: float
    ) -> tuple[FloatArray, dict[str, FloatArray | float]]:
        purchases = per_time_unit(table["frequency"], table["T"])
        ticket = table["monetary_value"].to_numpy()
        value = formulas.repeat_purchase(ticket, purchases, rate, n_units, first="next")
        return value, {"rate": purchases, "ticket": ticket}


class TotalSpendValue(FormulaValue):
    """Total spend per time unit, for the whole horizon: everything goes on, the first purchase included.

    ``total_spend / T x horizon``. It counts the first purchase, which made the customer one, as if
    it came again and again, and so is far too high for customers observed for a short time.
    Factor: ``income``.
    """

    required_columns: ClassVar[tuple[str, ...]] = ("T", "total_spend")

    def _estimate(self, table: pd.DataFrame) -> dict[str, float]:
        time = table["T"].sum()
        return {"mean_income": float(table["total_spend"].sum() / time) if time else 0.0}

    def _standard_errors(self, table: pd.DataFrame) -> dict[str, float]:
        return {"mean_income": ratio_error(table["total_spend"], table["T"])}

    def _value(
        self, table: pd.DataFrame, n_units: float, rate: float
    ) -> tuple[FloatArray, dict[str, FloatArray | float]]:
        income = per_time_unit(table["total_spend"], table["T"])
        return formulas.annuity(income, rate, n_units), {"income": income}


class HistoricValue(FormulaValue):
    """What the customer has brought so far, once more.

    It is the value of the past, taken as a forecast: neither horizon nor discount rate changes it,
    so it is fair only over a horizon about as long as the time observed. Factor: ``total_spend``.
    """

    required_columns: ClassVar[tuple[str, ...]] = ("total_spend",)

    def _estimate(self, table: pd.DataFrame) -> dict[str, float]:
        return {"mean_total_spend": float(table["total_spend"].mean())}

    def _standard_errors(self, table: pd.DataFrame) -> dict[str, float]:
        return {"mean_total_spend": ratio_error(table["total_spend"], table["total_spend"] * 0 + 1)}

    def _value(
        self,
        table: pd.DataFrame,
        n_units: float,  # noqa: ARG002 - the past has no horizon
        rate: float,  # noqa: ARG002
    ) -> tuple[FloatArray, dict[str, FloatArray | float]]:
        spend = table["total_spend"].to_numpy()
        return formulas.historic(spend), {"total_spend": spend}


class ZeroValue(FormulaValue):
    """Nothing for everyone: the baseline that shows what a small mean absolute error is worth."""

    def _value(
        self,
        table: pd.DataFrame,
        n_units: float,  # noqa: ARG002 - nothing stays nothing
        rate: float,  # noqa: ARG002
    ) -> tuple[FloatArray, dict[str, FloatArray | float]]:
        return np.zeros(len(table)), {}


class RetentionFormulaValue(FormulaValue):
    """What the formulas with a retention rate share: its estimate, the income and the lifetime.

    Parameters
    ----------
    horizon, annual_discount_rate, margin
        As in :class:`FormulaValue`.
    retention_rate : float, optional
        Probability to stay for another time unit, in [0, 1]; estimated from the data where None.

    Attributes
    ----------
    params_ : dict of str to float
        ``retention_rate`` per time unit, and ``mean_income`` per time unit.
    """

    required_columns: ClassVar[tuple[str, ...]] = ("frequency", "recency", "T", "total_spend")

    def __init__(
        self,
        horizon: float | str,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        retention_rate: float | None = None,
    ):
        super().__init__(horizon, annual_discount_rate, margin)
        self.retention_rate = retention_rate

    def _estimate(self, table: pd.DataFrame) -> dict[str, float]:
        time = table["T"].sum()
        return {
            "retention_rate": self._retention_rate(table),
            "mean_income": float(table["total_spend"].sum() / time) if time else 0.0,
        }

    def _standard_errors(self, table: pd.DataFrame) -> dict[str, float]:
        recency, T = table["recency"].to_numpy(), table["T"].to_numpy()
        estimated = self.retention_rate is None
        return {
            "retention_rate": retention_rate_error(recency, T, self.params_["retention_rate"])
            if estimated
            else 0.0,
            "mean_income": ratio_error(table["total_spend"], table["T"]),
        }

    def _retention_rate(self, table: pd.DataFrame) -> float:
        if self.retention_rate is None:
            return estimate_retention_rate(table["recency"].to_numpy(), table["T"].to_numpy())
        _check_number("retention_rate", self.retention_rate)
        if not 0 <= self.retention_rate <= 1:
            raise InputError(f"retention_rate is {self.retention_rate!r}; it must be between 0 and 1.")
        return float(self.retention_rate)

    def _lifetime(self, n_units: float) -> float:
        """Time units still to come, on average: without end where everyone stays, at most the horizon."""
        lost = 1 - self.params_["retention_rate"]
        return min(1 / lost, n_units) if lost else n_units


class AnnuityValue(RetentionFormulaValue):
    """The loyal customer's annuity: a steady income for as long as customers are loyal on average.

    ``I * (1 - (1 + r)**-n) / r`` with the customer's own income ``I = total_spend / T`` and, for
    everyone, ``n = 1 / (1 - retention_rate)`` time units of loyalty still to come, at most the
    horizon. Factors: ``income``, ``lifetime``.
    """

    def _value(
        self, table: pd.DataFrame, n_units: float, rate: float
    ) -> tuple[FloatArray, dict[str, FloatArray | float]]:
        income = per_time_unit(table["total_spend"], table["T"])
        lifetime = self._lifetime(n_units)
        return formulas.annuity(income, rate, lifetime), {"income": income, "lifetime": lifetime}


class RetentionValue(RetentionFormulaValue):
    """A margin that shrinks as customers leave, ``sum over t of m * rho**t / (1 + r)**t``.

    The margin ``m`` is the customer's own ``total_spend / T``; ``rho`` is the cohort's, and ``t``
    runs from 1 to the horizon, in time units. Everyone is taken to be still with us today.
    Factors: ``income``, ``retention_rate``.
    """

    def _value(
        self, table: pd.DataFrame, n_units: float, rate: float
    ) -> tuple[FloatArray, dict[str, FloatArray | float]]:
        income = per_time_unit(table["total_spend"], table["T"])
        rho = self.params_["retention_rate"]
        value = formulas.retention(income, rho, rate, n_units, first="next")
        return value, {"income": income, "retention_rate": rho}


class TotalCustomerValue(RetentionFormulaValue):
    """The rule of thumb: average purchase x purchases per time unit x lifetime x retention rate.

    The first two are the customer's own, first purchase included; the others are the cohort's.
    The lifetime counts at most the horizon. The rule knows no discounting: the annual
    discount rate changes nothing. Factors: the four of them.
    """

    def _value(
        self,
        table: pd.DataFrame,
        n_units: float,
        rate: float,  # noqa: ARG002 - undiscounted by definition
    ) -> tuple[FloatArray, dict[str, FloatArray | float]]:
        purchases = table["frequency"] + 1  # frequency counts repeat purchases only
        factors: dict[str, FloatArray | float] = {
            "average_purchase": (table["total_spend"] / purchases).to_numpy(),
            "purchases_per_time_unit": per_time_unit(purchases, table["T"]),
            "lifetime": self._lifetime(n_units),
            "retention_rate": self.params_["retention_rate"],
        }
        return formulas.total_customer_value(*factors.values()), factors


def per_time_unit(amount: pd.Series, T: pd.Series) -> FloatArray:
    """``amount / T``, and 0 for customers observed for no time at all.

    Examples
    --------
    >>> per_time_unit(pd.Series([3.0, 3.0]), pd.Series([2.0, 0.0])).tolist()
    [1.5, 0.0]
    """
    time = T.to_numpy(dtype=np.float64)
    return np.divide(amount.to_numpy(dtype=np.float64), time, out=np.zeros(len(time)), where=time > 0)


def ratio_error(amounts: pd.Series, weights: pd.Series) -> float:
    """Standard error of ``sum(amounts) / sum(weights)`` over customers drawn at random; NaN below two.

    Source: Cochran, "Sampling Techniques" (1977), the linearised ratio estimator.

    Examples
    --------
    The mean of 1, 2 and 3, whose standard deviation is 1:

    >>> print(f"{ratio_error(pd.Series([1.0, 2, 3]), pd.Series([1.0, 1, 1])) ** 2:.4f}")
    0.3333
    """
    n, total = len(amounts), float(weights.sum())
    if n < 2 or not total:
        return math.nan
    residuals = (amounts - float(amounts.sum()) / total * weights).to_numpy(dtype=np.float64)
    return math.sqrt(float(residuals @ residuals) * n / (n - 1)) / total


def retention_rate_error(recency: FloatArray, T: FloatArray, retention_rate: float) -> float:
    """Standard error of :func:`estimate_retention_rate`, from the equation that it solves.

    NaN at a rate of 0 or 1, where all customers agree and the data tell no spread.
    """
    half = T[T > 0] / 2
    if len(half) < 2 or not 0 < retention_rate < 1:
        return math.nan
    stayed = recency[T > 0] >= half
    expected = retention_rate**half
    slope = float(np.mean(half * expected)) / retention_rate
    return float(np.std(stayed - expected, ddof=1)) / math.sqrt(len(half)) / slope


def estimate_retention_rate(recency: FloatArray, T: FloatArray) -> float:
    """The probability to stay for another time unit, from who bought in the second half of their time.

    It solves ``mean(rho**(T / 2)) = share of customers with recency >= T / 2`` over the customers
    with ``T > 0``: staying is taken to be equally likely at all times and for everyone.

    Parameters
    ----------
    recency, T : array_like, shape (n_customers,)
        Time from the first purchase to the last, and to the end of observation.

    Raises
    ------
    FitError
        If no customer was observed for any time.

    Warns
    -----
    FitWarning
        If all customers bought in the second half, or none: retention is then 1, or 0.

    Examples
    --------
    One customer of four was still buying after 10 of 20 weeks, so half of them stay for five weeks:

    >>> rate = estimate_retention_rate(np.array([0.0, 3.0, 4.0, 15.0]), np.full(4, 20.0))
    >>> print(f"{rate ** 5:.6f}")
    0.500000
    """
    observed = T > 0
    if not observed.any():
        raise FitError(
            "retention cannot be estimated: no customer was observed for any time (T is 0 for all);"
            " end the observation later, or give retention_rate."
        )
    half = T[observed] / 2
    share = float(np.mean(recency[observed] >= half))
    if share in (0.0, 1.0):
        who = "all customers" if share else "no customer"
        warnings.warn(
            f"{who} bought in the second half of the time observed: the retention rate is taken to be"
            f" {share:g}, which says more about the data than about the customers.",
            FitWarning,
            stacklevel=2,
        )
        return share
    # In terms of the hazard -log(rho) the unit of time only scales the bracket.
    beyond = -2 * math.log(share) / half.min()
    hazard = brentq(_excess_share, 0.0, beyond, args=(half, share), xtol=1e-300, rtol=1e-14)
    return math.exp(-hazard)


def _excess_share(hazard: float, half: FloatArray, share: float) -> float:
    return float(np.mean(np.exp(-hazard * half))) - share


def _check_number(name: str, value: float) -> None:
    try:
        finite = math.isfinite(value)
    except TypeError:
        finite = False
    if not finite:
        raise InputError(f"{name} is {value!r}; it must be a finite number.")
