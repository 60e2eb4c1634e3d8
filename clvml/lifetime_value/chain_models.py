"""Migration and brand switching as models: transition matrices estimated from purchases.

**Migration.** Time runs in periods (a month by default). A customer is in recency state ``k`` when the
last purchase was ``k - 1`` whole periods ago; in the next period they buy with probability ``p[k]``, and are
in state 1 again, or move on to ``k + 1``. The last state is for good: they have left. ``p[k]`` is the
share of customers seen in state ``k`` who bought next, with the estimate of the state before it as one
further observation, so that states hardly anybody was seen in have an estimate too.

**Brand switching.** A period is the average time between two purchases of a customer. ``M[i, j]`` is
the share of purchases of brand ``i`` that were followed by one of ``j``, with the market's shares as
one further observation. The wallet is what the customer spends on all brands per period.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clvml.customers.summary import summarize
from clvml.customers.time_units import horizon_in, rate_per_unit, time_unit_of
from clvml.customers.transactions import Transactions, as_transactions
from clvml.errors import FitError, InputError
from clvml.lifetime_value.chains import migration
from clvml.lifetime_value.formula_models import FormulaValue
from clvml.lifetime_value.sums import FloatArray, checked


class MigrationValue(FormulaValue):
    """A Markov chain over how long ago customers bought last, after Pfeifer and Carraway (2000).

    Each customer is valued from the state they are in today, ``E`` active periods to come (discounted,
    up to the horizon) times what an active period of theirs has brought on average. Factors:
    ``recency_state``, ``expected_active_periods`` (discounted) and ``spend_per_active_period``.

    Fitted to a customer summary alone, a customer's purchases are taken to be evenly spread between
    the first and the last; with the transactions, as they were.

    Parameters
    ----------
    horizon, annual_discount_rate, margin
        As in :class:`FormulaValue`.
    n_states : int, default 13
        Recency states, the last of which is "left": who has not bought for ``n_states - 1`` periods.
    period : float or str, optional
        Length of a period, in time units or as text such as ``"1M"``, which is the default where the
        customers know their time unit; otherwise one time unit.

    Attributes
    ----------
    params_ : dict of str to float
        ``buys_after_1, ...``: the probability to buy in the next period, by recency state.
    standard_errors_ : dict of str to float
        Of each of them, as a share of that many customers.
    period_ : float
        Length of a period in time units.

    Examples
    --------
    >>> customers = pd.DataFrame(
    ...     {"frequency": [3.0, 0.0], "recency": [3.0, 0.0], "T": [4.0, 4.0], "total_spend": [40.0, 9.0]}
    ... )
    >>> model = MigrationValue(horizon=2, n_states=4).fit(customers)
    >>> model.predict_factors(customers).round(2).iloc[:, :2].values.tolist()
    [[5.51, 2.0], [0.0, 4.0]]
    """

    required_columns: ClassVar[tuple[str, ...]] = ("frequency", "recency", "T", "total_spend")

    def __init__(
        self,
        horizon: float | str,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        n_states: int = 13,
        period: float | str | None = None,
    ):
        super().__init__(horizon, annual_discount_rate, margin)
        self.n_states = n_states
        self.period = period

    def fit(self, customers: pd.DataFrame, transactions: Transactions | Any = None) -> Self:
        """Estimate the transition probabilities.

        Parameters
        ----------
        customers : pandas.DataFrame
            One row a customer, with the columns in ``required_columns``.
        transactions : Transactions or frame, optional
            The purchases that the summary was made from; those after its end, and of other
            customers, are left out. The summary then needs ``first_purchase``.

        Raises
        ------
        InputError
            If the summary, the transactions or an argument breaks a rule.
        FitError
            If no customer was observed for a whole period.
        """
        time_unit = customers.attrs.get("time_unit") if isinstance(customers, pd.DataFrame) else None
        if isinstance(self.n_states, bool) or not isinstance(self.n_states, int) or self.n_states < 2:
            raise InputError(f"n_states is {self.n_states!r}; it must be a whole number of 2 or more.")
        default = 1.0 if time_unit is None else "1M"
        self.period_ = horizon_in(default if self.period is None else self.period, time_unit)
        super().fit(customers)
        if transactions is not None:
            gaps, quiet = _gaps_seen(customers, transactions, self.period_)
            self._learn(gaps, np.ones(len(gaps)), quiet)
        return self

    @property
    def transitions(self) -> pd.DataFrame:
        """The transition matrix, by recency state; the last is "left"."""
        check_is_fitted(self)
        names = pd.Index([*map(str, range(1, self.n_states)), "left"], name="recency_state")
        return pd.DataFrame(_chain(list(self.params_.values())), names, names)

    def _estimate(self, table: pd.DataFrame) -> dict[str, float]:
        last, quiet = self._last_period(table)
        active = self._active_periods(table)
        came_back = active > 0
        even = last[came_back] / active[came_back]
        # A gap of 2.5 periods stands for gaps of 2 and of 3, half of each.
        shorter, longer = np.floor(even), even - np.floor(even)
        gaps = np.concatenate([shorter, shorter + 1])
        weights = np.concatenate([active[came_back] * (1 - longer), active[came_back] * longer])
        return self._learn(gaps, weights, quiet)

    def _learn(self, gaps: FloatArray, weights: FloatArray, quiet: FloatArray) -> dict[str, float]:
        """Probabilities from the periods between purchases, and those since the last."""
        states = np.arange(1, self.n_states)
        bought = np.array([weights[gaps == state].sum() for state in states])
        seen = np.array([weights[gaps >= state].sum() + (quiet >= state).sum() for state in states])
        if not seen[0]:
            raise FitError(
                "transitions cannot be estimated: no customer was observed for a whole period of"
                f" {self.period_:g} time units; end the observation later, or give a shorter period."
            )
        probabilities = []
        before = bought.sum() / seen.sum()
        for number, of in zip(bought, seen, strict=True):
            before = (number + before) / (of + 1)
            probabilities.append(float(before))
        names = [f"buys_after_{state}" for state in states]
        errors = np.sqrt(np.array(probabilities) * (1 - np.array(probabilities)) / (seen + 1))
        self.params_ = dict(zip(names, probabilities, strict=True))
        self.standard_errors_ = dict(zip(names, errors.tolist(), strict=True))
        return self.params_

    def _standard_errors(self, table: pd.DataFrame) -> dict[str, float]:  # noqa: ARG002 - learnt with the rest
        return self.standard_errors_

    def _active_periods(self, table: pd.DataFrame) -> FloatArray:
        """Periods with a purchase after the first one's: no more than purchases, nor than periods."""
        return np.minimum(table["frequency"].to_numpy(), self._last_period(table)[0])

    def _last_period(self, table: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
        """The period of the last purchase, counted from the first one's, and whole periods since."""
        last, now = (np.floor(table[name].to_numpy() / self.period_ + 1e-9) for name in ("recency", "T"))
        return last, now - last

    def _value(
        self, table: pd.DataFrame, n_units: float, rate: float
    ) -> tuple[FloatArray, dict[str, FloatArray | float]]:
        state = np.minimum(self._last_period(table)[1].astype(int) + 1, self.n_states)
        expected = self._periods_to_come(n_units / self.period_, rate)[state - 1]
        spend = table["total_spend"].to_numpy() / (1 + self._active_periods(table))
        factors: dict[str, FloatArray | float] = {
            "recency_state": state.astype(np.float64),
            "expected_active_periods": expected,
            "spend_per_active_period": spend,
        }
        return expected * spend, factors

    def _periods_to_come(self, n_periods: float, rate: float) -> FloatArray:
        """Discounted active periods by state; part of a period counts as that part of it."""
        matrix = _chain(list(self.params_.values()))
        per_period = math.expm1(self.period_ * math.log1p(rate))
        buys = np.zeros(len(matrix))
        buys[0] = 1.0
        whole = math.floor(n_periods)
        ahead = [
            matrix @ migration(matrix, buys, per_period, n) / (1 + per_period) if n else np.zeros(len(buys))
            for n in (whole, whole + 1)
        ]
        return ahead[0] + (n_periods - whole) * (ahead[1] - ahead[0])


def _chain(buys: list[float]) -> FloatArray:
    matrix = np.zeros((len(buys) + 1, len(buys) + 1))
    for state, probability in enumerate(buys):
        matrix[state, 0] += probability
        matrix[state, state + 1] += 1 - probability
    matrix[-1, -1] = 1.0
    return matrix


def _gaps_seen(
    customers: pd.DataFrame, transactions: Transactions | Any, period: float
) -> tuple[FloatArray, FloatArray]:
    """Periods between purchases, and whole ones since the last, from the purchases themselves."""
    if "first_purchase" not in customers:
        raise InputError(
            "the customer summary lacks 'first_purchase'; clvml.summarize and clvml.split give it."
        )
    unit = time_unit_of(customers.attrs.get("time_unit", ""))
    length = pd.Timedelta(days=unit.days * period)
    rows = as_transactions(transactions).to_pandas()[["customer_id", "date"]]
    rows = rows.join(customers[["first_purchase", "T"]], on="customer_id", how="inner")
    if rows.empty:
        raise InputError(
            "none of the transactions is of a customer in the summary: fit both from the same data."
        )
    since = (rows["date"].dt.normalize() - rows["first_purchase"].dt.normalize()) / pd.Timedelta(
        days=unit.days
    )
    rows = rows[(since >= 0) & (since <= rows["T"] + 1e-9)]
    at = ((rows["date"].dt.normalize() - rows["first_purchase"].dt.normalize()) / length + 1e-9).astype(int)
    active = pd.DataFrame({"customer_id": rows["customer_id"], "period": at}).drop_duplicates()
    active = active.sort_values(["customer_id", "period"])
    gaps = active.groupby("customer_id")["period"].diff().dropna().to_numpy(dtype=np.float64)
    last = active.groupby("customer_id")["period"].max().reindex(customers.index).fillna(0)
    quiet = np.floor(customers["T"].to_numpy() / period + 1e-9) - last.to_numpy()
    return gaps, np.maximum(quiet, 0)


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
        """Sum over the periods to come of the brands' shares, by brand bought last."""
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
