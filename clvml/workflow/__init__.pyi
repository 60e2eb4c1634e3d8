from ._config import Config as Config
from ._config import load_config as load_config
from ._contenders import CONTENDERS as CONTENDERS
from ._results import Results as Results
from ._run import run as run
