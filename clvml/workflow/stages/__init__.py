"""The stages of a run, in their order; a new one is a module here and a line in `STAGES`."""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
