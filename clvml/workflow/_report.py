"""The results as one page: an HTML file that carries its figures and needs nothing else."""

from __future__ import annotations

import base64
import datetime as dt
from html import escape
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from clvml.customers._time_units import time_unit_of
from clvml.segments.judging._segmentation_comparison import SegmentationComparison
from clvml.workflow._formatting import (
    budgets_in_words,
    command_lines,
    comparison_in_words,
    data_report_in_words,
    duration_in_words,
    methods_in_words,
    moves_in_words,
    profile_in_words,
    quality_in_words,
    rule_in_words,
    segments_judged_in_words,
    split_in_words,
    textbook_in_words,
)
from clvml.workflow._results import Groups, Results

WARNED = 10  # customers shown; all are in early_warning.csv
WIDE = 1200  # pixels: a figure that is wider has a row of the page to itself

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
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 1.6rem; }
figure { margin: 0; align-self: center; } figure.wide { grid-column: 1 / -1; }
figure img { width: 100%; height: auto; }
figcaption { color: var(--soft); font-size: .9rem; }
pre { background: #f4f6f8; padding: .8rem 1rem; overflow-x: auto; }
.note, footer { color: var(--soft); font-size: .9rem; }
"""


def report_page(results: Results, commands: list[tuple[str, str]]) -> str:
    """The page as HTML text.

    Parameters
    ----------
    results : Results
        What the run found; the figures are read from their files.
    commands : list of (str, str)
        What to type next, each with what it does.
    """
    config = results.config
    body = [
        f"<h1>{escape(config.experiment.name)}</h1>",
        f'<p class="question">{escape(config.experiment.question)}</p>',
        _answer(results),
        "<h2>Data</h2>",
        _data(results),
        "<h2>Comparison on the holdout</h2>",
        _comparison(results),
        '<h2>Figures</h2><div class="figures">',
        *[_figure(title, path) for title, path in results.figures.items()],
        "</div>",
        *_segments(results),
        "<h2>The model to serve</h2>",
        _served(results),
        "<h2>Next</h2>",
        _commands(commands),
        f"<footer>clvml {version('clvml')}, {dt.datetime.now():%Y-%m-%d %H:%M};"
        " everything that decided this run is in config.toml beside this page.</footer>",
    ]
    title = escape(config.experiment.name)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>"
        + "\n".join(body)
        + "</main></body></html>\n"
    )


def _answer(results: Results) -> str:
    champion = results.comparison.champion
    bias = results.comparison.table["bias_pct"].to_dict()[champion.name]
    direction = "above" if bias > 0 else "below"
    return (
        f'<div class="answer"><p><b>{escape(champion.name)}</b> is the champion: its total is'
        f" {abs(bias):.1f} % {direction} the holdout's.</p>"
        f'<p class="note">{escape(rule_in_words(results.comparison))}</p></div>'
    )


def _data(results: Results) -> str:
    return (
        f"<p>{escape(results.config.data.source)}: {escape(split_in_words(results.split))}.</p>"
        + _table(data_report_in_words(results.transactions.report))
        + '<p class="note">Every row that may not be a purchase is counted here, with the policy for it and'
        " how many it set aside.</p>"
    )


def _comparison(results: Results) -> str:
    comparison, split = results.comparison, results.split
    horizon = duration_in_words(split.duration, split.time_unit)
    left_out = "".join(
        f'<p class="note">Left out: {escape(title)}, because {escape(why)}</p>'
        for title, why in comparison.left_out.items()
    )
    return (
        f"<p>Every model was fitted on the calibration period and predicts the revenue of the next {horizon}:"
        f" {split.holdout['spend'].sum():,.2f} in truth. Undiscounted, with a margin of 1.</p>"
        + _table(comparison_in_words(comparison.table), marked=comparison.champion.name)
        + '<p class="note">bias: how far the total is off; MAE, RMSE: error a customer; Spearman, Gini: how'
        " well customers are ranked; top 10 %: share of the holdout's revenue that the predicted top tenth of"
        " the customers brought.</p>" + left_out
    )


def _figure(title: str, path: Path) -> str:
    png = path.read_bytes()
    image = base64.b64encode(png).decode("ascii")
    shape = (
        ' class="wide"' if int.from_bytes(png[16:20], "big") > WIDE else ""
    )  # the width, by the PNG header
    return (
        f'<figure{shape}><img alt="{escape(title)}" src="data:image/png;base64,{image}">'
        f"<figcaption>{escape(title)}</figcaption></figure>"
    )


def _segments(results: Results) -> list[str]:
    found = results.segments
    if found is None:
        return []
    why = found.segmenter.selection_.attrs["why"]
    parts = [
        "<h2>Segments</h2>",
        "<p>Customers until the end of observation, grouped by K-means; 1 is the most valuable.</p>",
        _table(profile_in_words(found.profile)),
        f'<p class="note">{escape(why)}</p>',
    ]
    if results.contest is not None:
        parts += _contest(results.contest)
    if found.groups is not None:
        parts += _what_to_do(found.groups)
    if results.moves is not None:
        parts += ["<h3>Who moved</h3>", f"<p>{escape(moves_in_words(results.moves))}</p>"]
    return parts


def _contest(contest: SegmentationComparison) -> list[str]:
    return [
        "<h3>Which way to segment told who would be valuable</h3>",
        "<p>Each method saw the calibration period and is judged on the holdout.</p>",
        _table(methods_in_words(contest.ranking)),
        "<p>The textbooks' three, with their accuracy measured; ABC and RFM plan with what was spent before,"
        " once more:</p>",
        _table(textbook_in_words(contest.textbook)),
        "<details><summary>Every segment of every method</summary>",
        _table(segments_judged_in_words(contest.by_segment)),
        "</details>",
    ]


def _what_to_do(groups: Groups) -> list[str]:
    warned = groups.warned.head(WARNED).rename(index=str).rename_axis("customer")
    return [
        "<h3>What to do, and what it may cost</h3>",
        "<p>Never more than the value at risk.</p>",
        _table(budgets_in_words(groups.budgets)),
        "<h3>Large enough, reached, paying?</h3>",
        _table(quality_in_words(groups.quality)),
        "<h3>Early warning</h3>",
        f"<p>{len(groups.warned):,} valuable customers may be about to be lost; by value at risk:</p>",
        _table(warned),
    ]


def _served(results: Results) -> str:
    served, value = results.served, results.config.value
    unit = results.split.time_unit
    clv = served.values["clv"]
    return (
        f"<p>{escape(served.title)}, fitted again on all {len(clv):,} customers until"
        f" {pd.Timestamp(results.split.observation_end):%Y-%m-%d}, so that it knows the holdout too. Horizon"
        f" {duration_in_words(value.horizon, unit)}, {value.annual_discount_rate:.0%} a year, margin"
        f" {value.margin:g}. Together these customers are worth {clv.sum():,.2f}, half of them less than"
        f" {clv.median():,.2f}. Its parameters count time in {time_unit_of(unit).name}s.</p>"
    )


def _commands(commands: list[tuple[str, str]]) -> str:
    return "<pre>" + escape("\n".join(command_lines(commands))) + "</pre>"


def _table(table: pd.DataFrame, marked: str | None = None) -> str:
    head = "".join(f"<th>{escape(str(name))}</th>" for name in [table.index.name or "", *table.columns])
    rows = "".join(
        f"<tr{' class=champion' if row[0] == marked else ''}>"
        + "".join(f"<td>{escape(_cell(value))}</td>" for value in row)
        + "</tr>"
        for row in table.itertuples()
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
