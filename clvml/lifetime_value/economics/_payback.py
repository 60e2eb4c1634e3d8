"""Payback of acquisition cost as a curve: cumulative margin per acquired customer less CAC, by age.

With customers ``i`` of a group, ``T_i`` their observed age in periods, and ``m_ik`` the margin (less the cost
of keeping the customer) of customer ``i`` between ages ``k - 1`` and ``k``, the first purchase at ``k = 0``::

    observed(k) = sum over j <= k of  sum over T_i >= j of m_ij / (number of T_i >= j)
    balance(k)  = observed(k) - CAC

This is the mean cumulative function of Nelson: each age counts the customers who were followed that long, so
that customers who are younger (censored) do not bias it; where all were followed it is the plain mean. It is
undiscounted, as payback conventionally is. Beyond the ages that enough customers have reached, the
expectation of a model is added: of each customer, given their own history, from the end of observation on.

Source: Nelson, "Graphical analysis of system repair data" (Journal of Quality Technology 20, 1988), equation
1; Gupta, Lehmann, "Managing Customers as Investments" (2005), chapter 2, for payback.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.customers._cohorts import age_in, periods_per_unit
from clvml.customers._purchase_ages import query_purchase_ages
from clvml.customers._time_units import time_unit_of
from clvml.customers._transactions import Transactions
from clvml.errors import InputError
from clvml.lifetime_value._protocol import ValueModel
from clvml.lifetime_value.formulas._sums import checked

Array = NDArray[np.float64]

ALL_CUSTOMERS = "all customers"
FOLLOWED = 0.5  # share of a group that must have reached an age for it to count as observed
_SPEND_SQL = """
    SELECT CAST(member AS INTEGER) AS member, CAST(ceil(age * periods - 1e-9) AS INTEGER) AS age,
           CAST(sum(spend) AS DOUBLE) AS spend,
           CAST(coalesce(sum(spend) FILTER (WHERE T * periods >= ceil(age * periods - 1e-9) - 1e-9), 0)
                AS DOUBLE) AS followed
    FROM ages WHERE member >= 0 GROUP BY 1, 2 ORDER BY 1, 2
"""


def payback_curves(
    transactions: Transactions | Any,
    customers: pd.DataFrame,
    acquisition_cost: float | pd.Series,
    *,
    groups: pd.Series | None = None,
    margin: float = 1.0,
    annual_service_cost: float = 0.0,
    period: str = "M",
    model: ValueModel | None = None,
    n_ahead: int = 12,
) -> pd.DataFrame:
    """Cumulative margin per acquired customer less acquisition cost, by group and age.

    Parameters
    ----------
    transactions : Transactions or frame
        The source of the summary.
    customers : pandas.DataFrame, shape (n_customers, ...)
        The customer summary, from `summarize`.
    acquisition_cost : float or pandas.Series
        CAC per acquired customer, in currency units, or by group; not negative.
    groups : pandas.Series, optional
        The group of each customer, such as the cohort (`clvml.cohorts`) or the channel; customers whose group
        is missing are left out. One group by default.
    margin : float, default 1
        Profit per unit of spend.
    annual_service_cost : float, default 0
        Cost of keeping a customer, per customer and year.
    period : {"D", "W", "M", "Q", "Y"}, default "M"
        Unit of the age.
    model : ValueModel, optional
        Fitted; continues the curves for ``n_ahead`` periods beyond the ages that at least half of a group has
        reached. Its margin is replaced by ``margin``.
    n_ahead : int, default 12
        Periods for which the model continues the curves.

    Returns
    -------
    pandas.DataFrame
        Index ``group, age``. Columns ``customers`` (of the group), ``followed`` (of them, those who have
        reached the age), ``margin`` (per acquired customer in the period before that age), ``cumulative``,
        ``acquisition_cost``, ``balance`` and ``kind``: "observed", or "expected" by the model.

    Raises
    ------
    InputError
        If a cost is negative or missing for a group, or the summary lacks its time unit.

    See Also
    --------
    clvml.lifetime_value.economics.payback_times : When each group has paid back.
    clvml.lifetime_value.economics.acquisition_costs : CAC by channel.
    clvml.plots.payback : Draw the curves.

    Examples
    --------
    Ten paid for a customer who brings 6 at once and 5 two weeks later:

    >>> import clvml
    >>> import pandas as pd
    >>> from clvml.lifetime_value.economics import payback_curves
    >>> sales = pd.DataFrame({"customer_id": ["a", "a"], "amount": [6.0, 5.0],
    ...                       "date": ["2024-01-01", "2024-01-15"]})
    >>> customers = clvml.summarize(sales, "2024-01-29")
    >>> payback_curves(sales, customers, 10.0, period="W")["balance"].tolist()
    [-4.0, -4.0, 1.0, 1.0, 1.0]
    """
    share = float(checked("margin", margin, lowest=0))
    service = (
        float(checked("annual_service_cost", annual_service_cost, lowest=0)) / time_unit_of(period).per_year
    )
    base = _Base.of(customers, groups, period)
    costs = _costs(acquisition_cost, base.names)
    spent, followed = _spend(transactions, customers, base)
    ages = np.arange(spent.shape[1])
    n_followed = base.followed(ages)
    with np.errstate(invalid="ignore"):
        observed = share * followed / np.where(n_followed > 0, n_followed, np.nan)
    observed[:, 1:] -= service
    completed = None
    last = base.last_observed()
    if model is not None:
        completed = _completed(model, customers, base, spent * share, int(last.max()) + n_ahead, share)
        completed[:, 1:] -= service
    tables = []
    for number, name in enumerate(base.names):
        margins = observed[number, : last[number] + 1]
        if completed is not None:
            margins = np.append(margins, completed[number, last[number] + 1 : last[number] + 1 + n_ahead])
        tables.append(_curve(name, number, margins, int(last[number]), base, float(costs[name])))
    return pd.concat(tables).set_index(["group", "age"])


def payback_times(curves: pd.DataFrame) -> pd.DataFrame:
    """When each group has paid back its acquisition cost.

    Parameters
    ----------
    curves : pandas.DataFrame
        From `payback_curves`.

    Returns
    -------
    pandas.DataFrame
        Index ``group``. Columns ``customers``, ``acquisition_cost``, ``age`` (the last observed),
        ``cumulative`` and ``balance`` at that age, ``payback`` (the first age with a balance of at least 0;
        NaN if there is none) and ``kind``: "observed", "expected" by the model, or "not yet".

    See Also
    --------
    clvml.lifetime_value.economics.payback_curves : Makes the curves.
    clvml.plots.payback : Draw the curves.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.lifetime_value.economics import payback_times
    >>> curves = pd.DataFrame(
    ...     {"customers": 5, "followed": 5, "cumulative": [6.0, 8.0, 11.0], "acquisition_cost": 10.0,
    ...      "balance": [-4.0, -2.0, 1.0], "kind": ["observed", "observed", "expected"]},
    ...     index=pd.MultiIndex.from_product([["web"], [0, 1, 2]], names=["group", "age"]))
    >>> payback_times(curves)[["age", "balance", "payback", "kind"]]
           age  balance  payback      kind
    group
    web      1     -2.0      2.0  expected
    """
    rows = {}
    for name, curve in curves.groupby(level="group", sort=False):
        at = curve.droplevel("group")
        seen = at[at["kind"] == "observed"]
        last, last_age = seen.iloc[-1], len(seen) - 1
        paid = at.index[at["balance"] >= 0]
        rows[name] = {
            "customers": seen["customers"].iloc[-1],
            "acquisition_cost": last["acquisition_cost"],
            "age": last_age,
            "cumulative": last["cumulative"],
            "balance": last["balance"],
            "payback": float(paid[0]) if len(paid) else math.nan,
            "kind": at.at[paid[0], "kind"] if len(paid) else "not yet",
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("group")


class _Base(NamedTuple):
    """Customers by number of their group (-1: none), and their observed age in periods."""

    names: list[Any]
    member: NDArray[np.int64]
    age: Array
    units_per_period: float

    @classmethod
    def of(cls, customers: pd.DataFrame, groups: pd.Series | None, period: str) -> _Base:
        if groups is None:
            groups = pd.Series(ALL_CUSTOMERS, customers.index)
        codes, names = pd.factorize(groups.reindex(customers.index), sort=True)
        if not len(names):
            raise InputError("no customer has a group; groups must be a Series on the customers' index.")
        return cls(
            list(names),
            codes.astype(np.int64),
            age_in(customers, period),
            1 / periods_per_unit(customers, period),
        )

    @property
    def sizes(self) -> NDArray[np.int64]:
        return np.bincount(self.member[self.member >= 0], minlength=len(self.names))

    def followed(self, ages: NDArray[np.int64]) -> Array:
        """Customers who have reached each age, by group."""
        reached = np.stack([self._count(self.age >= age - 1e-9) for age in ages], axis=1)
        return reached.astype(np.float64)

    def last_observed(self) -> NDArray[np.int64]:
        """The last whole age that at least `FOLLOWED` of each group has reached."""
        whole = np.floor(self.age + 1e-9)
        found = [
            np.quantile(whole[self.member == number], 1 - FOLLOWED, method="lower")
            for number in range(len(self.names))
        ]
        return np.array(found, dtype=np.int64)

    def _count(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(self.member[chosen & (self.member >= 0)], minlength=len(self.names))


def _costs(acquisition_cost: float | pd.Series, names: list[Any]) -> pd.Series:
    if not isinstance(acquisition_cost, pd.Series):
        acquisition_cost = pd.Series(float(acquisition_cost), index=names)
    costs = acquisition_cost.reindex(names)
    if costs.isna().any():
        raise InputError(
            f"acquisition_cost has no cost for the group {costs.index[int(np.argmax(costs.isna()))]!r}: give"
            " one, or leave its customers out by a missing group. No cost is a cost of 0."
        )
    checked("acquisition_cost", costs.to_numpy(dtype=np.float64), lowest=0)
    return costs


def _spend(transactions: Transactions | Any, customers: pd.DataFrame, base: _Base) -> tuple[Array, Array]:
    """Spend by group and age: of all its customers, and of those who have reached the age."""
    given = {
        "member": base.member,
        "periods": np.full(len(customers), 1 / base.units_per_period),
    }
    rows = query_purchase_ages(transactions, customers, _SPEND_SQL, given)
    oldest = int(max(base.age.max(), 0)) + 1
    spent, followed = np.zeros((2, len(base.names), oldest + 1))
    place = rows["member"].to_numpy(), np.minimum(rows["age"].to_numpy(), oldest)
    np.add.at(spent, place, rows["spend"].to_numpy())
    np.add.at(followed, place, rows["followed"].to_numpy())
    return spent, followed


def _completed(
    model: ValueModel, customers: pd.DataFrame, base: _Base, margins: Array, longest: int, share: float
) -> Array:
    """Margin per acquired customer by age, observed until each customer's end and expected from then on.

    Expectations at fractions of a period are interpolated. With ``whole`` the customer's age rounded up and
    ``f`` what rounding added, the expectation until age ``k`` is between those over ``k - whole`` and
    ``k - whole + 1`` periods.
    """
    whole = np.ceil(base.age - 1e-9).astype(np.int64)
    added = whole - base.age
    n_groups, n_ages = len(base.names), max(longest, margins.shape[1]) + 1
    total = np.zeros((n_groups, n_ages))
    total[:, : margins.shape[1]] = margins
    cumulative = total.cumsum(axis=1)
    inside = base.member >= 0
    before = np.zeros(len(customers))
    for ahead in range(longest - int(whole.min()) + 1):
        after = _expected(model, customers, ahead + 1, base, share)
        until = (1 - added) * before + added * after  # by age whole + ahead
        sums = np.zeros((n_groups, n_ages))
        reached = inside & (whole + ahead < n_ages)
        np.add.at(sums, (base.member[reached], (whole + ahead)[reached]), until[reached])
        cumulative += sums
        before = after
    return np.diff(cumulative, axis=1, prepend=0.0) / base.sizes[:, None]


def _expected(model: ValueModel, customers: pd.DataFrame, n_periods: int, base: _Base, share: float) -> Array:
    """Expected margin of each customer within some periods from the end of observation, undiscounted."""
    value = model.predict(customers, n_periods * base.units_per_period, 0.0).to_numpy(dtype=np.float64)
    return value * (share / model.margin if model.margin else 0.0)


def _curve(name: Any, number: int, margins: Array, last: int, base: _Base, cost: float) -> pd.DataFrame:
    ages = np.arange(len(margins))
    cumulative = np.cumsum(margins)
    return pd.DataFrame(
        {
            "group": name,
            "age": ages,
            "customers": base.sizes[number],
            "followed": base.followed(ages)[number].astype(np.int64),
            "margin": margins,
            "cumulative": cumulative,
            "acquisition_cost": cost,
            "balance": cumulative - cost,
            "kind": np.where(ages <= last, "observed", "expected"),
        }
    )
