"""Models of purchases, spend and retention with ``fit`` and ``predict``, in scikit-learn's conventions.

The formulas are in `clvml.distributions`, one module per model.
"""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
