"""The commands of the command line, one module each; importing a module adds its command to ``app``."""

from clvml.commands import _assign as _assign
from clvml.commands import _check as _check
from clvml.commands import _init as _init
from clvml.commands import _models as _models
from clvml.commands import _promote as _promote
from clvml.commands import _rollback as _rollback
from clvml.commands import _run as _run
from clvml.commands import _score as _score
from clvml.commands import _serve as _serve
from clvml.commands import _track as _track
from clvml.commands import _version as _version
from clvml.commands._app import app

__all__ = ["app"]
