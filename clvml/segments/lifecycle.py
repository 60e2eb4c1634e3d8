"""Where each customer's relation stands: exploration, build-up, stability, decline, former.

The rule, from top to bottom; the first that holds decides, and the column ``reason`` names it:

1. **former**: P(alive) is below ``former_below``; or the customer bought once and has been silent for
   more than ``silent_after`` typical gaps (BG/NBD takes who bought once as alive for certain). The
   typical gap is the time between first and last purchases over the number of repeat purchases, all
   customers of the fit together.
2. **decline**: a repeat buyer with P(alive) below ``decline_below``; or purchases or spend are falling.
3. **exploration**: fewer than ``few`` repeat purchases.
4. **build-up**: purchases or spend are rising, or fewer than ``established`` repeat purchases.
5. **stability**: all others.

**Rising and falling** compare the customer with the own past: repeat purchases (and what was spent on
them) in the later half of the time since the first purchase, against the earlier half, as
``trend = (later - earlier) / (later + earlier)``. From 1/3 on (twice as much later) it rises, to -1/3 it
falls, given at least ``established`` repeat purchases: with fewer, halves differ by chance. Purchases of
the halves come from `relation_evidence`; without them the trend is unknown and rules that use it do
not hold.

All of this is free of the units of money and time.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clvml.customers.checks import HISTORY, check_customers
from clvml.customers.time_units import time_unit_of
from clvml.customers.transactions import Transactions
from clvml.errors import InputError
from clvml.segments.tables import ByName

STAGES = ("exploration", "build-up", "stability", "decline", "former")
SHAPES = ("broken off early", "broken off midway", "left early", "long-lasting")
HALVES = ("earlier_purchases", "later_purchases", "earlier_spend", "later_spend")
REASONS = (
    "P(alive) is very low",
    "bought once, long silent",
    "P(alive) is low",
    "purchases are falling",
    "spend is falling",
    "few purchases",
    "purchases are rising",
    "spend is rising",
    "not yet established",
    "established and steady",
)
STAGE_OF = dict(
    zip(
        REASONS,
        ("former", "former", "decline", "decline", "decline", "exploration", *["build-up"] * 3, "stability"),
        strict=True,
    )
)


class LifecycleStages(ByName, BaseEstimator):
    """The stage of each customer's relation, by the rule of this module.

    Parameters
    ----------
    former_below, decline_below : float
        P(alive) below which a relation is over, and below which it declines.
    silent_after : float
        Typical gaps of silence after which somebody who bought once is gone.
    few, established : int
        Repeat purchases from which a relation is more than a trial, and from which it is established.
    trend : float
        From this trend on it rises, to minus this trend it falls; 1/3 is twice as much.

    Attributes
    ----------
    typical_gap_ : float
        In the unit of time of the fit; infinite if nobody came back.
    names_ : tuple of str
        The stages.
    profile_ : pandas.DataFrame
        Index ``stage``; ``customers, share_of_customers`` and medians of the evidence.
    time_unit_ : str or None
        The unit of time of the fitted customers.

    Examples
    --------
    >>> customers = pd.DataFrame(
    ...     {
    ...         "frequency": [0.0, 2.0, 9.0, 9.0, 9.0],
    ...         "recency": [0.0, 20.0, 29.0, 18.0, 6.0],
    ...         "T": [4.0, 30.0, 30.0, 30.0, 30.0],
    ...         "probability_alive": [1.0, 0.8, 0.97, 0.4, 0.01],
    ...     }
    ... )
    >>> LifecycleStages().fit_predict(customers).tolist()
    ['exploration', 'build-up', 'stability', 'decline', 'former']
    """

    required_columns = (*HISTORY, "probability_alive")

    def __init__(
        self,
        former_below: float = 0.2,
        decline_below: float = 0.5,
        silent_after: float = 3.0,
        few: int = 2,
        established: int = 4,
        trend: float = 1 / 3,
    ) -> None:
        self.former_below = former_below
        self.decline_below = decline_below
        self.silent_after = silent_after
        self.few = few
        self.established = established
        self.trend = trend

    def fit(self, customers: pd.DataFrame, y: object = None) -> LifecycleStages:  # noqa: ARG002
        """Learn the typical gap between purchases.

        Parameters
        ----------
        customers : pandas.DataFrame
            One row a customer, with ``frequency, recency, T, probability_alive``, and the columns of
            `relation_evidence` where they are known.
        y : ignored
            Only for scikit-learn's conventions.

        Raises
        ------
        InputError
            If a column is missing, or a value is missing, infinite, negative or no probability.
        """
        self._check_arguments()
        table = _checked(customers, None)
        repeats = float(np.sort(table["frequency"]).sum())
        self.typical_gap_ = float(np.sort(table["recency"]).sum()) / repeats if repeats else float("inf")
        self.time_unit_ = customers.attrs.get("time_unit")
        self.names_ = STAGES
        evidence = self._evidence(table)
        groups = evidence.groupby("stage")
        sizes = groups.size().reindex(list(STAGES), fill_value=0)
        profile = pd.DataFrame({"customers": sizes, "share_of_customers": sizes / len(table)})
        medians = groups[["frequency", "probability_alive", "silence_in_gaps"]].median()
        self.profile_ = profile.join(medians).rename_axis("stage")
        return self

    def predict(self, customers: pd.DataFrame) -> pd.Series:
        """Each customer's stage (text), named "stage"."""
        return self.evidence(customers)["stage"]

    def fit_predict(self, customers: pd.DataFrame, y: object = None) -> pd.Series:
        """The same as ``fit(customers).predict(customers)``."""
        return self.fit(customers, y).predict(customers)

    def evidence(self, customers: pd.DataFrame) -> pd.DataFrame:
        """The stage with what it rests on.

        Returns
        -------
        pandas.DataFrame
            ``stage``, ``reason`` (the rule that decided), ``frequency``, ``probability_alive``,
            ``silence_in_gaps`` (time since the last purchase in typical gaps), ``purchase_trend`` and
            ``spend_trend`` (-1 to 1; NaN where not known).

        Raises
        ------
        InputError
            As in `fit`.
        TimeUnitError
            If the table counts time in another unit than the fitted one.
        """
        check_is_fitted(self, "typical_gap_")
        return self._evidence(_checked(customers, self.time_unit_))

    def _evidence(self, table: pd.DataFrame) -> pd.DataFrame:
        known = pd.DataFrame(index=table.index)
        known["frequency"], known["probability_alive"] = table["frequency"], table["probability_alive"]
        gap = self.typical_gap_ or np.nan
        known["silence_in_gaps"] = ((table["T"] - table["recency"]) / gap).fillna(0.0)
        # Halves of a short relation differ by chance: there is no trend to speak of.
        enough = table["frequency"] >= self.established
        for name, what in (("purchase_trend", "purchases"), ("spend_trend", "spend")):
            known[name] = _trend(table, what).where(enough)
        reason = self._reasons(known)
        return pd.concat([reason.map(STAGE_OF).rename("stage"), reason.rename("reason"), known], axis=1)

    def _reasons(self, known: pd.DataFrame) -> pd.Series:
        alive, frequency = known["probability_alive"], known["frequency"]
        trends, edge = known[["purchase_trend", "spend_trend"]], self.trend * (1 - 1e-9)
        falling, rising = trends <= -edge, trends >= edge
        holds = [
            alive < self.former_below,
            (frequency == 0) & (known["silence_in_gaps"] > self.silent_after * (1 + 1e-9)),
            (frequency > 0) & (alive < self.decline_below),
            falling["purchase_trend"],
            falling["spend_trend"],
            frequency < self.few,
            rising["purchase_trend"],
            rising["spend_trend"],
            frequency < self.established,
        ]
        return pd.Series(np.select(holds, REASONS[:-1], default=REASONS[-1]), index=known.index, dtype="str")

    def _check_arguments(self) -> None:
        if not 0 <= self.former_below <= self.decline_below <= 1:
            raise InputError(
                f"former_below is {self.former_below!r} and decline_below {self.decline_below!r}; they must"
                " be probabilities, the first not above the second."
            )
        if not (self.silent_after > 0 and 0 < self.trend <= 1 and 1 <= self.few <= self.established):
            raise InputError(
                "silent_after must be positive, trend in (0, 1], and few from 1 to established; they are"
                f" {self.silent_after!r}, {self.trend!r}, {self.few!r} and {self.established!r}."
            )


def relation_evidence(
    transactions: Transactions, customers: pd.DataFrame, established: int = 4
) -> pd.DataFrame:
    """What the course of each relation was, from the purchases behind a customer summary.

    Parameters
    ----------
    transactions : Transactions
        The purchases; those after the summary's end, and of other customers, do not count.
    customers : pandas.DataFrame
        The summary, with ``T``, ``first_purchase`` and ``attrs["time_unit"]``.
    established : int
        As in `LifecycleStages`.

    Returns
    -------
    pandas.DataFrame
        On the customers' index: ``earlier_purchases, later_purchases, earlier_spend, later_spend`` (repeat
        purchases in the halves of ``T``; purchases of one day are one; spend of a half in which refunds
        exceed purchases is 0), and ``established_after`` (time
        from the first purchase to the repeat purchase number ``established``; NaN if it did not come).
    """
    missing = [name for name in ("T", "first_purchase") if name not in customers]
    if missing or "time_unit" not in customers.attrs:
        raise InputError(
            f"the customer summary lacks {(missing or ['its time unit'])[0]!r}: make it with clvml.summarize"
            " or clvml.split, and keep its attrs."
        )
    days = _purchase_days(transactions, customers)
    halves = days.assign(half=np.where(days["age"] > days["T"] / 2, "later", "earlier"))
    groups = halves.groupby(["customer_id", "half"])["amount"].agg(["size", "sum"])
    evidence = pd.DataFrame(index=customers.index)
    for half in ("earlier", "later"):
        part = groups[groups.index.get_level_values("half") == half].droplevel("half")
        evidence[f"{half}_purchases"] = part["size"].reindex(customers.index).fillna(0.0).astype(float)
        evidence[f"{half}_spend"] = part["sum"].reindex(customers.index).fillna(0.0).clip(lower=0.0)
    reached = days[days.groupby("customer_id").cumcount() == established - 1]
    evidence["established_after"] = reached.set_index("customer_id")["age"].reindex(customers.index)
    evidence.attrs["time_unit"] = customers.attrs["time_unit"]
    return evidence[[*HALVES, "established_after"]]


def relation_shapes(
    stages: pd.Series, customers: pd.DataFrame, few: int = 2, established: int = 4
) -> pd.Series:
    """The shape of each finished relation: how far it came before it was over.

    - **broken off early**: in exploration, with fewer than ``few`` repeat purchases;
    - **broken off midway**: in build-up, with fewer than ``established``;
    - **left early**: established, but stayed for a shorter time after that than it took to get there;
    - **long-lasting**: stayed for longer than that.

    Parameters
    ----------
    stages : pandas.Series
        As from `LifecycleStages`; only former customers have a shape.
    customers : pandas.DataFrame
        ``frequency``, ``recency`` and ``established_after`` (from `relation_evidence`).

    Returns
    -------
    pandas.Series
        Text on the index of ``customers``, "relation_shape"; missing where the relation is not over.
    """
    missing = [name for name in ("frequency", "recency", "established_after") if name not in customers]
    if missing:
        raise InputError(
            f"the customers lack {missing[0]!r}: join what clvml.segments.lifecycle.relation_evidence finds."
        )
    frequency, took = customers["frequency"], customers["established_after"]
    stayed = customers["recency"] - took
    shape = np.select(
        [frequency < few, (frequency < established) | took.isna(), stayed < took * (1 - 1e-9)],
        SHAPES[:3],
        default=SHAPES[3],
    )
    over = stages.reindex(customers.index) == "former"
    return pd.Series(shape, index=customers.index, dtype="str", name="relation_shape").where(over)


def value_at_stake(clv: pd.Series, probability_alive: pd.Series) -> pd.DataFrame:
    """What can be lost and what may be lost already, per customer, in money.

    Returns
    -------
    pandas.DataFrame
        ``value_if_active``: ``clv / P(alive)``, the value if the customer were known to be alive;
        ``at_risk``: ``value_if_active - clv``, the part of it that the doubt costs. Both are 0 where the
        customer is worth nothing.

    Examples
    --------
    >>> value_at_stake(pd.Series([60.0, 0.0]), pd.Series([0.6, 0.0])).round(2).to_numpy().tolist()
    [[100.0, 40.0], [0.0, 0.0]]
    """
    active = (clv / probability_alive.where(probability_alive > 0)).where(clv > 0, 0.0).fillna(0.0)
    return pd.DataFrame({"value_if_active": active, "at_risk": (active - clv).clip(lower=0.0)})


def early_warning(
    customers: pd.DataFrame, stages: pd.Series, top_share: float = 0.2, doubt_below: float = 0.8
) -> pd.DataFrame:
    """Valuable customers who are about to be lost, the most value at stake first.

    Warned of is who is not a former customer; whose value if active is among the best ``top_share``
    (all of those equal to the last one); and who is in decline or has P(alive) below ``doubt_below``.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``clv`` and ``probability_alive``.
    stages : pandas.Series
        As from `LifecycleStages`, for the same customers.

    Returns
    -------
    pandas.DataFrame
        ``stage, probability_alive, clv, value_if_active, at_risk``, by falling ``at_risk``.
    """
    table = check_customers(customers, ("clv", "probability_alive"))
    if not 0 < top_share <= 1:
        raise InputError(f"top_share is {top_share!r}; it must be above 0 and at most 1.")
    stake = value_at_stake(table["clv"], table["probability_alive"])
    ordered = np.sort(stake["value_if_active"])[::-1]
    least = ordered[max(int(np.ceil(round(top_share * len(ordered), 9))) - 1, 0)]
    stage = stages.reindex(table.index)
    valuable = (stake["value_if_active"] >= least * (1 - 1e-9)) & (stake["value_if_active"] > 0)
    warned = valuable & (stage != "former")
    warned &= (stage == "decline") | (table["probability_alive"] < doubt_below)
    found = pd.concat([stage.rename("stage"), table[["probability_alive", "clv"]], stake], axis=1)[warned]
    order = found.assign(customer=found.index).sort_values(
        ["at_risk", "customer"], ascending=[False, True], kind="stable"
    )
    return order.drop(columns="customer")


def _checked(customers: pd.DataFrame, time_unit: str | None) -> pd.DataFrame:
    present = customers.columns if isinstance(customers, pd.DataFrame) else ()
    halves = HALVES if set(HALVES) <= set(present) else ()
    table = check_customers(customers, (*LifecycleStages.required_columns, *halves), time_unit)
    wrong = table["probability_alive"] > 1 + 1e-9
    if wrong.any():
        raise InputError(
            f"{wrong.sum()} of {len(table)} customers have a probability_alive above 1; the first is"
            f" {table.index[int(np.argmax(wrong))]!r}."
        )
    return table


def _trend(table: pd.DataFrame, what: str) -> pd.Series:
    if f"later_{what}" not in table:
        return pd.Series(np.nan, index=table.index)
    earlier, later = table[f"earlier_{what}"], table[f"later_{what}"]
    return (later - earlier) / (later + earlier).where(later + earlier > 0)


def _purchase_days(transactions: Transactions, customers: pd.DataFrame) -> pd.DataFrame:
    """One row a repeat purchase day within the time observed: customer_id, age, amount, T; in order."""
    rows = transactions.to_pandas()
    rows = rows[rows["customer_id"].isin(customers.index)]
    day = pd.to_datetime(rows["date"]).dt.normalize()
    days = rows.assign(day=day).groupby(["customer_id", "day"], as_index=False)["amount"].sum()
    born = customers["first_purchase"].dt.normalize().reindex(days["customer_id"]).to_numpy()
    unit = time_unit_of(customers.attrs["time_unit"]).days
    days["age"] = (days["day"] - born).dt.total_seconds() / 86_400 / unit
    days["T"] = customers["T"].reindex(days["customer_id"]).to_numpy()
    repeat = (days["age"] > 0) & (days["age"] <= days["T"] * (1 + 1e-9))
    return days[repeat].sort_values(["customer_id", "age"], kind="stable")
