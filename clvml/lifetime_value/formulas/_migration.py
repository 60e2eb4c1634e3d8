"""The migration model: a Markov chain over recency states, estimated from purchases.

Time runs in periods (a month by default). A customer is in recency state ``k`` if the
last purchase was ``k - 1`` whole periods ago; in the next period they buy with probability ``p[k]``, and
return to state 1, or move on to ``k + 1``. The last state, "left", is absorbing. ``p[k]`` is the
share of customers observed in state ``k`` who bought in the next period, with the estimate of the previous
state as one prior observation, so that rarely observed states have an estimate too.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from clvml.customers._customer_tables import as_customers
from clvml.customers._purchase_ages import query_purchase_ages
from clvml.customers._time_units import Horizon, horizon_in, stated_time_unit
from clvml.customers._transactions import Transactions
from clvml.errors import FitError, InputError
from clvml.lifetime_value.formulas._base import FormulaValue
from clvml.lifetime_value.formulas._chains import markov_chain
from clvml.lifetime_value.formulas._estimates import Estimate, Estimates, check_period
from clvml.lifetime_value.formulas._sums import FloatArray


class MigrationValue(FormulaValue):
    """A Markov chain over the time since last purchase, after Pfeifer and Carraway (2000).

    The value of a customer is the expected number of future active periods given the current state
    (discounted, up to the horizon) times the customer's mean spend per active period. Factors:
    ``recency_state``, ``expected_active_periods`` (discounted) and ``spend_per_active_period``.

    Fitted to a customer summary alone, purchases are assumed to be evenly spaced between the first and the
    last; with the transactions, their actual times are used.

    Parameters
    ----------
    horizon : float or str
        Prediction horizon, in the time unit of the customers, or as text such as ``"12M"``.
    annual_discount_rate : float, default 0
        A fraction per year: 0.10 is 10 %.
    margin : float, default 1
        Profit per unit of spend.
    n_states : int, default 13
        Number of recency states; the last is "left", without a purchase for ``n_states - 1`` periods.
    period : float or str, optional
        Length of a period, in time units or as text such as ``"1M"``, which is the default if the
        customers have a time unit; otherwise one time unit.

    Attributes
    ----------
    params_ : dict of str to float
        ``buys_after_1, ...``: the purchase probability in the next period, by recency state.
    standard_errors_ : dict of str to float
        Binomial standard errors of the purchase probabilities.
    period_ : float
        Length of a period in time units.

    Raises
    ------
    InputError
        From ``fit`` and ``predict``, if an argument or the customer summary is invalid.
    FitError
        From ``fit``, if an input of the formula cannot be estimated from the summary.

    See Also
    --------
    clvml.lifetime_value.formulas.markov_chain : The value of the states of any transition matrix.
    clvml.BGBB : Purchases at discrete opportunities, with heterogeneous customers.
    clvml.compare_models : Compare it with probabilistic models on a holdout.

    References
    ----------
    Pfeifer, Carraway (2000), Modeling Customer Relationships as Markov Chains, Journal of Interactive
    Marketing 14(2).

    Examples
    --------
    Two customers of four weeks, of whom one bought in three of them:

    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame(
    ...     {"frequency": [3.0, 0.0], "recency": [3.0, 0.0], "T": [4.0, 4.0], "total_spend": [40.0, 9.0]}
    ... )
    >>> model = clvml.MigrationValue(horizon=2, n_states=4).fit(customers)
    >>> model.predict_factors(customers)[["clv", "recency_state"]].round(2).values.tolist()
    [[5.51, 2.0], [0.0, 4.0]]
    """

    required_columns: ClassVar[tuple[str, ...]] = ("frequency", "recency", "T", "total_spend")
    period_: float

    def __init__(
        self,
        horizon: Horizon,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        n_states: int = 13,
        period: Horizon | None = None,
    ):
        super().__init__(horizon, annual_discount_rate, margin)
        self.n_states = n_states
        self.period = period

    def fit(self, customers: pd.DataFrame, y: object = None, transactions: Transactions | Any = None) -> Self:
        """Estimate the transition probabilities.

        Parameters
        ----------
        customers : pandas.DataFrame
            One row per customer, with the columns in ``required_columns``.
        y : ignored
            Present for API consistency with scikit-learn; but transactions in its place are used as such.
        transactions : Transactions or frame, optional
            The source of the summary; purchases after its end and of other customers are ignored. The summary
            then needs ``first_purchase``.

        Raises
        ------
        InputError
            If the summary, the transactions or an argument is invalid.
        FitError
            If no customer was observed for a whole period.
        """
        if transactions is None and not _is_outcome(y):
            transactions = y
        customers = as_customers(customers)
        time_unit = stated_time_unit(customers) if isinstance(customers, pd.DataFrame) else None
        if isinstance(self.n_states, bool) or not isinstance(self.n_states, int) or self.n_states < 2:
            raise InputError(f"n_states is {self.n_states!r}; it must be an integer of at least 2.")
        default = 1.0 if time_unit is None else "1M"
        self.period_ = horizon_in(default if self.period is None else self.period, time_unit)
        super().fit(customers)
        if transactions is not None:
            self._keep(self._learn(*_gaps_seen(customers, transactions, self.period_)))
        return self

    def _check_learnt(self) -> None:
        """As `FormulaValue`; and there must be a probability for each state, and a period."""
        super()._check_learnt()
        check_period(self.period_)
        if len(self.params_) != self.n_states - 1:
            raise InputError(f"there must be {self.n_states - 1} probabilities, one for each state.")

    def _shares(self) -> tuple[str, ...]:
        return tuple(self.params_)

    @property
    def transitions(self) -> pd.DataFrame:
        """The transition matrix, by recency state; the last is "left"."""
        check_is_fitted(self)
        names = pd.Index([*map(str, range(1, self.n_states)), "left"], name="recency_state")
        return pd.DataFrame(_chain(list(self.params_.values())), names, names)

    def _estimate(self, table: pd.DataFrame) -> Estimates:
        last, quiet = self._last_period(table)
        active = self._active_periods(table)
        came_back = active > 0
        even = last[came_back] / active[came_back]
        # A gap of 2.5 periods is represented by gaps of 2 and 3, half of each.
        shorter, longer = np.floor(even), even - np.floor(even)
        gaps = np.concatenate([shorter, shorter + 1])
        weights = np.concatenate([active[came_back] * (1 - longer), active[came_back] * longer])
        return self._learn(gaps, weights, quiet)

    def _learn(self, gaps: FloatArray, weights: FloatArray, quiet: FloatArray) -> Estimates:
        """Estimate purchase probabilities from the gaps between purchases and the time since the last."""
        states = np.arange(1, self.n_states)
        bought = np.array([weights[gaps == state].sum() for state in states])
        seen = np.array([weights[gaps >= state].sum() + (quiet >= state).sum() for state in states])
        if not seen[0]:
            raise FitError(
                "transitions cannot be estimated: no customer was observed for a whole period of"
                f" {self.period_:g} time units; use a longer observation period, or a shorter period."
            )
        estimates, before = {}, bought.sum() / seen.sum()
        for state, number, of in zip(states, bought, seen, strict=True):
            before = float((number + before) / (of + 1))
            error = math.sqrt(before * (1 - before) / (of + 1))
            estimates[f"buys_after_{state}"] = Estimate(before, error)
        return estimates

    def _active_periods(self, table: pd.DataFrame) -> FloatArray:
        """Number of active periods after the first: at most the number of purchases, and of periods."""
        return np.minimum(table["frequency"].to_numpy(), self._last_period(table)[0])

    def _last_period(self, table: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
        """The period of the last purchase, counted from the first one's, and whole periods since."""
        last, now = (np.floor(table[name].to_numpy() / self.period_ + 1e-9) for name in ("recency", "T"))
        return last, now - last

    def _value(
        self, table: pd.DataFrame, n_units: float, rate: float
    ) -> tuple[FloatArray, dict[str, FloatArray | float]]:
        state = np.minimum(self._last_period(table)[1].astype(int) + 1, self.n_states)
        expected = self._expected_active_periods(n_units / self.period_, rate)[state - 1]
        spend = table["total_spend"].to_numpy() / (1 + self._active_periods(table))
        factors: dict[str, FloatArray | float] = {
            "recency_state": state.astype(np.float64),
            "expected_active_periods": expected,
            "spend_per_active_period": spend,
        }
        return expected * spend, factors

    def _expected_active_periods(self, n_periods: float, rate: float) -> FloatArray:
        """Discounted expected active periods by state, interpolated for fractional periods."""
        matrix = _chain(list(self.params_.values()))
        per_period = math.expm1(self.period_ * math.log1p(rate))
        buys = np.zeros(len(matrix))
        buys[0] = 1.0
        whole = math.floor(n_periods)
        totals = [
            matrix @ markov_chain(matrix, buys, per_period, n) / (1 + per_period)
            if n
            else np.zeros(len(buys))
            for n in (whole, whole + 1)
        ]
        return totals[0] + (n_periods - whole) * (totals[1] - totals[0])


def _chain(buys: list[float]) -> FloatArray:
    matrix = np.zeros((len(buys) + 1, len(buys) + 1))
    for state, probability in enumerate(buys):
        matrix[state, 0] += probability
        matrix[state, state + 1] += 1 - probability
    matrix[-1, -1] = 1.0
    return matrix


_ACTIVE_SQL = "SELECT DISTINCT position, CAST(floor(age / {period} + 1e-9) AS BIGINT) AS number FROM ages"
_GAPS_SQL = """
    SELECT CAST(gap AS DOUBLE) AS gap, CAST(count(*) AS DOUBLE) AS n
    FROM (SELECT number - lag(number) OVER (PARTITION BY position ORDER BY number) AS gap FROM ({active}))
    WHERE gap IS NOT NULL GROUP BY gap ORDER BY gap
"""
_LAST_SQL = "SELECT position, CAST(max(number) AS DOUBLE) AS last FROM ({active}) GROUP BY position"


def _gaps_seen(
    customers: pd.DataFrame, transactions: Transactions | Any, period: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gaps between purchases in periods, their frequencies, and whole periods since the last."""
    active = _ACTIVE_SQL.format(period=period)
    last = query_purchase_ages(transactions, customers, _LAST_SQL.format(active=active))
    if last.empty:
        raise InputError("no transaction is of a customer in the summary: create both from the same data.")
    gaps = query_purchase_ages(transactions, customers, _GAPS_SQL.format(active=active))
    since = last.set_index("position")["last"].reindex(range(len(customers)), fill_value=0.0)
    quiet = np.floor(customers["T"].to_numpy() / period + 1e-9) - since.to_numpy()
    return gaps["gap"].to_numpy(), gaps["n"].to_numpy(), np.maximum(quiet, 0)


def _is_outcome(y: object) -> bool:
    """Whether ``y`` is one number per customer, as scikit-learn passes it, and not a table or a path."""
    return y is None or isinstance(y, pd.Series) or (isinstance(y, np.ndarray) and y.ndim == 1)
