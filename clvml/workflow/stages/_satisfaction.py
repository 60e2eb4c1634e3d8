"""Satisfaction, complaints and loyalty: the tables that the config names, scored and joined to value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from clvml.customers._split import Split
from clvml.customers.engines._choice import engine_for
from clvml.customers.engines._files import is_stdin
from clvml.customers.engines._sources import source_of
from clvml.errors import ClvmlError, InputError
from clvml.workflow._findings import Finding, Metrics, Tags, Words
from clvml.workflow._stage import Context, Stage
from clvml.workflow.stages._economics_inputs import FurtherFigures
from clvml.workflow.stages._segmenting import Segments
from clvml.workflow.stages._serving import Served
from clvml.workflow.stages._splitting import Customers, joined
from clvml.workflow.stages._surveying import SurveySection, sentence

if TYPE_CHECKING:
    from clvml.survey import Complaints, SatisfactionAnswers
    from clvml.workflow._config import Config

SECTION = "Satisfaction, complaints and loyalty"


@dataclass(frozen=True, eq=False)
class Voices:
    """What customers said, and who they are.

    Attributes
    ----------
    answers : SatisfactionAnswers or None
        Of these customers, until the end of observation.
    complaints : Complaints or None
    customers : pandas.DataFrame
        All customers, with ``clv``, and ``probability_alive, value_at_risk, stage`` where the run has them.
    segments : pandas.Series or None
        The segment of each customer.
    notes : tuple of str
        What was set aside.
    """

    answers: SatisfactionAnswers | None
    complaints: Complaints | None
    customers: pd.DataFrame
    segments: pd.Series | None
    notes: tuple[str, ...] = ()


def applies(config: Config) -> bool:
    """Whether the config names answers, complaints or columns of loyalty."""
    section = config.survey
    return bool(section.satisfaction or section.complaints or section.loyalty_columns)


def check(context: Context) -> None:
    """Read the tables, so that an error in them is found before the run."""
    section = context.config.survey
    _read_answers(section)
    _read_complaints(section)
    if section.loyalty_columns:
        _check_columns(context.config)


def find(context: Context) -> Iterator[Finding]:
    """Scores, complaints, loyalty, their value, and whether satisfaction predicts the holdout."""
    from clvml.workflow.stages._satisfaction_findings import PARTS

    section, voices = context.config.survey, voices_of(context)
    named = {"satisfaction": section.satisfaction, "complaints": section.complaints}
    named["loyalty_columns"] = ", ".join(section.loyalty_columns)
    yield Tags({name: text for name, text in named.items() if text})
    for note in voices.notes:
        context.say(note)
        yield Words(f"{sentence(note)}.", style="note", runs=())
    for part in PARTS:
        try:
            yield from part(context, voices)
        except ClvmlError as error:  # the data do not allow this part
            context.say(f"satisfaction: {error}")
            yield Words(sentence(str(error)), style="note", runs=())
    figures = key_figures(voices, section)
    if figures:
        known = context.get(FurtherFigures)
        others = {} if known is None else dict(known.figures)
        context.put(FurtherFigures(others | figures, _Until(voices, section)))
        yield Metrics({SHORT[name]: value for name, (value, _) in figures.items()}, in_report=False)


SHORT = {"satisfaction": "satisfied", "nps": "nps", "complaint_rate": "complained"}


def key_figures(
    voices: Voices, section: SurveySection, day: pd.Timestamp | None = None
) -> dict[str, tuple[float, str]]:
    """Satisfaction, net promoter score and complaints for the scorecard, of all or as known on a day."""
    from clvml.survey.satisfaction._scores import score_row

    figures: dict[str, tuple[float, str]] = {}
    customers = voices.customers
    if day is not None and "first_purchase" in customers:
        customers = customers[customers["first_purchase"] <= day + pd.Timedelta(days=1)]
    if voices.answers is not None:
        answers = voices.answers if day is None else voices.answers.until(day)
        row = score_row(answers.per_person(section.answers), section.alarm, section.level)
        if row["answers"]:
            figures["satisfaction"] = (float(str(row["satisfied"])), "share of answers from 4 of 5")
        if row.get("recommend_answers"):
            figures["nps"] = (float(str(row["nps"])), "points, from -100 to 100")
    if voices.complaints is not None and len(customers):
        table = voices.complaints.table
        table = table if day is None else table[table["opened"] < day + pd.Timedelta(days=1)]
        rate = table["customer_id"].nunique() / len(customers)
        figures["complaint_rate"] = (float(rate), "share of customers who complained")
    return figures


@dataclass(frozen=True, eq=False)
class _Until:
    """The figures as known on a day."""

    voices: Voices
    section: SurveySection

    def __call__(self, day: pd.Timestamp) -> dict[str, float]:
        found = key_figures(self.voices, self.section, day)
        return {name: value for name, (value, _) in found.items()}


def voices_of(context: Context) -> Voices:
    """Answers and complaints until the end of observation, and the customers with their value."""
    section, end = context.config.survey, context[Split].observation_end
    customers, segments = context[Customers].table, context.get(Segments)
    tables = [context[Served].values] if segments is None else [context[Served].values, segments.members]
    names = None
    if segments is not None:
        names = segments.members["segment"].astype(str) + " " + segments.members["segment_name"]
    answers, complaints = _read_answers(section, end), _read_complaints(section, end)
    notes = tuple(_notes(answers, complaints, customers.index))
    return Voices(
        None if answers is None else answers.among(customers.index),
        None if complaints is None else complaints.among(customers.index),
        joined(customers, *tables),
        names,
        notes,
    )


def _read_answers(section: SurveySection, end: object = None) -> SatisfactionAnswers | None:
    from clvml.survey import read_satisfaction

    if not section.satisfaction:
        return None
    return read_satisfaction(
        section.satisfaction,
        observation_end=end,
        no_answer=section.no_answer,
        decimal=section.decimal,
        date_format=section.date_format,
    )


def _read_complaints(section: SurveySection, end: object = None) -> Complaints | None:
    from clvml.survey import read_complaints

    if not section.complaints:
        return None
    return read_complaints(section.complaints, observation_end=end, date_format=section.date_format)


def _check_columns(config: Config) -> None:
    """Refuse columns of loyalty that the purchases do not have."""
    data = config.data
    if is_stdin(data.source):
        raise InputError("[survey] loyalty_columns needs purchases in a file: standard input is read once.")
    source = source_of(data.source, data.table, data.query, data.engine)
    names = () if data.is_built_in else engine_for(source, data.engine).open(source, data.sheet).names
    absent = [name for name in config.survey.loyalty_columns if name not in names]
    if absent:
        raise InputError(
            f"[survey] loyalty_columns names {absent[0]!r}, which is no column of {data.shown}; its columns"
            f" are {', '.join(names) or 'customer, date and amount only'}."
        )


def _notes(
    answers: SatisfactionAnswers | None, complaints: Complaints | None, customers: pd.Index
) -> Iterator[str]:
    if answers is not None:
        yield from answers.notes
        if not answers.of_customers:
            yield "the answers name respondents and no customers: they cannot be joined to value"
        if answers.of_customers and (unknown := answers.unknown(customers)):
            yield f"{unknown:,} who answered are not among the customers: left out"
    if complaints is not None:
        yield from complaints.notes
        if unknown := complaints.unknown(customers):
            yield f"{unknown:,} who complained are not among the customers: left out"


STAGE = Stage("Measuring satisfaction, complaints and loyalty", find, SECTION, check, applies)
