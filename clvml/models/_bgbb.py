"""The BG/BB model of purchases at discrete opportunities as an estimator."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from clvml.distributions import bgbb
from clvml.distributions._covariates import Influence
from clvml.distributions._history import Array, History
from clvml.distributions._kernel import CustomerKernel, Kernel
from clvml.distributions.bgbb import BGBBParams
from clvml.inference._prior import PriorScale
from clvml.models._fit_messages import NO_DROPOUT
from clvml.models._opportunity_model import OpportunityModel
from clvml.models._traits import DROPOUT_BEFORE_OPPORTUNITY, PURCHASE_PROBABILITY


class BGBB(OpportunityModel):
    """The BG/BB model of purchases at discrete opportunities, fitted by maximum likelihood.

    There is one opportunity per period: one donation per year, one cruise per season. In the customer summary
    ``T`` is the number of opportunities, ``frequency`` at how many of them the customer bought, and
    ``recency`` the number of the last of these, 0 if none. See `clvml.distributions.bgbb`.

    Parameters
    ----------
    prior : {"weak", "auto"}, optional
        Regularise the fit with a weakly informative prior when the data do not identify all parameters; see
        `prior_table`.
    covariates : sequence of str, or mapping of {"purchases", "dropout"} to such, default ()
        Time-invariant columns of the customer summary: numeric, or categorical (text, bool, pandas
        categorical). Each multiplies the odds of buying and the odds of dropout by ``exp(coefficient)``; see
        `clvml.distributions`. A mapping names them by side.

    Attributes
    ----------
    params_ : BGBBParams
        ``alpha, beta, gamma, delta``, all dimensionless. With covariates those of the reference customer:
        numbers at their mean, categories at their most frequent level.
    coefficients_ : DataFrame
        Effects of the covariates by side, with standard errors and 95 % confidence intervals.
    likelihood_ratio_test_ : LikelihoodRatioTest or None
        Test against the model without covariates; None without covariates.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        Time between opportunities, if the customers state it.
    log_likelihood_ : float
        Total log-likelihood at the optimum.
    covariance_ : ndarray, shape (4, 4) or more
        Covariance of the parameters, then the coefficients: the inverse observed information.
    standard_errors_ : BGBBParams
        Standard errors of the parameters.
    n_customers_ : float
        Number of customers, or the sum of their weights.
    fit_record_ : FitRecord
        Convergence diagnostics and warnings.

    See Also
    --------
    clvml.BGNBD : Purchases at any time.
    clvml.MigrationValue : A Markov chain over the time since last purchase.
    clvml.LifetimeValue : Purchases x spend, the value of customers.

    References
    ----------
    Fader, Hardie, Shang (2010), Customer-Base Analysis in a Discrete-Time Noncontractual Setting,
    Marketing Science 29(6).

    Examples
    --------
    The donors of the paper, in ten coming years:

    >>> import clvml
    >>> model = clvml.BGBB.from_params(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783)
    >>> round(model.expected_purchases_new_customer(10), 2)
    3.18
    """

    title = "BG/BB"
    counted = "opportunities"
    instead = "for purchases at any time use BGNBD, MBGNBD or ParetoNBD"
    kernel: ClassVar[Kernel] = bgbb
    by_customer: ClassVar[CustomerKernel] = bgbb
    influences: ClassVar[dict[str, Influence]] = {
        "purchases": Influence("alpha", 1.0, "the odds of buying"),
        "dropout": Influence("gamma", 1.0, "the odds of dropout"),
    }
    Params: ClassVar[type[BGBBParams]] = BGBBParams
    dropout_formula = "gamma / (gamma + delta)"
    dropout_per = "per opportunity"
    first_guess = (1.0, 3.0)
    meanings = (
        "buying at an opportunity: alpha / (alpha + beta) on average,",
        "and the larger alpha + beta, the more homogeneous",
        "dropout before an opportunity: gamma / (gamma + delta) on average,",
        "and the larger gamma + delta, the more homogeneous",
    )
    scales = (
        PriorScale("odds of buying at an opportunity, alpha / beta", (1, -1, 0, 0), 1.0, 2.0),
        PriorScale("homogeneity of buying, sqrt(alpha * beta)", (0.5, 0.5, 0, 0), 1.0, 1.5),
        PriorScale("odds of dropout before an opportunity, gamma / delta", (0, 0, 1, -1), 1 / 3, 2.0),
        PriorScale("homogeneity of dropout, sqrt(gamma * delta)", (0, 0, 0.5, 0.5), 1.5, 1.5),
    )
    traits = (PURCHASE_PROBABILITY, DROPOUT_BEFORE_OPPORTUNITY)
    limits: ClassVar[dict[tuple[str, ...], str]] = {
        ("gamma to infinity", "delta to infinity"): "customers do not differ in their dropout probability",
        ("gamma to 0",): NO_DROPOUT,
        ("delta to infinity",): NO_DROPOUT,
        ("gamma to 0", "delta to infinity"): NO_DROPOUT,
        ("gamma to 0", "delta to 0"): "customers drop out immediately or never",
        ("alpha to infinity", "beta to infinity"): "customers do not differ in their purchase probability",
        ("alpha to 0", "beta to 0"): "customers buy at every opportunity or at none",
    }

    params_: BGBBParams
    standard_errors_: BGBBParams

    @classmethod
    def from_params(
        cls, *, alpha: float, beta: float, gamma: float, delta: float, time_unit: str | None = None
    ) -> Self:
        """Create a model with given parameters, for predictions without a fit.

        Parameters
        ----------
        alpha, beta : float
            Parameters of the Beta distribution of purchase probabilities.
        gamma, delta : float
            Parameters of the Beta distribution of dropout probabilities.
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
        return cls._with_params(BGBBParams(alpha, beta, gamma, delta), time_unit)

    def _first_guess(self, history: History) -> Array:  # noqa: ARG002
        return np.array([1.0, 1.0, *self.first_guess])
