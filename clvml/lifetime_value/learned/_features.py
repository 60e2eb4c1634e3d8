"""Features of a customer summary for machine learning: behaviour, and what fitted models predict."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.customers._summary_checks import check_customers
from clvml.customers._time_units import Horizon
from clvml.lifetime_value._protocol import ValueModel

SUMMARY = ("frequency", "recency", "T", "monetary_value", "total_spend")


def behavioural_features(
    customers: pd.DataFrame, time_unit: str | None = None, losses: bool = False
) -> pd.DataFrame:
    """The summary's columns and ratios of them, which need no fitted model.

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
    DataFrame
        Float64 and finite, on the customers' index. Besides the columns: ``silence`` (time units since the
        last purchase), ``purchase_rate`` (purchases per time unit, plus one of each), ``mean_gap``
        (between purchases; ``T`` before the second), ``silence_in_gaps``, ``average_order`` (of all
        purchases), ``first_order`` and ``order_trend`` (mean repeat order less the first, over the average).

    Raises
    ------
    InputError
        If a column is missing or has invalid values.
    """
    table = check_customers(customers, SUMMARY, time_unit, losses)
    x, t_x, T, mean, total = (table[name].to_numpy() for name in SUMMARY)
    silence, repeats = T - t_x, np.maximum(x, 1.0)
    gap = np.where(x > 0, t_x / repeats, T)
    average, first = total / (x + 1), total - x * mean
    more = {
        "silence": silence,
        "purchase_rate": (x + 1) / (T + 1),
        "mean_gap": gap,
        "silence_in_gaps": _ratio(silence, gap),
        "average_order": average,
        "first_order": first,
        "order_trend": np.where(x > 0, _ratio(mean - first, np.abs(average)), 0.0),
    }
    return table[list(SUMMARY)].assign(**more)


def predicted_features(model: ValueModel, customers: pd.DataFrame, horizon: Horizon) -> pd.DataFrame:
    """What a fitted model predicts over a horizon, undiscounted: its factors, and expected spend in total.

    Returns
    -------
    DataFrame
        ``predicted`` (expected spend over the horizon, before any margin) and the model's other factors,
        which are prefixed by ``predicted_``; on the customers' index.
    """
    factors = model.predict_factors(customers, horizon, 0.0).select_dtypes("number")
    value = factors.pop("clv") / (model.margin or 1.0)
    kept = factors.drop(columns="discounted_purchases", errors="ignore").add_prefix("predicted_")
    return pd.concat([value.rename("predicted"), kept], axis=1)


def in_canonical_order(*columns: NDArray[np.float64]) -> NDArray[np.int64]:
    """The positions that sort rows by their content, so that a fit does not depend on their order."""
    return np.lexsort(columns[::-1])


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
