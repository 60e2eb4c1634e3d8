"""A repeated survey: performance and delivered value by period, and what has changed since the last one."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pandas as pd

from clvml.errors import InputError
from clvml.survey._ratings import Ratings
from clvml.survey._resamples import DRAWS, LEVEL
from clvml.survey.perceived_value._brands import of_brand
from clvml.survey.perceived_value._delivered_value import Aggregate, delivered_value
from clvml.survey.perceived_value._differences import (
    Correction,
    margin_of,
    mean_differences,
    with_verdicts,
)

Period = Literal["D", "W", "M", "Q", "Y"]
RISEN, FALLEN = "risen", "fallen"


def performance_over_time(
    ratings: Ratings,
    brand: str | None = None,
    *,
    period: Period = "Q",
    margin: float | None = None,
    correction: Correction = "holm",
    level: float = LEVEL,
) -> pd.DataFrame:
    """Performance of a brand by period, and its change from each period to the next.

    Respondents who answered in both periods are pairs; all changes of the table are one family of tests.

    Parameters
    ----------
    ratings : Ratings
        As from `read_ratings`, with dates.
    brand : str, optional
        By default the first of the table.
    period : {"D", "W", "M", "Q", "Y"}, default "Q"
        Length of the periods.
    margin : float, optional
        As in `compare_brands`.
    correction : {"holm", "benjamini_hochberg", "none"}, default "holm"
        As in `compare_brands`.
    level : float, default 0.95
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        Index ``attribute, period`` (its first day), an overall score last: ``performance, respondents``, and
        for the change from the period before ``change, lower, upper, p_value, p_adjusted, p_parity,
        p_parity_adjusted, verdict``: "risen", "fallen", "parity" (changed by less than the margin) or
        "undecided"; missing in the first period.

    Raises
    ------
    InputError
        If the ratings have no dates, or nobody rated the brand.

    See Also
    --------
    clvml.survey.compare_brands : Against a competitor.
    clvml.survey.delivered_value_over_time : Benefits against costs by period.

    Examples
    --------
    In the second quarter of the survey the staff are rated lower:

    >>> import clvml
    >>> from clvml.survey import made_up_survey, performance_over_time, read_ratings
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> made_up = made_up_survey(customers)
    >>> ratings = read_ratings(made_up.ratings, overall="overall satisfaction")
    >>> found = performance_over_time(ratings, period="Q")
    >>> found.loc["staff", ["performance", "change", "verdict"]].tail(1).round(1)
                performance  change verdict
    period
    1997-07-01          3.4    -0.4  fallen
    """
    brand = ratings.check_brand(brand)
    points = margin_of(margin, ratings.scale)
    names = [*ratings.attributes, *([ratings.overall] if ratings.overall else [])]
    waves = {
        start: of_brand(wave.performance, brand, names) for start, wave in _waves(ratings, period, brand)
    }
    tables: dict[pd.Timestamp, pd.DataFrame] = {}
    before: pd.DataFrame | None = None
    for start, scores in waves.items():
        table = pd.DataFrame({"performance": scores.mean(), "respondents": scores.notna().sum()})
        if before is not None:
            changes = mean_differences(scores, before, points, level)
            columns = ["difference", "lower", "upper", "p_value", "p_parity"]
            table = table.join(changes[columns].rename(columns={"difference": "change"}))
        tables[start], before = table, scores
    table = pd.concat(tables, names=["period", "attribute"]).swaplevel()
    for name in ("change", "lower", "upper", "p_value", "p_parity"):
        table[name] = table[name] if name in table else float("nan")
    judged = with_verdicts(table.rename(columns={"change": "difference"}), correction, level, (RISEN, FALLEN))
    judged = judged.rename(columns={"difference": "change"})
    judged["verdict"] = judged["verdict"].where(judged["change"].notna())
    order = pd.MultiIndex.from_product([names, list(waves)], names=["attribute", "period"])
    judged = judged.reindex(order)
    judged.attrs = {"brand": brand, "margin": points, "level": level, "correction": correction}
    return judged


def delivered_value_over_time(
    ratings: Ratings,
    *,
    period: Period = "Q",
    aggregate: Aggregate = "mean",
    weighted: bool = True,
    level: float = LEVEL,
    n_draws: int = DRAWS,
    random_state: int = 0,
) -> pd.DataFrame:
    """The delivered value of each brand by period, as in `delivered_value`.

    Parameters
    ----------
    ratings : Ratings
        As from `read_ratings`, with dates and the kind of every attribute.
    period : {"D", "W", "M", "Q", "Y"}, default "Q"
        Length of the periods.
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
        Index ``brand, period`` (its first day), with the columns of ``DeliveredValue.brands``. Within a
        period totals are over the attributes rated for every brand in it.

    Raises
    ------
    InputError
        If the ratings have no dates, and as in `delivered_value`.

    See Also
    --------
    clvml.survey.delivered_value : All periods together.
    clvml.plots.delivered_value_over_time : As a figure.

    Examples
    --------
    >>> import clvml
    >>> from clvml.survey import delivered_value_over_time, made_up_survey, read_ratings
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> made_up = made_up_survey(customers)
    >>> ratings = read_ratings(made_up.ratings, overall="overall satisfaction")
    >>> found = delivered_value_over_time(ratings, n_draws=200)
    >>> found.loc["rival B", ["benefit", "cost", "difference"]].round(1)
                benefit  cost  difference
    period
    1997-04-01      3.3   2.5         0.8
    1997-07-01      3.3   2.5         0.9
    """
    tables = {
        start: delivered_value(
            wave,
            aggregate=aggregate,
            weighted=weighted,
            level=level,
            n_draws=n_draws,
            random_state=random_state,
        ).brands
        for start, wave in _waves(ratings, period)
    }
    return pd.concat(tables, names=["period", "brand"]).swaplevel().sort_index()


def _waves(ratings: Ratings, period: Period, brand: str | None = None) -> list[tuple[pd.Timestamp, Ratings]]:
    """The ratings of each period, by its first day; rows without a date are left out."""
    if "date" not in ratings.table or ratings.table["date"].isna().all():
        raise InputError("the ratings have no dates: add a column 'date' to follow them over time.")
    table = ratings.table.dropna(subset=["date"])
    if brand is not None:
        table = table[table["brand"] == brand]
    if table.empty:
        raise InputError(f"no rating of {brand!r} has a date.")
    starts = table["date"].dt.to_period(period).dt.start_time
    return [(pd.Timestamp(start), replace(ratings, table=part)) for start, part in table.groupby(starts)]
