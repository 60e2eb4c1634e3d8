"""The page of commands: each argument and option, examples that parse, statuses that the code uses."""

import ast
import inspect
import re
import signal

import pytest
import reference_commands
import shell_commands
import shell_lines

from clvml.commands._check import CHECK_KEYS
from clvml.commands._exit_statuses import ExitStatus, statuses_of
from clvml.commands._run import RUN_KEYS
from clvml.workflow import load_config

COMMANDS = [*shell_lines.GROUP.commands]
KEYS = [("run", RUN_KEYS), ("check", CHECK_KEYS)]


@pytest.fixture(scope="module")
def page():
    return reference_commands.commands_page()


def entry(page, command):
    """The part of the page on a command."""
    return page.split(f".. _command-{command}:\n")[1].split("\n.. _")[0]


def options_in(text):
    """The text of each argument or option by its spelling."""
    found = re.findall(r"^\.\. option:: (.*)\n\n   (.*)$", text, re.MULTILINE)
    return {signature.split(", ")[0].split(" ")[0]: said for signature, said in found}


def test_every_command_has_an_anchor_and_what_it_does(page):
    assert re.findall(r"^\.\. _command-([\w-]+):$", page, re.MULTILINE) == [*sorted(COMMANDS), "options"]
    for command in COMMANDS:
        words = " ".join(shell_lines.GROUP.commands[command].help.split())
        assert words in " ".join(entry(page, command).split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_argument_and_option_is_on_the_page_once_and_no_other(command, page):
    params = shell_lines.GROUP.commands[command].params
    expected = [max(each.opts, key=len) for each in params if each.param_type_name == "option"]
    expected += [(each.metavar or each.name).upper() for each in params if each.param_type_name == "argument"]
    signatures = re.findall(r"^\.\. option:: (\S+?),?(?: .*)?$", entry(page, command), re.MULTILINE)
    assert sorted(signatures) == sorted(expected)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_entry_of_an_option_has_its_help_and_its_default(command, page):
    shown = options_in(entry(page, command))
    for each in shell_lines.GROUP.commands[command].params:
        is_option = each.param_type_name == "option"
        text = shown[max(each.opts, key=len) if is_option else (each.metavar or each.name).upper()]
        plain = re.sub(r":\w+:`([\w-]+)(?: <[^>]+>)?`", r"\1", text).replace("\\", "").replace("`", "")
        assert plain.startswith(each.help)
        assert ("required" in text.lower()) == each.required
        assert each.default in (None, False, "") or f"efault {each.default}" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_the_example_of_a_command_has_arguments_and_options_that_exist(command, page):
    line = shell_commands.example_of(command)
    assert f".. code-block:: sh\n\n   {line}\n" in entry(page, command)
    (words,) = shell_lines.commands(line)
    assert words[0] == command
    assert shell_lines.complaint(words) is None


@pytest.mark.parametrize(("command", "keys"), KEYS)
def test_each_option_that_sets_a_key_links_to_it(command, keys, page):
    shown = options_in(entry(page, command))
    params = {each.name: max(each.opts, key=len) for each in shell_lines.GROUP.commands[command].params}
    for parameter, key in keys.items():
        spelling = "NEWDATA" if (command, parameter) == ("check", "transactions") else params[parameter]
        assert f":ref:`{key} <config-{key}>`" in shown[spelling]
    assert sum("Sets :ref:" in text for text in shown.values()) == len(keys)


def test_the_keys_that_options_set_exist():
    config = load_config()
    for key in {*RUN_KEYS.values(), *CHECK_KEYS.values()}:
        table, name = key.split(".")
        assert name in type(getattr(config, table)).model_fields


def test_every_exit_status_is_on_the_page_with_its_meaning(page):
    shown = page.partition(".. _exit-statuses:")[2]
    found = dict(re.findall(r"^``(\d+)``\n   (.*)$", shown, re.MULTILINE))
    assert {int(number): text for number, text in found.items()} == {int(s): s.meaning for s in ExitStatus}
    for command in COMMANDS:
        listed = ", ".join(str(int(status)) for status in statuses_of(command))
        assert f"Exit status: :ref:`{listed} <exit-statuses>`" in entry(page, command)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_statuses_of_a_command_are_those_that_its_code_ends_with(command):
    source = inspect.getsource(inspect.getmodule(shell_lines.GROUP.commands[command].callback))
    used = {
        ExitStatus[node.attr]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "ExitStatus"
    }
    assert used | {*statuses_of("version")} == {*statuses_of(command)}


def test_interruptions_have_the_statuses_of_their_signals():
    assert ExitStatus.INTERRUPTED == 128 + signal.SIGINT
    assert ExitStatus.TERMINATED == 128 + signal.SIGTERM


def test_a_command_without_an_example_or_an_option_without_help_stops_the_build(monkeypatch):
    run = shell_lines.GROUP.commands["run"]
    broken = type("Command", (), {"epilog": "", "params": run.params, "callback": run.callback})
    monkeypatch.setattr(shell_commands, "commands", lambda: {"run": broken})
    with pytest.raises(ValueError, match="clvml run has no example"):
        shell_commands.example_of("run")
    silent = type("Option", (), {"opts": ["--horizon"], "help": None})
    broken.params = [silent]
    with pytest.raises(ValueError, match="clvml run: --horizon has no help"):
        shell_commands.parameters_of("run")
