"""The page of public names by task, from ``docs/reference/names.toml``: each name in exactly one group."""

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from public import home_of, kind_of, public_values
from summaries import first_sentence, heading

GROUPS = Path(__file__).parents[1] / "reference" / "names.toml"
INTRODUCTION = """\
Each public name once, under the task that it serves; its page has parameters, units, errors and an example.
The same names are also listed :doc:`by package <api/index>`.
"""


def read_groups() -> list[dict[str, Any]]:
    """The groups as they are written."""
    return tomllib.loads(GROUPS.read_text())["group"]


def names_by_group(groups: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The paths of each group's names: those it lists, then those of its packages that no group lists.

    Raises
    ------
    ValueError
        If a name is in no group or in several, or is not public.
    """
    listed = {f"clvml.{name}" for group in groups for name in group.get("names", ())}
    found = {group["title"]: _names_of(group, listed) for group in groups}
    problems = complaints(found)
    if problems:
        raise ValueError(f"{GROUPS.name}: {'; '.join(problems)}")
    return found


def _names_of(group: Mapping[str, Any], listed: set[str]) -> list[str]:
    packages = [f"clvml.{package}" for package in group.get("all_of", ())]
    rest = [path for path in names() if home_of(path) in packages and path not in listed]
    return [*(f"clvml.{name}" for name in group.get("names", ())), *rest]


def names() -> list[str]:
    """The paths of all public names; packages have a page of their own."""
    return [path for path, value in public_values().items() if kind_of(value) != "package"]


def complaints(found: Mapping[str, Sequence[str]]) -> list[str]:
    """What is wrong with the groups."""
    counts = Counter(path for paths in found.values() for path in paths)
    return [
        *(f"{path} is in no group" for path in names() if path not in counts),
        *(f"{path} is in {count} groups" for path, count in counts.items() if count > 1),
        *(f"{path} is not a public name" for path in counts if path not in names()),
    ]


def names_page() -> str:
    """The source of the page."""
    groups = read_groups()
    found = names_by_group(groups)
    parts = [_group(group, found[group["title"]]) for group in groups]
    return heading("Names by task", "=") + INTRODUCTION + "".join(parts)


def _group(group: Mapping[str, Any], paths: Sequence[str]) -> str:
    entries = "".join(f":py:obj:`{path}`\n   {first_sentence(path)}\n\n" for path in paths)
    return heading(group["title"]) + group["text"].replace("`", "``") + "\n\n" + entries
