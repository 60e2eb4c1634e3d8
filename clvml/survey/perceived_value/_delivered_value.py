"""Delivered value: total customer benefit less total customer cost, and one by the other.

After Kotler, a brand's **total customer benefit** comes from its product, service, personnel and image,
its **total customer cost** is in money, time, energy and psychic cost::

    delivered value = benefit - cost        value ratio = benefit / cost

Each is a weighted mean of the brand's mean scores, on the scale of the survey, with weights by stated
importance that sum to 1 within benefits and within costs: totals do not depend on the number of attributes.
A ratio supposes that the scale has a meaningful zero, which a scale from 1 to 5 has by convention only:
compare ratios between brands, and do not read one as "twice as much".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.survey._ratings import BENEFITS, COSTS, Ratings
from clvml.survey._resamples import DRAWS, LEVEL, FloatArray, Resamples, brand_by_attribute, resamples_of

Aggregate = Literal["mean", "sum"]


@dataclass(frozen=True, eq=False)
class DeliveredValue:
    """The delivered value of each brand.

    Attributes
    ----------
    brands : pandas.DataFrame
        Index ``brand``, the highest difference first: ``benefit, cost, difference, ratio``, each with
        ``_lower`` and ``_upper``, in points of the scale (the ratio is a pure number), and ``respondents``.
    parts : pandas.DataFrame
        Index ``brand, kind``: ``score`` (the weighted mean score of the kind's attributes), ``weight`` (its
        share of all benefits or costs) and ``contribution`` to the total, with ``_lower`` and ``_upper``;
        contributions of benefits and of costs sum to the brand's two totals.
    gaps : pandas.DataFrame
        Index ``brand``: difference and ratio of the reference brand less those of each competitor, with
        ``_lower`` and ``_upper``. The same respondents are drawn for both brands, so that pairs are kept.
    weights : pandas.Series
        By attribute: its weight within the benefits or within the costs.
    notes : tuple of str
        What limits the numbers, such as a ratio that is undefined.

    See Also
    --------
    clvml.survey.delivered_value : Makes it.
    clvml.plots.delivered_value : As a figure.

    Examples
    --------
    >>> import clvml
    >>> from clvml.survey import delivered_value, made_up_survey, read_ratings
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> made_up = made_up_survey(customers)
    >>> ratings = read_ratings(made_up.ratings, overall="overall satisfaction")
    >>> found = delivered_value(ratings, n_draws=200)
    >>> found.brands[["benefit", "cost", "difference"]].round(1)
              benefit  cost  difference
    brand
    rival A       3.6   2.6         1.0
    rival B       3.3   2.5         0.8
    our shop      3.6   2.9         0.7
    >>> f"{found.weights['price']:.0%} of the costs"
    '56% of the costs'
    """

    brands: pd.DataFrame
    parts: pd.DataFrame
    gaps: pd.DataFrame
    weights: pd.Series
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Totals:
    """Benefits, costs and their parts in the sample (row 0) and in each draw.

    Arrays have the shape (draws, brands, ...); ``weights`` have (draws, attributes).
    """

    resamples: Resamples
    attributes: list[str]
    is_cost: np.ndarray
    weights: FloatArray
    means: FloatArray
    scale: tuple[float, float]
    notes: tuple[str, ...]

    @property
    def benefit(self) -> FloatArray:
        """Total customer benefit."""
        return self._total(~self.is_cost)

    @property
    def cost(self) -> FloatArray:
        """Total customer cost."""
        return self._total(self.is_cost)

    @property
    def difference(self) -> FloatArray:
        """Benefit less cost."""
        return self.benefit - self.cost

    @property
    def ratio(self) -> FloatArray:
        """Benefit by cost, NaN where there is no positive cost or the scale has numbers below zero."""
        return ratio_of(self.benefit, self.cost, self.scale)

    def _total(self, of_side: np.ndarray) -> FloatArray:
        return (self.weights[:, None, of_side] * self.means[:, :, of_side]).sum(axis=2)


def ratio_of(benefit: FloatArray, cost: FloatArray, scale: tuple[float, float]) -> FloatArray:
    """``benefit / cost``, NaN where it is undefined; never infinite."""
    defined = (cost > 0) & (scale[0] >= 0)
    return np.divide(benefit, cost, out=np.full(np.shape(cost), np.nan), where=defined)


def delivered_value(
    ratings: Ratings,
    brand: str | None = None,
    *,
    aggregate: Aggregate = "mean",
    weighted: bool = True,
    level: float = LEVEL,
    n_draws: int = DRAWS,
    random_state: int = 0,
) -> DeliveredValue:
    """The delivered value of each brand, with intervals from resampled respondents.

    Parameters
    ----------
    ratings : Ratings
        As from `read_ratings`, with the kind of every attribute.
    brand : str, optional
        The brand whose gaps to the others are computed; by default the first of the table.
    aggregate : {"mean", "sum"}, default "mean"
        Whether totals are weighted means of the scores, or weighted sums with weights of mean 1 (without
        importance, plain sums of the mean scores).
    weighted : bool, default True
        Whether attributes have weights by stated importance, if the survey asked for it.
    level : float, default 0.95
        Of the intervals.
    n_draws, random_state : int
        Number of resamples, and their seed.

    Returns
    -------
    DeliveredValue
        The brands, the parts of their value, and the gaps to the competitors.

    Raises
    ------
    InputError
        If an attribute has no kind, no attribute was rated for every brand, or nobody rated the brand.

    See Also
    --------
    clvml.survey.DeliveredValue : What it returns.
    clvml.survey.step_effects : What one step in an attribute brings.
    clvml.survey.delivered_value_over_time : By period.
    clvml.plots.delivered_value : As a figure.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.survey import delivered_value, read_ratings
    >>> kinds = {"quality": "product", "staff": "personnel", "price": "money", "waiting": "time"}
    >>> scores = {"ours": [5, 3, 2, 2], "rival": [3, 3, 3, 1]}
    >>> rows = [
    ...     (person, brand, attribute, score)
    ...     for person in (1, 2)
    ...     for brand, all_scores in scores.items()
    ...     for attribute, score in zip(kinds, all_scores)
    ... ]
    >>> table = pd.DataFrame(rows, columns=["respondent", "brand", "attribute", "score"])
    >>> found = delivered_value(read_ratings(table, kinds=kinds))
    >>> found.brands[["benefit", "cost", "difference", "ratio"]]
           benefit  cost  difference  ratio
    brand
    ours       4.0   2.0         2.0    2.0
    rival      3.0   2.0         1.0    1.5
    """
    brand = ratings.check_brand(brand)
    totals = totals_of(ratings, aggregate, weighted, n_draws, random_state)
    statistics = {name: getattr(totals, name) for name in ("benefit", "cost", "difference", "ratio")}
    names = pd.Index(ratings.brands, name="brand")
    table = pd.DataFrame(totals.resamples.table(statistics, level), index=names)
    table["respondents"] = [ratings.raters[name] for name in ratings.brands]
    own = ratings.brands.index(brand)
    against = {name: statistics[name][:, [own]] - statistics[name] for name in ("difference", "ratio")}
    gaps = pd.DataFrame(totals.resamples.table(against, level), index=names).drop(index=brand)
    return DeliveredValue(
        table.sort_values("difference", ascending=False, kind="stable"),
        _parts(totals, ratings, level),
        gaps,
        pd.Series(totals.weights[0], index=pd.Index(totals.attributes, name="attribute"), name="weight"),
        totals.notes,
    )


def totals_of(
    ratings: Ratings, aggregate: Aggregate, weighted: bool, n_draws: int, random_state: int
) -> Totals:
    """Weights and mean scores in every draw, over the attributes that were rated for every brand."""
    if aggregate not in ("mean", "sum"):
        raise InputError(f"aggregate is {aggregate!r}; it must be 'mean' or 'sum'.")
    without = ratings.kinds.index[ratings.kinds.isna()]
    if len(without):
        raise InputError(
            f"attribute {without[0]!r} has no kind ({len(without)} of {len(ratings.kinds)} have none);"
            f" delivered value needs one for each: a benefit ({', '.join(BENEFITS)}) or a cost"
            f" ({', '.join(COSTS)}). If it is the overall score, say so (overall = {str(without[0])!r})."
        )
    shown, notes = _rated_for_all(ratings)
    is_cost = ratings.kinds[shown].isin(COSTS).to_numpy()
    resamples = resamples_of(ratings, n_draws, random_state)
    means = resamples.means(brand_by_attribute(ratings.wide, ratings.brands, shown))
    weights = importance_draws(ratings, shown, resamples) if weighted else None
    if weights is None:
        weights = np.ones((len(means), len(shown)))
    for side in (is_cost, ~is_cost):
        _normalise(weights, side, aggregate)
    notes += _undefined(is_cost, means[0], weights[0], ratings)
    return Totals(resamples, shown, is_cost, weights, means, ratings.scale, tuple(notes))


def importance_draws(ratings: Ratings, attributes: list[str], resamples: Resamples) -> FloatArray | None:
    """Mean stated importance of each attribute in every draw, None if there is none; 0 where nobody said."""
    if ratings.importance is None:
        return None
    return np.nan_to_num(resamples.means(ratings.importance[attributes].to_numpy(dtype=float)))


def _normalise(weights: FloatArray, side: np.ndarray, aggregate: Aggregate) -> None:
    """Weights of one side in place, with sum 1 or mean 1; equal ones where all are 0."""
    if not side.any():
        return
    part = weights[:, side]
    part[part.sum(axis=1) == 0] = 1.0
    weights[:, side] = part / part.sum(axis=1, keepdims=True) * (side.sum() if aggregate == "sum" else 1)


def _rated_for_all(ratings: Ratings) -> tuple[list[str], list[str]]:
    rated = ratings.wide.notna().any()
    shown = [
        name
        for name in ratings.attributes
        if all(rated.get((brand, name), False) for brand in ratings.brands)
    ]
    if not shown:
        raise InputError("no attribute was rated for every brand: totals of the brands cannot be compared.")
    left_out = [name for name in ratings.attributes if name not in shown]
    if not left_out:
        return shown, []
    return shown, [f"not rated for every brand, and left out of the totals: {', '.join(left_out)}"]


def _undefined(is_cost: np.ndarray, means: FloatArray, weights: FloatArray, ratings: Ratings) -> list[str]:
    """Sentences on totals of zero and ratios that are undefined."""
    notes = []
    for side, name in ((is_cost, "cost"), (~is_cost, "benefit")):
        if not side.any():
            notes.append(f"no attribute is a {name}: total customer {name} counts as 0")
    costs = (weights[is_cost] * means[:, is_cost]).sum(axis=1)
    zero = [brand for brand, cost in zip(ratings.brands, costs, strict=True) if cost <= 0]
    if ratings.scale[0] < 0:
        notes.append("the scale has numbers below zero: a ratio of benefit and cost has no meaning")
    elif zero:
        notes.append(f"total customer cost is zero ({', '.join(zero)}): the ratio is undefined")
    return notes


def _parts(totals: Totals, ratings: Ratings, level: float) -> pd.DataFrame:
    kinds = ratings.kinds[totals.attributes]
    tables = {}
    for kind in dict.fromkeys(kinds):
        of_kind = (kinds == kind).to_numpy()
        weights = totals.weights[:, None, of_kind]
        contribution = (weights * totals.means[:, :, of_kind]).sum(axis=2)
        weight = weights.sum(axis=2) + np.zeros_like(contribution)
        score = np.divide(contribution, weight, out=np.full_like(weight, np.nan), where=weight > 0)
        columns = totals.resamples.table({"contribution": contribution}, level)
        tables[kind] = pd.DataFrame({"score": score[0], "weight": weight[0], **columns}, index=ratings.brands)
    parts = pd.concat(tables, names=["kind", "brand"]).swaplevel()
    return parts.reindex(ratings.brands, level="brand")
