"""Lifetime value as a function of all seven factors, of any fitted model and of any formula.

=================  ==============================================================================
Factor             Input
=================  ==============================================================================
time               ``horizon``, in time units (``n_periods`` of a formula)
discount rate      ``annual_discount_rate`` (``discount_rate`` per period of a formula)
retention          ``retention_rate``, per year (per period of a formula)
mention rate       ``referral_rate``, customers won by mention per customer and year (per period)
income             ``income``, a multiple of spend
cost of keeping    ``keeping_cost``, per customer and year (per period)
marketing cost     ``marketing_cost``, of all customers per year (of the formula's customer per period)
=================  ==============================================================================

With ``V`` the model's value of ``n`` customers and ``a`` the present value of 1 per year over the horizon::

    value = V (1 + referral_rate a) - (n keeping_cost + marketing_cost) a

A referred customer is worth as much as the mean customer. Costs are paid for every customer over the whole
horizon, at the end of each time unit, as a firm does not see who has left.

A model with a retention rate of its own gets the rate. Of any other the value that is to come after ``t``
years is multiplied by ``(new / current) ** t``, whoever the customers are: the same as a discount rate of
``(1 + annual_discount_rate) current / new - 1``. At the current levels, and without costs and referrals, the
value is the model's.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._summary_checks import HISTORY
from clvml.customers._time_units import horizon_in, rate_per_unit, time_unit_of
from clvml.errors import InputError
from clvml.inference._arguments import check_any_fitted
from clvml.lifetime_value._protocol import SupportsScenarios, ValueModel
from clvml.lifetime_value.economics._sensitivity import Value, tornado
from clvml.lifetime_value.formulas._functions import annuity
from clvml.lifetime_value.formulas._retention_rate import estimate_retention_rate
from clvml.lifetime_value.formulas._sums import checked

COSTS = ("referral_rate", "keeping_cost", "marketing_cost")
SEVEN = ("horizon", "annual_discount_rate", "retention_rate", "referral_rate", "income", *COSTS[1:])
_TERMS = ("horizon", "annual_discount_rate", "margin")
_SLICES = 12


def all_factors(
    model: ValueModel,
    customers: pd.DataFrame,
    *,
    retention_rate: float | None = None,
    referral_rate: float = 0.0,
    keeping_cost: float = 0.0,
    marketing_cost: float = 0.0,
    every: int = 1,
    values: pd.Series | None = None,
) -> tuple[Value, dict[str, float]]:
    """Express the total value of any fitted model as a function of all seven factors.

    Parameters
    ----------
    model : ValueModel
        Fitted: probabilistic, formula, learned or custom.
    customers : pandas.DataFrame, shape (n_customers, ...)
        The customers whose total value is computed.
    retention_rate : float, optional
        Current level per year. Default: the model's, or the maximum-likelihood estimate from ``frequency``,
        ``recency`` and ``T`` of the customers.
    referral_rate : float, default 0
        Current level: customers won by mention, per customer and year.
    keeping_cost : float, default 0
        Current level: cost of keeping a customer, per customer and year, in currency units.
    marketing_cost : float, default 0
        Current level: marketing cost of all customers per year, in currency units.
    every : int, default 1
        Predict one in so many customers, in the order of their value, and scale the sum to the total of all:
        with tens of thousands left, effects change by less than 1 %, and take as much less time. At the
        current levels the value is that of all customers.
    values : pandas.Series, optional
        ``model.predict(customers)``, if already computed; used where ``every`` is above 1.

    Returns
    -------
    (callable, dict)
        The first arguments of functions such as `what_if` and `tornado`: the value, and the current levels of
        the seven factors, of ``margin``, and of ``purchase_rate`` if the model has one. ``horizon`` is absent
        if it is infinite.

    Raises
    ------
    InputError
        If a level is invalid, or ``every`` is not between 1 and the number of customers.

    See Also
    --------
    clvml.lifetime_value.economics.factor_tornado : Which of them matters most.
    clvml.lifetime_value.economics.formula_factors : The same for a formula.
    clvml.model_value : The model's own factors.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value.economics import all_factors
    >>> customers = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30").calibration
    >>> model = clvml.HistoricValue("12M").fit(customers)
    >>> answer = clvml.what_if(*all_factors(model, customers), marketing_cost=1000.0)
    >>> round(answer.difference, 2)
    -1000.0
    """
    check_any_fitted(model)
    own = _own_factors(model)
    per_year = 1 if model.time_unit_ is None else time_unit_of(model.time_unit_).per_year
    current = _current_retention(own, customers, per_year) if retention_rate is None else retention_rate
    levels = {name: own[name] for name in ("horizon", "annual_discount_rate", "margin") if name in own}
    given = {"referral_rate": referral_rate, "keeping_cost": keeping_cost, "marketing_cost": marketing_cost}
    inputs = {**levels, "retention_rate": _share(current), "income": own.get("income", 1.0), **given}
    inputs |= {name: own[name] for name in ("purchase_rate",) if name in own}
    step = int(checked("every", every, lowest=1, highest=max(len(customers), 1)))
    predicted, scale = _every(model, customers, step, values)

    def value(**factors: float) -> float:
        changed = {**inputs, **factors}
        costs = {name: float(checked(name, changed[name], lowest=0)) for name in COSTS}
        years = _present_years(model.time_unit_, changed)
        worth = scale * _worth(model, predicted, own, changed, current)
        spent = len(customers) * costs["keeping_cost"] + costs["marketing_cost"]
        return worth * (1 + costs["referral_rate"] * years) - spent * years if any(costs.values()) else worth

    return value, inputs


def formula_factors(
    formula: Callable[..., Any],
    inputs: Mapping[str, Any],
    *,
    retention_rate: float = 1.0,
    referral_rate: float = 0.0,
    income: float = 1.0,
    keeping_cost: float = 0.0,
    marketing_cost: float = 0.0,
) -> tuple[Value, dict[str, Any]]:
    """Express a formula as a function of its own inputs and of those of the seven factors that it lacks.

    Parameters
    ----------
    formula : callable
        Such as :func:`clvml.lifetime_value.formulas.annuity`.
    inputs : mapping
        Current levels of its arguments.
    retention_rate : float, default 1
        Current level per period, used where the formula has no argument of that name. It is the same as a
        discount rate of ``(1 + discount_rate) / retention_rate - 1``.
    referral_rate : float, default 0
        Customers won by mention, per customer and period, likewise.
    income : float, default 1
        Multiple of income, likewise.
    keeping_cost, marketing_cost : float, default 0
        Per customer and period, in currency units, likewise.

    Returns
    -------
    (callable, dict)
        The first arguments of functions such as `what_if` and `tornado`.

    Raises
    ------
    InputError
        If a level is invalid.

    See Also
    --------
    clvml.lifetime_value.economics.all_factors : The same for a fitted model.
    clvml.lifetime_value.economics.factor_tornado : Which factor matters most.

    Examples
    --------
    >>> from clvml.lifetime_value.economics import formula_factors
    >>> from clvml.lifetime_value.economics import what_if
    >>> from clvml.lifetime_value.formulas import annuity
    >>> value, inputs = formula_factors(annuity, {"income": 100, "discount_rate": 0.0, "n_periods": 4})
    >>> what_if(value, inputs, keeping_cost=10).difference, what_if(value, inputs, retention_rate=-0.5).after
    (-40.0, 93.75)
    """
    known = set(inspect.signature(formula).parameters)
    extra = {"retention_rate": retention_rate, "referral_rate": referral_rate, "income": income,
             "keeping_cost": keeping_cost, "marketing_cost": marketing_cost}  # fmt: skip
    added = {name: level for name, level in extra.items() if name not in known}
    levels = {**inputs, **added}

    def value(**factors: Any) -> float:
        changed = {**levels, **factors}
        own = {name: level for name, level in changed.items() if name not in added}
        rate, periods = float(changed.get("discount_rate", 0.0)), _periods(changed)
        if "retention_rate" in added and "discount_rate" in own:
            own["discount_rate"] = (1 + rate) / _share(changed["retention_rate"]) - 1
        found = formula(**own)
        worth = float(np.sum(np.asarray(getattr(found, "total", found), dtype=np.float64)))
        worth *= changed["income"] if "income" in added else 1.0
        years = float(annuity(1.0, rate, periods)) if any(changed[name] for name in COSTS) else 0.0
        spent = changed["keeping_cost"] + changed["marketing_cost"]
        return worth * (1 + changed["referral_rate"] * years) - spent * years

    return value, levels


def factor_tornado(value: Value, inputs: Mapping[str, float], change: float = 0.1) -> pd.DataFrame:
    """Tornado table of the factors at a relative step, retention below 1.

    Parameters
    ----------
    value : callable
        From :func:`clvml.lifetime_value.economics.all_factors` or
        :func:`clvml.lifetime_value.economics.formula_factors`.
    inputs : mapping of str to float
        Current levels, from the same function.
    change : float, default 0.1
        As a fraction of the current level. A retention rate that would reach 1 goes halfway to it. Factors at
        a level of 0 are left out, as a relative step does not change them.

    Returns
    -------
    pandas.DataFrame
        As `clvml.tornado`; ``attrs["change"]``, and ``attrs["left_out"]``, the names of the factors at 0.

    See Also
    --------
    clvml.tornado : The same for any inputs and ranges.
    clvml.plots.tornado : Draw the table.

    Examples
    --------
    >>> from clvml.lifetime_value.economics import factor_tornado, formula_factors
    >>> from clvml.lifetime_value.formulas import annuity
    >>> value, inputs = formula_factors(annuity, {"income": 100, "discount_rate": 0.1, "n_periods": 4},
    ...                                 retention_rate=0.8, keeping_cost=10)
    >>> factor_tornado(value, inputs)["swing"].round(1).to_dict()
    {'retention_rate': 81.5, 'income': 38.4, 'n_periods': 13.8, 'keeping_cost': 6.3,
     'discount_rate': 6.0, 'all together': 149.8}
    """
    if not 0 < change < 1:
        raise InputError(f"change is {change!r}; it must be between 0 and 1: 0.1 is 10 %.")
    moved = {name: level for name, level in inputs.items() if level}
    ranges = {name: (level * (1 - change), level * (1 + change)) for name, level in moved.items()}
    if "retention_rate" in ranges:
        lower, upper = ranges["retention_rate"]
        ranges["retention_rate"] = lower, min(upper, (1 + moved["retention_rate"]) / 2)
    table = tornado(value, inputs, ranges)
    table.attrs.update(change=change, left_out=tuple(name for name in inputs if name not in moved))
    return table


def _every(
    model: ValueModel, customers: pd.DataFrame, every: int, values: pd.Series | None
) -> tuple[pd.DataFrame, float]:
    """Every so many customers in the order of their value, and what their total is multiplied by."""
    if every == 1:
        return customers, 1.0
    known = model.predict(customers) if values is None else values.reindex(customers.index)
    amounts = known.to_numpy(dtype=np.float64)
    chosen = np.sort(np.argsort(amounts, kind="stable")[every // 2 :: every])
    total, sampled = float(amounts.sum()), float(amounts[chosen].sum())
    scale = total / sampled if sampled > 0 and total > 0 else len(amounts) / len(chosen)
    return customers.iloc[chosen], scale


def _own_factors(model: ValueModel) -> dict[str, float]:
    """The factors that the model itself can change, at their current levels."""
    if isinstance(model, SupportsScenarios):
        return model.scenario_factors()
    terms = {"annual_discount_rate": float(model.annual_discount_rate), "margin": float(model.margin)}
    return (
        terms if model.horizon is None else {"horizon": horizon_in(model.horizon, model.time_unit_), **terms}
    )


def _current_retention(own: Mapping[str, float], customers: pd.DataFrame, per_year: int) -> float:
    """The annual retention rate of the model, or that of the customers; 1 if nothing tells it."""
    if "retention_rate" in own:
        return float(own["retention_rate"] ** per_year)
    if not set(HISTORY) <= set(customers.columns):
        return 1.0
    history = (customers[name].to_numpy(dtype=np.float64) for name in HISTORY)
    return float(estimate_retention_rate(*history).rate ** per_year)


def _worth(
    model: ValueModel,
    customers: pd.DataFrame,
    own: Mapping[str, float],
    levels: Mapping[str, float],
    current: float,
) -> float:
    """The model's total value at the levels, before referrals and costs."""
    rate = _share(levels["retention_rate"])
    per_year = 1 if model.time_unit_ is None else time_unit_of(model.time_unit_).per_year
    factors = {name: level for name, level in levels.items() if name in own and name != "retention_rate"}
    ratio = 1.0
    if rate != current:
        if "retention_rate" in own:
            factors["retention_rate"] = rate ** (1 / per_year)
        elif current > 0:
            ratio = rate / current
    changed = _with_levels(model, {name: level for name, level in factors.items() if level != own[name]})
    income = 1.0 if "income" in own else float(levels["income"])
    if ratio == 1.0:
        return income * float(changed.predict(customers).sum())
    return income * _retained(changed, customers, ratio, per_year)


def _with_levels(model: ValueModel, factors: dict[str, float]) -> ValueModel:
    if not factors:
        return model
    if isinstance(model, SupportsScenarios):
        changed: ValueModel = model.with_factors(factors)
        return changed
    changed = copy.copy(model)
    for name, level in factors.items():
        setattr(changed, name, level)
    return changed


def _retained(model: ValueModel, customers: pd.DataFrame, ratio: float, per_year: int) -> float:
    """Total value if of what is to come after ``t`` years only ``ratio ** t`` comes."""
    rate = (1 + model.annual_discount_rate) / ratio - 1
    if model.horizon is None or -1e-12 < rate <= 1:
        return float(model.predict(customers, None, max(rate, 0.0)).sum())
    ends = np.linspace(0, horizon_in(model.horizon, model.time_unit_), _SLICES + 1)
    totals = [0.0, *(float(model.predict(customers, float(end)).sum()) for end in ends[1:])]
    middles = (ends[1:] + ends[:-1]) / 2 / per_year
    return float((np.diff(totals) * ratio**middles).sum())


def _present_years(time_unit: str | None, levels: Mapping[str, float]) -> float:
    """The present value of 1 per year over the horizon, paid at the end of each time unit."""
    per_year = 1 if time_unit is None else time_unit_of(time_unit).per_year
    rate = rate_per_unit(levels["annual_discount_rate"], time_unit)
    return float(annuity(1 / per_year, rate, levels.get("horizon", math.inf)))


def _periods(levels: Mapping[str, Any]) -> float:
    """The number of periods of a formula: infinite if None, 1 if it has none."""
    name = next((name for name in ("n_periods", "lifetime") if name in levels), None)
    if name is None:
        return 1.0
    return math.inf if levels[name] is None else float(levels[name])


def _share(rate: float) -> float:
    return float(checked("retention_rate", rate, above=0, highest=1))
