"""``clvml run``: a config in; comparison, segments, figures, report and registered models out."""

from __future__ import annotations

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
