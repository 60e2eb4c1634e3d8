"""The Gamma-Gamma model of spend per purchase as an estimator."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.distributions import gamma_gamma
from clvml.distributions._covariates import Influence
from clvml.distributions.gamma_gamma import GammaGammaParams, Spend
from clvml.errors import FitError
from clvml.inference._prior import PriorScale
from clvml.models._average_spend_model import AverageSpendModel
from clvml.models._traits import Trait, mean_spend


class GammaGamma(AverageSpendModel):
    """The Gamma-Gamma model of spend per purchase, fitted by maximum likelihood.

    Fitted to the average repeat spend of customers with repeat purchases; customers without repeat purchases,
    or with zero repeat spend, are excluded and counted in ``n_set_aside_``.

    Parameters
    ----------
    prior : {"weak", "auto"}, optional
        Regularise the fit with a weakly informative prior when the data do not identify all parameters; see
        `prior_table`.
    covariates : sequence of str, default ()
        Time-invariant columns of the customer summary: numeric, or categorical (text, bool, pandas
        categorical). Each multiplies mean spend (the scale ``v``) by ``exp(coefficient)``.
    use_first_purchase : bool, default False
        Use the amount of the first purchase too (``total_spend`` of ``frequency + 1`` purchases). Ranks
        customers better; the total worsens where first purchases differ from later ones, such as trial sizes
        and welcome discounts (experiments/spend).
    rate_effect : bool, default False
        Let mean spend depend on the purchase rate by a fitted elasticity, for spend that is correlated with
        frequency; needs the column ``T``.

    Attributes
    ----------
    params_ : GammaGammaParams
        ``p, q, v``; ``v`` in currency units. With covariates those of the reference customer: numbers at
        their mean, categories at their most frequent level.
    coefficients_ : DataFrame
        Effects of the covariates, with standard errors and 95 % confidence intervals; that of
        ``"log purchase rate"`` is the elasticity of mean spend with respect to the purchase rate.
    likelihood_ratio_test_ : LikelihoodRatioTest or None
        Test against the model without covariates; None without covariates.
    rate_params_ : RateParams or None
        Distribution of purchase rates, with ``rate_effect``.
    log_likelihood_ : float
        Total log-likelihood at the optimum.
    covariance_ : ndarray, shape (3, 3) or more
        Covariance of the parameters, then the coefficients: the inverse observed information.
    standard_errors_ : GammaGammaParams
        Standard errors of the parameters.
    n_customers_, n_set_aside_ : float, int
        Customers (or their weight) in the fit, and rows excluded.
    frequency_spend_correlation_ : float
        Pearson correlation among the customers in the fit; the model assumes independence.
    fit_record_ : FitRecord
        Convergence diagnostics and warnings.

    See Also
    --------
    clvml.LognormalSpend : For skewed amounts.
    clvml.ConstantSpend : One price for all.
    clvml.TrendingSpend : With inflation or another trend.
    clvml.LifetimeValue : Purchases x spend, the value of customers.
    clvml.diagnostics.fit_by_spend : Whether the model fits.

    References
    ----------
    Fader, Hardie (2013), The Gamma-Gamma Model of Monetary Value, note 025.

    Examples
    --------
    >>> import clvml
    >>> split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.GammaGamma().fit(split.calibration)
    >>> [round(value, 2) for value in model.params_]
    [6.25, 3.74, 15.44]
    """

    title = "Gamma-Gamma"
    kernel: ClassVar[Any] = gamma_gamma
    influences: ClassVar = {"spend": Influence("v", 1.0, "mean spend")}
    first_guess = (4.0, 4.0, 0.75)
    money = ("v",)
    Params: ClassVar[type[GammaGammaParams]] = GammaGammaParams
    meanings = (
        "shape of a customer's purchases: the larger, the more homogeneous",
        "shape across customers: the larger, the more homogeneous",
        "scale of spend, p * v / (q - 1) on average, in currency units",
    )
    scales = (
        PriorScale("shape of a customer's purchases, p", (1, 0, 0), 4.0, 1.5),
        PriorScale("shape of customers' levels, q", (0, 1, 0), 4.0, 1.5),
        PriorScale("level of spend, p * v / q, in mean spend", (1, -1, 1), 1.0, 2.0),
    )
    traits = (Trait("mean spend", "money per purchase", mean_spend, ("p", "q", "v")),)
    limits: ClassVar[dict[tuple[str, ...], str]] = {
        ("q to infinity", "v to infinity"): "customers do not differ in what they spend",
        ("p to 0", "q to infinity", "v to infinity"): "customers do not differ in what they spend",
        ("p to infinity", "v to 0"): "a customer always spends the same",
    }

    params_: GammaGammaParams
    standard_errors_: GammaGammaParams

    @classmethod
    def from_params(cls, *, p: float, q: float, v: float) -> Self:
        """Create a model with given parameters, for predictions without a fit.

        Parameters
        ----------
        p : float
            Shape of the amounts of a customer.
        q : float
            Shape of the distribution of the rate of amounts across customers.
        v : float
            Rate parameter of that distribution, in currency units.

        Returns
        -------
        estimator
            Fitted in the sense of scikit-learn, without standard errors.

        Raises
        ------
        InputError
            If a parameter is not positive and finite.
        """
        return cls._with_params(GammaGammaParams(p, q, v))

    def future_spend_log_density(
        self, customers: pd.DataFrame, number: NDArray[np.float64], total: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Log predictive density of each customer's total spend on ``number`` future purchases.

        Parameters
        ----------
        customers : DataFrame
            The customer summary: the past.
        number, total : ndarray, shape (n_customers,)
            Positive; ``total`` in currency units.
        """
        spend, _ = self._spend(customers)
        weight = self._purchase_weight(spend)
        density = self.kernel.future_spend_log_density(
            number, total / weight, spend, self.customer_params(spend)
        )
        return np.asarray(density - np.log(weight))

    def _warnings(self) -> list[str]:
        messages = []
        if self.params_.q <= 1:
            messages.append(
                f"q = {self.params_.q:.3g} is not above 1, so mean spend over all customers is infinite:"
                " expected spend of one-time buyers is undefined; check for extreme amounts."
            )
        return messages + super()._warnings()

    def _refuse_infinite(self, spend: Spend, params: GammaGammaParams) -> None:
        p, q, _ = params
        if p * spend.x.min() + q <= 1:
            infinite = int((p * spend.x + q <= 1).sum())
            raise FitError(
                f"with q = {q:.3g} the spend of {infinite} of {spend.size} customers has no finite mean: it"
                " requires p * frequency + q > 1, so spend is too heavy-tailed for Gamma-Gamma; check for"
                " extreme amounts, or use a formula."
            )
