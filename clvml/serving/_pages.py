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
    names = (*defaults, *served.statements)
    return [(name, PARAMETERS[name].words, defaults.get(name, "")) for name in names]


def model_page(summary: dict[str, Any], served: Served) -> str:
    """What is served."""
    return _render("model.html", summary=summary, served=served, card=_facts(summary["card"]))


def allowed(field: Field) -> str:
    """The values of a column, for a table."""
    if field.kind == "category":
        return ", ".join(map(str, field.levels))
    if field.kind != "number":
        return KINDS[field.kind]
    return f"{'whole number' if field.whole else 'number'}, {field.range}"


def _facts(card: dict[str, Any]) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    """The plain values of a card, and its tables: a row and a column per key."""
    plain = {
        k: str(v) for k, v in card.items() if v not in (None, "", {}, []) and not isinstance(v, dict | list)
    }
    tables = {
        name: value
        for name, value in card.items()
        if isinstance(value, dict) and value and all(isinstance(row, dict) for row in value.values())
    }
    return plain, tables


def _json(content: Any) -> str:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()


def _number(value: Any) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


@cache
def _templates() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    found = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined)
    found.filters |= {"number": _number, "allowed": allowed}
    return found


def _render(name: str, **content: Any) -> str:
    return _templates().get_template(name).render(**content)
