"""Models that learn from an earlier holdout: structure plus learning, any regressor, simple combinations."""

from __future__ import annotations

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
