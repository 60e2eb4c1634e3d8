from . import economics as economics
from . import formulas as formulas
from ._futures import bounds as bounds
from ._futures import rank_of_bounds as rank_of_bounds
from ._projection import LifetimeValue as LifetimeValue
from ._projection import PurchaseModel as PurchaseModel
from ._projection import SpendModel as SpendModel
from ._protocol import ValueModel as ValueModel
