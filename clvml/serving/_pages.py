"""The pages for people, without scripts and without anything from another server."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from clvml.serving._fields import KINDS, Field
from clvml.serving._openapi import columns_of, words_of_output
from clvml.serving._parameters import PARAMETERS
from clvml.serving._refusals import RULES
from clvml.serving._served import Served
from clvml.serving._settings import Settings

if TYPE_CHECKING:
    from jinja2 import Environment

_FACTS = {
    "title": "Model",
    "model": "Class",
    "dataset": "Data set",
    "observed_from": "Observed from",
    "observed_until": "Observed until",
    "n_customers": "Customers of the fit",
    "time_unit": "Time unit",
    "horizon": "Horizon",
    "annual_discount_rate": "Annual discount rate",
    "margin": "Margin",
    "currency": "Currency",
    "verdict": "Verdict of the comparison",
    "clvml_version": "Saved by clvml",
    "digest": "Digest",
}
_TABLES = {
    "scores": "Scores on the holdout",
    "totals": "Predicted totals after the fit",
    "parameters": "Parameters",
    "seen": "Customers of the fit",
}
_HIDDEN = ("by_origin", "by_horizon", "identified")
_FOLDER = Path(__file__).parent / "pages"


def docs_page(served: Served, settings: Settings) -> str:
    """How to call the service."""
    return _render(
        "docs.html",
        served=served,
        settings=settings,
        examples={
            "rows": _json({"rows": served.examples}),
            "columns": _json({"columns": columns_of(served.examples)}),
        },
        parameters=_parameters(served),
        outputs=[(c.name, words_of_output(c.name)) for c in served.outputs],
        rules=RULES,
    )


def _parameters(served: Served) -> list[tuple[str, str, str]]:
    defaults = {parameter.name: f"{parameter.default:g}" for parameter in served.parameters}
    names = (*defaults, *served.switches, *served.statements)
    return [(name, PARAMETERS[name].words, defaults.get(name, "")) for name in names]


def model_page(summary: dict[str, Any], served: Served) -> str:
    """What is served."""
    card = summary["card"]
    return _render("model.html", summary=summary, served=served, facts=_facts(card), tables=_tables(card))


def allowed(field: Field) -> str:
    """The values of a column, for a table."""
    if field.kind == "category":
        return ", ".join(map(str, field.levels))
    if field.kind != "number":
        return KINDS[field.kind]
    return f"{'whole number' if field.whole else 'number'}, {field.range}"


def _facts(card: dict[str, Any]) -> dict[str, str]:
    """The plain values of a card that it has, by their titles."""
    return {
        title: _number(card[name]) for name, title in _FACTS.items() if card.get(name) not in (None, "", {})
    }


def _tables(card: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The tables of a card that it has, by their titles: rows of plain values."""
    found = {title: _rows(card[name]) for name, title in _TABLES.items() if card.get(name)}
    return {title: rows for title, rows in found.items() if rows}


def _rows(table: Any) -> list[dict[str, Any]]:
    """A list of objects, or an object of objects with its keys as the first column."""
    if isinstance(table, dict):
        table = [{"": key, **row} for key, row in table.items() if isinstance(row, dict)]
    names = [name for name in (table[0] if table else {}) if name not in _HIDDEN]
    return [{name: row.get(name) for name in names} for row in table]


def _json(rows: dict[str, Any]) -> str:
    """JSON with a row or a column on each line."""
    ((name, content),) = rows.items()
    if isinstance(content, list):
        lines = ",\n".join(f"  {orjson.dumps(row).decode()}" for row in content)
        return f'{{"{name}": [\n{lines}\n]}}'
    lines = ",\n".join(f'  "{key}": {orjson.dumps(column).decode()}' for key, column in content.items())
    return f'{{"{name}": {{\n{lines}\n}}}}'


def _number(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


@cache
def _templates() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    found = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined)
    found.filters |= {"number": _number, "allowed": allowed}
    return found


def _render(name: str, **content: Any) -> str:
    return _templates().get_template(name).render(**content)
