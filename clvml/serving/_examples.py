"""Invented customers for the documentation of the service: nobody's row, from the model's own quantiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clvml.customers._ids import CUSTOMER_ID
from clvml.customers._time_units import TIME_UNIT
from clvml.scoring._signature import INVENTED, plausible_customers
from clvml.serving._fields import Field

_ROWS = ("mean", "q75", "q99")  # of the customers of the fit, most of whom may have bought only once
_DIGITS = 2  # significant


def invented_rows(model: Any, fields: Sequence[Field]) -> list[dict[str, Any]]:
    """Three invented customers, as rows of a request."""
    seen = getattr(model, "training_summary_", None) or {}
    base = plausible_customers(model).iloc[0].to_dict()
    rows = [_row(place, name, seen, base, fields) for place, name in enumerate(_ROWS)]
    return [_possible(row) for row in rows]


def _row(
    place: int, quantile: str, seen: Any, base: Mapping[Any, Any], fields: Sequence[Field]
) -> dict[str, Any]:
    row: dict[str, Any] = {CUSTOMER_ID: f"{INVENTED}-{place + 1}"}
    for field in fields:
        if field.name in (CUSTOMER_ID, TIME_UNIT) or not (field.required or field.name in seen):
            continue
        if field.kind == "category":
            row[field.name] = field.levels[place % len(field.levels)]
            continue
        value = seen.get(field.name, {}).get(quantile, base.get(field.name, 1.0))
        row[field.name] = _rounded(value, field.whole) if field.kind == "number" else value
    if "frequency" in row:
        row["frequency"] = max(row["frequency"], 1)
    return row


def _rounded(value: Any, whole: bool) -> float:
    rounded = float(f"{float(value):.{_DIGITS}g}")
    return round(rounded) if whole else rounded


def _possible(row: dict[str, Any]) -> dict[str, Any]:
    """A history that can be: the last purchase within the time observed, total spend of all purchases."""
    if {"recency", "T"} <= set(row):
        row["recency"] = min(row["recency"], row["T"])
    if {"frequency", "monetary_value", "total_spend"} <= set(row):
        row["total_spend"] = row["monetary_value"] * (row["frequency"] + 1)
    return row
