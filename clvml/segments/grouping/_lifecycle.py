"""The lifecycle stage of each customer relationship: exploration, build-up, stability, decline, lapsed.

The rule, from top to bottom; the first condition that is met decides, and the column ``reason`` names it:

1. **lapsed**: P(alive) is below ``lapsed_below``, and the last purchase was more than a week ago (if the
   unit of time is known). 2. **decline**: the customer bought once and has not
purchased for more than ``silent_after`` typical gaps; or is
   a repeat buyer with P(alive) below ``decline_below``; or purchases or spend are falling.
3. **exploration**: fewer than ``few`` repeat purchases.
4. **build-up**: purchases or spend are rising, or fewer than ``established`` repeat purchases.
5. **stability**: all others.

The **typical gap** between purchases is the time between first and last purchases over the number of repeat
purchases, of all customers of the fit together. Customers who bought once are judged by it since BG/NBD
gives them a P(alive) of 1, however long ago that was. They are in decline, not lapsed: a customer with
a high P(alive) never counts as lapsed, unless ``lapsed_when_silent=True``.

**Rising and falling** compare a customer with their own past: repeat purchases (and the spend on them) in the
later half of the time since the first purchase, against the earlier half, as
``trend = (later - earlier) / (later + earlier)``. From 1/3 on (twice as much later) it rises, to -1/3 it
falls, given at least ``established`` repeat purchases: with fewer, halves differ by chance. Purchases of
the halves come from `relationship_evidence`; without them the trend is unknown, and conditions that use it
are not met.

Stages do not depend on the units of money and time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clvml.customers._customer_tables import as_customers
from clvml.customers._summary_checks import HISTORY, check_customers
from clvml.customers._time_units import stated_time_unit, time_unit_of
from clvml.errors import InputError
from clvml.segments.grouping._relationship_course import HALVES, LAPSED
from clvml.segments.grouping._tables import ByName, explained_share, named

Array = NDArray[np.float64]
STAGES = ("exploration", "build-up", "stability", "decline", LAPSED)
BOUGHT_ONCE = "bought once, long silent"
REASONS = (
    "P(alive) is very low",
    BOUGHT_ONCE,
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
        (LAPSED, *["decline"] * 4, "exploration", *["build-up"] * 3, "stability"),
        strict=True,
    )
)


class LifecycleStages(ByName, BaseEstimator):
    """The lifecycle stage of each customer relationship, by the rule of this module.

    Parameters
    ----------
    lapsed_below, decline_below : float
        P(alive) below which a customer has lapsed, and below which a repeat buyer is in decline.
    silent_after : float
        Typical gaps without a purchase after which a customer who bought once is in decline.
    few, established : int
        Repeat purchases from which a relationship is more than a trial, and from which it is established.
    trend : float
        Trend from which purchases or spend are rising (falling at its negative); 1/3 is twice as much.
    lapsed_when_silent : bool, default False
        Count customers who bought once and are beyond ``silent_after`` as lapsed, whatever their P(alive).

    Attributes
    ----------
    typical_gap_ : float
        In the unit of time of the fit; infinite if no customer bought again.
    names_ : tuple of str
        The stages.
    profile_ : pandas.DataFrame
        Index ``stage``; ``customers, share_of_customers`` and medians of the evidence.
    time_unit_ : str or None
        The unit of time of the fitted customers.

    See Also
    --------
    clvml.RFMScores : A rule without P(alive).
    clvml.CustomerGroups : Segments, stages and treatments in one.
    clvml.plots.lifecycle_curve : Draw the stages.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame(
    ...     {
    ...         "frequency": [0.0, 2.0, 9.0, 9.0, 9.0],
    ...         "recency": [0.0, 20.0, 29.0, 18.0, 6.0],
    ...         "T": [4.0, 30.0, 30.0, 30.0, 30.0],
    ...         "probability_alive": [1.0, 0.8, 0.97, 0.4, 0.01],
    ...     }
    ... )
    >>> clvml.LifecycleStages().fit_predict(customers).tolist()
    ['exploration', 'build-up', 'stability', 'decline', 'lapsed']
    """

    required_columns = (*HISTORY, "probability_alive")

    typical_gap_: float
    names_: tuple[str, ...]
    time_unit_: str | None

    def __init__(
        self,
        lapsed_below: float = 0.2,
        decline_below: float = 0.5,
        silent_after: float = 3.0,
        few: int = 2,
        established: int = 4,
        trend: float = 1 / 3,
        lapsed_when_silent: bool = False,
    ) -> None:
        self.lapsed_below = lapsed_below
        self.decline_below = decline_below
        self.silent_after = silent_after
        self.few = few
        self.established = established
        self.trend = trend
        self.lapsed_when_silent = lapsed_when_silent

    def _check_learnt(self) -> None:
        """Refuse a gap or stages that are impossible, by an InputError."""
        self._check_arguments()
        if not self.typical_gap_ > 0:
            raise InputError(f"typical_gap_ is {self.typical_gap_!r}; it must be positive.")
        if self.names_ != STAGES:
            raise InputError(f"names_ is {self.names_!r}; it must be {', '.join(STAGES)}.")

    def fit(self, customers: pd.DataFrame, y: object = None) -> LifecycleStages:  # noqa: ARG002
        """Learn the typical gap between purchases.

        Parameters
        ----------
        customers : pandas.DataFrame
            One row per customer, with ``frequency, recency, T, probability_alive``, and the columns of
            `relationship_evidence` where they are known.
        y : ignored
            Only for scikit-learn's conventions.

        Raises
        ------
        InputError
            If a column is missing, or a value is missing, infinite, negative or no probability.
        """
        self._check_arguments()
        customers = as_customers(customers)
        table = _checked(customers, None)
        repeats = float(np.sort(table["frequency"]).sum())
        self.typical_gap_ = float(np.sort(table["recency"]).sum()) / repeats if repeats else float("inf")
        self.time_unit_ = stated_time_unit(customers)
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

    def score(self, customers: pd.DataFrame, y: object = None) -> float:
        """The share of the variance of ``y`` between the stages of these customers; larger is better.

        Parameters
        ----------
        customers : pandas.DataFrame
            Customers to assign to the stages.
        y : array-like, shape (n_customers,), optional
            What stages are to tell apart, such as spend in a holdout period; by default the
            number of purchases so far.
        """
        evidence = self.evidence(customers)
        return explained_share(evidence["stage"], evidence["frequency"] if y is None else y)

    def evidence(self, customers: pd.DataFrame) -> pd.DataFrame:
        """The stage with the evidence for it.

        Returns
        -------
        pandas.DataFrame
            ``stage``, ``reason`` (the condition that decided), ``frequency``, ``probability_alive``,
            ``silence_in_gaps`` (time since the last purchase in typical gaps), ``purchase_trend`` and
            ``spend_trend`` (-1 to 1; NaN where unknown).

        Raises
        ------
        InputError
            As in `fit`.
        TimeUnitError
            If the table counts time in another unit than the fitted one.
        """
        check_is_fitted(self, "typical_gap_")
        return self._evidence(_checked(as_customers(customers), self.time_unit_))

    def _evidence(self, table: pd.DataFrame) -> pd.DataFrame:
        read = (*self.required_columns, *HALVES)
        columns = {name: table[name].to_numpy(np.float64) for name in read if name in table}
        known = self._numbers(columns)
        week = -np.inf if self.time_unit_ is None else 7 / time_unit_of(self.time_unit_).days
        reason = self._reasons(known, columns["T"] - columns["recency"] > week * (1 + 1e-9))
        stage_of = STAGE_OF | ({BOUGHT_ONCE: LAPSED} if self.lapsed_when_silent else {})
        stages = [stage_of[name] for name in REASONS]
        words = {"stage": _words(stages, reason, table.index), "reason": _words(REASONS, reason, table.index)}
        return pd.DataFrame(words | known, index=table.index)

    def _numbers(self, columns: Mapping[str, Array]) -> dict[str, Array]:
        """The numbers by which stages are told apart."""
        gap, silence = self.typical_gap_ or np.nan, columns["T"] - columns["recency"]
        with np.errstate(over="ignore", invalid="ignore"):
            in_gaps = silence / gap
        # Halves of a short history differ by chance: no trend is computed.
        enough = columns["frequency"] >= self.established
        trends = {
            name: np.where(enough, _trend(columns, what), np.nan)
            for name, what in (("purchase_trend", "purchases"), ("spend_trend", "spend"))
        }
        known = {name: columns[name] for name in ("frequency", "probability_alive")}
        return known | {"silence_in_gaps": np.where(np.isnan(in_gaps), 0.0, in_gaps)} | trends

    def _reasons(self, known: Mapping[str, Array], absent: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The place of each customer's reason in `REASONS`."""
        alive, frequency = known["probability_alive"], known["frequency"]
        purchases, spend, edge = known["purchase_trend"], known["spend_trend"], self.trend * (1 - 1e-9)
        holds = [
            (alive < self.lapsed_below) & absent,
            (frequency == 0) & (known["silence_in_gaps"] > self.silent_after * (1 + 1e-9)),
            (frequency > 0) & (alive < self.decline_below),
            purchases <= -edge,
            spend <= -edge,
            frequency < self.few,
            purchases >= edge,
            spend >= edge,
            frequency < self.established,
        ]
        return np.select(holds, range(len(holds)), default=len(holds))

    def _check_arguments(self) -> None:
        if not 0 <= self.lapsed_below <= self.decline_below <= 1:
            raise InputError(
                f"lapsed_below is {self.lapsed_below!r} and decline_below {self.decline_below!r}; they must"
                " be probabilities, the first not above the second."
            )
        if not (self.silent_after > 0 and 0 < self.trend <= 1 and 1 <= self.few <= self.established):
            raise InputError(
                "silent_after must be positive, trend in (0, 1], and few from 1 to established; they are"
                f" {self.silent_after!r}, {self.trend!r}, {self.few!r} and {self.established!r}."
            )


def _checked(customers: pd.DataFrame, time_unit: str | None) -> pd.DataFrame:
    present = customers.columns if isinstance(customers, pd.DataFrame) else ()
    halves = HALVES if set(HALVES) <= set(present) else ()
    table = check_customers(customers, (*LifecycleStages.required_columns, *halves), time_unit, losses=True)
    wrong = table["probability_alive"] > 1 + 1e-9
    if wrong.any():
        rule = f"{wrong.sum()} of {len(table)} customers have a probability_alive above 1"
        raise InputError(
            f"{rule}; the first is {named(table.index[wrong])}.",
            rows=wrong.to_numpy(),
            column="probability_alive",
            rule=rule,
        )
    return table


def _words(words: Sequence[str], places: NDArray[np.int64], index: pd.Index) -> pd.Series:
    return pd.Series(np.array(words, dtype=object)[places], index=index, dtype="str")


def _trend(columns: Mapping[str, Array], what: str) -> Array:
    if f"later_{what}" not in columns:
        return np.full(len(columns["T"]), np.nan)
    earlier, later = (np.maximum(columns[f"{half}_{what}"], 0.0) for half in ("earlier", "later"))
    both = later + earlier
    return np.divide(later - earlier, both, out=np.full(len(both), np.nan), where=both > 0)
