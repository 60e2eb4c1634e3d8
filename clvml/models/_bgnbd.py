"""The BG/NBD model of repeat purchases as an estimator."""

from __future__ import annotations

from typing import ClassVar, Self

from clvml.distributions import _bgnbd_covariates as bgnbd_covariates
from clvml.distributions import bgnbd
from clvml.distributions._covariates import Influence
from clvml.distributions._history import History
from clvml.distributions._kernel import CustomerKernel, Kernel
from clvml.distributions.bgnbd import BGNBDParams
from clvml.inference._maximum_likelihood import Optimum
from clvml.inference._prior import PriorScale
from clvml.models._fit_messages import NO_DROPOUT
from clvml.models._history_model import HistoryModel
from clvml.models._parameters import Parameters
from clvml.models._traits import DROPOUT_AFTER_PURCHASE, PURCHASE_RATE

# Meanings and priors of r, alpha, a and b, and effects of covariates, common to BG/NBD and MBG/NBD.
MEANINGS = (
    "shape of the purchase rates: the larger, the more homogeneous",
    "scale of the purchase rates, r / alpha on average, in the unit of time",
    "dropout after a purchase is a / (a + b) on average,",
    "and the larger a + b, the more homogeneous",
)
SCALES = (
    PriorScale("shape of the purchase rates, r", (1, 0, 0, 0), 1.0, 1.5),
    PriorScale("purchases while observed, r / alpha, in mean T", (1, -1, 0, 0), 1.0, 3.0),
    PriorScale("odds of dropout after a purchase, a / b", (0, 0, 1, -1), 1 / 3, 2.0),
    PriorScale("homogeneity of dropout, sqrt(a * b)", (0, 0, 0.5, 0.5), 1.5, 1.5),
)
LIMITS = {
    ("a to infinity", "b to infinity"): "customers do not differ in their dropout probability",
    ("a to 0",): NO_DROPOUT,
    ("b to infinity",): NO_DROPOUT,
    ("a to 0", "b to infinity"): NO_DROPOUT,
    ("b to 0",): "all customers drop out at the first opportunity",
    ("a to infinity",): "all customers drop out at the first opportunity",
    ("a to infinity", "b to 0"): "all customers drop out at the first opportunity",
    ("a to 0", "b to 0"): "customers drop out at the first opportunity or never",
    ("r to infinity", "alpha to infinity"): "customers do not differ in their purchase rate",
}
INFLUENCES = {
    "purchases": Influence("alpha", -1.0, "the purchase rate"),
    "dropout": Influence("a", 1.0, "the odds of dropout"),
}
_MOSTLY_ONCE = 0.8  # share of one-time buyers; 0.60 in CDNOW


class BGNBD(HistoryModel):
    """The BG/NBD model, fitted by maximum likelihood.

    While alive a customer buys at a customer-specific rate; after any repeat purchase they drop out with a
    customer-specific probability. See `clvml.distributions.bgnbd` for the formulas.

    Parameters
    ----------
    prior : {"weak", "auto"}, optional
        Regularise the fit with a weakly informative prior when the data do not identify all parameters; see
        `prior_table`.
    covariates : sequence of str, or mapping of {"purchases", "dropout"} to such, default ()
        Time-invariant columns of the customer summary: numeric, or categorical (text, bool, pandas
        categorical). Each multiplies the purchase rate and the odds of dropout by ``exp(coefficient)``; see
        `clvml.distributions`. A mapping names them by side.

    Attributes
    ----------
    params_ : BGNBDParams
        ``r, alpha, a, b``; ``alpha`` in the time unit of the customers. With covariates those of
        the reference customer: numbers at their mean, categories at their most frequent level.
    coefficients_ : DataFrame
        Effects of the covariates by side, with standard errors and 95 % confidence intervals.
    likelihood_ratio_test_ : LikelihoodRatioTest or None
        Test against the model without covariates; None without covariates.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        Time unit of the customers that the model was fitted to; summaries in another one raise.
    log_likelihood_ : float
        Total log-likelihood at the optimum.
    covariance_ : ndarray, shape (4, 4) or more
        Covariance of the parameters, then the coefficients: the inverse observed information.
    standard_errors_ : BGNBDParams
        Standard errors of the parameters.
    n_customers_ : float
        Number of customers, or the sum of their weights.
    fit_record_ : FitRecord
        Convergence diagnostics and warnings.

    See Also
    --------
    clvml.MBGNBD : One-time buyers can drop out too.
    clvml.ParetoNBD : Dropout at any time.
    clvml.BGCNBD : Regular purchases.
    clvml.SeasonalPurchases, clvml.TimeVaryingPurchases : Seasons, holidays, and covariates over time.
    clvml.PartialPooling : Groups of customers, such as cohorts.
    clvml.LifetimeValue : Purchases x spend, the value of customers.
    clvml.diagnostics.fit_by_frequency : Whether the model fits.
    clvml.diagnostics.heterogeneity : How customers differ.

    References
    ----------
    Fader, Hardie, Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2).

    Examples
    --------
    >>> import clvml
    >>> split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.BGNBD().fit(split.calibration)
    >>> [round(value, 3) for value in model.params_]
    [0.243, 4.414, 0.793, 2.426]
    """

    title = "BG/NBD"
    kernel: ClassVar[Kernel] = bgnbd
    by_customer: ClassVar[CustomerKernel] = bgnbd_covariates
    influences = INFLUENCES
    Params: ClassVar[type[BGNBDParams]] = BGNBDParams
    dropout_formula = "a / (a + b)"
    dropout_per = "per purchase"
    first_guess = (1.0, 3.0)
    meanings = MEANINGS
    scales = SCALES
    traits = (PURCHASE_RATE, DROPOUT_AFTER_PURCHASE)
    limits = LIMITS

    params_: BGNBDParams
    standard_errors_: BGNBDParams

    @classmethod
    def from_params(cls, *, r: float, alpha: float, a: float, b: float, time_unit: str | None = None) -> Self:
        """Create a model with given parameters, for predictions without a fit.

        Parameters
        ----------
        r : float
            Shape of the purchase rates across customers.
        alpha : float
            Their rate parameter, in time units.
        a, b : float
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
        return cls._with_params(BGNBDParams(r, alpha, a, b), time_unit)

    def _warnings(self, history: History, parameters: Parameters, optimum: Optimum) -> list[str]:
        weights = history.weights
        once = float(weights @ (history.x == 0)) / float(weights.sum())
        messages = super()._warnings(history, parameters, optimum)
        if once >= _MOSTLY_ONCE:
            messages.append(
                f"{once:.0%} of the customers have not bought again, and BG/NBD assumes all of them to be"
                " alive, as it excludes dropout before a repeat purchase: MBGNBD and ParetoNBD allow it;"
                " compare aic_ and predictions on a holdout."
            )
        return messages
