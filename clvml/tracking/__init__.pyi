from . import flavor as flavor
from ._registry import RegisteredVersion as RegisteredVersion
from ._registry import load as load
from ._registry import promote as promote
from ._registry import register as register
from ._registry import resolve as resolve
from ._registry import score_batch as score_batch
