"""Why a customer is worth more or less than the typical one, in few words of a fixed vocabulary.

The value is a product, P(alive) x purchases while alive x spend per purchase (x learnt correction), so that
the logarithm of its ratio to the typical customer's value is the sum of those of the factors. A factor that
changes the value by 10 % or more is a reason; the largest come first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from clvml.customers._time_units import TIME_UNIT, Horizon, time_unit_of
from clvml.customers._training_summary import IN_MODEL_UNIT

NO_REASON = "like the typical customer"
# By factor: the words where it lowers and where it raises the value.
VOCABULARY = {
    "alive": ("long silence", "recent purchase"),
    "purchases": ("few purchases", "many purchases"),
    "spend": ("low spend per purchase", "high spend per purchase"),
    "correction": (
        "similar customers spent less than expected",
        "similar customers spent more than expected",
    ),
}
_MOST = 3
_LEAST = math.log(1.1)
_TINY = 1e-300


def reasons(
    factors: pd.DataFrame, customers: pd.DataFrame, typical: pd.DataFrame, time_unit: str | None
) -> list[str]:
    """The reasons of each customer, separated by semicolons.

    Parameters
    ----------
    factors : pandas.DataFrame
        From ``predict_factors``.
    customers : pandas.DataFrame
        The customer summary.
    typical : pandas.DataFrame
        The factors of the typical customer, in one row.
    time_unit : {"D", "W", "M", "Q", "Y"} or None

    Returns
    -------
    list of str
        Such as ``"long silence (30.0 weeks, usual gap 5.0); many purchases (8 in 38.0 weeks)"``, or
        ``"like the typical customer"``.
    """
    own, usual = _parts(factors), _parts(typical)
    ratios = np.stack([np.log(own[name] / usual.get(name, 1.0)) for name in own])
    order = np.argsort(-np.abs(ratios), axis=0, kind="stable")[:_MOST]
    words = _Words(factors, customers, typical, time_unit)
    names = list(own)
    found = []
    for row in range(len(factors)):
        listed = [
            words.of(names[place], row, higher=bool(ratios[place, row] > 0))
            for place in order[:, row].tolist()
            if abs(ratios[place, row]) >= _LEAST
        ]
        found.append("; ".join(listed) or NO_REASON)
    return found


def typical_factors(
    model: Any,
    seen: Mapping[str, Mapping[str, float]] | None,
    horizon: Horizon | None = None,
    annual_discount_rate: float | None = None,
) -> pd.DataFrame | None:
    """The factors of the customer with the median history of the fit; None if they are unknown."""
    seen = seen or _training_summary(model)
    horizon = model.horizon if horizon is None else horizon
    model = getattr(model, "structure_", model)  # the median of a learnt correction is near 1
    if not seen or not {"recency", "T"} <= set(seen):
        return None
    medians = {name: float(quantiles["median"]) for name, quantiles in seen.items()}
    times = [name for name in ("frequency", "recency", "T") if name in medians]
    whole = medians | {name: math.floor(medians[name]) for name in times}
    for history in (medians, whole):  # discrete-time models need whole numbers
        table = _table(model, history)
        if table is None:
            return None
        try:
            factors = model.predict_factors(table, horizon, annual_discount_rate)
        except ValueError:
            continue
        return factors if _is_explained(factors) else None
    return None


def _training_summary(model: Any) -> Mapping[str, Mapping[str, float]] | None:
    several = getattr(model, "models_", None) or {}
    parts = (model, getattr(model, "structure_", None), *(several.values() if several else ()))
    found = (getattr(part, "training_summary_", None) for part in parts)
    return next((seen for seen in found if seen), None)


def _table(model: Any, history: dict[str, float]) -> pd.DataFrame | None:
    """One row with the columns of the model; None if it needs others."""
    if history.get("frequency", 1.0) < 1:
        history = history | {"frequency": 0.0, "recency": 0.0, "monetary_value": 0.0}
    known = history | getattr(model, "reference_", {})
    if not set(model.required_columns) <= set(known):
        return None
    table = pd.DataFrame({name: [known[name]] for name in model.required_columns})
    unit = model.time_unit_
    table.attrs |= {IN_MODEL_UNIT: True} if unit is None else {TIME_UNIT: unit}
    return table


def _is_explained(factors: pd.DataFrame) -> bool:
    purchases = {"expected_purchases", "discounted_purchases"} & set(factors)
    return bool(purchases) and {"probability_alive", "expected_spend"} <= set(factors)


def _parts(factors: pd.DataFrame) -> dict[str, np.ndarray]:
    """The factors of the value, positive."""
    purchases = "expected_purchases" if "expected_purchases" in factors else "discounted_purchases"
    alive = np.maximum(factors["probability_alive"].to_numpy(), _TINY)
    parts = {
        "alive": alive,
        "purchases": factors[purchases].to_numpy() / alive,
        "spend": factors["expected_spend"].to_numpy(),
    }
    if "correction" in factors:
        parts["correction"] = factors["correction"].to_numpy()
    return {name: np.maximum(values, _TINY) for name, values in parts.items()}


class _Words:
    """The words of a factor with the facts of a customer."""

    def __init__(
        self, factors: pd.DataFrame, customers: pd.DataFrame, typical: pd.DataFrame, time_unit: str | None
    ) -> None:
        self._unit = "time units" if time_unit is None else f"{time_unit_of(time_unit).name}s"
        names = ("frequency", "recency", "T")
        known = [customers[name].to_numpy(dtype=float) if name in customers else None for name in names]
        self._x, self._t_x, self._T = known
        self._spend = factors["expected_spend"].to_numpy()
        self._usual_spend = float(typical["expected_spend"].iloc[0])

    def of(self, name: str, row: int, *, higher: bool) -> str:
        facts = {"alive": self._silence, "purchases": self._purchases, "spend": self._spend_facts}
        fact = facts[name](row) if name in facts else ""
        return f"{VOCABULARY[name][higher]} ({fact})" if fact else VOCABULARY[name][higher]

    def _silence(self, row: int) -> str:
        if self._x is None or self._t_x is None or self._T is None:
            return ""
        silence = f"{self._T[row] - self._t_x[row]:.1f} {self._unit}"
        if not self._x[row]:
            return f"{silence} since the only purchase"
        return f"{silence}, usual gap {self._t_x[row] / self._x[row]:.1f}"

    def _purchases(self, row: int) -> str:
        if self._x is None or self._T is None:
            return ""
        return f"{self._x[row] + 1:.0f} in {self._T[row]:.1f} {self._unit}"

    def _spend_facts(self, row: int) -> str:
        return f"{self._spend[row]:.2f} expected, typical {self._usual_spend:.2f}"
