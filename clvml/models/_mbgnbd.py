"""The MBG/NBD model of repeat purchases as an estimator."""

from __future__ import annotations

from typing import ClassVar, Self

from clvml.distributions import mbgnbd
from clvml.distributions._kernel import CustomerKernel, Kernel
from clvml.distributions.mbgnbd import MBGNBDParams
from clvml.models._bgnbd import INFLUENCES, LIMITS, MEANINGS, SCALES
from clvml.models._history_model import HistoryModel
from clvml.models._traits import DROPOUT_AFTER_PURCHASE, PURCHASE_RATE


class MBGNBD(HistoryModel):
    """The modified BG/NBD model, fitted by maximum likelihood.

    While alive a customer buys at a customer-specific rate; after any purchase, including the first, they
    drop out with a customer-specific probability. See `clvml.distributions.mbgnbd` for the formulas.

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
    params_ : MBGNBDParams
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
    standard_errors_ : MBGNBDParams
        Standard errors of the parameters.
    n_customers_ : float
        Number of customers, or the sum of their weights.
    fit_record_ : FitRecord
        Convergence diagnostics and warnings.

    See Also
    --------
    clvml.BGNBD : One-time buyers are all alive.
    clvml.ParetoNBD : Dropout at any time.
    clvml.MBGCNBD : Regular purchases.
    clvml.LifetimeValue : Purchases x spend, the value of customers.
    clvml.diagnostics.fit_by_frequency : Whether the model fits.
    clvml.diagnostics.heterogeneity : How customers differ.

    References
    ----------
    Batislam, Denizel, Filiztekin (2007), Empirical validation and comparison of models for customer
    base analysis, International Journal of Research in Marketing 24(3).

    Examples
    --------
    >>> import clvml
    >>> split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.MBGNBD().fit(split.calibration)
    >>> [round(value, 3) for value in model.params_]
    [0.525, 6.183, 0.891, 1.614]
    """

    title = "MBG/NBD"
    kernel: ClassVar[Kernel] = mbgnbd
    by_customer: ClassVar[CustomerKernel] = mbgnbd
    influences = INFLUENCES
    Params: ClassVar[type[MBGNBDParams]] = MBGNBDParams
    dropout_formula = "a / (a + b)"
    dropout_per = "per purchase"
    first_guess = (1.0, 2.0)
    meanings = MEANINGS
    scales = SCALES
    traits = (PURCHASE_RATE, DROPOUT_AFTER_PURCHASE)
    limits = LIMITS

    params_: MBGNBDParams
    standard_errors_: MBGNBDParams

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
        return cls._with_params(MBGNBDParams(r, alpha, a, b), time_unit)
