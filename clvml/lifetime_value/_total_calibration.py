"""Prediction intervals of totals that include the model's own error.

`LifetimeValue.predict_total_interval` accounts for parameters and chance. In the total of many customers
chance averages out, and the error of the model itself remains: on real holdouts such 90 % intervals cover
fewer than half of the totals. A `TotalCalibration` is learnt from the errors of a model's totals at earlier
origins, by `clvml.backtest`. For a total that is predicted to be ``P``, over the horizon ``h``::

    actual = P x exp(error) x chance
    error  ~ scale x Student t,  scale = model_error x (h / h0) ** 0.25
    chance ~ Gamma with mean 1 and variance dispersion x (h / h0) ** 0.75 / P

``dispersion`` is the variance of customers' outcomes around their predictions per unit of predicted money.
The error is shared by the groups of customers; what they deviate from the total is in ``group_dispersion``.
The two exponents and the prior of the error were learnt on the logs of experiments/total_intervals.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from clvml.customers._time_units import Horizon, horizon_in
from clvml.errors import InputError
from clvml.inference._arguments import check_coverage
from clvml.lifetime_value._intervals import group_codes
from clvml.lifetime_value._protocol import SupportsRevenueFromFactors, SupportsScenarios, ValueModel

Array = NDArray[np.float64]

ERROR_GROWTH = 0.25  # exponents of the horizon
DISPERSION_GROWTH = 0.75
INCLUDED = "parameters, chance and the model's error"
_QUANTILES = (np.arange(400) + 0.5) / 400


@dataclasses.dataclass(frozen=True)
class TotalCalibration:
    """How far a model's totals miss: a few numbers, from which intervals of totals and groups follow.

    Made by `Backtest.total_calibration`; store it by `dataclasses.asdict`.

    Parameters
    ----------
    model_error : float
        Scale of the log error of a total over ``horizon``; 0.25 is about 25 %.
    degrees_of_freedom : float
        Of the error's t distribution: the more independent origins, the more.
    dispersion, group_dispersion : float
        Variance of outcomes around predictions per unit of predicted revenue, in currency units: of
        customers, and of groups of them.
    horizon : float
        The horizon of the backtest, in time units.
    time_unit : {"D", "W", "M", "Q", "Y"} or None
        The unit of ``horizon``.
    n_origins : int, default 0
        Number of origins that it was learnt from.

    Raises
    ------
    InputError
        If a number is not positive and finite.

    See Also
    --------
    clvml.Backtest : Its ``total_calibration`` learns it, its ``total_interval`` uses it.
    clvml.LifetimeValue : Its ``predict_total_interval``, without the error of the model.

    Examples
    --------
    A total predicted to be 100,000 over 26 weeks, by a model whose totals missed by about 10 %:

    >>> from clvml.lifetime_value import TotalCalibration
    >>> calibration = TotalCalibration(0.1, 5.0, 150.0, 150.0, horizon=26.0, time_unit="W")
    >>> lower, upper = calibration.interval(100_000.0)
    >>> f"{round(lower, -3):,.0f} to {round(upper, -3):,.0f}"
    '81,000 to 123,000'
    """

    model_error: float
    degrees_of_freedom: float
    dispersion: float
    group_dispersion: float
    horizon: float
    time_unit: str | None = None
    n_origins: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers that are no scale."""
        for name in ("model_error", "degrees_of_freedom", "dispersion", "group_dispersion", "horizon"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"{name} is {getattr(self, name)!r}; it must be positive and finite.")

    def interval(
        self,
        revenue: float,
        coverage: float = 0.9,
        horizon: Horizon | None = None,
        *,
        group: bool = False,
    ) -> tuple[float, float]:
        """Prediction interval of a total.

        Parameters
        ----------
        revenue : float
            The predicted total, undiscounted and before margin.
        coverage : float, default 0.9
            Equal tails.
        horizon : float or str, optional
            Default: that of the backtest.
        group : bool, default False
            Whether the total is that of a group, such as a segment, rather than of all customers.

        Returns
        -------
        tuple of float
            Lower and upper, in the units of ``revenue``; NaN unless it is positive, as the error is relative.

        Raises
        ------
        InputError
            If the coverage or the horizon is invalid.
        """
        check_coverage(coverage)
        if not 0 < revenue < math.inf:
            return math.nan, math.nan
        tails = [(1 - coverage) / 2, (1 + coverage) / 2]
        ratios = self._log_ratios(revenue, horizon, group)
        lower, upper = revenue * np.exp(np.quantile(ratios, tails, method="hazen"))
        return float(lower), float(upper)

    def total_interval(
        self,
        model: ValueModel,
        customers: pd.DataFrame,
        groups: pd.Series | None = None,
        coverage: float = 0.9,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
        *,
        factors: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Prediction intervals of total spend and value per group and for all customers.

        Works for every value model, for nothing is simulated.

        Parameters
        ----------
        model : ValueModel
            Fitted, of the kind that was backtested.
        customers : DataFrame
            The customer summary, in the model's time unit.
        groups : Series, optional
            The group of each customer, such as the segment, on the customers' index.
        coverage : float, default 0.9
            Equal tails.
        horizon, annual_discount_rate : optional
            Override the model's. The horizon must be finite.
        factors : DataFrame, optional
            ``model.predict_factors(customers, horizon, annual_discount_rate)``, if already computed: nothing
            is predicted again where the revenue follows from them (`SupportsRevenueFromFactors`).

        Returns
        -------
        DataFrame
            One row per group and one named ``"total"``, as from `LifetimeValue.predict_total_interval`:
            ``customers``, and ``spend, clv`` with their ``_lower`` and ``_upper``. ``attrs`` has ``coverage``
            and ``includes``: what the intervals account for. NaN for groups without predicted revenue.

        Raises
        ------
        InputError
            If an argument is invalid, the horizon is infinite, or a customer has no group.
        """
        span = model.horizon if horizon is None else horizon
        if span is None:
            raise InputError(
                "the error of a value over an infinite horizon cannot be learnt from holdouts; give a"
                " horizon, such as '12M'."
            )
        code, names = group_codes(groups, customers.index)
        spend, value = _revenue_and_value(model, customers, span, annual_discount_rate, factors)
        sums = _Sums.of(code, len(names), spend, value)
        ends = [
            self.interval(total, coverage, span, group=name != len(names) - 1)
            for name, total in enumerate(sums.spend)
        ]
        return self._table(sums, np.array(ends), names, coverage)

    def _log_ratios(self, revenue: float, horizon: Horizon | None, group: bool) -> Array:
        """Quantiles of the log of actual / predicted: every error with every chance."""
        longer = 1.0 if horizon is None else horizon_in(horizon, self.time_unit) / self.horizon
        error = self.model_error * longer**ERROR_GROWTH * stats.t.ppf(_QUANTILES, self.degrees_of_freedom)
        dispersion = (self.group_dispersion if group else self.dispersion) * longer**DISPERSION_GROWTH
        shape = revenue / dispersion
        chance = np.log(np.maximum(stats.gamma.ppf(_QUANTILES, shape) / shape, np.finfo(float).tiny))
        return np.add.outer(error, chance).ravel()

    def _table(self, sums: _Sums, ends: Array, names: list[object], coverage: float) -> pd.DataFrame:
        worth = np.divide(sums.value, sums.spend, where=sums.spend > 0, out=np.full(len(names), np.nan))
        table = pd.DataFrame(
            {
                "customers": sums.customers,
                "spend": sums.spend,
                "spend_lower": ends[:, 0],
                "spend_upper": ends[:, 1],
                "clv": sums.value,
                "clv_lower": np.minimum(*(worth * ends.T)),
                "clv_upper": np.maximum(*(worth * ends.T)),
            },
            index=pd.Index(names, name="group"),
        )
        table.attrs.update(coverage=coverage, includes=INCLUDED)
        return table


class _Sums(NamedTuple):
    """Customers, spend and value by group, the last for all customers."""

    customers: NDArray[np.int64]
    spend: Array
    value: Array

    @classmethod
    def of(cls, code: NDArray[np.int64], n_names: int, spend: Array, value: Array) -> _Sums:
        """Sum by group."""

        def summed(values: Array | None) -> Array:
            groups = np.bincount(code, values, n_names)[: n_names - 1]
            return np.append(groups, code.size if values is None else values.sum())

        return cls(summed(None).astype(np.int64), summed(spend), summed(value))


def _revenue_and_value(
    model: ValueModel,
    customers: pd.DataFrame,
    span: Horizon,
    annual_discount_rate: float | None,
    factors: pd.DataFrame | None,
) -> tuple[Array, Array]:
    """The undiscounted revenue and the value of each customer, from the factors if they are known."""
    if factors is not None and isinstance(model, SupportsRevenueFromFactors):
        spend, value = model.revenue_from_factors(factors), factors["clv"]
    else:
        spend = undiscounted(model).predict(customers, span, 0.0)
        value = model.predict(customers, span, annual_discount_rate)
    return spend.to_numpy(dtype=float), value.to_numpy(dtype=float)


def undiscounted(model: ValueModel) -> ValueModel:
    """The fitted model with a margin of 1 and without discount, whose values are revenue."""
    terms = {"margin": 1.0, "annual_discount_rate": 0.0}
    if isinstance(model, SupportsScenarios) and terms.keys() <= model.scenario_factors().keys():
        changed: ValueModel = model.with_factors(terms)  # of its parts too
        return changed
    plain = copy.copy(model)
    plain.margin, plain.annual_discount_rate = terms.values()
    return plain
