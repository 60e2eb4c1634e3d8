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
