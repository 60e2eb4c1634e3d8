"""Satisfaction joined to value: what the dissatisfied, the detractors and those who complain are worth.

Who answers differs in value from who does not, so that both are compared, and scores are also given as if all
customers had answered: weighted to the customers' distribution of value (post-stratification).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from clvml.errors import InputError
from clvml.survey._resamples import LEVEL, check_level
from clvml.survey.satisfaction._answers import (
    DISSATISFIED,
    SATISFIED,
    Count,
    SatisfactionAnswers,
    class_of_recommendation,
    class_of_satisfaction,
)
from clvml.survey.satisfaction._complaints import Complaints, complainers

VALUE, AT_RISK = "clv", "value_at_risk"
STRATA, FEWEST = 5, 5  # classes of value, and the fewest answers in one of them
NO_ANSWER = "no answer"
_ORDERS = {
    "satisfaction": ("satisfied", "neutral", "dissatisfied", NO_ANSWER),
    "recommendation": ("promoter", "passive", "detractor", NO_ANSWER),
    "complaints": ("complained", "did not complain"),
}


def value_by_satisfaction(
    customers: pd.DataFrame,
    answers: SatisfactionAnswers | None = None,
    complaints: Complaints | None = None,
    *,
    count: Count = "latest",
    level: float = LEVEL,
) -> pd.DataFrame:
    """Value, and value at risk, of customers by satisfaction, by recommendation, and by complaint.

    Parameters
    ----------
    customers : pandas.DataFrame
        Indexed by customer, with ``clv``, and optionally ``value_at_risk`` (as from
        `clvml.segments.acting.value_at_risk`): what may be lost already, by the model.
    answers : SatisfactionAnswers, optional
        As from `read_satisfaction`.
    complaints : Complaints, optional
        As from `read_complaints`.
    count : {"latest", "mean"}
        What counts of a person with several answers.
    level : float, default 0.95
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        Index ``question`` ("satisfaction", "recommendation", "complaints") and ``answer``: ``customers``,
        ``mean`` value with ``mean_lower`` and ``mean_upper`` (Student's t), ``total`` value, its ``share`` of
        the value of all customers; and ``at_risk``, their total value at risk, where known.

    Raises
    ------
    InputError
        If ``clv`` is missing, or nobody who answered or complained is a customer.

    See Also
    --------
    clvml.segments.acting.value_at_risk : What may be lost.
    clvml.plots.value_by_satisfaction : As a figure.

    Examples
    --------
    >>> import clvml
    >>> from clvml.survey import (
    ...     made_up_survey,
    ...     read_complaints,
    ...     read_satisfaction,
    ...     value_by_satisfaction,
    ... )
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> made_up = made_up_survey(customers)
    >>> answers = read_satisfaction(made_up.satisfaction)
    >>> complaints = read_complaints(made_up.complaints)
    >>> valued = customers.assign(clv=customers["total_spend"])  # or the values of a model
    >>> found = value_by_satisfaction(valued, answers, complaints)
    >>> found.loc["recommendation", ["customers", "mean", "share"]].round(2)
               customers    mean  share
    answer
    promoter         348  119.00   0.24
    passive          500   64.14   0.19
    detractor        558   58.58   0.19
    no answer        951   70.40   0.39
    """
    _check_value(customers)
    rows = {}
    for question, classes in _classes(customers, answers, complaints, count):
        for answer in (name for name in _ORDERS[question] if (classes == name).any()):
            rows[question, answer] = _value_row(customers, (classes == answer).to_numpy(), level)
    if not rows:
        raise InputError("there are neither answers nor complaints; give one of the two.")
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(rows, names=["question", "answer"])
    table.attrs["level"] = level
    return table


def nonresponse(
    customers: pd.DataFrame,
    answers: SatisfactionAnswers,
    columns: tuple[str, ...] = (VALUE, "frequency", "probability_alive"),
    level: float = LEVEL,
) -> pd.DataFrame:
    """How those who answered differ from those who did not.

    Parameters
    ----------
    customers : pandas.DataFrame
        Indexed by customer.
    answers : SatisfactionAnswers
        As from `read_satisfaction`.
    columns : tuple of str
        Numbers to compare, those that the customers have.
    level : float, default 0.95
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        Index ``column``: ``answered`` and ``not_answered`` (means), ``difference`` with ``lower`` and
        ``upper``, and ``p_value`` (Welch's test); NaN if fewer than two are in one of the groups.
        ``attrs["answered"]`` and ``attrs["customers"]`` count them.

    See Also
    --------
    clvml.survey.weighted_scores : Corrects for it, as far as value goes.

    Examples
    --------
    >>> import clvml
    >>> from clvml.survey import made_up_survey, nonresponse, read_satisfaction
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> made_up = made_up_survey(customers)
    >>> answers = read_satisfaction(made_up.satisfaction)
    >>> valued = customers.assign(clv=customers["total_spend"])  # or the values of a model
    >>> nonresponse(valued, answers)[["answered", "not_answered", "p_value"]].round(2)
               answered  not_answered  p_value
    column
    clv           75.51         70.40     0.43
    frequency      1.08          0.99     0.31
    """
    did = answers.of(customers.index)["satisfaction"].notna().to_numpy()
    rows = {}
    for name in (name for name in columns if name in customers):
        values = customers[name].to_numpy(dtype=float)
        one, other = values[did], values[~did]
        test = ends = None
        if min(len(one), len(other)) > 1:
            test = stats.ttest_ind(one, other, equal_var=False)
            ends = test.confidence_interval(level)
        rows[name] = {
            "answered": one.mean() if len(one) else np.nan,
            "not_answered": other.mean() if len(other) else np.nan,
            "difference": one.mean() - other.mean() if len(one) and len(other) else np.nan,
            "lower": np.nan if ends is None else float(ends.low),
            "upper": np.nan if ends is None else float(ends.high),
            "p_value": np.nan if test is None else float(test.pvalue),
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("column")
    table.attrs = {"answered": int(did.sum()), "customers": len(did), "level": level}
    return table


def weighted_scores(
    customers: pd.DataFrame,
    answers: SatisfactionAnswers,
    *,
    count: Count = "latest",
    strata: int = STRATA,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Scores of those who answered, and as if all customers had: weighted to their distribution of value.

    Customers are put into classes of equal size by value; classes with fewer than five answers are merged
    with the next. Within a class those who did not answer are taken to be like those who did, which no survey
    can prove.

    Parameters
    ----------
    customers : pandas.DataFrame
        Indexed by customer, with ``clv``.
    answers : SatisfactionAnswers
        As from `read_satisfaction`.
    count : {"latest", "mean"}
        What counts of a person with several answers.
    strata : int, default 5
        Classes of value.
    level : float, default 0.95
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        Index ``score`` (``mean, satisfied, dissatisfied, nps``): ``answered``, ``weighted`` with ``lower``
        and ``upper`` (stratified normal interval). ``attrs["strata"]`` is the number of classes.

    See Also
    --------
    clvml.survey.nonresponse : Whether it is needed.
    clvml.survey.satisfaction_scores : Without weights, by group.

    References
    ----------
    Lohr (2022), Sampling: Design and Analysis, third edition, section 8.5.

    Examples
    --------
    >>> import clvml
    >>> from clvml.survey import made_up_survey, read_satisfaction, weighted_scores
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> made_up = made_up_survey(customers)
    >>> answers = read_satisfaction(made_up.satisfaction)
    >>> valued = customers.assign(clv=customers["total_spend"])  # or the values of a model
    >>> weighted_scores(valued, answers).round(2)
               answered  weighted  lower  upper
    score
    mean              3.72      3.72   3.67   3.76
    satisfied         0.62      0.62   0.59   0.64
    dissatisfied      0.07      0.07   0.06   0.08
    nps             -14.94    -14.87 -18.97 -10.77
    """
    check_level(level)
    _check_value(customers)
    given = answers.of(customers.index, count)
    table, used = {}, 0
    for name, scores in _numbers(given):
        cells = _cells(customers[VALUE], scores.notna(), strata)
        known = scores.dropna()
        group, used = known.groupby(cells[known.index]), int(cells.nunique())
        weights = cells.value_counts(normalize=True).reindex(group.mean().index)
        mean = float((weights * group.mean()).sum())
        variance = float((weights**2 * group.var(ddof=1).fillna(0.0) / group.size()).sum())
        half = float(stats.norm.ppf((1 + level) / 2)) * np.sqrt(variance)
        scale = 100 if name == "nps" else 1
        table[name] = {
            "answered": scale * float(known.mean()), "weighted": scale * mean,
            "lower": scale * (mean - half), "upper": scale * (mean + half),
        }  # fmt: skip
    found = pd.DataFrame.from_dict(table, orient="index").rename_axis("score")
    found.attrs = {"strata": used, "level": level}
    return found


def _numbers(given: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """Each score as a mean of numbers by customer."""
    scores = given["satisfaction"]
    yield "mean", scores
    yield "satisfied", (scores >= SATISFIED).astype(float).where(scores.notna())
    yield "dissatisfied", (scores < DISSATISFIED).astype(float).where(scores.notna())
    if "recommend" in given and given["recommend"].notna().any():
        points = {"promoter": 1.0, "passive": 0.0, "detractor": -1.0}
        yield "nps", class_of_recommendation(given["recommend"]).map(points).astype(float)


def _cells(values: pd.Series, answered: pd.Series, strata: int) -> pd.Series:
    """Classes of value, each with enough answers."""
    ranks = values.rank(method="first")
    cells = pd.Series(np.ceil(ranks.to_numpy() / len(ranks) * strata).astype(int), values.index)
    counts = answered.groupby(cells).sum()
    names, open_cell, merged = {}, 0, 0
    for cell, n in counts.items():
        names[cell] = open_cell
        merged += int(n)
        if merged >= FEWEST:
            open_cell, merged = open_cell + 1, 0
    last = max(open_cell - 1, 0)  # what is left over joins the last complete class
    return cells.map({cell: min(name, last) for cell, name in names.items()})


def _classes(
    customers: pd.DataFrame, answers: SatisfactionAnswers | None, complaints: Complaints | None, count: Count
) -> Iterator[tuple[str, pd.Series]]:
    if answers is not None:
        given = answers.of(customers.index, count)
        yield "satisfaction", class_of_satisfaction(given["satisfaction"]).fillna(NO_ANSWER)
        if "recommend" in given:
            yield "recommendation", class_of_recommendation(given["recommend"]).fillna(NO_ANSWER)
    if complaints is not None:
        who = customers.index.isin(complainers(complaints, customers).index)
        yield "complaints", pd.Series(np.where(who, *_ORDERS["complaints"]), customers.index)


def _value_row(customers: pd.DataFrame, rows: np.ndarray, level: float) -> dict[str, float]:
    values, everything = customers.loc[rows, VALUE].to_numpy(dtype=float), float(customers[VALUE].sum())
    n, mean = len(values), float(values.mean())
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * values.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
    row = {
        "customers": n, "mean": mean, "mean_lower": mean - half, "mean_upper": mean + half,
        "total": float(values.sum()), "share": float(values.sum()) / everything if everything else np.nan,
    }  # fmt: skip
    return row | ({"at_risk": float(customers.loc[rows, AT_RISK].sum())} if AT_RISK in customers else {})


def _check_value(customers: pd.DataFrame) -> None:
    if VALUE not in customers or customers[VALUE].isna().any():
        raise InputError(
            "the customers need a column 'clv' without missing values: join the values of a model to them."
        )
