"""The lognormal model of spend per purchase as an estimator."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np

from clvml.distributions import lognormal_spend
from clvml.distributions._covariates import Influence
from clvml.distributions.gamma_gamma import Spend
from clvml.distributions.lognormal_spend import LognormalSpendParams
from clvml.errors import FitError
from clvml.inference._prior import PriorScale
from clvml.models._average_spend_model import AverageSpendModel
from clvml.models._traits import Trait, lognormal


class LognormalSpend(AverageSpendModel):
    """The lognormal model of spend per purchase: an alternative to `GammaGamma` for skewed amounts.

    Amounts vary around the customer's mean, and means across customers, both lognormally. It is fitted to the
    average spend of the customer summary, as `GammaGamma`, and has the same options. Averages of several
    purchases are approximated by the lognormal distribution with their mean and variance; see
    `clvml.distributions.lognormal_spend`. Customers with an average of zero are predicted as if nothing were
    known of their spend.

    Parameters
    ----------
    prior : {"weak", "auto"}, optional
        Regularise the fit with a weakly informative prior when the data do not identify all parameters; see
        `prior_table`.
    covariates : sequence of str, default ()
        Time-invariant columns of the customer summary: numeric, or categorical (text, bool, pandas
        categorical). Each multiplies mean spend by ``exp(coefficient)``.
    use_first_purchase : bool, default False
        Use the amount of the first purchase too (``total_spend`` of ``frequency + 1`` purchases).
    rate_effect : bool, default False
        Let mean spend depend on the purchase rate by a fitted elasticity; needs the column ``T``.

    Attributes
    ----------
    params_ : LognormalSpendParams
        ``level``, the median of customers' mean spend in currency units; ``tau``, the standard deviation of
        the logarithm of customers' mean spend; and ``sigma``, that of the logarithm of a customer's amounts.
        With covariates ``level`` is that of the reference customer.
    coefficients_ : DataFrame
        Effects of the covariates, with standard errors and 95 % confidence intervals; that of
        ``"log purchase rate"`` is the elasticity of mean spend with respect to the purchase rate.
    likelihood_ratio_test_ : LikelihoodRatioTest or None
        Test against the model without covariates; None without covariates.
    rate_params_ : RateParams or None
        Distribution of purchase rates, with ``rate_effect``.
    log_likelihood_ : float
        Total log-likelihood at the optimum, comparable with that of `GammaGamma`.
    covariance_ : ndarray, shape (3, 3) or more
        Covariance of the parameters, then the coefficients: the inverse observed information.
    standard_errors_ : LognormalSpendParams
        Standard errors of the parameters.
    n_customers_, n_set_aside_ : float, int
        Customers (or their weight) in the fit, and rows excluded.
    frequency_spend_correlation_ : float
        Pearson correlation among the customers in the fit.
    fit_record_ : FitRecord
        Convergence diagnostics and warnings.

    See Also
    --------
    clvml.GammaGamma : The usual model of spend.
    clvml.TrendingSpend : With inflation or another trend.
    clvml.LifetimeValue : Purchases x spend, the value of customers.
    clvml.diagnostics.fit_by_spend : Whether the model fits.

    References
    ----------
    Fenton (1960), The Sum of Log-normal Probability Distributions in Scatter Transmission Systems,
    IRE Transactions on Communications Systems 8(1).

    Examples
    --------
    >>> import clvml
    >>> split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.LognormalSpend().fit(split.calibration)
    >>> [round(value, 2) for value in model.params_]
    [31.27, 0.48, 0.56]
    """

    title = "lognormal spend"
    kernel: ClassVar[Any] = lognormal_spend
    influences: ClassVar = {"spend": Influence("level", 1.0, "mean spend")}
    first_guess = (0.8, 0.6, 0.5)
    money = ("level",)
    Params: ClassVar[type[LognormalSpendParams]] = LognormalSpendParams
    meanings = (
        "median of customers' mean spend, in currency units",
        "standard deviation of the logarithm of mean spend across customers",
        "standard deviation of the logarithm of a customer's amounts",
    )
    scales = (
        PriorScale("median of mean spend, level, in mean spend", (1, 0, 0), 1.0, 2.0),
        PriorScale("differences of customers, tau", (0, 1, 0), 0.5, 1.0),
        PriorScale("differences of a customer's purchases, sigma", (0, 0, 1), 0.5, 1.0),
    )
    traits = (Trait("mean spend", "money per purchase", lognormal, ("level", "tau")),)
    limits: ClassVar[dict[tuple[str, ...], str]] = {
        ("tau to 0",): "customers do not differ in what they spend",
        ("sigma to 0",): "a customer always spends the same",
    }

    params_: LognormalSpendParams
    standard_errors_: LognormalSpendParams

    @classmethod
    def from_params(cls, *, level: float, tau: float, sigma: float) -> Self:
        """Create a model with given parameters, for predictions without a fit.

        Parameters
        ----------
        level : float
            Median of customers' mean spend, in currency units.
        tau : float
            Standard deviation of the logarithm of customers' mean spend.
        sigma : float
            Standard deviation of the logarithm of a customer's amounts.

        Returns
        -------
        estimator
            Fitted in the sense of scikit-learn, without standard errors.

        Raises
        ------
        InputError
            If a parameter is not positive and finite.
        """
        return cls._with_params(LognormalSpendParams(level, tau, sigma))

    def _refuse_infinite(self, spend: Spend, params: LognormalSpendParams) -> None:
        infinite = int((~np.isfinite(lognormal_spend.expected_spend(spend.x, spend.m, params))).sum())
        if infinite:
            raise FitError(
                f"with tau = {self.params_.tau:.3g} the expected spend of {infinite} of {spend.size}"
                " customers is beyond all numbers, so spend is too heavy-tailed for this model; check for"
                " extreme amounts, or use a formula."
            )
