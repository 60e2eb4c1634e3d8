"""Where rows live and SQL runs: an engine reads sources, holds views, and answers with aggregates.

The SQL of `clvml.customers` is written once, in the part of the language that DuckDB and Spark share
(``FILTER``, windows, ``TRY_CAST``, ``date_trunc``, exact ``DECIMAL`` sums). What differs is a method of
the engine: see `Engine`. Another engine is another file here.
"""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
