from ._alive_over_time import probability_alive_over_time as probability_alive_over_time
from ._fit import fit_by_frequency as fit_by_frequency
from ._fit import fit_by_spend as fit_by_spend
from ._frequency_recency import frequency_recency_matrix as frequency_recency_matrix
from ._heterogeneity import heterogeneity as heterogeneity
