"""The MBG/CNBD-k model of repeat purchases as an estimator."""

from __future__ import annotations

from typing import ClassVar, Self

from clvml.distributions._kernel import CustomerKernel, Kernel
from clvml.distributions.bgcnbd import MBGCNBDParams
from clvml.models._regular_model import RegularModel, kernel_of_shape


class MBGCNBD(RegularModel):
    """The MBG/CNBD-k model: MBG/NBD with regular purchases, fitted by maximum likelihood.

    While alive a customer buys at a customer-specific rate, at times between purchases that are Erlang
    distributed with shape ``k``: 1 is at random, as in MBG/NBD, and the larger, the more regular. After any
    purchase, including the first, they drop out with a customer-specific probability. See
    `clvml.distributions.bgcnbd` for the formulas; predictions are exact.

    Parameters
    ----------
    k : int, optional
        Shape of the times between purchases. None chooses it by likelihood, from 1 until the likelihood
        falls twice in a row, 12 at most. A column ``litt`` of the customer summary, the sum of the logarithms
        of a customer's times between purchases (`clvml.diagnostics.log_intertransaction_times`), tells more
        of ``k`` than ``frequency, recency, T`` do, and is used if it is there; predictions do not need it.
    prior : {"weak", "auto"}, optional
        Regularise the fit with a weakly informative prior when the data do not identify all parameters; see
        `prior_table`.
    covariates : sequence of str, or mapping of {"purchases", "dropout"} to such, default ()
        Time-invariant columns of the customer summary: numeric, or categorical (text, bool, pandas
        categorical). Each multiplies the purchase rate and the odds of dropout by ``exp(coefficient)``; see
        `clvml.distributions`. A mapping names them by side.

    Attributes
    ----------
    k_ : int
        Shape of the times between purchases.
    regularity_profile_ : DataFrame or None
        By ``k``: ``log_likelihood`` of the summary, of the ``gaps`` before the last purchase given that (0
        without ``litt``), relative to purchases at random, and their ``total``, whose maximum is ``k_``. None
        if ``k`` was given.
    params_ : MBGCNBDParams
        ``r, alpha, a, b``, as in the papers: customers buy at the rate ``r / (k * alpha)`` on average. With
        covariates those of the reference customer: numbers at their mean, categories at their most frequent
        level.
    coefficients_ : DataFrame
        Effects of the covariates by side, with standard errors and 95 % confidence intervals.
    likelihood_ratio_test_ : LikelihoodRatioTest or None
        Test against the model without covariates; None without covariates.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        Time unit of the customers that the model was fitted to; summaries in another one raise.
    log_likelihood_ : float
        Total log-likelihood of ``frequency, recency, T`` at the optimum, comparable between shapes and with
        that of BG/NBD, MBG/NBD and Pareto/NBD.
    covariance_ : ndarray, shape (4, 4) or more
        Covariance of the parameters, then the coefficients: the inverse observed information, given ``k_``.
    standard_errors_ : MBGCNBDParams
        Standard errors of the parameters.
    n_customers_ : float
        Number of customers, or the sum of their weights.
    fit_record_ : FitRecord
        Convergence diagnostics and warnings.

    See Also
    --------
    clvml.MBGNBD : Purchases at random.
    clvml.BGCNBD : One-time buyers are all alive.
    clvml.diagnostics.purchase_regularity : A test of regularity without a model.
    clvml.diagnostics.log_intertransaction_times : The column ``litt``.
    clvml.LifetimeValue : Purchases x spend, the value of customers.

    References
    ----------
    Reutterer, Platzer, Schroeder (2021), Leveraging purchase regularity for predicting customer behavior the
    easy way, International Journal of Research in Marketing 38(1).

    Examples
    --------
    CDNOW's customers do not buy regularly:

    >>> import clvml
    >>> split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.MBGCNBD().fit(split.calibration)
    >>> model.k_, [round(value, 3) for value in model.params_]
    (1, [0.525, 6.183, 0.891, 1.614])
    """

    title = "MBG/CNBD-k"
    at_first: ClassVar[int] = 1
    kernel: ClassVar[Kernel] = kernel_of_shape(1)  # type: ignore[assignment]
    by_customer: ClassVar[CustomerKernel] = kernel_of_shape(1)  # type: ignore[assignment]
    Params: ClassVar[type[MBGCNBDParams]] = MBGCNBDParams
    first_guess = (1.0, 2.0)

    params_: MBGCNBDParams
    standard_errors_: MBGCNBDParams

    @classmethod
    def from_params(
        cls, *, k: int, r: float, alpha: float, a: float, b: float, time_unit: str | None = None
    ) -> Self:
        """Create a model with given parameters, for predictions without a fit.

        Parameters
        ----------
        k : int
            Shape of the times between purchases.
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
            If a parameter is not positive and finite, ``k`` is not a whole number, or the time unit is
            unknown.
        """
        return cls._with_shape(k, MBGCNBDParams(r, alpha, a, b), time_unit)
