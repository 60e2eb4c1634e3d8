"""What README.md and the first of the ways in promise is what is run."""

import ast
import re
from pathlib import Path

import pages
import pandas as pd
import pytest
import shell_lines

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
ROW = re.compile(
    r"^\| \**([a-zA-Z][^|*]+?)\** \| ([\d,]+) \| ([-+.\d]+) % \| ([.\d]+) \| ([.\d]+) \|", re.MULTILINE
)


def test_ci_runs_the_commands_of_the_readme():
    commands = [
        c for c in re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL) if c.startswith("python3 -m venv")
    ]
    ci = (ROOT / ".ci" / "run").read_text()
    assert len(commands) == 2
    for command in commands:
        assert command in ci


def test_the_example_has_ten_lines_and_runs():
    (example,) = re.findall(r"```python\n(.*?)\n```", README, re.DOTALL)
    assert len([line for line in example.splitlines() if line]) <= 10
    names: dict = {}
    exec(example, names)
    assert names["factors"]["clv"].sum() > 0
    assert len(names["intervals"]) == 10
    assert names["segments"].profile_["customers"].sum() == len(names["customers"])


def test_every_file_that_is_linked_exists():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_way_in_is_linked():
    ways = [path.name for path in ROOT.glob("docs/start/*.md") if path.stem != "index"]
    assert len(ways) == 4
    assert [way for way in ways if f"(docs/start/{way})" not in README] == []


def test_the_five_rows_of_the_comparison_are_those_of_the_experiment():
    scores = pd.read_csv(ROOT / "experiments" / "cdnow_holdout" / "scores.csv").set_index("model")
    rows = ROW.findall(README)
    assert len(rows) == 5
    for model, *shown in rows:
        measured = scores.loc[model.removesuffix(" alone"), ["total", "bias_pct", "rmse", "spearman"]]
        printed = [float(text.replace(",", "")) for text in shown]
        rounded = [round(value, digits) for value, digits in zip(measured, (0, 1, 2, 3), strict=True)]
        assert printed == pytest.approx(rounded, abs=1e-9), model


def test_the_page_of_five_minutes_runs_the_command_that_it_shows():
    blocks = pages.blocks(ROOT / "docs" / "start" / "five_minutes.md")
    scripts = [block.text for block in blocks if block.language == "sh"]
    shown = [words for text in scripts for words in shell_lines.commands(text) if words[0] == "run"]
    cells = "".join(block.text for block in blocks if block.language == "{code-cell}")
    arguments = re.search(r"^run = \[\n(.*?)^\]", cells, re.DOTALL | re.MULTILINE)
    run = ast.literal_eval(f"[{arguments[1].replace('*(', '(')}]")
    assert shown == [["run", *(word for group in run for word in group)]]
