"""Customer economics: profitability, equity, sensitivity to each factor, and value over time."""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
