"""Performance of the brands, and the comparison with a competitor attribute by attribute."""

from __future__ import annotations

import pandas as pd

from clvml.errors import InputError
from clvml.survey._ratings import Ratings
from clvml.survey._resamples import DRAWS, LEVEL, brand_by_attribute, resamples_of
from clvml.survey.perceived_value._differences import (
    Correction,
    margin_of,
    mean_differences,
    with_verdicts,
)


def brand_performance(
    ratings: Ratings, *, level: float = LEVEL, n_draws: int = DRAWS, random_state: int = 0
) -> pd.DataFrame:
    """Mean performance of every brand on every attribute; high is good for costs too.

    Parameters
    ----------
    ratings : Ratings
        As from `read_ratings`.
    level : float, default 0.95
        Of the intervals.
    n_draws, random_state : int
        Number of resamples, and their seed.

    Returns
    -------
    pandas.DataFrame
        Index ``attribute, brand``: ``performance`` with ``performance_lower`` and ``performance_upper``, and
        the number of ``respondents``. An overall score is the last attribute. NaN where nobody rated.

    See Also
    --------
    clvml.survey.compare_brands : Tests of the differences.
    clvml.plots.brand_comparison : As a figure.

    Examples
    --------
    >>> import clvml
    >>> from clvml.survey import brand_performance, made_up_survey, read_ratings
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> made_up = made_up_survey(customers)
    >>> ratings = read_ratings(made_up.ratings, overall="overall satisfaction")
    >>> found = brand_performance(ratings, n_draws=200)
    >>> found.loc["price", ["performance", "respondents"]].round(1)
              performance  respondents
    brand
    our shop          2.9          905
    rival A           3.3          909
    rival B           3.8          910
    """
    names = [*ratings.attributes, *([ratings.overall] if ratings.overall else [])]
    scores = brand_by_attribute(ratings.performance, ratings.brands, names)
    resamples = resamples_of(ratings, n_draws, random_state)
    means = resamples.means(scores).transpose(0, 2, 1).reshape(n_draws + 1, -1)
    index = pd.MultiIndex.from_product([names, ratings.brands], names=["attribute", "brand"])
    table = pd.DataFrame(resamples.table({"performance": means}, level), index=index)
    counts = ratings.performance.notna().sum()
    table["respondents"] = [int(counts.get((brand, name), 0)) for name, brand in index]
    return table


def compare_brands(
    ratings: Ratings,
    brand: str | None = None,
    competitor: str | None = None,
    *,
    by: str | pd.Series | None = None,
    margin: float | None = None,
    correction: Correction = "holm",
    level: float = LEVEL,
) -> pd.DataFrame:
    """Points of difference and points of parity: two brands attribute by attribute.

    Respondents who rated both brands are pairs. All attributes (and segments) of the table are one family
    of tests.

    Parameters
    ----------
    ratings : Ratings
        As from `read_ratings`.
    brand : str, optional
        By default the first of the table.
    competitor : str, optional
        By default the one with the highest mean performance.
    by : str or pandas.Series, optional
        ``"segment"``, the column of the ratings, or a segment by respondent: the comparison is within each.
    margin : float, optional
        The largest difference that counts as parity, in points of the scale; by default a sixteenth of its
        range, which is a quarter of a point from 1 to 5.
    correction : {"holm", "benjamini_hochberg", "none"}, default "holm"
        For the number of tests: of the chance of any error, or of the share of errors among the findings.
    level : float, default 0.95
        Of the intervals, which are those of a single comparison; verdicts err with probability ``1 - level``.

    Returns
    -------
    pandas.DataFrame
        Index ``attribute`` (with ``by``: ``segment, attribute``): ``kind, ours, theirs`` (mean performance:
        high is good for costs too), ``n_ours, n_theirs, pairs, difference, lower, upper, p_value, p_adjusted,
        p_parity, p_parity_adjusted`` and ``verdict``: "ahead" or "behind" (a point of difference), "parity"
        (the difference is below the margin), or "undecided". ``attrs`` has ``brand, competitor, margin,
        level, correction``.

    Raises
    ------
    InputError
        If there is no other brand, a brand has no ratings, or there are no segments.

    See Also
    --------
    clvml.survey.brand_performance : The means of all brands.
    clvml.survey.priorities : What to improve first.
    clvml.plots.brand_comparison : As a figure.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.survey import compare_brands, read_ratings
    >>> scores = [("ours", [5, 4, 5, 5, 4, 5]), ("rival", [3, 3, 3, 2, 3, 3])]
    >>> rows = [(i, brand, "quality", s) for brand, all_s in scores for i, s in enumerate(all_s)]
    >>> table = pd.DataFrame(rows, columns=["respondent", "brand", "attribute", "score"])
    >>> compare_brands(read_ratings(table), "ours")[["ours", "theirs", "pairs", "verdict"]].round(2)
               ours  theirs  pairs verdict
    attribute
    quality    4.67    2.83      6   ahead
    """
    brand = ratings.check_brand(brand)
    competitor = ratings.competitor_of(brand, competitor)
    points = margin_of(margin, ratings.scale)
    if by is None:
        table = _compared(ratings.performance, ratings, brand, competitor, points, level)
    else:
        parts = _by_segment(ratings, by)
        tables = {
            name: _compared(part, ratings, brand, competitor, points, level) for name, part in parts.items()
        }
        table = pd.concat(tables, names=["segment", "attribute"])
    table = with_verdicts(table, correction, level)
    table.attrs = {
        "brand": brand, "competitor": competitor, "margin": points, "level": level, "correction": correction,
    }  # fmt: skip
    return table


def segments_of(ratings: Ratings) -> pd.Series:
    """The segment of each respondent, from the column of the ratings.

    Raises
    ------
    InputError
        If there is no such column, or a respondent is in two segments.
    """
    if "segment" not in ratings.table:
        raise InputError("the ratings have no column 'segment'; add it, or give a Series by respondent.")
    pairs = ratings.table[["respondent", "segment"]].dropna().drop_duplicates()
    if pairs["respondent"].duplicated().any():
        count = pairs["respondent"].duplicated().sum()
        raise InputError(f"{count:,} respondents are in more than one segment; give each one segment.")
    return pairs.set_index("respondent")["segment"]


def of_brand(performance: pd.DataFrame, brand: str, attributes: list[str]) -> pd.DataFrame:
    """The performance of one brand, by respondent and attribute."""
    columns = pd.MultiIndex.from_product([[brand], attributes])
    return performance.reindex(columns=columns).set_axis(attributes, axis="columns")


def _by_segment(ratings: Ratings, by: str | pd.Series) -> dict[str, pd.DataFrame]:
    if isinstance(by, str) and by != "segment":
        raise InputError(f"by is {by!r}; it must be 'segment' or a Series of segments by respondent.")
    segments = (segments_of(ratings) if isinstance(by, str) else by).reindex(ratings.respondents)
    if segments.isna().all():
        raise InputError("no respondent has a segment: the index of the Series must be respondents.")
    groups = ratings.performance.groupby(segments.to_numpy(), sort=True)
    return {str(name): part for name, part in groups}


def _compared(
    performance: pd.DataFrame, ratings: Ratings, brand: str, competitor: str, margin: float, level: float
) -> pd.DataFrame:
    ours, theirs = (of_brand(performance, name, ratings.attributes) for name in (brand, competitor))
    table = mean_differences(ours, theirs, margin, level)
    names = {"first": "ours", "second": "theirs", "n_first": "n_ours", "n_second": "n_theirs"}
    table = table.rename(columns=names).rename_axis("attribute")
    table.insert(0, "kind", ratings.kinds)
    return table
