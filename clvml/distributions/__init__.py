"""The models as pure functions of arrays: likelihood, derivatives, expectations; one module per model."""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
