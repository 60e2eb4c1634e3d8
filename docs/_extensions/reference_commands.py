"""The page of commands: what each does, its arguments and options, an example, and the exit statuses."""

import re

from reference_environment import linked_variables
from shell_commands import (
    Parameter,
    commands,
    example_of,
    group,
    options_by_parameter,
    paragraphs_of,
    parameters_of,
    synopsis,
)
from summaries import heading

from clvml.commands._check import CHECK_KEYS
from clvml.commands._exit_statuses import ExitStatus, statuses_of
from clvml.commands._run import RUN_KEYS

INTRODUCTION = """\
Everything that clvml does without Python is a command of the shell. ``clvml --help`` lists them,
``clvml run --help`` shows what one takes. Results are written to standard output, errors to standard error,
in one sentence that names the thing, the rule and the way out. No password is ever printed.

{commands}
"""
STATUSES = """\
The status tells a scheduler what happened. In a script, ``clvml run shop.toml || [ $? -eq 3 ]`` goes on where
only MLflow was away.

"""
OPTION = re.compile(r"(--[a-z][a-z-]*)")
KEYS = {"run": RUN_KEYS, "check": CHECK_KEYS}


def commands_page() -> str:
    """The source of the page."""
    listed = "".join(
        f":ref:`clvml {name} <command-{name}>`\n   {paragraphs_of(name)[0]}\n" for name in commands()
    )
    parts = [_command(name) for name in commands()]
    return "".join(
        [
            ".. _commands:\n",
            heading("Commands", "="),
            INTRODUCTION.format(commands=listed),
            *parts,
            "\n.. _exit-statuses:\n",
            heading("Exit statuses"),
            STATUSES,
            *(f"``{int(status)}``\n   {status.meaning}\n" for status in ExitStatus),
            "\n.. _command-options:\n",
            heading("Options of clvml itself"),
            "\n.. program:: clvml\n\n",
            *(_option(", ".join(each.opts), str(each.help)) for each in group().params),
            _option("--help, -h", "Show the help of clvml or, after a command, of the command, and exit."),
        ]
    )


def _command(name: str) -> str:
    parameters = parameters_of(name)
    arguments = [each for each in parameters if each.is_argument]
    options = [each for each in parameters if not each.is_argument]
    parts = [
        f"\n.. _command-{name}:\n",
        heading(f"clvml {name}"),
        "\n\n".join(paragraphs_of(name)),
        f"\n\n.. code-block:: text\n\n   {synopsis(name)}\n",
        f"\nFor example:\n\n.. code-block:: sh\n\n   {example_of(name)}\n",
        f"\nExit status: {_statuses(name)}.\n",
        f"\n.. program:: clvml {name}\n",
        _listed("Arguments", name, arguments),
        _listed("Options", name, options),
    ]
    return "".join(parts)


def _statuses(name: str) -> str:
    numbers = [f"``{int(status)}``" for status in statuses_of(name)]
    return f":ref:`{', '.join(numbers)} <exit-statuses>`".replace("``", "")


def _listed(title: str, command: str, parameters: list[Parameter]) -> str:
    entries = [_entry(command, each) for each in parameters]
    return f"\n.. rubric:: {title}\n\n" + "".join(entries) if entries else ""


def _entry(command: str, each: Parameter) -> str:
    spelled = [f"{spelling} {each.value}".strip() for spelling in each.spellings]
    key = KEYS.get(command, {}).get(each.name)
    parts = [
        _in_rst(command, each.help),
        f"*{_facts(each)}.*" if _facts(each) else "",
        f"Sets :ref:`{key} <config-{key}>`." if key else "",
    ]
    return _option(", ".join(spelled), " ".join(filter(None, parts)))


def _option(signature: str, text: str) -> str:
    return f".. option:: {signature}\n\n   {text}\n\n"


def _facts(each: Parameter) -> str:
    """Type, limits, default, and whether it is required or may be repeated."""
    type_in_words = each.type if each.is_argument or each.value == "NUMBER" else ""
    facts = [
        " ".join(filter(None, [type_in_words, each.limits])),
        "required" if each.is_required else "",
        "can be repeated" if each.is_repeatable else "",
        f"default {each.default}" if each.default is not None else "",
    ]
    return "; ".join(filter(None, facts)).capitalize()


def _in_rst(command: str, text: str) -> str:
    """Help, which is plain text, with links to the options and variables that it names."""
    known = options_by_parameter(command).values()
    parts = OPTION.split(re.sub(r"([\\*`|'])", r"\\\1", text))
    parts[1::2] = [
        f":option:`{option} <clvml {command} {option}>`" if option in known else f"``{option}``"
        for option in parts[1::2]
    ]
    return linked_variables("".join(parts))
