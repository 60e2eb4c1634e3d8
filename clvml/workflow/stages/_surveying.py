"""What customers value: the survey that the config names, read, compared and drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import pandas as pd
from pydantic import Field, model_validator

from clvml.errors import InputError
from clvml.workflow._findings import Finding, Tags, Words
from clvml.workflow._section import Section
from clvml.workflow._stage import Context, Stage
from clvml.workflow.stages._segmenting import Segments
from clvml.workflow.stages._splitting import Customers

if TYPE_CHECKING:
    from clvml.survey import Ratings
    from clvml.workflow._config import Config

SECTION = "What customers value"


# The keys that need a table, and the table; all others need ratings.
_NEEDS = {
    "answers": ("satisfaction",),
    "alarm": ("satisfaction",),
    "answer_within": ("complaints",),
    "resolve_within": ("complaints",),
    "no_answer": ("ratings", "satisfaction"),
    "decimal": ("ratings", "satisfaction"),
    "date_format": ("ratings", "satisfaction", "complaints"),
    "period": ("ratings", "satisfaction"),
    "level": ("ratings", "satisfaction", "complaints", "loyalty_columns"),
    "random_state": ("ratings", "satisfaction", "loyalty_columns"),
}
_TABLES = ("ratings", "satisfaction", "complaints", "loyalty_columns")


class SurveySection(Section):
    """What customers value and how brands deliver it; satisfaction, complaints and loyalty."""

    ratings: str = ""
    """A CSV, Parquet or Excel file of ratings, one score per row: respondent, brand, attribute, score, and
    optionally importance, kind, customer_id, date and segment; relative to this file. Without it there is
    no such chapter."""
    brand: str | None = None
    """Our brand, as in the ratings. Default: the first one in the table."""
    competitor: str | None = None
    """The main competitor. Default: the one with the highest mean performance."""
    scale: tuple[float, float] = (1.0, 5.0)
    """The ends of the scale of scores."""
    kinds: dict[str, str] = Field(default_factory=dict)
    """Kind of each attribute, such as {quality = "product", price = "money"}: a benefit (product, service,
    personnel, image) or a cost (money, time, energy, psychic). Not needed with a column kind."""
    reverse_costs: bool = False
    """Whether scores of costs say how favourable they are (5 is a very low price), not how high."""
    overall: str | None = None
    """The attribute that holds the overall score, from which importance is derived."""
    no_answer: tuple[float, ...] = ()
    """Codes for "no answer", such as 99."""
    importance: Literal["stated", "derived"] | None = None
    """The importance for the map and the priorities. Default: stated, if the survey asked for it."""
    parity_margin: float | None = Field(default=None, gt=0)
    """The largest difference that counts as parity, in points. Default: a sixteenth of the scale's range."""
    correction: Literal["holm", "benjamini_hochberg", "none"] = "holm"
    """Correction of the tests for the number of attributes."""
    level: float = Field(default=0.95, gt=0, lt=1)
    """Level of intervals and tests."""
    period: Literal["D", "W", "M", "Q", "Y"] = "Q"
    """Length of the periods of a repeated survey."""
    company_order: tuple[str, ...] = ()
    """The attributes in the order of importance that the company assumes, for the gaps to the customers'."""
    improvement_costs: dict[str, float] = Field(default_factory=dict)
    """What closing the gap of an attribute would cost, such as {price = 20000.0}."""
    satisfaction: str = ""
    """A CSV, Parquet or Excel file of answers, one per row: customer_id, date, satisfaction (1 to 5), and
    optionally recommend (0 to 10) and segment."""
    answers: Literal["latest", "mean"] = "latest"
    """What counts of a customer who answered several times about satisfaction: latest or mean."""
    alarm: float = Field(default=0.2, gt=0, lt=1)
    """Share of satisfaction scores under 3 above which too many are dissatisfied: find out why."""
    complaints: str = ""
    """A CSV, Parquet or Excel file of complaints, one per row: customer_id, opened, and optionally complaint
    (its id), answered, resolved and topic."""
    answer_within: float = Field(default=2.0, gt=0)
    """Days within which a complaint should be answered."""
    resolve_within: float = Field(default=7.0, gt=0)
    """Days within which a complaint should be resolved."""
    loyalty_columns: tuple[str, ...] = ()
    """Columns of the purchases to which customers may be loyal, such as ["brand", "category"]."""
    decimal: Literal[".", ","] | None = None
    """Decimal separator of numbers in text. Default: as the column shows."""
    date_format: str | None = None
    """Format of dates in text, such as %d/%m/%Y. Default: ISO 8601."""
    random_state: int = 0
    """Seed of the resamples."""

    @model_validator(mode="after")
    def _belongs_to_ratings(self) -> Self:
        changed = [name for name, value in self if value != type(self).model_fields[name].get_default(
            call_default_factory=True
        )]  # fmt: skip
        for name in (name for name in changed if name not in _TABLES):
            tables = _NEEDS.get(name, ("ratings",))
            if not any(getattr(self, table) for table in tables):
                what = "table of ratings" if tables[0] == "ratings" else tables[0]
                raise ValueError(f"gives {name} but no {what}: give {' or '.join(tables)}")
        return self


@dataclass(frozen=True, eq=False)
class Survey:
    """The ratings of a run and our brand.

    Attributes
    ----------
    ratings : clvml.survey.Ratings
    brand, competitor : str
        The competitor is None if only one brand was rated.
    """

    ratings: Ratings
    brand: str
    competitor: str | None


def applies(config: Config) -> bool:
    """Whether the config names a table of ratings."""
    return bool(config.survey.ratings)


def check(context: Context) -> None:
    """Read the ratings, so that an error in them is found before the run."""
    from clvml.survey import read_ratings
    from clvml.survey.perceived_value._differences import margin_of
    from clvml.survey.perceived_value._rank_gaps import rank_gaps

    section = context.config.survey
    ratings = read_ratings(
        section.ratings,
        kinds=section.kinds,
        scale=section.scale,
        overall=section.overall,
        reverse_costs=section.reverse_costs,
        no_answer=section.no_answer,
        decimal=section.decimal,
        date_format=section.date_format,
    )
    brand = ratings.check_brand(section.brand)
    several = len(ratings.brands) > 1 or section.competitor is not None
    competitor = ratings.competitor_of(brand, section.competitor) if several else None
    margin_of(section.parity_margin, section.scale)
    if section.company_order:
        rank_gaps(ratings.attributes, section.company_order)
    unknown = [name for name in section.improvement_costs if name not in ratings.attributes]
    if unknown:
        raise InputError(
            f"[survey] improvement_costs names {unknown[0]!r}, which nobody rated; attributes:"
            f" {', '.join(ratings.attributes)}."
        )
    context.put(Survey(ratings, brand, competitor))


def find(context: Context) -> Iterator[Finding]:
    """Delivered value, importance, comparison with the competitor, priorities, and changes over time."""
    from clvml.workflow.stages._survey_findings import PARTS

    survey, section = context[Survey], context.config.survey
    ratings = survey.ratings
    context.say(
        f"{len(ratings.respondents):,} respondents rated {_counted(len(ratings.brands), 'brand')} on"
        f" {_counted(len(ratings.attributes), 'attribute')}"
    )
    yield Tags({"survey": section.ratings})
    for note in (*ratings.notes, *unknown_customers(ratings, context[Customers].table.index)):
        context.say(note)
        yield Words(f"{sentence(note)}.", style="note")
    segments = segments_of_respondents(ratings, context.get(Segments))
    for part in PARTS:
        yield from _or_why_not(context, part(survey, section, segments))


def unknown_customers(ratings: Ratings, customers: pd.Index) -> Iterator[str]:
    """How many respondents' ids are among the customers, if not all."""
    from clvml.survey._ratings import count_known_customers

    given, known = count_known_customers(ratings, customers)
    if given > known:
        yield f"{given - known:,} of {given:,} customer ids in the ratings are not among the customers"


def segments_of_respondents(ratings: Ratings, segments: Segments | None) -> pd.Series | None:
    """The segment of each respondent: that of the ratings, or the customer's in this run; None if unknown."""
    from clvml.customers._typed_tables import match_ids
    from clvml.survey.perceived_value._brands import segments_of

    if "segment" in ratings.table:
        return segments_of(ratings)
    if segments is None or "customer_id" not in ratings.table:
        return None
    pairs = ratings.table[["respondent", "customer_id"]].dropna().drop_duplicates("respondent")
    names = segments.members["segment"].astype(str) + " " + segments.members["segment_name"]
    found = names.reindex(match_ids(pairs["customer_id"], names.index)).to_numpy()
    known = pd.Series(found, index=pairs["respondent"]).dropna()
    return known if len(known) else None


def sentence(text: str) -> str:
    """A text with a capital letter."""
    return text[:1].upper() + text[1:]


def _or_why_not(context: Context, findings: Iterator[Finding]) -> Iterator[Finding]:
    """The findings, up to an error in the data, which is reported instead of the rest."""
    try:
        yield from findings
    except InputError as error:
        context.say(f"survey: {error}")
        yield Words(sentence(str(error)), style="note")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


STAGE = Stage("Analysing what customers value", find, SECTION, check, applies)
