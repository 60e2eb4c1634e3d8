"""Command lines of clvml as the documentation shows them, parsed by the real commands but not run."""

import re
import shlex

import typer

from clvml.commands import app
from clvml.workflow import Config

GROUP = typer.main.get_command(app)
BETWEEN_COMMANDS = "();|&\n"
COMMENT = re.compile(r"(?:^|(?<=\s))#.*$", re.MULTILINE)
REDIRECTION = re.compile(r"\d?(?:>>?|<)(?:&\d|\s*\S+)")
ASSIGNMENT = re.compile(r"[A-Z_]+=")


def commands(script: str) -> list[list[str]]:
    """The arguments of each call of ``clvml`` in a script of the shell."""
    return [
        line[1:]
        for line in map(_without_assignments, _simple_commands(script))
        if line and _is_clvml(line[0])
    ]


def _is_clvml(word: str) -> bool:
    return word == "clvml" or word.endswith("/clvml")


def _without_assignments(words: list[str]) -> list[str]:
    while words and ASSIGNMENT.match(words[0]):
        words = words[1:]
    return words


def _simple_commands(script: str) -> list[list[str]]:
    text = REDIRECTION.sub(" ", COMMENT.sub("", script.replace("\\\n", " ")))
    lexer = shlex.shlex(text, posix=True, punctuation_chars=BETWEEN_COMMANDS)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
    found: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set(BETWEEN_COMMANDS):
            found.append([])
        else:
            found[-1].append(word)
    return found


def complaint(words: list[str], *, complete: bool = True) -> str | None:
    """What is wrong with the arguments of ``clvml``, None if nothing; ``complete`` asks for all arguments."""
    if not words or words[0] in {"--help", "-h"}:
        return None
    command = GROUP.commands.get(words[0])
    if command is None:
        return f"clvml has no command {words[0]!r}"
    if {"--help", "-h"} & set(words):
        return None
    context = command.context_class(command, info_name=words[0])
    try:
        values, rest, _ = command.make_parser(context).parse_args(words[1:])
    except Exception as error:  # every refusal of the parser is a complaint
        return f"clvml {words[0]}: {error}"
    unknown = [key for key in _keys_set(values.get("settings")) if not is_config_key(*key.split("."))]
    if unknown:
        return f"the config has no key {unknown[0]!r}"
    missing = [p.name for p in command.params if p.required and not values.get(p.name)]
    if rest:
        return f"clvml {words[0]} does not take {' '.join(rest)!r}"
    return f"clvml {words[0]} needs {', '.join(missing)}" if missing and complete else None


def _keys_set(settings: list[str] | None) -> list[str]:
    return [setting.partition("=")[0] for setting in settings or [] if setting != "KEY=VALUE"]


def is_config_key(section: str, key: str | None = None, *_: str) -> bool:
    """Whether a config has a section, and the section a key."""
    field = Config.model_fields.get(section)
    return field is not None and (key is None or key in getattr(field.annotation, "model_fields", {}))
