"""BG/NBD as an estimator: how often, and how long, each customer will buy."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from clvml.distributions import bgnbd
from clvml.distributions.bgnbd import BGNBDParams
from clvml.distributions.bgnbd_counts import purchase_probability, quantiles
from clvml.distributions.histories import distinct_rows
from clvml.errors import InputError
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

    def purchase_probability(
        self, n: int, horizon: float | str, customers: pd.DataFrame | None = None
    ) -> pd.Series | float:
        """P(exactly ``n`` purchases in the next ``horizon``), of each customer or of a new one.

        Parameters
        ----------
        n : int
            Number of purchases, zero or more.
        horizon : float or str
            In the model's time unit, or with a unit of its own.
        customers : DataFrame, optional
            The customer summary; a new customer where None, whose first purchase does not count.
        """
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
            raise InputError(f"n is {n!r}; it must be a whole number, zero or more.")
        check_is_fitted(self, "params_")
        ahead, number = self._ahead(horizon), np.array(float(n))
        if customers is None:
            nothing = np.zeros(1)
            return float(purchase_probability(number, ahead, nothing, nothing, nothing, self.params_)[0])
        x, t_x, T, index = self._history(customers)
        value = purchase_probability(number, ahead, x, t_x, T, self.params_)
        return pd.Series(value, index, name="purchase_probability")

    def predict_interval(
        self, customers: pd.DataFrame, horizon: float | str, coverage: float = 0.9
    ) -> pd.DataFrame:
        """The range of each customer's number of purchases in the next ``horizon``.

        Quantiles of the exact distribution, equal tails, so each range holds at least
        ``coverage``. It is the customer's own chance; that of the parameters is not in it, and
        is small beside it from a few thousand customers on.

        Returns
        -------
        DataFrame
            Columns ``lower, upper``, whole numbers, on the customers' index.
        """
        if not 0 < coverage < 1:
            raise InputError(f"coverage is {coverage!r}; it must be above 0 and below 1, as in 0.9.")
        x, t_x, T, index = self._history(customers)
        first, row = distinct_rows((x, t_x, T))
        tails = (1 - coverage) / 2, (1 + coverage) / 2
        lower, upper = quantiles(tails, self._ahead(horizon), x[first], t_x[first], T[first], self.params_)
        return pd.DataFrame({"lower": lower[row], "upper": upper[row]}, index=index)

    def to_lifetimes(self) -> Any:
        """The same model as a ``lifetimes.BetaGeoFitter``, ready to predict."""
        from clvml.estimators.lifetimes import to_lifetimes

        return to_lifetimes(self)
