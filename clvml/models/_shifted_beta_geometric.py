"""The shifted beta-geometric model of contractual retention as an estimator."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from clvml.distributions import shifted_beta_geometric as sbg
from clvml.distributions._covariates import Influence
from clvml.distributions._history import Array, History
from clvml.distributions._kernel import CustomerKernel, Kernel
from clvml.distributions.shifted_beta_geometric import ShiftedBetaGeometricParams
from clvml.inference._prior import PriorScale
from clvml.models._contract_model import ContractModel
from clvml.models._fit_messages import NO_DROPOUT
from clvml.models._traits import DROPOUT_AT_RENEWAL


class ShiftedBetaGeometric(ContractModel):
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

    See Also
    --------
    clvml.BetaDiscreteWeibull : With a churn probability that changes with every renewal.
    clvml.customers_from_survivors : The data, from the number of active subscribers.
    clvml.LifetimeValue : Renewals x price, with :class:`clvml.ConstantSpend`.

    References
    ----------
    Fader, Hardie (2007), How to Project Customer Retention, Journal of Interactive Marketing 21(1).

    Examples
    --------
    The paper's "Regular" customers, of whom 631 of 1,000 renew once, and 241 seven times:

    >>> import clvml
    >>> cohort = clvml.customers_from_survivors([1000, 631, 468, 382, 326, 289, 262, 241])
    >>> model = clvml.ShiftedBetaGeometric().fit(cohort, weights=cohort["customers"])
    >>> [round(value, 3) for value in model.params_]
    [0.704, 1.182]
    """

    title = "shifted beta-geometric"
    kernel: ClassVar[Kernel] = sbg
    by_customer: ClassVar[CustomerKernel] = sbg
    influences: ClassVar[dict[str, Influence]] = {
        "dropout": Influence("alpha", 1.0, "the odds of churn at the first renewal")
    }
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

        Parameters
        ----------
        alpha, beta : float
            Parameters of the Beta distribution of churn probabilities.
        time_unit : {"D", "W", "M", "Q", "Y"}, optional
            The unit of times; None if it is not to be checked.

        Returns
        -------
        estimator
            Fitted in the sense of scikit-learn, without standard errors.

        Raises
        ------
        InputError
            If a parameter is not positive and finite, or the time unit is unknown.
        """
        return cls._with_params(ShiftedBetaGeometricParams(alpha, beta), time_unit)

    def _first_guess(self, history: History) -> Array:
        weights = history.weights
        renewals = float(weights @ history.x) / float(weights.sum())
        return np.array([1.0, max(renewals, 0.1)])
