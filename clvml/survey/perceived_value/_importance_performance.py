"""The importance-performance map and the order of improvement.

The map (Martilla and James 1977, "Importance-Performance Analysis", Journal of Marketing 41) divides
attributes by importance and performance into four quadrants. Its borders are a choice, and attributes near a
border are in a quadrant by chance: the share of resamples in which an attribute is in its quadrant says how
sure that is.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.survey._ratings import Ratings
from clvml.survey._resamples import DRAWS, LEVEL, FloatArray, brand_by_attribute, resamples_of
from clvml.survey.perceived_value._importance import ImportanceKind, importance_of

CONCENTRATE, KEEP_UP, LOW_PRIORITY, OVERKILL = (
    "concentrate here", "keep up the good work", "low priority", "possible overkill",
)  # fmt: skip
QUADRANTS = (CONCENTRATE, KEEP_UP, LOW_PRIORITY, OVERKILL)
IDEAL = "ideal"


def importance_performance(
    ratings: Ratings,
    brand: str | None = None,
    *,
    importance: ImportanceKind | None = None,
    performance_border: float | None = None,
    level: float = LEVEL,
    n_draws: int = DRAWS,
    random_state: int = 0,
) -> pd.DataFrame:
    """Importance and performance of every attribute of a brand, and its quadrant.

    Parameters
    ----------
    ratings : Ratings
        As from `read_ratings`.
    brand : str, optional
        By default the first of the table.
    importance : {"stated", "derived"}, optional
        By default stated, if the survey asked for it.
    performance_border : float, optional
        The performance from which it is high; by default the mean of the attributes. The border of importance
        is their mean, too.
    level : float, default 0.95
        Of the intervals.
    n_draws, random_state : int
        Number of resamples, and their seed.

    Returns
    -------
    pandas.DataFrame
        Index ``attribute``, the most important first: ``kind``; ``importance`` (share of all) and
        ``performance`` (high is good for costs too), each with ``_lower`` and ``_upper``; ``quadrant``:
        "concentrate here" (important, low performance), "keep up the good work" (important, high), "low
        priority" (neither) or "possible overkill" (high performance, not important); ``quadrant_share``, the
        share of resamples in which it is in this quadrant. ``attrs`` has ``brand, importance`` (which kind),
        ``importance_border, performance_border, scale`` and ``level``.

    Raises
    ------
    InputError
        If the survey does not tell importance, or nobody rated the brand.

    See Also
    --------
    clvml.survey.attribute_importance : Where importance comes from.
    clvml.survey.priorities : In which order to improve.
    clvml.plots.importance_performance : As a figure.

    References
    ----------
    Martilla and James (1977), Importance-Performance Analysis, Journal of Marketing 41(1).

    Examples
    --------
    >>> import clvml
    >>> from clvml.survey import importance_performance, made_up_survey, read_ratings
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> made_up = made_up_survey(customers)
    >>> ratings = read_ratings(made_up.ratings, overall="overall satisfaction")
    >>> found = importance_performance(ratings, n_draws=200)
    >>> found.index[found["quadrant"] == "concentrate here"].tolist()
    ['price', 'delivery reliability', 'delivery time']
    """
    brand = ratings.check_brand(brand)
    resamples = resamples_of(ratings, n_draws, random_state)
    kind, shares = importance_of(ratings, importance, resamples)
    means = resamples.means(brand_by_attribute(ratings.performance, [brand], ratings.attributes))[:, 0]
    shown = np.isfinite(means[0]) & np.isfinite(shares[0])
    shares, means = shares[:, shown], means[:, shown]
    if not shown.any():
        raise InputError(f"no attribute of {brand!r} has both importance and ratings.")
    borders = _borders(shares), _borders(means, performance_border)
    places = 2 * (shares < borders[0]) + (means >= borders[1])
    table = pd.DataFrame(
        resamples.table({"importance": shares, "performance": means}, level),
        index=pd.Index(np.array(ratings.attributes)[shown], name="attribute"),
    )
    table.insert(0, "kind", ratings.kinds)
    table["quadrant"] = [QUADRANTS[place] for place in places[0]]
    table["quadrant_share"] = (places[1:] == places[0]).mean(axis=0) if resamples.fewest > 1 else np.nan
    table = table.sort_values("importance", ascending=False, kind="stable")
    table.attrs = {
        "brand": brand, "importance": kind, "importance_border": float(borders[0][0, 0]),
        "performance_border": float(borders[1][0, 0]), "scale": ratings.scale, "level": level,
    }  # fmt: skip
    return table


def priorities(
    ratings: Ratings,
    brand: str | None = None,
    against: str | None = None,
    *,
    importance: ImportanceKind | None = None,
    costs: Mapping[str, float] | None = None,
    level: float = LEVEL,
    n_draws: int = DRAWS,
    random_state: int = 0,
) -> pd.DataFrame:
    """The order in which to improve attributes: importance times the gap, by cost if it is given.

    Parameters
    ----------
    ratings : Ratings
        As from `read_ratings`.
    brand : str, optional
        By default the first of the table.
    against : str, optional
        A competitor, by default the one with the highest mean performance; or "ideal", the end of the scale.
    importance : {"stated", "derived"}, optional
        By default stated, if the survey asked for it.
    costs : mapping of str to float, optional
        What closing the gap of each attribute would cost, above 0; attributes without a cost come last.
    level : float, default 0.95
        Of the intervals.
    n_draws, random_state : int
        Number of resamples, and their seed.

    Returns
    -------
    pandas.DataFrame
        Index ``attribute``, the first to improve first: ``kind``; ``importance`` (share of all);
        ``performance``; ``gap`` to the competitor (positive: behind); ``priority`` = importance x gap, the
        points of weighted performance that closing the gap brings, at least 0; all but the kind with
        ``_lower`` and ``_upper``; with costs, ``cost`` and ``priority_per_cost``; ``order`` from 1, missing
        where there is no gap; ``first_share``, the share of resamples in which it is first. ``attrs`` has
        ``brand, against, importance``.

    Raises
    ------
    InputError
        If the survey does not tell importance, a cost is not above 0 or of an unknown attribute, or a brand
        has no ratings.

    See Also
    --------
    clvml.survey.importance_performance : The quadrants.
    clvml.survey.compare_brands : The gaps, tested.

    Examples
    --------
    >>> import clvml
    >>> from clvml.survey import made_up_survey, priorities, read_ratings
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> made_up = made_up_survey(customers)
    >>> ratings = read_ratings(made_up.ratings, overall="overall satisfaction")
    >>> found = priorities(ratings, n_draws=200)
    >>> found.attrs["against"]
    'rival A'
    >>> found[["gap", "priority"]].head(2).round(2)
                           gap  priority
    attribute
    price                 0.40      0.10
    delivery reliability  0.58      0.07
    """
    brand = ratings.check_brand(brand)
    against = against if against == IDEAL else ratings.competitor_of(brand, against)
    resamples = resamples_of(ratings, n_draws, random_state)
    kind, shares = importance_of(ratings, importance, resamples)
    brands = [brand] if against == IDEAL else [brand, against]
    means = resamples.means(brand_by_attribute(ratings.performance, brands, ratings.attributes))
    gap = (ratings.scale[1] if against == IDEAL else means[:, 1]) - means[:, 0]
    priority = shares * gap.clip(min=0.0)
    statistics = {"importance": shares, "performance": means[:, 0], "gap": gap, "priority": priority}
    table = pd.DataFrame(
        {"kind": ratings.kinds, **resamples.table(statistics, level)},
        index=pd.Index(ratings.attributes, name="attribute"),
    )
    ranked = priority
    if costs is not None:
        table["cost"] = _checked_costs(costs, ratings.attributes)
        ranked = priority / table["cost"].to_numpy()
        table["priority_per_cost"] = ranked[0]
    known = np.nan_to_num(ranked)
    first = (known == known.max(axis=1, keepdims=True)) & (known > 0)
    table["first_share"] = first[1:].mean(axis=0) if resamples.fewest > 1 else np.nan
    table = table.iloc[np.lexsort((-np.nan_to_num(priority[0]), -known[0]))]
    behind = table["priority"] > 0
    table["order"] = behind.cumsum().where(behind).astype("Int64")
    table.attrs = {"brand": brand, "against": against, "importance": kind, "level": level}
    return table


def _borders(values: FloatArray, given: float | None = None) -> FloatArray:
    """The mean of the attributes in every draw, or the given border, of shape (draws, 1)."""
    if given is None:
        return np.asarray(values.mean(axis=1, keepdims=True))
    return np.full((len(values), 1), float(given))


def _checked_costs(costs: Mapping[str, float], attributes: list[str]) -> pd.Series:
    unknown = [name for name in costs if name not in attributes]
    if unknown:
        raise InputError(
            f"costs names {unknown[0]!r}, which nobody rated; attributes: {', '.join(attributes)}."
        )
    bad = [name for name, cost in costs.items() if not (np.isfinite(cost) and cost > 0)]
    if bad:
        raise InputError(f"the cost of {bad[0]!r} is {costs[bad[0]]!r}; it must be above 0.")
    return pd.Series(costs, dtype=float).reindex(attributes)
