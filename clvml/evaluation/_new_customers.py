"""Customers acquired after an origin: how many came and what they spent, and what was forecast.

The number of new customers is forecast to be that of a period as long as the holdout just before the origin;
none, if nobody was acquired in its last quarter, as where the data are those of a closed cohort.
A model that predicts new customers values each by its first purchase (their mean before the origin) and its
expected repeat purchases in what is left of the holdout, averaged over the day of acquisition. The naive
forecast is the money that the customers acquired in the period before spent within it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from clvml.customers._split import Split
from clvml.lifetime_value._protocol import SupportsNewCustomers, ValueModel
from clvml.lifetime_value.economics._new_customer import new_customer_value

NAIVE = "naive forecast"
_CLOSED = 0.25  # share of the period in which nobody was acquired
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)  # on [-1, 1]: exact for polynomials to degree 15


class Acquisition(NamedTuple):
    """What is known of acquisition at an origin: expected number, first purchase, naive revenue."""

    number: float
    first_purchase: float
    revenue: float


def new_customers(parts: Split, models: Mapping[str, ValueModel]) -> pd.DataFrame:
    """Customers acquired in the holdout and their spend, actual and forecast.

    Parameters
    ----------
    parts : Split
    models : mapping of str to ValueModel
        Fitted to its calibration period, undiscounted and with a margin of 1.

    Returns
    -------
    pandas.DataFrame
        One row per model that predicts new customers (`SupportsNewCustomers`) and one for the naive forecast;
        columns ``customers_actual, customers_forecast, spend_actual, spend_forecast``.
    """
    acquired = acquisition(parts)
    forecasts = dict(_forecasts(models, acquired, parts.duration)) | {NAIVE: acquired.revenue}
    columns = {
        "customers_actual": parts.counts["customers_acquired_in_holdout"],
        "customers_forecast": acquired.number,
        "spend_actual": float(parts.money["customers_acquired_in_holdout"]),
    }
    table = pd.DataFrame(columns, index=pd.Index(list(forecasts), name="model"))
    return table.assign(spend_forecast=list(forecasts.values()))


def acquisition(parts: Split) -> Acquisition:
    """Acquisition in the last period as long as the holdout, scaled up if the history is shorter."""
    customers = parts.calibration
    recent = customers[customers["T"] < parts.duration]
    history = float(customers["T"].max())
    scale = parts.duration / history if 0 < history < parts.duration else 1.0
    if customers["T"].min() > _CLOSED * parts.duration:
        scale = 0.0
    first = customers["total_spend"] - customers["frequency"] * customers["monetary_value"]
    mean = first[recent.index].mean() if len(recent) else first.mean()
    return Acquisition(scale * len(recent), max(float(mean), 0.0), scale * float(recent["total_spend"].sum()))


def _forecasts(
    models: Mapping[str, ValueModel], acquired: Acquisition, duration: float
) -> Iterator[tuple[str, float]]:
    for name, model in models.items():
        if isinstance(getattr(model, "purchases_", model), SupportsNewCustomers):
            yield name, acquired.number * value_over(model, acquired.first_purchase, duration)


def value_over(model: ValueModel, first_purchase: float, duration: float) -> float:
    """Mean revenue of a customer acquired at a uniformly distributed time of a period, until its end."""
    left = duration * (1 + _NODES) / 2
    values = [new_customer_value(model, first_purchase, float(horizon), 0.0) for horizon in left]
    return float(_WEIGHTS @ values / 2)
