"""Satisfaction in numbers: mean, shares, alarm and net promoter score, by group and over time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from clvml.customers._typed_tables import match_ids
from clvml.errors import InputError
from clvml.survey._resamples import LEVEL, check_level
from clvml.survey.satisfaction._answers import (
    DISSATISFIED,
    SATISFIED,
    Count,
    SatisfactionAnswers,
    class_of_recommendation,
)
from clvml.survey.satisfaction._intervals import (
    change_interval,
    mean_interval,
    nps_interval,
    share_interval,
)

ALARM = 0.2
TOO_MANY, PERHAPS, NOT_MANY = "too many: find out why", "perhaps too many", "not too many"
TOTAL = "all"
COUNTS = ("answers", "recommend_answers")
_CHANGES = ("mean", "satisfied", "dissatisfied", "nps")


def satisfaction_scores(
    answers: SatisfactionAnswers,
    by: pd.Series | None = None,
    *,
    count: Count = "latest",
    alarm: float = ALARM,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Mean satisfaction, the satisfied and dissatisfied, and the net promoter score, in total and by group.

    **The alarm rule**: a group has too many dissatisfied customers if the whole exact interval (Clopper,
    Pearson 1934) of the share under 3 is above ``alarm``; perhaps, if the share is above it but the interval
    reaches below. So one or two answers never raise it at the default.

    Parameters
    ----------
    answers : SatisfactionAnswers
        As from `read_satisfaction`.
    by : pandas.Series, optional
        A group of each person, such as a segment or stage of the lifecycle, indexed by person. Default: the
        column ``segment`` of the answers, if they have one.
    count : {"latest", "mean"}
        What counts of a person with several answers.
    alarm : float, default 0.2
        The largest acceptable share of scores under 3.
    level : float, default 0.95
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        Index ``group``, with "all" first. ``answers`` (persons with a score); ``mean``, ``satisfied`` (share
        from 4), ``dissatisfied`` (share under 3), each with ``_lower`` and ``_upper``; ``alarm``, one of
        "too many: find out why", "perhaps too many", "not too many"; with ``recommend`` also
        ``recommend_answers``, the shares of ``promoters`` (9, 10), ``passives`` and ``detractors`` (0 to 6),
        and ``nps``, in points from -100 to 100, with its interval.

    Raises
    ------
    InputError
        If ``alarm`` is not inside (0, 1), the level is not, or ``by`` knows none of the persons.

    See Also
    --------
    clvml.survey.satisfaction_over_time : By period.
    clvml.survey.weighted_scores : As if all customers had answered.
    clvml.plots.satisfaction_shares, clvml.plots.net_promoter_score : As figures.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.survey import satisfaction_scores
    >>> from clvml.survey.satisfaction import read_satisfaction
    >>> table = pd.DataFrame({"customer_id": range(10), "satisfaction": [5, 5, 4, 4, 4, 3, 3, 2, 2, 1]})
    >>> scores = satisfaction_scores(read_satisfaction(table.assign(recommend=[9] * 5 + [7] * 3 + [2] * 2)))
    >>> scores[["mean", "satisfied", "dissatisfied", "nps", "alarm"]].to_dict("records")
    [{'mean': 3.3, 'satisfied': 0.5, 'dissatisfied': 0.3, 'nps': 30.0, 'alarm': 'perhaps too many'}]
    """
    people = answers.per_person(count)
    groups = {TOTAL: people, **_groups(people, by)}
    table = pd.DataFrame({name: score_row(part, alarm, level) for name, part in groups.items()}).T
    table.attrs = {"level": level, "alarm": alarm, "count": count}
    return _typed(table.rename_axis("group"))


def satisfaction_over_time(
    answers: SatisfactionAnswers,
    period: str = "Q",
    *,
    count: Count = "latest",
    alarm: float = ALARM,
    level: float = LEVEL,
) -> pd.DataFrame:
    """The scores of each period, and their changes from the period before.

    Parameters
    ----------
    answers : SatisfactionAnswers
        With dates.
    period : {"D", "W", "M", "Q", "Y"}, default "Q"
        A person counts once in each.
    count : {"latest", "mean"}
        What counts of a person with several answers within a period.
    alarm : float, default 0.2
        As in `satisfaction_scores`.
    level : float, default 0.95
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        Index ``period``, its first day. The columns of `satisfaction_scores`, and for ``mean, satisfied,
        dissatisfied, nps`` a ``_change`` with its ``_lower`` and ``_upper``, as of independent samples; NaN
        in the first period. Periods without an answer are left out.

    Raises
    ------
    InputError
        If the answers have no dates.

    See Also
    --------
    clvml.survey.satisfaction_scores : All periods together.
    clvml.plots.satisfaction_over_time : As a figure.

    Examples
    --------
    >>> import clvml
    >>> from clvml.survey import made_up_survey, read_satisfaction, satisfaction_over_time
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> made_up = made_up_survey(customers)
    >>> answers = read_satisfaction(made_up.satisfaction)
    >>> satisfaction_over_time(answers)[["mean", "nps", "nps_change"]].round(1)
                mean   nps  nps_change
    period
    1997-01-01   3.7  -8.5         NaN
    1997-04-01   3.7 -11.4        -2.9
    1997-07-01   3.7 -16.2        -4.8
    """
    table = answers.table
    if "date" not in table or table["date"].isna().all():
        raise InputError("the answers have no dates; give a column 'date' for scores over time.")
    dated = table[table["date"].notna()]
    starts = dated["date"].dt.to_period(period).dt.start_time
    rows = {
        start: score_row(
            SatisfactionAnswers(part, answers.of_customers, answers.report).per_person(count), alarm, level
        )
        for start, part in dated.groupby(starts)
    }
    scores = _typed(pd.DataFrame(rows).T.rename_axis("period"))
    for name in (name for name in _CHANGES if name in scores):
        ends = scores[[name, f"{name}_lower", f"{name}_upper"]].to_numpy(dtype=float)
        changes = [(np.nan,) * 3] + [change_interval(tuple(a), tuple(b)) for a, b in itertools.pairwise(ends)]
        columns = [f"{name}_change", f"{name}_change_lower", f"{name}_change_upper"]
        scores[columns] = np.array(changes)
    scores.attrs = {"level": level, "alarm": alarm, "count": count, "period": period}
    return scores


def score_row(people: pd.DataFrame, alarm: float = ALARM, level: float = LEVEL) -> dict[str, object]:
    """The scores of some persons, as in `satisfaction_scores`."""
    check_level(level)
    if not 0 < alarm < 1:
        raise InputError(f"alarm is {alarm!r}; it must be a share between 0 and 1, such as 0.2.")
    scores = people["satisfaction"].dropna().to_numpy(dtype=float)
    n = len(scores)
    row: dict[str, object] = {"answers": n}
    unhappy = int((scores < DISSATISFIED).sum())
    row |= _with_ends("mean", float(scores.mean()) if n else np.nan, mean_interval(scores, level))
    row |= _share("satisfied", int((scores >= SATISFIED).sum()), n, level)
    row |= _share("dissatisfied", unhappy, n, level)
    row["alarm"] = alarm_of(unhappy, n, alarm, level)
    return row | _recommendation(people, level)


def alarm_of(dissatisfied: int, n: int, alarm: float = ALARM, level: float = LEVEL) -> str:
    """Whether too many are dissatisfied, by the alarm rule of `satisfaction_scores`.

    Examples
    --------
    >>> alarm_of(40, 100), alarm_of(1, 1), alarm_of(1, 10), alarm_of(0, 0)
    ('too many: find out why', 'perhaps too many', 'not too many', '')
    """
    if not n:
        return ""
    if stats.binomtest(dissatisfied, n).proportion_ci(level, method="exact").low > alarm:
        return TOO_MANY
    return PERHAPS if dissatisfied / n > alarm else NOT_MANY


def net_promoter_score(classes: pd.Series) -> float:
    """Promoters less detractors, in points; NaN without answers."""
    known = classes.dropna()
    if known.empty:
        return np.nan
    return 100 * float((known == "promoter").mean() - (known == "detractor").mean())


def _recommendation(people: pd.DataFrame, level: float) -> dict[str, object]:
    if "recommend" not in people:
        return {}
    classes = class_of_recommendation(people["recommend"]).dropna()
    n = len(classes)
    counts = {name: int((classes == name).sum()) for name in ("promoter", "passive", "detractor")}
    shares = {f"{name}s": (counts[name] / n if n else np.nan) for name in counts}
    ends = nps_interval(counts["promoter"], counts["detractor"], n, level)
    return {"recommend_answers": n, **shares, **_with_ends("nps", net_promoter_score(classes), ends)}


def _share(name: str, successes: int, n: int, level: float) -> dict[str, object]:
    return _with_ends(name, successes / n if n else np.nan, share_interval(successes, n, level))


def _with_ends(name: str, value: float, ends: tuple[float, float]) -> dict[str, object]:
    return {name: value, f"{name}_lower": ends[0], f"{name}_upper": ends[1]}


def _groups(people: pd.DataFrame, by: pd.Series | None) -> Mapping[str, pd.DataFrame]:
    if by is None and "segment" not in people:
        return {}
    group = people["segment"] if by is None else _group_of(people.index, by)
    if not group.notna().any():
        raise InputError("by knows none of the persons who answered: it must be indexed by their ids.")
    return {str(name): part for name, part in people.groupby(group, sort=True, observed=True)}


def _group_of(people: pd.Index, by: pd.Series) -> pd.Series:
    """The group of each person, whose ids may be of another type than those of ``by``."""
    return by.reindex(match_ids(people.to_series(), by.index)).set_axis(people)


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """Numbers as numbers: a transposed table has objects."""
    for name in table.columns.difference(["alarm"]):
        table[name] = table[name].astype("int64" if name in COUNTS else "float64")
    return table
