"""Formula-based lifetime values: the textbook sums as pure functions, and as models fitted to customers."""

from __future__ import annotations

from clvml._lazy import attach_stub

_RENAMED = {
    "TotalCustomerValue": "RuleOfThumbValue",
    "total_customer_value": "rule_of_thumb",
    "migration": "markov_chain",
}
__getattr__, __dir__, __all__ = attach_stub(__name__, __file__, renamed=_RENAMED)
