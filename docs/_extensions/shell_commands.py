"""The commands of the shell as typer knows them, and their parameters in words."""

import types
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Union, get_args, get_origin

import typer

from clvml.commands import app

# What stands for the value of an option in a synopsis, and its type in words; a flag has no value.
VALUES: dict[type, tuple[str, str]] = {
    str: ("TEXT", "text"),
    int: ("NUMBER", "whole number"),
    float: ("NUMBER", "number"),
    Path: ("PATH", "path"),
    bool: ("", ""),
}


class Parameter(NamedTuple):
    """An argument or option of a command.

    Attributes
    ----------
    name : str
        Its parameter in Python.
    spellings : list of str
        Of an option, such as ``--quiet`` and ``-q``; of an argument, its name in the synopsis.
    value : str
        What stands for the value; empty for a flag.
    help, type : str
        In words.
    default : object
        None if there is none.
    """

    name: str
    spellings: list[str]
    value: str
    help: str
    type: str
    default: Any
    is_argument: bool
    is_required: bool
    is_repeatable: bool
    limits: str


@cache
def commands() -> dict[str, Any]:
    """The commands by name."""
    found = group().commands
    return {name: found[name] for name in sorted(found)}


@cache
def group() -> Any:
    """What holds all commands."""
    return typer.main.get_command(app)


def parameters_of(command: str) -> list[Parameter]:
    """The arguments and options of a command, in order.

    Raises
    ------
    ValueError
        If one has no help, or a type without words.
    """
    return [_parameter(command, given) for given in commands()[command].params]


def _parameter(command: str, given: Any) -> Parameter:
    place = f"clvml {command}: {given.opts[-1]}"
    if not given.help:
        raise ValueError(f"{place} has no help: write it in clvml/commands.")
    kind = _type_of(commands()[command].callback, given.name)
    if kind not in VALUES:
        raise ValueError(f"{place} has the type {kind}, without words: see shell_commands.py.")
    value, words = VALUES[kind]
    is_argument = given.param_type_name == "argument"
    return Parameter(
        given.name,
        [(given.metavar or given.name).upper()] if is_argument else sorted(given.opts, key=len, reverse=True),
        "" if is_argument else (given.metavar or value if value else ""),
        given.help,
        words,
        None if given.default in (None, False, "") else given.default,
        is_argument,
        bool(given.required),
        bool(given.multiple),
        _limits(given),
    )


def _type_of(function: Any, name: str) -> Any:
    """The type of a parameter by its annotation, without None and list."""
    kind = typer.main.get_params_from_function(function)[name].annotation
    while get_origin(kind) in (Union, types.UnionType, list):
        kind = next(part for part in get_args(kind) if part is not type(None))
    return kind


def _limits(given: Any) -> str:
    return " and ".join(
        f"at {word} {limit:g}"
        for word, limit in [("least", given.min), ("most", given.max)]
        if limit is not None
    )


def options_by_parameter(command: str) -> dict[str, str]:
    """The long spelling of each option of a command, by its parameter."""
    return {each.name: each.spellings[0] for each in parameters_of(command) if not each.is_argument}


def synopsis(command: str) -> str:
    """How a command is called.

    Examples
    --------
    >>> synopsis("score")
    'clvml score [OPTIONS] MODEL CUSTOMERS OUTPUT'
    """
    arguments = [each for each in parameters_of(command) if each.is_argument]
    shown = [each.spellings[0] if each.is_required else f"[{each.spellings[0]}]" for each in arguments]
    return " ".join(["clvml", command, "[OPTIONS]", *shown])


def example_of(command: str) -> str:
    """The example that the help of a command ends with.

    Raises
    ------
    ValueError
        If there is none.
    """
    epilog = commands()[command].epilog or ""
    if not epilog.startswith("Example: clvml "):
        raise ValueError(f"clvml {command} has no example: give app.command epilog='Example: clvml ...'.")
    return str(epilog.removeprefix("Example: "))


def paragraphs_of(command: str) -> list[str]:
    """What a command does, from its help."""
    return [" ".join(part.split()) for part in (commands()[command].help or "").split("\n\n")]
