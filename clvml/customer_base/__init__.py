"""The customer-base audit: cohorts by age, and five lenses on the customers of a shop.

1. One period in depth (`period_profile`): how customers differ in orders and spend.
2. Two periods compared (`compare_periods`): who came, stayed and lapsed, and what that did to revenue.
3. One cohort as it ages (`cohort_by_age`).
4. Cohorts compared at equal age (`compare_cohorts`).
5. The whole base (`base_over_time`): all cohorts and periods together.

All are aggregates of one table by customer and period, made by the data engine; `audit` computes the five in
one pass over the purchases. A cohort is the calendar period of the first purchase (`clvml.cohorts`), its age
the number of calendar periods since then.

Source: Fader, Hardie, Ross, "The Customer-Base Audit: The First Step on the Journey to Customer Centricity"
(2022).
"""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
