"""The shifted beta-geometric model of contractual retention as an estimator."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from clvml.distributions import shifted_beta_geometric as sbg
from clvml.distributions._covariates import Influence
from clvml.distributions._history import Array, History
from clvml.distributions._kernel import CustomerKernel, Kernel
from clvml.distributions.shifted_beta_geometric import ShiftedBetaGeometricParams
from clvml.errors import FitError, InputError
from clvml.inference._prior import PriorScale
from clvml.models._customer_history import CONTRACT
from clvml.models._fit_messages import NO_DROPOUT
from clvml.models._opportunity_model import OpportunityModel
from clvml.models._traits import DROPOUT_AT_RENEWAL


def customers_from_survivors(survivors: ArrayLike) -> pd.DataFrame:
    """The input of `ShiftedBetaGeometric`, from the number of active subscribers after each renewal.

    Parameters
    ----------
    survivors : array-like, shape (n_renewals + 1,)
        Active subscribers at the start, after the first renewal, and so on; non-increasing.

    Returns
    -------
    DataFrame
        ``recency, T, customers``: those who churned at each renewal and those active; fit with
        ``customers`` as weights.

    Raises
    ------
    InputError
        If there are fewer than two numbers, or they are negative, missing or increase.

    Examples
    --------
    >>> customers_from_survivors([1000, 631, 468])
                 recency    T  customers
    customer_id
    1                0.0  2.0      369.0
    2                1.0  2.0      163.0
    3                2.0  2.0      468.0
    """
    active = np.asarray(survivors, dtype=float)
    if active.ndim != 1 or active.size < 2 or not np.isfinite(active).all() or (active < 0).any():
        raise InputError("survivors must be at least two finite, non-negative numbers.")
    if (np.diff(active) > 0).any():
        raise InputError("survivors must not increase: a cohort gains no customers after its start.")
    renewed = np.arange(active.size, dtype=float)
    counts = np.append(-np.diff(active), active[-1])
    index = pd.RangeIndex(1, active.size + 1, name="customer_id")
    return pd.DataFrame({"recency": renewed, "T": float(active.size - 1), "customers": counts}, index=index)


class ShiftedBetaGeometric(OpportunityModel):
    """The shifted beta-geometric model of subscriptions, fitted by maximum likelihood.

    The data of a customer are ``T``, the renewals offered so far, and ``recency``, those made: a
    customer who made fewer than were offered has churned. See `clvml.distributions.shifted_beta_geometric`.

    Parameters
    ----------
    prior : {"weak", "auto"}, optional
        Regularise the fit with a weakly informative prior when the data do not identify all parameters; see
        `prior_table`.
    covariates : sequence of str, or mapping of {"dropout"} to such, default ()
        Time-invariant columns of the customer summary: numeric, or categorical (text, bool, pandas
        categorical). Each multiplies the odds of churn at the first renewal by ``exp(coefficient)``; see
        `clvml.distributions`.

    Attributes
    ----------
    params_ : ShiftedBetaGeometricParams
        ``alpha, beta``, both dimensionless. With covariates those of the reference customer: numbers at their
        mean, categories at their most frequent level.
    coefficients_ : DataFrame
        Effects of the covariates by side, with standard errors and 95 % confidence intervals.
    likelihood_ratio_test_ : LikelihoodRatioTest or None
        Test against the model without covariates; None without covariates.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        Time between renewals, if the customers state it.
    log_likelihood_ : float
        Total log-likelihood at the optimum.
    covariance_ : ndarray, shape (2, 2) or more
        Covariance of the parameters, then the coefficients: the inverse observed information.
    standard_errors_ : ShiftedBetaGeometricParams
        Standard errors of the parameters.
    n_customers_ : float
        Number of customers, or the sum of their weights.
    fit_record_ : FitRecord
        Convergence diagnostics and warnings.

    References
    ----------
    Fader, Hardie (2007), How to Project Customer Retention, Journal of Interactive Marketing 21(1).

    Examples
    --------
    >>> cohort = customers_from_survivors([1000, 631, 468, 382, 326, 289, 262, 241])
    >>> model = ShiftedBetaGeometric().fit(cohort, weights=cohort["customers"])
    >>> [round(value, 3) for value in model.params_]
    [0.704, 1.182]
    """

    columns = CONTRACT

    title = "shifted beta-geometric"
    kernel: ClassVar[Kernel] = sbg
    multiples: ClassVar[tuple[str, ...]] = ("dropout",)
    by_customer: ClassVar[CustomerKernel] = sbg
    influences: ClassVar[dict[str, Influence]] = {
        "dropout": Influence("alpha", 1.0, "the odds of churn at the first renewal")
    }
    counted = "renewals"
    instead = "for purchases at any time use BGNBD, MBGNBD or ParetoNBD"
    dropout_formula = "alpha / (alpha + beta)"
    dropout_per = "at the first renewal"
    Params: ClassVar[type[ShiftedBetaGeometricParams]] = ShiftedBetaGeometricParams
    meanings = (
        "churn at a renewal: alpha / (alpha + beta) on average at the first,",
        "and the larger alpha + beta, the more homogeneous",
    )
    scales = (
        PriorScale("odds of churn at the first renewal, alpha / beta", (1, -1), 0.3, 2.0),
        PriorScale("homogeneity of churn, sqrt(alpha * beta)", (0.5, 0.5), 1.0, 1.5),
    )
    traits = (DROPOUT_AT_RENEWAL,)
    limits: ClassVar[dict[tuple[str, ...], str]] = {
        ("alpha to infinity", "beta to infinity"): "customers do not differ in their churn probability",
        ("alpha to 0", "beta to 0"): "customers churn at the first renewal or never",
        ("alpha to 0",): NO_DROPOUT,
        ("beta to infinity",): NO_DROPOUT,
    }

    params_: ShiftedBetaGeometricParams
    standard_errors_: ShiftedBetaGeometricParams

    @classmethod
    def from_params(cls, *, alpha: float, beta: float, time_unit: str | None = None) -> Self:
        """Create a model with given parameters, for predictions without a fit.

        Raises
        ------
        InputError
            If a parameter is not positive and finite, or the time unit is unknown.
        """
        return cls._with_params(ShiftedBetaGeometricParams(alpha, beta), time_unit)

    def survival(self, n_renewals: int) -> Array:
        """Survival function: share of a new cohort active after 0, 1, ..., ``n_renewals`` renewals.

        Returns
        -------
        ndarray, shape (n_renewals + 1,)
        """
        check_is_fitted(self, "params_")
        alpha, beta = self.params_
        stayed = beta + np.arange(int(self._horizon_in_units(n_renewals)))
        return np.concatenate([[1.0], np.cumprod(stayed / (alpha + stayed))])

    def _check(self, customers: pd.DataFrame, weights: object) -> tuple[pd.DataFrame, History]:
        if weights is None and isinstance(customers, pd.DataFrame) and "customers" in customers:
            raise InputError(
                "the table has a column 'customers': if it counts the customers of each row, fit with"
                " weights=table['customers']; if each row is one customer, drop the column."
            )
        return super()._check(customers, weights)

    def _first_guess(self, history: History) -> Array:
        weights = history.weights
        renewals = float(weights @ history.x) / float(weights.sum())
        return np.array([1.0, max(renewals, 0.1)])

    def _refuse_without_information(self, history: History) -> None:
        if not history.T.any():
            raise FitError(
                "no renewal was offered to any customer (every T is 0): use a longer observation period."
            )
        if not (history.t_x < history.T).any():
            raise FitError(
                "no customer churned, so churn cannot be estimated: use a longer observation period."
            )
        if not history.t_x.any():
            raise FitError("no customer renewed, so retention cannot be estimated: check recency and T.")
