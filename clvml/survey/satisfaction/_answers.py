"""Answers about satisfaction (1 to 5) and recommendation (0 to 10), read and validated.

One row is one answer: ``customer_id`` (or ``respondent``), ``date``, ``satisfaction``, and optionally
``recommend`` and ``segment``. Who answered several times counts once: with the latest answer, or with the
mean of the answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from clvml.customers._typed_tables import ColumnType, TypedTable, match_ids, read_typed_table
from clvml.errors import InputError

SCALE = (1.0, 5.0)
OF_RECOMMENDATION = (0.0, 10.0)
SATISFIED, DISSATISFIED = 4, 3  # satisfied from 4, dissatisfied under 3
Count = Literal["latest", "mean"]
_COLUMNS: dict[str, ColumnType] = {
    "customer_id": "id", "respondent": "id", "date": "date", "satisfaction": "number",
    "recommend": "number", "segment": "text",
}  # fmt: skip
_SCALES = {"satisfaction": SCALE, "recommend": OF_RECOMMENDATION}


@dataclass(frozen=True, eq=False)
class SatisfactionAnswers:
    """Validated answers; `read_satisfaction` makes them.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per answer: ``person`` (the customer's id, or the respondent's), and of ``date, satisfaction,
        recommend, segment`` those of the source; in the order of the dates.
    of_customers : bool
        Whether persons are ids of customers.
    report : pandas.Series
        Counts: rows read, used, and those set aside by reason.
    notes : tuple of str
        What a reader of the results should know, in sentences.

    See Also
    --------
    clvml.survey.read_satisfaction : Makes them.
    clvml.survey.satisfaction_scores : What they say.

    Examples
    --------
    >>> import clvml
    >>> from clvml.survey import made_up_survey, read_satisfaction
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> made_up = made_up_survey(customers)
    >>> answers = read_satisfaction(made_up.satisfaction)
    >>> len(answers.table), len(answers.per_person()), answers.of_customers
    (2189, 1406, True)
    >>> answers.notes[1]
    '679 of 1,406 persons answered several times'
    """

    table: pd.DataFrame
    of_customers: bool
    report: pd.Series
    notes: tuple[str, ...] = ()

    def until(self, end: Any) -> SatisfactionAnswers:
        """The answers until the end of a day; all of them if they have no dates."""
        if "date" not in self.table:
            return self
        return replace(self, table=self.table[self.table["date"] < _next_day(end)])

    def per_person(self, count: Count = "latest") -> pd.DataFrame:
        """One row per person, indexed by person: the latest answer, or the mean of all.

        Parameters
        ----------
        count : {"latest", "mean"}
            "latest": of each question the latest answer that was given.

        Raises
        ------
        InputError
            If ``count`` is none of these.
        """
        if count not in ("latest", "mean"):
            raise InputError(f"count is {count!r}; it must be 'latest' or 'mean' of a person's answers.")
        people = self.table.groupby("person", sort=True)
        found = people.last()
        if count == "mean":
            numbers = [name for name in _SCALES if name in found]
            found[numbers] = people[numbers].mean()
        return found

    def of(self, customers: pd.Index, count: Count = "latest") -> pd.DataFrame:
        """Answers by customer, on the customers' index; missing for those who did not answer.

        Raises
        ------
        InputError
            If the answers name respondents and no customers, or none of these customers answered.
        """
        if not self.of_customers:
            raise InputError(
                "the answers name respondents and no customers: give a column 'customer_id' to join them to"
                " the customers."
            )
        people = self.per_person(count)
        ids = match_ids(people.index.to_series(), customers)
        known = people[ids.isin(customers).to_numpy()]
        if known.empty:
            raise InputError(
                f"none of the {len(people):,} customer ids of the answers is among the customers:"
                " compare the ids of the two tables."
            )
        return known.set_axis(pd.Index(ids[ids.isin(customers)], dtype=customers.dtype)).reindex(customers)

    def among(self, customers: pd.Index) -> SatisfactionAnswers:
        """The answers of these customers; all of them if they name respondents and no customers.

        Raises
        ------
        InputError
            If none of these customers answered.
        """
        if not self.of_customers:
            return self
        self.of(customers)
        known = match_ids(self.table["person"], customers).isin(customers)
        return replace(self, table=self.table[known.to_numpy()])

    def unknown(self, customers: pd.Index) -> int:
        """How many persons are not among the customers."""
        people = pd.Series(pd.unique(self.table["person"]))
        return int((~match_ids(people, customers).isin(customers)).sum())


def read_satisfaction(
    source: Any,
    *,
    observation_end: Any = None,
    no_answer: Sequence[float] = (),
    decimal: str | None = None,
    date_format: str | None = None,
    sheet: str | int | None = None,
) -> SatisfactionAnswers:
    """Read and validate answers about satisfaction and recommendation.

    Parameters
    ----------
    source : path, pandas.DataFrame, or a polars or Arrow table
        One row per answer: ``customer_id`` or ``respondent``, ``satisfaction`` from 1 to 5, and optionally
        ``date``, ``recommend`` from 0 to 10 and ``segment``. A file is CSV, Parquet or Excel.
    observation_end : date, optional
        The last day; later answers are set aside and counted.
    no_answer : sequence of float, optional
        Codes for "no answer", such as 99.
    decimal, date_format, sheet : optional
        Decimal separator, format of dates in text, and sheet of a workbook.

    Returns
    -------
    SatisfactionAnswers
        The answers that can be used, and counts of those set aside.

    Raises
    ------
    InputError
        If a column is missing, a score is off its scale, or no answer is left.

    See Also
    --------
    clvml.survey.satisfaction_scores : Means, shares and the net promoter score.
    clvml.survey.nonresponse, clvml.survey.weighted_scores : Whom they stand for.
    clvml.survey.value_by_satisfaction : What the dissatisfied are worth.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.survey import read_satisfaction
    >>> table = pd.DataFrame({"customer_id": [1, 1, 2], "date": ["2024-01-05", "2024-02-05", "2024-02-01"]})
    >>> answers = read_satisfaction(table.assign(satisfaction=[2, 4, 5]))
    >>> answers.per_person()["satisfaction"].tolist(), answers.per_person("mean")["satisfaction"].tolist()
    ([4.0, 5.0], [3.0, 5.0])
    """
    optional = {name: kind for name, kind in _COLUMNS.items() if name != "satisfaction"}
    read = read_typed_table(
        source, {"satisfaction": "number"}, optional, decimal=decimal, date_format=date_format, sheet=sheet
    )
    table, of_customers = _with_persons(read)
    questions = [name for name in _SCALES if name in table]
    for name in questions:
        table[name] = table[name].mask(table[name].isin(list(no_answer)))
        check_scale(table[name], name, _SCALES[name], read.label)
    table, report = _set_aside(table, questions, observation_end, read)
    notes = tuple(_notes(table, report, read, observation_end))
    if "date" in table:
        table = table.sort_values("date", kind="stable", na_position="first")
    used = table.reset_index(drop=True)
    return SatisfactionAnswers(used, of_customers, pd.Series(report, name="rows"), notes)


def check_scale(scores: pd.Series, name: str, scale: tuple[float, float], label: str) -> None:
    """Raise if a score is off its scale.

    Raises
    ------
    InputError
        Naming the row and the scale.
    """
    off = scores.notna() & ~scores.between(*scale)
    if off.any():
        first = scores.index[off][0]
        raise InputError(
            f"{int(off.sum()):,} of {int(scores.notna().sum()):,} answers {name!r} of {label} are off the"
            f" scale from {scale[0]:g} to {scale[1]:g}; the first is in row {first + 1}: {scores[first]:g}."
            " Convert them to this scale, or name codes such as 99 as no_answer."
        )


def class_of_satisfaction(scores: pd.Series) -> pd.Series:
    """The class of a score: "satisfied" from 4, "dissatisfied" under 3, "neutral" between, or missing.

    Examples
    --------
    >>> class_of_satisfaction(pd.Series([5, 3, 2.9])).tolist()
    ['satisfied', 'neutral', 'dissatisfied']
    """
    low, high = scores < DISSATISFIED, scores >= SATISFIED
    return _classes(scores, low, high, ("dissatisfied", "neutral", "satisfied"))


def class_of_recommendation(scores: pd.Series) -> pd.Series:
    """The class of an answer: "promoter" from 9, "detractor" to 6, "passive" between; means are rounded.

    Examples
    --------
    >>> class_of_recommendation(pd.Series([9, 8.5, 7, 6.4, 0])).tolist()
    ['promoter', 'promoter', 'passive', 'detractor', 'detractor']
    """
    return _classes(scores, scores < 6.5, scores >= 8.5, ("detractor", "passive", "promoter"))


def _classes(scores: pd.Series, low: pd.Series, high: pd.Series, names: tuple[str, str, str]) -> pd.Series:
    found = np.where(low, names[0], np.where(high, names[2], names[1]))
    return pd.Series(found, scores.index, dtype=object).where(scores.notna(), None)


def _next_day(end: Any) -> pd.Timestamp:
    return pd.Timestamp(end).normalize() + pd.Timedelta(days=1)


def _with_persons(read: TypedTable) -> tuple[pd.DataFrame, bool]:
    """The table with a column ``person``, and whether persons are customers."""
    for name in ("customer_id", "respondent"):
        if name in read.table:
            others = [other for other in ("customer_id", "respondent") if other != name]
            table = read.table.drop(columns=others, errors="ignore").rename(columns={name: "person"})
            return table, name == "customer_id"
    raise InputError(
        f"{read.label} has no column 'customer_id' or 'respondent': who answered twice would count twice."
    )


def _set_aside(
    table: pd.DataFrame, questions: list[str], observation_end: Any, read: TypedTable
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The answers to use, and the counts of the others."""
    nobody = table["person"].isna()
    empty = table[questions].isna().all(axis="columns") & ~nobody
    late = pd.Series(False, table.index)
    if observation_end is not None and "date" in table:
        late = (table["date"] >= _next_day(observation_end)) & ~nobody & ~empty
    kept = table[~nobody & ~empty & ~late]
    unique = kept.drop_duplicates()
    report = {
        "read": len(table),
        "used": len(unique),
        "without a person": int(nobody.sum()),
        "without an answer": int(empty.sum()),
        "after the end of observation": int(late.sum()),
        "duplicates": len(kept) - len(unique),
    }
    if unique.empty:
        raise InputError(
            f"no answer of {read.label} can be used: of {len(table):,} rows {describe(report) or 'none is'}."
        )
    return unique, report


def describe(report: dict[str, int]) -> str:
    """The counts of rows set aside, as text; empty if there are none."""
    rows = {reason: count for reason, count in report.items() if count and reason not in ("read", "used")}
    return ", ".join(f"{count:,} {reason}" for reason, count in rows.items())


def _notes(table: pd.DataFrame, report: dict[str, int], read: TypedTable, end: Any) -> list[str]:
    notes = [f"answers about satisfaction set aside: {describe(report)}"] if describe(report) else []
    notes += unreadable_notes(read)
    if "date" in table and table["date"].isna().any():
        notes.append(f"{int(table['date'].isna().sum()):,} answers have no date and count as the earliest")
    if "date" not in table and end is not None:
        notes.append(
            "the answers have no dates: there are no changes over time, and the last row is the latest"
        )
    several = int((table["person"].value_counts() > 1).sum())
    if several:
        notes.append(f"{several:,} of {table['person'].nunique():,} persons answered several times")
    return notes


def unreadable_notes(read: TypedTable) -> list[str]:
    """The unreadable cells of each column."""
    return [
        f"{lost.cells:,} cells of column {name!r} are unreadable, such as {lost.example!r}"
        for name, lost in read.unreadable.items()
    ]
