"""What may be asked of a fitted model, and what it answers: one contract for files, REST, Spark and services.

A request is a table of customers and parameters; the answer is a table::

    asked     customer_id (any type, may be left out), the model's columns, its optional columns;
              of a lifetime-value model the parameters horizon and annual_discount_rate
    answered  clv, then its factors | segment, segment_name; of customer groups class, stage, treatment
              and budget too; customer_id last, where it was given

Whatever breaks a rule is an `InputError` (or `TimeUnitError`) of one sentence. The model is asked, never its
class: its ``required_columns``; ``optional_columns`` and ``categories`` where it has them; and
``predict_factors``, ``assign``, or ``predict`` with ``segment_names``. Nothing here knows of MLflow or HTTP.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clvml.customers._ids import CUSTOMER_ID, check_present
from clvml.customers._summary_checks import HISTORY, check_time_unit, plain
from clvml.customers._time_units import horizon_in
from clvml.errors import InputError

PARAMETERS = ("horizon", "annual_discount_rate")
HIGHEST_DISCOUNT_RATE = 1.0  # a year: 12 is a slip for 12 %
MOST_PURCHASES = 1_000_000  # of one customer: beyond it frequency is no count of purchases


class Request(NamedTuple):
    """What is asked of a model.

    Attributes
    ----------
    customers : pandas.DataFrame
        One row per customer, with the model's columns; indexed by ``customer_id`` where ids were given.
    params : dict
        ``horizon`` and ``annual_discount_rate``, as far as they were given.
    """

    customers: pd.DataFrame
    params: dict[str, Any]


def read_request(model: Any, table: pd.DataFrame, params: Mapping[str, Any] | None = None) -> Request:
    """The request that a table of rows and parameters make; the table itself is not changed.

    Parameters
    ----------
    model : estimator
        A fitted lifetime-value model or segmentation.
    table : pandas.DataFrame
        One row per customer: the model's columns, and ``customer_id`` where there are ids. Whole numbers of
        any type (int64, Int64, Arrow's, Decimal) are numbers.
    params : mapping, optional
        As in `request_params`.

    Raises
    ------
    InputError
        If a column is missing, a row has no id, or a parameter breaks a rule.
    """
    columns = columns_of(model)
    missing = [name for name in columns if name not in table]
    if missing:
        raise InputError(
            f"the request lacks the column {', '.join(map(repr, missing))}; it needs {', '.join(columns)}."
        )
    return Request(_by_id(table), request_params(model, params or {}))


def request_params(model: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a request, checked; what is not given is left to the model.

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
        If a parameter is unknown, missing its value or beyond all reason.

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
    """What the model says of each customer: the table that every way of scoring returns.

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
        ``segment_name`` and, of customer groups, class, stage, treatment and budget. No number is missing
        or infinite.

    Raises
    ------
    InputError
        If a customer or a parameter breaks a rule, or a customer's value is not a finite number.
    TimeUnitError
        If the customers count time in another unit than the model.
    """
    params = request_params(model, params or {})
    check_time_unit(customers, getattr(model, "time_unit_", None))
    _check_plausible(customers, columns_of(model))
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
    """Scores as rows without an index: ``customer_id`` is the last column, where there were ids."""
    table = scores.reset_index(drop=True)
    if scores.index.name == CUSTOMER_ID:
        table[CUSTOMER_ID] = scores.index.to_numpy()
    return table


def request_table(model: Any, customers: pd.DataFrame) -> pd.DataFrame:
    """Customers as rows of a request: the id as the first column, then what the model reads.

    Parameters
    ----------
    model : estimator
        A fitted lifetime-value model or segmentation.
    customers : pandas.DataFrame
        A customer summary; a plain RangeIndex without a name is no id.

    Raises
    ------
    KeyError
        If the customers lack a column of the model.
    """
    more = [name for name in optional_columns_of(model) if name in customers]
    request = customers[[*columns_of(model), *more]]
    # Neither JSON nor MLflow has a type for pandas' categories: a request has their values.
    coded = request.select_dtypes("category")
    request = request.astype({name: coded[name].cat.categories.dtype for name in coded})
    if isinstance(customers.index, pd.RangeIndex) and customers.index.name is None:
        return request.reset_index(drop=True)
    return request.rename_axis(CUSTOMER_ID).reset_index()


def takes_parameters(model: Any) -> bool:
    """Whether the model gives money over a horizon, so that a request may name horizon and discount rate."""
    return hasattr(model, "predict_factors")


def columns_of(model: Any) -> tuple[str, ...]:
    """The columns that a request must carry; of a model that reads none, the purchase history."""
    return tuple(model.required_columns) or HISTORY


def optional_columns_of(model: Any) -> tuple[str, ...]:
    """The columns that a request may carry as well."""
    return tuple(getattr(model, "optional_columns", ()))


def _by_id(table: pd.DataFrame) -> pd.DataFrame:
    if CUSTOMER_ID not in table:
        return table
    check_present(table[CUSTOMER_ID])
    return table.set_index(CUSTOMER_ID)


def _horizon(model: Any, value: Any) -> float | str:
    """A number, checked; text, which the model reads (``"12M"``, and of some models a date)."""
    if isinstance(value, str) and not re.fullmatch(r"\s*\d+(\.\d*)?\s*", value):
        return value
    number = float(value) if isinstance(value, str) else value  # the command line has only text
    return horizon_in(number, getattr(model, "time_unit_", None))


def _discount_rate(model: Any, value: Any) -> float:  # noqa: ARG001
    try:
        rate = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        rate = math.nan
    if not -1 < rate < math.inf:
        raise InputError(
            f"annual_discount_rate is {value!r}; it must be a number above -1, a fraction per year:"
            " write 10 % as 0.1."
        )
    if rate > HIGHEST_DISCOUNT_RATE:
        raise InputError(
            f"annual_discount_rate is {rate:g}, which is {100 * rate:,.0f} % per year; write 12 % as 0.12."
        )
    return rate


def _check_plausible(customers: pd.DataFrame, columns: tuple[str, ...]) -> None:
    """Refuse counts that no customer can have; all other rules of customers are the model's."""
    if "frequency" not in columns or "frequency" not in customers:
        return
    counts = pd.to_numeric(customers["frequency"], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    bad = counts > MOST_PURCHASES
    if bad.any():
        first = plain(customers.index[int(np.argmax(bad))])
        raise InputError(
            f"{bad.sum()} of {len(customers)} customers have a frequency above {MOST_PURCHASES:,}; the first"
            f" is {first!r}: frequency counts the repeat purchases of one customer."
        )


def _check_index(scores: pd.DataFrame, customers: pd.DataFrame, model: str) -> None:
    if not scores.index.equals(customers.index):
        raise InputError(
            f"{model} answered for other customers than were asked of, or in another order: its predictions"
            " must be on the customers' index."
        )


def _check_finite(scores: pd.DataFrame, model: str) -> None:
    numbers = scores.select_dtypes("number").to_numpy(dtype=float, na_value=np.nan)
    bad = ~np.isfinite(numbers).all(axis=1)
    if bad.any():
        first = plain(scores.index[int(np.argmax(bad))])
        raise InputError(
            f"{model} has no finite value for {bad.sum()} of {len(scores)} customers; the first is"
            f" {first!r}: check the horizon and these customers."
        )
