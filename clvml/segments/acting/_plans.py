"""A plan for each segment, that joins the trend of its value, its stage and its treatment.

The trend says what changed, the lifecycle stage where most of its customers are, the treatment what to do for
them. Each measure that fell has an action of its own: bigger orders by upgrades and additions (upselling),
more purchases by new products (cross-selling), stickiness by needs and personal service, loyalty by a
programme.
"""

from __future__ import annotations

import pandas as pd

from clvml.errors import InputError
from clvml.lifetime_value.economics._trend_words import TREND_MEASURES, describe_change

FALLEN = {
    "average_order_value": "offer upgrades and additions to each order",
    "frequency": "offer products that they do not buy yet, at the time they usually buy",
    "stickiness": "ask what they need, and serve them personally",
    "retention": "offer a loyalty programme, and warn early of those who stay away",
}
BY_STAGE = {
    "exploration": "make the second purchase easy with an offer that fits the first",
    "build-up": "stimulate combinations and cross-sell",
    "stability": "serve the valuable differently, and keep them",
    "decline": "warn early and rescue those at risk",
    "lapsed": "win back those who are worth it",
}


def segment_plans(cards: pd.DataFrame, trend: pd.DataFrame) -> pd.Series:
    """One plan per segment, in sentences.

    Parameters
    ----------
    cards : pandas.DataFrame
        As from `segment_cards`.
    trend : pandas.DataFrame
        As from `clvml.lifetime_value.economics.trend_words`, with the segments' numbers as groups.

    Returns
    -------
    pandas.Series
        Text named "plan", on the index of ``cards``.

    Raises
    ------
    InputError
        If the cards lack a column, or a segment has no trend.

    See Also
    --------
    clvml.segments.acting.segment_cards : The cards that it takes.
    clvml.lifetime_value.economics.trend_words : The trend that it takes.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.acting import segment_plans
    >>> words = {"stage": ["decline"], "treatment": ["retain"], "what_to_do": ["Call them"]}
    >>> cards = pd.DataFrame(words, [1])
    >>> trend = pd.DataFrame(
    ...     {"is": ["fallen"], "will": ["expected to stay"], "change_pct": [-12.0]},
    ...     index=pd.MultiIndex.from_tuples([(1, "average_order_value")]),
    ... )
    >>> segment_plans(cards, trend)[1]  # doctest: +NORMALIZE_WHITESPACE
    'Order value of this segment fell 12 % and is expected to stay: offer upgrades and additions to each
    order. Most are in decline: warn early and rescue those at risk. Retain: Call them.'
    """
    missing = [name for name in ("stage", "treatment", "what_to_do") if name not in cards]
    if missing:
        raise InputError(f"the cards lack {missing[0]!r}; give the table of segment_cards.")
    absent = cards.index.difference(trend.index.get_level_values(0))
    if len(absent):
        raise InputError(f"segment {absent[0]} has no trend: give trend_words of all segments.")
    groups = trend.index.get_level_values(0)
    plans = {number: _plan(card, trend[groups == number]) for number, card in cards.iterrows()}
    return pd.Series(plans, name="plan", dtype="str").reindex(cards.index)


def _plan(card: pd.Series, trend: pd.DataFrame) -> str:
    measures = map(str, trend.index.get_level_values(1))
    rows = dict(zip(measures, (row for _, row in trend.iterrows()), strict=True))
    known = [measure for measure in TREND_MEASURES if measure in rows]
    fell = [measure for measure in known if rows[measure]["is"] == "fallen"]
    sentences = [_sentence(rows[measure], measure, FALLEN[measure]) for measure in fell[:2]]
    if not fell and known:
        rose = [measure for measure in known if rows[measure]["is"] == "risen"]
        steady = [measure for measure in known if rows[measure]["is"] == "steady"]
        measure = next(iter(rose or steady), "")
        few = "Too few recent purchases for a trend."
        sentences.append(_sentence(rows[measure], measure, "keep it so") if measure else few)
    stage = str(card["stage"])
    where = f"Most are in {stage}" if stage != "lapsed" else "Most have lapsed"
    sentences.append(f"{where}: {BY_STAGE.get(stage, 'follow the treatment')}.")
    treatment = str(card["treatment"])
    what = str(card["what_to_do"]).rstrip(".")
    return " ".join([*sentences, f"{treatment[:1].upper()}{treatment[1:]}: {what}."])


def _sentence(row: pd.Series, measure: str, action: str) -> str:
    name = TREND_MEASURES[measure]
    said = describe_change(row, measure).replace(name, f"{name} of this segment", 1)
    return f"{said[:1].upper()}{said[1:]}: {action}."
