"""The keys of the config as the reference shows them: from its typed sections, with an example of each."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic.fields import FieldInfo

from clvml.workflow._section import Section

EXAMPLES = Path(__file__).parents[1] / "reference" / "config_examples.toml"
_DEFAULT = re.compile(r"\s*Default: (.+?)\.(?=\s|$)", re.DOTALL)


class Key(NamedTuple):
    """A key: its dotted name, its field, its default, and what its docstring says."""

    name: str
    field: FieldInfo
    default: Any
    docstring: str

    @property
    def has_default(self) -> bool:
        """Whether the default is a value, and not that the key is left out."""
        return self.default not in (None, "", (), {})

    @property
    def meaning(self) -> str:
        """The docstring without the sentence on what applies where the key is left out."""
        return self.docstring if self.has_default else _DEFAULT.sub("", self.docstring)

    @property
    def left_out(self) -> str:
        """What applies where a key without a default value is left out, if the docstring says it."""
        found = None if self.has_default else _DEFAULT.search(self.docstring)
        return found[1] if found else ""


def tables_of(section: type[Section], name: str = "") -> Iterator[tuple[str, type[Section]]]:
    """The tables of a config with their sections, outer ones first."""
    for part, inner in _inner(section).items():
        path = f"{name}.{part}".lstrip(".")
        yield path, inner
        yield from tables_of(inner, path)


def _inner(section: type[Section]) -> dict[str, type[Section]]:
    return {
        name: field.annotation
        for name, field in section.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
    }


def keys_of(section: type[Section], table: str) -> list[Key]:
    """The keys of a table itself.

    Raises
    ------
    ValueError
        If one has no docstring or no default.
    """
    inner = _inner(section)
    return [
        Key(f"{table}.{name}", field, _default(section, name), _docstring(section, name))
        for name, field in section.model_fields.items()
        if name not in inner
    ]


def _default(section: type[Section], name: str) -> Any:
    field = section.model_fields[name]
    if field.is_required():
        raise ValueError(f"{where(section, name)} has no default: every key of the config has one.")
    return field.get_default(call_default_factory=True)


def _docstring(section: type[Section], name: str) -> str:
    text = section.model_fields[name].description
    if not text:
        raise ValueError(f"{where(section, name)} has no docstring: write its meaning below the field.")
    return " ".join(text.split())


def where(section: type[Section], name: str) -> str:
    """Where a field is defined."""
    return f"{section.__module__}.{section.__qualname__}.{name}"


def examples(known: list[str]) -> dict[str, str]:
    """A config for each key that sets it, with what it needs.

    Parameters
    ----------
    known : list of str
        The keys.

    Raises
    ------
    ValueError
        If a key has no example, or an example no key.
    """
    written = tomllib.loads(EXAMPLES.read_text())
    for name in sorted(set(known) ^ set(written["keys"])):
        problem = "has no example" if name in known else "is no key of the config"
        raise ValueError(f"{EXAMPLES.name}: {name} {problem}.")
    return {name: _config(name, written["keys"][name], written["beside"]) for name in known}


def _config(name: str, lines: str, beside: dict[str, str]) -> str:
    table = name.rpartition(".")[0]
    given = beside.get(table, "")
    is_set = given.partition(" =")[0] in [line.partition(" =")[0] for line in lines.splitlines()]
    config = "\n".join(filter(None, [f"[{table}]", "" if is_set else given, lines.strip()]))
    outer = table.partition(".")[0]
    return f"[{outer}]\n{beside[outer]}\n\n{config}" if outer != table and outer in beside else config
