from .customers.datasets import load_cdnow as load_cdnow
from .customers.split import Split as Split
from .customers.split import purchases_over_time as purchases_over_time
from .customers.split import split as split
from .customers.summary import summarize as summarize
from .customers.time_units import convert_time_unit as convert_time_unit
from .customers.transactions import TransactionPolicy as TransactionPolicy
from .customers.transactions import Transactions as Transactions
from .customers.transactions import read_transactions as read_transactions
from .estimators.bgnbd import BGNBD as BGNBD
from .estimators.gamma_gamma import GammaGamma as GammaGamma
from .estimators.lifetimes import LifetimesValue as LifetimesValue
from .estimators.lifetimes import from_lifetimes as from_lifetimes
from .estimators.lifetimes import to_lifetimes as to_lifetimes
from .lifetime_value.formula_models import AnnuityValue as AnnuityValue
from .lifetime_value.formula_models import HistoricValue as HistoricValue
from .lifetime_value.formula_models import RepeatRateValue as RepeatRateValue
from .lifetime_value.formula_models import RetentionValue as RetentionValue
from .lifetime_value.formula_models import TotalCustomerValue as TotalCustomerValue
from .lifetime_value.formula_models import TotalSpendValue as TotalSpendValue
from .lifetime_value.formula_models import ZeroValue as ZeroValue
from .lifetime_value.projection import LifetimeValue as LifetimeValue
from .metrics.champion import choose_champion as choose_champion
from .metrics.comparison import compare as compare
from .metrics.comparison import score as score
from .segments.kmeans import KMeansSegments as KMeansSegments

__version__: str
