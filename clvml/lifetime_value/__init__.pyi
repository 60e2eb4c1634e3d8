from . import economics as economics
from . import formulas as formulas
from ._projection import LifetimeValue as LifetimeValue
from ._projection import PurchaseModel as PurchaseModel
from ._projection import SpendModel as SpendModel
from ._protocol import ValueModel as ValueModel
