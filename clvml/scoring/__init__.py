"""Scoring: what may be asked of a fitted model, what it answers, and the file that it is saved in.

`score` answers for a table of customers; `read_request` and `response_table` are what a service puts around
it, and `signature` describes both as plain data. `score_batches` is for more customers than memory holds.
`save_model_folder` and `load_model_folder` keep a model as readable JSON.
"""

from __future__ import annotations

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
