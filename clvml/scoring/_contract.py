"""Requests to a fitted model and its responses: one schema for files, REST, Spark and services.

A request is a table of customers and parameters; the response is a table::

    request   customer_id (any type, optional), the model's columns, its optional columns, and
              time_unit (optional; text, of each row): the unit of recency and T, if not the model's;
              for a lifetime-value model the parameters horizon and annual_discount_rate
    response  clv, then its factors | segment, segment_name; for customer groups also class, stage,
              treatment and budget; customer_id last, if it was given

Invalid requests raise an `InputError` (or `TimeUnitError`) with a one-sentence message. Models are
duck-typed, by their ``required_columns``; ``optional_columns`` and ``categories`` if present; and
``predict_factors``, ``assign``, or ``predict`` with ``segment_names``. It is independent of MLflow and HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clvml.customers._discount_rate import annual_rate_in
from clvml.customers._ids import CUSTOMER_ID, check_present
from clvml.customers._summary_checks import HISTORY, check_plausible_counts, check_time_unit, plain
from clvml.customers._time_units import TIME_UNIT, horizon_in, time_unit_of
from clvml.customers._training_summary import doubt_about_time_unit
from clvml.errors import InputError, TimeUnitError

PARAMETERS = ("horizon", "annual_discount_rate")


class Request(NamedTuple):
    """A validated request.

    Attributes
    ----------
    customers : pandas.DataFrame
        One row per customer, with the model's columns; indexed by ``customer_id`` if ids were given.
    params : dict
        ``horizon`` and ``annual_discount_rate``, if they were given.
    """

    customers: pd.DataFrame
    params: dict[str, Any]


def read_request(model: Any, table: pd.DataFrame, params: Mapping[str, Any] | None = None) -> Request:
    """Validate a table of customers and parameters as a request; the table itself is not modified.

    Parameters
    ----------
    model : estimator
        A fitted lifetime-value model or segmentation.
    table : pandas.DataFrame
        One row per customer: the model's columns, and optionally ``customer_id``. Integers of
        any type (int64, Int64, Arrow, Decimal) are accepted as numbers. Times are converted from the units
        in the optional column ``time_unit`` to the model's.
    params : mapping, optional
        As in `request_params`.

    Raises
    ------
    InputError
        If a column is missing, a row has no id, a time unit is unknown, or a parameter breaks a rule.
    TimeUnitError
        If no unit is given and times appear to be in another one than the model's.
    """
    columns = columns_of(model)
    missing = [name for name in columns if name not in table]
    if missing:
        raise InputError(
            f"the request lacks the column {', '.join(map(repr, missing))}; it needs {', '.join(columns)}."
        )
    unit = getattr(model, "time_unit_", None)
    customers = _in_unit(_by_id(table), unit)
    if doubt := doubt_about_time_unit(customers, unit, getattr(model, "training_summary_", None)):
        raise TimeUnitError(doubt)
    return Request(customers, request_params(model, params or {}))


def request_params(model: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The validated parameters of a request; for those not given, the model's own apply.

    Parameters
    ----------
    model : estimator
        A fitted lifetime-value model, or a segmentation, which takes no parameters.
    given : mapping
        ``horizon``: a positive number in the model's time unit, or text such as ``"12M"``;
        ``annual_discount_rate``: a fraction per year, at most 1 (0.10 is 10 %).

    Raises
    ------
    InputError
        If a parameter is unknown, has no value or an implausible one.

    Examples
    --------
    >>> import clvml
    >>> request_params(clvml.ZeroValue(horizon=1), {"horizon": "39", "annual_discount_rate": 0.1})
    {'horizon': 39.0, 'annual_discount_rate': 0.1}
    """
    if given and not takes_parameters(model):
        raise InputError(
            f"{type(model).__name__} takes neither a horizon nor an annual discount rate: leave out"
            f" {', '.join(sorted(map(str, given)))}."
        )
    unknown = sorted(set(map(str, given)) - set(PARAMETERS))
    if unknown:
        raise InputError(f"there is no parameter {unknown[0]!r}; there are {' and '.join(PARAMETERS)}.")
    without = [name for name in given if given[name] is None]
    if without:
        raise InputError(f"{without[0]} has no value; leave it out to take the model's own.")
    checks = {"horizon": _horizon, "annual_discount_rate": _discount_rate}
    return {name: checks[name](model, value) for name, value in given.items()}


def score(model: Any, customers: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Score customers: the table that every scoring interface returns.

    Parameters
    ----------
    model : estimator
        A fitted lifetime-value model or segmentation.
    customers : pandas.DataFrame
        One row per customer, with the model's columns; the index is the customer id.
    params : mapping, optional
        As in `request_params`.

    Returns
    -------
    pandas.DataFrame
        On the customers' index: ``clv`` (money) and its factors; or ``segment`` (from 1, the most valuable),
        ``segment_name`` and, for customer groups, class, stage, treatment and budget. No number is missing
        or infinite.

    Raises
    ------
    InputError
        If a customer or a parameter is invalid, or a predicted value is not finite.
    TimeUnitError
        If the customers count time in another unit than the model.
    """
    params = request_params(model, params or {})
    check_time_unit(customers, getattr(model, "time_unit_", None))
    if "frequency" in columns_of(model) and "frequency" in customers:
        check_plausible_counts(customers)  # all other checks of customers are the model's
    if takes_parameters(model):
        scores = model.predict_factors(customers, **params)
    elif hasattr(model, "assign"):
        scores = model.assign(customers)
    else:
        segments = model.predict(customers)
        scores = pd.DataFrame({"segment": segments, "segment_name": model.segment_names(customers)})
    _check_index(scores, customers, type(model).__name__)
    _check_finite(scores, type(model).__name__)
    return scores


def response_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores with a default index: ``customer_id`` is the last column, if there were ids."""
    table = scores.reset_index(drop=True)
    if scores.index.name == CUSTOMER_ID:
        table[CUSTOMER_ID] = scores.index.to_numpy()
    return table


def request_table(model: Any, customers: pd.DataFrame) -> pd.DataFrame:
    """Customers as rows of a request: the id as the first column, then the model's columns.

    Parameters
    ----------
    model : estimator
        A fitted lifetime-value model or segmentation.
    customers : pandas.DataFrame
        A customer summary; an unnamed RangeIndex is not used as an id.

    Raises
    ------
    KeyError
        If the customers lack a column of the model.
    """
    more = [name for name in optional_columns_of(model) if name in customers]
    request = customers[[*columns_of(model), *more]]
    # Neither JSON nor MLflow has a categorical type: a request has the plain values.
    coded = request.select_dtypes("category")
    request = request.astype({name: coded[name].cat.categories.dtype for name in coded})
    if isinstance(customers.index, pd.RangeIndex) and customers.index.name is None:
        return request.reset_index(drop=True)
    return request.rename_axis(CUSTOMER_ID).reset_index()


def takes_parameters(model: Any) -> bool:
    """Whether the model predicts value over a horizon, so that requests may set horizon and discount rate."""
    return hasattr(model, "predict_factors")


def columns_of(model: Any) -> tuple[str, ...]:
    """The required columns of a request; for a model that needs none, the purchase history."""
    return tuple(model.required_columns) or HISTORY


def optional_columns_of(model: Any) -> tuple[str, ...]:
    """The optional columns of a request."""
    return tuple(getattr(model, "optional_columns", ()))


def _by_id(table: pd.DataFrame) -> pd.DataFrame:
    if CUSTOMER_ID not in table:
        return table
    check_present(table[CUSTOMER_ID])
    return table.set_index(CUSTOMER_ID)


def _in_unit(customers: pd.DataFrame, unit: str | None) -> pd.DataFrame:
    """The customers with recency and T in the model's unit, from the units in their column ``time_unit``."""
    if TIME_UNIT not in customers:
        return customers
    codes, stated = customers[TIME_UNIT], customers[TIME_UNIT].notna()
    rest = customers.drop(columns=TIME_UNIT)
    if not stated.any():
        return rest
    if unit is None:
        raise InputError(f"the model has no time unit to convert to: leave out the column {TIME_UNIT!r}.")
    if not stated.all():
        raise InputError(
            f"{(~stated).sum()} of {len(customers)} rows have no {TIME_UNIT}; all rows need one."
        )
    days = {code: time_unit_of(code).days for code in codes.astype(str).unique()}
    factor = codes.astype(str).map(days) / time_unit_of(unit).days
    times = {name: _in_numbers(rest[name]) * factor for name in ("recency", "T") if name in rest}
    converted = rest.assign(**times) if (factor != 1).any() else rest.copy()
    converted.attrs[TIME_UNIT] = unit
    return converted


def _in_numbers(column: pd.Series) -> pd.Series:
    try:
        return column.astype(float)
    except (TypeError, ValueError):
        raise InputError(f"column {column.name!r} is not numeric.") from None


def _horizon(model: Any, value: Any) -> float | str:
    """A validated number; or text, which the model parses (``"12M"``, for some models a date)."""
    if isinstance(value, str) and not re.fullmatch(r"\s*\d+(\.\d*)?\s*", value):
        return value
    number = float(value) if isinstance(value, str) else value  # the command line has only text
    return horizon_in(number, getattr(model, "time_unit_", None))


def _discount_rate(model: Any, value: Any) -> float:  # noqa: ARG001
    return annual_rate_in(value)


def _check_index(scores: pd.DataFrame, customers: pd.DataFrame, model: str) -> None:
    if not scores.index.equals(customers.index):
        raise InputError(
            f"{model} returned predictions for other customers, or in another order: they must have the"
            " customers' index."
        )


def _check_finite(scores: pd.DataFrame, model: str) -> None:
    numbers = scores.select_dtypes("number").to_numpy(dtype=float, na_value=np.nan)
    bad = ~np.isfinite(numbers).all(axis=1)
    if bad.any():
        first = plain(scores.index[int(np.argmax(bad))])
        raise InputError(
            f"{model} predicts no finite value for {bad.sum()} of {len(scores)} customers; the first is"
            f" {first!r}: check the horizon and these customers.",
            rows=bad,
            rule=f"{bad.sum()} of {len(scores)} customers have no finite predicted value",
        )
