"""What a customer relationship system needs of each customer: next purchase, value so far, reasons.

=====================  ============================================================================
Column                 Meaning
=====================  ============================================================================
buys_within_30_days    P(at least one purchase in the next 30 days); likewise 90
next_purchase_in       time, in the model's unit, by which the probability of a purchase reaches one
                       half; missing if that is not within 100 years, as where P(alive) is below it
next_purchase_date     the day of that, as an ISO date, where the end of observation is known
historic_value         margin on what the customer has spent so far, first purchase included
total_value            ``historic_value + clv``
reasons                what moves the value most, against the typical customer: see `reasons`
=====================  ============================================================================

A column is left out where its model or its input does not exist: formulas have no probabilities, and
``historic_value`` needs ``total_spend``. The typical customer has the median history of the fit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._customer_tables import as_customers
from clvml.customers._time_units import Horizon, time_unit_of
from clvml.errors import ClvmlError
from clvml.lifetime_value._protocol import SupportsNextPurchase, ValueModel
from clvml.lifetime_value._reasons import reasons, typical_factors

DAYS = (30, 90)
OUTLOOK = (
    *(f"buys_within_{days}_days" for days in DAYS),
    "next_purchase_in",
    "next_purchase_date",
    "historic_value",
    "total_value",
    "reasons",
)
"""Columns of `customer_outlook`, in their order: ``buys_within_30_days`` and ``buys_within_90_days``
(probabilities), ``next_purchase_in`` (time units until the next purchase, as likely before as after),
``next_purchase_date``, ``historic_value`` (margin on past spend), ``total_value`` (historic and predicted, in
currency units) and ``reasons`` (a sentence)."""
_LONGEST_DAYS = 36_525.0  # 100 years: later than that is not expected


def customer_outlook(
    model: ValueModel,
    customers: pd.DataFrame,
    *,
    factors: pd.DataFrame | None = None,
    horizon: Horizon | None = None,
    annual_discount_rate: float | None = None,
    observed_until: Any = None,
    seen: Mapping[str, Mapping[str, float]] | None = None,
) -> pd.DataFrame:
    """P(buys), the next purchase, historic and total value, and reasons, of each customer.

    Parameters
    ----------
    model : ValueModel
        Fitted.
    customers : pandas.DataFrame
        The customer summary, in the model's time unit.
    factors : pandas.DataFrame, optional
        ``model.predict_factors(customers, horizon, annual_discount_rate)``, if already computed.
    horizon : float, str or None, optional
        Of the value and its reasons, in the model's time unit or as text such as ``"12M"``. Default: the
        model's.
    annual_discount_rate : float, optional
        Of the value and its reasons, a fraction per year. Default: the model's.
    observed_until : date, str, or sequence of them, optional
        The last day of the customers' observation, from which dates are counted; None: no dates.
    seen : mapping, optional
        Quantiles of the customers of the fit. Default: those that the model remembers.

    Returns
    -------
    pandas.DataFrame
        On the customers' index; those of the columns in `OUTLOOK` that the model and the summary give.

    Raises
    ------
    InputError
        If the customers or an argument are invalid.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.

    See Also
    --------
    clvml.lifetime_value.OUTLOOK : The columns.
    clvml.LifetimeValue : Value and its factors, in ``predict_factors``.
    clvml.lifetime_value.economics.value_parts : Historic and predicted value, less costs.

    Examples
    --------
    >>> import clvml
    >>> from clvml.lifetime_value import customer_outlook
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), "12M", 0.1).fit(customers)
    >>> found = customer_outlook(model, customers.loc[[1, 6]], observed_until="1997-09-30")
    >>> found[["buys_within_30_days", "next_purchase_in", "next_purchase_date"]].round(2)
                 buys_within_30_days  next_purchase_in next_purchase_date
    customer_id
    1                           0.14             29.48         1998-04-25
    6                           0.32             10.03         1997-12-10
    >>> found["reasons"].iloc[1].partition(";")[0]
    'many purchases (8 in 38.9 weeks)'
    """
    customers = as_customers(customers)
    if factors is None:
        factors = model.predict_factors(customers, horizon, annual_discount_rate)
    columns: dict[str, Any] = {}
    predictor = _predictor(model)
    if predictor is not None:
        columns |= _next_purchases(predictor, getattr(model, "time_unit_", None), customers, observed_until)
    if "total_spend" in customers and hasattr(model, "margin"):
        historic = model.margin * customers["total_spend"].to_numpy(dtype=float)
        columns |= {"historic_value": historic, "total_value": historic + factors["clv"].to_numpy()}
    typical = typical_factors(model, seen, horizon, annual_discount_rate)
    if typical is not None:
        columns["reasons"] = reasons(factors, customers, typical, getattr(model, "time_unit_", None))
    return pd.DataFrame(columns, index=customers.index)


def _predictor(model: Any) -> SupportsNextPurchase | None:
    """The model, its model of purchases or that of its structure, if it predicts next purchases."""
    structure = getattr(model, "structure_", model)
    parts = (model, getattr(structure, "purchases_", None))
    return next((part for part in parts if isinstance(part, SupportsNextPurchase)), None)


def _next_purchases(
    predictor: Any, time_unit: str | None, customers: pd.DataFrame, observed_until: Any
) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    try:
        time = predictor.next_purchase_time(customers).to_numpy()
    except ClvmlError:  # a mean of models of which one does not predict it
        return columns
    unit = None if time_unit is None else time_unit_of(time_unit)
    if unit is not None:
        for days in DAYS:
            ahead = days / unit.days
            if getattr(predictor, "discrete_time", False):
                ahead = round(ahead)  # opportunities
            if ahead:
                buys = predictor.probability_buys(customers, ahead)
                columns[f"buys_within_{days}_days"] = buys.to_numpy()
    longest = _LONGEST_DAYS / (1.0 if unit is None else unit.days)
    columns["next_purchase_in"] = np.where(time <= longest, time, np.nan)
    if unit is not None and observed_until is not None:
        columns["next_purchase_date"] = _dates(columns["next_purchase_in"] * unit.days, observed_until)
    return columns


def _dates(days: np.ndarray, observed_until: Any) -> np.ndarray:
    """ISO dates of so many days after the end of observation, rounded up; None where there is none."""
    single = isinstance(observed_until, str | dt.date | np.datetime64)
    last = np.asarray(pd.to_datetime([observed_until] if single else list(observed_until)))
    known = np.isfinite(days)
    whole = np.ceil(np.where(known, days, 0.0)).astype("timedelta64[D]")
    dates = np.datetime_as_string(last.astype("datetime64[D]") + whole).astype(object)
    dates[~known] = None
    return dates
