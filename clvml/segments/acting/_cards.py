"""A card for each segment: its customers, their value with a prediction interval, and what to do.

The interval is for what happens to the group, the total value of its customers, and comes from the model of
value; the spread of the customers' predictions says nothing about it.
"""

from __future__ import annotations

import pandas as pd

from clvml.errors import InputError
from clvml.segments.grouping._profile import medians_by_segment

NEEDED = (
    *("segment", "segment_name", "clv", "probability_alive", "stage"),
    *("treatment", "what_to_do", "value_at_risk", "budget"),
)
HISTORY = ("frequency", "recency", "T", "monetary_value")


def segment_cards(
    members: pd.DataFrame, intervals: pd.DataFrame | None = None, coverage: float = 0.9
) -> pd.DataFrame:
    """One row per segment.

    Parameters
    ----------
    members : pandas.DataFrame
        One row per customer: ``segment`` and ``segment_name``, ``clv, probability_alive``, ``stage``, and
        ``treatment, what_to_do, value_at_risk, budget`` as from `clvml.segments.acting.treat`; optionally
        ``kind``, the kind of incentive.
    intervals : pandas.DataFrame, optional
        Index the segment; ``lower, upper``: the prediction interval of its total value, such as
        ``clv_lower, clv_upper`` of `LifetimeValue.predict_total_interval`. Without it, or for a segment that
        is not in it, the card has none.
    coverage : float
        The coverage of the intervals.

    Returns
    -------
    pandas.DataFrame
        Index ``segment``: ``name, customers, share_of_customers, share_of_value``; medians of the purchase
        history where present, with ``time_since_last_purchase`` in place of ``recency``; ``mean_value``;
        ``total_value`` with ``total_lower, total_upper`` (its prediction interval, NaN without one) and their
        ``coverage``; ``probability_alive`` (mean); ``stage``
        and ``stage_share`` (the most common); ``treatment, what_to_do, treatment_share`` (the most common),
        with ``kind`` where it is known;
        ``value_at_risk`` and ``budget`` (totals). Times are in the unit of the customers.

    Raises
    ------
    InputError
        If a column is missing, there are no customers, or a lower end is above its upper one.

    See Also
    --------
    clvml.segments.acting.segment_plans : A plan in sentences.
    clvml.plots.segment_card : As a figure.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.acting import segment_cards, treat
    >>> customers = pd.DataFrame({"clv": [100.0, 5.0], "probability_alive": [0.5, 0.9]})
    >>> names, stages = pd.Series(["gold", "lead"]), pd.Series(["decline", "exploration"])
    >>> members = customers.assign(segment=[1, 2], segment_name=names, stage=stages)
    >>> members = members.join(treat(names, stages, customers))
    >>> segment_cards(members)[["name", "total_value", "stage", "treatment"]]
             name  total_value        stage treatment
    segment
    1        gold        100.0      decline    retain
    2        lead          5.0  exploration   develop
    """
    missing = [name for name in NEEDED if name not in members]
    if missing or members.empty:
        raise InputError(f"the members lack {missing[0]!r}." if missing else "there are no members.")
    medians = medians_by_segment(members, members["segment"], [n for n in HISTORY if n in members])
    needed = _with_few_texts(members[[name for name in (*NEEDED, "kind") if name in members]])
    rows = {
        number: _card(group, needed, medians.loc[[number]].iloc[0])
        for number, group in needed.groupby("segment", sort=True)
    }
    cards = pd.DataFrame.from_dict(rows, orient="index").rename_axis("segment")
    return _with_intervals(cards, intervals, coverage)


def _with_intervals(cards: pd.DataFrame, intervals: pd.DataFrame | None, coverage: float) -> pd.DataFrame:
    known = pd.DataFrame(columns=["lower", "upper"], dtype=float) if intervals is None else intervals
    missing = {"lower", "upper"} - {*known.columns}
    if missing:
        raise InputError(f"the intervals lack {min(missing)!r}: give lower and upper by segment.")
    ends = known.reindex(cards.index)
    if (ends["lower"] > ends["upper"]).any():
        raise InputError("the intervals have a lower end above the upper one: check their columns.")
    return cards.assign(total_lower=ends["lower"], total_upper=ends["upper"], coverage=float(coverage))


def _with_few_texts(members: pd.DataFrame) -> pd.DataFrame:
    """Texts as categories: groups copy their codes, not millions of sentences."""
    texts = members.columns[[not pd.api.types.is_numeric_dtype(dtype) for dtype in members.dtypes]]
    return members.astype(dict.fromkeys(texts, "category"))


def _card(group: pd.DataFrame, members: pd.DataFrame, medians: pd.Series) -> dict[str, object]:
    clv, total = group["clv"], float(members["clv"].sum())
    stage, stage_share = _most_common(group["stage"])
    treatment, treatment_share = _most_common(group["treatment"])
    words, _ = _most_common(group.loc[group["treatment"] == treatment, "what_to_do"])
    return {
        "name": group["segment_name"].iloc[0],
        "customers": len(group),
        "share_of_customers": len(group) / len(members),
        "share_of_value": float(clv.sum()) / total if total > 0 else float("nan"),
        **{str(name): float(median) for name, median in medians.items()},
        "mean_value": float(clv.mean()),
        "total_value": float(clv.sum()),
        "probability_alive": float(group["probability_alive"].mean()),
        "stage": stage,
        "stage_share": stage_share,
        "treatment": treatment,
        "what_to_do": words,
        **_kind(group[(group["treatment"] == treatment) & (group["what_to_do"] == words)]),
        "treatment_share": treatment_share,
        "value_at_risk": float(group["value_at_risk"].sum()),
        "budget": float(group["budget"].sum()),
    }


def _kind(treated: pd.DataFrame) -> dict[str, object]:
    """The kind of incentive of the customers with the same treatment, if it is known."""
    return {"kind": treated["kind"].iloc[0]} if "kind" in treated else {}


def _most_common(column: pd.Series) -> tuple[str, float]:
    """The most common value and its share; of equals the first by alphabet."""
    counts = column.value_counts().sort_index(kind="stable")
    return str(counts.idxmax()), float(counts.max() / len(column))
