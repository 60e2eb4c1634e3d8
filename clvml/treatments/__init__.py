"""Treatments that are measured: control groups, lift with intervals, incremental value, budgets.

The steps: plan the size of a test (`plan_test`), draw random groups within segments (`assign_treatments`),
read who was in which group (`read_responses`), measure the lift (`measure_lift`), and spend where it pays
(`allocate_budget`).
"""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
