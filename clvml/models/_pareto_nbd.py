"""The Pareto/NBD model of repeat purchases as an estimator."""

from __future__ import annotations

from typing import ClassVar, Self

from clvml.distributions import _pareto_nbd_covariates as pareto_nbd_covariates
from clvml.distributions import pareto_nbd
from clvml.distributions._covariates import Influence
from clvml.distributions._kernel import CustomerKernel, Kernel
from clvml.distributions.pareto_nbd import ParetoNBDParams
from clvml.inference._prior import PriorScale
from clvml.models._fit_messages import NO_DROPOUT
from clvml.models._history_model import HistoryModel
from clvml.models._traits import DROPOUT_RATE, PURCHASE_RATE


class ParetoNBD(HistoryModel):
    """The Pareto/NBD model, fitted by maximum likelihood.

    While alive a customer buys at a customer-specific rate; they drop out at a customer-specific rate, at any
    time. See `clvml.distributions.pareto_nbd` for the formulas.

    Parameters
    ----------
    prior : {"weak", "auto"}, optional
        Regularise the fit with a weakly informative prior when the data do not identify all parameters; see
        `prior_table`.
    covariates : sequence of str, or mapping of {"purchases", "dropout"} to such, default ()
        Time-invariant columns of the customer summary: numeric, or categorical (text, bool, pandas
        categorical). Each multiplies the purchase rate and the dropout rate by ``exp(coefficient)``; see
        `clvml.distributions`. A mapping names them by side.

    Attributes
    ----------
    params_ : ParetoNBDParams
        ``r, alpha, s, beta``; ``alpha`` and ``beta`` in the time unit of the customers. With
        covariates those of the reference customer: numbers at their mean, categories at their most
        frequent level.
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
    standard_errors_ : ParetoNBDParams
        Standard errors of the parameters.
    n_customers_ : float
        Number of customers, or the sum of their weights.
    fit_record_ : FitRecord
        Convergence diagnostics and warnings.

    See Also
    --------
    clvml.BGNBD, clvml.MBGNBD : Dropout after purchases.
    clvml.SeasonalPurchases, clvml.TimeVaryingPurchases : Seasons, holidays, and covariates over time.
    clvml.LifetimeValue : Purchases x spend, the value of customers.
    clvml.diagnostics.fit_by_frequency : Whether the model fits.
    clvml.diagnostics.heterogeneity : How customers differ.

    References
    ----------
    Schmittlein, Morrison, Colombo (1987), Counting Your Customers: Who Are They and What Will They
    Do Next?, Management Science 33(1).

    Examples
    --------
    >>> import clvml
    >>> split = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30", time_unit="W")
    >>> model = clvml.ParetoNBD().fit(split.calibration)
    >>> [round(value, 3) for value in model.params_]
    [0.553, 10.578, 0.606, 11.669]
    """

    title = "Pareto/NBD"
    kernel: ClassVar[Kernel] = pareto_nbd
    by_customer: ClassVar[CustomerKernel] = pareto_nbd_covariates
    influences: ClassVar[dict[str, Influence]] = {
        "purchases": Influence("alpha", -1.0, "the purchase rate"),
        "dropout": Influence("beta", -1.0, "the dropout rate"),
    }
    Params: ClassVar[type[ParetoNBDParams]] = ParetoNBDParams
    dropout_formula = "s / beta"
    dropout_per = "per mean length of observation"
    first_guess = (1.0, 1.0)
    meanings = (
        "shape of the purchase rates: the larger, the more homogeneous",
        "scale of the purchase rates, r / alpha on average, in the unit of time",
        "shape of the dropout rates: the larger, the more homogeneous",
        "scale of the dropout rates, s / beta on average, in the unit of time",
    )
    scales = (
        PriorScale("shape of the purchase rates, r", (1, 0, 0, 0), 1.0, 1.5),
        PriorScale("purchases while observed, r / alpha, in mean T", (1, -1, 0, 0), 1.0, 3.0),
        PriorScale("shape of the dropout rates, s", (0, 0, 1, 0), 1.0, 1.5),
        PriorScale("dropout rate, s / beta, in mean T", (0, 0, 1, -1), 1.0, 3.0),
    )
    traits = (PURCHASE_RATE, DROPOUT_RATE)
    limits: ClassVar[dict[tuple[str, ...], str]] = {
        ("s to infinity", "beta to infinity"): "customers do not differ in their dropout rate",
        ("s to 0",): NO_DROPOUT,
        ("beta to infinity",): NO_DROPOUT,
        ("s to 0", "beta to infinity"): NO_DROPOUT,
        ("s to 0", "beta to 0"): "customers drop out immediately or never",
        ("r to infinity", "alpha to infinity"): "customers do not differ in their purchase rate",
    }

    params_: ParetoNBDParams
    standard_errors_: ParetoNBDParams

    @classmethod
    def from_params(
        cls, *, r: float, alpha: float, s: float, beta: float, time_unit: str | None = None
    ) -> Self:
        """Create a model with given parameters, for predictions without a fit.

        Parameters
        ----------
        r : float
            Shape of the purchase rates across customers.
        alpha : float
            Their rate parameter, in time units.
        s : float
            Shape of the dropout rates across customers.
        beta : float
            Their rate parameter, in time units.
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
        return cls._with_params(ParetoNBDParams(r, alpha, s, beta), time_unit)
