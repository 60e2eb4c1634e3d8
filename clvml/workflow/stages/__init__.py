"""The stages of a run, in their order; a new one is a module here and a line in `STAGES`."""

from __future__ import annotations

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
