"""A commented config file with every key, for ``clvml init``.

Keys at their default are commented out, so that the file alone equals the built-in defaults and shows what
can be changed. The comments are the descriptions of the fields, which the documentation uses too.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from clvml.workflow._config import Config, toml_value
from clvml.workflow._section import Section

_WIDTH = 96
_HEADER = """\
Configuration of a run: `clvml run THIS_FILE`. Every key is optional.
A line such as #key = value shows the default of a key.
An option of the command line overrides its key, such as --time-unit M for [split] time_unit."""


def config_template(config: Config) -> str:
    """The config as a commented TOML file.

    Parameters
    ----------
    config : Config
        Its values that differ from the defaults are set; all other keys are commented out.

    Returns
    -------
    str
        Reads back as the same config.
    """
    blocks = [_comment(_HEADER), *_sections(config, "")]
    return "\n\n".join(blocks) + "\n"


def described_keys(section: type[Section], prefix: str = "") -> Iterator[tuple[str, str, Any]]:
    """The dotted name, the description and the default of every key, in order."""
    for name, field in section.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, Section):
            yield from described_keys(type(default), f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.description or "", default


def _sections(section: Section, path: str) -> Iterator[str]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Section):
            inner = f"{path}{name}"
            yield "\n".join([_comment(_summary(type(value))), f"[{inner}]", *_keys(value)])
            yield from _sections(value, f"{inner}.")


def _keys(section: Section) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value, default = getattr(section, name), field.get_default(call_default_factory=True)
        if isinstance(value, Section):
            continue
        yield from textwrap.wrap(
            _plain(field.description or ""), _WIDTH, initial_indent="# ", subsequent_indent="# "
        )
        if value is None:
            yield f"#{name} ="
        else:
            yield f"{'#' if value == default else ''}{name} = {toml_value(value)}"


def _summary(section: type[Section]) -> str:
    return _plain((section.__doc__ or "").split("\n\n")[0])


def _comment(text: str) -> str:
    return "\n".join(
        f"# {line}" for paragraph in text.splitlines() for line in textwrap.wrap(paragraph, _WIDTH)
    )


def _plain(text: str) -> str:
    """Docstring markup as plain text."""
    return " ".join(text.replace("`", "").split())
