"""Names of segments that describe their customers.

A name consists of claims about single customers. Those about purchases (in the table with "all") are in the
name only if they are true of all of the segment's customers, the others if they are true of at least `HOLDS`
(four in five), which a name with "mostly" says:

======================  =================================================================
Top-value               value among the best tenth of all customers
High-value              value above the average
Low-value               value at most half the average
Below-average           value below the average
active                  repeat buyer with P(alive) of at least .5
inactive                P(alive) below .5
recent                  last purchase at most three typical gaps, or a week, ago
silent                  all: last purchase more than three typical gaps and a week ago
repeat buyers           all: at least one repeat purchase
one-time buyers         all: no repeat purchase
mostly repeat buyers    at least one repeat purchase
mostly one-time buyers  no repeat purchase
======================  =================================================================

There are three groups of claims (value, activity, purchases), and of each the first true claim is used:
"High-value active repeat buyers". If none of a group is true, or the table lacks its columns, the name
omits it; "customers" is neutral. The typical gap between purchases is the time between first and
last purchases over the number of repeat purchases, of all customers together; the week is known if the table
has a time unit. P(alive) does not make a one-time buyer active: under BG/NBD it is 1 for each of them,
however long ago the purchase was.

Segments that would have the same name are distinguished by the feature in which their centres differ most,
as in "Low-value repeat buyers, larger purchases". All claims are independent of units, and no name is one of
the customary RFM groups (`RFMScores`), which are defined differently.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from clvml.customers._time_units import time_unit_of

HOLDS = 0.8
BEST = 0.1
ALIVE = 0.5
SILENT_AFTER = 3.0
ROUNDING = 1e-9  # relative: names do not depend on currency or unit of time
TRAIT_COLUMNS = ("frequency", "recency", "T", "probability_alive")

# Of each group the first claim that holds is in the name.
VALUE = ("Top-value", "High-value", "Low-value", "Below-average")
ACTIVITY = ("active", "inactive", "recent", "silent")
PURCHASES = ("repeat buyers", "one-time buyers", "mostly repeat buyers", "mostly one-time buyers")
OF_ALL = ("silent", "repeat buyers", "one-time buyers")

DIFFERENCES = {
    "recency": ("longer relationship", "shorter relationship"),
    "frequency": ("more purchases", "fewer purchases"),
    "monetary_value": ("larger purchases", "smaller purchases"),
    "probability_alive": ("higher P(alive)", "lower P(alive)"),
    "clv": ("higher value", "lower value"),
    "silence": ("less recent", "more recent"),
    "T": ("earlier first purchase", "later first purchase"),
}


def segment_traits(
    customers: pd.DataFrame, segments: pd.Series, value: str, time_unit: str | None = None
) -> pd.DataFrame:
    """The share of each segment's customers for whom each claim holds.

    Parameters
    ----------
    customers : pandas.DataFrame
        One row per customer: the column ``value``, and those of `TRAIT_COLUMNS` that are known.
    segments : pandas.Series
        Segment of each customer, in the same order.
    value : str
        The column of money.
    time_unit : str, optional
        Of the purchase histories.

    Returns
    -------
    pandas.DataFrame
        Index: segment; one column per claim, from 0 to 1; 0 where ``customers`` lacks its columns.
    """
    claims = pd.DataFrame(_claims(customers, value, time_unit), index=customers.index, dtype=float)
    known = claims.reindex(columns=[*VALUE, *ACTIVITY, *PURCHASES], fill_value=0.0)
    return known.groupby(segments.to_numpy(), sort=True).mean()


def segment_names(traits: pd.DataFrame, centers: pd.DataFrame) -> tuple[str, ...]:
    """One name per segment, no two the same.

    Parameters
    ----------
    traits : pandas.DataFrame
        As from `segment_traits`, in the order of the segments.
    centers : pandas.DataFrame
        Standardised centres, one row per segment in the same order, one column per feature; they distinguish
        segments for which the same claims hold.
    """
    names = [_name(row) for _, row in traits.iterrows()]
    places = centers.reset_index(drop=True)
    differences: dict[int, str] = {}
    for name in set(names):
        differences |= _differences(places[[other == name for other in names]])
    return tuple(name + differences[place] for place, name in enumerate(names))


def _name(shares: pd.Series) -> str:
    words = [_first(shares, VALUE), _first(shares, ACTIVITY), _first(shares, PURCHASES) or "customers"]
    name = " ".join(word for word in words if word)
    return name[0].upper() + name[1:]


def _first(shares: pd.Series, claims: tuple[str, ...]) -> str:
    needed = {claim: 1.0 if claim in OF_ALL else HOLDS for claim in claims}
    return next((claim for claim in claims if shares[claim] >= needed[claim] - ROUNDING), "")


def _claims(customers: pd.DataFrame, value: str, time_unit: str | None) -> Mapping[str, pd.Series]:
    """For each claim that the table can decide, the customers for whom it holds."""
    claims = _value_claims(customers[value])
    if "frequency" in customers:
        back = customers["frequency"] > 0
        claims |= {"repeat buyers": back, "one-time buyers": ~back}
        claims |= {f"mostly {name}": held for name, held in claims.items() if name.endswith("buyers")}
        if "probability_alive" in customers:
            claims["active"] = back & (customers["probability_alive"] >= ALIVE)
    if "probability_alive" in customers:
        claims["inactive"] = customers["probability_alive"] < ALIVE
    gaps = _silence_in_gaps(customers)
    if gaps is not None:
        week = 0.0 if time_unit is None else 7 / time_unit_of(time_unit).days
        longer = customers["T"] - customers["recency"] > week * (1 + ROUNDING)
        silent = (gaps > SILENT_AFTER * (1 + ROUNDING)) & longer
        claims |= {"silent": silent, "recent": ~silent}
    return claims


def _value_claims(value: pd.Series) -> dict[str, pd.Series]:
    mean = float(np.sort(value).mean())  # sorted: the order of the customers may not matter
    if mean <= 0:
        return {}
    equal_or_better = value.rank(method="max", ascending=False)
    high = value > mean * (1 + ROUNDING)
    return {
        "Top-value": high & (equal_or_better <= BEST * len(value)),
        "High-value": high,
        "Low-value": value <= mean / 2 * (1 + ROUNDING),
        "Below-average": value < mean * (1 - ROUNDING),
    }


def _silence_in_gaps(customers: pd.DataFrame) -> pd.Series | None:
    """Time since the last purchase in typical gaps; None where it cannot be known."""
    if not {"frequency", "recency", "T"} <= set(customers):
        return None
    repeats, time = (float(np.sort(customers[name]).sum()) for name in ("frequency", "recency"))
    if repeats == 0 or time == 0:
        return None
    return (customers["T"] - customers["recency"]) * (repeats / time)


def _differences(centers: pd.DataFrame) -> dict[int, str]:
    """Additions that make each name unique: groups are split at the widest gap until each has one segment."""
    if len(centers) == 1:
        return {centers.index[0]: ""}
    gaps = {str(name): float(np.diff(np.sort(centers[name])).max()) for name in centers}
    if max(gaps.values(), default=0.0) == 0:
        return {place: f" ({i})" for i, place in enumerate(centers.index, start=1)}
    feature = max(gaps, key=lambda name: gaps[name])
    ordered = centers[feature].sort_values(kind="stable")
    low = set(ordered.index[: int(np.argmax(np.diff(ordered))) + 1])
    more, less = _words(feature)
    rest = centers.drop(columns=feature)  # each feature is named once
    halves = [rest[rest.index.isin(low)], rest[~rest.index.isin(low)]]
    return {
        place: f", {word}{difference}"
        for word, half in zip((less, more), halves, strict=True)
        for place, difference in _differences(half).items()
    }


def _words(feature: str) -> tuple[str, str]:
    """The words for the higher and the lower of two groups; ``"country=NL"`` is a level of a category."""
    if "=" in feature:
        return f"more with {feature}", f"fewer with {feature}"
    return DIFFERENCES.get(feature, (f"higher {feature}", f"lower {feature}"))
