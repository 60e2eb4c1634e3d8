"""Monitoring: the outcomes since a model was trained, against its predictions and its training data."""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
