"""The examples that need a whole run or an MLflow store: skipped as doctests, they run here in one shop.

The shop is the one of the engineer's guide: a folder with the exports of March and of June, and the store
that MLflow makes in it.
"""

import doctest
import inspect
import re
from pathlib import Path

import pytest
from test_docstrings import METHODS, NAMES

import clvml
from clvml import workflow

SKIPPED = re.compile(r"# *doctest: *\+SKIP")
STORY = (
    "clvml.workflow.run",
    "clvml.workflow.Results",
    "clvml.workflow.track",
    "clvml.tracking.RegisteredVersion",
    "clvml.tracking.resolve",
    "clvml.tracking.load_card",
    "clvml.workflow.check",
    "clvml.workflow.CheckResults",
    "clvml.tracking.register",
    "clvml.tracking.models",
    "clvml.tracking.promote",
    "clvml.tracking.rollback",
    "clvml.log_comparison",
)
# What needs Spark, or never returns, is tested by what it does.
ELSEWHERE = {
    "clvml.scoring.score_spark": "customers/test_spark.py",
    "clvml.serving.serve": "serving/test_process.py",
}


def docstring_of(name: str) -> str:
    return inspect.getdoc({**METHODS, **NAMES}[name]) or ""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """An empty folder with both exports; the same run is not made twice."""
    purchases = clvml.load_cdnow().to_pandas()
    purchases = purchases[purchases["customer_id"] % 2 == 0]
    purchases[purchases["date"] < "1998-04-01"].to_csv(tmp_path / "march.csv", index=False)
    purchases.to_csv(tmp_path / "june.csv", index=False)
    made, run = {}, workflow.run

    def run_once(config):
        key = config.to_toml()
        if key not in made:
            made[key] = run(config)
        return made[key]

    monkeypatch.setattr(workflow, "run", run_once, raising=False)
    monkeypatch.chdir(tmp_path)


def test_every_example_that_is_skipped_as_a_doctest_is_in_the_story():
    skipped = {name for name in {**METHODS, **NAMES} if SKIPPED.search(docstring_of(name))}
    assert skipped == {*STORY, *ELSEWHERE}
    assert all((Path(__file__).parent / file).exists() for file in ELSEWHERE.values())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of MLflow, where an example calls it
@pytest.mark.usefixtures("shop")
def test_the_examples_of_the_story_show_what_happens():
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for name in STORY:
        text = SKIPPED.sub("", docstring_of(name))
        runner.run(doctest.DocTestParser().get_doctest(text, {}, name, None, 0))
    assert runner.summarize(verbose=False).failed == 0
