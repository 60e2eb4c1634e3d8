"""The bridge to the lifetimes package, and the check of clvml's results against it."""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
