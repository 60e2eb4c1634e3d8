"""Transitions of customers between segments: one segmentation at two dates, and the value gained or lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.segments.grouping._tables import named

NEW, ABSENT = "(new)", "(absent)"


class SegmentTransitions(NamedTuple):
    """The transitions of customers between two dates.

    Attributes
    ----------
    customers : pandas.DataFrame
        Counts: rows the segment before (and "(new)"), columns the segment after (and "(absent)").
    shares : pandas.DataFrame
        The same as shares of each row.
    moves : pandas.DataFrame
        One row per transition that occurred, including no change, index ``before, after``: ``customers,
        value_before, value_after, gained`` (totals, in money; ``gained`` is negative for a loss), the largest
        loss first.
    stayed : float
        Of the customers at both dates, the share in the same segment.

    See Also
    --------
    clvml.segments.judging.segment_transitions : The function that makes one.
    clvml.plots.segment_transitions : As a figure.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.judging import segment_transitions
    >>> before, after = pd.Series([1, 1, 2], index=list("abc")), pd.Series([1, 2, 2], index=list("abc"))
    >>> worth = pd.Series([90.0, 80.0, 10.0], index=list("abc"))
    >>> found = segment_transitions(before, after, worth, worth * 0.5)
    >>> float(found.shares.loc[1, 2]), round(found.stayed, 2)
    (0.5, 0.67)
    >>> found.left["gained"].tolist()
    [-40.0]
    """

    customers: pd.DataFrame
    shares: pd.DataFrame
    moves: pd.DataFrame
    stayed: float

    @property
    def left(self) -> pd.DataFrame:
        """The transitions to another segment, the largest loss first."""
        before, after = (self.moves.index.get_level_values(name) for name in ("before", "after"))
        return self.moves[(before != after) & (before != NEW) & (after != ABSENT)]


def segment_transitions(
    before: pd.Series,
    after: pd.Series,
    value_before: pd.Series,
    value_after: pd.Series,
    order: Sequence[object] | None = None,
) -> SegmentTransitions:
    """The transitions between segments (or stages) from one date to another, customer by customer.

    Parameters
    ----------
    before, after : pandas.Series
        Segment by customer at each date, by one segmentation fitted once. A customer in ``after`` only
        is new, one in ``before`` only is absent.
    value_before, value_after : pandas.Series
        Expected value of these customers at each date.
    order : sequence, optional
        The segments in their order; by default sorted.

    Returns
    -------
    SegmentTransitions
        Numbers and shares of customers by segment before and after, and the value gained or lost.

    Raises
    ------
    InputError
        If a customer id is duplicated, a customer has no segment or no value, or ``order`` lacks a segment.

    See Also
    --------
    clvml.segments.judging.segmentation_quality : Stability as one number.
    clvml.plots.segment_transitions : As a figure.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.judging import segment_transitions
    >>> before, after = pd.Series([1, 2], index=["a", "b"]), pd.Series([2, 2], index=["a", "b"])
    >>> worth = pd.Series([90.0, 10.0], index=["a", "b"])
    >>> found = segment_transitions(before, after, worth, worth * 0.5)
    >>> found.moves["gained"].tolist(), found.stayed
    ([-45.0, -5.0], 0.5)
    """
    known = [_with_value(before, value_before, "before"), _with_value(after, value_after, "after")]
    table = known[0].join(known[1], how="outer")
    names = list(order) if order is not None else sorted({*before.unique(), *after.unique()})
    strange = ({*before.unique(), *after.unique()}) - set(names)
    if strange:
        raise InputError(f"order lacks the segment {min(map(str, strange))!r}; list every segment.")
    both = table["before"].notna() & table["after"].notna()
    stayed = float((table["before"] == table["after"])[both].mean()) if both.any() else np.nan
    table["before"] = table["before"].astype(object).where(table["before"].notna(), NEW)
    table["after"] = table["after"].astype(object).where(table["after"].notna(), ABSENT)
    counts = table.groupby(["before", "after"]).size().unstack(fill_value=0)
    rows = [*names, *([NEW] if NEW in counts.index else [])]
    columns = [*names, *([ABSENT] if ABSENT in counts.columns else [])]
    counts = counts.reindex(index=rows, columns=columns, fill_value=0).rename_axis("before")
    totals = counts.sum(axis=1)
    return SegmentTransitions(counts, counts.div(totals.where(totals > 0), axis=0), _moves(table), stayed)


def _with_value(segments: pd.Series, value: pd.Series, when: str) -> pd.DataFrame:
    for series, what in ((segments, "segments"), (value, "value")):
        if series.index.has_duplicates:
            twice = named(series.index[series.index.duplicated()])
            raise InputError(f"customer ids must be unique: {twice} is duplicated in the {what} {when}.")
    worth = value.reindex(segments.index)
    for series, what in ((segments, "segment"), (worth, "value")):
        if series.isna().any():
            raise InputError(f"customer {named(series.index[series.isna()])} has no {what} {when}.")
    return pd.DataFrame({when: segments, f"value_{when}": worth})


def _moves(table: pd.DataFrame) -> pd.DataFrame:
    values = table.fillna({"value_before": 0.0, "value_after": 0.0})
    groups = values.groupby(["before", "after"])
    moves = groups[["value_before", "value_after"]].sum()
    moves.insert(0, "customers", groups.size())
    moves["gained"] = moves["value_after"] - moves["value_before"]
    return moves.sort_values("gained", kind="stable")
