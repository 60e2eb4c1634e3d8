"""What one step of improvement does to delivered value: a benefit raised, or a cost lowered.

A step raises every respondent's score by one point, up to the end of the scale: who already says 5 of 5
cannot say more. The mean score therefore rises by less than a step where many are satisfied.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.survey._ratings import Ratings
from clvml.survey._resamples import DRAWS, LEVEL, FloatArray, brand_by_attribute
from clvml.survey.perceived_value._delivered_value import Aggregate, Totals, ratio_of, totals_of


def step_effects(
    ratings: Ratings,
    brand: str | None = None,
    *,
    step: float = 1.0,
    aggregate: Aggregate = "mean",
    weighted: bool = True,
    level: float = LEVEL,
    n_draws: int = DRAWS,
    random_state: int = 0,
) -> pd.DataFrame:
    """The effect of one step in each attribute on the delivered value of a brand, or of every brand.

    Parameters
    ----------
    ratings : Ratings
        As from `read_ratings`, with the kind of every attribute.
    brand : str, optional
        One brand; by default all.
    step : float, default 1
        Points of the scale by which a benefit is raised or a cost lowered, above 0.
    aggregate : {"mean", "sum"}, default "mean"
        As in `delivered_value`.
    weighted : bool, default True
        As in `delivered_value`.
    level : float, default 0.95
        Of the intervals.
    n_draws, random_state : int
        Number of resamples, and their seed.

    Returns
    -------
    pandas.DataFrame
        Index ``brand, attribute``, the largest effect of a brand first. ``kind``; ``move`` ("raise" or
        "lower"); ``score`` (mean); ``change`` (what the step changes in the mean score, within the scale);
        ``effect`` on the difference with ``effect_lower`` and ``effect_upper``; ``ratio_effect``; ``gap`` (to
        the best competitor's difference; negative for the best brand); ``share_of_gap``; ``closes_gap``; and
        ``probability_closes``, the share of resamples in which the step closes the gap. The last three are
        missing for a brand without a gap.

    Raises
    ------
    InputError
        If the step is not above 0, and as in `delivered_value`.

    See Also
    --------
    clvml.survey.delivered_value : What the steps change.
    clvml.survey.priorities : By importance and gap.
    clvml.plots.step_effects : As a figure.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.survey import read_ratings, step_effects
    >>> kinds = {"quality": "product", "price": "money"}
    >>> rows = [(1, "ours", "quality", 3), (1, "ours", "price", 4), (1, "rival", "quality", 4)]
    >>> rows += [(1, "rival", "price", 4), (2, "ours", "quality", 5), (2, "ours", "price", 4)]
    >>> table = pd.DataFrame(rows, columns=["respondent", "brand", "attribute", "score"])
    >>> step_effects(read_ratings(table, kinds=kinds), "ours")[["move", "score", "change", "effect"]]
                      move  score  change  effect
    brand attribute
    ours  price      lower    4.0     1.0     1.0
          quality    raise    4.0     0.5     0.5
    """
    if not step > 0:
        raise InputError(f"step is {step!r}; it must be above 0, in points of the scale.")
    chosen = ratings.brands if brand is None else [ratings.check_brand(brand)]
    totals = totals_of(ratings, aggregate, weighted, n_draws, random_state)
    changes = _changes(ratings, totals, step)
    tables = {name: _effects(ratings, totals, changes, ratings.brands.index(name), level) for name in chosen}
    return pd.concat(tables, names=["brand", "attribute"])


def _changes(ratings: Ratings, totals: Totals, step: float) -> FloatArray:
    """What a step changes in the mean scores, at least 0, of shape (draws, brands, attributes)."""
    scores = brand_by_attribute(ratings.wide, ratings.brands, totals.attributes)
    low, high = ratings.scale
    room = np.where(totals.is_cost, scores - low, high - scores)
    return totals.resamples.means(np.minimum(step, room))


def _effects(ratings: Ratings, totals: Totals, changes: FloatArray, own: int, level: float) -> pd.DataFrame:
    effect = totals.weights * changes[:, own]
    benefit = totals.benefit[:, [own]] + np.where(totals.is_cost, 0.0, effect)
    cost = totals.cost[:, [own]] - np.where(totals.is_cost, effect, 0.0)
    gap = _gap_to_best(totals.difference, own)
    table = pd.DataFrame(
        {
            "kind": ratings.kinds[totals.attributes].to_numpy(),
            "move": np.where(totals.is_cost, "lower", "raise"),
            "score": totals.means[0, own],
            "change": changes[0, own],
            **totals.resamples.table({"effect": effect}, level),
            "ratio_effect": (ratio_of(benefit, cost, totals.scale) - totals.ratio[:, [own]])[0],
            "gap": gap[0],
        },
        index=pd.Index(totals.attributes, name="attribute"),
    )
    behind = gap[0] > 0
    table["share_of_gap"] = effect[0] / gap[0] if behind else np.nan
    table["closes_gap"] = pd.array(effect[0] >= gap[0] if behind else [pd.NA] * len(table), dtype="boolean")
    drawn = (effect[1:] >= gap[1:, None]).mean(axis=0)
    table["probability_closes"] = drawn if behind and totals.resamples.fewest > 1 else np.nan
    return table.sort_values("effect", ascending=False, kind="stable")


def _gap_to_best(difference: FloatArray, own: int) -> FloatArray:
    """The best competitor's difference less the brand's own; NaN if there is no competitor."""
    others = np.delete(difference, own, axis=1)
    if not others.shape[1]:
        return np.full(len(difference), np.nan)
    return others.max(axis=1) - difference[:, own]
