"""Requests to a fitted model and its responses: one schema for files, REST, Spark and services.

A request is a table of customers and parameters; the response is a table::

    request   customer_id (any type, optional), the model's columns, its optional columns, and of each row
              time_unit (the unit of recency and T, if not the model's) and observed_until (a date);
              parameters: time_unit and observed_until of all rows, and for a lifetime-value model horizon,
              annual_discount_rate and details (true or false)
    response  clv, then its factors, then with details the columns of `clvml.lifetime_value.OUTLOOK` that
              the model gives | segment, segment_name; for customer groups also class, stage, treatment and
              budget; customer_id last, if it was given

Details are what a customer relationship system needs of each customer (`customer_outlook`): P(buys), the next
purchase (its date counts from observed_until, by default the last day of the model's data), historic and
total value, where rows have total_spend, and reasons.

Invalid requests raise an `InputError` (or `TimeUnitError`) with a one-sentence message, which never repeats
an id or a value of a row: it gives the number of the row, from 1 (``row``, from 0, and ``column``). What is
possible but questionable is in the request's ``warnings``. Models are
duck-typed, by their ``required_columns``; ``optional_columns`` and ``categories`` if present;
``needs_observation_end``, if predictions follow a calendar (observed_until is kept with the customers); and
``predict_factors``, ``assign``, or ``predict`` with ``segment_names``. It is independent of MLflow and HTTP.
"""

from __future__ import annotations

import datetime as dt
import difflib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd

from clvml.customers._discount_rate import annual_rate_in
from clvml.customers._frames import float_frame
from clvml.customers._ids import CUSTOMER_ID
from clvml.customers._summary_checks import HISTORY, check_plausible_counts, check_time_unit
from clvml.customers._time_units import LONGEST_HORIZON, TIME_UNIT, horizon_in
from clvml.customers._training_summary import IN_MODEL_UNIT, TrainingSummary, doubt_about_time_unit
from clvml.errors import InputError
from clvml.lifetime_value._customer_outlook import customer_outlook
from clvml.scoring._request_remarks import Limits, Remarks, limits_of
from clvml.scoring._request_rows import Table, check_rows, ids_of, numbers_of, without_rows
from clvml.scoring._request_time import (
    OBSERVED_UNTIL,
    STATEMENTS,
    converted,
    dates_of,
    dates_of_rows,
    days_of,
    statement,
)

PARAMETERS = ("horizon", "annual_discount_rate", "details")
TOTAL_SPEND = "total_spend"  # used for details


class _Scorable(NamedTuple):
    customers: pd.DataFrame
    params: dict[str, Any]


class Request(_Scorable):
    """A validated request: as a tuple, the arguments of `score`.

    Attributes
    ----------
    customers : pandas.DataFrame
        One row per customer, with the model's columns; indexed by ``customer_id`` if ids were given.
    params : dict
        ``horizon``, ``annual_discount_rate`` and ``details``, if they were given.
    warnings : tuple of str
        Sentences about the request as a whole: rows have a ``T`` beyond that of the fit, or the model is past
        the date until which it was validated. A conversion that the request asks for is no warning.

    See Also
    --------
    clvml.scoring.read_request : Makes one.
    clvml.scoring.score : Scores it.

    Examples
    --------
    >>> import clvml
    >>> from clvml.scoring import read_request, score
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.RepeatRateValue(horizon=39).fit(customers)
    >>> rows = {"customer_id": ["a"], "frequency": [2], "recency": [30], "T": [80], "monetary_value": [20.0]}
    >>> request = read_request(model, rows, {"horizon": 52})
    >>> request.params, request.warnings
    ({'horizon': 52.0},
     ('1 of 1 rows have T beyond 38.86 weeks, the longest in the fit: the model extrapolates.',))
    >>> score(model, *request)["clv"].round(2).to_dict()
    {'a': 26.0}
    """

    warnings: tuple[str, ...]

    def __new__(cls, customers: pd.DataFrame, params: dict[str, Any], warnings: tuple[str, ...] = ()) -> Self:
        request = super().__new__(cls, customers, params)
        request.warnings = warnings
        return request


def read_request(
    model: Any, table: Table, params: Mapping[str, Any] | None = None, card: Any = None
) -> Request:
    """Validate a table of customers and parameters as a request; the table itself is not modified.

    Parameters
    ----------
    model : estimator
        A fitted lifetime-value model or segmentation.
    table : pandas.DataFrame, or mapping of str to sequence
        One row per customer: the model's columns, and optionally ``customer_id``, ``time_unit`` and
        ``observed_until``. Numbers of any type (int64, Int64, Arrow, Decimal) are accepted; text and booleans
        are not numbers. Other columns are ignored.
    params : mapping, optional
        As in `request_params`; and ``time_unit`` ("D", "W", "M", "Q" or "Y") and ``observed_until`` (a date),
        of all rows. Times are converted to the model's unit.
    card : ModelCard, optional
        The model's: its ``seen`` and ``warranty`` are what the request is compared with.

    Returns
    -------
    Request
        The customers in the model's time unit, the parameters, and warnings.

    Raises
    ------
    InputError
        If a column is missing or not numeric, a row has no id, a time unit is unknown, or a parameter breaks
        a rule.
    TimeUnitError
        If no unit is given and times appear to be in another one than the model's.

    See Also
    --------
    clvml.scoring.score : Scores what it returns.
    clvml.scoring.signature : Which columns a request has.

    Examples
    --------
    >>> from clvml.scoring import read_request
    >>> import clvml
    >>> customers = clvml.summarize(clvml.load_cdnow())
    >>> model = clvml.RepeatRateValue(horizon=39).fit(customers)
    >>> rows = {"customer_id": ["a", "b"], "frequency": [2, 1], "recency": [210, 7], "T": [350, 749]}
    >>> request = read_request(model, rows | {"monetary_value": [20.0, 15.0]}, {"time_unit": "D"})
    >>> request.customers["T"].tolist()
    [50.0, 107.0]
    >>> request.warnings
    ('1 of 2 rows have T beyond 77.86 weeks, the longest in the fit: the model extrapolates.',)
    """
    part = read_part(model, table, params, card)
    if refusal := part.remarks.refusal(part.limits.unit):
        raise refusal
    return Request(part.customers, part.params, part.remarks.sentences(part.limits))


class RequestPart(NamedTuple):
    """Validated rows of a table and parameters, with what is questionable about these rows."""

    customers: pd.DataFrame
    params: dict[str, Any]
    remarks: Remarks
    limits: Limits


def read_part(
    model: Any, table: Table, params: Mapping[str, Any] | None = None, card: Any = None
) -> RequestPart:
    """Validate rows that are a part of a table; as `read_request`, which reads a whole one.

    Whether rows that do not say their time unit are in another one is the caller's to judge, from all parts.
    """
    said, own = _split(params)
    checked = request_params(model, own)
    required = columns_of(model)
    n_rows = check_rows(table, required)
    unit = getattr(model, "time_unit_", None)
    codes, until = (statement(table, said, name, n_rows) for name in STATEMENTS)
    days = days_of(codes, unit)
    columns = converted(_columns(model, table, required), days, unit)
    customers = _frame(columns, ids_of(table, n_rows))
    if checked.get("details"):
        customers = _with_total_spend(customers, table)
    if checked.get("details") or needs_observation_end(model):
        customers = _with_observation_end(customers, dates_of_rows(until), card)
    customers.attrs |= {IN_MODEL_UNIT: True} if unit is None else {TIME_UNIT: unit}
    seen = _seen(model, card)
    doubt = doubt_about_time_unit(columns, unit, seen) if codes is None else None
    limits, latest = limits_of(card, seen, unit), max(dates_of(until), default=None)
    remarks = Remarks(n_rows, limits.n_beyond(columns.get("T")), latest, doubt, n_rows if doubt else 0)
    return RequestPart(customers, checked, remarks, limits)


def request_params(model: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The validated parameters of a request; for those not given, the model's own apply.

    Parameters
    ----------
    model : estimator
        A fitted lifetime-value model, or a segmentation, which takes no parameters.
    given : mapping
        ``horizon``: a positive number in the model's time unit, or text such as ``"12M"``;
        ``annual_discount_rate``: a fraction per year, at most 1 (0.10 is 10 %); ``details``: True for what
        `clvml.lifetime_value.customer_outlook` adds.

    Returns
    -------
    dict
        The parameters that were given, as numbers.

    Raises
    ------
    InputError
        If a parameter is unknown, has no value or an implausible one.

    See Also
    --------
    clvml.scoring.read_request : Validates rows too.

    Examples
    --------
    >>> from clvml.scoring import request_params
    >>> import clvml
    >>> request_params(clvml.ZeroValue(horizon=1), {"horizon": "39", "annual_discount_rate": 0.1})
    {'horizon': 39.0, 'annual_discount_rate': 0.1}
    """
    _check_known(given, PARAMETERS)
    if given and not takes_parameters(model):
        raise InputError(
            f"{type(model).__name__} takes neither a horizon nor an annual discount rate: leave out"
            f" {', '.join(sorted(map(str, given)))}."
        )
    without = [name for name in given if given[name] is None]
    if without:
        raise InputError(f"{without[0]} has no value; leave it out to take the model's own.")
    checks = {"horizon": _horizon, "annual_discount_rate": _discount_rate, "details": _switch}
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
        or infinite, but ``next_purchase_in`` where no purchase is expected. Dates of details count from a
        column ``observed_until``, if the customers have one.

    Raises
    ------
    InputError
        If a customer or a parameter is invalid, or a predicted value is not finite.
    TimeUnitError
        If the customers count time in another unit than the model.

    See Also
    --------
    clvml.scoring.read_request : Validates what others send.
    clvml.scoring.score_batches, clvml.scoring.score_spark : More customers than memory holds.
    clvml.lifetime_value.customer_outlook : The details.

    Examples
    --------
    >>> import clvml
    >>> from clvml.scoring import score
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon=39).fit(customers)
    >>> score(model, customers.head(2), {"horizon": "6M"})[["clv", "probability_alive"]].round(2)
                   clv  probability_alive
    customer_id
    1            21.24               0.73
    2             2.69               0.21
    """
    params = request_params(model, params or {})
    with_details = params.pop("details", False)
    try:
        scores = _predicted(model, customers, params)
    except InputError as error:
        raise without_rows(error) from None
    _check_index(scores, customers, type(model).__name__)
    _check_finite(scores, type(model).__name__)
    return scores if not with_details else _with_details(model, customers, scores, params)


def response_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores as rows of a response: a default index, and ``customer_id`` last, if there were ids.

    Parameters
    ----------
    scores : pandas.DataFrame
        From `score`; an index named ``customer_id`` has the ids.

    Returns
    -------
    pandas.DataFrame
        The same rows, in the same order.

    See Also
    --------
    clvml.scoring.request_table : Customers as rows of a request.

    Examples
    --------
    >>> import clvml
    >>> from clvml.scoring import response_table, score
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.RepeatRateValue(horizon=39).fit(customers)
    >>> response_table(score(model, customers.head(2))).round(2).to_dict("records")[0]
    {'clv': 44.85, 'purchase_rate': 0.05, 'average_order_value': 22.34, 'customer_id': 1}
    """
    if scores.index.name != CUSTOMER_ID:
        return scores.reset_index(drop=True)
    ids = scores.index.to_numpy()
    table = scores.set_axis(pd.RangeIndex(len(scores)))
    table.insert(table.shape[1], CUSTOMER_ID, ids)
    return table


def request_table(model: Any, customers: pd.DataFrame) -> pd.DataFrame:
    """Customers as rows of a request: the id as the first column, then the model's columns.

    Parameters
    ----------
    model : estimator
        A fitted lifetime-value model or segmentation.
    customers : pandas.DataFrame
        A customer summary; an unnamed RangeIndex is not used as an id.

    Returns
    -------
    pandas.DataFrame
        One row per customer with a default index; plain values, which JSON and MLflow can hold.

    Raises
    ------
    KeyError
        If the customers lack a column of the model.

    See Also
    --------
    clvml.scoring.read_request : Reads them where the model is.
    clvml.scoring.signature : The columns of a model.

    Examples
    --------
    The body of a request to ``clvml serve``:

    >>> import clvml
    >>> from clvml.scoring import request_table
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.RepeatRateValue(horizon=39).fit(customers)
    >>> request_table(model, customers.head(1)).round(1).to_dict("list")
    {'customer_id': [1], 'frequency': [2.0], 'recency': [30.4], 'T': [38.9], 'monetary_value': [22.3]}
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


def needs_observation_end(model: Any) -> bool:
    """Whether predictions follow a calendar, and so depend on the date until which customers are observed."""
    structure = getattr(model, "structure_", model)
    parts = (model, getattr(structure, "purchases_", None))
    return any(getattr(part, "needs_observation_end", False) for part in parts)


def optional_columns_of(model: Any) -> tuple[str, ...]:
    """The optional columns of a request."""
    return tuple(getattr(model, "optional_columns", ()))


def _split(params: Mapping[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is said of all rows, and the parameters of the model."""
    given = {} if params is None else params
    if not isinstance(given, Mapping):
        raise InputError("the parameters must be names with values, such as horizon: 12.")
    _check_known(given, (*PARAMETERS, *STATEMENTS))
    said = {name: given[name] for name in STATEMENTS if name in given}
    return said, {name: value for name, value in given.items() if name not in said}


def _check_known(given: Mapping[str, Any], names: tuple[str, ...]) -> None:
    unknown = sorted(set(map(str, given)) - set(names))
    if unknown:
        close = difflib.get_close_matches(unknown[0], names, 1)
        meant = f"; did you mean {close[0]!r}" if close else ""
        raise InputError(
            f"{len(unknown)} of the parameters do not exist{meant}; there are {', '.join(names)}."
        )


def _columns(model: Any, table: Table, required: tuple[str, ...]) -> dict[str, Any]:
    """The model's columns: numbers as float64, categories as they are."""
    categories = {
        name for name, level in getattr(model, "reference_", {}).items() if not isinstance(level, float)
    }
    categories |= set(getattr(model, "categories", {}))
    names = [*required, *(name for name in optional_columns_of(model) if name in table)]
    return {name: _cells(table[name]) if name in categories else numbers_of(table, name) for name in names}


def _frame(columns: dict[str, Any], ids: pd.Index) -> pd.DataFrame:
    if all(isinstance(column, np.ndarray) and column.dtype == np.float64 for column in columns.values()):
        return float_frame(columns, ids)
    return pd.DataFrame(columns, index=ids, copy=False)


def _cells(column: Any) -> Any:
    """The values of a column without its index."""
    return column.array if isinstance(column, pd.Series) else column


def _seen(model: Any, card: Any) -> TrainingSummary | None:
    """Quantiles of what the model was fitted to."""
    return getattr(card, "seen", None) or getattr(model, "training_summary_", None)


def _horizon(model: Any, value: Any) -> float | str:
    """A validated number in the model's time unit, or text with its own unit, such as ``"12M"``."""
    text = isinstance(value, str)
    if text and re.fullmatch(r"\s*\d+(\.\d*)?\s*", value):
        value, text = float(value), False  # the command line has only text
    try:
        number = horizon_in(value, getattr(model, "time_unit_", None))
    except (InputError, OverflowError):
        raise InputError(
            f"horizon must be positive, and at most {LONGEST_HORIZON:,} units: it must be a number in the"
            " model's time unit, or text such as '12M'."
        ) from None
    return value if text else number


def _discount_rate(model: Any, value: Any) -> float:  # noqa: ARG001
    try:
        rate = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        rate = math.nan
    if not math.isfinite(rate):
        raise InputError("annual_discount_rate must be a number above -1, a fraction per year: 10 % is 0.1.")
    return annual_rate_in(rate)


def _switch(model: Any, value: Any) -> bool:  # noqa: ARG001
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise InputError("details must be true or false.")


def _predicted(model: Any, customers: pd.DataFrame, params: Mapping[str, Any]) -> pd.DataFrame:
    check_time_unit(customers, getattr(model, "time_unit_", None))
    if "frequency" in columns_of(model) and "frequency" in customers:
        check_plausible_counts(customers)  # all other checks of customers are the model's
    if takes_parameters(model):
        return model.predict_factors(customers, **params)
    if hasattr(model, "assign"):
        return model.assign(customers)
    segments = model.predict(customers)
    known = getattr(model, "names_", None)  # by number, in clvml's segmentations: no second prediction
    names = model.segment_names(customers) if known is None else segments.map(dict(enumerate(known, start=1)))
    return pd.DataFrame({"segment": segments, "segment_name": names})


def _with_details(
    model: Any, customers: pd.DataFrame, scores: pd.DataFrame, params: Mapping[str, Any]
) -> pd.DataFrame:
    """The scores, and beside them what they do not have yet of the customers' outlook."""
    said = customers[OBSERVED_UNTIL].to_numpy(dtype=object) if OBSERVED_UNTIL in customers else None
    until = dates_of_rows(said)
    found = customer_outlook(model, customers, factors=scores, observed_until=until, **params)
    new = found[found.columns.difference(scores.columns, sort=False)]
    _check_finite(new.drop(columns="next_purchase_in", errors="ignore"), type(model).__name__)
    return scores.join(new)


def _with_total_spend(customers: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The customers with their total spend, if the table has it."""
    if TOTAL_SPEND not in table or TOTAL_SPEND in customers:
        return customers
    return customers.assign(**{TOTAL_SPEND: numbers_of(table, TOTAL_SPEND)})


def _with_observation_end(
    customers: pd.DataFrame, until: Sequence[dt.date] | None, card: Any
) -> pd.DataFrame:
    """The customers with the last day of their observation: their own, or that of the model's data."""
    last = until if until is not None else getattr(card, "observed_until", None)
    return customers if last is None else customers.assign(**{OBSERVED_UNTIL: last})


def _check_index(scores: pd.DataFrame, customers: pd.DataFrame, model: str) -> None:
    if not scores.index.equals(customers.index):
        raise InputError(
            f"{model} returned predictions for other customers, or in another order: they must have the"
            " customers' index."
        )


def _check_finite(scores: pd.DataFrame, model: str) -> None:
    all_float = all(dtype == np.float64 for dtype in scores.dtypes.to_numpy())
    numbers = scores if all_float else scores.select_dtypes("number")
    finite = np.isfinite(numbers.to_numpy(dtype=float, na_value=np.nan))
    if finite.all():
        return
    bad = ~finite.all(axis=1)
    count = f"{bad.sum()} of {len(scores)} customers"
    raise InputError(
        f"{model} predicts no finite value for {count}: check the horizon and these customers; the first is"
        f" row {bad.argmax() + 1}.",
        rows=bad,
        rule=f"{count} have no finite predicted value",
    )
