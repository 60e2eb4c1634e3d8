"""Lifetime value by probability: expected purchases times expected spend, discounted."""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from clvml.customers.checks import HISTORY
from clvml.errors import InputError


class PurchaseModel(Protocol):
    """What `LifetimeValue` asks of a model of purchases."""

    time_unit_: str | None

    def fit(self, customers: pd.DataFrame) -> Self: ...

    def expected_purchases(self, customers: pd.DataFrame, horizon: float | str) -> pd.Series: ...

    def discounted_purchases(
        self, customers: pd.DataFrame, horizon: float | str, annual_discount_rate: float
    ) -> pd.Series: ...

    def probability_alive(self, customers: pd.DataFrame) -> pd.Series: ...


class SpendModel(Protocol):
    """What `LifetimeValue` asks of a model of spend."""

    def fit(self, customers: pd.DataFrame) -> Self: ...

    def expected_spend(self, customers: pd.DataFrame) -> pd.Series: ...


class LifetimeValue(BaseEstimator):
    """Each customer's lifetime value over a horizon: discounted purchases x spend x margin.

    Parameters
    ----------
    purchases : PurchaseModel
        Such as `BGNBD`.
    spend : SpendModel
        Such as `GammaGamma`.
    horizon : float or str
        In the time unit of the customers, or with a unit of its own: ``"12M"``.
    annual_discount_rate : float, default 0
        Purchases are discounted from the end of their period, a period being one time unit;
        a year counts 365 days, 52 weeks or 12 months.
    margin : float, default 1
        Share of spend that is profit, so that values are profits rather than revenue.

    Attributes
    ----------
    purchases_, spend_ : the fitted models.
    time_unit_ : {"D", "W", "M", "Y"} or None

    References
    ----------
    Fader, Hardie, Lee (2005), RFM and CLV: Using Iso-Value Curves for Customer Base Analysis,
    Journal of Marketing Research 42(4): value is margin x spend x discounted expected transactions.
    """

    required_columns = (*HISTORY, "monetary_value")

    purchases_: PurchaseModel
    spend_: SpendModel
    time_unit_: str | None

    def __init__(
        self,
        purchases: PurchaseModel,
        spend: SpendModel,
        horizon: float | str,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
    ) -> None:
        self.purchases = purchases
        self.spend = spend
        self.horizon = horizon
        self.annual_discount_rate = annual_discount_rate
        self.margin = margin

    def fit(self, customers: pd.DataFrame) -> Self:
        """Fit copies of both models to the same customers."""
        _check_margin(self.margin)
        self.purchases_ = clone(self.purchases).fit(customers)
        self.spend_ = clone(self.spend).fit(customers)
        self.time_unit_ = self.purchases_.time_unit_
        return self

    def predict(
        self,
        customers: pd.DataFrame,
        horizon: float | str | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.Series:
        """Lifetime value of each customer over the horizon, a Series named ``clv``.

        Parameters
        ----------
        customers : DataFrame
            The customer summary, in the model's time unit.
        horizon, annual_discount_rate : optional
            Instead of the constructor's.
        """
        return self.predict_factors(customers, horizon, annual_discount_rate)["clv"]

    def predict_factors(
        self,
        customers: pd.DataFrame,
        horizon: float | str | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.DataFrame:
        """Value and what it is made of: ``clv, expected_purchases, expected_spend, probability_alive``.

        ``expected_purchases`` is not discounted.
        """
        check_is_fitted(self, "purchases_")
        _check_margin(self.margin)
        ahead = self.horizon if horizon is None else horizon
        rate = self.annual_discount_rate if annual_discount_rate is None else annual_discount_rate
        expected = self.purchases_.expected_purchases(customers, ahead)
        discounted = self.purchases_.discounted_purchases(customers, ahead, rate) if rate != 0 else expected
        spend = self.spend_.expected_spend(customers)
        return pd.DataFrame(
            {
                "clv": self.margin * discounted * spend,
                "expected_purchases": expected,
                "expected_spend": spend,
                "probability_alive": self.purchases_.probability_alive(customers),
            }
        )


def _check_margin(margin: float) -> None:
    if not np.isfinite(margin) or margin < 0:
        raise InputError(f"margin is {margin!r}; it must be a finite share of spend, zero or more.")
