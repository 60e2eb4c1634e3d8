"""Act on segments: value at risk, treatments with their budgets, segment cards."""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
