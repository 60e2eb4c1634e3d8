"""Group customers: K-means with value, RFM, ABC, tiers, the value matrix and lifecycle stages."""

from __future__ import annotations

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
