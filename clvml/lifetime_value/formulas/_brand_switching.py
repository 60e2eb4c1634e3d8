"""Brand switching as a model: who buys which brand next, estimated from purchases with brands.

A period is the average time between two purchases of a customer. ``M[i, j]`` is
the share of purchases of brand ``i`` that were followed by one of ``j``, with the market's shares as
one further observation. The wallet is what the customer spends on all brands per period.
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clvml.customers._summary import summarize
from clvml.customers._time_units import horizon_in, rate_per_unit, time_unit_of
from clvml.errors import FitError, InputError
from clvml.lifetime_value.formulas._sums import FloatArray, checked


class BrandSwitchingValue(BaseEstimator):
    """What each customer will spend on one brand while switching between several.

    It reads purchases with a brand (or product class, or retailer), not a customer summary, and so
    does not take part in ``clvml run``.

    Parameters
    ----------
    horizon : float or str
        In time units, or with a unit of its own, as ``"12M"``.
    brand : str
        The brand whose value is asked for, as it stands in the data.
    annual_discount_rate : float, default 0
    margin : float, default 1
        Share of spend that is kept.
    brand_column : str, default "brand"
    time_unit : {"D", "W", "M", "Y"}, default "W"

    Attributes
    ----------
    transitions_ : pandas.DataFrame
        From the brand of a purchase (rows) to that of the next one (columns).
    standard_errors_ : pandas.DataFrame
        Of each transition.
    period_ : float
        Average time between two purchases of a customer, in time units.

    Examples
    --------
    >>> sales = pd.DataFrame({
    ...     "customer_id": [1] * 4 + [2] * 3, "amount": 10.0, "brand": list("AAABBBB"),
    ...     "date": ["2024-01-01", "2024-01-08", "2024-01-15", "2024-01-22"]
    ...           + ["2024-01-01", "2024-01-08", "2024-01-22"]})
    >>> model = BrandSwitchingValue(horizon=4, brand="A").fit(sales)
    >>> model.transitions_.round(3).to_numpy().tolist()
    [[0.607, 0.393], [0.143, 0.857]]
    >>> model.params_["retention_of_A"].__round__(3)
    0.607
    """

    def __init__(
        self,
        horizon: float | str,
        brand: str,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        brand_column: str = "brand",
        time_unit: str = "W",
    ):
        self.horizon = horizon
        self.brand = brand
        self.annual_discount_rate = annual_discount_rate
        self.margin = margin
        self.brand_column = brand_column
        self.time_unit = time_unit

    def fit(self, transactions: pd.DataFrame) -> Self:
        """Estimate switching from purchases with ``customer_id, date, amount`` and the brand column.

        Raises
        ------
        InputError
            If a column is missing, a brand is missing, or ``brand`` is unknown.
        FitError
            If no customer bought on two days.
        """
        rows = self._purchases(transactions)
        names = sorted(rows[self.brand_column].unique(), key=str)
        if self.brand not in names:
            raise InputError(f"brand is {self.brand!r}; the data know {', '.join(map(repr, names))}.")
        following = rows.groupby("customer_id")[self.brand_column].shift(-1)
        pairs = pd.crosstab(rows[self.brand_column], following)
        counts = pairs.reindex(index=names, columns=names, fill_value=0).to_numpy(dtype=np.float64)
        gaps = rows.groupby("customer_id")["date"].diff().dropna().dt.total_seconds() / 86_400
        if not gaps.sum():
            raise FitError("switching cannot be estimated: no customer bought on two days.")
        market = rows[self.brand_column].value_counts(normalize=True).reindex(names).to_numpy()
        number = counts.sum(axis=1, keepdims=True) + 1
        shares = (counts + market) / number
        self.transitions_ = pd.DataFrame(shares, names, names)
        self.standard_errors_ = pd.DataFrame(np.sqrt(shares * (1 - shares) / number), names, names)
        self.period_ = float(gaps.mean()) / time_unit_of(self.time_unit).days
        self.time_unit_ = self.time_unit
        self.params_ = {f"retention_of_{name}": float(shares[i, i]) for i, name in enumerate(names)}
        self.params_["period"] = self.period_
        return self

    def predict(self, transactions: pd.DataFrame, observation_end: Any = None) -> pd.Series:
        """Money per customer that comes to ``brand`` over the horizon, named "clv"."""
        return self.predict_factors(transactions, observation_end)["clv"]

    def predict_factors(self, transactions: pd.DataFrame, observation_end: Any = None) -> pd.DataFrame:
        """The money in "clv", the ``wallet`` per period, and the money that comes to every brand.

        Parameters
        ----------
        transactions : pandas.DataFrame
            As in :meth:`fit`.
        observation_end : date, optional
            Last day that counts, inclusive; by default the last day of the data.
        """
        check_is_fitted(self, "transitions_")
        checked("margin", self.margin, lowest=0)
        rows = self._purchases(transactions)
        if observation_end is not None:
            rows = rows[rows["date"] < pd.Timestamp(observation_end) + pd.Timedelta(days=1)]
        customers = summarize(rows[["customer_id", "date", "amount"]], observation_end, self.time_unit)
        last = rows.groupby("customer_id")[self.brand_column].last().reindex(customers.index)
        unknown = ~last.isin(self.transitions_.index)
        if unknown.any():
            raise InputError(
                f"customer {last.index.to_list()[int(np.argmax(unknown))]!r} bought the unknown brand"
                f" {last[unknown].iloc[0]!r}; known are {', '.join(map(repr, self.transitions_.index))}."
            )
        time = customers["T"].to_numpy()
        rate = np.divide(customers["total_spend"].to_numpy(), time, out=np.zeros(len(time)), where=time > 0)
        wallet = rate * self.period_
        ahead = self._discounted_shares()[self.transitions_.index.get_indexer(pd.Index(last))]
        money = pd.DataFrame(wallet[:, None] * ahead * self.margin, customers.index, self.transitions_.index)
        return pd.concat(
            [
                money[self.brand].rename("clv"),
                pd.Series(wallet, customers.index, name="wallet"),
                money.add_prefix("value_of_"),
            ],
            axis=1,
        )

    def _discounted_shares(self) -> FloatArray:
        """Sum over future periods of the brands' shares, by brand bought last."""
        n = horizon_in(self.horizon, self.time_unit) / self.period_
        rate = math.expm1(self.period_ * math.log1p(rate_per_unit(self.annual_discount_rate, self.time_unit)))
        matrix = self.transitions_.to_numpy()
        share, total = np.eye(len(matrix)), np.zeros_like(matrix)
        for t in range(1, math.ceil(n) + 1):
            share = share @ matrix
            total += min(1.0, n - (t - 1)) * share / (1 + rate) ** t
        return total

    def _purchases(self, transactions: pd.DataFrame) -> pd.DataFrame:
        if not isinstance(transactions, pd.DataFrame):
            raise InputError(f"transactions must be a pandas DataFrame, not {type(transactions).__name__}.")
        columns = ["customer_id", "date", "amount", self.brand_column]
        missing = [name for name in columns if name not in transactions]
        if missing:
            raise InputError(
                f"transactions lack the column {missing[0]!r}; they have"
                f" {', '.join(map(repr, transactions.columns))}."
            )
        rows = transactions[columns].assign(date=pd.to_datetime(transactions["date"]))
        if rows.isna().any(axis=None):
            name = rows.columns[rows.isna().any()][0]
            raise InputError(
                f"{rows[name].isna().sum()} of {len(rows)} purchases have no {name}; drop or fill them."
            )
        if (rows["amount"] < 0).any():
            raise InputError(
                f"{(rows['amount'] < 0).sum()} of {len(rows)} purchases have a negative amount; drop returns,"
                " or take them off what was returned."
            )
        return rows.sort_values(["customer_id", "date"], kind="stable")
