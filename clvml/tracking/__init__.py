"""MLflow: runs, the model flavour, the registry. Importing it does not import mlflow.

`clvml.tracking.flavor` is the loader module that saved MLflow models name: it keeps its path.
"""

from __future__ import annotations

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
