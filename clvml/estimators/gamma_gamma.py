"""Gamma-Gamma as an estimator: how much each customer will spend on a purchase."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clvml.customers.checks import check_customers
from clvml.distributions import gamma_gamma, simulation
from clvml.distributions.gamma_gamma import GammaGammaParams
from clvml.distributions.histories import Array
from clvml.errors import FitError
from clvml.estimators.maximum_likelihood import (
    FitRecord,
    Optimum,
    check_params,
    check_weights,
    maximise,
    natural_covariance,
    report,
)

_HOMOGENEOUS = 1e4  # p or q beyond: purchases, or customers, hardly differ in spend


class GammaGamma(BaseEstimator):
    """The Gamma-Gamma model of spend per purchase, fitted by maximum likelihood.

    Fitted to customers with repeat purchases (their average repeat spend); customers without
    any, or whose repeat purchases cost nothing, are set aside and counted in ``n_set_aside_``.

    Attributes
    ----------
    params_ : GammaGammaParams
        ``p, q, v``; ``v`` in the unit of money.
    log_likelihood_ : float
        Total log-likelihood at the optimum.
    covariance_ : ndarray, shape (3, 3)
        Of the parameters, from the inverse observed information.
    standard_errors_ : GammaGammaParams
        Their square roots.
    n_customers_, n_set_aside_ : float, int
        Customers (or their weight) in the fit, and rows set aside.
    fit_record_ : FitRecord
        How the search went, with messages in words.

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

    required_columns = ("frequency", "monetary_value")

    params_: GammaGammaParams
    log_likelihood_: float
    covariance_: Array
    standard_errors_: GammaGammaParams
    n_customers_: float
    n_set_aside_: int
    fit_record_: FitRecord

    @classmethod
    def from_params(cls, *, p: float, q: float, v: float) -> Self:
        """A model with these parameters, for predictions without a fit.

        Raises
        ------
        InputError
            If a parameter is not positive and finite.
        """
        model = cls()
        model.params_ = check_params(GammaGammaParams(p, q, v))
        return model

    def fit(self, customers: pd.DataFrame, *, weights: object = None) -> Self:
        """Fit to one row a customer with ``frequency`` and ``monetary_value``.

        Raises
        ------
        InputError
            If the summary breaks a rule.
        FitError
            If fewer than two customers have spent on repeat purchases, or all the same amount.

        Warns
        -----
        FitWarning
            If the fit sits on a boundary, or average spend is not finite (``q <= 1``).
        """
        table = check_customers(customers, self.required_columns)
        counted = check_weights(weights, len(table))
        x, m = (table[name].to_numpy() for name in self.required_columns)
        used = (x > 0) & (m > 0) & (counted > 0)
        x, m, counted = x[used], m[used], counted[used]
        _refuse_without_information(m, len(table))
        scale = float(counted @ m / counted.sum())
        spenders = gamma_gamma.count_spenders(x, m / scale, counted)
        optimum = maximise(
            lambda theta: gamma_gamma.objective(GammaGammaParams(*theta), spenders),
            np.array([4.0, 4.0, 1.0]),
            float(counted.sum()),
        )
        self.params_ = GammaGammaParams(*(np.exp(optimum.theta) * np.array([1.0, 1.0, scale])).tolist())
        self.log_likelihood_ = optimum.value - float(counted @ np.log(m))
        self.covariance_ = natural_covariance(optimum, np.array(self.params_))
        self.standard_errors_ = GammaGammaParams(*np.sqrt(np.diag(self.covariance_)).tolist())
        self.n_customers_ = float(counted.sum())
        self.n_set_aside_ = int(len(table) - used.sum())
        self.fit_record_ = report(optimum, _warnings(optimum, self.params_))
        return self

    def log_likelihood(self, customers: pd.DataFrame) -> pd.Series:
        """Log-density of each customer's average spend; 0 for customers without repeat spend."""
        x, m, index = self._spend(customers)
        known = (x > 0) & (m > 0)
        value = gamma_gamma.log_likelihood(np.where(known, x, 1), np.where(known, m, 1), self.params_)
        return pd.Series(np.where(known, value, 0.0), index, name="log_likelihood")

    def expected_spend(self, customers: pd.DataFrame) -> pd.Series:
        """Expected spend of each customer on a future purchase, in the unit of money.

        Between the customer's own average and the population's; the latter alone for customers
        without repeat purchases.

        Raises
        ------
        FitError
            If the mean is infinite for a customer, which needs ``p * frequency + q <= 1``.
        """
        x, m, index = self._spend(customers)
        p, q, _ = self.params_
        endless = p * x + q <= 1
        if endless.any():
            raise FitError(
                f"with q = {q:.3g} the spend of {endless.sum()} of {x.size} customers has no finite mean"
                " (it needs p * frequency + q > 1): spend varies too much for Gamma-Gamma;"
                " look for extreme amounts, or predict with a formula."
            )
        return pd.Series(gamma_gamma.expected_spend(x, m, self.params_), index, name="expected_spend")

    def simulate(self, frequency: pd.Series, seed: int) -> pd.Series:
        """Average spend drawn from the model for customers with these numbers of repeat purchases."""
        check_is_fitted(self, "params_")
        x = check_customers(frequency.to_frame("frequency"), ("frequency",))["frequency"]
        spend = simulation.average_spend(x.to_numpy(), self.params_, np.random.default_rng(seed))
        return pd.Series(spend, x.index, name="monetary_value")

    def to_lifetimes(self) -> Any:
        """The same model as a ``lifetimes.GammaGammaFitter``, ready to predict."""
        from clvml.estimators.lifetimes import to_lifetimes

        return to_lifetimes(self)

    def _spend(self, customers: pd.DataFrame) -> tuple[Array, Array, pd.Index]:
        check_is_fitted(self, "params_")
        table = check_customers(customers, self.required_columns)
        x, m = table["frequency"].to_numpy(), table["monetary_value"].to_numpy()
        return x, np.where(x > 0, m, 0.0), table.index


def _refuse_without_information(m: Array, n_customers: int) -> None:
    if m.size < 2:
        raise FitError(
            f"{m.size} of {n_customers} customers spent money on a repeat purchase; Gamma-Gamma needs"
            " two or more: observe customers for longer, or use GammaGamma.from_params."
        )
    if np.ptp(m) <= 1e-12 * m.max():
        raise FitError(
            f"all {m.size} customers spend the same on average ({m[0]:g}), so how spend varies cannot"
            " be learnt: take that amount as everybody's spend, or check the amount column."
        )


def _warnings(optimum: Optimum, params: GammaGammaParams) -> list[str]:
    """What a user should know about this fit."""
    p, q, v = params
    found = f"p {p:.3g}, q {q:.3g}, v {v:.3g}"
    if not optimum.converged:
        return [f"the search for the Gamma-Gamma parameters did not converge ({found}); do not rely on them."]
    messages = []
    if q > _HOMOGENEOUS or p > _HOMOGENEOUS:
        messages.append(
            f"the Gamma-Gamma likelihood has no interior maximum: customers hardly differ in spend ({found})."
            " Expected spend is usable, single parameters are not; one average spend would do as well."
        )
    elif optimum.at_boundary:
        messages.append(
            f"the Gamma-Gamma likelihood has no interior maximum ({found}): expected spend may be usable,"
            " single parameters are not; look for extreme amounts, or use more customers."
        )
    if q <= 1:
        messages.append(
            f"q = {q:.3g} is not above 1, so average spend over all customers is infinite: expected spend of"
            " one-time buyers will be refused; look for extreme amounts."
        )
    return messages
