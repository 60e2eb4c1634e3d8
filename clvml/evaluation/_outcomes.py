"""What customers do in a period, in totals: spend, purchases, and the customers who purchase at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from clvml.errors import InputError
from clvml.lifetime_value._protocol import (
    SupportsFactorsByHorizon,
    SupportsNextPurchase,
    SupportsPurchaseProbability,
    ValueModel,
)
from clvml.lifetime_value._total_calibration import undiscounted

SPEND, PURCHASES, ACTIVE = "spend", "purchases", "active_customers"
OUTCOMES = (SPEND, PURCHASES, ACTIVE)


def actual_outcomes(holdout: pd.DataFrame) -> pd.DataFrame:
    """The outcomes of each customer, one column each, from the holdout of a `clvml.customers.Split`."""
    purchases = holdout["purchases"].astype(float)
    found = {PURCHASES: purchases, ACTIVE: (purchases > 0).astype(float)}
    return pd.DataFrame(found | ({SPEND: holdout["spend"]} if "spend" in holdout else {}))


def predicted_outcome(model: ValueModel, customers: pd.DataFrame, outcome: str, horizon: float) -> pd.Series:
    """The expected outcome of each customer within the horizon, undiscounted and before margin.

    Parameters
    ----------
    model : ValueModel
        Fitted.
    customers : pandas.DataFrame
        The customer summary, in the model's time unit.
    outcome : {"spend", "purchases", "active_customers"}
    horizon : float
        In time units.

    Raises
    ------
    InputError
        If the model does not predict the outcome.
    """
    if outcome == SPEND:
        return undiscounted(model).predict(customers, horizon, 0.0)
    if outcome == PURCHASES:
        factors = model.predict_factors(customers, horizon, 0.0)
        if "expected_purchases" in factors:
            return factors["expected_purchases"]
    purchases = _purchase_model(model)
    if outcome == ACTIVE and isinstance(purchases, SupportsNextPurchase):
        return purchases.probability_buys(customers, horizon)
    if outcome == ACTIVE and isinstance(purchases, SupportsPurchaseProbability):
        return 1 - purchases.purchase_probability(0, horizon, customers)
    if outcome not in OUTCOMES:
        raise InputError(f"outcome is {outcome!r}; it must be one of {OUTCOMES}.")
    raise InputError(f"{type(model).__name__} does not predict {outcome.replace('_', ' ')}.")


def predicted_totals(
    model: ValueModel, customers: pd.DataFrame, outcomes: Iterable[str], horizons: Sequence[float]
) -> dict[tuple[str, float], float]:
    """The totals of `predicted_outcome` by outcome and horizon; what horizons share is predicted once.

    Raises
    ------
    InputError
        If the model does not predict an outcome.
    """
    found: dict[tuple[str, float], float] = {}
    if isinstance(model, SupportsFactorsByHorizon):
        by_horizon = model.factors_by_horizon(customers, horizons, 0.0)
        for horizon, factors in zip(horizons, by_horizon, strict=True):
            found[SPEND, horizon] = float(model.revenue_from_factors(factors).sum())
            found[PURCHASES, horizon] = float(factors["expected_purchases"].sum())
    wanted = [(outcome, horizon) for outcome in outcomes for horizon in horizons]
    return {
        key: found[key] if key in found else float(predicted_outcome(model, customers, *key).sum())
        for key in wanted
    }


def _purchase_model(model: object) -> object:
    """The fitted model of purchases in a model of value, or in its structure."""
    inner = getattr(model, "structure_", getattr(model, "model_", None))
    return getattr(model, "purchases_", None if inner is None else getattr(inner, "purchases_", None))
