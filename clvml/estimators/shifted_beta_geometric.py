"""The shifted beta-geometric model as an estimator: how long subscribers will stay."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from clvml.customers.checks import check_customers
from clvml.customers.time_units import horizon_in, rate_per_unit, time_unit_of
from clvml.distributions import shifted_beta_geometric as sbg
from clvml.distributions.discounting import discounted_ends
from clvml.distributions.histories import Array
from clvml.distributions.shifted_beta_geometric import ShiftedBetaGeometricParams
from clvml.distributions.survival import discounted_stay
from clvml.errors import FitError, InputError
from clvml.estimators.likelihood_model import LikelihoodModel, Scale
from clvml.estimators.maximum_likelihood import Objective, check_params, check_weights


def customers_from_survivors(survivors: ArrayLike) -> pd.DataFrame:
    """The table that `ShiftedBetaGeometric` fits, from the number of subscribers left at each renewal.

    Parameters
    ----------
    survivors : array-like, shape (n_renewals + 1,)
        Subscribers at the start, after the first renewal, and so on; never rising.

    Returns
    -------
    DataFrame
        ``recency, T, customers``: those who left at each renewal and those still there; fit with
        ``customers`` as weights.

    Raises
    ------
    InputError
        If there are fewer than two numbers, or they are negative, missing or rise.

    Examples
    --------
    >>> customers_from_survivors([1000, 631, 468])
                 recency    T  customers
    customer_id
    1                0.0  2.0      369.0
    2                1.0  2.0      163.0
    3                2.0  2.0      468.0
    """
    left = np.asarray(survivors, dtype=float)
    if left.ndim != 1 or left.size < 2 or not np.isfinite(left).all() or (left < 0).any():
        raise InputError("survivors must be two or more finite numbers, zero or more.")
    if (np.diff(left) > 0).any():
        raise InputError("survivors must not rise: a cohort gains nobody after its start.")
    renewed = np.arange(left.size, dtype=float)
    counts = np.append(-np.diff(left), left[-1])
    index = pd.RangeIndex(1, left.size + 1, name="customer_id")
    return pd.DataFrame({"recency": renewed, "T": float(left.size - 1), "customers": counts}, index=index)


class ShiftedBetaGeometric(LikelihoodModel):
    """The shifted beta-geometric model of subscriptions, fitted by maximum likelihood.

    Of each customer it reads ``T``, the renewals offered so far, and ``recency``, those made: whoever
    made fewer than were offered has left. See `clvml.distributions.shifted_beta_geometric`.

    Attributes
    ----------
    params_ : ShiftedBetaGeometricParams
        ``alpha, beta``, pure numbers.
    time_unit_ : {"D", "W", "M", "Y"} or None
        How often renewals come, if the customers said so.
    log_likelihood_ : float
        Total log-likelihood at the optimum.
    covariance_ : ndarray, shape (2, 2)
        Of the parameters, from the inverse observed information.
    standard_errors_ : ShiftedBetaGeometricParams
        Their square roots.
    n_customers_ : float
        Number of customers, or the sum of their weights.
    fit_record_ : FitRecord
        How the search went, with messages in words.

    References
    ----------
    Fader, Hardie (2007), How to Project Customer Retention, Journal of Interactive Marketing 21(1).

    Examples
    --------
    >>> cohort = customers_from_survivors([1000, 631, 468, 382, 326, 289, 262, 241])
    >>> model = ShiftedBetaGeometric().fit(cohort, weights=cohort["customers"])
    >>> [round(value, 3) for value in model.params_]
    [0.704, 1.182]
    """

    required_columns = ("recency", "T")

    title = "shifted beta-geometric"
    Params: ClassVar[type[ShiftedBetaGeometricParams]] = ShiftedBetaGeometricParams
    meanings = (
        "leaving at a renewal: alpha / (alpha + beta) on average at the first,",
        "and the larger alpha + beta, the more alike",
    )
    scales = (
        Scale("odds of leaving at the first renewal, alpha / beta", (1, -1), 0.3, 2.0),
        Scale("how alike customers are, sqrt(alpha * beta)", (0.5, 0.5), 1.0, 1.5),
    )
    limits: ClassVar[dict[tuple[str, ...], str]] = {
        ("alpha to infinity", "beta to infinity"): "customers do not differ in how readily they leave",
        ("alpha to 0", "beta to 0"): "customers leave at the first renewal or never",
        ("alpha to 0",): "hardly anybody leaves",
        ("beta to infinity",): "hardly anybody leaves",
    }

    params_: ShiftedBetaGeometricParams
    standard_errors_: ShiftedBetaGeometricParams
    time_unit_: str | None

    @classmethod
    def from_params(cls, *, alpha: float, beta: float, time_unit: str | None = None) -> Self:
        """A model with these parameters, for predictions without a fit.

        Raises
        ------
        InputError
            If a parameter is not positive and finite, or the time unit is unknown.
        """
        model = cls()
        model.params_ = check_params(ShiftedBetaGeometricParams(alpha, beta))
        model.time_unit_ = time_unit if time_unit is None else time_unit_of(time_unit).code
        return model

    def fit(self, customers: pd.DataFrame, *, weights: object = None, start: object = None) -> Self:
        """Fit to one row a customer with ``recency`` and ``T``, renewals made and offered.

        Parameters
        ----------
        customers : DataFrame, shape (n_customers, ...)
            Customers, or the table of `customers_from_survivors`.
        weights : array-like, shape (n_customers,), optional
            How many customers each row stands for.
        start : sequence of float, optional
            Parameters to start from, such as those of last year's model.

        Raises
        ------
        InputError
            If the table breaks a rule.
        FitError
            If nobody left, nobody renewed, or no renewal was offered.

        Warns
        -----
        FitWarning
            If the fit sits on a boundary.
        """
        table = _checked(customers, None)
        counted = check_weights(weights, len(table))
        renewed, offered = (table[name].to_numpy() for name in self.required_columns)
        renewals = sbg.count(renewed, offered, counted)
        _refuse_without_information(renewals)
        starts = [np.array([1.0, renewals.made.sum() / renewals.left])]
        if start is not None:
            starts.insert(0, np.array(check_params(ShiftedBetaGeometricParams(*start))))  # type: ignore[misc]
        optimum = self._learn(renewals, starts, np.ones(2), float(counted.sum()))
        self.time_unit_ = table.attrs.get("time_unit")
        self._report(optimum, [])
        return self

    def log_likelihood(self, customers: pd.DataFrame) -> pd.Series:
        """Log-likelihood of each customer."""
        renewed, offered, index = self._renewals(customers)
        return pd.Series(sbg.log_likelihood(renewed, offered, self.params_), index, name="log_likelihood")

    def probability_alive(self, customers: pd.DataFrame) -> pd.Series:
        """1 for customers who made every renewal, 0 for those who left: a contract tells."""
        renewed, offered, index = self._renewals(customers)
        return pd.Series((renewed == offered).astype(float), index, name="probability_alive")

    def expected_purchases(self, customers: pd.DataFrame, horizon: float | str) -> pd.Series:
        """Expected renewals of each customer among the next ``horizon``, a whole number of them."""
        return self.discounted_purchases(customers, horizon).rename("expected_purchases")

    def expected_purchases_new_customer(self, horizon: float | str) -> float:
        """Expected renewals of a new customer among the first ``horizon``."""
        check_is_fitted(self, "params_")
        ends = np.array([self._ahead(horizon)])
        return float(discounted_stay(*self.params_, np.zeros(1), ends, np.ones(1))[0])

    def discounted_purchases(
        self, customers: pd.DataFrame, horizon: float | str, annual_discount_rate: float = 0.0
    ) -> pd.Series:
        """Expected renewals among the next ``horizon``, each discounted by the periods until then."""
        renewed, offered, index = self._renewals(customers)
        rate = rate_per_unit(annual_discount_rate, self.time_unit_)
        ends, weights = discounted_ends(self._ahead(horizon), rate)
        value = (renewed == offered) * discounted_stay(*self.params_, renewed, ends, weights)
        return pd.Series(value, index, name="discounted_purchases")

    def survival(self, n_renewals: int) -> Array:
        """The share of a new cohort that is still there after 0, 1, ..., ``n_renewals`` renewals."""
        check_is_fitted(self, "params_")
        alpha, beta = self.params_
        stayed = beta + np.arange(int(self._ahead(n_renewals)))
        return np.concatenate([[1.0], np.cumprod(stayed / (alpha + stayed))])

    def simulate(self, T: ArrayLike, seed: int) -> pd.DataFrame:
        """Customers drawn from the model, with ``recency, T``, renewals made and offered.

        Parameters
        ----------
        T : array-like, shape (n_customers,)
            Renewals offered to each.
        seed : int
            The same seed gives the same customers.
        """
        check_is_fitted(self, "params_")
        offered = np.asarray(T, dtype=float)
        whole = offered.ndim == 1 and np.isfinite(offered).all() and (offered % 1 == 0).all()
        if not whole or (offered < 0).any():
            raise InputError("T must be whole numbers of renewals, zero or more, one number a customer.")
        renewed = sbg.simulate(offered, self.params_, np.random.default_rng(seed))
        index = pd.RangeIndex(1, offered.size + 1, name="customer_id")
        customers = pd.DataFrame({"recency": renewed, "T": offered}, index=index)
        if self.time_unit_ is not None:
            customers.attrs["time_unit"] = self.time_unit_
        return customers

    def _objective(self, seen: Any) -> Objective:
        def objective(params: Array) -> tuple[float, Array, Array]:
            return sbg.objective(ShiftedBetaGeometricParams(*params), seen)

        return objective

    def _renewals(self, customers: pd.DataFrame) -> tuple[Array, Array, pd.Index]:
        check_is_fitted(self, "params_")
        table = _checked(customers, self.time_unit_)
        return table["recency"].to_numpy(), table["T"].to_numpy(), table.index

    def _ahead(self, horizon: float | str) -> float:
        ahead = horizon_in(horizon, self.time_unit_)
        if ahead % 1 != 0:
            raise InputError(f"horizon is {horizon!r}, which is not a whole number of renewals.")
        return ahead


def _checked(customers: pd.DataFrame, time_unit: str | None) -> pd.DataFrame:
    table = check_customers(customers, ShiftedBetaGeometric.required_columns, time_unit)
    bad = ((table["recency"] % 1 != 0) | (table["T"] % 1 != 0)).to_numpy()
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"{bad.sum()} of {len(table)} customers do not count renewals; the first is"
            f" {table.index[first]!r}: recency {table['recency'].iloc[first]:g},"
            f" T {table['T'].iloc[first]:g}. Both must be whole numbers."
        )
    return table


def _refuse_without_information(renewals: sbg.Renewals) -> None:
    if not renewals.decided.sum():
        raise FitError("no renewal was offered to anybody (every T is 0): observe customers for longer.")
    if not renewals.left:
        raise FitError("nobody left, so how customers leave cannot be learnt: observe them for longer.")
    if not renewals.made.sum():
        raise FitError("nobody renewed, so how customers stay cannot be learnt: check recency and T.")
