"""The brand switching model, estimated from purchases with brands.

A purchase is all that a customer buys in a day; it may contain several brands, each with its share of spend.
A period is the average time between two purchases of a customer. ``M[i, j]`` is the share of purchases of
brand ``i`` that were followed by one of ``j`` (the product of their shares where there are several), with the
market shares as one prior observation. The wallet is what the customer spends on all brands per period.
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clvml._listing import Listed, listed_numbers
from clvml.customers._ends import end_of_summary
from clvml.customers._policy import TransactionPolicy
from clvml.customers._summary import summarize
from clvml.customers._summary_checks import plain
from clvml.customers._time_units import Horizon, horizon_in, rate_per_unit
from clvml.customers._transactions import Transactions, read_transactions
from clvml.errors import FitError, InputError
from clvml.inference._deviance import deviance_score
from clvml.lifetime_value.formulas._estimates import check_period
from clvml.lifetime_value.formulas._sums import FloatArray, checked


class BrandSwitchingValue(Listed, BaseEstimator):
    """Lifetime value of each customer to one brand under brand switching.

    It requires purchases with a brand (or product class, or retailer), not a customer summary, and so
    is not included in ``clvml run``.

    Parameters
    ----------
    horizon : float or str
        In time units, or as text with a unit, such as ``"12M"``.
    brand : str
        The brand whose value is predicted, as in the data.
    annual_discount_rate : float, default 0
        A fraction per year: 0.10 is 10 %.
    margin : float, default 1
        Profit per unit of spend.
    brand_column : str, default "brand"
        The column of the brand in the purchases.
    time_unit : {"D", "W", "M", "Q", "Y"}, default "W"
        The unit of ``horizon`` and ``period_``.

    Attributes
    ----------
    transitions_ : pandas.DataFrame
        Switching probabilities from the brand of a purchase (rows) to that of the next one (columns).
    standard_errors_ : pandas.DataFrame
        Standard errors of the switching probabilities.
    period_ : float
        Average time between two purchases of a customer, in time units.

    Raises
    ------
    InputError
        From ``fit`` and ``predict``, if an argument is invalid, or no purchase has this brand.

    See Also
    --------
    clvml.lifetime_value.formulas.brand_switching : The formula, from a matrix of switching probabilities.
    clvml.read_transactions : Reads the brand of purchases as ``category``.

    References
    ----------
    Rust, Lemon, Zeithaml (2004), Return on Marketing: Using Customer Equity to Focus Marketing Strategy,
    Journal of Marketing 68(1).

    Examples
    --------
    Seven purchases, after one of which customer 1 switches from brand A to brand B:

    >>> import clvml
    >>> import pandas as pd
    >>> sales = pd.DataFrame({
    ...     "customer_id": [1] * 4 + [2] * 3, "amount": 10.0, "brand": list("AAABBBB"),
    ...     "date": ["2024-01-01", "2024-01-08", "2024-01-15", "2024-01-22"]
    ...           + ["2024-01-01", "2024-01-08", "2024-01-22"]})
    >>> model = clvml.BrandSwitchingValue(horizon=4, brand="A").fit(sales)
    >>> model.transitions_.round(3).to_numpy().tolist()
    [[0.607, 0.393], [0.143, 0.857]]
    >>> model.params_["retention_of_A"].__round__(3)
    0.607
    """

    def __init__(
        self,
        horizon: Horizon,
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

    def fit(self, transactions: Transactions | Any, y: object = None) -> Self:  # noqa: ARG002
        """Estimate switching from purchases with a brand.

        Parameters
        ----------
        transactions : Transactions or frame
            From ``clvml.read_transactions(..., category=...)``; or a frame with ``customer_id, date,
            amount`` and the brand column, in which nothing may be missing or negative.
        y : ignored
            Not used; present for API consistency with scikit-learn.

        Raises
        ------
        InputError
            If a column or a brand is missing, or ``brand`` is unknown.
        FitError
            If no customer bought on two days.
        """
        source = self._transactions(transactions)
        market = source.purchases().frame(_MARKET_SQL).set_index("category")["share"]
        names = sorted(market.index, key=str)
        if self.brand not in names:
            raise InputError(f"brand is {self.brand!r}; the data contain {', '.join(map(repr, names))}.")
        customers = summarize(source, None, self.time_unit)
        if not customers["frequency"].sum():
            raise FitError("switching cannot be estimated: no customer bought on two days.")
        pairs = source.purchases().frame(_PAIRS_SQL).pivot(index="brand", columns="following", values="n")
        counts = pairs.reindex(index=names, columns=names).fillna(0.0).to_numpy(dtype=np.float64)
        number = counts.sum(axis=1, keepdims=True) + 1
        shares = (counts + market[names].to_numpy()) / number
        self.transitions_ = pd.DataFrame(shares, names, names)
        self.standard_errors_ = pd.DataFrame(np.sqrt(shares * (1 - shares) / number), names, names)
        self.period_ = float(customers["recency"].sum() / customers["frequency"].sum())
        self.time_unit_ = self.time_unit
        self.params_ = {f"retention_of_{name}": float(shares[i, i]) for i, name in enumerate(names)}
        self.params_["period"] = self.period_
        return self

    def _check_learnt(self) -> None:
        """Refuse transitions that are no probabilities.

        Raises
        ------
        InputError
            Naming the rule.
        """
        check_period(self.period_)
        shares = self.transitions_.to_numpy(dtype=np.float64)
        square = self.transitions_.index.equals(self.transitions_.columns)
        if not square or not ((shares >= 0) & (shares <= 1)).all() or not np.allclose(shares.sum(axis=1), 1):
            raise InputError("transitions_ must be square, of shares from 0 to 1 whose rows add up to 1.")
        if self.brand not in self.transitions_.index:
            raise InputError(f"brand is {self.brand!r}, which is not in the transitions.")

    def predict(self, transactions: Transactions | Any, observation_end: Any = None) -> pd.Series:
        """Spend of each customer on ``brand`` over the horizon, discounted, times margin; named "clv"."""
        return self.predict_factors(transactions, observation_end)["clv"]

    def score(self, transactions: Transactions | Any, y: object = None) -> float:
        """Minus the mean Tweedie deviance (power 1.5) of ``y``, the value of each customer; larger is better.

        Raises
        ------
        InputError
            If ``y`` is missing or invalid: a Series by customer, or an array in the order of `predict`.
        """
        check_is_fitted(self, "transitions_")
        return deviance_score(self.predict(transactions), y, type(self).__name__)

    def _learnt(self) -> str:
        return listed_numbers(getattr(self, "params_", {}))

    def predict_factors(self, transactions: Transactions | Any, observation_end: Any = None) -> pd.DataFrame:
        """The value "clv", the ``wallet`` per period, and the value to every brand (``value_of_...``).

        Parameters
        ----------
        transactions : Transactions or frame
            As in :meth:`fit`.
        observation_end : date, optional
            Last day of observation, inclusive; by default the last day of the data.
        """
        check_is_fitted(self, "transitions_")
        checked("margin", self.margin, lowest=0)
        source = self._transactions(transactions)
        customers = summarize(source, observation_end, self.time_unit)
        last = self._last_shares(source, customers)
        time = customers["T"].to_numpy()
        rate = np.divide(customers["total_spend"].to_numpy(), time, out=np.zeros(len(time)), where=time > 0)
        wallet = rate * self.period_
        future = last @ self._discounted_shares()
        money = pd.DataFrame(wallet[:, None] * future * self.margin, customers.index, self.transitions_.index)
        return pd.concat(
            [
                money[self.brand].rename("clv"),
                pd.Series(wallet, customers.index, name="wallet"),
                money.add_prefix("value_of_"),
            ],
            axis=1,
        )

    def _discounted_shares(self) -> FloatArray:
        """Discounted sum over future periods of the brands' shares, by last brand."""
        n = horizon_in(self.horizon, self.time_unit) / self.period_
        rate = math.expm1(self.period_ * math.log1p(rate_per_unit(self.annual_discount_rate, self.time_unit)))
        matrix = self.transitions_.to_numpy()
        share, total = np.eye(len(matrix)), np.zeros_like(matrix)
        for t in range(1, math.ceil(n) + 1):
            share = share @ matrix
            total += min(1.0, n - (t - 1)) * share / (1 + rate) ** t
        return total

    def _last_shares(self, source: Transactions, customers: pd.DataFrame) -> FloatArray:
        """The brands' shares in the last purchase of each customer, shape (n_customers, n_brands)."""
        end, collapse = end_of_summary(customers)
        rows = source.purchases(collapse, end.stop).frame(_LAST_SQL)
        known = self.transitions_.index
        unknown = rows[~rows["category"].isin(known)]
        if len(unknown):
            who, brand = (plain(unknown[name].iloc[0]) for name in ("customer_id", "category"))
            raise InputError(
                f"customer {who!r} bought the unknown brand {brand!r}; known are"
                f" {', '.join(map(repr, known))}."
            )
        table = rows.pivot(index="customer_id", columns="category", values="share")
        return table.reindex(index=customers.index, columns=known).fillna(0.0).to_numpy(dtype=np.float64)

    def _transactions(self, transactions: Transactions | Any) -> Transactions:
        source = transactions
        if not isinstance(source, Transactions):
            source = read_transactions(source, category=self.brand_column, policy=_NOTHING_MISSING)
        if source.columns.category is None:
            raise InputError(
                "the transactions have no brand: read them with clvml.read_transactions(..., category=...)."
            )
        missing, rows = source.engine.frame(_MISSING_SQL).iloc[0].astype(int)
        if missing:
            raise InputError(
                f"{missing:,} of {rows:,} purchases have no {source.columns.category}; drop or impute them."
            )
        return source


_NOTHING_MISSING = TransactionPolicy(
    missing_customer="error", bad_date="error", bad_amount="error", future_date="keep", returns="error"
)
_MISSING_SQL = "SELECT count(*) FILTER (WHERE category IS NULL), count(*) FROM used"
# Shares are summed as decimals: such sums do not depend on the order of rows.
_MARKET_SQL = """
    SELECT category, CAST(sum(CAST(share AS DECIMAL(38, 16))) AS DOUBLE)
           / (SELECT CAST(count(*) AS DOUBLE) FROM purchases) AS share
    FROM shares GROUP BY category
"""
_PAIRS_SQL = """
    SELECT one.category AS brand, next.category AS following,
           CAST(sum(CAST(one.share * next.share AS DECIMAL(38, 16))) AS DOUBLE) AS n
    FROM shares AS one JOIN shares AS next
    ON one.customer_id = next.customer_id AND next.number = one.number + 1
    GROUP BY one.category, next.category
"""
_LAST_SQL = """
    SELECT customer_id, category, share
    FROM (SELECT *, max(number) OVER (PARTITION BY customer_id) AS last FROM shares)
    WHERE number = last ORDER BY customer_id, category
"""
