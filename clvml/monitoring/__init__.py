"""Is a model still right? What came since it was trained, against what it predicted and what it knew."""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
