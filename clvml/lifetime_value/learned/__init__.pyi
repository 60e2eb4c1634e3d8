from ._correction import LearnedCorrection as LearnedCorrection
from ._mean import MeanValue as MeanValue
from ._naive import LastPeriodValue as LastPeriodValue
from ._regressor import RegressorValue as RegressorValue
from ._stacked import StackedValue as StackedValue
