"""A fitted model beside its data: goodness of fit, heterogeneity, P(alive) over time."""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
