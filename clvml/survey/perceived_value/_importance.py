"""The importance of attributes: as customers state it, and as their overall score shows it.

They differ: customers state what they think that they ought to value (price, often), and what is taken for
granted does not move their overall score. **Stated** importance is the mean of the answers as a share of
all attributes; **derived** importance is the share of an attribute in the variance of the overall score that
performance explains (`clvml.survey.perceived_value._relative_weights` says why not coefficients).

The regression compares scores within each brand, so that differences between brands, which have other
causes too, do not enter; each respondent and brand with all scores is one row, and respondents are
resampled with all of their rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from clvml.errors import InputError
from clvml.survey._ratings import Ratings
from clvml.survey._resamples import DRAWS, LEVEL, FloatArray, Resamples, brand_by_attribute, resamples_of
from clvml.survey.perceived_value._delivered_value import importance_draws
from clvml.survey.perceived_value._relative_weights import Regression, relative_weights

ImportanceKind = Literal["stated", "derived"]


@dataclass(frozen=True, eq=False)
class AttributeImportance:
    """Stated and derived importance.

    Attributes
    ----------
    table : pandas.DataFrame
        Index ``attribute``, in the order of the kinds: ``kind``; ``stated`` and ``derived`` (shares that sum
        to 1), ``coefficient`` (standardised, of least squares), each with ``_lower`` and ``_upper``;
        ``correlation`` with the overall score; ``inflation`` (variance inflation factor: above 5 or 10 a
        coefficient is unstable); ``stated_rank`` and ``derived_rank``. NaN where the survey does not tell.
    r_squared : float
        Share of the variance of the overall score that the attributes explain within brands; NaN without one.
    rank_correlation : float
        Spearman's, of stated and derived importance; NaN if one is missing.
    rows : int
        Respondents x brands with all scores, in the regression.
    notes : tuple of str
        Why one of the two is missing, and what limits them.

    See Also
    --------
    clvml.survey.attribute_importance : Makes it.
    clvml.plots.attribute_importance : As a figure.

    Examples
    --------
    >>> import clvml
    >>> from clvml.survey import attribute_importance, made_up_survey, read_ratings
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> made_up = made_up_survey(customers)
    >>> ratings = read_ratings(made_up.ratings, overall="overall satisfaction")
    >>> found = attribute_importance(ratings, n_draws=200)
    >>> round(found.rank_correlation, 2), round(found.r_squared, 2), found.rows
    (0.72, 0.72, 1833)
    >>> found.table[["stated", "derived"]].loc[["selection", "price"]].round(2)
               stated  derived
    attribute
    selection    0.14     0.26
    price        0.25     0.08
    """

    table: pd.DataFrame
    r_squared: float
    rank_correlation: float
    rows: int
    notes: tuple[str, ...]


def attribute_importance(
    ratings: Ratings,
    *,
    level: float = LEVEL,
    n_draws: int = DRAWS,
    random_state: int = 0,
) -> AttributeImportance:
    """Stated and derived importance of every attribute, with intervals from resampled respondents.

    Parameters
    ----------
    ratings : Ratings
        As from `read_ratings`: with a column ``importance`` for stated, and an ``overall`` attribute for
        derived importance; at least one of them.
    level : float, default 0.95
        Of the intervals.
    n_draws, random_state : int
        Number of resamples, and their seed.

    Returns
    -------
    AttributeImportance
        Shares by attribute, their intervals and ranks.

    Raises
    ------
    InputError
        If the survey has neither.

    See Also
    --------
    clvml.survey.importance_performance : Importance against performance.
    clvml.survey.rank_gaps : The customers' order against the company's.
    clvml.plots.attribute_importance : As a figure.

    References
    ----------
    Johnson (2000), Multivariate Behavioral Research 35(1); Tonidandel and LeBreton (2011), Journal of
    Business and Psychology 26(1).

    Examples
    --------
    Price is said to be the most important; satisfaction follows selection:

    >>> import clvml
    >>> from clvml.survey import attribute_importance, made_up_survey, read_ratings
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> made_up = made_up_survey(customers)
    >>> ratings = read_ratings(made_up.ratings, overall="overall satisfaction")
    >>> found = attribute_importance(ratings, n_draws=200)
    >>> found.table["stated"].idxmax(), found.table["derived"].idxmax()
    ('price', 'selection')
    """
    resamples = resamples_of(ratings, n_draws, random_state)
    names = ratings.attributes
    stated = stated_draws(ratings, resamples)
    regression, rows, notes = derived_draws(ratings, resamples)
    if stated is None and regression is None:
        raise InputError(
            "importance needs a column 'importance' (stated), or the name of an attribute with the overall"
            f" score (overall=...) to derive it from: {'; '.join(notes)}."
        )
    if stated is None:
        notes.append("the survey did not ask for importance: none is stated")
    table = pd.DataFrame({"kind": ratings.kinds})
    empty = np.full((1 + n_draws, len(names)), np.nan)
    statistics = {
        "stated": empty if stated is None else stated,
        "derived": empty if regression is None else _shares(regression.weights),
        "coefficient": empty if regression is None else regression.coefficients,
    }
    for name, column in resamples.table(statistics, level).items():
        table[name] = column
    table["correlation"] = empty[0] if regression is None else regression.correlation[0]
    table["inflation"] = empty[0] if regression is None else regression.inflation[0]
    for name in ("stated", "derived"):
        table[f"{name}_rank"] = table[name].rank(ascending=False, method="min")
    return AttributeImportance(
        table.rename_axis("attribute"),
        float("nan") if regression is None else float(regression.r_squared[0]),
        _rank_correlation(table["stated"], table["derived"]),
        rows,
        tuple(notes),
    )


def importance_of(
    ratings: Ratings, kind: ImportanceKind | None, resamples: Resamples
) -> tuple[str, FloatArray]:
    """The kind of importance, by default stated if there is any, and its shares in every draw.

    Raises
    ------
    InputError
        If the survey has not that kind, or the kind is unknown.
    """
    if kind not in (None, "stated", "derived"):
        raise InputError(f"importance is {kind!r}; it must be 'stated' or 'derived'.")
    stated = stated_draws(ratings, resamples) if kind != "derived" else None
    if stated is not None:
        return "stated", stated
    if kind == "stated":
        raise InputError("the survey has no column 'importance': use importance='derived'.")
    regression, _, notes = derived_draws(ratings, resamples)
    if regression is None:
        raise InputError(f"importance cannot be derived: {'; '.join(notes)}.")
    return "derived", _shares(regression.weights)


def stated_draws(ratings: Ratings, resamples: Resamples) -> FloatArray | None:
    """Shares of stated importance, of shape (draws, attributes); None if the survey did not ask."""
    draws = importance_draws(ratings, ratings.attributes, resamples)
    return None if draws is None else _shares(draws)


def derived_draws(ratings: Ratings, resamples: Resamples) -> tuple[Regression | None, int, list[str]]:
    """The regression of the overall score in every draw, its number of rows, and what limits it."""
    if ratings.overall is None:
        return None, 0, ["no attribute is named as the overall score: no importance is derived"]
    names = [*ratings.attributes, ratings.overall]
    scores = brand_by_attribute(ratings.performance, ratings.brands, names)
    complete = np.asarray(np.isfinite(scores).all(axis=2))
    rows, answered = int(complete.sum()), int(np.isfinite(scores[:, :, -1]).sum())
    if rows < len(names) + 1:
        return None, rows, [
            f"{rows} respondents x brands have scores of all {len(names) - 1} attributes and an overall"
            " score: too few to derive importance"
        ]  # fmt: skip
    notes = (
        []
        if rows == answered
        else [f"derived from {rows:,} of {answered:,} overall scores, as others lack attributes"]
    )
    found = relative_weights(_within_brands(scores, complete, resamples))
    constant = [names[place] for place in np.flatnonzero(np.abs(found.correlation[0]) == 0)]
    if np.isnan(found.r_squared[0]):
        return None, rows, ["the overall score is the same in all answers: no importance is derived"]
    if constant:
        notes.append(f"scores without any correlation with the overall score: {', '.join(constant)}")
    return found, rows, notes


def _within_brands(scores: FloatArray, complete: np.ndarray, resamples: Resamples) -> FloatArray:
    """Covariances within brands in every draw, from sums over respondents."""
    centre = np.nanmean(scores, axis=(0, 1))  # numbers near zero lose no digits in sums of products
    known = np.where(complete[:, :, None], scores - centre, 0.0)
    products = resamples.sums(np.einsum("nbi,nbj->nij", known, known))
    sums, counts = resamples.sums(known), resamples.sums(complete.astype(float))
    per_brand = np.divide(1.0, counts, out=np.zeros_like(counts), where=counts > 0)
    between = np.einsum("dbi,dbj,db->dij", sums, sums, per_brand)
    total = counts.sum(axis=1)[:, None, None]
    return np.divide(products - between, total, out=np.zeros_like(products), where=total > 0)


def _shares(weights: FloatArray) -> FloatArray:
    total = weights.sum(axis=1, keepdims=True)
    return np.divide(weights, total, out=np.full_like(weights, np.nan), where=total > 0)


def _rank_correlation(stated: pd.Series, derived: pd.Series) -> float:
    if (
        len(stated) < 2
        or stated.isna().any()
        or derived.isna().any()
        or min(stated.nunique(), derived.nunique()) < 2
    ):
        return float("nan")
    return float(stats.spearmanr(stated, derived).statistic)
