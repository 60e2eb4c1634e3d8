"""RFM scores: recency, frequency and money, each from 1 to 5, and the groups they form.

- **R**: time since the last purchase, ``T - recency``; 5 is the most recent.
- **F**: ``frequency``; 5 is the most frequent.
- **M**: money, by default all that was spent; 5 is the most.

By quantiles a score is 1 plus the number of quintiles that a value exceeds: equal values have equal
scores, and where many are equal (most customers buy once) scores in between stay unused. With fixed cuts
the user gives the four boundaries.

The customary map of groups uses R and the mean of F and M, rounded up (after Hughes 1994; ten groups with the
names used in direct marketing). Customers with the lowest F have a mean of 1 there, whatever they spent: the
groups to the right are repeat buyers, and one large first order does not make a loyal customer.

Quintiles are relative: the most recent fifth has R = 5 even if the last purchase was months ago. In a closed
cohort (CDNOW's customers all joined at least 26 weeks before) no one-time buyer is among them, and
"Recent customers" is empty, as it should be. Fixed ``cuts`` define recency for the business at hand.
Elsewhere the group is called "New customers"; here its customers have bought recently and rarely, but need
not be new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from clvml.customers._summary_checks import check_customers
from clvml.errors import InputError
from clvml.segments.grouping._rules import ROUNDING, RuleSegments, check_cuts, check_rising

SCORES = 5
PARTS = ("recency", "frequency", "monetary")

# Rows: R from 1 (least recent) to 5; columns: mean of F and M from 1 to 5.
GROUPS = (
    ("Hibernating", "Hibernating", "At risk", "At risk", "Cannot lose them"),
    ("Hibernating", "Hibernating", "At risk", "At risk", "Cannot lose them"),
    ("About to sleep", "About to sleep", "Need attention", "Loyal customers", "Loyal customers"),
    ("Promising", "Potential loyalists", "Potential loyalists", "Loyal customers", "Loyal customers"),
    ("Recent customers", "Potential loyalists", "Potential loyalists", "Champions", "Champions"),
)
CUSTOMARY = (
    "Champions",
    "Loyal customers",
    "Cannot lose them",
    "At risk",
    "Potential loyalists",
    "Need attention",
    "Recent customers",
    "Promising",
    "About to sleep",
    "Hibernating",
)


class RFMScores(RuleSegments):
    """Score recency, frequency and money from 1 to 5 and name the groups; group 1 is the most valuable.

    Parameters
    ----------
    monetary : str
        The column of money that is scored, and whose mean orders the groups.
    cuts : mapping, optional
        Fixed boundaries instead of quintiles: for ``"recency"`` (time since the last purchase),
        ``"frequency"`` and ``"monetary"`` four increasing numbers each. A part left out uses quintiles.

    Attributes
    ----------
    cuts_ : dict of str to tuple of float
        The boundaries in use; a score of F and M counts those that a value exceeds.

    See Also
    --------
    clvml.KMeansSegments : Segments that the data suggest.
    clvml.LifecycleStages : By P(alive) and trends.
    clvml.CustomerGroups : Segments with their treatments.

    Examples
    --------
    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame(
    ...     {
    ...         "frequency": [9.0, 5.0, 2.0, 1.0, 0.0],
    ...         "recency": [29.0, 25.0, 20.0, 3.0, 0.0],
    ...         "T": [30.0] * 5,
    ...         "total_spend": [500.0, 300.0, 80.0, 40.0, 10.0],
    ...     },
    ...     index=list("abcde"),
    ... )
    >>> rfm = clvml.RFMScores().fit(customers)
    >>> rfm.scores(customers)["RFM"].tolist()
    ['555', '444', '333', '222', '111']
    >>> rfm.segment_names(customers).tolist()
    ['Champions', 'Loyal customers', 'Need attention', 'Hibernating', 'Hibernating']
    """

    cuts_: dict[str, tuple[float, ...]]

    def __init__(
        self, monetary: str = "total_spend", cuts: Mapping[str, Sequence[float]] | None = None
    ) -> None:
        self.monetary = monetary
        self.cuts = cuts

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The purchase history, and the column of money."""
        return ("frequency", "recency", "T", self.monetary)

    def scores(self, customers: pd.DataFrame) -> pd.DataFrame:
        """Each customer's scores: columns ``R``, ``F``, ``M`` (int64, 1 to 5) and ``RFM`` (text)."""
        check_is_fitted(self, "cuts_")
        return self._scores(check_customers(customers, self.required_columns, self.time_unit_))

    def _learn(self, table: pd.DataFrame) -> None:
        given = dict(self.cuts or {})
        unknown = sorted(set(given) - set(PARTS))
        if unknown:
            raise InputError(f"cuts names {unknown[0]!r}; it may name {', '.join(PARTS)}.")
        for name, boundaries in given.items():
            check_rising(f"cuts[{name!r}]", boundaries, SCORES - 1)
        parts = self._parts(table)
        self.cuts_ = {
            name: tuple(map(float, given[name])) if name in given else _quintiles(parts[name])
            for name in PARTS
        }
        self.names_: tuple[str, ...] = CUSTOMARY
        worth = table[self.monetary].groupby(self._numbers(table)).mean()
        order = worth.sort_values(ascending=False, kind="stable").index
        first = tuple(CUSTOMARY[number - 1] for number in order)
        self.names_ = (*first, *(name for name in CUSTOMARY if name not in first))

    def _check_learnt(self) -> None:
        super()._check_learnt()
        if set(self.names_) != set(CUSTOMARY):
            raise InputError(f"names_ is {self.names_!r}; it must be {', '.join(CUSTOMARY)} in any order.")
        if set(self.cuts_) != set(PARTS):
            raise InputError(f"cuts_ has {', '.join(self.cuts_)}; it must have {', '.join(PARTS)}.")
        for name, cuts in self.cuts_.items():
            check_cuts(f"cuts_[{name!r}]", cuts, SCORES - 1)
            if (np.diff(cuts) < 0).any():
                raise InputError(f"cuts_[{name!r}] is {cuts!r}; it must not fall.")

    def _numbers(self, table: pd.DataFrame) -> np.ndarray:
        scores = self._scores(table)
        both = ((scores["F"] + scores["M"] + 1) // 2).where(scores["F"] > 1, 1)
        places = np.array([[self.names_.index(name) + 1 for name in row] for row in GROUPS])
        return places[scores["R"] - 1, both - 1].astype(np.int64)

    def _scores(self, table: pd.DataFrame) -> pd.DataFrame:
        parts = self._parts(table)
        exceeded = {name: _exceeded(parts[name], self.cuts_[name]) for name in PARTS}
        scores = pd.DataFrame(
            {
                "R": SCORES - exceeded["recency"],
                "F": 1 + exceeded["frequency"],
                "M": 1 + exceeded["monetary"],
            },
            index=table.index,
        )
        return scores.assign(RFM=(100 * scores["R"] + 10 * scores["F"] + scores["M"]).astype(str))

    def _parts(self, table: pd.DataFrame) -> dict[str, np.ndarray]:
        silence = (table["T"] - table["recency"]).to_numpy()
        # The rounding of a difference is of the size of T: below that it is zero.
        silence = np.where(silence <= ROUNDING * table["T"].to_numpy(), 0.0, silence)
        frequency, money = table["frequency"].to_numpy(), table[self.monetary].to_numpy()
        return dict(zip(PARTS, (silence, frequency, money), strict=True))

    def _value(self) -> str:
        return self.monetary


def _quintiles(values: np.ndarray) -> tuple[float, ...]:
    places = np.arange(1, SCORES) / SCORES
    return tuple(map(float, np.quantile(values, places, method="inverted_cdf")))


def _exceeded(values: np.ndarray, cuts: tuple[float, ...]) -> np.ndarray:
    boundaries = np.asarray(cuts) * (1 + ROUNDING)
    return np.searchsorted(boundaries, values, side="left").astype(np.int64)
