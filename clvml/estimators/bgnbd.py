"""BG/NBD as an estimator: how often, and how long, each customer will buy."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clvml.customers.checks import HISTORY, check_customers
from clvml.customers.time_units import horizon_in, rate_per_unit, time_unit_of
from clvml.distributions import bgnbd, simulation
from clvml.distributions.bgnbd import BGNBDParams
from clvml.distributions.discounting import discounted_ends
from clvml.distributions.histories import Array, count_histories
from clvml.errors import FitError, InputError
from clvml.estimators.maximum_likelihood import (
    FitRecord,
    Optimum,
    check_params,
    check_weights,
    maximise,
    natural_covariance,
    report,
)

_NOBODY_LEAVES = 1e-3
_VAGUE = 1.0  # standard error of a log-parameter: the parameter may as well be 2.7 times as large


class BGNBD(BaseEstimator):
    """The BG/NBD model, fitted by maximum likelihood.

    While with us a customer buys at a rate of their own; after any repeat purchase they leave
    for good with a probability of their own. See `clvml.distributions.bgnbd` for the formulas.

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

    required_columns = HISTORY

    params_: BGNBDParams
    time_unit_: str | None
    log_likelihood_: float
    covariance_: Array
    standard_errors_: BGNBDParams
    n_customers_: float
    fit_record_: FitRecord

    @classmethod
    def from_params(cls, *, r: float, alpha: float, a: float, b: float, time_unit: str | None = None) -> Self:
        """A model with these parameters, for predictions without a fit.

        Raises
        ------
        InputError
            If a parameter is not positive and finite, or the time unit is unknown.
        """
        model = cls()
        model.params_ = check_params(BGNBDParams(r, alpha, a, b))
        model.time_unit_ = time_unit if time_unit is None else time_unit_of(time_unit).code
        return model

    def fit(self, customers: pd.DataFrame, *, weights: object = None) -> Self:
        """Fit to one row a customer with ``frequency, recency, T``.

        Parameters
        ----------
        customers : DataFrame, shape (n_customers, ...)
            The customer summary; one-time buyers belong in it.
        weights : array-like, shape (n_customers,), optional
            How many customers each row stands for.

        Raises
        ------
        InputError
            If the summary breaks a rule; see `clvml.customers.checks.check_customers`.
        FitError
            If nobody bought again, or there is one customer only.

        Warns
        -----
        FitWarning
            If the fit sits on a boundary or hardly identifies a parameter.
        """
        table = check_customers(customers, self.required_columns)
        counted = check_weights(weights, len(table))
        x, t_x, T = (table[name].to_numpy()[counted > 0] for name in HISTORY)
        counted = counted[counted > 0]
        _refuse_without_information(x, T)
        scale = float(counted @ T / counted.sum())
        histories = count_histories(x, t_x / scale, T / scale, counted)
        start = np.array([1.0, counted.sum() / (counted @ x), 1.0, 3.0])
        optimum = maximise(
            lambda theta: bgnbd.objective(BGNBDParams(*theta), histories), start, float(counted.sum())
        )
        unit = np.array([1.0, scale, 1.0, 1.0])
        self.params_ = BGNBDParams(*(np.exp(optimum.theta) * unit).tolist())
        self.time_unit_ = table.attrs.get("time_unit")
        # Purchases per scaled unit to purchases per unit: one factor of scale a purchase.
        self.log_likelihood_ = optimum.value - float(counted @ x) * float(np.log(scale))
        self.covariance_ = natural_covariance(optimum, np.array(self.params_))
        self.standard_errors_ = BGNBDParams(*np.sqrt(np.diag(self.covariance_)).tolist())
        self.n_customers_ = float(counted.sum())
        self.fit_record_ = report(optimum, _warnings(optimum, scale))
        return self

    def log_likelihood(self, customers: pd.DataFrame) -> pd.Series:
        """Log-likelihood of each customer."""
        x, t_x, T, index = self._history(customers)
        return pd.Series(bgnbd.log_likelihood(x, t_x, T, self.params_), index, name="log_likelihood")

    def probability_alive(self, customers: pd.DataFrame) -> pd.Series:
        """P(alive) of each customer at the end of their observation, in [0, 1]."""
        x, t_x, T, index = self._history(customers)
        return pd.Series(bgnbd.probability_alive(x, t_x, T, self.params_), index, name="probability_alive")

    def expected_purchases(self, customers: pd.DataFrame, horizon: float | str) -> pd.Series:
        """Expected purchases of each customer in the ``horizon`` after their observation.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        horizon : float or str
            In the model's time unit, or with a unit of its own: ``"12M"``.
        """
        x, t_x, T, index = self._history(customers)
        ahead = horizon_in(horizon, self.time_unit_)
        expected = bgnbd.expected_purchases(x, t_x, T, np.array(ahead), self.params_)
        return pd.Series(expected, index, name="expected_purchases")

    def expected_purchases_new_customer(self, horizon: float | str) -> float:
        """Expected repeat purchases of a new customer in the ``horizon`` after the first purchase."""
        check_is_fitted(self, "params_")
        ahead = np.array(horizon_in(horizon, self.time_unit_))
        nothing = np.zeros(1)
        return float(bgnbd.expected_purchases(nothing, nothing, nothing, ahead, self.params_)[0])

    def discounted_purchases(
        self, customers: pd.DataFrame, horizon: float | str, annual_discount_rate: float = 0.0
    ) -> pd.Series:
        """Expected purchases within ``horizon``, each discounted from the end of its period.

        Periods are one time unit long; a horizon that is not a whole number ends in a shorter one.
        """
        x, t_x, T, index = self._history(customers)
        ahead = horizon_in(horizon, self.time_unit_)
        rate = rate_per_unit(annual_discount_rate, self.time_unit_)
        ends, weights = discounted_ends(ahead, rate)
        alive = bgnbd.probability_alive(x, t_x, T, self.params_)
        value = alive * bgnbd.purchases_given_alive(x, T, ends, weights, self.params_)
        return pd.Series(value, index, name="discounted_purchases")

    def simulate(self, T: ArrayLike, seed: int) -> pd.DataFrame:
        """Customers drawn from the model, as a summary with ``frequency, recency, T``.

        Parameters
        ----------
        T : array-like, shape (n_customers,)
            How long each is observed, in the model's time unit.
        seed : int
            The same seed gives the same customers.
        """
        check_is_fitted(self, "params_")
        seen = np.asarray(T, dtype=float)
        if seen.ndim != 1 or not np.isfinite(seen).all() or (seen < 0).any():
            raise InputError("T must be finite lengths of observation, zero or more, one a customer.")
        x, t_x = simulation.bgnbd_histories(seen, self.params_, np.random.default_rng(seed))
        index = pd.RangeIndex(1, seen.size + 1, name="customer_id")
        customers = pd.DataFrame({"frequency": x, "recency": t_x, "T": seen}, index=index)
        if self.time_unit_ is not None:
            customers.attrs["time_unit"] = self.time_unit_
        return customers

    def to_lifetimes(self) -> Any:
        """The same model as a ``lifetimes.BetaGeoFitter``, ready to predict."""
        from clvml.estimators.lifetimes import to_lifetimes

        return to_lifetimes(self)

    def _history(self, customers: pd.DataFrame) -> tuple[Array, Array, Array, pd.Index]:
        check_is_fitted(self, "params_")
        table = check_customers(customers, HISTORY, self.time_unit_)
        x, t_x, T = (table[name].to_numpy() for name in HISTORY)
        return x, t_x, T, table.index


def _refuse_without_information(x: Array, T: Array) -> None:
    if x.size < 2:
        raise FitError(
            "there is only one customer: how customers differ cannot be learnt from one;"
            " use BGNBD.from_params with parameters from elsewhere."
        )
    if not x.any():
        raise FitError(
            f"none of the {x.size} customers bought again, so purchase rates cannot be learnt:"
            " observe them for longer, or check that purchases were not collapsed into one."
        )
    if not T.any():
        raise FitError("every customer has T = 0, so nobody was observed for any time: end it later.")


def _warnings(optimum: Optimum, scale: float) -> list[str]:
    """What a user should know about this fit."""
    r, alpha, a, b = np.exp(optimum.theta).tolist()
    found = f"r {r:.3g}, alpha {alpha * scale:.3g}, a {a:.3g}, b {b:.3g}"
    if not optimum.converged:
        return [f"the search for the BG/NBD parameters did not converge ({found}); do not rely on them."]
    messages = []
    if optimum.at_boundary:
        messages.append(
            f"the BG/NBD likelihood has no interior maximum: it still rises where the search was held"
            f" ({found}). Predictions are usable, single parameters are not; more history or more"
            " customers would help."
        )
    if a / (a + b) < _NOBODY_LEAVES:
        messages.append(
            f"hardly anybody leaves in this fit (a / (a + b) = {a / (a + b):.2g} a purchase; {found}):"
            " P(alive) is near 1 for everyone, and expectations over long horizons will be too high if"
            " customers do leave; observe them for longer, or compare with a formula on a holdout."
        )
    spread = np.sqrt(np.diag(optimum.covariance))
    vague = [name for name, sd in zip(BGNBDParams._fields, spread, strict=True) if sd > _VAGUE]
    if vague and not optimum.at_boundary:
        messages.append(
            f"the data hardly identify {' and '.join(vague)} ({found}), whose standard errors exceed"
            " their size; read predictions rather than parameters, or use more history."
        )
    return messages
