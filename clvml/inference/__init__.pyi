from ._fit_record import FitRecord as FitRecord
from ._fit_summary import FitSummary as FitSummary
from ._likelihood_ratio import LikelihoodRatioTest as LikelihoodRatioTest
from ._likelihood_ratio import likelihood_ratio_test as likelihood_ratio_test
from ._prior import PriorScale as PriorScale
