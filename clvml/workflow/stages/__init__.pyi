from ._order import STAGES as STAGES
