"""Lifetime value: the protocol of a value model, and the probabilistic projection of purchases and spend.

The textbook formulas are in `clvml.lifetime_value.formulas`; profitability, equity, sensitivity and trends in
`clvml.lifetime_value.economics`.
"""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
