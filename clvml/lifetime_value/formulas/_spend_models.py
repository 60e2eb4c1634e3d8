"""Formulas that extrapolate past spend and purchases, without dropout."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd

from clvml.lifetime_value.formulas import _functions as formulas
from clvml.lifetime_value.formulas._base import FormulaValue
from clvml.lifetime_value.formulas._estimates import Estimates, mean, per_time_unit, ratio
from clvml.lifetime_value.formulas._sums import FloatArray


class RepeatRateValue(FormulaValue):
    """Repeat rate x average order value: repeat purchases continue at their past rate.

    ``frequency / T x monetary_value`` per time unit, for the whole horizon, without dropout. The
    value of one-time buyers is 0. Factors: ``purchase_rate`` (repeat purchases per time unit)
    and ``average_order_value`` (mean spend per repeat purchase).

    Parameters
    ----------
    horizon : float or str
        Prediction horizon, in the time unit of the customers, or as text such as ``"12M"``.
    annual_discount_rate : float, default 0
        A fraction per year: 0.10 is 10 %.
    margin : float, default 1
        Profit per unit of spend.

    Attributes
    ----------
    params_ : dict of str to float
        ``purchase_rate`` per time unit and ``average_order_value``, over all customers.
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
    clvml.TotalSpendValue : Total spend instead of repeat purchases.
    clvml.LifetimeValue : Purchases that end by dropout, as BG/NBD x Gamma-Gamma predicts.
    clvml.compare_models : Compare it with probabilistic models on a holdout.

    Examples
    --------
    Two repeat purchases of 30 in ten weeks are one in the next five:

    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame(
    ...     {"frequency": [2.0], "recency": [8.0], "T": [10.0], "monetary_value": [30.0]}
    ... )
    >>> clvml.RepeatRateValue(horizon=5).fit(customers).predict(customers).tolist()
    [30.0]
    """

    required_columns: ClassVar[tuple[str, ...]] = ("frequency", "recency", "T", "monetary_value")

    def _estimate(self, table: pd.DataFrame) -> Estimates:
        purchases = table["frequency"]
        return {
            "purchase_rate": ratio(purchases, table["T"]),
            "average_order_value": ratio(purchases * table["monetary_value"], purchases),
        }

    def _value(
        self, table: pd.DataFrame, n_units: float, rate: float
    ) -> tuple[FloatArray, dict[str, FloatArray | float]]:
        purchases = per_time_unit(table["frequency"], table["T"])
        order_value = table["monetary_value"].to_numpy()
        value = formulas.repeat_purchase(order_value, purchases, rate, n_units, first="next")
        return value, {"purchase_rate": purchases, "average_order_value": order_value}


class TotalSpendValue(FormulaValue):
    """Total spend per time unit, for the whole horizon, first purchase included.

    ``total_spend / T x horizon``. It extrapolates the first purchase too, and so is far too high for
    customers observed for a short time. Factor: ``income``.

    Parameters
    ----------
    horizon : float or str
        Prediction horizon, in the time unit of the customers, or as text such as ``"12M"``.
    annual_discount_rate : float, default 0
        A fraction per year: 0.10 is 10 %.
    margin : float, default 1
        Profit per unit of spend.

    Attributes
    ----------
    params_ : dict of str to float
        ``mean_income``, spend per customer and time unit.
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
    clvml.RepeatRateValue : Without the first purchase.
    clvml.AnnuityValue : The same income, for an expected lifetime.
    clvml.compare_models : Compare it with probabilistic models on a holdout.

    Examples
    --------
    A customer of ten weeks who has spent 100, over the next 26 weeks:

    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame({"T": [10.0], "total_spend": [100.0]})
    >>> clvml.TotalSpendValue(horizon=26).fit(customers).predict(customers).tolist()
    [260.0]
    """

    required_columns: ClassVar[tuple[str, ...]] = ("T", "total_spend")

    def _estimate(self, table: pd.DataFrame) -> Estimates:
        return {"mean_income": ratio(table["total_spend"], table["T"])}

    def _value(
        self, table: pd.DataFrame, n_units: float, rate: float
    ) -> tuple[FloatArray, dict[str, FloatArray | float]]:
        income = per_time_unit(table["total_spend"], table["T"])
        return formulas.annuity(income, rate, n_units), {"income": income}


class HistoricValue(FormulaValue):
    """The naive forecast: past spend, repeated.

    Neither horizon nor discount rate has an effect, so it is only a sensible baseline if the horizon is about
    as long as the observation period. Factor: ``total_spend``.

    Parameters
    ----------
    horizon : float or str
        Prediction horizon, in the time unit of the customers, or as text such as ``"12M"``.
    annual_discount_rate : float, default 0
        Accepted for a common interface; it has no effect.
    margin : float, default 1
        Profit per unit of spend.

    Attributes
    ----------
    params_ : dict of str to float
        ``mean_total_spend`` per customer, in currency units.
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
    clvml.TotalSpendValue : Past spend in proportion to the horizon.
    clvml.LastPeriodValue : The spend of the last period as long as the horizon, repeated.
    clvml.compare_models : Compare it with probabilistic models on a holdout.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame({"total_spend": [100.0, 20.0]}, index=["a", "b"])
    >>> clvml.HistoricValue(horizon=52).fit(customers).predict(customers).to_dict()
    {'a': 100.0, 'b': 20.0}
    """

    required_columns: ClassVar[tuple[str, ...]] = ("total_spend",)

    def _estimate(self, table: pd.DataFrame) -> Estimates:
        return {"mean_total_spend": mean(table["total_spend"])}

    def _value(
        self,
        table: pd.DataFrame,
        n_units: float,  # noqa: ARG002 - the past has no horizon
        rate: float,  # noqa: ARG002
    ) -> tuple[FloatArray, dict[str, FloatArray | float]]:
        spend = table["total_spend"].to_numpy()
        return formulas.historic(spend), {"total_spend": spend}


class ZeroValue(FormulaValue):
    """The zero baseline: nobody spends anything.

    Most customers of a shop never return, so that mean absolute errors of good models are close to that of
    predicting zero. :func:`clvml.decide` lets no model lead whose RMSE is not below it.

    Parameters
    ----------
    horizon : float or str
        Prediction horizon, in the time unit of the customers, or as text such as ``"12M"``.
    annual_discount_rate : float, default 0
        Accepted for a common interface; it has no effect.
    margin : float, default 1
        Profit per unit of spend.

    Attributes
    ----------
    params_ : dict of str to float
        Empty: there is nothing to estimate.
    standard_errors_ : dict of str to float
        Standard errors over samples of customers; 0 for a value that was given, NaN if not identified.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        Time unit of the customers.

    See Also
    --------
    clvml.HistoricValue : The naive forecast.
    clvml.compare_models : Compare models with baselines on a holdout.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame({"frequency": [2.0, 0.0]}, index=["a", "b"])
    >>> clvml.ZeroValue(horizon=52).fit(customers).predict(customers).to_dict()
    {'a': 0.0, 'b': 0.0}
    """

    def _value(
        self,
        table: pd.DataFrame,
        n_units: float,  # noqa: ARG002 - zero in any case
        rate: float,  # noqa: ARG002
    ) -> tuple[FloatArray, dict[str, FloatArray | float]]:
        return np.zeros(len(table)), {}
