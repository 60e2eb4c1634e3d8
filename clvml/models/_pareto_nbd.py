"""Pareto/NBD as an estimator: how often, and how long, each customer will buy."""

from __future__ import annotations

from typing import ClassVar, Self

from clvml.distributions import _pareto_nbd_covariates as pareto_nbd_covariates
from clvml.distributions import pareto_nbd
from clvml.distributions._covariates import Influence
from clvml.distributions._kernel import Kernel
from clvml.distributions.pareto_nbd import ParetoNBDParams
from clvml.models._covariate_model import CovariateModel, CustomerKernel
from clvml.models._history_model import NOBODY_LEAVES
from clvml.models._likelihood_model import Scale
from clvml.models._traits import DROPOUT_RATE, PURCHASE_RATE


class ParetoNBD(CovariateModel):
    """The Pareto/NBD model, fitted by maximum likelihood.

    While with us a customer buys at a rate of their own; at any time they may leave
    for good, at a rate of their own.
    See `clvml.distributions.pareto_nbd` for the formulas.

    Parameters
    ----------
    prior : {"weak"}, optional
        Hold the search by a weak prior, for data that do not hold all parameters; see `prior_table`.
    covariates : sequence of str, or mapping of {"purchases", "dropout"} to such, default ()
        Columns of the customers, known from the start and unchanging: numbers, or categories (text, bool,
        pandas' categories). Each multiplies the purchase rate and the rate of leaving
        by ``exp(coefficient)``; see `clvml.distributions`. A mapping names them by side.

    Attributes
    ----------
    params_ : ParetoNBDParams
        ``r, alpha, s, beta``; ``alpha`` and ``beta`` in the time unit of the customers. With
        covariates those of the reference customer: numbers at their mean, categories at their most
        frequent level.
    coefficients_ : DataFrame
        How covariates move each side, with standard errors and 95 % intervals.
    likelihood_ratio_test_ : LikelihoodRatioTest or None
        Against the model without covariates, where there are any.
    time_unit_ : {"D", "W", "M", "Y"} or None
        The unit of the customers that the model was fitted to; summaries in another are refused.
    log_likelihood_ : float
        Total log-likelihood at the optimum.
    covariance_ : ndarray, shape (4, 4) or more
        Of the parameters, then the coefficients, from the inverse observed information.
    standard_errors_ : ParetoNBDParams
        Their square roots.
    n_customers_ : float
        Number of customers, or the sum of their weights.
    fit_record_ : FitRecord
        How the search went, with messages in words.

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
        "dropout": Influence("beta", -1.0, "the rate of leaving"),
    }
    Params: ClassVar[type[ParetoNBDParams]] = ParetoNBDParams
    leaving = "s / beta"
    leaving_per = "a mean length of observation"
    first_guess = (1.0, 1.0)
    meanings = (
        "shape of the purchase rates: the larger, the more alike",
        "scale of the purchase rates, r / alpha on average, in the unit of time",
        "shape of the rates of leaving: the larger, the more alike",
        "scale of the rates of leaving, s / beta on average, in the unit of time",
    )
    scales = (
        Scale("shape of the purchase rates, r", (1, 0, 0, 0), 1.0, 1.5),
        Scale("purchases while observed, r / alpha, in mean T", (1, -1, 0, 0), 1.0, 3.0),
        Scale("shape of the rates of leaving, s", (0, 0, 1, 0), 1.0, 1.5),
        Scale("rate of leaving, s / beta, in mean T", (0, 0, 1, -1), 1.0, 3.0),
    )
    traits = (PURCHASE_RATE, DROPOUT_RATE)
    limits: ClassVar[dict[tuple[str, ...], str]] = {
        ("s to infinity", "beta to infinity"): "customers do not differ in how readily they leave",
        ("s to 0",): NOBODY_LEAVES,
        ("beta to infinity",): NOBODY_LEAVES,
        ("s to 0", "beta to infinity"): NOBODY_LEAVES,
        ("s to 0", "beta to 0"): "customers leave at once or never",
        ("r to infinity", "alpha to infinity"): "customers do not differ in how often they buy",
    }

    params_: ParetoNBDParams
    standard_errors_: ParetoNBDParams

    @classmethod
    def from_params(
        cls, *, r: float, alpha: float, s: float, beta: float, time_unit: str | None = None
    ) -> Self:
        """A model with these parameters, for predictions without a fit.

        Raises
        ------
        InputError
            If a parameter is not positive and finite, or the time unit is unknown.
        """
        return cls._of(ParetoNBDParams(r, alpha, s, beta), time_unit)
