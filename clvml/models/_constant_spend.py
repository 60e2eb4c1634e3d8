"""Constant spend: the same expected amount for all purchases of all customers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammainc, gammaln
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clvml._listing import Listed, listed_numbers
from clvml.customers._customer_tables import as_customers
from clvml.customers._price import check_price
from clvml.customers._summary_checks import checked_columns
from clvml.distributions._history import Array
from clvml.errors import FitError, InputError
from clvml.inference._arguments import check_n_draws
from clvml.inference._fit_summary import FitSummary
from clvml.models._customer_history import check_weights
from clvml.models._likelihood_model import FEW, RandomState

Rows = NDArray[np.int64]
SimulateSpend = Callable[[Array, Rows, Rows, np.random.Generator], Array]

_AMOUNTS = ("frequency", "monetary_value")
_ROUNDING = 1e-12  # relative difference of average amounts that is a rounding error


class ConstantSpend(Listed, BaseEstimator):
    """The same expected spend per purchase for all customers: one price, known or estimated.

    The limit of `GammaGamma` where customers do not differ in what they spend (``q`` tends to infinity):
    amounts are ``Gamma(shape=p)`` around one mean, and equal to it where ``p`` tends to infinity too. It is
    the model of spend if there is one price, for which Gamma-Gamma has no optimum, or if purchases have no
    amounts and the price is known.

    Parameters
    ----------
    price : float, optional
        Amount of each purchase, in currency units. Default: estimated by the mean amount of the repeat
        purchases.

    Attributes
    ----------
    params_ : dict of str to float
        ``price``, in currency units, and ``variation``, the coefficient of variation of the amounts of
        single purchases, ``1 / sqrt(p)``; 0 for a constant price.
    standard_errors_ : dict of str to float
        That of the price over samples of customers; 0 if it is given.
    n_customers_ : float
        Customers with repeat purchases (or their weight) in the fit; 0 if the price is given.

    Raises
    ------
    InputError
        From ``fit``, if the price is not positive and finite, or the customers are invalid.
    FitError
        From ``fit``, if the price is not given and no customer has repeat purchases with an amount.

    See Also
    --------
    clvml.GammaGamma : Customers differ in what they spend.
    clvml.lifetime_value.at_price : Any model of value at one price.
    clvml.LifetimeValue : Takes several models of spend, of which this may be the last.

    References
    ----------
    Fader, Hardie (2013), The Gamma-Gamma Model of Monetary Value, note 025: equation 5 tends to the mean.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame({"frequency": [2.0, 0.0, 1.0], "monetary_value": [9.99, 0.0, 9.99]})
    >>> clvml.ConstantSpend().fit(customers).expected_spend(customers).tolist()
    [9.99, 9.99, 9.99]
    """

    title = "constant spend"

    params_: dict[str, float]
    standard_errors_: dict[str, float]
    n_customers_: float

    def __init__(self, price: float | None = None) -> None:
        self.price = price

    def _check_learnt(self) -> None:
        """Refuse a price or a variation that is impossible.

        Raises
        ------
        InputError
            Naming the rule.
        """
        check_price(self.params_["price"])
        if not 0 <= self.params_["variation"] < np.inf:
            raise InputError(f"variation is {self.params_['variation']!r}; it must be a number from 0.")

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns of the customer summary that the model uses: none if the price is given."""
        return _AMOUNTS if self.price is None else ()

    def fit(
        self,
        customers: pd.DataFrame,
        y: object = None,  # noqa: ARG002
        *,
        weights: object = None,
    ) -> Self:
        """Estimate the price and the variation of amounts, by maximum likelihood and by moments.

        The mean over purchases maximises the likelihood for any variation. An average of ``x`` amounts varies
        by ``variation / sqrt(x)``.

        Parameters
        ----------
        customers : DataFrame, shape (n_customers, ...)
            The customer summary with ``frequency`` and ``monetary_value``, unless the price is given.
        y : ignored
            Not used; present for API consistency with scikit-learn.
        weights : array-like, shape (n_customers,), optional
            Number of customers that each row represents.

        Raises
        ------
        InputError
            If the summary or the price is invalid.
        FitError
            If no repeat purchase has an amount above zero.
        """
        customers = as_customers(customers)
        x, m = self._spend(customers, self.required_columns)
        counted = check_weights(weights, customers)
        if self.price is not None:
            return self._keep(check_price(self.price), 0.0, 0.0, 0.0)
        w = np.ones(len(customers)) if counted is None else counted
        bought = (x > 0) & (w > 0)
        if not m[bought].any():
            raise FitError(
                f"none of {w.sum():.0f} customers has repeat spend, from which a price could be estimated:"
                " give it, as in ConstantSpend(price=9.99)."
            )
        return self._estimate(x[bought], m[bought], w[bought])

    def score(self, customers: pd.DataFrame, y: object = None, *, weights: object = None) -> float:  # noqa: ARG002
        """Mean log-likelihood per customer with repeat spend, for scikit-learn's model selection.

        Larger is better, and comparable with `GammaGamma.score`. Minus infinity if the price is constant and
        a customer's average spend is another.

        Raises
        ------
        InputError
            If the summary lacks amounts, or no customer has repeat spend.
        """
        check_is_fitted(self, "params_")
        customers = as_customers(customers)
        x, m = checked_columns(customers, _AMOUNTS).values()
        counted = check_weights(weights, customers)
        w = ((x > 0) & (m > 0)) * (1.0 if counted is None else counted)
        spent = w > 0
        if not spent.any():
            raise InputError(
                f"none of {len(customers)} customers has repeat spend, whose likelihood could be the score:"
                " use a longer observation period."
            )
        return float(np.average(self._log_density(x[spent], m[spent]), weights=w[spent]))

    def log_likelihood(self, customers: pd.DataFrame) -> pd.Series:
        """Log-density of each customer's average spend; 0 for customers without repeat spend.

        Of a constant price the log-probability: 0 at the price, minus infinity elsewhere. 0 for all customers
        if the price is given and the summary has no amounts.
        """
        check_is_fitted(self, "params_")
        customers = as_customers(customers)
        checked_columns(customers, self.required_columns)
        x, m = self._spend(customers, [name for name in _AMOUNTS if name in customers])
        value, known = np.zeros(len(customers)), (x > 0) & (m > 0)
        value[known] = self._log_density(x[known], m[known])
        return pd.Series(value, customers.index, name="log_likelihood")

    def expected_spend(self, customers: pd.DataFrame) -> pd.Series:
        """Expected spend of each customer per future purchase, in currency units: the price.

        Parameters
        ----------
        customers : DataFrame
            The customer summary.

        Returns
        -------
        Series
            On the customers' index.
        """
        check_is_fitted(self, "params_")
        customers = as_customers(customers)
        checked_columns(customers, ())
        return pd.Series(self.params_["price"], customers.index, dtype=float, name="expected_spend")

    def average_spend_cdf(self, frequency: Array, amounts: Array) -> Array:
        """P(average spend over ``frequency`` purchases is at most ``amounts``), broadcast."""
        check_is_fitted(self, "params_")
        price, variation = self.params_.values()
        x, m = np.broadcast_arrays(np.asarray(frequency, dtype=float), np.asarray(amounts, dtype=float))
        if variation == 0:
            return np.where(m >= price * (1 - _ROUNDING), 1.0, 0.0)
        shape = x / variation**2
        below: Array = gammainc(shape, shape * np.maximum(m, 0.0) / price)
        return below

    def parameter_draws(
        self, n_draws: int, random_state: RandomState = None, *, together: bool = False
    ) -> list[Array]:
        """Draws of price and variation; one if the uncertainty of the price is negligible or it is given.

        As in `GammaGamma`, it is negligible for single customers if the model was fitted to 20,000 customers
        or more.
        """
        check_is_fitted(self, "params_")
        estimate, error = np.array(list(self.params_.values())), self.standard_errors_["price"]
        if error == 0 or (self.n_customers_ >= FEW and not together):
            return [estimate]
        normal = np.random.default_rng(random_state).standard_normal(check_n_draws(n_draws))
        prices = estimate[0] * np.exp(error / estimate[0] * normal)
        return list(np.column_stack([prices, np.full(prices.size, estimate[1])]))

    def spend_simulator(self, customers: pd.DataFrame) -> SimulateSpend:  # noqa: ARG002 - all alike
        """A function that simulates the amounts of purchases; see `SupportsSpendSimulation`."""
        check_is_fitted(self, "params_")
        return _simulate

    def summary(self) -> FitSummary:
        """Summary table of the fit, as text or, in notebooks, as HTML."""
        check_is_fitted(self, "params_")
        table = pd.DataFrame({"estimate": self.params_, "standard_error": self.standard_errors_})
        table["meaning"] = ["spend per purchase, in currency units", "coefficient of variation of amounts"]
        figures = {"customers": f"{self.n_customers_:,.0f}"} if self.n_customers_ else {"price": "given"}
        return FitSummary(self.title, table.rename_axis("parameter"), figures)

    def _learnt(self) -> str:
        return listed_numbers(getattr(self, "params_", {}))

    def _log_density(self, x: Array, m: Array) -> Array:
        """Log-density of average spend above zero; log-probability if the price is constant."""
        price, variation = self.params_.values()
        if variation == 0:
            return np.where(np.abs(m - price) <= _ROUNDING * price, 0.0, -np.inf)
        shape = x / variation**2
        rate = shape / price
        density: Array = shape * np.log(rate * m) - np.log(m) - rate * m - gammaln(shape)
        return density

    def _spend(self, customers: pd.DataFrame, names: Iterable[str]) -> tuple[Array, Array]:
        """Frequency and average spend, each 0 if not named."""
        columns = checked_columns(customers, names)
        none = np.zeros(len(customers))
        return columns.get("frequency", none), columns.get("monetary_value", none)

    def _estimate(self, x: Array, m: Array, w: Array) -> Self:
        n, purchases = float(w.sum()), float(w @ x)
        if np.ptp(m) <= _ROUNDING * m.max():
            return self._keep(float(m[0]), 0.0, 0.0, n)
        price = float(w @ (x * m)) / purchases
        off = m - price
        variance = float(w @ (x * off**2)) / max(n - 1, 1.0)
        error = np.sqrt(float(w @ (x * off) ** 2) * n / max(n - 1, 1.0)) / purchases
        return self._keep(price, float(np.sqrt(variance)) / price, float(error), n)

    def _keep(self, price: float, variation: float, error: float, n_customers: float) -> Self:
        self.params_ = {"price": price, "variation": variation}
        self.standard_errors_ = {"price": error, "variation": 0.0 if variation == 0 else float("nan")}
        self.n_customers_ = n_customers
        return self


def _simulate(draw: Array, who: Rows, number: Rows, rng: np.random.Generator) -> Array:  # noqa: ARG001
    """Amounts of ``number.sum()`` purchases, of all customers alike."""
    price, variation = draw
    n = int(number.sum())
    if variation == 0:
        return np.full(n, float(price))
    shape = variation**-2
    amounts: Array = price / shape * rng.standard_gamma(shape, n)
    return amounts
