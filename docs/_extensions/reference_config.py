"""The page of config keys: each with its meaning, type, default, option of the command line, example."""

import re
from collections.abc import Mapping, Sequence
from textwrap import indent
from typing import Any

from config_keys import Key, examples, keys_of, tables_of
from config_types import ALLOWED, limits_in_words, type_in_words
from reference_environment import linked_variables
from shell_commands import options_by_parameter
from summaries import heading

from clvml.commands._run import RUN_KEYS
from clvml.workflow._config import TABLES, Config, toml_value
from clvml.workflow._contenders import CONTENDERS
from clvml.workflow._section import Section
from clvml.workflow._template import config_template
from clvml.workflow.stages._competing import ContenderSection

INTRODUCTION = """\
``clvml run`` reads a TOML file. Every key has a default, and an empty file is the comparison on the CDNOW
data included in clvml. ``clvml init`` writes the file below, in which every key is commented out. Unknown
keys and values that are not allowed are refused before the work starts, in a sentence that names the key.

An option such as ``--time-unit M`` overrides its key. Every key can be set for one run:
``clvml run shop.toml --set data.policy.returns=net``, with the value written as in TOML or as text. Options
and ``--set`` come before the file, the file before the defaults.

Paths of files to read are relative to the folder of the config file, or to the current folder where an option
or ``--set`` gives them; paths of what is written are relative to the current folder.

.. dropdown:: The whole file, as clvml init writes it

   .. code-block:: toml

{file}

The tables of the file: {tables}.

"""
FILES = {f"{table}.{key}" for table, key in TABLES}
TOML = re.compile(r'\{(?:[^{}]|\{[^{}]*\})*\}|\["[^]]*"\]|"[^"]*"')
LITERALS = re.compile(r"(``.*?``)")


def config_page(config: type[Section] = Config) -> str:
    """The source of the page."""
    tables = {table: keys_of(section, table) for table, section in tables_of(config)}
    shown = examples([key.name for keys in tables.values() for key in keys])
    options = options_of_keys()
    parts = [_table(name, section, tables[name], shown, options) for name, section in tables_of(config)]
    return ".. _config-keys:\n" + heading("Config keys", "=") + _introduction([*tables]) + "".join(parts)


def _introduction(tables: Sequence[str]) -> str:
    links = ", ".join(f":ref:`[{table}] <config-{table}>`" for table in tables)
    return INTRODUCTION.format(file=indent(config_template(Config()), " " * 6), tables=links)


def options_of_keys() -> dict[str, str]:
    """The option of ``clvml run`` that sets a key, for those that have one."""
    options = options_by_parameter("run")
    return {key: options[parameter] for parameter, key in RUN_KEYS.items()}


def _table(
    name: str, section: type[Section], keys: list[Key], shown: Mapping[str, str], options: Mapping[str, str]
) -> str:
    entries = [_entry(key, keys, shown[key.name], options.get(key.name)) for key in keys]
    text = (section.__doc__ or "").strip()
    return f"\n.. _config-{name}:\n{heading(f'[{name}]')}{_paragraphs(text)}\n" + "".join(entries)


def _paragraphs(text: str) -> str:
    return "\n\n".join(_marked(" ".join(part.split())) for part in text.split("\n\n")) + "\n"


def _entry(key: Key, keys: list[Key], example: str, option: str | None) -> str:
    facts = {
        "Type": "path of a file" if key.name in FILES else _marked(type_in_words(key.field.annotation)),
        "Allowed": "; ".join(filter(None, [limits_in_words(key.field.metadata), ALLOWED.get(key.name, "")])),
        "Default": _default(key),
        "Option": f":option:`{option} <clvml run {option}>`" if option else "",
    }
    given = "".join(f":{name}: {text}\n" for name, text in facts.items() if text)
    fields = f".. rst-class:: facts\n\n{given}"
    code = f".. code-block:: toml\n\n{indent(example, ' ' * 3)}\n"
    further = _contenders() if key.name == "models.contenders" else ""
    title = heading(key.name, "~")
    return f"\n.. _config-{key.name}:\n{title}{_linked(key.meaning, keys)}\n\n{fields}\n{code}{further}"


def _default(key: Key) -> str:
    if key.has_default:
        value: Any = key.default
        return f"``{toml_value(value)}``"
    return _marked(key.left_out) or "not set"


def _linked(text: str, keys: Sequence[Key]) -> str:
    """The text with its code marked, and links where it names a key of the same table with an underscore."""
    text = _marked(text)
    names = {key.name.rpartition(".")[2]: key.name for key in keys}
    words = "|".join(name for name in names if "_" in name) or "(?!)"
    link = re.compile(rf"(?<!\w)({words})(?!\w)")
    parts = LITERALS.split(text)
    parts[::2] = [link.sub(lambda m: f":ref:`{m[1]} <config-{names[m[1]]}>`", part) for part in parts[::2]]
    parts[::2] = [linked_variables(part) for part in parts[::2]]
    return "".join(parts)


def _marked(text: str) -> str:
    """The text with what is TOML in it as code: texts in quotes, lists of them, tables in braces."""
    parts = LITERALS.split(text)
    parts[::2] = [TOML.sub(r"``\g<0>``", part) for part in parts[::2]]
    return "".join(parts)


def _contenders() -> str:
    """The built-in contenders, and the keys of the table of a contender of one's own."""
    built_in = "".join(
        f"``{name}``\n   {each.title}{'' if each.by_default else ' (not by default)'}\n"
        for name, each in CONTENDERS.items()
    )
    own = "".join(
        f"``{name}``\n   {_marked(' '.join((field.description or '').split()))}\n"
        for name, field in ContenderSection.model_fields.items()
    )
    return f"\nThe built-in models:\n\n{built_in}\nThe keys of a model of your own, as a table:\n\n{own}"
