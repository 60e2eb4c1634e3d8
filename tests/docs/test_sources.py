"""What the pages of the documentation show is run, parsed or looked up: nothing in them is only text."""

import doctest
import json
import re
import tomllib

import pages
import pytest
import shell_lines
from pages import ROOT
from public import is_public

SHOWN = {"sh", "pycon", "toml", "json", "text", "ini", "sql", "csv", "yaml", "bibtex", "html", "r", "mermaid"}
UNEXECUTED = {"{code-block}", "{code}", "{sourcecode}", "{literalinclude}", "{eval-rst}"}
FLAGS = doctest.NORMALIZE_WHITESPACE
NAME = re.compile(r"(?<![\w/.~:-])clvml(?:\.\w+)+(?![\w/-])")
FILES = (
    "toml",
    "csv",
    "parquet",
    "json",
    "html",
    "pages",
    "log",
    "env",
    "service",
    "db",
)  # clvml.toml and the like

all_pages = pytest.mark.parametrize("path", pages.pages(), ids=pages.name)
site_pages = pytest.mark.parametrize("path", pages.pages()[1:], ids=pages.name)


def where(block):
    return f"{block.page}:{block.line}"


@site_pages
def test_no_code_is_shown_that_is_not_run(path):
    refused = UNEXECUTED if pages.is_executed(path) else UNEXECUTED | {"{code-cell}"}
    unknown = [
        f"{where(block)}: {block.language or 'a block without a language'}"
        for block in pages.blocks(path)
        if block.language in refused or (not block.language.startswith("{") and block.language not in SHOWN)
    ]
    assert unknown == []


def with_examples(path):
    return any(block.language == "pycon" for block in pages.blocks(path))


@pytest.mark.parametrize("path", [*filter(with_examples, pages.pages())], ids=pages.name)
@pytest.mark.filterwarnings("ignore::clvml.errors.FitWarning")
def test_examples_in_the_pages_give_what_is_shown(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    names: dict = {}
    written: list[str] = []
    for block in pages.blocks(path):
        if block.language == "pycon":
            test = doctest.DocTestParser().get_doctest(block.text, names, block.page, block.page, block.line)
            assert test.examples, where(block)
            runner.run(test, out=written.append, clear_globs=False)
            names = test.globs
    assert written == []


@all_pages
def test_command_lines_have_commands_and_options_that_exist(path):
    complaints = [
        f"{where(block)}: {complaint}"
        for block in pages.blocks(path)
        if block.language == "sh"
        for words in shell_lines.commands(block.text)
        if (complaint := shell_lines.complaint(words))
    ]
    assert complaints == []


@all_pages
def test_command_lines_in_schedules_and_services_have_options_that_exist(path):
    complaints = [
        f"{where(block)}: {complaint}"
        for block in pages.blocks(path)
        if block.language in {"text", "ini", "yaml"}
        for line in re.findall(rf"\bclvml (?:{'|'.join(shell_lines.GROUP.commands)})\b.*", block.text)
        for words in shell_lines.commands(line)
        if (complaint := shell_lines.complaint(words))
    ]
    assert complaints == []


@all_pages
def test_command_lines_within_sentences_have_commands_and_options_that_exist(path):
    complaints = [
        f"{pages.name(path)}:{line}: {complaint}"
        for code, line in pages.inline_code(path)
        for words in shell_lines.commands(code)
        if code.startswith("clvml ") and (complaint := shell_lines.complaint(words, complete=False))
    ]
    assert complaints == []


@all_pages
def test_names_of_clvml_in_the_pages_are_public(path):
    code = [(block.text, block.line) for block in pages.blocks(path) if block.language != "sh"]
    private = [
        f"{pages.name(path)}:{line}: {name} is not public"
        for text, line in [*code, *pages.inline_code(path)]
        for name in NAME.findall(text)
        if name.split(".")[1] not in FILES and not is_public(name)
    ]
    assert private == []


@site_pages
def test_json_in_the_pages_can_be_read(path):
    for block in pages.blocks(path):
        assert block.language != "json" or json.loads(block.text), where(block)


@all_pages
def test_configs_in_the_pages_have_keys_that_exist(path):
    unknown = [
        f"{where(block)}: {section}.{key}"
        for block in pages.blocks(path)
        if block.language == "toml"
        for section, keys in tomllib.loads(block.text).items()
        for key in (keys if isinstance(keys, dict) else [None])
        if not shell_lines.is_config_key(section, key)
    ]
    assert unknown == []


def test_the_checks_find_what_is_wrong():
    assert shell_lines.complaint(["runn"]) == "clvml has no command 'runn'"
    assert "--transaktions" in shell_lines.complaint(["run", "--transaktions", "a.csv"])
    assert shell_lines.complaint(["score", "models:/a@champion"]) == "clvml score needs customers, output"
    assert shell_lines.complaint(["models", "a", "b", "c"])
    assert shell_lines.complaint(["run", "--set", "data.tabel=x"]) == "the config has no key 'data.tabel'"
    assert shell_lines.complaint(["run", "--set", "data.table=x"]) is None
    script = "A=b clvml run x.toml --quiet > log 2>&1 || .venv/bin/clvml track \\\n  folder; mlflow ui"
    assert shell_lines.commands(script) == [["run", "x.toml", "--quiet"], ["track", "folder"]]
    assert not is_public("clvml.models._bgnbd")
    assert not is_public("clvml.BGNBD.predict_fortune")
    assert not is_public("clvml.monitoring.check_inputs")
    assert is_public("clvml.models.BGNBD.fit")
    assert is_public("clvml.BGNBD.params_")


def test_pages_are_found_with_their_blocks():
    assert len(pages.pages()) > 5
    assert {block.language for block in pages.blocks(ROOT / "docs/guide/teams.md")} >= {"sh", "toml"}
