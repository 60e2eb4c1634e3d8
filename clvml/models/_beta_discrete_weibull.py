"""The beta-discrete-Weibull model of contractual retention as an estimator."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from clvml.distributions import beta_discrete_weibull as bdw
from clvml.distributions._covariates import Influence
from clvml.distributions._history import Array, History
from clvml.distributions._kernel import CustomerKernel, Kernel
from clvml.distributions.beta_discrete_weibull import BetaDiscreteWeibullParams
from clvml.errors import FitError
from clvml.inference._prior import PriorScale
from clvml.models._contract_model import ContractModel
from clvml.models._fit_messages import NO_DROPOUT
from clvml.models._traits import DROPOUT_AT_FIRST_RENEWAL


class BetaDiscreteWeibull(ContractModel):
    """The beta-discrete-Weibull model of subscriptions, fitted by maximum likelihood.

    The shifted beta-geometric model with duration dependence: a customer's own churn probability increases
    with every renewal if ``c`` is above 1, and decreases if it is below. The data of a customer are ``T``,
    the renewals offered so far, and ``recency``, those made, as in `ShiftedBetaGeometric`. See
    `clvml.distributions.beta_discrete_weibull`.

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
    params_ : BetaDiscreteWeibullParams
        ``alpha, beta, c``, all dimensionless: the paper's ``gamma, delta, c``. With covariates those of the
        reference customer: numbers at their mean, categories at their most frequent level.
    coefficients_ : DataFrame
        Effects of the covariates by side, with standard errors and 95 % confidence intervals.
    likelihood_ratio_test_ : LikelihoodRatioTest or None
        Test against the model without covariates; None without covariates.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        Time between renewals, if the customers state it.
    log_likelihood_ : float
        Total log-likelihood at the optimum.
    covariance_ : ndarray, shape (3, 3) or more
        Covariance of the parameters, then the coefficients: the inverse observed information.
    standard_errors_ : BetaDiscreteWeibullParams
        Standard errors of the parameters.
    n_customers_ : float
        Number of customers, or the sum of their weights.
    fit_record_ : FitRecord
        Convergence diagnostics and warnings.

    See Also
    --------
    clvml.ShiftedBetaGeometric : With a constant churn probability of each customer.
    clvml.customers_from_survivors : The data, from the number of active subscribers.
    clvml.LifetimeValue : Renewals x price, with :class:`clvml.ConstantSpend`.

    References
    ----------
    Fader, Hardie, Liu, Davin, Steenburgh (2018), "How to Project Customer Retention" Revisited: The Role of
    Duration Dependence, Journal of Interactive Marketing 43.

    Examples
    --------
    The paper's "High End" customers, for five years:

    >>> import clvml
    >>> cohort = clvml.customers_from_survivors([1000, 869, 743, 653, 593])
    >>> model = clvml.BetaDiscreteWeibull().fit(cohort, weights=cohort["customers"])
    >>> [round(value, 2) for value in model.params_]
    [0.26, 1.72, 1.58]
    """

    title = "beta-discrete-Weibull"
    kernel: ClassVar[Kernel] = bdw
    by_customer: ClassVar[CustomerKernel] = bdw
    influences: ClassVar[dict[str, Influence]] = {
        "dropout": Influence("alpha", 1.0, "the odds of churn at the first renewal")
    }
    Params: ClassVar[type[BetaDiscreteWeibullParams]] = BetaDiscreteWeibullParams
    meanings = (
        "churn at a renewal: alpha / (alpha + beta) on average at the first,",
        "and the larger alpha + beta, the more homogeneous",
        "a customer's own churn: above 1 it increases with time, below 1 it decreases",
    )
    scales = (
        PriorScale("odds of churn at the first renewal, alpha / beta", (1, -1, 0), 0.3, 2.0),
        PriorScale("homogeneity of churn, sqrt(alpha * beta)", (0.5, 0.5, 0), 1.0, 1.5),
        PriorScale("duration dependence, c", (0, 0, 1), 1.0, 0.5),
    )
    traits = (DROPOUT_AT_FIRST_RENEWAL,)
    limits: ClassVar[dict[tuple[str, ...], str]] = {
        ("alpha to infinity", "beta to infinity"): "customers do not differ in their churn probability",
        ("alpha to 0", "beta to 0"): "customers churn at the first renewal or never",
        ("c to 0",): "customers churn at the first renewal or never",
        ("alpha to 0",): NO_DROPOUT,
        ("beta to infinity",): NO_DROPOUT,
    }

    params_: BetaDiscreteWeibullParams
    standard_errors_: BetaDiscreteWeibullParams

    @classmethod
    def from_params(cls, *, alpha: float, beta: float, c: float, time_unit: str | None = None) -> Self:
        """Create a model with given parameters, for predictions without a fit.

        Parameters
        ----------
        alpha, beta : float
            Parameters of the Beta distribution of churn probabilities at the first renewal.
        c : float
            Duration dependence: above 1, churn increases with every renewal.
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
        return cls._with_params(BetaDiscreteWeibullParams(alpha, beta, c), time_unit)

    def _first_guess(self, history: History) -> Array:
        weights = history.weights
        renewals = float(weights @ history.x) / float(weights.sum())
        return np.array([1.0, max(renewals, 0.1), 1.0])

    def _refuse_without_information(self, history: History) -> None:
        super()._refuse_without_information(history)
        if history.T.max() <= 1:
            raise FitError(
                "no customer was offered more than one renewal, so c, the duration dependence, cannot be"
                " estimated: use a longer observation period, or ShiftedBetaGeometric."
            )
