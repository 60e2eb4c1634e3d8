"""Sensitivity analysis of lifetime value: what-if, elasticities, tornado and two-way tables.

Every function takes a *value*, a function of named numbers that returns a value in currency units, and its
*inputs*, their current levels. A formula is such a function; `model_value` creates one from any fitted model
that implements `SupportsScenarios`::

    what_if(formulas.retention, {"margin": 100, "retention_rate": 0.8, "discount_rate": 0.1},
            retention_rate=+0.02)

A value per customer (an array or Series) is summed.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clvml.errors import InputError

Value = Callable[..., Any]
Inputs = Mapping[str, Any]


class WhatIf(NamedTuple):
    """Value before and after a change.

    Attributes
    ----------
    before, after : float
        In currency units.
    difference : float
        ``after - before``.
    difference_pct : float
        In percent of ``before``.

    See Also
    --------
    clvml.what_if : Makes it.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value.formulas import annuity
    >>> answer = clvml.what_if(annuity, {"income": 100, "discount_rate": 0.0, "n_periods": 4}, n_periods=1)
    >>> answer.before, answer.after, answer.difference_pct
    (400.0, 500.0, 25.0)
    """

    before: float
    after: float
    difference: float
    difference_pct: float


def what_if(value: Value, inputs: Inputs, **changes: float) -> WhatIf:
    """The effect on value of changing one or several factors, such as retention up by two points.

    Parameters
    ----------
    value : callable
        Takes the inputs as keywords and returns the value in currency units, such as a formula of
        :mod:`clvml.lifetime_value.formulas`, or the first result of :func:`clvml.model_value`.
    inputs : mapping
        Current levels of the inputs.
    **changes : float
        Amount added to each of the named inputs, in the input's unit.

    Returns
    -------
    WhatIf
        ``before``, ``after``, ``difference`` and ``difference_pct``.

    Raises
    ------
    InputError
        If a change names an unknown input, or leads to an invalid level (such as retention above 1).

    See Also
    --------
    clvml.model_value : The value of a fitted model as a function of its factors.
    clvml.tornado : All factors at once.
    clvml.vary, clvml.two_way : Several levels of one or two factors.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value.formulas import retention
    >>> today = {"margin": 100, "retention_rate": 0.80, "discount_rate": 0.10}
    >>> answer = clvml.what_if(retention, today, retention_rate=0.02)
    >>> print(f"from {answer.before:.2f} to {answer.after:.2f}: {answer.difference_pct:+.1f} %")
    from 366.67 to 392.86: +7.1 %
    """
    if not changes:
        raise InputError(
            "what_if needs at least one change: name a factor and an amount, as in retention_rate=0.02."
        )
    before = money(value, inputs)
    after = money(value, {**inputs, **{name: _number(inputs, name) + by for name, by in changes.items()}})
    return WhatIf(before, after, after - before, _pct(after, before))


def vary(value: Value, inputs: Inputs, factor: str, levels: Iterable[float]) -> pd.DataFrame:
    """The value at several levels of one factor, other factors unchanged.

    Parameters
    ----------
    value : callable
        Takes the inputs as keywords and returns the value in currency units, such as a formula of
        :mod:`clvml.lifetime_value.formulas`, or the first result of :func:`clvml.model_value`.
    inputs : mapping
        Current levels of the inputs.
    factor : str
        The input to vary.
    levels : iterable of float
        Its levels.

    Returns
    -------
    pandas.DataFrame
        Index: the factor's levels. Columns ``value``, ``difference`` and ``difference_pct`` from the
        current value.

    Raises
    ------
    InputError
        If the factor is not among the inputs, or a level is invalid.

    See Also
    --------
    clvml.what_if : One change.
    clvml.two_way : Two factors.
    clvml.tornado : All factors.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value.formulas import annuity
    >>> clvml.vary(annuity, {"income": 100, "discount_rate": 0.0, "n_periods": 4}, "n_periods", [2, 4, 8])
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
    """Elasticities: percentage change of value per percentage change of each factor.

    Central differences of ``step`` relative to the factor; one-sided if one of the two levels is
    invalid (retention above 1), and with a step of 1 if the factor must be an integer (a horizon in
    opportunities).

    Parameters
    ----------
    value : callable
        Takes the inputs as keywords and returns the value in currency units, such as a formula of
        :mod:`clvml.lifetime_value.formulas`, or the first result of :func:`clvml.model_value`.
    inputs : mapping
        Current levels of the inputs.
    factors : sequence of str, optional
        Which inputs; by default all numeric ones except zeros, whose elasticity is undefined.
    step : float, default 1e-4
        Relative to the level of the factor.

    Returns
    -------
    pandas.DataFrame
        Index ``factor``, largest elasticity first; columns ``level`` (current), ``slope`` (value per
        unit of the factor) and ``elasticity``.

    Raises
    ------
    InputError
        If a factor is not among the inputs.

    See Also
    --------
    clvml.tornado : The effect of larger changes.
    clvml.model_value : The value of a fitted model as a function of its factors.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value.formulas import retention
    >>> found = clvml.elasticities(retention, {"margin": 100, "retention_rate": 0.8, "discount_rate": 0.1})
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
    """Tornado table: the value at the lower and upper level of each factor, and of all together.

    Parameters
    ----------
    value : callable
        Takes the inputs as keywords and returns the value in currency units, such as a formula of
        :mod:`clvml.lifetime_value.formulas`, or the first result of :func:`clvml.model_value`.
    inputs : mapping
        Current levels of the inputs.
    ranges : mapping of str to (lower, upper), optional
        By factor; by default, all factors at their current level less and more ``change``.
    change : float, default 0.1
        As a fraction of the current level; levels that must be integers change by integers. If this leads to
        an invalid level, an error names the factor: give a range for it.

    Returns
    -------
    pandas.DataFrame
        Index ``factor``, widest swing first, "all together" (each factor at its worse, and at its
        better level) last. Columns ``lower, upper`` (levels), ``value_at_lower, value_at_upper, swing``;
        ``attrs["today"]`` is the current value.

    Raises
    ------
    InputError
        If a factor is not among the inputs, or a level is invalid.

    See Also
    --------
    clvml.plots.tornado : Draw the table.
    clvml.model_value : The value of a fitted model as a function of its factors.
    clvml.elasticities : The effect of small changes.
    clvml.lifetime_value.economics.factor_tornado : The same for the seven factors of any model.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value.formulas import retention
    >>> today = {"margin": 100, "retention_rate": 0.80, "discount_rate": 0.10}
    >>> clvml.tornado(retention, today)[["value_at_lower", "value_at_upper", "swing"]].round(1)
                    value_at_lower  value_at_upper  swing
    factor
    retention_rate           289.5           500.0  210.5
    margin                   330.0           403.3   73.3
    discount_rate            375.9           358.1   17.8
    all together             256.2           571.0  314.8
    """
    given = dict(ranges or {})
    names = list(given) if ranges is not None else _factors(inputs, None)
    rows = {}
    for name in names:
        ends = given[name] if name in given else _levels_around(value, inputs, name, change)
        rows[name] = _bar(*ends, *(money(value, {**inputs, name: end}) for end in ends))
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("factor")
    table = table.sort_values("swing", ascending=False, kind="stable")
    rises = table["value_at_upper"] >= table["value_at_lower"]
    worst, best = (
        {name: table.at[name, "lower" if rises[name] == worse else "upper"] for name in table.index}
        for worse in (True, False)
    )
    together = [money(value, {**inputs, **levels}) for levels in (worst, best)]
    table.loc["all together"] = _bar(math.nan, math.nan, *together)
    table.attrs["today"] = money(value, inputs)
    return table


def two_way(
    value: Value,
    inputs: Inputs,
    rows: Mapping[str, Iterable[float]],
    columns: Mapping[str, Iterable[float]],
) -> pd.DataFrame:
    """The value at all combinations of levels of two factors.

    Parameters
    ----------
    value : callable
        Takes the inputs as keywords and returns the value in currency units, such as a formula of
        :mod:`clvml.lifetime_value.formulas`, or the first result of :func:`clvml.model_value`.
    inputs : mapping
        Current levels of the inputs.
    rows, columns : mapping with one entry
        The factor and its levels.

    Returns
    -------
    pandas.DataFrame
        The value in currency units; index: levels of the factor of the rows, columns: those of the other.

    Raises
    ------
    InputError
        If a factor is not among the inputs, or a level is invalid.

    See Also
    --------
    clvml.vary : One factor.
    clvml.model_value : The value of a fitted model as a function of its factors.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value.formulas import retention
    >>> today = {"margin": 100, "retention_rate": 0.80, "discount_rate": 0.10}
    >>> rows, columns = {"retention_rate": [0.5, 0.8]}, {"discount_rate": [0.0, 0.1]}
    >>> clvml.two_way(retention, today, rows, columns).round(1)
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


def money(value: Value, inputs: Inputs) -> float:
    """The value at these inputs, summed over customers.

    Raises
    ------
    InputError
        If an input is unknown or missing, or the value is not finite.
    """
    known = inspect.signature(value).parameters
    unknown = [name for name in inputs if name not in known]
    if unknown and not any(known[name].kind is inspect.Parameter.VAR_KEYWORD for name in known):
        raise InputError(f"inputs has {unknown[0]!r}; the value takes {', '.join(known)}.")
    needed = [name for name, known_as in known.items() if known_as.default is inspect.Parameter.empty]
    absent = [name for name in needed if name not in inputs and known[name].kind.name != "VAR_KEYWORD"]
    if absent:
        raise InputError(f"inputs lack {', '.join(map(repr, absent))}, which the value requires.")
    found = value(**inputs)
    total = float(np.sum(np.asarray(getattr(found, "total", found), dtype=np.float64)))
    if not math.isfinite(total):
        raise InputError(
            f"the value is {total} at {dict(inputs)}; it must be finite: check for missing inputs."
        )
    return total


def _slope(value: Value, inputs: Inputs, name: str, step: float, today: float) -> float:
    """Derivative by central differences, one-sided at invalid levels; integer levels change by 1."""
    level = _number(inputs, name)
    for size in (step, 1.0):
        found = {side: _allowed(value, inputs, name, level + side * size) for side in (-1, 1)}
        ends = {side: end for side, end in found.items() if end is not None}
        if ends:
            break
    else:
        money(value, {**inputs, name: level + step})  # raises the reason
    if len(ends) == 2:
        return (ends[1] - ends[-1]) / (2 * size)
    (side, end), *_ = ends.items()
    return (end - today) / (side * size)


def _allowed(value: Value, inputs: Inputs, name: str, level: float) -> float | None:
    """The value at a level, or None if the level is invalid."""
    try:
        return money(value, {**inputs, name: level})
    except InputError:
        return None


def _levels_around(value: Value, inputs: Inputs, name: str, change: float) -> tuple[float, float]:
    """The current level less and more ``change``, or the next integers if only those are valid."""
    level = _number(inputs, name)
    lower, upper = level * (1 - change), level * (1 + change)
    whole = level == round(level)
    if whole and all(_allowed(value, inputs, name, end) is None for end in (lower, upper)):
        return math.floor(lower), math.ceil(upper)
    return lower, upper


def _bar(lower: float, upper: float, at_lower: float, at_upper: float) -> dict[str, float]:
    swing = abs(at_upper - at_lower)
    return {
        "lower": lower,
        "upper": upper,
        "value_at_lower": at_lower,
        "value_at_upper": at_upper,
        "swing": swing,
    }


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


def _pct(after: float, before: float) -> float:
    return 100 * (after / before - 1) if before else math.nan
