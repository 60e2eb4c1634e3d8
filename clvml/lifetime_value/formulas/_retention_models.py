"""Formulas with a retention rate: the annuity, the retention formula and the rule of thumb."""

from __future__ import annotations

from typing import ClassVar

import pandas as pd

from clvml.customers._time_units import Horizon
from clvml.lifetime_value.formulas import _functions as formulas
from clvml.lifetime_value.formulas._base import FormulaValue
from clvml.lifetime_value.formulas._estimates import (
    Estimate,
    Estimates,
    check_number,
    check_shares,
    per_time_unit,
    ratio,
)
from clvml.lifetime_value.formulas._retention_rate import estimate_retention_rate
from clvml.lifetime_value.formulas._sums import FloatArray


class RetentionFormulaValue(FormulaValue):
    """Base class of formulas with a retention rate: its estimate, income and lifetime.

    Parameters
    ----------
    horizon, annual_discount_rate, margin
        As in :class:`FormulaValue`.
    retention_rate : float, optional
        Probability of being retained for another time unit, in [0, 1]; None to estimate it by
        `clvml.lifetime_value.formulas.estimate_retention_rate`.

    Attributes
    ----------
    params_ : dict of str to float
        ``retention_rate`` per time unit, and ``mean_income`` per time unit.
    """

    required_columns: ClassVar[tuple[str, ...]] = ("frequency", "recency", "T", "total_spend")
    varied_estimates: ClassVar[tuple[str, ...]] = ("retention_rate",)

    def __init__(
        self,
        horizon: Horizon,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        retention_rate: float | None = None,
    ):
        super().__init__(horizon, annual_discount_rate, margin)
        self.retention_rate = retention_rate

    def _estimate(self, table: pd.DataFrame) -> Estimates:
        return {
            "retention_rate": self._retention_rate(table),
            "mean_income": ratio(table["total_spend"], table["T"]),
        }

    def _retention_rate(self, table: pd.DataFrame) -> Estimate:
        if self.retention_rate is None:
            history = (table[name].to_numpy() for name in ("frequency", "recency", "T"))
            return Estimate(*estimate_retention_rate(*history))
        check_number("retention_rate", self.retention_rate)
        check_shares({"retention_rate": self.retention_rate})
        return Estimate(float(self.retention_rate), 0.0)

    def _lifetime(self, n_units: float) -> float:
        """Expected remaining time units, at most the horizon."""
        lost = 1 - self.params_["retention_rate"]
        return min(1 / lost, n_units) if lost else n_units


class AnnuityValue(RetentionFormulaValue):
    """The annuity: constant income over the expected lifetime.

    ``I * (1 - (1 + r)**-n) / r`` with the customer's income ``I = total_spend / T`` and, for all customers,
    ``n = 1 / (1 - retention_rate)`` remaining time units, at most the horizon. Factors: ``income``,
    ``lifetime``.

    Parameters
    ----------
    horizon : float or str
        Prediction horizon, in the time unit of the customers, or as text such as ``"12M"``.
    annual_discount_rate : float, default 0
        A fraction per year: 0.10 is 10 %.
    margin : float, default 1
        Profit per unit of spend.
    retention_rate : float, optional
        Probability of remaining a customer for another time unit, in [0, 1], common to all customers. None
        estimates it, as :func:`clvml.lifetime_value.formulas.estimate_retention_rate` does.

    Attributes
    ----------
    params_ : dict of str to float
        ``retention_rate`` per time unit, and ``mean_income`` per time unit.
    standard_errors_ : dict of str to float
        Standard errors over samples of customers; 0 for a value that was given, NaN if not identified.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        Time unit of the customers.

    Raises
    ------
    InputError
        From ``fit`` and ``predict``, if an argument or the customer summary is invalid.
    FitError
        From ``fit``, if an input of the formula cannot be estimated from the summary.

    See Also
    --------
    clvml.RetentionValue : The same income, with churn in every period instead of a fixed lifetime.
    clvml.LoyaltyEffectsValue : The annuity with income that grows with the length of the relationship.
    clvml.lifetime_value.formulas.annuity : The formula, for numbers.
    clvml.compare_models : Compare it with probabilistic models on a holdout.

    References
    ----------
    Berger, Nasr (1998), Customer Lifetime Value: Marketing Models and Applications, Journal of Interactive
    Marketing 12(1).

    Examples
    --------
    An income of 100 / 10 per week, for 1 / (1 - 0.75) = 4 of the next 26 weeks:

    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame({"frequency": [2.0], "recency": [8.0], "T": [10.0], "total_spend": [100.0]})
    >>> model = clvml.AnnuityValue(horizon=26, retention_rate=0.75).fit(customers)
    >>> model.predict_factors(customers).round(2).to_dict("records")
    [{'clv': 40.0, 'income': 10.0, 'lifetime': 4.0}]
    """

    def _value(
        self, table: pd.DataFrame, n_units: float, rate: float
    ) -> tuple[FloatArray, dict[str, FloatArray | float]]:
        income = per_time_unit(table["total_spend"], table["T"])
        lifetime = self._lifetime(n_units)
        return formulas.annuity(income, rate, lifetime), {"income": income, "lifetime": lifetime}


class RetentionValue(RetentionFormulaValue):
    """A margin with a constant retention rate, ``sum over t of m * rho**t / (1 + r)**t``.

    The margin ``m`` is the customer's ``total_spend / T``; ``rho`` is common to all customers, and ``t`` runs
    from 1 to the horizon, in time units. All customers are assumed to be active today, which overstates the
    value of those who have dropped out. Factors: ``income``, ``retention_rate``.

    Parameters
    ----------
    horizon : float or str
        Prediction horizon, in the time unit of the customers, or as text such as ``"12M"``.
    annual_discount_rate : float, default 0
        A fraction per year: 0.10 is 10 %.
    margin : float, default 1
        Profit per unit of spend.
    retention_rate : float, optional
        Probability of remaining a customer for another time unit, in [0, 1], common to all customers. None
        estimates it, as :func:`clvml.lifetime_value.formulas.estimate_retention_rate` does.

    Attributes
    ----------
    params_ : dict of str to float
        ``retention_rate`` per time unit, and ``mean_income`` per time unit.
    standard_errors_ : dict of str to float
        Standard errors over samples of customers; 0 for a value that was given, NaN if not identified.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        Time unit of the customers.

    Raises
    ------
    InputError
        From ``fit`` and ``predict``, if an argument or the customer summary is invalid.
    FitError
        From ``fit``, if an input of the formula cannot be estimated from the summary.

    See Also
    --------
    clvml.AnnuityValue : The same income for a fixed expected lifetime.
    clvml.lifetime_value.formulas.retention : The formula, for numbers, also over an infinite horizon.
    clvml.lifetime_value.formulas.estimate_retention_rate : The estimate of the retention rate.
    clvml.compare_models : Compare it with probabilistic models on a holdout.

    References
    ----------
    Berger, Nasr (1998), Customer Lifetime Value: Marketing Models and Applications, Journal of Interactive
    Marketing 12(1);
    Gupta, Lehmann (2003), Customers as Assets, Journal of Interactive Marketing 17(1).

    Examples
    --------
    An income of 100 / 10 per week that half of the customers continue every week, ``10 x (0.5 + 0.25)``:

    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame({"frequency": [2.0], "recency": [8.0], "T": [10.0], "total_spend": [100.0]})
    >>> model = clvml.RetentionValue(horizon=2, retention_rate=0.5).fit(customers)
    >>> model.predict(customers).round(2).tolist()
    [7.5]
    """

    def _value(
        self, table: pd.DataFrame, n_units: float, rate: float
    ) -> tuple[FloatArray, dict[str, FloatArray | float]]:
        income = per_time_unit(table["total_spend"], table["T"])
        rho = self.params_["retention_rate"]
        value = formulas.retention(income, rho, rate, n_units, first="next")
        return value, {"income": income, "retention_rate": rho}


class RuleOfThumbValue(RetentionFormulaValue):
    """The rule of thumb: average purchase x purchases per time unit x lifetime x retention rate.

    The first two are customer-specific, first purchase included; the others are common to all customers.
    The lifetime is at most the horizon. The rule is undiscounted: the annual discount rate has no effect.
    Factors: the four of them.

    Parameters
    ----------
    horizon : float or str
        Prediction horizon, in the time unit of the customers, or as text such as ``"12M"``.
    annual_discount_rate : float, default 0
        Accepted for a common interface; it has no effect.
    margin : float, default 1
        Profit per unit of spend.
    retention_rate : float, optional
        Probability of remaining a customer for another time unit, in [0, 1], common to all customers. None
        estimates it, as :func:`clvml.lifetime_value.formulas.estimate_retention_rate` does.

    Attributes
    ----------
    params_ : dict of str to float
        ``retention_rate`` per time unit, and ``mean_income`` per time unit.
    standard_errors_ : dict of str to float
        Standard errors over samples of customers; 0 for a value that was given, NaN if not identified.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        Time unit of the customers.

    Raises
    ------
    InputError
        From ``fit`` and ``predict``, if an argument or the customer summary is invalid.
    FitError
        From ``fit``, if an input of the formula cannot be estimated from the summary.

    See Also
    --------
    clvml.RetentionValue : The same inputs with discounting and a horizon in every period.
    clvml.lifetime_value.formulas.rule_of_thumb : The formula, for numbers.
    clvml.compare_models : Compare it with probabilistic models on a holdout.

    Examples
    --------
    Three purchases of 100 / 3 in ten weeks, for an expected four weeks, of which 75 % are retained:

    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame({"frequency": [2.0], "recency": [8.0], "T": [10.0], "total_spend": [100.0]})
    >>> model = clvml.RuleOfThumbValue(horizon=26, retention_rate=0.75).fit(customers)
    >>> model.predict_factors(customers).round(2).iloc[0].to_dict()
    {'clv': 30.0, 'average_purchase': 33.33, 'purchases_per_time_unit': 0.3, 'lifetime': 4.0,
     'retention_rate': 0.75}
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
        return formulas.rule_of_thumb(*factors.values()), factors
