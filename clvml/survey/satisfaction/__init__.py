"""Satisfaction, recommendation, complaints and loyalty, and how they show in what customers are worth."""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
