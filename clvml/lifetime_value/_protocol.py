"""What a lifetime-value model must offer to be compared, registered and served.

Probabilistic models and formulas share nothing but this: fitted to a customer summary, they
give each customer an amount of money over a horizon. Comparison, tracking and serving ask for
no more, so a model of your own competes as soon as it has these members.
"""

from __future__ import annotations

from typing import Protocol, Self, runtime_checkable

import pandas as pd


@runtime_checkable
class ValueModel(Protocol):
    """A fitted lifetime-value model; ``isinstance`` is true once :meth:`fit` has run.

    Attributes
    ----------
    required_columns : tuple of str
        The columns of the customer summary that the model reads.
    horizon : float or str
        How far ahead :meth:`predict` looks, in the model's time unit, or as text such as ``"12M"``.
    annual_discount_rate : float
        A fraction a year: 0.10 is 10 %.
    margin : float
        Multiplies the money: the share of spend that is kept.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        The unit of the customer summary that the model was fitted to.
    """

    horizon: float | str
    annual_discount_rate: float
    margin: float
    time_unit_: str | None

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns of the customer summary that the model reads."""
        ...

    def fit(self, customers: pd.DataFrame) -> Self:
        """Learn from a customer summary, one row a customer."""
        ...

    def predict(
        self,
        customers: pd.DataFrame,
        horizon: float | str | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.Series:
        """Money per customer over the horizon: float64, named "clv", on the customers' index.

        ``None`` takes the constructor's horizon or rate.
        """
        ...

    def predict_factors(
        self,
        customers: pd.DataFrame,
        horizon: float | str | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.DataFrame:
        """The money in the first column, "clv", and beside it what it was made from."""
        ...
