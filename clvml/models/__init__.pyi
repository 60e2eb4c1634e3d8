from ._bgbb import BGBB as BGBB
from ._bgnbd import BGNBD as BGNBD
from ._gamma_gamma import GammaGamma as GammaGamma
from ._mbgnbd import MBGNBD as MBGNBD
from ._pareto_nbd import ParetoNBD as ParetoNBD
from ._shifted_beta_geometric import ShiftedBetaGeometric as ShiftedBetaGeometric
from ._shifted_beta_geometric import customers_from_survivors as customers_from_survivors
from ._traits import TraitDistribution as TraitDistribution
