"""Base class of models that learn the spend of an earlier holdout directly, and not through a structure."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clvml._listing import Listed, listed_numbers
from clvml.customers._customer_tables import as_customers
from clvml.customers._split import Split
from clvml.customers._summary_checks import check_time_unit, checked_columns
from clvml.customers._time_units import (
    Horizon,
    Horizons,
    by_horizon,
    horizon_in,
    rate_per_unit,
    stated_time_unit,
)
from clvml.errors import FitError, InputError
from clvml.inference._deviance import deviance_score
from clvml.lifetime_value._protocol import title_of

Floats = NDArray[np.float64]


class LearnedValue(Listed, BaseEstimator):
    """Base class of models of value whose constructor has a horizon and a rate: prediction and score."""

    @overload
    def predict(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.Series: ...

    @overload
    def predict(
        self,
        customers: pd.DataFrame,
        horizon: Horizons,
        annual_discount_rate: float | None = None,
    ) -> pd.DataFrame: ...

    def predict(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | Horizons | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.Series | pd.DataFrame:
        """Predict the lifetime value of each customer over the horizon.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit; polars and Arrow tables are converted.
        horizon, annual_discount_rate : optional
            Override the constructor's.

        Returns
        -------
        Series or DataFrame
            float64, named ``clv``, in currency units, on the customers' index; for a list of horizons one
            column each, labelled as given.

        Raises
        ------
        InputError
            If the summary or an argument is invalid.
        sklearn.exceptions.NotFittedError
            If the model has not been fitted.
        """
        customers = as_customers(customers)
        if isinstance(horizon, list | tuple | pd.Index | np.ndarray):
            return by_horizon(lambda each: self.predict(customers, each, annual_discount_rate), horizon)
        return self._value(customers, horizon, annual_discount_rate)

    def score(self, customers: pd.DataFrame, y: object = None) -> float:
        """Minus the mean Tweedie deviance (power 1.5) of ``y``, what customers were worth; larger is better.

        Raises
        ------
        InputError
            If ``y`` is missing or invalid: an array in the order of the customers, or a Series by customer.
        """
        return deviance_score(self.predict(customers), y, type(self).__name__)

    @abstractmethod
    def _value(
        self, customers: pd.DataFrame, horizon: Horizon | None, annual_discount_rate: float | None
    ) -> pd.Series:
        """The value over one horizon, named ``clv``."""


class EarlierSpendValue(LearnedValue):
    """Value from the spend over an earlier holdout, in proportion to the horizon.

    Spend is assumed to be spread evenly over the horizon: over twice the learnt horizon it is twice as much,
    and with a rate ``delta`` per time unit it is discounted by ``(1 - exp(-delta h)) / (delta h)``.

    Parameters
    ----------
    horizon, annual_discount_rate, margin
        As in `LifetimeValue`, the horizon not infinite.

    Attributes
    ----------
    learnt_horizon_ : float
        Length of the earlier holdout, in time units.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        Time unit of the customers.
    """

    horizon: Horizon
    annual_discount_rate: float
    margin: float
    learnt_horizon_: float
    time_unit_: str | None

    def _check_learnt(self) -> None:
        """Refuse a learnt horizon that is not positive and finite, by an InputError."""
        if not 0 < self.learnt_horizon_ < np.inf:
            raise InputError(f"learnt_horizon_ is {self.learnt_horizon_!r}; it must be positive and finite.")

    def fit(self, customers: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Raise, as a customer summary alone has no outcome to learn from.

        Parameters
        ----------
        customers : DataFrame
            The customer summary.
        y : ignored
            Not used; present for API consistency with scikit-learn.

        Raises
        ------
        FitError
            Always; it says to use ``fit_with_earlier``.
        """
        n_customers = len(as_customers(customers))
        raise FitError(
            f"{title_of(self)} learns from an earlier holdout, which these {n_customers:,} customers do"
            " not have: use fit_with_earlier(customers, split.earlier()), on a longer history."
        )

    def fit_with_earlier(self, customers: pd.DataFrame, earlier: Split) -> Self:
        """Learn from an earlier split of the same transactions.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, one row per customer.
        earlier : Split
            From `Split.earlier`; its observation ends no later than that of ``customers``.

        Raises
        ------
        InputError
            If the earlier split observes what follows the customers' observation, or a summary is invalid.
        """
        customers = as_customers(customers)
        check_before(customers, earlier)
        self.time_unit_ = stated_time_unit(customers)
        self.learnt_horizon_ = earlier.duration
        self._learn(customers, earlier)
        return self

    def _value(
        self, customers: pd.DataFrame, horizon: Horizon | None, annual_discount_rate: float | None
    ) -> pd.Series:
        check_is_fitted(self, "learnt_horizon_")
        checked_columns(customers, (), self.time_unit_)
        span = horizon_in(self.horizon if horizon is None else horizon, self.time_unit_)
        annual = self.annual_discount_rate if annual_discount_rate is None else annual_discount_rate
        delta = float(np.log1p(rate_per_unit(annual, self.time_unit_)))
        discount = -np.expm1(-delta * span) / (delta * span) if delta > 0 else 1.0
        value = self._spend(customers) * (self.margin * discount * span / self.learnt_horizon_)
        return pd.Series(value, customers.index, name="clv", dtype=float)

    def predict_factors(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.DataFrame:
        """The value in the only column, "clv".

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        horizon : float or str, optional
            In the model's time unit, or as text such as ``"12M"``. Default: the constructor's.
        annual_discount_rate : float, optional
            A fraction per year. Default: the constructor's.

        Returns
        -------
        DataFrame
            ``clv``, on the customers' index.
        """
        return self.predict(customers, horizon, annual_discount_rate).to_frame()

    def _learnt(self) -> str:
        return listed_numbers(self._figures()) if hasattr(self, "learnt_horizon_") else ""

    def _figures(self) -> dict[str, float]:
        """What was learnt, in numbers."""
        return {"learnt_horizon": self.learnt_horizon_}

    @abstractmethod
    def _learn(self, customers: pd.DataFrame, earlier: Split) -> None:
        """Learn from the earlier split."""

    @abstractmethod
    def _spend(self, customers: pd.DataFrame) -> Floats:
        """Spend of each customer over the learnt horizon."""


def check_before(customers: pd.DataFrame, earlier: Split) -> None:
    """Raise if the earlier split observes what follows the customers' observation.

    Raises
    ------
    InputError
        Then, or if it is in another time unit.
    """
    check_time_unit(customers, earlier.time_unit)
    end = customers.attrs.get("observation_end")
    if end is not None and pd.Timestamp(end) < earlier.observation_end:
        raise InputError(
            f"the earlier split is observed until {earlier.observation_end:%Y-%m-%d}, after the customers'"
            f" observation ends ({pd.Timestamp(end):%Y-%m-%d}), so the model would see what it predicts: pass"
            " split.earlier()."
        )
