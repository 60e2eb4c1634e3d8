from . import acting as acting
from . import grouping as grouping
from . import judging as judging
