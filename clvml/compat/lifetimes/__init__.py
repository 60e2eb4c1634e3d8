"""The bridge to the lifetimes package, and the check of clvml's results against it."""

from __future__ import annotations

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
