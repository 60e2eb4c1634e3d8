"""What README.md promises is what is run."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_ci_runs_the_commands_of_the_readme():
    commands = [
        c for c in re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL) if c.startswith("python3 -m venv")
    ]
    ci = (ROOT / ".ci" / "run").read_text()
    assert len(commands) == 2
    for command in commands:
        assert command in ci


def test_the_example_runs():
    example = re.search(r"```python\n(.*?)\n```", README, re.DOTALL)
    namespace: dict = {}
    exec(example[1], namespace)
    assert namespace["factors"]["clv"].sum() > 0


def test_every_file_that_is_linked_exists():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
