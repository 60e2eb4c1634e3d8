"""Evaluate segmentations: on a holdout, by quality criteria, and by transitions between two dates."""

from __future__ import annotations

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
