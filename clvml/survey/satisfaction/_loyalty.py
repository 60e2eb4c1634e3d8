"""Loyal to what: to a technology, a category, a brand, a retailer or a salesperson.

Any column of the transactions is a **level** of loyalty. Of each pair of consecutive purchases of a customer,
``stay`` is the share of the later basket whose values are among those of the earlier one. A dominant brand is
bought again and again without any loyalty, so that ``chance`` is what ``stay`` would be if each later basket
were drawn from the baskets of the *other* customers, and::

    loyalty = (stay - chance) / (1 - chance)

is 0 where the last purchase says nothing about the next one, and 1 where all stay, as in Cohen's kappa. So
levels with two values and with two hundred can be compared.

Intervals treat the customers as the sample (linearised variances, with all purchases of a customer together).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from clvml.customers._transactions import Transactions, as_transactions
from clvml.errors import InputError
from clvml.survey._resamples import LEVEL, check_level
from clvml.survey.satisfaction._intervals import UNKNOWN, share_interval

FloatArray = NDArray[np.float64]
SHUFFLES = 20
_SQL = (
    "SELECT shares.customer_id AS customer_id, number, category, share, CAST(spend AS DOUBLE) AS spend"
    " FROM shares JOIN purchases ON shares.customer_id = purchases.customer_id"
    " AND shares.period = purchases.period ORDER BY 1, 2, 3"
)


@dataclass(frozen=True, eq=False)
class Loyalty:
    """Loyalty at each level; `loyalty` makes it.

    Attributes
    ----------
    levels : pandas.DataFrame
        Index ``level`` (the column), most loyal first: ``values`` (how many), ``customers`` (with two
        purchases or more), ``pairs`` (of consecutive purchases), ``stay``, ``chance`` and ``loyalty`` with
        intervals; ``share_of_wallet``, the mean share of the spend here that a customer's main value has,
        with interval, and ``wallet_by_chance``, the same with baskets shuffled between customers;
        ``share_of_money``, in which customers count by their spend; ``unknown``, the share of purchases
        without a value.
    values : pandas.DataFrame
        Index ``level, value``, largest first: ``customers`` (buyers), ``penetration`` (share of customers),
        ``share_of_spend``, ``share_of_wallet`` (of the spend of its buyers), and of the ``pairs`` whose
        earlier basket has the value ``stay`` (its share of the later basket) with interval, ``chance`` and
        ``loyalty``.
    differences : pandas.DataFrame
        Index ``level``: ``difference`` of loyalty between the first level and each other, with interval.
    customers : pandas.DataFrame
        By ``customer_id``, one row per level: ``level, purchases, main`` (value), ``share_of_wallet``,
        ``stay`` (NaN with one purchase).

    See Also
    --------
    clvml.survey.loyalty : Makes it.
    clvml.plots.loyalty_levels : As a figure.

    Examples
    --------
    Customers stay with a brand more than with a shop:

    >>> import pandas as pd
    >>> from clvml.survey import loyalty
    >>> table = pd.DataFrame({"customer_id": [1, 1, 2, 2, 3, 3, 4, 4], "amount": 10.0})
    >>> table["date"] = ["2024-01-01", "2024-02-01"] * 4
    >>> found = loyalty(table.assign(brand=list("AABBAABB"), shop=list("XXXYYYYX")), ["brand", "shop"])
    >>> found.differences["difference"].round(2).to_dict()
    {'shop': 1.0}
    >>> found.values.loc[("brand", "A"), ["customers", "share_of_spend", "stay"]].tolist()
    [2.0, 0.5, 1.0]
    """

    levels: pd.DataFrame
    values: pd.DataFrame
    differences: pd.DataFrame
    customers: pd.DataFrame


def loyalty(
    transactions: Transactions | Any,
    columns: Sequence[str],
    *,
    collapse: str | None = "D",
    until: Any = None,
    level: float = LEVEL,
    random_state: int = 0,
) -> Loyalty:
    """To what customers are loyal: retention at each level, against chance, and share of wallet.

    Parameters
    ----------
    transactions : Transactions or frame
        From `clvml.read_transactions`, or a table or path with the default names of columns.
    columns : sequence of str
        Columns of the transactions: a level of loyalty each.
    collapse : {"D", "W", "M", "Q", "Y", None}, default "D"
        Rows of a customer within one such period are one purchase.
    until : date, optional
        The last day of the purchases. Default: all.
    level : float, default 0.95
        Of the intervals.
    random_state : int, default 0
        Seed of the shuffles.

    Returns
    -------
    Loyalty
        By level, by value of a level, and by customer.

    Raises
    ------
    InputError
        If a column is missing, holds no value, or no customer bought twice.

    See Also
    --------
    clvml.survey.Loyalty : What it returns.
    clvml.plots.loyalty_levels : As a figure.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.survey import loyalty
    >>> table = pd.DataFrame({"customer_id": [1, 1, 2, 2, 3, 3, 4, 4], "amount": 10.0})
    >>> table["date"] = ["2024-01-01", "2024-02-01"] * 4
    >>> found = loyalty(table.assign(brand=list("AABBAABB"), shop=list("XXXYYYYX")), ["brand", "shop"])
    >>> found.levels[["stay", "chance", "loyalty"]].round(2).to_numpy().tolist()
    [[1.0, 0.33, 1.0], [0.5, 0.5, 0.0]]
    """
    check_level(level)
    names = list(dict.fromkeys([columns] if isinstance(columns, str) else columns))
    if not names:
        raise InputError("columns is empty; name at least one column of the transactions.")
    source = as_transactions(transactions)
    found = {name: _Level.of(source, name, collapse, until) for name in names}
    rows = {name: one.row(level, random_state) for name, one in found.items()}
    levels = pd.DataFrame.from_dict(rows, orient="index").rename_axis("level")
    levels = levels.sort_values("loyalty", ascending=False, kind="stable")
    levels.attrs["level"] = level
    order = [str(name) for name in levels.index]
    return Loyalty(
        levels,
        pd.concat({name: found[name].by_value(level) for name in order}, names=["level", "value"]),
        _differences([found[name] for name in order], order, level),
        pd.concat([found[name].by_customer() for name in order]),
    )


class _Level:
    """Baskets by the values of one column, and the pairs of consecutive ones."""

    def __init__(self, baskets: pd.DataFrame, unknown: float, name: str) -> None:
        self.name, self.unknown = name, unknown
        self.rows = baskets
        self.who = pd.Index(pd.unique(baskets["customer_id"]), name="customer_id")
        self.values = pd.Index(pd.unique(baskets["category"]))
        self.customer = self.who.get_indexer(pd.Index(baskets["customer_id"]))
        self.value = self.values.get_indexer(pd.Index(baskets["category"]))
        keys = np.column_stack([self.customer, baskets["number"].to_numpy()])
        self.purchase = np.r_[0, np.cumsum((keys[1:] != keys[:-1]).any(axis=1))]
        first = np.flatnonzero(np.r_[True, self.purchase[1:] != self.purchase[:-1]])
        self.owner = self.customer[first]  # of each purchase
        self.spend = baskets["spend"].to_numpy(dtype=float)[first]
        self.share = baskets["share"].to_numpy(dtype=float)
        self._pair()

    @classmethod
    def of(cls, source: Transactions, name: str, collapse: str | None, until: Any) -> _Level:
        """The baskets of the transactions, without unknown values."""
        classified = source.with_category(name)
        end = {} if until is None else {"until": pd.Timestamp(until).normalize() + pd.Timedelta(days=1)}
        rows = classified.purchases(classified.effective_collapse(collapse), **end).frame(_SQL)
        if rows["category"].isna().all():
            raise InputError(f"column {name!r} of {source.source} has no value in any purchase.")
        known = rows["category"].notna()
        weights = rows["share"].groupby([rows["customer_id"], rows["number"]])
        unknown = float(rows.loc[~known, "share"].sum() / weights.ngroups)
        rows = rows[known].assign(category=rows.loc[known, "category"].astype(str))
        sums = rows.groupby(["customer_id", "number"])["share"].transform("sum")
        return cls(rows.assign(share=rows["share"] / sums), unknown, name)

    def _pair(self) -> None:
        """Statistics of consecutive purchases, by row of a basket."""
        n_values = len(self.values)
        number_of_baskets = len(self.owner)
        has_next = np.r_[self.owner[1:] == self.owner[:-1], False]
        has_last = np.r_[False, self.owner[1:] == self.owner[:-1]]
        self.is_earlier, self.is_later = has_next[self.purchase], has_last[self.purchase]
        self.pairs = int(has_next.sum())
        if not self.pairs:
            raise InputError(
                f"no customer has two purchases with a value in column {self.name!r}: nobody can stay."
            )
        keys = self.purchase * n_values + self.value
        self.stays = self.is_later & np.isin(keys - n_values, keys)  # the value was in the basket before
        self.taken = np.where(self.is_later, self.share, 0.0)
        self.stayed = np.where(self.stays, self.share, 0.0)
        self.by_pair = np.bincount(self.purchase, self.stayed, number_of_baskets)
        self.later_pairs = np.bincount(self.owner, has_last, len(self.who))  # pairs of each customer
        self.followers = np.bincount(self.value, self.taken, n_values)  # by value, in later baskets
        self.before = np.bincount(self.value, self.is_earlier, n_values)  # by value, earlier baskets

    def _chances(self) -> FloatArray:
        """Of each row of an earlier basket: the share of its value in later baskets of other customers."""
        keys = self.customer * len(self.values) + self.value
        unique, place = np.unique(keys, return_inverse=True)
        own = np.bincount(place, self.taken, len(unique))[place]
        others = self.pairs - self.later_pairs[self.customer]
        rest = self.followers[self.value] - own
        chances = np.divide(rest, others, out=np.full(len(rest), np.nan), where=others > 0)
        return np.where(self.is_earlier, chances, 0.0)

    def _loyalty(self) -> tuple[float, float, float, FloatArray, FloatArray]:
        """Stay, chance, loyalty, and the influences of each customer on stay and on loyalty."""
        n, count = len(self.who), float(self.pairs)
        stayed = np.bincount(self.customer, self.stayed, n)
        stay, chance = float(stayed.sum()) / count, float(self._chances().sum()) / count
        loyal = (stay - chance) / (1 - chance) if chance < 1 else np.nan
        on_stay = (stayed - stay * self.later_pairs) / count
        earlier = np.bincount(self.customer, np.where(self.is_earlier, self.followers[self.value], 0.0), n)
        later = np.bincount(self.customer, self.taken * self.before[self.value], n)
        mean = float(self.followers @ self.before) / count**2
        on_chance = ((earlier + later) / count - 2 * mean * self.later_pairs) / count
        on_loyalty = (on_stay - on_chance * (1 - loyal)) / (1 - chance) if chance < 1 else on_stay * np.nan
        return stay, chance, loyal, on_stay, on_loyalty

    @property
    def repeaters(self) -> NDArray[np.bool_]:
        """Which customers have two purchases or more."""
        return self.later_pairs > 0

    def influences(self) -> pd.Series:
        """The influence of each customer on the loyalty of this level."""
        return pd.Series(self._loyalty()[4], self.who)

    def row(self, level: float, random_state: int) -> dict[str, float]:
        """The level in one row, as in `Loyalty.levels`."""
        stay, chance, loyal, on_stay, on_loyalty = self._loyalty()
        n = int(self.repeaters.sum())
        ends = share_interval(stay * (m := effective(stay, on_stay, n, self.pairs)), m, level)
        half = _half(on_loyalty[self.repeaters], level)
        wallet, money = self._wallets(self.owner)
        half_wallet = (
            stats.t.ppf((1 + level) / 2, n - 1) * wallet.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
        )
        return {
            "values": len(self.values), "customers": n, "pairs": self.pairs,
            "stay": stay, "stay_lower": ends[0], "stay_upper": ends[1], "chance": chance,
            "loyalty": loyal, "loyalty_lower": loyal - half, "loyalty_upper": min(loyal + half, 1.0),
            "share_of_wallet": float(wallet.mean()),
            "share_of_wallet_lower": float(wallet.mean() - half_wallet),
            "share_of_wallet_upper": min(float(wallet.mean() + half_wallet), 1.0),
            "wallet_by_chance": self._wallet_by_chance(random_state),
            "share_of_money": money, "unknown": self.unknown,
        }  # fmt: skip

    def by_value(self, level: float) -> pd.DataFrame:
        """The values of the level, as in `Loyalty.values`."""
        n, n_values = len(self.who), len(self.values)
        money = self._spent().groupby(["customer", "value"])["money"].sum()
        totals = money.groupby(level="customer").sum()
        buyers = money.index.get_level_values("value").to_numpy()
        own = np.bincount(buyers, money.to_numpy(), n_values)
        of_buyers = np.bincount(buyers, totals[money.index.get_level_values("customer")], n_values)
        followed = np.bincount(self.value, self.stayed, n_values)
        table = pd.DataFrame(
            {
                "customers": np.bincount(buyers, minlength=n_values),
                "penetration": np.bincount(buyers, minlength=n_values) / n,
                "share_of_spend": own / (own.sum() or np.nan),
                "share_of_wallet": _ratio(own, of_buyers),
                "pairs": self.before.astype(int),
                "stay": _ratio(followed, self.before),
                "chance": self.followers / self.pairs,
            },
            index=pd.Index(self.values, name="value"),
        )
        ends = self._value_intervals(table["stay"].to_numpy(), level)
        table.insert(6, "stay_lower", [lower for lower, _ in ends])
        table.insert(7, "stay_upper", [upper for _, upper in ends])
        table["loyalty"] = (table["stay"] - table["chance"]) / (1 - table["chance"])
        return table.sort_values("share_of_spend", ascending=False, kind="stable")

    def by_customer(self) -> pd.DataFrame:
        """The customers at this level, as in `Loyalty.customers`."""
        money = self._spent().groupby(["customer", "value"])["money"].sum().reset_index()
        main = money.sort_values(["customer", "money"], kind="stable").groupby("customer").last()
        total = money.groupby("customer")["money"].sum()
        stayed = np.bincount(self.customer, self.stayed, len(self.who))
        return pd.DataFrame(
            {
                "level": self.name,
                "purchases": np.bincount(self.owner, minlength=len(self.who)),
                "main": self.values[main["value"].to_numpy()],
                "share_of_wallet": (main["money"] / total.where(total > 0)).to_numpy(),
                "stay": _ratio(stayed, self.later_pairs),
            },
            index=self.who,
        )

    def _value_intervals(self, stay: FloatArray, level: float) -> list[tuple[float, float]]:
        """The interval of ``stay`` of each value, with all purchases of a customer together."""
        rows = pd.DataFrame(
            {
                "customer": self.customer, "value": self.value, "pairs": self.is_earlier.astype(float),
                "stayed": self.stayed,
            }
        )  # fmt: skip
        sums = rows.groupby(["value", "customer"]).sum()
        sums = sums[sums["pairs"] > 0]
        value = sums.index.get_level_values("value").to_numpy()
        sums["influence"] = (sums["stayed"] - stay[value] * sums["pairs"]) / self.before[value]
        influences, counts = sums["influence"].to_numpy(), np.bincount(value, minlength=len(stay))
        places = np.r_[0, np.cumsum(counts)]  # sums are in the order of the values
        ends = []
        for v, share in enumerate(stay):
            if not counts[v]:
                ends.append(UNKNOWN)
                continue
            own = influences[places[v] : places[v + 1]]
            n = effective(float(share), own, len(own), int(self.before[v]))
            ends.append(share_interval(float(share) * n, n, level))
        return ends

    def _spent(self) -> pd.DataFrame:
        """Money by row of a basket; where nothing was paid at all, the purchases count."""
        spend = np.clip(self.spend, 0.0, None)
        paid = spend if spend.any() else np.ones_like(spend)
        return pd.DataFrame(
            {"customer": self.customer, "value": self.value, "money": self.share * paid[self.purchase]}
        )

    def _wallets(self, owner: NDArray[np.int64]) -> tuple[FloatArray, float]:
        """Share of the main value of each customer with several purchases, and that of all their money."""
        rows = self._spent().assign(customer=owner[self.purchase])
        rows = rows[self.repeaters[rows["customer"]]]
        by = rows.groupby(["customer", "value"], sort=False)["money"].sum().groupby(level="customer")
        main, total = by.max().to_numpy(), by.sum().to_numpy()
        known = total > 0
        return main[known] / total[known], float(main.sum() / total.sum()) if known.any() else np.nan

    def _wallet_by_chance(self, random_state: int) -> float:
        """The mean share of the main value if baskets belonged to random customers."""
        rng = np.random.default_rng(random_state)
        places = np.flatnonzero(self.repeaters[self.owner])
        drawn = []
        for _ in range(SHUFFLES):
            owner = self.owner.copy()
            owner[places] = self.owner[rng.permutation(places)]
            drawn.append(self._wallets(owner)[0].mean())
        return float(np.mean(drawn))


def effective(share: float, influences: FloatArray, n_customers: int, n_pairs: int) -> float:
    """The number of independent answers with the variance that a share of clustered ones has.

    At most the number of pairs; where all stay, or none, the number of customers.
    """
    variance = float((influences**2).sum()) * n_customers / max(n_customers - 1, 1)
    if not 0 < share < 1 or variance <= 0:
        return float(n_customers)
    return float(min(share * (1 - share) / variance, n_pairs))


def _half(influences: FloatArray, level: float) -> float:
    n = len(influences)
    if n < 2:
        return np.nan
    spread = np.sqrt(n / (n - 1) * ((influences - influences.mean()) ** 2).sum())
    return float(stats.t.ppf((1 + level) / 2, n - 1) * spread)


def _differences(levels: list[_Level], names: list[str], level: float) -> pd.DataFrame:
    first, rows = levels[0], {}
    for name, other in zip(names[1:], levels[1:], strict=True):
        gap = first.influences().sub(other.influences(), fill_value=0.0).to_numpy()
        difference = first._loyalty()[2] - other._loyalty()[2]
        half = _half(gap, level)
        rows[name] = {"difference": difference, "lower": difference - half, "upper": difference + half}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["difference", "lower", "upper"])
    return table.rename_axis("level")


def _ratio(over: Any, under: Any) -> FloatArray:
    over, under = np.asarray(over, dtype=float), np.asarray(under, dtype=float)
    return np.divide(over, under, out=np.full(len(over), np.nan), where=under > 0)
