"""Customer lifetime value: from a table of purchases to compared, registered and served values."""

from __future__ import annotations

from clvml._lazy import attach_stub

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = attach_stub(
    __name__, __file__, renamed={"TotalCustomerValue": "RuleOfThumbValue"}
)
