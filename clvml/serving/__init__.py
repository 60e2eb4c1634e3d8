"""Serving: a model over HTTP, with typed requests, probes, metrics and its card.

`serve` is ``clvml serve``: a FastAPI application on uvicorn that follows the alias of a registered model. It
serves ``/score`` in JSON, Arrow and Parquet and MLflow's ``/invocations``. Requests are validated by
:mod:`clvml.scoring`, as for ``mlflow models serve`` and files.
"""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
