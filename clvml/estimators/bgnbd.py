"""BG/NBD as an estimator: how often, and how long, each customer will buy."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from clvml.distributions import bgnbd
from clvml.distributions.bgnbd import BGNBDParams
from clvml.estimators.history_model import HistoryModel, Kernel


class BGNBD(HistoryModel):
    """The BG/NBD model, fitted by maximum likelihood.

    While with us a customer buys at a rate of their own; after any repeat purchase they leave
    for good with a probability of their own.
    See `clvml.distributions.bgnbd` for the formulas.

    Attributes
    ----------
    params_ : BGNBDParams
        ``r, alpha, a, b``; ``alpha`` in the time unit of the customers.
    time_unit_ : {"D", "W", "M", "Y"} or None
        The unit of the customers that the model was fitted to; summaries in another are refused.
    log_likelihood_ : float
        Total log-likelihood at the optimum.
    covariance_ : ndarray, shape (4, 4)
        Of the parameters, from the inverse observed information.
    standard_errors_ : BGNBDParams
        Their square roots.
    n_customers_ : float
        Number of customers, or the sum of their weights.
    fit_record_ : FitRecord
        How the search went, with messages in words.

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
    Params: ClassVar[type[BGNBDParams]] = BGNBDParams
    leaving = "a / (a + b)"
    leaving_per = "a purchase"
    first_guess = (1.0, 3.0)

    params_: BGNBDParams
    standard_errors_: BGNBDParams

    @classmethod
    def from_params(cls, *, r: float, alpha: float, a: float, b: float, time_unit: str | None = None) -> Self:
        """A model with these parameters, for predictions without a fit.

        Raises
        ------
        InputError
            If a parameter is not positive and finite, or the time unit is unknown.
        """
        return cls._of(BGNBDParams(r, alpha, a, b), time_unit)

    def to_lifetimes(self) -> Any:
        """The same model as a ``lifetimes.BetaGeoFitter``, ready to predict."""
        from clvml.estimators.lifetimes import to_lifetimes

        return to_lifetimes(self)
