"""Group customers: K-means with value, RFM, ABC, tiers, the value matrix and lifecycle stages."""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
