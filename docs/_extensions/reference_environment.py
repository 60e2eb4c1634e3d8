"""The page of environment variables: ``docs/reference/environment.toml``, and the defaults in the code."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from environment_variables import variables_in_code
from summaries import heading

from clvml.tracking._connection import DEFAULTS

VARIABLES = Path(__file__).parents[1] / "reference" / "environment.toml"
INTRODUCTION = """\
What clvml takes from the environment of its process: secrets, where the MLflow store is, and settings of
what it is built on. Everything else is a :doc:`key of the config <config>` or an
:doc:`option of a command <commands>`.

"""
LINK = re.compile(r"\[([^]]+)\]\(([^)]+)\)")
KEY = re.compile(r"`(?!clvml)([a-z]+\.[a-z_]+)`")


def read_groups() -> list[dict[str, Any]]:
    """The groups as they are written."""
    return tomllib.loads(VARIABLES.read_text())["group"]


def check(groups: Sequence[Mapping[str, Any]], in_code: Mapping[str, str]) -> None:
    """Compare what is written with what the code names.

    Raises
    ------
    ValueError
        If the code names a variable that is in no group, or a variable is in two.
    """
    written = [name for group in groups for name in group["variables"]]
    for name, file in in_code.items():
        if name not in written:
            raise ValueError(f"{VARIABLES.name}: {name}, which {file} names, is in no group.")
    for name in written:
        if written.count(name) > 1:
            raise ValueError(f"{VARIABLES.name}: {name} is in two groups.")


def linked_variables(text: str) -> str:
    """A text in reStructuredText, with links where it names a variable of the page."""
    names = "|".join(name for group in read_groups() for name in group["variables"] if "_" in name)
    return re.sub(rf"(?<![\w`])({names}|PGPASSWORD)(?![\w`])", r":envvar:`\1`", text)


def environment_page() -> str:
    """The source of the page."""
    groups = read_groups()
    check(groups, variables_in_code())
    return (
        ".. _environment-variables:\n"
        + heading("Environment variables", "=")
        + INTRODUCTION
        + "".join(map(_group, groups))
    )


def _group(group: Mapping[str, Any]) -> str:
    entries = "".join(_entry(name, text) for name, text in group["variables"].items())
    return f"{heading(group['title'])}{_marked_up(group['text'])}\n\n{entries}"


def _entry(name: str, text: str) -> str:
    default = f" clvml's default: ``{DEFAULTS[name]}``." if name in DEFAULTS else ""
    return f".. envvar:: {name}\n\n   {_marked_up(text)}{default}\n\n"


def _marked_up(text: str) -> str:
    """Markdown's code, links to pages and keys of the config in reStructuredText."""
    parts = re.split(r"(\[[^]]+\]\([^)]+\)|`[^`]+`)", text)
    return "".join(_converted(part) for part in parts)


def _converted(part: str) -> str:
    if link := LINK.fullmatch(part):
        return f":doc:`{link[1]} <{link[2]}>`"
    if key := KEY.fullmatch(part):
        return f":ref:`{key[1]} <config-{key[1]}>`"
    return f"`{part}`" if part.startswith("`") else part
