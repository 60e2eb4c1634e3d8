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

    Examples
    --------
    >>> customers = pd.DataFrame(
    ...     {"frequency": [2.0], "recency": [8.0], "T": [10.0], "monetary_value": [30.0]}
    ... )
    >>> RepeatRateValue(horizon=5).fit(customers).predict(customers).tolist()
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
    """The zero baseline, a reference for mean absolute errors."""

    def _value(
        self,
        table: pd.DataFrame,
        n_units: float,  # noqa: ARG002 - zero in any case
        rate: float,  # noqa: ARG002
    ) -> tuple[FloatArray, dict[str, FloatArray | float]]:
        return np.zeros(len(table)), {}
