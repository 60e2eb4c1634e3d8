"""MLflow: runs, the model flavour, the registry. Importing it does not import mlflow.

`clvml.tracking.flavor` is the loader module that saved MLflow models name: it keeps its path.
"""

from __future__ import annotations

from clvml._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
