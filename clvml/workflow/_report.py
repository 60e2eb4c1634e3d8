"""The writer of the report: findings as one self-contained HTML page."""

from __future__ import annotations

import base64
import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

import pandas as pd

from clvml.workflow._findings import Figure, Finding, Found, Metrics, Table, Words
from clvml.workflow._formatting import Column, format_value, heading
from clvml.workflow._next_steps import Command, command_lines
from clvml.workflow._report_style import STYLE
from clvml.workflow._section import ExperimentSection

WIDE = 1200  # pixels: a wider figure spans the page
QUESTIONS = {
    "worth": "What are the customers worth?",
    "who": "Who are they?",
    "act": "What to do?",
    "sure": "How sure is this?",
    "model": "Which model values them best?",
}
TEXT = 24  # characters: a longer cell is a text, which may wrap


def report_page(
    experiment: ExperimentSection, found: Sequence[Found], folder: Path, commands: Sequence[Command]
) -> str:
    """The page as HTML text.

    Parameters
    ----------
    experiment : ExperimentSection
        Name and question.
    found : sequence of Found
        In the order of the report; a section is where its first finding is.
    folder : Path
        The output folder, where the figures are.
    commands : sequence of Command
        Suggested next commands.
    """
    title = escape(experiment.name)
    sections = dict(_sections(found, folder))
    sections["Next"] = "<pre>" + escape("\n".join(command_lines(commands))) + "</pre>"
    body = [
        f"<h1>{title}</h1>",
        f'<p class="question">{escape(experiment.question)}</p>',
        *_answers(found),
        _contents(sections),
        *(f'<h2 id="{_anchor(name)}">{escape(name)}</h2>\n{html}' for name, html in sections.items()),
        f"<footer>clvml {version('clvml')}, {dt.datetime.now():%Y-%m-%d %H:%M};"
        " the configuration of this run is in config.toml beside this page.</footer>",
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>"
        + "\n".join(body)
        + "</main></body></html>\n"
    )


def _answers(found: Sequence[Found]) -> list[str]:
    """The box that answers the manager's questions, in their order."""
    answers = [finding for _, finding in found if isinstance(finding, Words) and finding.answers]
    blocks = []
    for key, question in QUESTIONS.items():
        said = "".join(_words(words) for words in answers if words.answers == key)
        if said:
            blocks.append(f"<section><h2>{escape(question)}</h2>{said}</section>")
    return [f'<div class="answer">{"".join(blocks)}</div>'] if blocks else []


def _contents(sections: Iterable[str]) -> str:
    links = "".join(f'<li><a href="#{_anchor(name)}">{escape(name)}</a></li>' for name in sections)
    return f'<nav aria-label="Contents"><ul>{links}</ul></nav>'


def _anchor(name: str) -> str:
    return "-".join(re.findall(r"\w+", name.lower()))


def _sections(found: Iterable[Found], folder: Path) -> Iterator[tuple[str, str]]:
    """The heading and the HTML of each section that shows anything."""
    sections: dict[str, list[Finding]] = {}
    for section, finding in found:
        if not (isinstance(finding, Words) and finding.answers):
            sections.setdefault(section, []).append(finding)
    for section, findings in sections.items():
        parts = list(_parts(findings, folder))
        if parts:
            yield section, "\n".join(parts)


def _parts(findings: Iterable[Finding], folder: Path) -> Iterator[str]:
    """The findings that the report shows, consecutive figures side by side."""
    shown = [finding for finding in findings if _is_shown(finding)]
    for are_figures, group in groupby(shown, lambda finding: isinstance(finding, Figure)):
        parts = [_part(finding, folder) for finding in group]
        yield f'<div class="figures">{"".join(parts)}</div>' if are_figures else "\n".join(parts)


def _is_shown(finding: Finding) -> bool:
    if isinstance(finding, Figure):
        return finding.path is not None and finding.in_report
    return isinstance(finding, Words) or (isinstance(finding, Table | Metrics) and finding.in_report)


def _part(finding: Finding, folder: Path) -> str:
    if isinstance(finding, Words):
        return _words(finding)
    if isinstance(finding, Table):
        return _table(finding)
    if isinstance(finding, Metrics):
        return _metrics(finding)
    if isinstance(finding, Figure) and finding.path is not None:
        return _figure(finding.title, folder / finding.path)
    return ""


def _words(words: Words) -> str:
    lead = f"<b>{escape(words.lead)}</b> " if words.lead else ""
    tag = '<p class="note">' if words.style == "note" else "<p>"
    return f"{_heading(words.title)}{tag}{lead}{escape(words.text)}</p>"


def _table(table: Table) -> str:
    html = _rows(table.formatted(), table.marked)
    if table.folded:
        html = f"<details><summary>{escape(table.folded)}</summary>{html}</details>"
    return _heading(table.title) + html


def _metrics(metrics: Metrics) -> str:
    labels = {name: metrics.labels.get(name, Column(heading(name))) for name in metrics.values}
    shown = {
        label.label: format_value(float(metrics.values[name]), label.pattern)
        for name, label in labels.items()
    }
    return _heading(metrics.title) + _rows(pd.DataFrame({"value": shown}))


def _heading(title: str) -> str:
    return f"<h3>{escape(title)}</h3>" if title else ""


def _rows(table: pd.DataFrame, marked: str | None = None) -> str:
    names = [heading(str(table.index.name or "")), *table.columns]
    rows = [[str(value) for value in row] for row in table.itertuples()]
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    texts = [any(len(value) > TEXT for value in column) for column in columns]
    head = _cells("th", map(str, names), texts)
    body = "".join(
        f"<tr{' class=champion' if row[0] == marked else ''}>{_cells('td', row, texts)}</tr>" for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cells(tag: str, values: Iterable[str], texts: Iterable[bool]) -> str:
    """The cells of a row; those of a column of text may wrap."""
    return "".join(
        f"<{tag}{' class=text' if is_text else ''}>{escape(value)}</{tag}>"
        for value, is_text in zip(values, texts, strict=True)
    )


def _figure(title: str, path: Path) -> str:
    png = path.read_bytes()
    image = base64.b64encode(png).decode("ascii")
    width = int.from_bytes(png[16:20], "big")  # from the PNG header
    shape = ' class="wide"' if width > WIDE else ""
    return (
        f'<figure{shape}><img alt="{escape(title)}" src="data:image/png;base64,{image}">'
        f"<figcaption>{escape(title)}</figcaption></figure>"
    )
