"""Which factor moves lifetime value, and by how much: one at a time, two together, and "what if".

Every function here takes a *value*: any function of named numbers that gives money, and its *inputs*,
the numbers it has today. A formula is one as it stands; :func:`model_value` makes one of a fitted model,
formula or probabilistic::

    what_if(formulas.retention, {"margin": 100, "retention_rate": 0.8, "discount_rate": 0.1},
            retention_rate=+0.02)

A value per customer (an array or Series) is summed.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from clvml.customers._time_units import horizon_in, rate_per_unit
from clvml.distributions import bgnbd
from clvml.distributions._discounting import discounted_ends
from clvml.distributions.bgnbd import BGNBDParams
from clvml.errors import InputError
from clvml.lifetime_value._projection import LifetimeValue
from clvml.lifetime_value.formulas._models import FormulaValue
from clvml.models._bgnbd import BGNBD

Value = Callable[..., Any]
Inputs = Mapping[str, Any]

# They are settings, or costs that a present customer caused in the past.
_NO_FACTORS = ("n_states", "period", "acquisition_cost", "first_purchase_cost")


class WhatIf(NamedTuple):
    """Money before and after a change, and the difference, in money and in percent of before."""

    before: float
    after: float
    difference: float
    difference_pct: float


def what_if(value: Value, inputs: Inputs, **changes: float) -> WhatIf:
    """What a change of one or several factors is worth: "retention up by two points?".

    Parameters
    ----------
    value : callable
        Takes the inputs as keywords and gives money.
    inputs : mapping
        The inputs of today.
    **changes : float
        What is added to each of the named inputs, in the input's own unit.

    Raises
    ------
    InputError
        If a change names an unknown input, or breaks a rule of the value (retention above 1, say).

    Examples
    --------
    >>> from clvml.lifetime_value.formulas import retention
    >>> today = {"margin": 100, "retention_rate": 0.80, "discount_rate": 0.10}
    >>> answer = what_if(retention, today, retention_rate=0.02)
    >>> print(f"from {answer.before:.2f} to {answer.after:.2f}: {answer.difference_pct:+.1f} %")
    from 366.67 to 392.86: +7.1 %
    """
    if not changes:
        raise InputError("what_if got no change; name a factor and what to add, as in retention_rate=0.02.")
    before = money(value, inputs)
    after = money(value, {**inputs, **{name: _number(inputs, name) + by for name, by in changes.items()}})
    return WhatIf(before, after, after - before, _pct(after, before))


def vary(value: Value, inputs: Inputs, factor: str, levels: Iterable[float]) -> pd.DataFrame:
    """The money at several levels of one factor, everything else as it is.

    Returns
    -------
    pandas.DataFrame
        Index: the factor's levels. Columns ``value``, ``difference`` and ``difference_pct`` from today.

    Examples
    --------
    >>> from clvml.lifetime_value.formulas import annuity
    >>> vary(annuity, {"income": 100, "discount_rate": 0.0, "n_periods": 4}, "n_periods", [2, 4, 8])
               value  difference  difference_pct
    n_periods
    2          200.0      -200.0           -50.0
    4          400.0         0.0             0.0
    8          800.0       400.0           100.0
    """
    _number(inputs, factor)
    today = money(value, inputs)
    at = list(levels)
    values = [money(value, {**inputs, factor: level}) for level in at]
    table = pd.DataFrame({"value": values}, index=pd.Index(at, name=factor), dtype=np.float64)
    return table.assign(
        difference=table["value"] - today, difference_pct=[_pct(after, today) for after in values]
    )


def elasticities(
    value: Value, inputs: Inputs, factors: Sequence[str] | None = None, step: float = 1e-4
) -> pd.DataFrame:
    """By how many percent the money changes when a factor changes by one percent.

    Central differences of ``step`` relative to the factor; one-sided where a rule of the value forbids
    one of the two (retention above 1).

    Parameters
    ----------
    value, inputs
        As in :func:`what_if`.
    factors : sequence of str, optional
        Which inputs; by default all that are numbers other than 0 (a factor at zero has no percent).
    step : float, default 1e-4

    Returns
    -------
    pandas.DataFrame
        Index ``factor``, largest elasticity first; columns ``level`` (today's), ``slope`` (money per
        unit of the factor) and ``elasticity``.

    Examples
    --------
    >>> from clvml.lifetime_value.formulas import retention
    >>> found = elasticities(retention, {"margin": 100, "retention_rate": 0.8, "discount_rate": 0.1})
    >>> found["elasticity"].round(3).to_dict()
    {'retention_rate': 2.667, 'margin': 1.0, 'discount_rate': -0.242}
    """
    names = _factors(inputs, factors)
    today = money(value, inputs)
    rows = {}
    for name in names:
        level = _number(inputs, name)
        slope = _slope(value, inputs, name, step * (abs(level) or 1.0), today)
        elasticity = slope * level / today if today else math.nan
        rows[name] = {"level": level, "slope": slope, "elasticity": elasticity}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("factor")
    return table.loc[table["elasticity"].abs().sort_values(ascending=False, kind="stable").index]


def tornado(
    value: Value,
    inputs: Inputs,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    change: float = 0.1,
) -> pd.DataFrame:
    """The money at the low and at the high end of each factor alone, and of all together.

    Parameters
    ----------
    value, inputs
        As in :func:`what_if`.
    ranges : mapping of str to (low, high), optional
        By factor; for factors not named, and where left out, today's level less and more ``change``.
    change : float, default 0.1
        As a fraction of today's level. Levels that a rule of the value forbids are named in the error:
        give a range for that factor.

    Returns
    -------
    pandas.DataFrame
        Index ``factor``, widest swing first, "all together" (each factor at the end that is worse, and
        that is better) last. Columns ``low, high`` (levels), ``value_at_low, value_at_high, swing``;
        ``attrs["today"]`` is the money of today.
    """
    given = dict(ranges or {})
    names = list(given) if ranges is not None else _factors(inputs, None)
    rows = {}
    for name in names:
        level = _number(inputs, name)
        low, high = given.get(name, (level * (1 - change), level * (1 + change)))
        at_low, at_high = (money(value, {**inputs, name: end}) for end in (low, high))
        rows[name] = _bar(low, high, at_low, at_high)
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("factor")
    table = table.sort_values("swing", ascending=False, kind="stable")
    better = table["value_at_high"] >= table["value_at_low"]
    worst, best = (
        {name: table.at[name, "low" if better[name] == good else "high"] for name in table.index}
        for good in (True, False)
    )
    ends = [money(value, {**inputs, **levels}) for levels in (worst, best)]
    table.loc["all together"] = _bar(math.nan, math.nan, *ends)
    table.attrs["today"] = money(value, inputs)
    return table


def two_way(
    value: Value,
    inputs: Inputs,
    rows: Mapping[str, Iterable[float]],
    columns: Mapping[str, Iterable[float]],
) -> pd.DataFrame:
    """The money at all combinations of the levels of two factors.

    Parameters
    ----------
    rows, columns : mapping with one entry
        The factor and its levels.

    Examples
    --------
    >>> from clvml.lifetime_value.formulas import retention
    >>> today = {"margin": 100, "retention_rate": 0.80, "discount_rate": 0.10}
    >>> two_way(retention, today, {"retention_rate": [0.5, 0.8]}, {"discount_rate": [0.0, 0.1]}).round(1)
    discount_rate     0.0    0.1
    retention_rate
    0.5             200.0  183.3
    0.8             500.0  366.7
    """
    (row, row_levels), (column, column_levels) = _one("rows", rows), _one("columns", columns)
    for name in (row, column):
        _number(inputs, name)
    cells = [
        [money(value, {**inputs, row: down, column: across}) for across in column_levels]
        for down in row_levels
    ]
    return pd.DataFrame(cells, pd.Index(row_levels, name=row), pd.Index(column_levels, name=column))


def model_value(model: Any, customers: pd.DataFrame) -> tuple[Value, dict[str, float]]:
    """A fitted model as a function of the factors that mean something there, and their levels of today.

    All models: ``horizon`` (in time units), ``annual_discount_rate``, ``margin``, and ``income``, a multiple
    of what customers spend (1 today). Formulas: the estimates that their value depends on, such as
    ``retention_rate``, and arguments that are numbers. Probabilistic: ``dropout``, a multiple of the
    chance to leave after a purchase from now on (1 today); who is still there is as fitted.

    Parameters
    ----------
    model : LifetimeValue or FormulaValue
        Fitted.
    customers : pandas.DataFrame
        Whose total value is asked for.

    Returns
    -------
    (callable, dict)
        Ready for the functions here: ``what_if(*model_value(model, customers), retention_rate=0.02)``.
    """
    check_is_fitted(model)
    inputs = {
        "horizon": horizon_in(model.horizon, model.time_unit_),
        "annual_discount_rate": float(model.annual_discount_rate),
        "margin": float(model.margin),
        "income": 1.0,
    }
    if isinstance(model, FormulaValue):
        return _formula_value(model, customers, inputs)
    if isinstance(model, LifetimeValue) and isinstance(model.purchases_, BGNBD):
        return _probabilistic_value(model, customers), {**inputs, "dropout": 1.0}
    raise InputError(
        f"model is a {type(model).__name__}; it must be a formula model, or a LifetimeValue with BGNBD."
    )


def money(value: Value, inputs: Inputs) -> float:
    """The money of these inputs, customers summed.

    Raises
    ------
    InputError
        If an input is unknown to the value or missing, or the money is not a finite number.
    """
    known = inspect.signature(value).parameters
    unknown = [name for name in inputs if name not in known]
    if unknown and not any(known[name].kind is inspect.Parameter.VAR_KEYWORD for name in known):
        raise InputError(f"inputs has {unknown[0]!r}; the value knows {', '.join(known)}.")
    needed = [name for name, known_as in known.items() if known_as.default is inspect.Parameter.empty]
    absent = [name for name in needed if name not in inputs and known[name].kind.name != "VAR_KEYWORD"]
    if absent:
        raise InputError(f"inputs lack {', '.join(map(repr, absent))}, which the value needs.")
    found = value(**inputs)
    total = float(np.sum(np.asarray(getattr(found, "total", found), dtype=np.float64)))
    if not math.isfinite(total):
        raise InputError(
            f"the value is {total} at {dict(inputs)}; it must be finite: look for missing inputs."
        )
    return total


def _formula_value(
    model: FormulaValue, customers: pd.DataFrame, inputs: dict[str, float]
) -> tuple[Value, dict[str, float]]:
    arguments = {
        name: float(given)
        for name, given in model.get_params(deep=False).items()
        if name not in inputs and isinstance(given, float | int) and name not in _NO_FACTORS
    }
    used = [name for name in ("retention_rate",) if name in model.params_]
    inputs = {**inputs, **arguments, **{name: model.params_[name] for name in used}}

    def value(
        horizon: float, annual_discount_rate: float, margin: float, income: float, **others: float
    ) -> float:
        _check_share("retention_rate", others.get("retention_rate", 0.0))
        changed = copy.copy(model)
        changed.margin = margin * income
        changed.params_ = {**model.params_, **{name: others[name] for name in used}}
        for name in set(arguments) & set(others):
            setattr(changed, name, others[name])
        return float(changed.predict(customers, horizon, annual_discount_rate).sum())

    return value, inputs


def _probabilistic_value(model: LifetimeValue, customers: pd.DataFrame) -> Value:
    purchases: BGNBD = model.purchases_  # type: ignore[assignment]
    history = purchases.history(customers)
    alive = purchases.probability_alive(customers).to_numpy()
    spend = model.spend_.expected_spend(customers).to_numpy()
    r, alpha, a, b = purchases.params_

    def value(
        horizon: float, annual_discount_rate: float, margin: float, income: float, dropout: float
    ) -> float:
        if not 0 < dropout * a < a + b:
            raise InputError(f"dropout is {dropout:g}; it must be above 0 and below {(a + b) / a:.3g}.")
        # The mean of the chance to leave changes, and how sure it is (a + b) does not.
        params = BGNBDParams(r, alpha, dropout * a, b + (1 - dropout) * a)
        rate = rate_per_unit(annual_discount_rate, model.time_unit_)
        ends, weights = discounted_ends(horizon_in(horizon, model.time_unit_), rate)
        expected = alive * bgnbd.purchases_given_alive(history, ends, weights, params)
        return float(margin * income * (expected @ spend))

    return value


def _slope(value: Value, inputs: Inputs, name: str, step: float, today: float) -> float:
    level = _number(inputs, name)
    ends = {}
    for side in (-1, 1):
        try:
            ends[side] = money(value, {**inputs, name: level + side * step})
        except InputError as error:
            refused = error
    if not ends:
        raise refused
    if len(ends) == 2:
        return (ends[1] - ends[-1]) / (2 * step)
    (side, end), *_ = ends.items()
    return (end - today) / (side * step)


def _bar(low: float, high: float, at_low: float, at_high: float) -> dict[str, float]:
    swing = abs(at_high - at_low)
    return {"low": low, "high": high, "value_at_low": at_low, "value_at_high": at_high, "swing": swing}


def _factors(inputs: Inputs, factors: Sequence[str] | None) -> list[str]:
    if factors is not None:
        return [name for name in factors if _number(inputs, name) is not None]
    numbers = (int, float, np.number)
    return [n for n, given in inputs.items() if isinstance(given, numbers) and math.isfinite(given) and given]


def _number(inputs: Inputs, name: str) -> float:
    if name not in inputs:
        raise InputError(f"{name!r} is not among the inputs; they are {', '.join(map(repr, inputs))}.")
    try:
        return float(inputs[name])
    except (TypeError, ValueError):
        raise InputError(f"{name} is {inputs[name]!r}; a factor to vary must be one number.") from None


def _one(name: str, levels: Mapping[str, Iterable[float]]) -> tuple[str, list[float]]:
    if not isinstance(levels, Mapping) or len(levels) != 1:
        raise InputError(f"{name} must be one factor and its levels, as in {{'retention_rate': [0.7, 0.8]}}.")
    factor, at = next(iter(levels.items()))
    return factor, list(at)


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise InputError(f"{name} is {value:g}; it must be between 0 and 1.")


def _pct(after: float, before: float) -> float:
    return 100 * (after / before - 1) if before else math.nan
