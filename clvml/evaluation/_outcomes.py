"""What customers do in a period, in totals: spend, purchases, and the customers who purchase at all."""

from __future__ import annotations

import pandas as pd

from clvml.errors import InputError
from clvml.lifetime_value._protocol import SupportsPurchaseProbability, ValueModel
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
    if outcome == ACTIVE and isinstance(purchases, SupportsPurchaseProbability):
        return 1 - purchases.purchase_probability(0, horizon, customers)
    if outcome not in OUTCOMES:
        raise InputError(f"outcome is {outcome!r}; it must be one of {OUTCOMES}.")
    raise InputError(f"{type(model).__name__} does not predict {outcome.replace('_', ' ')}.")


def _purchase_model(model: object) -> object:
    """The fitted model of purchases in a model of value, or in its structure."""
    inner = getattr(model, "structure_", getattr(model, "model_", None))
    return getattr(model, "purchases_", None if inner is None else getattr(inner, "purchases_", None))
