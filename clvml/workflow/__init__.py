"""``clvml run``: a config in; comparison, segments, figures, report and registered models out."""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
