"""The writer of the report: findings as one self-contained HTML page."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

import pandas as pd

from clvml.workflow._findings import Figure, Finding, Found, Metrics, Table, Words
from clvml.workflow._formatting import Column, format_value
from clvml.workflow._next_steps import Command, command_lines
from clvml.workflow._section import ExperimentSection

WIDE = 1200  # pixels: a wider figure spans the page

STYLE = """
:root { --ink: #1f2933; --soft: #5b6770; --line: #d9dee3; --accent: #1f5f8b; --paper: #ffffff; }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: #f4f6f8; margin: 0; }
main { max-width: 68rem; margin: 2rem auto; padding: 1rem 3rem 3rem; background: var(--paper); }
h1 { font-size: 1.7rem; margin-bottom: .2rem; } h2 { font-size: 1.25rem; margin-top: 2.4rem; }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; } summary { cursor: pointer; margin: .8rem 0; }
.question { color: var(--soft); font-size: 1.1rem; margin-top: 0; }
.answer { border-left: 4px solid var(--accent); padding: .4rem 1.2rem; background: #eef4f8; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .93rem; }
th, td { padding: .32rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid var(--ink); white-space: nowrap; }
tr.champion { background: #eef4f8; font-weight: 600; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 1.6rem;
  margin-top: 1.6rem; }
figure { margin: 0; align-self: center; } figure.wide { grid-column: 1 / -1; }
figure img { width: 100%; height: auto; }
figcaption { color: var(--soft); font-size: .9rem; }
pre { background: #f4f6f8; padding: .8rem 1rem; overflow-x: auto; }
.note, footer { color: var(--soft); font-size: .9rem; }
"""


def report_page(
    experiment: ExperimentSection, found: Sequence[Found], folder: Path, commands: Sequence[Command]
) -> str:
    """The page as HTML text.

    Parameters
    ----------
    experiment : ExperimentSection
        Name and question.
    found : sequence of Found
        Sections are in the order of their first finding.
    folder : Path
        The output folder, where the figures are.
    commands : sequence of Command
        Suggested next commands.
    """
    title = escape(experiment.name)
    body = [
        f"<h1>{title}</h1>",
        f'<p class="question">{escape(experiment.question)}</p>',
        *_answers(found),
        *_sections(found, folder),
        "<h2>Next</h2>",
        "<pre>" + escape("\n".join(command_lines(commands))) + "</pre>",
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


def _is_answer(finding: Finding) -> bool:
    return isinstance(finding, Words) and finding.style == "answer"


def _answers(found: Iterable[Found]) -> list[str]:
    answers = [_words(finding) for _, finding in found if isinstance(finding, Words) and _is_answer(finding)]
    return [f'<div class="answer">{"".join(answers)}</div>'] if answers else []


def _sections(found: Iterable[Found], folder: Path) -> Iterator[str]:
    sections: dict[str, list[Finding]] = {}
    for section, finding in found:
        if not _is_answer(finding):
            sections.setdefault(section, []).append(finding)
    for section, findings in sections.items():
        parts = list(_parts(findings, folder))
        if parts:
            yield f"<h2>{escape(section)}</h2>"
            yield from parts


def _parts(findings: Iterable[Finding], folder: Path) -> Iterator[str]:
    """The findings that the report shows, consecutive figures side by side."""
    shown = [finding for finding in findings if _is_shown(finding)]
    for are_figures, group in groupby(shown, lambda finding: isinstance(finding, Figure)):
        parts = [_part(finding, folder) for finding in group]
        yield f'<div class="figures">{"".join(parts)}</div>' if are_figures else "\n".join(parts)


def _is_shown(finding: Finding) -> bool:
    if isinstance(finding, Figure):
        return finding.path is not None
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
    is_small = words.style == "note" or (words.style == "answer" and not words.lead)
    tag = '<p class="note">' if is_small else "<p>"
    return f"{_heading(words.title)}{tag}{lead}{escape(words.text)}</p>"


def _table(table: Table) -> str:
    html = _rows(table.formatted(), table.marked)
    if table.folded:
        html = f"<details><summary>{escape(table.folded)}</summary>{html}</details>"
    return _heading(table.title) + html


def _metrics(metrics: Metrics) -> str:
    labels = {name: metrics.labels.get(name, Column(name)) for name in metrics.values}
    shown = {
        label.label: format_value(float(metrics.values[name]), label.pattern)
        for name, label in labels.items()
    }
    return _heading(metrics.title) + _rows(pd.DataFrame({"value": shown}))


def _heading(title: str) -> str:
    return f"<h3>{escape(title)}</h3>" if title else ""


def _rows(table: pd.DataFrame, marked: str | None = None) -> str:
    head = "".join(f"<th>{escape(str(name))}</th>" for name in [table.index.name or "", *table.columns])
    rows = "".join(
        f"<tr{' class=champion' if row[0] == marked else ''}>"
        + "".join(f"<td>{escape(str(value))}</td>" for value in row)
        + "</tr>"
        for row in table.itertuples()
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _figure(title: str, path: Path) -> str:
    png = path.read_bytes()
    image = base64.b64encode(png).decode("ascii")
    width = int.from_bytes(png[16:20], "big")  # from the PNG header
    shape = ' class="wide"' if width > WIDE else ""
    return (
        f'<figure{shape}><img alt="{escape(title)}" src="data:image/png;base64,{image}">'
        f"<figcaption>{escape(title)}</figcaption></figure>"
    )
