"""A card for each segment: who they are, what they are worth, how sure that is, what to do."""

from __future__ import annotations

import pandas as pd

from clvml.errors import InputError
from clvml.segments.judging._mean_intervals import mean_intervals

NEEDED = (
    *("segment", "segment_name", "clv", "probability_alive", "stage"),
    *("treatment", "what_to_do", "value_at_stake", "budget"),
)
WHO = ("frequency", "recency", "T", "monetary_value")


def segment_cards(members: pd.DataFrame) -> pd.DataFrame:
    """One row a segment.

    Parameters
    ----------
    members : pandas.DataFrame
        One row a customer: ``segment`` and ``segment_name``, ``clv, probability_alive``, ``stage``, and
        ``treatment, what_to_do, value_at_stake, budget`` as from `clvml.segments.acting.treat`.

    Returns
    -------
    pandas.DataFrame
        Index ``segment``: ``name, customers, share_of_customers, share_of_value``; medians of the
        purchase history where present; ``mean_value`` with ``value_low, value_high`` (95 % interval over
        customers, see `clvml.segments.judging`) and ``total_value``; ``probability_alive`` (mean);
        ``stage`` and ``stage_share`` (the most common); ``treatment, what_to_do, treatment_share`` (the
        most common); ``value_at_stake`` and ``budget`` (in total).

    Raises
    ------
    InputError
        If a column is missing or there are no customers.
    """
    missing = [name for name in NEEDED if name not in members]
    if missing or members.empty:
        raise InputError(f"the members lack {missing[0]!r}." if missing else "there are no members.")
    groups = members.groupby("segment", sort=True)
    rows = {number: _card(group, members) for number, group in groups}
    cards = pd.DataFrame.from_dict(rows, orient="index").rename_axis("segment")
    worth = mean_intervals(members["clv"], members["segment"])
    cards["value_low"], cards["value_high"] = worth["low"], worth["high"]
    return cards


def _card(group: pd.DataFrame, members: pd.DataFrame) -> dict[str, object]:
    clv, total = group["clv"], float(members["clv"].sum())
    stage, stage_share = _most_common(group["stage"])
    treatment, treatment_share = _most_common(group["treatment"])
    words, _ = _most_common(group.loc[group["treatment"] == treatment, "what_to_do"])
    return {
        "name": group["segment_name"].iloc[0],
        "customers": len(group),
        "share_of_customers": len(group) / len(members),
        "share_of_value": float(clv.sum()) / total if total > 0 else float("nan"),
        **{name: float(group[name].median()) for name in WHO if name in group},
        "mean_value": float(clv.mean()),
        "total_value": float(clv.sum()),
        "probability_alive": float(group["probability_alive"].mean()),
        "stage": stage,
        "stage_share": stage_share,
        "treatment": treatment,
        "what_to_do": words,
        "treatment_share": treatment_share,
        "value_at_stake": float(group["value_at_stake"].sum()),
        "budget": float(group["budget"].sum()),
    }


def _most_common(column: pd.Series) -> tuple[str, float]:
    """The most common value and its share; of equals the first by alphabet."""
    counts = column.value_counts().sort_index(kind="stable")
    return str(counts.idxmax()), float(counts.max() / len(column))
