"""The retention rate in non-contractual settings, where dropout is unobserved.

As dropout is unobserved, infrequent buyers look like lapsed ones: the share of customers who bought recently
confounds infrequent purchases with dropout. Here both are estimated jointly, by maximum likelihood of the
Pareto/NBD model (`clvml.distributions.pareto_nbd`), and the retention rate is the survival probability at the
mean time observed, per time unit::

    survival function    S(t) = (beta / (beta + t))**s
    retention rate       S(mean T)**(1 / mean T)

If the dropout rate is common to all customers, the estimate is consistent at any purchase rate; if it is
heterogeneous, it is the average over the observation period. Scale-free, weakly informative priors regularise
the fit for few customers; a hundred customers outweigh them.

Schmittlein, Morrison, Colombo (1987), "Counting Your Customers: Who Are They and What Will They Do Next?",
Management Science 33(1).
"""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple

import numpy as np

from clvml.distributions import pareto_nbd
from clvml.distributions._history import History
from clvml.distributions.pareto_nbd import ParetoNBDParams
from clvml.errors import FitError, FitWarning
from clvml.inference._blas import one_blas_thread
from clvml.inference._maximum_likelihood import Objective, in_log_parameters, maximise
from clvml.inference._prior import Prior
from clvml.lifetime_value.formulas._sums import FloatArray

# Of log r, log(r / alpha), log s and log(s / beta), in mean T: within a factor of e**6, with 95 %.
_PRIOR = Prior(
    np.array([[1.0, 0, 0, 0], [1, -1, 0, 0], [0, 0, 1, 0], [0, 0, 1, -1]]), np.zeros(4), np.full(4, 3.0)
)
_ROUGH_SAMPLE = 20_000  # customers, for starting values of larger fits


class RetentionRate(NamedTuple):
    """The retention rate per time unit, and its standard error.

    Attributes
    ----------
    rate : float
        Probability of remaining a customer for another time unit, in [0, 1].
    standard_error : float
        NaN if it is not identified.

    See Also
    --------
    clvml.lifetime_value.formulas.estimate_retention_rate : Makes it.

    Examples
    --------
    The retention rate per year of a weekly one:

    >>> from clvml.lifetime_value.formulas import RetentionRate
    >>> weekly = RetentionRate(rate=0.9755, standard_error=0.003)
    >>> round(weekly.rate**52, 3)
    0.275
    """

    rate: float
    standard_error: float


def estimate_retention_rate(frequency: FloatArray, recency: FloatArray, T: FloatArray) -> RetentionRate:
    """Estimate the retention rate per time unit from purchase histories.

    Parameters
    ----------
    frequency : ndarray, shape (n_customers,)
        Repeat purchases.
    recency : ndarray, shape (n_customers,)
        Time from the first purchase to the last.
    T : ndarray, shape (n_customers,)
        Time from the first purchase to the end of observation, in the unit of ``recency``.

    Returns
    -------
    RetentionRate
        ``rate`` per time unit, and its ``standard_error``.

    Raises
    ------
    FitError
        If no customer was observed for any time.

    Warns
    -----
    FitWarning
        If no customer bought again, so that the rate is not identified: it is then 0.

    See Also
    --------
    clvml.AnnuityValue, clvml.RetentionValue, clvml.RuleOfThumbValue : Formulas that use it.
    clvml.ParetoNBD : The model by which it is estimated.
    clvml.ShiftedBetaGeometric : Retention with contracts, where dropout is observed.

    References
    ----------
    Schmittlein, Morrison, Colombo (1987), Counting Your Customers: Who Are They and What Will They Do Next?,
    Management Science 33(1).

    Examples
    --------
    CDNOW, per week and per year:

    >>> import clvml
    >>> from clvml.lifetime_value.formulas import estimate_retention_rate
    >>> customers = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30").calibration
    >>> history = (customers[name].to_numpy() for name in ("frequency", "recency", "T"))
    >>> found = estimate_retention_rate(*history)
    >>> print(f"{found.rate:.3f} {found.rate**52:.2f}")
    0.976 0.28
    """
    if not T.any():
        raise FitError(
            "retention cannot be estimated: no customer was observed for any time (T is 0 for all);"
            " use a longer observation period, or give retention_rate."
        )
    if not frequency.any():
        warnings.warn(
            "no customer bought again, so the retention rate is not identified and set to 0: use a longer"
            " observation period, or give retention_rate.",
            FitWarning,
            stacklevel=2,
        )
        return RetentionRate(0.0, math.nan)
    time = float(T.mean())
    unit = np.array([1.0, time, 1.0, time])
    start = np.log([1.0, 1 / float(frequency.mean()), 1.0, 1.0])
    every = T.size // _ROUGH_SAMPLE
    near = _objective(frequency[::every], recency[::every], T[::every], unit) if every > 1 else None
    with one_blas_thread():
        found = maximise(_objective(frequency, recency, T, unit), [start], T.size, _PRIOR, near)
    s, beta = np.exp(found.theta[2:])  # in mean T
    log_share = -s * math.log1p(1 / beta)
    slope = np.array([0.0, 0.0, log_share, s / (beta + 1)])  # derivative of log_share in the log-parameters
    rate = math.exp(log_share / time)
    error = math.sqrt(float(slope @ found.covariance @ slope))
    return RetentionRate(rate, rate * error / time)


def _objective(frequency: FloatArray, recency: FloatArray, T: FloatArray, unit: FloatArray) -> Objective:
    """The log-likelihood with gradient and Hessian, in scaled log-parameters."""
    seen = pareto_nbd.count(History(frequency, recency, T))

    def objective(params: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        return pareto_nbd.objective(ParetoNBDParams(*params), seen)

    return in_log_parameters(objective, unit)
