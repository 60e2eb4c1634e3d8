"""Log scores: the log predictive density of what customers did in a holdout."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.customers._split import Split
from clvml.lifetime_value._projection import LifetimeValue
from clvml.lifetime_value._protocol import (
    SupportsFutureSpendDensity,
    SupportsPurchaseProbability,
    require,
    title_of,
)

Floats = NDArray[np.float64]

PURCHASES, SPEND = "purchases", "spend"


def scored_outcomes(models: Mapping[str, LifetimeValue], holdout: pd.DataFrame) -> tuple[str, ...]:
    """What all models have a predictive density of: purchases, and spend where the holdout has amounts."""
    with_density = all(isinstance(model.spend_, SupportsFutureSpendDensity) for model in models.values())
    return (PURCHASES, SPEND) if with_density and SPEND in holdout else (PURCHASES,)


def log_scores(
    model: LifetimeValue, customers: pd.DataFrame, split: Split, outcomes: tuple[str, ...]
) -> Floats:
    """The log predictive density of each customer's purchases and spend in the holdout of the split.

    ``log P(n purchases)``, plus the log density of their total spend given ``n`` for customers with spend;
    ``-inf`` where the model rules the outcome out.

    Parameters
    ----------
    model : LifetimeValue
        Fitted to calibration data of the split.
    customers : DataFrame
        Customers of the calibration.
    outcomes : tuple of str
        From `scored_outcomes`.

    Returns
    -------
    ndarray, shape (n_customers,)

    Raises
    ------
    InputError
        If the model of purchases has no distribution of their number.
    """
    holdout = split.holdout.reindex(customers.index)
    number = holdout["purchases"].to_numpy(dtype=float)
    scores = _purchase_scores(model, customers, number, split.duration)
    if SPEND in outcomes:
        total = holdout[SPEND].to_numpy(dtype=float)
        rows = np.flatnonzero((number > 0) & (total > 0))
        density = model.spend_.future_spend_log_density  # type: ignore[attr-defined]
        scores[rows] += density(customers.iloc[rows], number[rows], total[rows])
    return scores


def _purchase_scores(model: LifetimeValue, customers: pd.DataFrame, number: Floats, horizon: float) -> Floats:
    purchases = model.purchases_
    task = f"the log score of {title_of(purchases)} needs"
    require(purchases, SupportsPurchaseProbability, task, "leave it out")
    found = np.empty(len(customers))
    for n in np.unique(number):
        rows = np.flatnonzero(number == n)
        chance = purchases.purchase_probability(int(n), horizon, customers.iloc[rows])  # type: ignore[attr-defined]
        with np.errstate(divide="ignore"):
            found[rows] = np.log(np.maximum(np.asarray(chance, dtype=float), 0.0))
    return found
