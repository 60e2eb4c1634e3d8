"""Complaints: who complains, how fast they are answered and resolved, and what is late.

One row is one complaint: ``customer_id, opened``, and optionally ``complaint`` (its id), ``answered``,
``resolved`` and ``topic``. What is not done at the end of observation is open: its time is censored, and the
median is that of Kaplan and Meier. A complaint that was resolved without an answer counts as answered then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from clvml.customers._typed_tables import ColumnType, TypedTable, match_ids, read_typed_table
from clvml.errors import InputError
from clvml.survey._resamples import LEVEL, check_level
from clvml.survey.satisfaction._answers import describe, unreadable_notes
from clvml.survey.satisfaction._intervals import share_interval

STEPS = ("answered", "resolved")
ANSWER_WITHIN, RESOLVE_WITHIN = 2.0, 7.0  # days
REPEAT_FROM, OPPORTUNIST_FROM, OPPORTUNIST_SHARE = 2, 4, 0.5
_DAY = pd.Timedelta(days=1)
_OPTIONAL: dict[str, ColumnType] = {
    "complaint": "id", "answered": "date", "resolved": "date", "topic": "text",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Complaints:
    """Validated complaints; `read_complaints` makes them.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per complaint, in the order of their opening: ``complaint, customer_id, opened, answered,
        resolved``, ``topic`` if given, and ``unclear``: a step precedes the opening, so that times are
        unknown. A step after the end of observation is not done yet.
    observation_end : pandas.Timestamp
        The last day, inclusive.
    report : pandas.Series
        Counts: rows read, used, and those set aside by reason.
    notes : tuple of str
        What a reader of the results should know, in sentences.

    See Also
    --------
    clvml.survey.read_complaints : Makes them.
    clvml.survey.complaint_times, clvml.survey.complaint_rate : What they say.

    Examples
    --------
    >>> import clvml
    >>> from clvml.survey import made_up_survey, read_complaints
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> made_up = made_up_survey(customers)
    >>> complaints = read_complaints(made_up.complaints)
    >>> len(complaints.table), f"{complaints.observation_end:%Y-%m-%d}", complaints.notes
    (448, '1997-09-30', ())
    """

    table: pd.DataFrame
    observation_end: pd.Timestamp
    report: pd.Series
    notes: tuple[str, ...] = ()

    @property
    def clock(self) -> pd.Timestamp:
        """The end of the last day, until which open complaints are observed."""
        return self.observation_end + _DAY

    def among(self, customers: pd.Index) -> Complaints:
        """The complaints of these customers.

        Raises
        ------
        InputError
            If none of these customers complained.
        """
        known = match_ids(self.table["customer_id"], customers).isin(customers)
        if not known.any():
            raise InputError(
                f"none of the {self.table['customer_id'].nunique():,} customer ids of the complaints is among"
                " the customers: compare the ids of the two tables."
            )
        return replace(self, table=self.table[known.to_numpy()].reset_index(drop=True))

    def unknown(self, customers: pd.Index) -> int:
        """How many who complained are not among the customers."""
        who = self.table["customer_id"].drop_duplicates()
        return int((~match_ids(who, customers).isin(customers)).sum())


def read_complaints(
    source: Any,
    *,
    observation_end: Any = None,
    date_format: str | None = None,
    sheet: str | int | None = None,
) -> Complaints:
    """Read and validate complaints.

    Parameters
    ----------
    source : path, pandas.DataFrame, or a polars or Arrow table
        One row per complaint: ``customer_id, opened``, and optionally ``complaint, answered, resolved,
        topic``. A file is CSV, Parquet or Excel.
    observation_end : date, optional
        The last day: complaints opened later are set aside and counted. Default: the last date of the table.
    date_format, sheet : optional
        Format of dates in text, and sheet of a workbook.

    Returns
    -------
    Complaints
        Identical rows count once. Steps before the opening are counted and left unknown.

    Raises
    ------
    InputError
        If a column is missing, an id of a complaint has two different rows, or no complaint is left.

    See Also
    --------
    clvml.survey.complaint_times : How fast they are answered and resolved.
    clvml.survey.complaint_rate, clvml.survey.complainers : Who complains.
    clvml.survey.complaint_checklist : What is late.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.survey import read_complaints
    >>> table = pd.DataFrame({"customer_id": [1, 2], "opened": ["2024-01-01", "2024-01-02"]})
    >>> complaints = read_complaints(table.assign(answered=["2024-01-03", None]))
    >>> complaints.table["answered"].notna().tolist(), str(complaints.observation_end.date())
    ([True, False], '2024-01-03')
    """
    read = read_typed_table(
        source, {"customer_id": "id", "opened": "date"}, _OPTIONAL, date_format=date_format, sheet=sheet
    )
    table = read.table.reindex(columns=[*read.table.columns, *(s for s in STEPS if s not in read.table)])
    table = table.astype(dict.fromkeys(STEPS, "datetime64[us]"))
    end = _end_of(table, observation_end)
    table, report = _set_aside(table, end, read)
    table, wrong = _without_wrong_steps(table)
    later = {step: int((table[step] >= end).sum()) for step in STEPS}
    for step in STEPS:
        table[step] = table[step].where(table[step] < end)
    _check_contradictions(table, read.label)
    if "complaint" not in table:
        table.insert(0, "complaint", np.arange(1, len(table) + 1))
    table = table.sort_values("opened", kind="stable", ignore_index=True)
    notes = tuple(_notes(report, read, wrong, later))
    return Complaints(table, end - _DAY, pd.Series(report, name="rows"), notes)


def complaint_rate(
    complaints: Complaints, customers: pd.DataFrame, by: pd.Series | None = None, level: float = LEVEL
) -> pd.DataFrame:
    """The share of customers who complained, and of those who did repeatedly, in total and by group.

    Parameters
    ----------
    complaints : Complaints
        As from `read_complaints`.
    customers : pandas.DataFrame
        One row per customer; `complainers` describes the columns that it uses.
    by : pandas.Series, optional
        A group of each customer.
    level : float, default 0.95
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        Index ``group``, with "all" first: ``customers, complainers, complaints``; ``rate`` (complainers /
        customers) and ``repeat`` (of these, who complained twice or more), with intervals.

    See Also
    --------
    clvml.survey.complainers : The customers themselves.
    clvml.survey.complaint_times : How fast they are answered.

    Examples
    --------
    >>> import clvml
    >>> from clvml.survey import complaint_rate, made_up_survey, read_complaints
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> made_up = made_up_survey(customers)
    >>> complaints = read_complaints(made_up.complaints)
    >>> found = complaint_rate(complaints, customers)
    >>> found[["customers", "complainers", "rate", "rate_lower", "rate_upper"]].round(3)
           customers  complainers   rate  rate_lower  rate_upper
    group
    all         2357          320  0.136       0.123        0.15
    """
    marks = complainers(complaints, customers).reindex(customers.index)
    count = marks["complaints"].fillna(0)
    groups: dict[str, pd.Series] = {"all": count}
    if by is not None:
        named = by.reindex(customers.index)
        groups |= {str(name): part for name, part in count.groupby(named, sort=True, observed=True)}
    rows = {}
    for name, part in groups.items():
        n, who, again = len(part), int((part > 0).sum()), int((part >= REPEAT_FROM).sum())
        rate, repeat = share_interval(who, n, level), share_interval(again, who, level)
        rows[name] = {
            "customers": n, "complainers": who, "complaints": int(part.sum()),
            "rate": who / n, "rate_lower": rate[0], "rate_upper": rate[1],
            "repeat": again / who if who else np.nan, "repeat_lower": repeat[0], "repeat_upper": repeat[1],
        }  # fmt: skip
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("group")
    table.attrs["level"] = level
    return table


def complainers(
    complaints: Complaints,
    customers: pd.DataFrame,
    *,
    opportunist_from: int = OPPORTUNIST_FROM,
    opportunist_share: float = OPPORTUNIST_SHARE,
) -> pd.DataFrame:
    """The customers who complained, with marks of repeat complainers and of possible opportunists.

    A **repeat complainer** complained twice or more. A **possible opportunist** complained at least
    ``opportunist_from`` times, and about at least ``opportunist_share`` of the purchases (where purchases are
    known). It is a mark by a rule, to be looked into, and not a verdict: such a customer may be right each
    time. ``attrs["by_chance"]`` is how many customers the rule would mark if complaints were spread over
    purchases by chance.

    Parameters
    ----------
    complaints : Complaints
        As from `read_complaints`.
    customers : pandas.DataFrame
        Indexed by customer; with ``frequency`` (repeat purchases) the rule knows the number of purchases.
    opportunist_from : int, default 4
        Number of complaints.
    opportunist_share : float, default 0.5
        Complaints per purchase.

    Returns
    -------
    pandas.DataFrame
        By ``customer_id``, most complaints first: ``complaints, unresolved, last_opened, purchases,
        per_purchase, repeat, opportunist``.

    Raises
    ------
    InputError
        If none of those who complained is a customer.

    See Also
    --------
    clvml.survey.complaint_rate : How many they are.
    clvml.survey.value_by_satisfaction : What they are worth.

    Examples
    --------
    >>> import clvml
    >>> from clvml.survey import complainers, made_up_survey, read_complaints
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> made_up = made_up_survey(customers)
    >>> complaints = read_complaints(made_up.complaints)
    >>> found = complainers(complaints, customers)
    >>> len(found), found["repeat"].sum().item(), found["opportunist"].sum().item()
    (320, 77, 13)
    >>> f"{found.attrs['by_chance']:.1f} by chance; {found.attrs['rule']}"
    '0.6 by chance; 4 complaints or more, and 0.5 or more per purchase'
    """
    known = complaints.among(customers.index).table
    ids = match_ids(known["customer_id"], customers.index)
    who = pd.Index(ids, dtype=customers.index.dtype, name="customer_id")
    is_open = known["resolved"].isna() & ~known["unclear"]
    groups = known.assign(is_open=is_open).set_axis(who).groupby(level=0)
    found = pd.DataFrame(
        {
            "complaints": groups.size(),
            "unresolved": groups["is_open"].sum(),
            "last_opened": groups["opened"].max(),
        }
    )
    purchases = _purchases(customers)
    found["purchases"] = purchases.reindex(found.index)
    found["per_purchase"] = found["complaints"] / found["purchases"]
    found["repeat"] = found["complaints"] >= REPEAT_FROM
    often = ~(found["per_purchase"] < opportunist_share)  # unknown purchases do not speak against it
    found["opportunist"] = (found["complaints"] >= opportunist_from) & often
    found = found.sort_values("complaints", ascending=False, kind="stable")
    found.attrs = {
        "by_chance": _marked_by_chance(len(known), purchases, opportunist_from, opportunist_share),
        "rule": f"{opportunist_from} complaints or more, and {opportunist_share:g} or more per purchase",
    }
    return found


def complaint_times(
    complaints: Complaints,
    *,
    answer_within: float = ANSWER_WITHIN,
    resolve_within: float = RESOLVE_WITHIN,
    by: str | None = None,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Days until complaints are answered and resolved, with those still open as censored.

    Parameters
    ----------
    complaints : Complaints
        As from `read_complaints`.
    answer_within, resolve_within : float
        Days within which a complaint should be answered (default 2) and resolved (default 7).
    by : str, optional
        A column of the complaints, such as "topic".
    level : float, default 0.95
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        Index ``step`` ("answered", "resolved"), with ``by`` also the group: ``complaints, done, open``;
        ``median`` days with ``median_lower`` and ``median_upper`` (NaN where so few are done that the
        curve, or a band of it, does not reach one half); ``within`` (the rule, days) and ``share_within``
        (Kaplan-Meier) with its interval; ``late`` (past the rule, done or not).

    See Also
    --------
    clvml.survey.complaint_curves : The curves.
    clvml.survey.complaint_checklist : What is late now.
    clvml.plots.complaint_times : As a figure.

    References
    ----------
    Kaplan, Meier (1958), Nonparametric Estimation from Incomplete Observations, Journal of the American
    Statistical Association 53(282). Brookmeyer, Crowley (1982), A Confidence Interval for the Median Survival
    Time, Biometrics 38(1), with bands on the scale of log(-log).

    Examples
    --------
    >>> import clvml
    >>> from clvml.survey import complaint_times, made_up_survey, read_complaints
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> made_up = made_up_survey(customers)
    >>> complaints = read_complaints(made_up.complaints)
    >>> complaint_times(complaints)[["complaints", "open", "median", "share_within", "late"]].round(2)
              complaints  open  median  share_within  late
    step
    answered         448    27     2.0          0.60   176
    resolved         448    87     8.0          0.48   223
    """
    check_level(level)
    limits = dict(zip(STEPS, (answer_within, resolve_within), strict=True))
    rows: dict[tuple[str, ...], dict[str, float]] = {}
    for step, limit in limits.items():
        times = step_times(complaints, step)
        if by is None:
            rows[step,] = _times_row(times, limit, level)
            continue
        for name, part in times.groupby(complaints.table[by].reindex(times.index).fillna("(none)")):
            rows[step, str(name)] = _times_row(part, limit, level)
    index = pd.MultiIndex.from_tuples(rows, names=["step"] if by is None else ["step", by])
    table = pd.DataFrame(list(rows.values()), index=index if by else index.get_level_values(0))
    table.attrs["level"] = level
    return table


def step_times(complaints: Complaints, step: str) -> pd.DataFrame:
    """Days until a step of each complaint, or until the end of observation: ``days`` and ``done``."""
    table = complaints.table[~complaints.table["unclear"]]
    at = done_at(table, step)
    days = _days(at.fillna(complaints.clock) - table["opened"])
    return pd.DataFrame({"days": days.clip(lower=0.0), "done": at.notna()})


def done_at(table: pd.DataFrame, step: str) -> pd.Series:
    """When a step was done: a resolution is an answer too."""
    return table["resolved"] if step == "resolved" else table[list(STEPS)].min(axis="columns")


def survival_curve(times: pd.DataFrame, level: float = LEVEL) -> pd.DataFrame:
    """The Kaplan-Meier curve of the share not yet done: ``days, open, lower, upper``.

    The band is Greenwood's on the scale of log(-log); NaN where none or all are done.
    """
    check_level(level)
    days, done = times["days"].to_numpy(dtype=float), times["done"].to_numpy(dtype=bool)
    at, place = np.unique(days, return_inverse=True)
    ends = np.bincount(place, done, len(at))
    at_risk = len(days) - np.r_[0, np.cumsum(np.bincount(place, minlength=len(at)))[:-1]]
    still = np.cumprod(1 - ends / at_risk)
    inside = (still > 0) & (still < 1)
    greenwood = np.cumsum(np.divide(ends, at_risk * (at_risk - ends), out=np.zeros(len(at)), where=inside))
    logs = np.log(np.where(inside, still, 0.5))
    width = float(stats.norm.ppf((1 + level) / 2)) * np.sqrt(greenwood) / np.abs(logs)
    lower, upper = (np.where(inside, np.exp(logs * np.exp(sign * width)), np.nan) for sign in (1, -1))
    return pd.DataFrame({"days": at, "open": still, "lower": lower, "upper": upper})


def complaint_curves(complaints: Complaints, level: float = LEVEL) -> pd.DataFrame:
    """The share of complaints not yet answered, and not yet resolved, by days since they were opened.

    Parameters
    ----------
    complaints : Complaints
        As from `read_complaints`.
    level : float, default 0.95
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        Index ``step, row``; the Kaplan-Meier curve: ``days, open, lower, upper``.

    See Also
    --------
    clvml.survey.complaint_times : Medians, and the share within a rule.
    clvml.plots.complaint_times : As a figure.

    Examples
    --------
    The share of complaints that are not yet resolved after a fortnight:

    >>> import clvml
    >>> from clvml.survey import complaint_curves, made_up_survey, read_complaints
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> made_up = made_up_survey(customers)
    >>> complaints = read_complaints(made_up.complaints)
    >>> curve = complaint_curves(complaints).loc["resolved"]
    >>> curve[curve["days"] <= 14].tail(1)[["days", "open", "lower", "upper"]].round(2).to_dict("records")
    [{'days': 14.0, 'open': 0.29, 'lower': 0.25, 'upper': 0.33}]
    """
    curves = {step: survival_curve(step_times(complaints, step), level) for step in STEPS}
    table = pd.concat(curves, names=["step", "row"])
    table.attrs["level"] = level
    return table


def complaint_checklist(
    complaints: Complaints,
    *,
    answer_within: float = ANSWER_WITHIN,
    resolve_within: float = RESOLVE_WITHIN,
    values: pd.Series | None = None,
) -> pd.DataFrame:
    """The complaints that are still open: what is late, and by how many days.

    Parameters
    ----------
    complaints : Complaints
        As from `read_complaints`.
    answer_within, resolve_within : float
        Days, as in `complaint_times`.
    values : pandas.Series, optional
        Lifetime value by customer: among those with something late the most valuable is first.

    Returns
    -------
    pandas.DataFrame
        By ``complaint``: ``customer_id, topic, opened, days_open, answered``, ``late`` ("answer",
        "resolution", or empty), ``days_late`` (beyond the rule) and ``value``.

    See Also
    --------
    clvml.survey.complaint_times : How fast complaints are done with.

    Examples
    --------
    Late ones first, and among them those of the customers who spent most:

    >>> import clvml
    >>> from clvml.survey import complaint_checklist, made_up_survey, read_complaints
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> made_up = made_up_survey(customers)
    >>> complaints = read_complaints(made_up.complaints)
    >>> found = complaint_checklist(complaints, values=customers["total_spend"])
    >>> found[["customer_id", "topic", "late", "days_late", "value"]].head(2)
               customer_id     topic        late  days_late   value
    complaint
    88                1302  delivery  resolution      169.0  493.91
    270               1679   payment      answer       86.0  370.22
    """
    table = complaints.table[complaints.table["resolved"].isna() & ~complaints.table["unclear"]]
    age = _days(complaints.clock - table["opened"])
    unanswered = table["answered"].isna()
    days_late = np.where(unanswered & (age > answer_within), age - answer_within, age - resolve_within)
    late = np.select([unanswered & (age > answer_within), age > resolve_within], ["answer", "resolution"], "")
    found = table[["complaint", "customer_id", *(["topic"] if "topic" in table else []), "opened"]].assign(
        days_open=age, answered=~unanswered, late=late, days_late=np.clip(days_late, 0.0, None)
    )
    order = ["days_late"]
    if values is not None:
        ids = match_ids(found["customer_id"], values.index)
        found["value"] = values.reindex(ids).to_numpy()
        order = ["value", "days_late"]
    found = found.assign(first=found["late"] == "").sort_values(
        ["first", *order], ascending=[True, *([False] * len(order))], kind="stable"
    )
    return found.drop(columns="first").set_index("complaint")


def _times_row(times: pd.DataFrame, limit: float, level: float) -> dict[str, float]:
    curve, done = survival_curve(times, level), int(times["done"].sum())
    half = {
        name: _first(curve["days"], curve[end] <= 0.5)
        for name, end in (("median", "open"), ("median_lower", "lower"), ("median_upper", "upper"))
    }
    before = curve[curve["days"] <= limit]
    at = before.iloc[-1] if len(before) else None
    within = (0.0, np.nan, np.nan) if at is None else (1 - at["open"], 1 - at["upper"], 1 - at["lower"])
    return {
        "complaints": len(times), "done": done, "open": len(times) - done, **half,
        "within": limit, "share_within": within[0], "share_within_lower": within[1],
        "share_within_upper": within[2], "late": int((times["days"] > limit).sum()),
    }  # fmt: skip


def _days(durations: pd.Series) -> pd.Series:
    return durations.dt.total_seconds() / 86_400


def _first(days: pd.Series, reached: pd.Series) -> float:
    return float(days[reached].iloc[0]) if reached.any() else np.nan


def _purchases(customers: pd.DataFrame) -> pd.Series:
    if "frequency" not in customers:
        return pd.Series(np.nan, customers.index)
    return customers["frequency"].astype(float) + 1.0


def _marked_by_chance(n: int, purchases: pd.Series, least: int, share: float) -> float:
    """Expected number of marks if each complaint fell on a random purchase (binomial counts)."""
    known = purchases.dropna()
    if known.empty:
        return np.nan
    needed = np.maximum(np.ceil(share * known.to_numpy()), least)
    chances = np.asarray(stats.binom.sf(needed - 1, n, known.to_numpy() / known.sum()))
    return float(chances.sum())


def _end_of(table: pd.DataFrame, end: Any) -> pd.Timestamp:
    last = table[["opened", *STEPS]].max().max() if end is None else pd.Timestamp(end)
    if pd.isna(last):
        raise InputError("the complaints have no dates: give the column 'opened'.")
    return pd.Timestamp(last).normalize() + _DAY


def _set_aside(
    table: pd.DataFrame, end: pd.Timestamp, read: TypedTable
) -> tuple[pd.DataFrame, dict[str, int]]:
    nobody = table["customer_id"].isna()
    undated = table["opened"].isna() & ~nobody
    late = (table["opened"] >= end) & ~nobody
    kept = table[~nobody & ~undated & ~late]
    unique = kept.drop_duplicates()
    report = {
        "read": len(table),
        "used": len(unique),
        "without a customer": int(nobody.sum()),
        "without a date of opening": int(undated.sum()),
        "opened after the end of observation": int(late.sum()),
        "duplicates": len(kept) - len(unique),
    }
    if unique.empty:
        raise InputError(
            f"no complaint of {read.label} can be used: of {len(table):,} rows"
            f" {describe(report) or 'none is'}."
        )
    return unique.copy(), report


def _without_wrong_steps(table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Without steps that precede the opening; the times of these complaints are ``unclear``."""
    wrong = {step: table[step].dt.normalize() < table["opened"].dt.normalize() for step in STEPS}
    table = table.assign(**{step: table[step].mask(wrong[step]) for step in STEPS})
    table["unclear"] = wrong["answered"] | wrong["resolved"]
    return table, {step: int(bad.sum()) for step, bad in wrong.items()}


def _check_contradictions(table: pd.DataFrame, label: str) -> None:
    if "complaint" not in table:
        return
    twice = table["complaint"].duplicated() & table["complaint"].notna()
    if twice.any():
        first = table.index[twice][0]
        raise InputError(
            f"{int(twice.sum()):,} complaints of {label} have the id of another row that differs; the first"
            f" is in row {first + 1}. Keep the last state of each complaint."
        )


def _notes(
    report: dict[str, int], read: TypedTable, wrong: dict[str, int], later: dict[str, int]
) -> list[str]:
    notes = [f"complaints set aside: {describe(report)}"] if describe(report) else []
    notes += unreadable_notes(read)
    for step in STEPS:
        if wrong[step]:
            notes.append(
                f"{wrong[step]:,} complaints were {step} before they were opened: their times are left out"
            )
        if later[step]:
            notes.append(
                f"{later[step]:,} complaints were {step} after the end of observation: open until then"
            )
    return notes
