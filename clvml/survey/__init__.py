"""Customer surveys: what customers value, how brands deliver it, and a made-up example.

A survey is a table of ratings (respondent, brand, attribute, score); `read_ratings` reads and checks it.
"""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
