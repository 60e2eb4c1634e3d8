"""Predictions against a holdout: metrics, calibration, comparison and the choice of a champion."""

from __future__ import annotations

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
