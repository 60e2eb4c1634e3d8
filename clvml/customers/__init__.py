"""Transactions in, one row per customer out: checked purchases, summaries, calibration and holdout.

**Time units.** A summary states its unit in ``attrs["time_unit"]`` or, where files lose attrs, in a
constant column ``time_unit``. Measured times (``recency``, ``T``) are days by the length of the unit: 7,
30.4375, 365.25. A horizon in months, quarters or years (``"12M"``) is planned by the year of finance and of
the papers, 365 days, 52 weeks or 12 months, so that a year ahead is discounted by exactly the annual rate:
365 days for a model in days, 364 in weeks, 365.25 in months (for CDNOW 2,094, 2,089 and 2,095 expected
purchases). A horizon in days or weeks, or a ``Timedelta``, is exact in models that count days or weeks.
"""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
