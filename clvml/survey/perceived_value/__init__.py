"""What customers value: delivered value, importance, comparison with competitors, and what to improve."""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
