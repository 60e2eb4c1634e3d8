from . import beta_discrete_weibull as beta_discrete_weibull
from . import bgbb as bgbb
from . import bgnbd as bgnbd
from . import gamma_gamma as gamma_gamma
from . import mbgnbd as mbgnbd
from . import pareto_nbd as pareto_nbd
from . import shifted_beta_geometric as shifted_beta_geometric
from ._history import History as History
