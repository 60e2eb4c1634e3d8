"""Profit contribution and loyalty effects as models.

Costs, growth and loyalty effects cannot be estimated from purchases. They are arguments, per year, 0 by
default: a number for all customers, or the name of a column of the customer summary.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from clvml.customers._time_units import Horizon, time_unit_of
from clvml.errors import InputError
from clvml.lifetime_value.formulas import _functions as formulas
from clvml.lifetime_value.formulas._estimates import Estimates, mean, per_time_unit, ratio
from clvml.lifetime_value.formulas._loyalty import grown_sum
from clvml.lifetime_value.formulas._retention_models import RetentionFormulaValue
from clvml.lifetime_value.formulas._sums import FloatArray, checked, steady_sum

EFFECTS = ("repeat_purchases", "cross_selling", "cost_to_serve", "referrals", "price")


class CostedFormulaValue(RetentionFormulaValue):
    """Base class of formulas with annual arguments that are a number or the name of a column."""

    _amounts: ClassVar[tuple[str, ...]] = ()

    def _columns(self) -> tuple[str, ...]:
        named = [getattr(self, name) for name in self._amounts]
        return (*self.required_columns, *dict.fromkeys(name for name in named if isinstance(name, str)))

    def _per_unit(self, name: str, table: pd.DataFrame) -> FloatArray:
        """A yearly amount per time unit, for each customer."""
        given = getattr(self, name)
        yearly = checked(name, table[given].to_numpy() if isinstance(given, str) else given, lowest=0)
        if yearly.ndim > 0 and not isinstance(given, str):
            raise InputError(f"{name} is {given!r}; it must be a number, or the name of a column.")
        return np.broadcast_to(yearly / self._units_per_year(name, yearly), len(table))

    def _units_per_year(self, name: str, yearly: FloatArray | float) -> float:
        if self.time_unit_ is None and np.any(np.asarray(yearly) != 0):
            raise InputError(
                f"{name} is given per year, but the customer summary has no time unit: set"
                " customers.attrs['time_unit'] to 'D', 'W', 'M' or 'Y' before fitting."
            )
        return 1.0 if self.time_unit_ is None else time_unit_of(self.time_unit_).per_year


class ProfitContributionValue(CostedFormulaValue):
    """Profit contribution: repeat income less service cost, over the expected lifetime.

    For present customers acquisition and first purchase are in the past; the value is
    ``(income - service cost)`` for ``n = 1 / (1 - retention_rate)`` time units, at most the horizon,
    income being that of *repeat* purchases per time unit. :meth:`new_customer_value` is the full
    formula, including acquisition.

    Parameters
    ----------
    horizon : float or str
        Prediction horizon, in the time unit of the customers, or as text such as ``"12M"``.
    annual_discount_rate : float, default 0
        A fraction per year: 0.10 is 10 %.
    margin : float, default 1
        Profit per unit of spend. It multiplies income; costs are subtracted after it.
    retention_rate : float, optional
        Probability of remaining a customer for another time unit, in [0, 1], common to all customers. None
        estimates it, as :func:`clvml.lifetime_value.formulas.estimate_retention_rate` does.
    acquisition_cost, first_purchase_cost : float, default 0
        Customer acquisition cost, and direct costs of the first purchase beyond the margin, in currency.
    annual_service_cost : float or str, default 0
        Direct service cost per customer and year, or the column that contains it.
    annual_income_growth : float, default 0
        As a fraction per year, above -1.

    Attributes
    ----------
    params_ : dict of str to float
        ``retention_rate``, ``mean_income`` (of repeat purchases) per time unit, ``mean_first_purchase``.
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
    clvml.AnnuityValue : Income without costs.
    clvml.lifetime_value.formulas.profit_contribution : The formula, for numbers.
    clvml.customer_profitability : The profit of each customer to date.

    References
    ----------
    Berger, Nasr (1998), Customer Lifetime Value: Marketing Models and Applications, Journal of Interactive
    Marketing 12(1).

    Examples
    --------
    Two repeat purchases of 30 in ten months, and a cost of 1 per month: (6 - 1) per month for five months.

    >>> import clvml
    >>> import pandas as pd
    >>> one = {"frequency": 2.0, "recency": 8.0, "T": 10.0, "monetary_value": 30.0, "total_spend": 70.0}
    >>> customers = pd.DataFrame([one])
    >>> customers.attrs["time_unit"] = "M"
    >>> model = clvml.ProfitContributionValue(horizon=5, retention_rate=1, annual_service_cost=12)
    >>> model.fit(customers).predict(customers).tolist()
    [25.0]
    """

    required_columns: ClassVar[tuple[str, ...]] = (
        "frequency", "recency", "T", "monetary_value", "total_spend",
    )  # fmt: skip
    _amounts: ClassVar[tuple[str, ...]] = ("annual_service_cost",)
    varied_arguments: ClassVar[tuple[str, ...]] = ("annual_income_growth", "annual_service_cost")

    def __init__(
        self,
        horizon: Horizon,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        retention_rate: float | None = None,
        acquisition_cost: float = 0.0,
        first_purchase_cost: float = 0.0,
        annual_service_cost: float | str = 0.0,
        annual_income_growth: float = 0.0,
    ):
        super().__init__(horizon, annual_discount_rate, margin, retention_rate)
        self.acquisition_cost = acquisition_cost
        self.first_purchase_cost = first_purchase_cost
        self.annual_service_cost = annual_service_cost
        self.annual_income_growth = annual_income_growth

    def new_customer_value(
        self, horizon: Horizon | None = None, annual_discount_rate: float | None = None
    ) -> float:
        """Lifetime profit of a new customer, including acquisition cost, by the full formula.

        If service costs are a column, their mean over the customers in the fit is used.

        Parameters
        ----------
        horizon, annual_discount_rate : optional
            Override the constructor's.

        Returns
        -------
        float
            In currency units.
        """
        check_is_fitted(self)
        n_units, rate = self._terms(self.time_unit_, horizon, annual_discount_rate)
        value = formulas.profit_contribution(
            self.acquisition_cost,
            self.params_["mean_first_purchase"] * self._effective_margin,
            self.first_purchase_cost,
            self.params_["mean_income"] * self._effective_margin,
            self.params_["mean_service_cost"],
            rate,
            self._lifetime(n_units),
            self._growth(),
        )
        return float(value)

    def _estimate(self, table: pd.DataFrame) -> Estimates:
        checked("acquisition_cost", self.acquisition_cost, lowest=0)
        checked("first_purchase_cost", self.first_purchase_cost, lowest=0)
        self._growth()
        repeat = self._repeat_spend(table)
        return {
            "retention_rate": self._retention_rate(table),
            "mean_income": ratio(repeat, table["T"]),
            "mean_first_purchase": mean(table["total_spend"] - repeat),
            "mean_service_cost": mean(self._service_cost(table)),
        }

    def _service_cost(self, table: pd.DataFrame) -> pd.Series:
        return pd.Series(self._per_unit("annual_service_cost", table), table.index)

    def _growth(self) -> float:
        yearly = float(checked("annual_income_growth", self.annual_income_growth, above=-1))
        per_year = self._units_per_year("annual_income_growth", yearly)
        return float(np.expm1(np.log1p(yearly) / per_year))

    def _repeat_spend(self, table: pd.DataFrame) -> pd.Series:
        return table["frequency"] * table["monetary_value"]

    def _value(
        self, table: pd.DataFrame, n_units: float, rate: float
    ) -> tuple[FloatArray, dict[str, FloatArray | float]]:
        income = per_time_unit(self._repeat_spend(table), table["T"])
        lifetime = self._lifetime(n_units)
        cost = self._per_unit("annual_service_cost", table)
        value = income * grown_sum(rate, lifetime, self._growth())
        return value, {"income": income, "service_cost": cost, "lifetime": lifetime}

    def _cost(self, table: pd.DataFrame, n_units: float, rate: float) -> FloatArray | float:
        yearly = self._per_unit("annual_service_cost", table)
        return yearly * steady_sum(rate, self._lifetime(n_units), "next")


class LoyaltyEffectsValue(CostedFormulaValue):
    """The annuity, plus loyalty effects that grow with the length of the customer relationship.

    Each effect is the share of the customer's income by which its stream grows per year from now
    on; with all of them 0, as by default, the value is :class:`AnnuityValue`'s. Factors: ``income``,
    ``lifetime``, and the value of each stream, which add up to the total.

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
    cross_selling, cost_to_serve, referrals, price, repeat_purchases : float or str, default 0
        Sales of other products, savings in serving and marketing, income from referred customers, lower
        price sensitivity, and more purchases of the same: 0.05 is 5 % of income more each year. Or the
        column that contains it. With None, as in models saved by clvml 0.1, repeat purchases do not grow
        and are no factor.

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
    clvml.AnnuityValue : The same without loyalty effects.
    clvml.lifetime_value.formulas.loyalty_effects : The formula, for numbers.
    clvml.tornado : Which of the effects matters most.

    References
    ----------
    Reichheld, Sasser (1990), Zero Defections: Quality Comes to Services, Harvard Business Review 68(5).

    Examples
    --------
    A customer who has spent 1,000 in ten years, and buys other products for 10 % more each year:

    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame({"frequency": [2.0], "recency": [8.0], "T": [10.0], "total_spend": [1000.0]})
    >>> customers.attrs["time_unit"] = "Y"
    >>> model = clvml.LoyaltyEffectsValue(horizon=3, retention_rate=1, cross_selling=0.1).fit(customers)
    >>> model.predict_factors(customers)[["clv", "base", "cross_selling"]].values.round(9).tolist()
    [[330.0, 300.0, 30.0]]
    """

    _amounts: ClassVar[tuple[str, ...]] = EFFECTS
    varied_arguments: ClassVar[tuple[str, ...]] = tuple(sorted(EFFECTS))

    def __init__(
        self,
        horizon: Horizon,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        retention_rate: float | None = None,
        cross_selling: float | str = 0.0,
        cost_to_serve: float | str = 0.0,
        referrals: float | str = 0.0,
        price: float | str = 0.0,
        repeat_purchases: float | str | None = 0.0,
    ):
        super().__init__(horizon, annual_discount_rate, margin, retention_rate)
        self.cross_selling = cross_selling
        self.cost_to_serve = cost_to_serve
        self.referrals = referrals
        self.price = price
        self.repeat_purchases = repeat_purchases

    def _estimate(self, table: pd.DataFrame) -> Estimates:
        for name in self._effects():
            self._per_unit(name, table)
        return super()._estimate(table)

    def _value(
        self, table: pd.DataFrame, n_units: float, rate: float
    ) -> tuple[FloatArray, dict[str, FloatArray | float]]:
        income = per_time_unit(table["total_spend"], table["T"])
        lifetime = self._lifetime(n_units)
        growth = {name: income * self._per_unit(name, table) for name in self._effects()}
        effects = formulas.loyalty_effects(income, rate, lifetime, **growth)
        streams = {
            name: stream * self._effective_margin
            for name, stream in effects._asdict().items()
            if name == "base" or name in growth
        }
        return effects.total, {"income": income, "lifetime": lifetime, **streams}

    def _effects(self) -> tuple[str, ...]:
        return tuple(name for name in EFFECTS if getattr(self, name) is not None)
