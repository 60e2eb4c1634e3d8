"""Features of a customer summary for machine learning: behaviour, and what fitted models predict."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.customers._frames import float_frame
from clvml.customers._summary_checks import checked_columns
from clvml.customers._time_units import Horizon
from clvml.lifetime_value._protocol import SupportsValueFactors, ValueModel

Floats = NDArray[np.float64]

SUMMARY = ("frequency", "recency", "T", "monetary_value", "total_spend")


def behavioural_features(
    customers: pd.DataFrame, time_unit: str | None = None, losses: bool = False
) -> dict[str, Floats]:
    """The summary's columns and ratios of them, which need no fitted model, as arrays.

    Parameters
    ----------
    customers : DataFrame
        With the columns ``frequency, recency, T, monetary_value, total_spend``.
    time_unit : str, optional
        The unit that the summary must have, if it states one.
    losses : bool, default False
        Whether spend may be negative.

    Returns
    -------
    dict of str to ndarray, shape (n_customers,)
        Finite; in the order of the customers. Besides the columns: ``silence`` (time units since the
        last purchase), ``purchase_rate`` (purchases per time unit, plus one of each), ``mean_gap``
        (between purchases; ``T`` before the second), ``silence_in_gaps``, ``average_order`` (of all
        purchases), ``first_order`` and ``order_trend`` (mean repeat order less the first, over the average).

    Raises
    ------
    InputError
        If a column is missing or has invalid values.
    """
    columns = checked_columns(customers, SUMMARY, time_unit, losses)
    x, t_x, T, mean, total = columns.values()
    silence, repeats = T - t_x, np.maximum(x, 1.0)
    gap = np.where(x > 0, t_x / repeats, T)
    average, first = total / (x + 1), total - x * mean
    return columns | {
        "silence": silence,
        "purchase_rate": (x + 1) / (T + 1),
        "mean_gap": gap,
        "silence_in_gaps": _ratio(silence, gap),
        "average_order": average,
        "first_order": first,
        "order_trend": np.where(x > 0, _ratio(mean - first, np.abs(average)), 0.0),
    }


def predicted_features(model: ValueModel, customers: pd.DataFrame, horizon: Horizon) -> dict[str, Floats]:
    """What a fitted model predicts over a horizon, undiscounted: its factors, and expected spend in total.

    Returns
    -------
    dict of str to ndarray, shape (n_customers,)
        ``predicted`` (expected spend over the horizon, before any margin) and the model's other factors that
        are numbers, which are prefixed by ``predicted_``.
    """
    factors = factor_columns(model, customers, horizon, 0.0)
    value = factors.pop("clv") / (model.margin or 1.0)
    kept = {name: values for name, values in factors.items() if name != "discounted_purchases"}
    return {"predicted": value} | {f"predicted_{name}": values for name, values in kept.items()}


def feature_table(features: dict[str, Floats], customers: pd.DataFrame) -> pd.DataFrame:
    """Features on the customers' index."""
    return float_frame(features, customers.index)


def factor_columns(
    model: ValueModel, customers: pd.DataFrame, horizon: Horizon, annual_discount_rate: float
) -> dict[str, Floats]:
    """What the model predicts in numbers, as arrays, for which a `LifetimeValue` needs no table."""
    if isinstance(model, SupportsValueFactors):
        return model.value_factors(customers, horizon, annual_discount_rate)
    table = model.predict_factors(customers, horizon, annual_discount_rate)
    if not all(dtype == np.float64 for dtype in table.dtypes.to_numpy()):
        table = table.select_dtypes("number")
    return dict(zip(map(str, table), table.to_numpy(dtype=float).T, strict=True))


def in_canonical_order(*columns: Floats) -> NDArray[np.int64]:
    """The positions that sort rows by their content, so that a fit does not depend on their order."""
    return np.lexsort(columns[::-1])


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
