"""The value of new customers from what is known at, or before, their first order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import PoissonRegressor
from sklearn.utils.validation import check_is_fitted

from clvml._listing import listed_numbers
from clvml.customers._attributes import Attribute, encode, learn_attributes, log_imputed
from clvml.customers._customer_tables import as_customers
from clvml.customers._summary_checks import HISTORY, checked_columns
from clvml.customers._time_units import Horizon
from clvml.errors import FitError, InputError
from clvml.lifetime_value._projection import LifetimeValue
from clvml.lifetime_value.learned._base import LearnedValue
from clvml.models import BGNBD, ConstantSpend, GammaGamma

Floats = NDArray[np.float64]

FIRST_SPEND = "first_spend"
_LOG_FIRST_SPEND = "log first_spend"
_MONEY = ("monetary_value", "total_spend")
_FEWEST = 20  # customers with, and without, a level: with fewer its coefficient would be noise
_EXTREMES = (0.01, 0.99)  # quantiles beyond which the first purchase says no more


class NewCustomerValue(LearnedValue):
    """The value of a new customer, at the first order or before it, from attributes.

    BG/NBD with covariates in the purchase and dropout rates, and Gamma-Gamma with covariates, both of a
    customer without history (``x = t_x = T = 0``). The covariates are the attributes and, at the first order,
    the logarithm of its amount, whose coefficients say how far a large first order announces frequent and
    large later ones. Coefficients have a weakly informative prior.

    Parameters
    ----------
    horizon : float, str or None
        Time from the first order, as in :class:`clvml.LifetimeValue`.
    attributes : sequence of str
        Columns known at acquisition, such as the channel or the category of the first basket; numeric or
        categorical. A missing number is imputed by the median; a level not seen in the fit, or with fewer
        than 20 customers, is predicted as the most frequent one.
    first_purchase : bool, default True
        Whether the first order has been placed and its amount is known. If True the value is that of repeat
        purchases, which follow it; if False it includes the first purchase, expected from the attributes.
    annual_discount_rate : float, default 0
        A fraction per year: 0.10 is 10 %.
    margin : float, default 1
        Profit per unit of spend.

    Attributes
    ----------
    repeat_value_ : LifetimeValue
        The fitted models of what follows the first order; the ``coefficients_`` of its ``purchases_`` and
        ``spend_`` are per standard deviation of a numeric attribute, relative to the most frequent level of a
        categorical one, and per unit of the logarithm of the first order's amount: elasticities, the
        percentage by which the rate or the spend changes per percent of the amount.
    attributes_ : tuple of Attribute
        Their encodings.
    limits_ : tuple of float
        The 1st and 99th percentiles of positive first purchases, to which amounts are clipped.
    first_spend_ : ndarray, shape (1 + n_terms,)
        Intercept and coefficients of the logarithm of the expected first purchase, by Poisson
        pseudo-maximum likelihood.
    n_customers_ : int
        Customers in the fit.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        Time unit of the customers.

    Raises
    ------
    InputError
        From ``fit`` and ``predict``, if an argument or the customer summary is invalid.
    FitError
        From ``fit``, if no model can be fitted to the customers.

    See Also
    --------
    clvml.new_customer_value : One value for all new customers, by a fitted model.
    clvml.new_customer_backtest : Compare such models on customers who arrive later.
    clvml.lifetime_value.economics.acquisition_costs : What the customers of each channel cost.

    References
    ----------
    Fader and Hardie (2007), Incorporating Time-Invariant Covariates into the Pareto/NBD and BG/NBD Models;
    Gourieroux, Monfort and Trognon (1984), Pseudo Maximum Likelihood Methods: Applications to Poisson Models,
    Econometrica 52(3).

    Examples
    --------
    What a first order of 15 and one of 60 say of the following twelve months:

    >>> import clvml
    >>> import pandas as pd
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.NewCustomerValue("12M").fit(customers)
    >>> model.predict(pd.DataFrame({"first_spend": [15.0, 60.0]})).round().tolist()
    [33.0, 83.0]
    """

    repeat_value_: LifetimeValue
    attributes_: tuple[Attribute, ...]
    limits_: tuple[float, ...]
    first_spend_: Floats
    n_customers_: int
    time_unit_: str | None

    def __init__(
        self,
        horizon: Horizon | None,
        attributes: Sequence[str] = (),
        first_purchase: bool = True,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
    ) -> None:
        self.horizon = horizon
        self.attributes = attributes
        self.first_purchase = first_purchase
        self.annual_discount_rate = annual_discount_rate
        self.margin = margin

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The attributes, and ``first_spend`` at the first order: what a prediction uses."""
        return (*self.attributes, *((FIRST_SPEND,) if self.first_purchase else ()))

    @property
    def reference_(self) -> dict[str, Any]:
        """The attributes of the reference customer."""
        check_is_fitted(self, "repeat_value_")
        return {attribute.name: attribute.reference for attribute in self.attributes_}

    def fit(self, customers: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Fit to customers with a history.

        Parameters
        ----------
        customers : DataFrame, shape (n_customers, ...)
            The customer summary with ``frequency, recency, T, monetary_value, total_spend`` and the
            attributes, one-time buyers included.
        y : ignored
            Not used; present for API consistency with scikit-learn.

        Raises
        ------
        InputError
            If the summary or an attribute is invalid, or there are no attributes and no first purchase.
        FitError
            If the models cannot be fitted to these customers, or no first purchase is positive.
        """
        customers = as_customers(customers)
        self._check_attributes()
        checked_columns(customers, (*HISTORY, *_MONEY))
        first = first_spend_of(customers)
        if not (first > 0).any():
            raise FitError("no customer has a positive first purchase, so its amount says nothing.")
        self.limits_ = tuple(float(q) for q in np.quantile(first[first > 0], _EXTREMES))
        learnt = learn_attributes(customers, self.attributes, gaps="impute")
        self.attributes_ = tuple(attribute for attribute in learnt if not attribute.constant)
        terms = self._terms(customers)
        known = terms.assign(**{name: customers[name] for name in (*HISTORY, "monetary_value")})
        known.attrs = customers.attrs
        self.repeat_value_ = self._structure(terms, customers).fit(known)
        self.first_spend_ = _expected_first(encode(customers, self.attributes_), first)
        self.n_customers_, self.time_unit_ = len(customers), self.repeat_value_.time_unit_
        return self

    def predict_factors(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.DataFrame:
        """Value and its factors.

        Parameters
        ----------
        customers : DataFrame
            New customers, one row each: the attributes, and ``first_spend`` if the first order has been
            placed.
        horizon : float or str, optional
            In the model's time unit, or as text such as ``"12M"``. Default: the constructor's.
        annual_discount_rate : float, optional
            A fraction per year. Default: the constructor's.

        Returns
        -------
        DataFrame
            ``clv``, ``expected_purchases`` (repeat purchases; not for an infinite horizon),
            ``expected_spend`` per repeat purchase, ``discounted_purchases`` and, before the first order,
            ``expected_first_spend``.
        """
        check_is_fitted(self, "repeat_value_")
        customers = as_customers(customers)
        factors = self.repeat_value_.predict_factors(
            self._newcomers(customers), horizon, annual_discount_rate
        )
        factors = factors.drop(columns="probability_alive", errors="ignore")
        if self.first_purchase:
            return factors
        first = self._first_spend(customers)
        return factors.assign(clv=factors["clv"] + self.margin * first, expected_first_spend=first)

    def predict_interval(
        self,
        customers: pd.DataFrame,
        coverage: float = 0.9,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
        *,
        n_simulations: int = 199,
        random_state: int = 0,
    ) -> pd.DataFrame:
        """Prediction intervals of what follows the first order, as `LifetimeValue.predict_interval`.

        Parameters
        ----------
        customers : DataFrame
            New customers, one row each: the attributes, and ``first_spend`` if the first order has been
            placed.
        coverage : float, default 0.9
            Nominal share of outcomes within the intervals, with equal tails.
        horizon : float or str, optional
            In the model's time unit, or as text such as ``"12M"``. Default: the constructor's.
        annual_discount_rate : float, optional
            A fraction per year. Default: the constructor's.
        n_simulations : int, default 199
            More reduce Monte Carlo error.
        random_state : int, default 0
            The same seed gives the same intervals.

        Returns
        -------
        DataFrame
            As `LifetimeValue.predict_interval`.

        Raises
        ------
        InputError
            Before the first order, whose amount has no distribution in this model.
        """
        check_is_fitted(self, "repeat_value_")
        if not self.first_purchase:
            raise InputError(
                "the amount of a first purchase that is not yet known has no distribution in this model: use"
                " first_purchase=True for prediction intervals."
            )
        rows = self._newcomers(as_customers(customers))
        return self.repeat_value_.predict_interval(
            rows, coverage, horizon, annual_discount_rate,
            n_simulations=n_simulations, random_state=random_state,
        )  # fmt: skip

    def _value(
        self, customers: pd.DataFrame, horizon: Horizon | None, annual_discount_rate: float | None
    ) -> pd.Series:
        check_is_fitted(self, "repeat_value_")
        value = self.repeat_value_.predict(self._newcomers(customers), horizon, annual_discount_rate)
        return value if self.first_purchase else value + self.margin * self._first_spend(customers)

    def _check_learnt(self) -> None:
        """Refuse encodings, limits or coefficients that cannot be learnt, by an InputError."""
        for attribute in self.attributes_:
            attribute.check()
        n_terms = sum(len(attribute.terms) for attribute in self.attributes_)
        if self.first_spend_.shape != (1 + n_terms,) or not np.isfinite(self.first_spend_).all():
            raise InputError(f"first_spend_ must be {1 + n_terms} finite numbers.")
        if len(self.limits_) != 2 or not 0 < self.limits_[0] <= self.limits_[1] < np.inf:
            raise InputError(f"limits_ is {self.limits_!r}; it must be two positive, ascending numbers.")

    def _learnt(self) -> str:
        return listed_numbers({"customers": self.n_customers_}) if hasattr(self, "repeat_value_") else ""

    def _check_attributes(self) -> None:
        if isinstance(self.attributes, str):
            raise InputError(f"attributes must be a sequence of columns; write [{self.attributes!r}].")
        if not self.required_columns:
            raise InputError(
                "a new customer is known by attributes or by the first purchase: give attributes, or"
                " first_purchase=True; `clvml.new_customer_value` gives one value for all."
            )
        taken = [name for name in self.attributes if name in (*HISTORY, *_MONEY, FIRST_SPEND)]
        if taken:
            raise InputError(
                f"{taken[0]!r} cannot be an attribute: it is part of the history, which a new customer does"
                " not have. Use what is known at acquisition, such as the channel."
            )

    def _structure(self, terms: pd.DataFrame, customers: pd.DataFrame) -> LifetimeValue:
        spent = (customers["frequency"] > 0) & (customers["monetary_value"] > 0)
        spend = GammaGamma(prior="weak", covariates=_supported(terms[spent.to_numpy()]))
        return LifetimeValue(
            BGNBD(prior="weak", covariates=_supported(terms)),
            (spend, ConstantSpend()),
            horizon=self.horizon,
            annual_discount_rate=self.annual_discount_rate,
            margin=self.margin,
        )

    def _terms(self, customers: pd.DataFrame) -> pd.DataFrame:
        """One column per coefficient."""
        names = [term for attribute in self.attributes_ for term in attribute.terms]
        terms = pd.DataFrame(encode(customers, self.attributes_), customers.index, names)
        if self.first_purchase:
            low, high = self.limits_
            terms[_LOG_FIRST_SPEND] = np.log(np.clip(first_spend_of(customers), low, high))
        return terms

    def _newcomers(self, customers: pd.DataFrame) -> pd.DataFrame:
        """The customers at their first order: covariates, and no history."""
        log_imputed(customers, self.attributes_)
        history = dict.fromkeys((*HISTORY, "monetary_value"), 0.0)
        return self._terms(customers).assign(**history)

    def _first_spend(self, customers: pd.DataFrame) -> Floats:
        logarithm = self.first_spend_[0] + encode(customers, self.attributes_) @ self.first_spend_[1:]
        expected: Floats = np.exp(logarithm)
        return expected


def first_spend_of(customers: pd.DataFrame) -> Floats:
    """Spend of each customer's first purchase: the column ``first_spend``, or what the summary implies.

    Raises
    ------
    InputError
        If it is neither given nor implied, or not finite.
    """
    if FIRST_SPEND not in customers:
        implied = ("frequency", *_MONEY)
        if missing := [name for name in implied if name not in customers]:
            raise InputError(
                f"the customers have no column {FIRST_SPEND!r}, the amount of the first order, nor"
                f" {missing[0]!r}, from which it follows; without it, use first_purchase=False."
            )
        x, mean, total = checked_columns(customers, implied).values()
        return total - x * mean
    return checked_columns(customers, (FIRST_SPEND,))[FIRST_SPEND]


def _supported(terms: pd.DataFrame) -> list[str]:
    """Terms with at least 20 customers on either side, so that a coefficient can be learnt."""
    return [str(name) for name in terms if _identified(terms[name].to_numpy())]


def _identified(values: Floats) -> bool:
    levels, counts = np.unique(values, return_counts=True)
    return bool(levels.size > 2 or (levels.size == 2 and counts.min() >= _FEWEST))


def _expected_first(z: Floats, first: Floats) -> Floats:
    """Intercept and coefficients of the logarithm of the mean first purchase."""
    spend = np.clip(first, 0, None)
    mean = float(spend.mean())
    if not z.shape[1]:
        return np.array([np.log(mean)])
    found = PoissonRegressor(alpha=1 / len(spend), max_iter=1000, tol=1e-8).fit(z, spend / mean)
    return np.array([np.log(mean) + found.intercept_, *found.coef_])
