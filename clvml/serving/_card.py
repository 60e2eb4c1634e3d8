"""The card of a model, as plain JSON values."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any


def card_of(model: Any) -> dict[str, Any]:
    """What the model knows of itself."""
    return {
        "model": type(model).__name__,
        "clvml_version": version("clvml"),
        "time_unit": getattr(model, "time_unit_", None),
        "horizon": getattr(model, "horizon", None),
        "annual_discount_rate": getattr(model, "annual_discount_rate", None),
        "seen": getattr(model, "training_summary_", None) or {},
    }
