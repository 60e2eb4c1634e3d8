"""Customer segmentation: grouping, judging segmentations on a holdout, and acting on segments.

Every segmentation gives a Series ``segment`` on the customers' index, numbered from 1 (the most valuable),
and a profile table with one row per segment; what works on these works on all of them.
"""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
