"""Names for segments by what their customers are, so that nobody must remember a number.

Four traits of a segment decide, each free of units:

- **value**: mean value over the mean of all customers: top from 2, high from 1, middle from .5, else low;
- **repeat** or **one-time** buyers: whether the median customer has come back at all;
- **likely active**: median P(alive) of .5 or more;
- **silent**: the median time since the last purchase exceeds three typical gaps between purchases (the
  time between first and last purchases over the number of repeat purchases, all customers together).

Repeat buyers are told by P(alive), and by silence where there is no P(alive). One-time buyers are told
by both: BG/NBD takes each customer without a repeat purchase as alive for certain, however long ago
that was. A trait that the table does not hold is left out of the name.

Segments that would bear the same name are told apart by the feature in which they differ most, as in
"Lapsing repeat buyers, larger purchases".
"""

from __future__ import annotations

import numpy as np
import pandas as pd

TOP, HIGH, MIDDLE = 2.0, 1.0, 0.5
LIKELY_ACTIVE = 0.5
SILENT_AFTER = 3.0
TRAIT_COLUMNS = ("frequency", "recency", "T", "probability_alive")

REPEAT_NAMES = {
    "top": "Champions",
    "high": "Loyal customers",
    "middle": "Steady customers",
    "low": "Low-value regulars",
}
FADING_NAMES = {
    "top": "Top customers at risk",
    "high": "Valuable customers at risk",
    "middle": "Lapsing repeat buyers",
    "low": "Lapsed repeat buyers",
}
DIFFERENCES = {
    "recency": ("longer relation", "shorter relation"),
    "frequency": ("more purchases", "fewer purchases"),
    "monetary_value": ("larger purchases", "smaller purchases"),
    "probability_alive": ("more likely active", "less likely active"),
    "clv": ("higher value", "lower value"),
    "silence": ("longer silent", "more recent"),
    "T": ("known for longer", "known for less long"),
}


def segment_traits(customers: pd.DataFrame, segments: pd.Series, value: str) -> pd.DataFrame:
    """What the names are made from.

    Returns
    -------
    pandas.DataFrame
        Index: segment; columns ``relative_value`` (1 = average), ``frequency`` and
        ``probability_alive`` (medians), ``silence`` (median, in typical gaps between purchases).
        NaN where ``customers`` lacks the columns.
    """
    known = pd.DataFrame(index=customers.index)
    known["relative_value"] = _relative(customers[value])
    known["frequency"] = customers.get("frequency", np.nan)
    known["probability_alive"] = customers.get("probability_alive", np.nan)
    known["silence"] = _silence_in_gaps(customers)
    groups = known.groupby(segments.to_numpy(), sort=True)
    return groups.median().assign(relative_value=groups["relative_value"].mean())


def segment_names(traits: pd.DataFrame, centers: pd.DataFrame) -> tuple[str, ...]:
    """One name a segment, no two the same.

    Parameters
    ----------
    traits : pandas.DataFrame
        As from `segment_traits`, in the order of the segments.
    centers : pandas.DataFrame
        Standardised centres, one row a segment in the same order, one column a feature; they tell
        apart segments with the same traits.
    """
    names = [_name(row) for _, row in traits.iterrows()]
    places = centers.reset_index(drop=True)
    differences: dict[int, str] = {}
    for name in set(names):
        differences |= _differences(places[[other == name for other in names]])
    return tuple(name + differences[place] for place, name in enumerate(names))


def value_level(relative_value: float) -> str:
    """The word for a value relative to the average.

    Examples
    --------
    >>> [value_level(ratio) for ratio in (3.0, 1.0, 0.7, 0.1)]
    ['top', 'high', 'middle', 'low']
    """
    for level, threshold in (("top", TOP), ("high", HIGH), ("middle", MIDDLE)):
        if relative_value >= threshold:
            return level
    return "low"


def _name(traits: pd.Series) -> str:
    level = value_level(traits["relative_value"])
    doubtful = traits["probability_alive"] < LIKELY_ACTIVE
    silent = traits["silence"] > SILENT_AFTER
    if np.isnan(traits["frequency"]):
        return f"{level.capitalize()}-value customers" + (" at risk" if doubtful else "")
    if traits["frequency"] > 0:
        fading = silent if np.isnan(traits["probability_alive"]) else doubtful
        return (FADING_NAMES if fading else REPEAT_NAMES)[level]
    if doubtful or silent:
        return "Silent one-time buyers"
    if traits["silence"] <= SILENT_AFTER:
        return "Promising newcomers" if level in ("top", "high") else "Recent one-time buyers"
    return "Valuable one-time buyers" if level in ("top", "high") else "One-time buyers"


def _differences(centers: pd.DataFrame) -> dict[int, str]:
    """What to add to each name, by place: halved at the widest gap until each stands alone."""
    if len(centers) == 1:
        return {centers.index[0]: ""}
    gaps = {str(name): float(np.diff(np.sort(centers[name])).max()) for name in centers}
    if max(gaps.values(), default=0.0) == 0:
        return {place: f" ({i})" for i, place in enumerate(centers.index, start=1)}
    feature = max(gaps, key=lambda name: gaps[name])
    ordered = centers[feature].sort_values(kind="stable")
    low = set(ordered.index[: int(np.argmax(np.diff(ordered))) + 1])
    more, less = DIFFERENCES.get(feature, (f"more {feature}", f"less {feature}"))
    rest = centers.drop(columns=feature)  # each feature speaks once in a name
    halves = [rest[rest.index.isin(low)], rest[~rest.index.isin(low)]]
    return {
        place: f", {word}{difference}"
        for word, half in zip((less, more), halves, strict=True)
        for place, difference in _differences(half).items()
    }


def _relative(value: pd.Series) -> pd.Series:
    mean = float(value.mean())
    return value / mean if mean > 0 else pd.Series(1.0, index=value.index)


def _silence_in_gaps(customers: pd.DataFrame) -> pd.Series | float:
    if not {"frequency", "recency", "T"} <= set(customers):
        return np.nan
    repeats, time = float(customers["frequency"].sum()), float(customers["recency"].sum())
    if repeats == 0 or time == 0:
        return np.nan
    return (customers["T"] - customers["recency"]) * (repeats / time)
