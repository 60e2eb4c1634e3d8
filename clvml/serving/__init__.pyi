from ._server import serve as serve
from ._settings import Settings as Settings
