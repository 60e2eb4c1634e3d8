"""The findings of a check, for its page and for MLflow."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pandas as pd

from clvml.monitoring import ModelCheck
from clvml.monitoring._statements import LOOK, number
from clvml.plots import deviations
from clvml.scoring._card import ModelCard
from clvml.workflow._findings import Figure, Finding, Metrics, Table, Words
from clvml.workflow._formatting import Column, format_duration

SECTIONS = ("Outcomes", "Customers", "Inputs", "Parameters", "Challengers", "Data")
OF_QUESTION = {
    "outcomes": "Outcomes",
    "customers": "Customers",
    "inputs": "Inputs",
    "parameters": "Parameters",
}
INTRODUCTIONS = {
    "Outcomes": "What the customers of the model did since, against what it predicted for them.",
    "Customers": "Deciles of predicted value, relative to the total, and intervals of single customers.",
    "Inputs": "Customers acquired since, against those acquired in as long a time before, at the same ages.",
    "Parameters": (
        "Mean traits of customers by the model and by later data: of the customers that it knows, of new"
        " ones, and of all of them by fitting its specification again."
    ),
}
COLUMNS = {
    "expected": Column("expected"),
    "lower": Column("lower"),
    "upper": Column("upper"),
    "observed": Column("observed"),
    "corrected": Column("corrected p-value", "{:.3f}"),
    "status": Column("status"),
}
METRICS = {
    "spend": "spend_dev",
    "purchases": "purch_dev",
    "customers who purchased": "active_dev",
    "average order value": "aov_dev",
}


def findings_of(check: ModelCheck, card: ModelCard) -> Iterator[tuple[str, Finding]]:
    """The findings with their sections, in the order of the page."""
    yield from (("Outcomes", words) for words in _answers(check))
    table = check.table
    for question, section in OF_QUESTION.items():
        own = table[table["question"] == question]
        yield section, Words(INTRODUCTIONS[section])
        yield from ((section, finding) for finding in _statements(question, section, own))
    if len(check.parameters):
        yield "Parameters", _parameters(check)
    for contest in check.contests:
        yield "Challengers", Words(f"{_capital(contest.sentence)}.")
    yield from (("Data", finding) for finding in _data(check, card))


def _answers(check: ModelCheck) -> Iterator[Words]:
    for sentence in check.sentences or ["Nothing: the model may go on as it is."]:
        yield Words(_capital(sentence), answers="act")
    period = check.period
    yield Words(
        f"{_capital(check.summary)}. Time passed: {format_duration(period.duration, period.time_unit)}. If"
        f" nothing has changed, the probability of any alarm is at most {100 * check.level:g} %, as far as"
        " the intervals hold: each question has an equal share of it, and Holm's correction applies within."
        " A deviation that is too small to matter is no alarm.",
        answers="sure",
    )


def _statements(question: str, section: str, own: pd.DataFrame) -> Iterator[Finding]:
    if own.empty:
        yield Words("Nothing could be checked here; the section Data says why.", style="note")
        return
    yield Figure(
        question,
        f"{section}: deviation from what was expected",
        partial(deviations, own, title=_title(section, own)),
        size=(10.0, 1.8 + 0.36 * len(own)),
    )
    yield Table(question, own.set_index("name"), columns=COLUMNS, display=_display(own))


def _display(own: pd.DataFrame) -> pd.DataFrame:
    numbers = {name: own[name].map(number) for name in ("expected", "lower", "upper", "observed")}
    return own.assign(**numbers).set_index("name").rename_axis("")


def _title(section: str, own: pd.DataFrame) -> str:
    alarms = int((own["status"] == LOOK).sum())
    return f"{section}: {alarms} of {len(own)} to look at" if alarms else f"{section}: nothing to look at"


def _parameters(check: ModelCheck) -> Table:
    table = check.parameters.set_index("trait")
    columns = {
        "by": Column("by"),
        "per": Column("unit"),
        "before": Column("by the model", "{:,.4g}"),
        "after": Column("since", "{:,.4g}"),
        "change": Column("change", "{:+.1%}"),
        "lower": Column("lower", "{:+.1%}"),
        "upper": Column("upper", "{:+.1%}"),
    }
    return Table("traits", table, columns=columns, title="Change of mean traits, with 90 % intervals")


def _data(check: ModelCheck, card: ModelCard) -> Iterator[Finding]:
    period = check.period
    source = f"Model: {card.title or card.model}, {card.verdict}" if card.verdict else f"Model: {card.model}."
    yield Words(source)
    for note in period.notes:
        yield Words(f"{_capital(note)}.", lead="Notice:")
    for what, why in check.left_out.items():
        yield Words(f"{why}.", lead=f"Not checked: {what}:")
    if len(check.inputs):
        yield Table("inputs_detail", check.inputs, title="Inputs of new customers", folded="All numbers")
    yield Metrics(_metrics(check), title="Numbers", runs=("check",), in_report=False)


def _metrics(check: ModelCheck) -> dict[str, float]:
    found = {
        "alarms": float(len(check.alarms)),
        "min_p": float(check.table["corrected"].min()),
        "duration": check.period.duration,
        "customers": float(len(check.period.split.calibration)),
        "new_cust": float(len(check.period.newcomers)),
        "better": float(sum(contest.better for contest in check.contests)),
    }
    known = {statement.name.partition(" (")[0]: statement.effect for statement in check.statements}
    found |= {short: known[name] for name, short in METRICS.items() if name in known}
    if len(check.inputs):
        found["max_psi"] = float(check.inputs["psi"].max())
    return found


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
