"""Scoring: requests to a fitted model, its responses, and the model file.

`score` scores a table of customers; `read_request` and `response_table` convert requests and responses of a
service, and `signature` describes both as plain data. `score_batches` is for data larger than memory.
`save_model_folder` and `load_model_folder` save and load a model as readable JSON, with its `ModelCard`.
"""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
