"""What models of repeat purchases share: the fit, the predictions, and what they say of poor data.

A model is a module of functions of ``(x, t_x, T)`` and parameters, its `Kernel`; the estimator
gives it customers in and Series out. `BGNBD`, `MBGNBD` and `ParetoNBD` differ in nothing
else; `BGBB`, which counts opportunities, checks more and scales nothing.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clvml.customers.checks import HISTORY, check_customers
from clvml.customers.time_units import horizon_in, rate_per_unit, time_unit_of
from clvml.distributions.discounting import discounted_ends, endless_ends
from clvml.distributions.histories import Array
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

_IN_TIME = ("alpha", "beta")  # parameters in the unit of time; the others are pure numbers
_NOBODY_LEAVES = 1e-3
_VAGUE = 1.0  # standard error of a log-parameter: the parameter may as well be 2.7 times as large


class Kernel(Protocol):
    """The functions of a model of repeat purchases, such as `clvml.distributions.bgnbd`."""

    def count(self, x: Array, t_x: Array, T: Array, weight: Array | None = None) -> Any: ...

    def objective(self, params: Any, histories: Any, /) -> tuple[float, Array, Array]: ...

    def log_likelihood(self, x: Array, t_x: Array, T: Array, params: Any) -> Array: ...

    def probability_alive(self, x: Array, t_x: Array, T: Array, params: Any) -> Array: ...

    def expected_purchases(self, x: Array, t_x: Array, T: Array, horizon: Array, params: Any) -> Array: ...

    def purchases_given_alive(
        self, x: Array, T: Array, ends: Array, weights: Array, params: Any
    ) -> Array: ...

    def rate_of_leaving(self, params: Any) -> float: ...

    def simulate(self, T: Array, params: Any, rng: np.random.Generator) -> tuple[Array, Array]: ...


class HistoryModel(BaseEstimator):
    """A model of repeat purchases; its subclasses name it, its kernel and where the search starts."""

    required_columns = HISTORY

    title: ClassVar[str]
    kernel: ClassVar[Kernel]
    Params: ClassVar[Any]
    leaving: ClassVar[str]  # what `Kernel.rate_of_leaving` gives, in symbols and words
    leaving_per: ClassVar[str]
    first_guess: ClassVar[tuple[float, float]]  # of the two parameters of leaving, with T about 1

    params_: Any
    time_unit_: str | None
    log_likelihood_: float
    covariance_: Array
    standard_errors_: Any
    n_customers_: float
    fit_record_: FitRecord

    @classmethod
    def _of(cls, params: Any, time_unit: str | None) -> Self:
        model = cls()
        model.params_ = check_params(params)
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
        table = self._checked(customers, None)
        counted = check_weights(weights, len(table))
        x, t_x, T = (table[name].to_numpy()[counted > 0] for name in HISTORY)
        counted = counted[counted > 0]
        _refuse_without_information(x, T, type(self).__name__)
        scale = self._scale(T, counted)
        histories = self.kernel.count(x, t_x / scale, T / scale, counted)
        start = self._start(float(counted @ x / counted.sum()))
        optimum = maximise(
            lambda theta: self.kernel.objective(self.Params(*theta), histories), start, float(counted.sum())
        )
        unit = np.array([scale if name in _IN_TIME else 1.0 for name in self.Params._fields])
        self.params_ = self.Params(*(np.exp(optimum.theta) * unit).tolist())
        self.time_unit_ = table.attrs.get("time_unit")
        # Purchases per scaled unit to purchases per unit: one factor of scale a purchase.
        self.log_likelihood_ = optimum.value - float(counted @ x) * float(np.log(scale))
        self.covariance_ = natural_covariance(optimum, np.array(self.params_))
        self.standard_errors_ = self.Params(*np.sqrt(np.diag(self.covariance_)).tolist())
        self.n_customers_ = float(counted.sum())
        self.fit_record_ = report(optimum, self._warnings(optimum, unit))
        return self

    def log_likelihood(self, customers: pd.DataFrame) -> pd.Series:
        """Log-likelihood of each customer."""
        x, t_x, T, index = self._history(customers)
        return pd.Series(self.kernel.log_likelihood(x, t_x, T, self.params_), index, name="log_likelihood")

    def probability_alive(self, customers: pd.DataFrame) -> pd.Series:
        """P(alive) of each customer at the end of their observation, in [0, 1]."""
        x, t_x, T, index = self._history(customers)
        return pd.Series(
            self.kernel.probability_alive(x, t_x, T, self.params_), index, name="probability_alive"
        )

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
        ahead = self._ahead(horizon)
        expected = self.kernel.expected_purchases(x, t_x, T, np.array(ahead), self.params_)
        return pd.Series(expected, index, name="expected_purchases")

    def expected_purchases_new_customer(self, horizon: float | str) -> float:
        """Expected repeat purchases of a new customer in the ``horizon`` after the first purchase."""
        check_is_fitted(self, "params_")
        ahead = np.array(self._ahead(horizon))
        nothing = np.zeros(1)
        return float(self.kernel.expected_purchases(nothing, nothing, nothing, ahead, self.params_)[0])

    def discounted_purchases(
        self,
        customers: pd.DataFrame,
        horizon: float | str | None = None,
        annual_discount_rate: float = 0.0,
    ) -> pd.Series:
        """Expected purchases within ``horizon``, discounted.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        horizon : float or str, optional
            Purchases are discounted from the end of their period, one time unit long; a horizon that is
            not a whole number ends in a shorter one. Where None, all purchases ever to come
            (the discounted expected residual transactions of Fader, Hardie, Lee 2005), discounted
            continuously.
        annual_discount_rate : float, default 0
            A fraction a year; above 0 where there is no horizon.

        Raises
        ------
        InputError
            If an argument breaks its rule: without a horizon or a discount the sum may be infinite.
        """
        x, t_x, T, index = self._history(customers)
        rate = rate_per_unit(annual_discount_rate, self.time_unit_)
        if horizon is None and rate <= 0:
            raise InputError(
                "without a horizon annual_discount_rate must be above 0, for undiscounted purchases may never"
                " end; give a rate, such as 0.10, or a horizon."
            )
        ends, weights = endless_ends(rate) if horizon is None else discounted_ends(self._ahead(horizon), rate)
        alive = self.kernel.probability_alive(x, t_x, T, self.params_)
        value = alive * self.kernel.purchases_given_alive(x, T, ends, weights, self.params_)
        return pd.Series(value, index, name="discounted_purchases")

    def summary(self) -> pd.DataFrame:
        """Parameters with their standard errors and 95 % intervals (normal in the logarithm).

        Returns
        -------
        DataFrame
            Index ``parameter``; columns ``estimate, standard_error, lower, upper``.
        """
        check_is_fitted(self, "covariance_")
        estimate, error = np.array(self.params_), np.array(self.standard_errors_)
        reach = np.exp(np.minimum(1.959964 * error / estimate, 700))
        columns = {
            "estimate": estimate,
            "standard_error": error,
            "lower": estimate / reach,
            "upper": estimate * reach,
        }
        return pd.DataFrame(columns, index=pd.Index(self.params_._fields, name="parameter"))

    def sample_parameters(self, n_draws: int, seed: int) -> pd.DataFrame:
        """Draws of the parameters by Laplace's approximation: normal in their logarithms.

        Exact for practical purposes from some 100,000 customers; at CDNOW's 2,357 the spread of the
        two parameters of leaving comes out about a tenth too narrow.

        Returns
        -------
        DataFrame, shape (n_draws, n_parameters)
        """
        check_is_fitted(self, "covariance_")
        if not isinstance(n_draws, int) or n_draws < 1:
            raise InputError(f"n_draws is {n_draws!r}; it must be a whole number of one or more.")
        estimate = np.array(self.params_)
        spread = self.covariance_ / np.outer(estimate, estimate)
        draws = np.random.default_rng(seed).multivariate_normal(np.log(estimate), spread, n_draws)
        return pd.DataFrame(np.exp(draws), columns=self.params_._fields)

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
        seen = self._observed(T)
        x, t_x = self.kernel.simulate(seen, self.params_, np.random.default_rng(seed))
        index = pd.RangeIndex(1, seen.size + 1, name="customer_id")
        customers = pd.DataFrame({"frequency": x, "recency": t_x, "T": seen}, index=index)
        if self.time_unit_ is not None:
            customers.attrs["time_unit"] = self.time_unit_
        return customers

    def _checked(self, customers: pd.DataFrame, time_unit: str | None) -> pd.DataFrame:
        return check_customers(customers, self.required_columns, time_unit)

    def _scale(self, T: Array, counted: Array) -> float:
        """The unit of time of the search, so that the user's does not matter."""
        return float(counted @ T / counted.sum())

    def _start(self, purchases: float) -> Array:
        """Parameters to start from, given the mean number of repeat purchases."""
        return np.array([1.0, 1 / purchases, *self.first_guess])

    def _ahead(self, horizon: float | str) -> float:
        return horizon_in(horizon, self.time_unit_)

    def _observed(self, T: ArrayLike) -> Array:
        seen = np.asarray(T, dtype=float)
        if seen.ndim != 1 or not np.isfinite(seen).all() or (seen < 0).any():
            raise InputError("T must be finite lengths of observation, zero or more, one a customer.")
        return seen

    def _history(self, customers: pd.DataFrame) -> tuple[Array, Array, Array, pd.Index]:
        check_is_fitted(self, "params_")
        table = self._checked(customers, self.time_unit_)
        x, t_x, T = (table[name].to_numpy() for name in HISTORY)
        return x, t_x, T, table.index

    def _warnings(self, optimum: Optimum, unit: Array) -> list[str]:
        """What a user should know about this fit."""
        scaled = self.Params(*np.exp(optimum.theta).tolist())
        names = self.Params._fields
        found = ", ".join(
            f"{name} {value:.3g}" for name, value in zip(names, np.array(scaled) * unit, strict=True)
        )
        if not optimum.converged:
            return [
                f"the search for the {self.title} parameters did not converge ({found}); do not rely on them."
            ]
        messages = []
        if optimum.at_boundary:
            messages.append(
                f"the {self.title} likelihood has no interior maximum: it still rises where the search was"
                f" held ({found}). Predictions are usable, single parameters are not; more history or more"
                " customers would help."
            )
        leaving = self.kernel.rate_of_leaving(scaled)
        if leaving < _NOBODY_LEAVES:
            messages.append(
                f"hardly anybody leaves in this fit ({self.leaving} = {leaving:.2g} {self.leaving_per};"
                f" {found}): P(alive) is near 1 for everyone, and expectations over long horizons will be too"
                " high if customers do leave; observe them for longer, or compare with a formula on a"
                " holdout."
            )
        spread = np.sqrt(np.diag(optimum.covariance))
        vague = [name for name, sd in zip(names, spread, strict=True) if sd > _VAGUE]
        if vague and not optimum.at_boundary:
            messages.append(
                f"the data hardly identify {' and '.join(vague)} ({found}), whose standard errors exceed"
                " their size; read predictions rather than parameters, or use more history."
            )
        return messages


def _refuse_without_information(x: Array, T: Array, name: str) -> None:
    if x.size < 2:
        raise FitError(
            "there is only one customer: how customers differ cannot be learnt from one;"
            f" use {name}.from_params with parameters from elsewhere."
        )
    if not x.any():
        raise FitError(
            f"none of the {x.size} customers bought again, so purchase rates cannot be learnt:"
            " observe them for longer, or check that purchases were not collapsed into one."
        )
    if not T.any():
        raise FitError("every customer has T = 0, so nobody was observed for any time: end it later.")
